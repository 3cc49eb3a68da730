"""A store, Hail's MatrixTable of it, and the store that comes back: record for record."""

from __future__ import annotations

import numpy as np
import pytest

from genomics_dc import hail_bridge
from genomics_dc.analyses.view import open_store
from genomics_dc.errors import BuildMismatchError, InputError, OutputExistsError, ResourceError, UsageError
from genomics_dc.store import build_store, export_vcf, verify_store
from tests.builders import write_cohort_vcf, write_vcf
from tests.store.test_store_equals_vcf import HARD_DECLARATIONS, HARD_RECORDS

# The trio's positions count from the start of its window, so no build of Hail fits.
REAL = {
    "cohort_1kg_chr20/1kg_phase3.2504.chr20_1.99-2.11Mb.vcf.gz": None,
    "gvcf_ashkenazi_trio/Ashkenazim.vcf.gz": {"chr21": 1_000_001},
    "cohort_small/sample.vcf.gz": "GRCh37",
}


@pytest.fixture(scope="module")
def tiny(hail):
    """A genome of the contigs that `write_vcf` declares."""
    names = ["1", "2", "X"]
    return hail.ReferenceGenome("tiny", names, dict.fromkeys(names, 100_000))


@pytest.fixture(scope="module")
def hard(tmp_path_factory):
    folder = tmp_path_factory.mktemp("hard")
    vcf = write_vcf(folder / "in.vcf", HARD_RECORDS, samples=("A", "B", "C"), declarations=HARD_DECLARATIONS)
    build_store(vcf, folder / "in.vcz")
    return vcf, folder / "in.vcz"


def test_a_hard_file_comes_back_record_for_record(hail, hard, tiny, tmp_path):
    vcf, store = hard
    mt = hail_bridge.to_hail(open_store(store), tmp_path / "hard.mt", reference_genome=tiny)
    said = []
    info = hail_bridge.from_hail(mt, tmp_path / "back.vcz", note=said.append)
    assert (info.n_variants, info.n_samples) == (len(HARD_RECORDS), 3)
    assert verify_store(tmp_path / "back.vcz", deep=True, against=vcf).findings == ()
    assert said == []
    assert open_store(tmp_path / "back.vcz").vcf_header() == open_store(store).vcf_header()


def test_hail_sees_every_field(hail, hard, tiny, tmp_path):
    mt = hail_bridge.to_hail(open_store(hard[1]), tmp_path / "hard.mt", reference_genome=tiny)
    rows = {row.store_row: row for row in mt.rows().collect()}
    assert sorted(rows) == list(range(len(HARD_RECORDS)))
    assert rows[0].rsid == "rs1;rs2"
    assert rows[0].filters == set()
    assert rows[1].filters == {"q10", "s50"}
    assert rows[2].filters is None
    assert [rows[1].qual, rows[2].qual] == [None, 0.0]
    assert rows[1].info.AF == [0.1, 1e-08]
    assert rows[0].info.DB is True
    assert rows[3].info.P2 == [None, 3]
    calls = mt.GT.collect()
    assert len(calls) == 3 * len(HARD_RECORDS)
    pairs = set(zip(map(str, calls), mt.genotype_text.collect(), strict=True))
    odd = {pair for pair in pairs if pair[1] is not None}
    assert odd == {
        *((str(None), text) for text in ("./1", "haploid", ".|.", "0/1/1", "0/0/0", "./././.")),
        ("1/2", "2/1"),
    }
    assert {("0|1", None), ("1|0", None), ("0", None), ("1", None), ("0/3", None), ("None", None)} <= pairs


def test_calls_changed_in_hail_win_over_their_old_text(hail, hard, tiny, tmp_path):
    mt = hail_bridge.to_hail(open_store(hard[1]), tmp_path / "hard.mt", reference_genome=tiny)
    changed = (
        hail.case()
        .when(mt.genotype_text == "2/1", hail.missing(hail.tcall))
        .when(mt.genotype_text == "./1", hail.call(1, 1))
        .default(mt.GT)
    )
    hail_bridge.from_hail(mt.annotate_entries(GT=changed), tmp_path / "back.vcz")
    genotypes = np.concatenate([b.call_genotype for b in open_store(tmp_path / "back.vcz").blocks("call_genotype")])
    assert genotypes[1, 1].tolist() == [-1, -1, -2, -2]
    assert genotypes[1, 2].tolist() == [1, 1, -2, -2]
    assert genotypes[12, 0].tolist() == [0, 1, 1, -2]


