"""A store that grew is the store that would have been built from all at once."""

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from genomics_dc.store import StoreView, append_store, build_store, merge_stores, schema, verify_store
from genomics_dc.store.access import StoreFiles
from tests.builders import random_records
from tests.store.growth.helpers import COUNTED, columns_of, differences, write_part

N_VARIANTS, N_SAMPLES = 2_300, 13
SAMPLES = [f"S{number}" for number in range(N_SAMPLES)]
RECORDS = random_records(N_VARIANTS, N_SAMPLES)

DECLARATIONS = (
    '##FILTER=<ID=q10,Description="low">',
    '##INFO=<ID=DP,Number=1,Type=Integer,Description="Depth">',
    '##INFO=<ID=XX,Number=.,Type=Integer,Description="Any number of them">',
    '##INFO=<ID=SG,Number=1,Type=Integer,Description="May be -1">',
    '##INFO=<ID=AF,Number=A,Type=Float,Description="Frequency">',
    '##INFO=<ID=TX,Number=.,Type=String,Description="Text">',
    '##INFO=<ID=DB,Number=0,Type=Flag,Description="Known">',
    '##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">',
    '##FORMAT=<ID=DP,Number=1,Type=Integer,Description="Depth">',
    '##FORMAT=<ID=AD,Number=R,Type=Integer,Description="Allele depth">',
    '##FORMAT=<ID=PL,Number=G,Type=Integer,Description="Likelihoods">',
    '##FORMAT=<ID=GL,Number=G,Type=Float,Description="Likelihoods">',
    '##FORMAT=<ID=FT,Number=1,Type=String,Description="Filter">',
    '##FORMAT=<ID=HQ,Number=.,Type=Integer,Description="Qualities">',
    '##FORMAT=<ID=SH,Number=1,Type=Integer,Description="May be -2">',
)
NARROW = [
    "1 10 . A G 50 PASS DP=3;AF=0.5;TX=a GT:DP:AD:PL:FT 0/1:3:1,2:10,0,20:ok 1/1:4:0,4:30,5,0:.",
    "1 20 rs1 C T . . . GT:SH 0/0:1 ./.:.",
    "1 30 rs2 C T 1 q10 DB DP 7 .",
    "1 40 . C . . PASS XX=1;SG=5 GT 0|0 0/0",
]
WIDE = [
    "1 35 . A G,T,<DEL> 50 q10 DP=300;AF=0.5,0.1,nan;TX=a,bb,.;XX=1,2,70000;SG=-1 GT:DP:AD:PL:GL:FT:HQ:SH "
    f"0/1/3:300:1,2,3,4:{','.join(map(str, range(20)))}:.:äö:1,2,3:-2 .:.:.:.:.:.:.:.",
    "2 7 rs9;rs10 C T 3.5 PASS DB;AF=. GT:PL:HQ 0:1,2:. 1|1:70000,0,1:5",
    "X 5 . CAG C . . . GT 0 0/1",
]


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """Build a store from records, once for each way of cutting chunks."""
    folder = tmp_path_factory.mktemp("built")

    def build(name, records, samples, **how) -> Path:
        path = folder / f"{name}.vcz"
        if not path.exists():
            build_store(write_part(folder / f"{name}.vcf.gz", records, samples, **how), path)
        return path

    return build


@pytest.fixture
def copied(tmp_path):
    """Copy a store to change it."""

    def copy(store: Path) -> Path:
        return Path(shutil.copytree(store, tmp_path / "grown.vcz"))

    return copy


@pytest.mark.parametrize("cut", [1, 6, 8, 12])
def test_people_on_the_same_sites(built, copied, tmp_path, cut):
    everything = built("all", RECORDS, SAMPLES)
    first, second = range(cut), range(cut, N_SAMPLES)
    grown = copied(built(f"first-{cut}", columns_of(RECORDS, first), SAMPLES[:cut]))
    added = write_part(tmp_path / "added.vcf.gz", columns_of(RECORDS, second), SAMPLES[cut:])
    done = append_store(grown, added)
    assert (done.n_variants_added, done.n_samples_added, done.n_samples) == (0, N_SAMPLES - cut, N_SAMPLES)
    # the frequencies of this file are not those of its genotypes, and the depth of a record is that of both parts
    assert differences(grown, everything, skip=("variant_AF", "variant_DP")) == []
    depth = StoreFiles(everything).array("variant_DP").read()
    np.testing.assert_array_equal(StoreFiles(grown).array("variant_DP").read(), 2 * depth.astype(np.int32))
    assert StoreFiles(grown).own["vcf_header"] == StoreFiles(everything).own["vcf_header"]
    assert verify_store(grown, deep=True).ok


