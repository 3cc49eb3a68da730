"""A person without a record is 0/0 only where their own gVCF or callable bases prove it."""

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from genomics_dc.calls.reference_proof import EvidenceReader, is_proven
from genomics_dc.errors import InputError
from genomics_dc.store import StoreView, Thresholds, append_store, build_store, merge_stores, verify_store
from genomics_dc.store.access import StoreFiles
from genomics_dc.store.growth.evidence import read_callable_bed, read_gvcf
from tests.builders import write_vcf

DATA = Path(__file__).resolve().parents[4] / "shared" / "data"
TRIO = DATA / "gvcf_ashkenazi_trio"
DECLARATIONS = (
    '##INFO=<ID=AC,Number=A,Type=Integer,Description="d">',
    '##INFO=<ID=AN,Number=1,Type=Integer,Description="d">',
    '##INFO=<ID=END,Number=1,Type=Integer,Description="d">',
    '##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">',
    '##FORMAT=<ID=DP,Number=1,Type=Integer,Description="Depth">',
    '##FORMAT=<ID=MIN_DP,Number=1,Type=Integer,Description="Depth">',
    '##FORMAT=<ID=GQ,Number=1,Type=Integer,Description="Quality">',
    '##FORMAT=<ID=PL,Number=G,Type=Integer,Description="Likelihoods">',
)
SITES = [
    "1 100 . A G . . AC=1;AN=2 GT:DP 0/1:7",
    "1 110 . ACGT A . . AC=1;AN=2 GT:DP 0/1:7",
    "1 120 . A C . . AC=1;AN=2 GT:DP 0/1:7",
    "1 130 . A <DEL> . . AC=1;AN=2;END=140 GT:DP 0/1:7",
    "1 150 . A C . . AC=1;AN=2 GT:DP 0/1:7",
    "X 10 . A C . . AC=1;AN=2 GT:DP 0/1:7",
]
BLOCKS = [
    "1 90 . A <NON_REF> . . END=105 GT:DP:GQ:MIN_DP:PL 0/0:30:99:20:0,60,900",
    "1 106 . A <NON_REF> . . END=112 GT:DP:GQ:MIN_DP:PL 0/0:300:99:200:0,60,900",
    "1 113 . A <NON_REF> . . END=119 GT:DP:GQ:MIN_DP:PL 0/0:10:30:9:0,30,400",
    "1 120 . A T,<NON_REF> . . . GT:DP:GQ:PL 0/1:30:99:500,0,500,600,700,900",
    "1 121 . A <NON_REF> . . END=145 GT:DP:GQ:MIN_DP:PL 0/0:30:99:20:0,60,900",
    "1 146 . A <NON_REF> . . END=160 GT:DP:GQ:MIN_DP:PL 0/0:7:99:7:0,60,900",
    "X 1 . A <NON_REF> . . END=20 GT:DP:GQ:MIN_DP:PL 0:30:99:20:0,60",
]


def write(path, records, sample):
    return write_vcf(path, records, samples=(sample,), declarations=DECLARATIONS)


@pytest.fixture
def store(tmp_path):
    build_store(write(tmp_path / "first.vcf", SITES, "first"), tmp_path / "c.vcz")
    return tmp_path / "c.vcz"


def genotypes(store, sample):
    view = StoreView.open(store).samples([sample])
    return np.concatenate([block["call_genotype"] for block in view.blocks("call_genotype")])[:, 0].tolist()


def depths(store, sample):
    view = StoreView.open(store).samples([sample])
    return np.concatenate([block["call_DP"] for block in view.blocks("call_DP")])[:, 0].tolist()


def test_a_person_is_reference_where_the_gvcf_proves_it_and_missing_elsewhere(store, tmp_path):
    own = write(tmp_path / "second.vcf", ["1 120 . A T . . AC=1;AN=2 GT:DP 0/1:30"], "second")
    gvcf = write(tmp_path / "second.g.vcf", BLOCKS, "second")
    done = append_store(store, own, gvcfs=gvcf)
    # the other variant at 120 is known, the symbolic deletion says more than its REF, and at 150 reads are too few
    expected = [[0, 0], [0, 0], [-1, -1], [0, 1], [-1, -1], [-1, -1], [0, -2]]
    assert genotypes(store, "second") == expected
    assert depths(store, "second") == [20, 9, -1, 30, -1, -1, 20]
    assert genotypes(store, "first")[3] == [-1, -1]
    assert done.n_proven == 3
    assert "3 calls without a record are 0/0" in done.notes[0]
    files = StoreFiles(store)
    assert files.array("variant_AN").read().tolist() == [4, 4, 2, 2, 2, 2, 3]
    assert files.array("variant_AC").read()[:, 0].tolist() == [1] * 7
    assert files.own["reference_proof"] == {"depth_min_reads": 8, "quality_min": 20}
    assert files.array("derived/variant_counts").read()[0].tolist() == [1, 1, 0, 0]
    assert verify_store(store, deep=True).ok