@pytest.mark.parametrize("name", REAL)
def test_real_cohorts_come_back(hail, shared_data, tmp_path, name):
    build_store(shared_data / name, tmp_path / "in.vcz")
    view = open_store(tmp_path / "in.vcz")
    genome = REAL[name]
    if isinstance(genome, dict):
        genome = hail.ReferenceGenome("window", list(genome), genome)
    mt = hail_bridge.to_hail(view, tmp_path / "cohort.mt", reference_genome=genome)
    hail_bridge.from_hail(mt, tmp_path / "back.vcz")
    report = verify_store(tmp_path / "back.vcz", against=shared_data / name)
    assert report.findings == ()
    assert report.n_records_compared == view.n_variants > 100


def test_a_view_takes_its_samples_and_rows(hail, quality_store, tmp_path):
    view = open_store(quality_store).samples(["S0007", "S0002"]).variants(index=range(40, 90, 7))
    mt = hail_bridge.to_hail(view)
    assert mt.s.collect() == ["S0007", "S0002"]
    assert sorted(mt.store_row.collect()) == list(range(40, 90, 7))
    hail_bridge.from_hail(mt, tmp_path / "back.vcz")
    back = open_store(tmp_path / "back.vcz")
    np.testing.assert_array_equal(back.dosage(), view.dosage())


def test_contigs_get_the_name_of_the_genome_and_their_own_again(hail, quality_store, tmp_path):
    """20 and 21 have the lengths of GRCh38, where Hail calls them chr20 and chr21."""
    mt = hail_bridge.to_hail(open_store(quality_store), tmp_path / "cohort.mt")
    assert mt.locus.dtype.reference_genome.name == "GRCh38"
    assert mt.aggregate_rows(hail.agg.collect_as_set(mt.locus.contig)) == {"chr20", "chr21"}
    hail_bridge.from_hail(mt, tmp_path / "back.vcz")
    assert set(open_store(tmp_path / "back.vcz").sites().contig) == {"20", "21"}
    assert open_store(tmp_path / "back.vcz").assembly == "GRCh38"


def test_fields_gone_and_new(hail, quality_store, tmp_path):
    mt = hail_bridge.to_hail(open_store(quality_store), tmp_path / "cohort.mt")
    mt = hail.variant_qc(mt.drop("GQ"))
    mt = mt.annotate_rows(info=mt.info.annotate(rate=mt.variant_qc.call_rate), filters={"new"}, qual=hail.str("high"))
    mt = mt.annotate_entries(pair=hail.struct(a=1), twice=[2 * mt.DP, mt.DP]).annotate_cols(age=30)
    said = []
    hail_bridge.from_hail(mt, tmp_path / "back.vcz", note=said.append)
    back = open_store(tmp_path / "back.vcz")
    assert {"call_DP", "call_twice", "variant_rate"} <= set(back.fields)
    assert "call_GQ" not in back.fields
    assert set(back.sites().filters) == {"new"}
    assert len(said) == 4
    assert all(any(name in sentence for sentence in said) for name in ("pair", "variant_qc", "qual", "age"))
    export_vcf(back, tmp_path / "back.vcf")
    depth = np.concatenate([block.call_DP for block in back.blocks("call_DP")])
    twice = np.concatenate([block.call_twice for block in back.blocks("call_twice")])
    np.testing.assert_array_equal(twice[:, :, 0], 2 * depth)


def test_a_table_that_hail_made(hail, tmp_path):
    mt = hail.balding_nichols_model(3, 20, 50, reference_genome="GRCh37")
    mt = mt.key_cols_by(s=hail.str("person") + hail.str(mt.sample_idx))
    hail_bridge.from_hail(mt, tmp_path / "made.vcz")
    back = open_store(tmp_path / "made.vcz")
    assert back.assembly == "GRCh37"
    theirs = np.array(mt.GT.n_alt_alleles().collect()).reshape(50, 20)
    np.testing.assert_array_equal(back.dosage(), theirs)