@pytest.mark.parametrize(("per_chunk", "cut"), [(4, 4), (4, 7), (4, 8), (4, 9), (12, 12)])
def test_only_the_last_chunk_of_people_is_written_again(tmp_path, monkeypatch, per_chunk, cut):
    monkeypatch.setattr(schema, "SAMPLES_PER_CHUNK", per_chunk)
    records = RECORDS[:1_100]
    build_store(write_part(tmp_path / "all.vcf", records, SAMPLES), tmp_path / "all.vcz")
    build_store(write_part(tmp_path / "a.vcf", columns_of(records, range(cut)), SAMPLES[:cut]), tmp_path / "a.vcz")
    added = write_part(tmp_path / "b.vcf", columns_of(records, range(cut, N_SAMPLES)), SAMPLES[cut:])
    before = StoreFiles(tmp_path / "a.vcz").array("call_genotype")
    kept = [before.encoded(band, number, 0) for band in range(2) for number in range(cut // per_chunk)]
    done = append_store(tmp_path / "a.vcz", added)
    assert differences(tmp_path / "a.vcz", tmp_path / "all.vcz", skip=("variant_AF", "variant_DP")) == []
    after = StoreFiles(tmp_path / "a.vcz").array("call_genotype")
    assert [after.encoded(band, number, 0) for band in range(2) for number in range(cut // per_chunk)] == kept
    n_new = after.meta.grid[1] - cut // per_chunk
    of_people = [name for name in StoreFiles(tmp_path / "a.vcz").names if "call_" in name or "packed" in name]
    assert done.n_chunks_encoded <= 2 * n_new * len(of_people) + 2 * 3  # and counts, AF, DP


@pytest.mark.parametrize("cuts", [(0, 400), (1_000, 2_300), (999, 1_500), (1_500, 2_300), (0, 1), (700, 701)])
def test_new_records_before_between_and_after(built, copied, tmp_path, cuts):
    everything = built("all", RECORDS, SAMPLES)
    start, stop = cuts
    grown = copied(built(f"without-{start}-{stop}", RECORDS[:start] + RECORDS[stop:], SAMPLES))
    done = append_store(grown, write_part(tmp_path / "added.vcf.gz", RECORDS[start:stop], SAMPLES))
    assert (done.n_variants_added, done.n_samples_added) == (stop - start, 0)
    assert differences(grown, everything) == []
    assert StoreFiles(grown).seal.store_hash == StoreFiles(everything).seal.store_hash


def test_records_at_the_end_leave_what_stands(built, copied, tmp_path):
    grown = copied(built("first-1500", RECORDS[:1_500], SAMPLES))
    done = append_store(grown, write_part(tmp_path / "added.vcf.gz", RECORDS[1_500:], SAMPLES))
    arrays = [one for one in StoreFiles(grown).names if StoreFiles(grown).array(one).dimensions[:1] == ("variants",)]
    assert done.n_chunks_linked == len(arrays)  # the first of three chunks of each
    assert done.n_chunks_encoded == 2 * len(arrays)
    old = grown.with_name(f".{grown.name}.generations") / "0"
    path = Path("call_genotype/c/0/0/0")
    assert (grown / path).stat().st_ino == (old / path).stat().st_ino
    assert StoreView.open(old).n_variants == 1_500


def test_fields_types_and_widths_of_every_kind(tmp_path):
    """Types widen, ploidy and alleles grow, and what one part lacks is missing there."""
    samples = ["A", "B"]
    order = [NARROW[0], NARROW[1], NARROW[2], WIDE[0], NARROW[3], WIDE[1], WIDE[2]]
    how = {"declarations": DECLARATIONS}
    build_store(write_part(tmp_path / "all.vcf", order, samples, **how), tmp_path / "all.vcz")
    for base, added in ((NARROW, WIDE), (WIDE, NARROW)):
        folder = tmp_path / base[0].split(" ")[1]
        folder.mkdir()
        build_store(write_part(folder / "a.vcf", base, samples, **how), folder / "grown.vcz")
        append_store(folder / "grown.vcz", write_part(folder / "b.vcf", added, samples, **how))
        assert differences(folder / "grown.vcz", tmp_path / "all.vcz") == []
        assert verify_store(folder / "grown.vcz", deep=True, against=tmp_path / "all.vcf").ok
        build_store(folder / "b.vcf", folder / "b.vcz")
        build_store(folder / "a.vcf", folder / "a.vcz")
        merge_stores([folder / "a.vcz", folder / "b.vcz"], folder / "merged.vcz")
        assert differences(folder / "merged.vcz", tmp_path / "all.vcz") == []


def test_people_with_fields_of_every_kind(tmp_path):
    records = [NARROW[0], NARROW[1], NARROW[2], WIDE[0], NARROW[3], WIDE[1], WIDE[2]]
    how = {"declarations": DECLARATIONS}
    build_store(write_part(tmp_path / "all.vcf", records, ["A", "B"], **how), tmp_path / "all.vcz")
    for first in (0, 1):
        folder = tmp_path / str(first)
        folder.mkdir()
        for number, name in ((0, "A"), (1, "B")):
            build_store(
                write_part(folder / f"{name}.vcf", columns_of(records, [number]), [name], **how), folder / f"{name}.vcz"
            )
        names = ["A", "B"] if not first else ["B", "A"]
        merge_stores([folder / f"{name}.vcz" for name in names], folder / "merged.vcz")
        view = StoreView.open(folder / "merged.vcz").samples(["A", "B"])
        expected = StoreView.open(tmp_path / "all.vcz")
        for name in expected.fields:
            if name in COUNTED or name == "packed":
                continue
            one = np.concatenate([np.asarray(block[name]) for block in view.blocks(name)])
            two = np.concatenate([np.asarray(block[name]) for block in expected.blocks(name)])
            assert one.dtype == two.dtype, name
            np.testing.assert_array_equal(one, two, err_msg=name)


REAL = [
    "cohort_1kg_chr20/1kg_phase3.2504.chr20_1.99-2.11Mb.vcf.gz",
    "cohort_geuvadis_eqtl/geuvadis.358.chr22_16-27Mb.vcf.gz",
    "cohort_small/sample.vcf.gz",
]


@pytest.mark.parametrize("name", REAL)
def test_real_cohorts_cut_by_bcftools(tmp_path, name):
    vcf = Path(__file__).resolve().parents[4] / "shared" / "data" / name
    if not vcf.exists() or shutil.which("bcftools") is None:
        pytest.skip(f"needs {name} and bcftools")
    lines = subprocess.run(["bcftools", "view", "-I", vcf], capture_output=True, text=True, check=True).stdout
    head = lines[: lines.index("\n#CHROM") + 1]
    records = lines[lines.index("\n#CHROM") + 1 :].splitlines()[1:3_001]
    samples = subprocess.run(
        ["bcftools", "query", "-l", vcf], capture_output=True, text=True, check=True
    ).stdout.split()
    columns = ["#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO", "FORMAT"]
    cut, row = len(samples) * 2 // 3, len(records) // 2
    # two records at one position must come in one part, since the order within it is that of the parts
    while records[row].split("\t")[1] == records[row - 1].split("\t")[1]:
        row += 1

    def write(path, rows, first, stop):
        body = ["\t".join([*columns, *samples[first:stop]])]
        for record in rows:
            fields = record.split("\t")
            body.append("\t".join([*fields[:9], *fields[9 + first : 9 + stop]]))
        path.write_text(head + "\n".join(body) + "\n")
        return path

    n = len(samples)
    build_store(write(tmp_path / "all.vcf", records, 0, n), tmp_path / "all.vcz")
    build_store(write(tmp_path / "left.vcf", records, 0, cut), tmp_path / "left.vcz")
    append_store(tmp_path / "left.vcz", write(tmp_path / "right.vcf", records, cut, n))
    assert set(differences(tmp_path / "left.vcz", tmp_path / "all.vcz")) <= {"variant_AF", "variant_DP", "variant_NS"}
    build_store(write(tmp_path / "late.vcf", records[row:], 0, n), tmp_path / "late.vcz")
    append_store(tmp_path / "late.vcz", write(tmp_path / "early.vcf", records[:row], 0, n))
    assert differences(tmp_path / "late.vcz", tmp_path / "all.vcz") == []
