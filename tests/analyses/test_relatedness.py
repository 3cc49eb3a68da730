"""Kinship of a cohort from its store: relations planted in random genotypes, blocks, threads, bad input."""

from __future__ import annotations

import numpy as np
import pytest
from pyarrow import parquet

from genomics_dc.analyses import king_pairs
from genomics_dc.analyses.view import open_store
from genomics_dc.errors import InputError, OutputExistsError, ResourceError
from genomics_dc.kernels import kinship as kernel
from genomics_dc.plots import style
from genomics_dc.results import PROVENANCE_KEY
from genomics_dc.store import build_store
from tests.builders import write_cohort_vcf


def write_family(path, n_variants=4000):
    """A father, a mother, two children, the first child again, a cousin's worth of strangers; two autosomes and X."""
    rng = np.random.default_rng(5)
    frequency = rng.uniform(0.1, 0.9, n_variants)
    father, mother, *strangers = ((rng.random((2, n_variants)) < frequency).astype(int) for _ in range(6))
    children = [
        np.stack([np.where(rng.random(n_variants) < 0.5, *parent) for parent in (father, mother)]) for _ in range(2)
    ]
    people = [father, mother, *children, children[0], *strangers]
    names = ["father", "mother", "child", "sibling", "child_again", *(f"other{number}" for number in range(4))]
    lines = ["##fileformat=VCFv4.2", *(f"##contig=<ID={name},length=64444167>" for name in ("20", "21", "X"))]
    lines += ['##FILTER=<ID=PASS,Description="All filters passed">']
    lines += ['##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">']
    lines.append("\t".join(["#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO", "FORMAT", *names]))
    for v in range(n_variants):
        contig = "20" if v < n_variants // 2 else "21"
        calls = [f"{person[0, v]}|{person[1, v]}" for person in people]
        lines.append("\t".join([contig, str(1000 + v), ".", "A", "G", ".", ".", ".", "GT", *calls]))
    # X would make two people who agree on every autosome look different
    lines.append("\t".join(["X", "5000", ".", "A", "G", ".", ".", ".", "GT", *(["0/1", "1/1"] * 5)[: len(names)]]))
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture(scope="module")
def family(tmp_path_factory):
    folder = tmp_path_factory.mktemp("family")
    build_store(write_family(folder / "family.vcf"), folder / "family.vcz")
    return open_store(folder / "family.vcz")


@pytest.fixture(scope="module")
def mixed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("mixed")
    vcf = write_cohort_vcf(folder / "c.vcf", n_samples=40, n_variants=300, many_alleles=40, seed=3)
    build_store(vcf, folder / "c.vcz")
    return open_store(folder / "c.vcz")


def relation(result, one, other):
    rows = result.table.to_pylist()
    (found,) = [row for row in rows if {row["sample_id_1"], row["sample_id_2"]} == {one, other}]
    return found


def test_a_family_is_found(family):
    result = family.kinship()
    assert len(result) == kernel.n_pairs(9) == 36
    assert relation(result, "child", "child_again")["kinship"] == 0.5
    assert relation(result, "child", "child_again")["relationship"] == "duplicate"
    assert relation(result, "father", "child")["relationship"] == "first_degree"
    assert relation(result, "father", "child")["ibs0"] == 0.0  # a parent gives an allele everywhere
    assert relation(result, "child", "sibling")["relationship"] == "first_degree"
    assert relation(result, "child", "sibling")["ibs0"] > 0.005
    assert relation(result, "father", "mother")["relationship"] == "unrelated"
    assert relation(result, "father", "child")["n"] == 4000  # X is left out
    assert result.duplicates().num_rows == 1
    # the child stands twice: three children with two parents each, and each of the two with the sibling
    assert result.related(1).num_rows == 1 + 6 + 2
    assert "0/1" not in repr(result)
    assert repr(result).startswith("KinshipResult(36 rows")
    assert result.note is None


