"""Figures that no PLINK table holds: `bcftools stats` by sample, what filters keep, scikit-allel's components."""

from __future__ import annotations

import subprocess

import numpy as np
import pandas as pd
import pytest

from genomics_dc.analyses.view import open_store
from genomics_dc.store import build_store
from tests.builders import write_cohort_vcf


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    """One ALT everywhere, missing calls, depth."""
    folder = tmp_path_factory.mktemp("figures")
    vcf = write_cohort_vcf(folder / "cohort.vcf", n_samples=60, n_variants=700, seed=23, depth=True)
    build_store(vcf, folder / "cohort.vcz")
    return vcf, open_store(folder / "cohort.vcz")


def test_samples_as_bcftools_counts_them(cohort, program):
    vcf, view = cohort
    done = subprocess.run(
        [program("bcftools"), "stats", "-s", "-", str(vcf)], capture_output=True, text=True, check=True
    )
    lines = [line.split("\t") for line in done.stdout.splitlines() if line.startswith(("PSC\t", "# PSC\t"))]
    names = [name.partition("]")[2] for name in lines[0]]
    theirs = pd.DataFrame(lines[1:], columns=names).set_index("sample")
    ours = view.qc().samples.to_pandas().set_index("sample_id").loc[theirs.index]
    for name, column in (
        ("transitions", "nTransitions"),
        ("transversions", "nTransversions"),
        ("singletons", "nSingletons"),
        ("missing", "nMissing"),
    ):
        assert ours[name].tolist() == theirs[column].astype(int).tolist(), column
    indels = ours["insertions"] + ours["deletions"]
    assert indels.tolist() == theirs["nIndels"].astype(int).tolist()
    np.testing.assert_allclose(ours["mean_depth"], theirs["average depth"].astype(float), atol=0.05)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ({"maf": 0.05}, ["--maf", "0.05"]),
        ({"missing": 0.03}, ["--geno", "0.03"]),
        ({"hwe": 0.2}, ["--hwe", "0.2"]),
        ({"maf": 0.1, "missing": 0.05, "hwe": 0.01}, ["--maf", "0.1", "--geno", "0.05", "--hwe", "0.01"]),
    ],
    ids=["maf", "missing", "hwe", "all"],
)
def test_filters_keep_what_plink2_keeps(cohort, program, tmp_path, ours, theirs):
    vcf, view = cohort
    words = ["--vcf", str(vcf), "--threads", "2", *theirs, "--write-snplist", "--out", str(tmp_path / "p")]
    subprocess.run([program("plink2"), *words], capture_output=True, check=True)
    kept = (tmp_path / "p.snplist").read_text().split()
    assert 0 < len(kept) < view.n_variants
    assert view.variants(**ours).sites().variant_id.tolist() == kept


def test_components_are_those_of_scikit_allel(tmp_path):
    """An exact decomposition, of a cohort without missing calls; its input is scaled in single precision."""
    allel = pytest.importorskip("allel")
    vcf = write_cohort_vcf(tmp_path / "c.vcf", n_samples=80, n_variants=900, seed=29, missing_rate=0.0)
    build_store(vcf, tmp_path / "c.vcz")
    view = open_store(tmp_path / "c.vcz")
    dosage = view.dosage()
    dosage = dosage[dosage.min(axis=1) < dosage.max(axis=1)]
    coordinates, model = allel.pca(dosage, n_components=5, scaler="patterson")
    result = view.pca(5)
    theirs = coordinates / np.linalg.norm(coordinates, axis=0)
    assert np.abs((theirs * result.vectors()).sum(axis=0)) == pytest.approx(1, abs=1e-5)
    # Patterson divides by sqrt(pq), we by sqrt(2pq)
    ours = result.eigenvalues * result.n_variants
    np.testing.assert_allclose(ours, model.explained_variance_ * len(theirs) / 2, rtol=1e-4)
