"""PCA of a view: against the exact eigenvectors, threads, X left out, files, plots, bad input."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from genomics_dc.analyses import standardised_cohort
from genomics_dc.analyses.view import open_store
from genomics_dc.errors import InputError, OutputExistsError, UsageError
from genomics_dc.store import build_store
from tests.builders import write_vcf


@pytest.fixture(scope="module")
def view(tmp_path_factory):
    """Two groups of 20 on contig 1, and variants on X that would split them another way."""
    rng = np.random.default_rng(2)
    words = np.array(["0/0", "0/1", "1/1"])
    records = []
    for number in range(300):
        base = rng.uniform(0.2, 0.8)
        frequency = np.clip(np.repeat([base - 0.15, base + 0.15], 20), 0.02, 0.98)
        dosage = rng.binomial(2, frequency)
        calls = ["./." if rng.random() < 0.02 else word for word in words[dosage]]
        records.append(" ".join(["1", str(100 + number), ".", "A", "G", ".", "PASS", ".", "GT", *calls]))
    for number in range(200):
        calls = np.where(np.arange(40) % 2 == 0, "0/0", "1/1")
        records.append(" ".join(["X", str(100 + number), ".", "A", "G", ".", "PASS", ".", "GT", *calls]))
    folder = tmp_path_factory.mktemp("groups")
    build_store(write_vcf(folder / "c.vcf", records, samples=[f"S{i}" for i in range(40)]), folder / "c.vcz")
    return open_store(folder / "c.vcz")


def exact(dosage):
    rows = []
    for row in dosage:
        p = row[row >= 0].mean() / 2
        rows.append(np.where(row < 0, 0, (row - 2 * p) / np.sqrt(2 * p * (1 - p))))
    x = np.array(rows)
    values, vectors = np.linalg.eigh(x.T @ x / len(x))
    return values[::-1], vectors[:, ::-1]


def test_equals_the_exact_eigenvectors_of_the_autosomes(view):
    result = view.pca(3, seed=5, tolerance=1e-7)
    values, vectors = exact(view.region("1").dosage())
    assert result.n_variants == 300
    assert result.eigenvalues == pytest.approx(values[:3], rel=1e-9)
    assert result.shares == pytest.approx(values[:3] / values.sum(), rel=1e-9)
    assert np.abs((result.vectors() * vectors[:, :3]).sum(axis=0)) == pytest.approx(np.ones(3), abs=1e-9)
    assert result.table.column_names == ["sample_id", "PC1", "PC2", "PC3"]
    first = result.vectors()[:, 0]
    assert (first[:20] > 0).all() != (first[20:] > 0).all()


def test_same_bytes_for_any_threads_and_memory(view, tmp_path, monkeypatch):
    one = view.pca(4, threads=1).write(tmp_path / "1.parquet").read_bytes()
    assert view.pca(4, threads=3).write(tmp_path / "3.parquet").read_bytes() == one
    # A cohort too large to hold is read again in each pass.
    monkeypatch.setattr(standardised_cohort, "HELD_BYTES_MAX", 100)
    assert view.pca(4, threads=2).write(tmp_path / "2.parquet").read_bytes() == one


def test_order_of_samples_does_not_matter(view):
    base = view.pca(2, tolerance=1e-6)
    order = np.random.default_rng(1).permutation(40)
    other = view.samples(view.sample_ids[order]).pca(2, tolerance=1e-6)
    assert np.abs((other.vectors() * base.vectors()[order]).sum(axis=0)) == pytest.approx(np.ones(2), abs=1e-7)


def test_files(view, tmp_path):
    result = view.pca(3)
    path = result.write(tmp_path / "pcs.tsv")
    table = pd.read_csv(path, sep="\t")
    assert list(table.columns) == ["sample_id", "PC1", "PC2", "PC3"]
    np.testing.assert_array_equal(table[["PC1", "PC2", "PC3"]], result.vectors())
    values = pd.read_csv(f"{path}.eigenvalues.tsv", sep="\t")
    np.testing.assert_array_equal(values["eigenvalue"], result.eigenvalues)
    with pytest.raises(OutputExistsError):
        result.write(path)
    # What was written is a covariate table.
    trait = pd.DataFrame({"IID": view.sample_ids, "a": np.arange(40.0) % 7})
    assert view.associate(trait, traits=["a"], covariates=path).provenance.parameters["covariates"] == [
        "PC1",
        "PC2",
        "PC3",
    ]


def test_plots(view, tmp_path):
    result = view.pca(4)
    names = [path.name for path in result.plot.save(tmp_path)]
    assert names == [f"{stem}.{kind}" for stem in ("pca_scree", "pca_1_2", "pca_3_4") for kind in ("svg", "png")]
    groups = {name: "north" if i < 20 else "south" for i, name in enumerate(view.sample_ids)}
    axes = result.plot.scatter(1, 2, groups=groups).axes[0]
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["north (20)", "south (20)"]
    with pytest.raises(UsageError, match="component 5 is not there"):
        result.plot.scatter(1, 5)


def test_bad_input(view):
    with pytest.raises(UsageError, match="k must be 1 or more"):
        view.pca(0)
    with pytest.raises(InputError, match="40 components need more than 40 samples, but the view has 40"):
        view.pca(40)
    with pytest.raises(InputError, match="no autosomal variant"):
        view.region("X").pca(2)


def test_odd_cohorts(tmp_path):
    def cohort(name, rows):
        records = [" ".join(["1", str(100 + v), ".", "A", "G", ".", "PASS", ".", "GT", *row]) for v, row in rows]
        samples = [f"S{i}" for i in range(len(rows[0][1]))]
        build_store(write_vcf(tmp_path / f"{name}.vcf", records, samples=samples), tmp_path / f"{name}.vcz")
        return open_store(tmp_path / f"{name}.vcz")

    with pytest.raises(InputError, match="1 components need more than 1 samples, but the view has 1"):
        cohort("one", [(0, ["0/1"])]).pca(1)
    for name, call in (("missing", "./."), ("same", "0/1")):
        alike = cohort(name, [(v, [call] * 4) for v in range(5)])
        with pytest.raises(InputError, match="varies in the view"):
            alike.pca(1)
        with pytest.raises(InputError, match="varies in the view"):
            alike.grm()
    # haploid calls count twice, calls of three alleles are missing
    odd = cohort("odd", [(v, ["0", "1", "0/0/1", "0/1", "1/1", "0/0"][v % 6 :] + ["1/1"] * (v % 6)) for v in range(12)])
    found = odd.pca(2, tolerance=1e-6)
    values, _ = exact(odd.dosage()[[row.max() != row[row >= 0].min() for row in odd.dosage()]])
    assert found.eigenvalues == pytest.approx(values[:2], rel=1e-9)
    assert (odd.dosage() == -1).any()
    assert np.isfinite(odd.grm().matrix).all()
    with pytest.raises(UsageError, match="sine of an angle"):
        odd.pca(2, tolerance=0)