def test_another_build_is_an_error(hail, tmp_path):
    vcf = write_cohort_vcf(tmp_path / "in.vcf", n_samples=4, n_variants=5)
    build_store(vcf, tmp_path / "in.vcz")
    with pytest.raises(BuildMismatchError, match=r"contig 20 .* 64,444,167 bases, in GRCh37 it has 63,025,520"):
        hail_bridge.to_hail(open_store(tmp_path / "in.vcz"), tmp_path / "x.mt", reference_genome="GRCh37")
    build_store(vcf, tmp_path / "said.vcz", assembly="hg19")
    with pytest.raises(BuildMismatchError, match="contig 20"):
        hail_bridge.to_hail(open_store(tmp_path / "said.vcz"))
    with pytest.raises(BuildMismatchError, match="is of genome build hg19, not of GRCh38"):
        hail_bridge.to_hail(open_store(tmp_path / "said.vcz"), reference_genome="GRCh38")
    assert not (tmp_path / "x.mt").exists()


def test_contigs_that_no_build_has(hail, hard, tmp_path):
    with pytest.raises(InputError, match="does not say which genome build"):
        hail_bridge.to_hail(open_store(hard[1]))
    vcf = write_vcf(tmp_path / "in.vcf", ["odd 10 . A G . PASS DP=3 GT 0/1 1/1"], contigs=[("odd", 50)])
    build_store(vcf, tmp_path / "in.vcz", assembly="GRCh38")
    with pytest.raises(InputError, match=r"contig odd .* is not in Hail's GRCh38"):
        hail_bridge.to_hail(open_store(tmp_path / "in.vcz"))


def test_what_is_there_stays(hail, quality_store, tmp_path):
    (tmp_path / "cohort.mt").mkdir()
    with pytest.raises(OutputExistsError):
        hail_bridge.to_hail(open_store(quality_store), tmp_path / "cohort.mt")
    assert not list((tmp_path / "cohort.mt").iterdir())
    mt = hail_bridge.to_hail(open_store(quality_store).variants(index=[3]), tmp_path / "cohort.mt", force=True)
    assert mt.count() == (1, 60)
    (tmp_path / "there.vcz").mkdir()
    with pytest.raises(OutputExistsError):
        hail_bridge.from_hail(mt, tmp_path / "there.vcz")
    with pytest.raises(UsageError, match=r"should end in \.mt"):
        hail_bridge.to_hail(open_store(quality_store), tmp_path / "cohort")


def test_empty_and_unkeyed(hail, quality_store, tmp_path):
    with pytest.raises(InputError, match="has no samples"):
        hail_bridge.to_hail(open_store(quality_store).samples([]))
    with pytest.raises(InputError, match="has no variants"):
        hail_bridge.to_hail(open_store(quality_store).variants(index=[]))
    mt = hail_bridge.to_hail(open_store(quality_store).variants(index=[3]))
    with pytest.raises(ResourceError, match="the folder does not exist"):
        hail_bridge.from_hail(mt, tmp_path / "nowhere" / "made.vcz")
    with pytest.raises(InputError, match="no entry field"):
        hail_bridge.from_hail(mt.select_entries(pair=hail.struct(a=1)), tmp_path / "made.vcz")
    made = hail.balding_nichols_model(3, 4, 5)
    with pytest.raises(InputError, match="columns by sample_idx"):
        hail_bridge.from_hail(made, tmp_path / "made.vcz")


def test_the_same_view_gives_the_same_store(hail, tmp_path):
    vcf = write_cohort_vcf(tmp_path / "in.vcf", n_samples=30, n_variants=200, many_alleles=20, depth=True)
    before = build_store(vcf, tmp_path / "in.vcz", assembly="GRCh38")
    mt = hail_bridge.to_hail(open_store(tmp_path / "in.vcz"), tmp_path / "cohort.mt")
    first = hail_bridge.from_hail(mt, tmp_path / "first.vcz")
    second = hail_bridge.from_hail(mt.repartition(7), tmp_path / "second.vcz", workers=1)
    assert before.store_hash == first.store_hash == second.store_hash
