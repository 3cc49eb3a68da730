"""Linkage of a view: threads and samples, files and other programs' columns, haploid contigs, bad input."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from genomics_dc.analyses import linkage, linkage_batches
from genomics_dc.analyses.view import View, open_store
from genomics_dc.errors import InputError, OutputExistsError, ResourceError, UsageError
from genomics_dc.kernels import ld_prune
from genomics_dc.store import build_store
from tests.builders import write_vcf
from tests.kernels.test_ld import matrix_by_numpy, random_dosage, scores_by_definition
from tests.kernels.test_ld_prune import plink2_prune

WORDS = {-1: "./.", 0: "0/0", 1: "0/1", 2: "1/1"}


def write(path, dosage, position, contig="1", alt="G"):
    records = [
        " ".join([contig, str(place), f"v{number}", "A", alt, ".", "PASS", ".", "GT", *(WORDS[int(d)] for d in row)])
        for number, (row, place) in enumerate(zip(dosage, position, strict=True))
    ]
    vcf = write_vcf(path.with_suffix(".vcf"), records, samples=[f"S{i}" for i in range(dosage.shape[1])])
    build_store(vcf, path)
    return open_store(path)


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    dosage = random_dosage(300, 60, seed=12)
    position = np.sort(np.random.default_rng(12).integers(1, 60_000, 300))
    return dosage, position, write(tmp_path_factory.mktemp("linkage") / "c.vcz", dosage, position)


def test_pruning_gives_a_view_to_go_on_with(cohort):
    dosage, position, view = cohort
    expected = plink2_prune(dosage, position, np.zeros(300), r2=0.2, window_bp=5_000)
    pruned = view.ld_prune(r2=0.2, window_bp=5_000)
    assert isinstance(pruned, View)
    assert pruned.sites().index.tolist() == np.flatnonzero(expected).tolist()
    assert 0 < pruned.n_variants < 300
    assert pruned.pca(2).n_variants == pruned.n_variants


def test_some_samples_in_another_order(cohort):
    dosage, position, view = cohort
    chosen = [40, 3, 17, *range(20, 30), 55, 1]
    part = view.samples([f"S{i}" for i in chosen])
    expected = plink2_prune(dosage[:, chosen], position, np.zeros(300), r2=0.3, window_variants=30, step=7)
    assert linkage.prune(part, r2=0.3, window_variants=30, step=7).kept.tolist() == expected.tolist()
    np.testing.assert_allclose(part.ld_matrix(measure="r").values, matrix_by_numpy(dosage[:, chosen]), atol=1e-12)


def test_threads_and_batches_change_no_byte(cohort, monkeypatch):
    view = cohort[2]

    def everything(threads):
        return [
            linkage.prune(view, r2=0.2, window_bp=5_000, threads=threads).table,
            view.ld(r2_min=0.1, window_bp=5_000, d_prime=True, threads=threads).table,
            view.ld_scores(window_bp=5_000, threads=threads).table,
            pa.table({"m": view.ld_matrix(threads=threads).values.ravel()}),
        ]

    def as_bytes(tables):
        sinks = []
        for table in tables:
            sink = pa.BufferOutputStream()
            with pa.ipc.new_stream(sink, table.schema) as stream:
                stream.write_table(table)
            sinks.append(sink.getvalue().to_pybytes())
        return sinks

    expected = as_bytes(everything(1))
    assert as_bytes(everything(3)) == expected
    monkeypatch.setattr(linkage_batches, "_BATCH_BYTES_MAX", 11 * linkage_batches.plane_bytes(60))
    monkeypatch.setattr(ld_prune, "_RUN_VARIANTS", 9)
    assert as_bytes(everything(2)) == expected


def test_scores_are_their_definition(cohort):
    dosage, position, view = cohort
    result = view.ld_scores(window_bp=3_000)
    table = result.table.to_pandas()
    varies = np.array([len(set(row[row >= 0].tolist())) > 1 for row in dosage])
    assert (table["status"] == np.where(varies, "ok", "monomorphic")).all()
    assert table["ld_score"].isna().tolist() == (~varies).tolist()
    expected = scores_by_definition(dosage, position, 3_000)
    np.testing.assert_allclose(table["ld_score"][varies], expected[varies], rtol=1e-8)
    near = np.abs(position[:, None] - position[None, :]) <= 3_000
    assert table["n_window"].tolist() == near.sum(axis=1).tolist()
    assert result.to_ldsc().column_names == ["CHR", "SNP", "BP", "L2"]
    assert len(result.to_ldsc()) == varies.sum()


def test_pairs_and_matrix_tell_the_same(cohort):
    dosage, position, view = cohort
    r = matrix_by_numpy(dosage)
    table = view.ld(r2_min=0.4, window_bp=2_000).to_pandas()
    rows = {f"v{i}": i for i in range(300)}
    first, second = table["variant_id_1"].map(rows), table["variant_id_2"].map(rows)
    expected = (
        (np.abs(position[:, None] - position) <= 2_000)
        & (np.nan_to_num(r) ** 2 >= 0.4)
        & np.tri(300, k=-1).T.astype(bool)
    )
    assert list(zip(first, second, strict=True)) == list(zip(*np.nonzero(expected), strict=True))
    np.testing.assert_allclose(table["r"], r[first, second], atol=1e-12)
    windowed = view.ld_matrix(measure="r2", window_bp=2_000).values
    near = np.abs(position[:, None] - position) <= 2_000
    np.testing.assert_allclose(windowed, np.where(near, r**2, np.nan), atol=1e-12)
    whole = np.full((300, 300), np.nan)
    for rows_, columns, tile in linkage.ld_blocks(view, measure="r2", window_bp=2_000):
        whole[rows_, columns] = tile
    upper = np.triu(np.ones((300, 300), dtype=bool))
    np.testing.assert_array_equal(whole[upper], windowed[upper])


def test_haploid_heterozygotes_are_no_call(tmp_path):
    dosage = np.array([[0, 1, 2, 2, 0, 1], [0, 2, 2, 2, 0, 0]], dtype=np.int8)
    view = write(tmp_path / "m.vcz", dosage, [10, 20], contig="X")
    assert view.ld(r2_min=0).to_pandas()["n"].tolist() == [6]
    records = [
        " ".join(["MT", str(10 * v + 10), f"v{v}", "A", "G", ".", "PASS", ".", "GT", *(WORDS[int(d)] for d in row)])
        for v, row in enumerate(dosage)
    ]
    vcf = write_vcf(tmp_path / "h.vcf", records, samples=[f"S{i}" for i in range(6)], contigs=[("MT", 16_569)])
    build_store(vcf, tmp_path / "h.vcz")
    pair = open_store(tmp_path / "h.vcz").ld(r2_min=0).to_pandas()
    assert pair["n"].tolist() == [4]
    assert pair["r2"].tolist() == [1.0]


def test_files_and_their_names(cohort, tmp_path):
    view = cohort[2]
    result = linkage.prune(view, window_variants=50, step=5)
    kept, left = result.to_plink2(tmp_path / "p")
    assert (kept.name, left.name) == ("p.prune.in", "p.prune.out")
    assert set(kept.read_text().split()) | set(left.read_text().split()) == {f"v{i}" for i in range(300)}
    assert kept.read_text().split() == [f"v{i}" for i in np.flatnonzero(result.kept)]
    with pytest.raises(OutputExistsError):
        result.to_plink2(tmp_path / "p")
    square = view.ld_matrix(measure="d_prime")
    square.write(tmp_path / "m.npy")
    np.testing.assert_array_equal(np.load(tmp_path / "m.npy"), square.values)
    assert len(pd.read_csv(tmp_path / "m.npy.variants.tsv", sep="\t")) == 300
    with pytest.raises(UsageError, match=r"ends with \.npy"):
        square.write(tmp_path / "m.tsv")
    assert [path.name for path in square.plot.save(tmp_path / "plots")] == ["ld_d_prime.svg", "ld_d_prime.png"]
    assert "d_prime" in repr(square)
    assert "S1" not in repr(result)
    assert result.provenance.parameters["window_variants"] == 50


def test_all_missing_and_monomorphic_are_kept_with_a_reason_or_left_out(tmp_path):
    dosage = np.array([[-1] * 6, [0] * 6, [0, 1, 2, 0, 1, 2], [1] * 6], dtype=np.int8)
    view = write(tmp_path / "c.vcz", dosage, [1, 2, 3, 4])
    assert linkage.prune(view, window_bp=100).kept.tolist() == [False, False, True, False]
    scores = view.ld_scores().to_pandas()
    assert scores["status"].tolist() == ["monomorphic", "monomorphic", "ok", "monomorphic"]
    assert scores["ld_score"].tolist()[2] == 1
    assert len(view.ld(r2_min=0)) == 0
    assert np.isfinite(view.ld_matrix().values).sum() == 1


@pytest.mark.parametrize(
    ("call", "error", "sentence"),
    [
        (lambda view: view.ld_prune(r2=1.5, window_bp=9), UsageError, "r2 must lie between 0 and 1"),
        (lambda view: view.ld_prune(r2=-0.1, window_bp=9), UsageError, "r2 must lie between 0 and 1"),
        (lambda view: view.ld_prune(window_bp=0), UsageError, "2 bases or more, not 0"),
        (lambda view: view.ld_prune(window_variants=0), UsageError, "2 variants or more, not 0"),
        (lambda view: view.ld_prune(), UsageError, "one of the two"),
        (lambda view: view.ld_prune(window_bp=9, step=3), UsageError, "must be 1, not 3"),
        (lambda view: view.ld(r2_min=2), UsageError, "r2_min must lie between 0 and 1, not 2"),
        (lambda view: view.ld(window_bp=0), UsageError, "1 or more bases, not 0"),
        (lambda view: view.ld_scores(window_variants=0), UsageError, "1 or more variants, not 0"),
        (lambda view: view.ld_matrix(measure="r3"), UsageError, "must be one of r, r2, d, d_prime, not r3"),
        (
            lambda view: view.samples(["S1"]).ld_prune(window_bp=9),
            InputError,
            "2 samples or more, but this view .* has 1",
        ),
        (lambda view: view.samples([]).ld(), InputError, "2 samples or more, but this view .* has 0"),
        (lambda view: view.variants(index=[]).ld_scores(), InputError, "has no variant"),
    ],
)
def test_bad_input_is_one_sentence(cohort, call, error, sentence):
    with pytest.raises(error, match=sentence) as caught:
        call(cohort[2])
    assert "\n" not in str(caught.value)


def test_a_square_too_large_says_what_to_do(cohort, monkeypatch):
    monkeypatch.setattr(linkage, "_MATRIX_BYTES_MAX", 1000)
    with pytest.raises(ResourceError, match="choose a region, or ask ld_blocks"):
        cohort[2].ld_matrix()


def test_unsorted_variants_are_refused(cohort, monkeypatch):
    view = cohort[2]
    contig, start, end = view.extents()
    monkeypatch.setattr(View, "extents", lambda _view: (contig, start[::-1].copy(), end[::-1].copy()))
    for call in (lambda: view.ld_prune(window_bp=100), view.ld, view.ld_scores):
        with pytest.raises(InputError, match=r"must be sorted by position, .* sort the VCF"):
            call()