def test_depth_wider_than_the_type_of_the_store_is_kept(store, tmp_path):
    gvcf = write(tmp_path / "s.g.vcf", ["1 90 . A <NON_REF> . . END=119 GT:DP:GQ 0/0:40000:99"], "second")
    append_store(store, write(tmp_path / "s.vcf", ["1 5 . A T . . . GT:DP 0/1:30"], "second"), gvcfs=gvcf)
    assert depths(store, "second")[:3] == [30, 40000, 40000]


def test_a_later_site_of_others_finds_the_blocks_that_are_kept(store, tmp_path):
    append_store(store, gvcfs=write(tmp_path / "first.g.vcf", BLOCKS, "first"))
    assert genotypes(store, "first") == [[0, 1]] * 6
    late = write(tmp_path / "late.vcf", ["1 95 . A C . . . GT:DP 1/1:9", "1 100 . A C . . . GT:DP 1/1:9"], "late")
    append_store(store, late)
    # at 100 the person carries another allele of their own, whatever the block says
    assert genotypes(store, "first") == [[0, 0], [0, 1], [-1, -1], *[[0, 1]] * 5]
    assert depths(store, "first")[:3] == [20, 7, -1]
    assert genotypes(store, "late")[0] == [1, 1]
    assert genotypes(store, "late")[1] == [-1, -1]


def test_callable_bases_prove_but_not_where_the_person_carries_something(store, tmp_path):
    bed = tmp_path / "second.bed"
    bed.write_text("# callable\n1\t98\t125\nX\t0\t9\n")
    own = write(tmp_path / "s.vcf", ["1 111 . C T . . . GT:DP 0/1:30", "1 124 . C T . . . GT:DP ./.:0"], "second")
    append_store(store, own, callable_beds={"second": bed}, callable_depth_reads=12)
    expected = [[0, 0], [-1, -1], [0, 1], [0, 0], [-1, -1], [-1, -1], [-1, -1], [-1, -1]]
    assert genotypes(store, "second") == expected
    assert depths(store, "second")[0] == 12


def test_thresholds_are_kept_by_the_store(store, tmp_path):
    gvcf = write(tmp_path / "second.g.vcf", BLOCKS, "second")
    own = write(tmp_path / "s.vcf", ["1 5 . A T . . . GT:DP 0/1:30"], "second")
    append_store(store, own, gvcfs=gvcf, thresholds=Thresholds(depth_min_reads=25, quality_min=20))
    assert genotypes(store, "second")[1:] == [[-1, -1]] * 6
    third = write(tmp_path / "third.vcf", ["1 6 . A T . . . GT:DP 0/1:30"], "third")
    with pytest.raises(InputError, match="proves 0/0 by depth 25 and quality 20, but 5 and 20 were asked for"):
        append_store(store, third, thresholds=Thresholds(5, 20))


def test_blocks_go_with_their_people_into_a_merged_store(store, tmp_path):
    append_store(store, gvcfs=write(tmp_path / "first.g.vcf", BLOCKS, "first"))
    other = tmp_path / "other.vcz"
    build_store(write(tmp_path / "other.vcf", ["1 95 . A C . . . GT:DP 1/1:9"], "other"), other)
    bed = tmp_path / "o.bed"
    bed.write_text("1\t0\t1000\n")
    append_store(other, callable_beds={"other": bed})
    merge_stores([store, other], tmp_path / "m.vcz")
    assert genotypes(tmp_path / "m.vcz", "first")[0] == [0, 0]
    assert genotypes(tmp_path / "m.vcz", "other") == [[1, 1], *[[0, 0]] * 3, [-1, -1], [0, 0], [-1, -1]]
    append_store(tmp_path / "m.vcz", write(tmp_path / "t.vcf", ["1 96 . A C . . . GT:DP 1/1:9"], "third"))
    assert genotypes(tmp_path / "m.vcz", "first")[1] == genotypes(tmp_path / "m.vcz", "other")[1] == [0, 0]


