"""Consequences and carriers by gene: hand-worked, the definition over random genotypes, and the wrong inputs."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyarrow import parquet
from scipy import stats

import genomics_dc as gdc
from genomics_dc.errors import InputError, UsageError
from genomics_dc.provenance import Provenance
from genomics_dc.results import Result
from genomics_dc.store import build_store
from tests.builders import write_cohort_vcf, write_vcf

TERMS = ("stop_gained", "missense_variant", "synonymous_variant", "intron_variant")
SCHEMA = pa.schema(
    [
        ("contig", pa.string()),
        ("position", pa.int32()),
        ("ref", pa.string()),
        ("alt", pa.string()),
        ("gene", pa.string()),
        ("so_terms", pa.list_(pa.string())),
        ("canonical", pa.bool_()),
    ]
)


def consequences(view, rows):
    """The table of a store as `annotate` writes it: rows of (contig, position, ref, alt, gene, terms, canonical)."""
    table = pa.table(list(map(list, zip(*rows, strict=True))) if rows else [[]] * 7, schema=SCHEMA)
    return Result(table, Provenance("annotate", store_hash=view.store_hash))


RECORDS = (
    "1 10 v1 A G . . . GT 0/1 0/0 0/0 0/0 0/0 0/0",
    "1 20 v2 A C,G . . . GT 0/2 0/1 0/0 0/0 0/0 0/0",
    "1 30 v3 A G . . . GT 0/0 0/1 0/1 0/1 0/1 1/1",
    "1 40 v4 A G . . . GT ./. 0/0 0/0 0/0 0/0 0/0",
    "X 50 v5 A G . . . GT 1 0/0 0/0 0/0 0/0 0/0",
)
ROWS = [
    ("1", 10, "A", "G", "ONE", ["stop_gained"], True),
    ("1", 10, "A", "G", "ONE", ["intron_variant"], False),
    ("1", 10, "A", "G", "TWO", ["missense_variant", "splice_region_variant"], False),
    ("1", 20, "A", "G", "ONE", ["missense_variant"], True),
    ("1", 20, "A", "C", "THREE", ["synonymous_variant"], True),
    ("1", 30, "A", "G", "COMMON", ["stop_gained"], True),
    ("1", 40, "A", "G", "NOBODY", ["stop_gained"], True),
    ("X", 50, "A", "G", "ON_X", ["frameshift_variant"], True),
]
TRAIT = pd.DataFrame({"IID": [f"S{k}" for k in range(1, 7)], "t2d": [1, 1, 1, 0, 0, 0], "three": [0, 1, 2, 0, 1, 2]})


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    folder = tmp_path_factory.mktemp("genes")
    samples = [f"S{k}" for k in range(1, 7)]
    build_store(write_vcf(folder / "g.vcf", RECORDS, samples=samples), folder / "g.vcz")
    view = gdc.open_store(folder / "g.vcz")
    return view, consequences(view, ROWS)


def test_carriers_by_hand(small):
    view, annotation = small
    result = view.gene_counts(annotation, TRAIT, trait="t2d", maf=0.2)
    rows = result.to_pandas().set_index("gene")
    assert rows.index.tolist() == ["COMMON", "NOBODY", "ONE", "ON_X", "THREE", "TWO"]
    columns = ["alleles", "carriers_cases", "carriers_controls", "copies_cases", "copies_controls", "status"]
    assert rows.loc["ONE", columns].tolist() == [2, 1, 0, 2, 0, "ok"]  # one person with two alleles is one carrier
    assert rows.loc["TWO", columns].tolist() == [1, 1, 0, 1, 0, "ok"]
    assert rows.loc["ON_X", columns].tolist() == [1, 1, 0, 1, 0, "ok"]
    assert rows.loc["COMMON", "status"] == "none_rare"
    assert rows.loc["THREE", "status"] == "no_allele"
    assert rows.loc["NOBODY", "status"] == "no_carrier"
    assert rows.loc[["COMMON", "THREE", "NOBODY"], "p_value"].isna().all()
    assert rows.loc["ONE", "odds_ratio"] == np.inf
    assert rows.loc["ONE", "p_value"] == pytest.approx(stats.fisher_exact([[1, 0], [2, 3]]).pvalue)
    assert result.status_counts() == {"ok": 3, "no_allele": 1, "none_rare": 1, "no_carrier": 1}
    assert rows.loc["ON_X", "chromosome"] == "X"


def test_chosen_consequences_genes_and_transcripts(small):
    view, annotation = small
    only = view.gene_counts(
        annotation, TRAIT, trait="t2d", maf=0.2, consequences=["synonymous_variant"], genes=["THREE", "NONE"]
    )
    rows = only.to_pandas()
    assert rows[["gene", "alleles", "status"]].to_numpy().tolist() == [["NONE", 0, "no_allele"], ["THREE", 1, "ok"]]
    canonical = view.gene_counts(annotation, TRAIT, trait="t2d", maf=0.2, canonical=True).to_pandas()
    assert "TWO" not in canonical["gene"].tolist()
    assert only.top(1).table["gene"].to_pylist() == ["THREE"]


def test_a_sample_without_the_trait_takes_no_part(small):
    view, annotation = small
    trait = TRAIT.assign(t2d=[np.nan, 2, 2, 1, 1, 1])
    result = view.gene_counts(annotation, trait, trait="t2d", maf=0.2)
    assert result.provenance.parameters["cases"] == 2
    assert result.table.filter(pa.compute.equal(result.table["gene"], "ONE"))["status"].to_pylist() == ["no_carrier"]


@given(seed=st.integers(0, 2**32 - 1), maf=st.sampled_from([0.01, 0.05, 0.3, 1.0]))
@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_definition_for_any_cohort(tmp_path, seed, maf):
    random = np.random.default_rng(seed)
    n_samples = int(random.integers(8, 60))
    vcf = write_cohort_vcf(tmp_path / "c.vcf", n_samples=n_samples, n_variants=60, seed=seed % 997)
    build_store(vcf, tmp_path / "c.vcz", force=True)
    view = gdc.open_store(tmp_path / "c.vcz")
    sites = view.sites()
    rows = [
        (
            str(sites.contig[v]),
            int(sites.position[v]),
            str(sites.ref[v]),
            str(sites.alt[v]),
            f"G{gene}",
            [TERMS[random.integers(4)]],
            True,
        )
        for v in range(60)
        for gene in random.choice(8, size=random.integers(0, 3), replace=False)
    ]
    cases = random.random(n_samples) < 0.5
    cases[:2] = [True, False]
    ids = [str(name) for name in view.sample_ids]
    result = view.gene_counts(
        consequences(view, rows),
        pd.DataFrame({"IID": ids, "cc": cases.astype(int)}),
        trait="cc",
        maf=maf,
        threads=1 + seed % 2,
    )
    dosage = view.dosage().astype(int)
    called = 2 * (dosage >= 0).sum(axis=1)
    carried = np.maximum(dosage, 0)
    rare = carried.sum(axis=1) <= maf * called
    of_gene = {}
    for contig_position, gene, terms in ((row[1], row[4], row[5]) for row in rows):
        if terms[0] in TERMS[:2]:
            of_gene.setdefault(gene, set()).add(int(np.flatnonzero(sites.position == contig_position)[0]))
    for row in result.table.to_pylist():
        chosen = [v for v in of_gene.get(row["gene"], ()) if rare[v] and called[v] and carried[v].any()]
        has = (carried[chosen] > 0).any(axis=0)
        assert row["alleles"] == len(chosen)
        assert (row["carriers_cases"], row["carriers_controls"]) == (int(has[cases].sum()), int(has[~cases].sum()))
        assert row["copies_cases"] == int(carried[chosen][:, cases].sum())
        if row["status"] == "ok":
            cells = [[has[cases].sum(), has[~cases].sum()], [(~has)[cases].sum(), (~has)[~cases].sum()]]
            assert row["p_value"] == pytest.approx(stats.fisher_exact(cells).pvalue, rel=1e-7)


def test_a_small_memory_gives_the_same_bytes_in_parts(small, monkeypatch):
    view, annotation = small
    one = view.gene_counts(annotation, TRAIT, trait="t2d", maf=0.2)
    monkeypatch.setattr("genomics_dc.analyses.gene_counts._MERGED_BYTES_MAX", 1)
    assert one.table.equals(view.gene_counts(annotation, TRAIT, trait="t2d", maf=0.2).table)


def test_an_annotation_of_another_store_is_refused(small, tmp_path):
    view, annotation = small
    other = Result(annotation.table, Provenance("annotate", store_hash="f" * 64))
    path = other.write(tmp_path / "consequences.parquet")
    for given_as in (other, path, tmp_path, parquet.read_table(path)):
        with pytest.raises(InputError, match=r"made from another store \(hash ffffffffffff…\) than"):
            view.consequence_counts(given_as)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"maf": 0.0}, UsageError, "maf must lie above 0"),
        ({"consequences": ["stop"]}, UsageError, "stop is no consequence; give HIGH, MODERATE"),
        ({"consequences": []}, UsageError, "nothing is no consequence"),
        ({"genes": ["ONE", "ONE"]}, UsageError, "gene ONE is asked for twice"),
        ({"genes": []}, UsageError, "name at least one gene"),
        ({"trait": "three"}, InputError, "trait three has 3 values"),
        ({"trait": "none"}, InputError, "has no column none"),
    ],
)
def test_wrong_questions_are_one_sentence(small, options, error, message):
    view, annotation = small
    with pytest.raises(error, match=message):
        view.gene_counts(annotation, TRAIT, **{"trait": "t2d", **options})


def test_wrong_tables_are_one_sentence(small, tmp_path):
    view, annotation = small
    with pytest.raises(InputError, match="lacks the column gene"):
        view.gene_counts(annotation.table.drop_columns(["gene"]), TRAIT, trait="t2d")
    with pytest.raises(InputError, match="does not exist; make it with"):
        view.consequence_counts(tmp_path / "none.parquet")
    (tmp_path / "text.parquet").write_text("no table")
    with pytest.raises(InputError, match="is not a Parquet table"):
        view.consequence_counts(tmp_path / "text.parquet")
    with pytest.raises(UsageError, match="an annotation is a folder, a Parquet file or a table, not int"):
        view.consequence_counts(3)
    with pytest.raises(InputError, match="has no variant"):
        view.variants(extract=["none"]).gene_counts(annotation, TRAIT, trait="t2d")


def test_consequences_by_hand(small, tmp_path):
    view, annotation = small
    result = view.consequence_counts(annotation, groups={"x": ["S1"]})
    rows = {
        (row["consequence"], row["frequency_bin"]): (row["alleles"], row["seen"], row["copies"], row["seen_x"])
        for row in result.table.to_pylist()
    }
    assert rows == {
        ("stop_gained", "1 copy"): (1, 1, 1, 1),
        ("stop_gained", "above 5%"): (1, 1, 6, 0),
        ("stop_gained", "not seen"): (1, 0, 0, 0),
        ("frameshift_variant", "1 copy"): (1, 1, 1, 1),
        ("missense_variant", "1 copy"): (1, 1, 1, 1),
        ("synonymous_variant", "1 copy"): (1, 1, 1, 0),
    }
    first = result.by_consequence().to_pylist()[0]
    assert list(first.values()) == ["stop_gained", "HIGH", 3, 2, 7, 1, 1]
    assert result.table["allele_class"].to_pylist()[0] == "transition"
    written = result.plot.save(tmp_path / "p") + view.gene_counts(annotation, TRAIT, trait="t2d").plot.save(
        tmp_path / "p"
    )
    assert {path.stem for path in written} == {"consequences", "gene_carriers"}


def test_no_row_of_consequences_is_intergenic(small):
    view, _ = small
    result = view.consequence_counts(consequences(view, []))
    assert set(result.table["consequence"].to_pylist()) == {"intergenic_variant"}
    assert sum(result.table["alleles"].to_pylist()) == 6
    assert len(view.gene_counts(consequences(view, []), TRAIT, trait="t2d")) == 0