def test_sample_order_changes_only_the_order(family):
    ids = [str(name) for name in family.sample_ids]
    rng = np.random.default_rng(1)
    shuffled = family.samples(rng.permutation(ids).tolist()).kinship().table.to_pylist()
    expected = {frozenset((row["sample_id_1"], row["sample_id_2"])): row for row in family.kinship().table.to_pylist()}
    for row in shuffled:
        other = expected[frozenset((row["sample_id_1"], row["sample_id_2"]))]
        assert row["kinship"] == other["kinship"]
        assert row["hethet"] == other["hethet"]


def test_any_number_of_threads_gives_the_same_bytes(mixed, tmp_path):
    for threads in (1, 2, 5):
        mixed.kinship(threads=threads).write(tmp_path / f"{threads}.parquet", threads=threads)
        style.save(mixed.kinship(threads=threads).plot.kinship(), tmp_path / f"{threads}")
    for suffix in ("parquet", "svg", "png"):
        assert len({(tmp_path / f"{threads}.{suffix}").read_bytes() for threads in (1, 2, 5)}) == 1


def test_sites_of_many_alleles_set_the_reference_against_the_rest(mixed):
    genotype = np.concatenate([block["call_genotype"] for block in mixed.blocks("call_genotype")])
    missing = (genotype < 0).any(axis=2)
    dosage = np.where(missing, -1, (genotype > 0).sum(axis=2)).astype(np.int8)
    counts, coefficient = kernel.king_robust(dosage)
    result = mixed.kinship()
    np.testing.assert_array_equal(result.table["n"].to_numpy(), counts[4])
    np.testing.assert_array_equal(result.table["kinship"].to_numpy(), coefficient)


def test_the_parquet_file_holds_the_table_and_what_made_it(mixed, tmp_path):
    result = mixed.kinship(threads=1)
    written = parquet.read_table(result.write(tmp_path / "k.parquet"))
    assert {name: written[name].to_pylist() for name in written.column_names} == {
        name: result.table[name].to_pylist() for name in result.table.column_names
    }
    assert written.schema.metadata[PROVENANCE_KEY].decode() == result.provenance.to_json()
    with pytest.raises(OutputExistsError, match="force"):
        result.write(tmp_path / "k.parquet")


def test_a_least_kinship_keeps_the_rows_of_plink2(family):
    close = family.kinship(kinship_min=0.1)
    everyone = family.kinship()
    assert 0 < len(close) < len(everyone)
    kept = [row for row in everyone.table.to_pylist() if row["kinship"] >= 0.1]
    assert close.table.to_pylist() == kept
    assert close.n_pairs == 36
    assert close.to_plink2().column_names == ["#IID1", "IID2", "NSNP", "HETHET", "IBS0", "KINSHIP"]


def test_where_there_is_no_heterozygous_call_kinship_is_missing(tmp_path):
    vcf = write_family(tmp_path / "f.vcf", n_variants=4)
    text = vcf.read_text().replace("0|1", "0|0").replace("1|0", "1|1")
    vcf.write_text(text)
    build_store(vcf, tmp_path / "f.vcz")
    result = open_store(tmp_path / "f.vcz").kinship()
    assert result.table["kinship"].null_count == 36
    assert result.table["relationship"].null_count == 36
    result.write(tmp_path / "k.tsv")
    assert (tmp_path / "k.tsv").read_text().splitlines()[1].endswith("\tNA\tNA")
    style.save(result.plot.kinship(), tmp_path / "plot")


def test_bad_input_is_one_sentence(family, mixed):
    with pytest.raises(InputError, match="has no samples in this view"):
        family.samples([]).kinship()
    with pytest.raises(InputError, match="has no autosomal variant in this view, of 1 in all"):
        family.region("X").kinship()
    with pytest.raises(InputError, match="no autosomal variant"):
        family.variants(extract=["nothing"]).kinship()
    alone = family.samples(["child"]).kinship()
    assert len(alone) == 0
    assert family.region("20").kinship().note.startswith("all variants are on 20")


def test_too_many_samples_are_refused_before_memory_is_taken():
    with pytest.raises(ResourceError, match=r"the table of all pairs of 10,000,000 samples needs .* GiB of memory"):
        king_pairs.require_memory(10_000_000)