@pytest.mark.parametrize(
    ("records", "message"),
    [
        (["1 90 . A G . . . GT:DP:GQ 0/1:30:99"], "has no reference block"),
        (["2 90 . A <NON_REF> . . END=105 GT:DP:GQ 0/0:30:99"], "has none of the contigs"),
    ],
)
def test_a_file_that_proves_nothing_is_refused(tmp_path, records, message):
    build_store(
        write_vcf(
            tmp_path / "c.vcf", SITES[:1], samples=("first",), declarations=DECLARATIONS, contigs=(("1", 100_000),)
        ),
        tmp_path / "c.vcz",
    )
    with pytest.raises(InputError, match=message):
        append_store(tmp_path / "c.vcz", gvcfs=write(tmp_path / "x.g.vcf", records, "first"))


def test_blocks_of_somebody_else_and_files_that_are_no_bed_are_refused(store, tmp_path):
    with pytest.raises(InputError, match="sample nobody, who is not in the store"):
        append_store(store, gvcfs=write(tmp_path / "x.g.vcf", BLOCKS, "nobody"))
    bed = tmp_path / "x.bed"
    bed.write_text("1\t5\t2\n")
    with pytest.raises(InputError, match=r"x\.bed, line 1: a BED line has"):
        read_callable_bed(bed, "first")
    with pytest.raises(InputError, match="a gVCF holds one sample, this one holds 2"):
        read_gvcf(write_vcf(tmp_path / "two.vcf"))


REAL = ["gvcf/NA12878.gatk3.4.chr21.g.vcf.gz", "gvcf_ashkenazi_trio/NA24143.g.vcf.gz"]


@pytest.mark.parametrize("name", REAL)
def test_real_gvcfs_say_what_the_house_reads_from_them(name):
    path = DATA / name
    if not path.exists():
        pytest.skip(f"needs {name}")
    found = read_gvcf(path)
    reader = EvidenceReader(path)
    contig = next(iter(found.blocks))
    evidence = [piece for at, piece in reader._records if at == contig]
    blocks = found.blocks[contig]
    assert found.sample == reader.sample
    n_proving = 0
    for piece in evidence[:4_000]:
        place = int(np.searchsorted(blocks.end, piece.start, side="right"))
        assert blocks.start[place] <= piece.start
        # a block never claims more than the record; the house leaves MIN_DP and GQ aside, and is above it for that
        assert blocks.depth[place] <= piece.depth_reads
        assert blocks.quality[place] <= (piece.reference_quality or 0)
        if blocks.depth[place] >= 8 and blocks.quality[place] >= 20:
            n_proving += 1
            assert is_proven([piece], piece.start, piece.start + 1, is_indel=False, depth_min_reads=8, quality_min=20)
    assert n_proving > 100


@pytest.mark.skipif(not TRIO.exists() or shutil.which("bcftools") is None, reason="needs the gVCFs and bcftools")
def test_a_real_trio_joined_from_three_stores_agrees_with_the_joint_call(tmp_path):
    names = ["NA24143", "NA24149", "NA24385"]
    build_store(TRIO / f"{names[0]}.vcf.gz", tmp_path / "trio.vcz")
    append_store(tmp_path / "trio.vcz", gvcfs=TRIO / f"{names[0]}.g.vcf.gz")
    for name in names[1:]:
        append_store(tmp_path / "trio.vcz", TRIO / f"{name}.vcf.gz", gvcfs=TRIO / f"{name}.g.vcf.gz")
    assert verify_store(tmp_path / "trio.vcz", deep=True).ok
    view = StoreView.open(tmp_path / "trio.vcz")
    sites = view.sites()
    ours = np.concatenate([block["call_genotype"] for block in view.blocks("call_genotype")])
    query = ["bcftools", "query", "-f", "%POS\\t%REF\\t%ALT[\\t%GT]\\n", TRIO / "Ashkenazim.vcf.gz"]
    lines = subprocess.run(query, capture_output=True, text=True, check=True).stdout.splitlines()
    joint = {tuple(line.split("\t")[:3]): line.split("\t")[3:] for line in lines}
    n_same = n_reference = 0
    for row in range(view.n_variants):
        told = joint.get((str(sites.position[row]), sites.ref[row], sites.alt[row]))
        for column in range(3):
            call = ours[row, column]
            if told is None or call[0] < 0 or told[column].startswith("."):
                continue
            alleles = sorted(int(one) for one in told[column].replace("|", "/").split("/"))
            assert sorted(call.tolist()) == alleles, (sites.position[row], column)
            n_same += 1
            n_reference += alleles == [0, 0]
    assert n_same > 1_700
    assert n_reference >= 1
