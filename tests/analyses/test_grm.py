"""The GRM against its definition and plink2: monomorphic and missing genotypes, files, threads, bands, bad input."""

from __future__ import annotations

import json
import subprocess

import numpy as np
import pytest

from genomics_dc.analyses import grm as module
from genomics_dc.analyses.view import open_store
from genomics_dc.errors import InputError, OutputExistsError, ResourceError
from genomics_dc.store import build_store
from tests.builders import write_cohort_vcf


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("grm")
    vcf = write_cohort_vcf(folder / "c.vcf", n_samples=150, n_variants=500, missing_rate=0.05, seed=4)
    build_store(vcf, folder / "c.vcz")
    return folder


@pytest.fixture(scope="module")
def view(folder):
    return open_store(folder / "c.vcz")


def definition(dosage):
    total, n = np.zeros((dosage.shape[1],) * 2), np.zeros((dosage.shape[1],) * 2, dtype=int)
    for row in dosage:
        called = row >= 0
        if not called.any() or len(set(row[called].tolist())) == 1:
            continue
        p = row[called].mean() / 2
        x = np.where(called, (row - 2 * p) / np.sqrt(2 * p * (1 - p)), 0)
        total += np.outer(x, x)
        n += np.outer(called, called)
    return total / n, n


def test_equals_the_definition(view):
    found = view.grm()
    matrix, n = definition(view.dosage())
    np.testing.assert_allclose(found.matrix, matrix, atol=1e-12)
    np.testing.assert_array_equal(found.n, n)
    assert repr(found).startswith("GRMResult(150 x 150 samples, ")
    assert found.to_pandas().loc["S0003", "S0001"] == found.matrix[3, 1]


def test_files_are_those_of_plink2(view, folder, program, tmp_path):
    varying = view.variants(maf=0.001)
    words = ["--vcf", folder / "c.vcf", "--maf", 0.001, "--make-grm-bin", "--out", tmp_path / "p"]
    subprocess.run([program("plink2"), *map(str, words)], check=True, capture_output=True)
    written = varying.grm().write(tmp_path / "o")
    for end, near in (("bin", 2e-7), ("N.bin", 0)):
        ours, theirs = (np.fromfile(tmp_path / f"{stem}.grm.{end}", "<f4") for stem in "op")
        np.testing.assert_allclose(ours, theirs, atol=near, rtol=1e-5)
    ids = (tmp_path / "o.grm.id").read_text().splitlines()
    theirs = [line for line in (tmp_path / "p.grm.id").read_text().splitlines() if not line.startswith("#")]
    assert [line.split()[-1] for line in ids] == [line.split()[-1] for line in theirs]
    assert json.loads(written[3].read_text())["operation"] == "grm"
    with pytest.raises(OutputExistsError):
        varying.grm().write(tmp_path / "o")


def test_threads_and_bands_change_no_bit(view, monkeypatch):
    one = view.grm(threads=1)
    assert view.grm(threads=3).matrix.tobytes() == one.matrix.tobytes()
    monkeypatch.setattr(module, "_BAND_BYTES_MAX", 1)
    small = view.grm(threads=2)
    assert small.matrix.tobytes() == one.matrix.tobytes()
    assert small.n.tobytes() == one.n.tobytes()


def test_exact_components_are_those_found_by_passes(view):
    exact, found = view.pca(3, exact=True, threads=2), view.pca(3, tolerance=1e-6)
    np.testing.assert_allclose(exact.eigenvalues, found.eigenvalues, rtol=1e-9)
    np.testing.assert_allclose(exact.vectors(), found.vectors(), atol=1e-5)
    assert exact.provenance.parameters["exact"] is True
    assert view.pca(3, exact=True, threads=1).vectors().tobytes() == exact.vectors().tobytes()


def test_bad_input(view):
    with pytest.raises(InputError, match="has no samples"):
        view.samples([]).grm()
    alone = view.samples(["S0001"])
    with pytest.raises(InputError, match=r"varies in the view|no autosomal"):
        alone.variants(index=np.flatnonzero(alone.dosage()[:, 0] != 1)[:3]).grm()
    with pytest.raises(ResourceError, match="relationship of all pairs of 10,000,000 samples needs"):
        module.require_memory(10_000_000)
