"""`query` against bcftools query, on a small file of many kinds of variant."""

import gzip
import io
import subprocess

import numpy as np
import pysam
import pytest

from genomics_dc.errors import InputError, UsageError
from genomics_dc.store import StoreView, build_store, export_vcf, query
from genomics_dc.store.filters import narrowed_by
from genomics_dc.store.text import query_blocks, record_blocks, records
from genomics_dc.store.vcf.bgzf_writer import BLOCK_DATA_BYTES, BgzfWriter
from genomics_dc.store.vcf.csi import bin_numbers
from tests.builders import write_vcf

DECLARATIONS = (
    '##FILTER=<ID=q10,Description="low">',
    '##FILTER=<ID=s50,Description="half">',
    '##INFO=<ID=DP,Number=1,Type=Integer,Description="d">',
    '##INFO=<ID=AF,Number=A,Type=Float,Description="d">',
    '##INFO=<ID=DB,Number=0,Type=Flag,Description="d">',
    '##INFO=<ID=NOTE,Number=1,Type=String,Description="d">',
    '##INFO=<ID=END,Number=1,Type=Integer,Description="d">',
    '##FORMAT=<ID=GT,Number=1,Type=String,Description="d">',
    '##FORMAT=<ID=DP,Number=1,Type=Integer,Description="d">',
    '##FORMAT=<ID=AD,Number=R,Type=Integer,Description="d">',
    '##FORMAT=<ID=GL,Number=G,Type=Float,Description="d">',
    '##FORMAT=<ID=FT,Number=1,Type=String,Description="d">',
)
RECORDS = (
    "1 10 rs1 A G 50 PASS AF=0.5;DB;DP=10 GT:AD:DP 0/1:5,5:10 1/1:0,7:7 ./.:.:.",
    "1 12 . AT A 3.5 q10 AF=0.25;DP=3 GT:DP 0|0:1 0|1:2 1|1:3",
    "1 13 . A AT,C . q10;s50 AF=0.1,1e-08;NOTE=x GT:GL 1/2:-1,-2,-3,-4,-5,-6 0/2:0,.,1,2,3,4 0/0:.",
    "1 14 . AC GT 7 PASS . GT:FT 0/1:ok 0/0:low .:.",
    "1 15 . A <DEL> 9 PASS END=400 GT 0/1 0/0 0/0",
    "1 16 . C C[2:100[ 0 PASS DP=0 GT 0/1 0/0 0/0",
    "1 17 . C T,* 1e6 s50 DP=70000 GT 0/1 2/1 1|2",
    "1 18 . C . 12 PASS DP=5 GT 0/0 0/0 ./0",
    "2 1 . ACGT A,ACG 8 PASS DP=-5 GT 0/1 1/2 0/0",
    "2 9 . GA TT 8 PASS DP=12 GT 0/1 1/1 0/0",
    "X 5 y G A 1 PASS DP=1 GT:DP 0:1 1:2 .:3",
)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("query")
    vcf = write_vcf(folder / "in.vcf.gz", RECORDS, samples=("A", "B", "C"), declarations=DECLARATIONS)
    pysam.tabix_index(str(vcf), preset="vcf", force=True)
    build_store(vcf, folder / "out.vcz")
    return vcf, folder / "out.vcz"


def printed(store, form, **options):
    out = io.BytesIO()
    out.mode = "wb"
    query(store, out, query_format=form, **options)
    return out.getvalue().decode()


FORMATS = [
    r"%CHROM\t%POS\t%POS0\t%END\t%ID\t%REF\t%ALT\t%FIRST_ALT\t%QUAL\t%FILTER\n",
    r"%TYPE\n",
    r"%INFO\n",
    r"%INFO/DP %DP %AF{0} %AF %DB %NOTE\n",
    r"%POS[\t%GT]\n",
    r"%POS[ %SAMPLE=%TGT]\n",
    r"[%CHROM:%POS %SAMPLE %DP %AD{1} %AD %GL{0} %GL %FT\n]",
    r"[%SAMPLE;]\n",
]


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("samples", [None, ["C", "A"]])
def test_what_bcftools_prints(made, program, form, samples):
    bcftools = program("bcftools")
    vcf, store = made
    chosen = [] if samples is None else ["-s", ",".join(samples)]
    done = subprocess.run([bcftools, "query", *chosen, "-f", form, str(vcf)], capture_output=True, check=True)
    assert printed(store, form, samples=samples) == done.stdout.decode()


def test_whole_records(made, program):
    bcftools = program("bcftools")
    vcf, store = made
    done = subprocess.run([bcftools, "view", "-H", str(vcf)], capture_output=True, check=True)
    assert printed(store, r"%LINE\n") == done.stdout.decode()
    lines = done.stdout.decode().splitlines()
    assert list(records(StoreView.open(store))) == lines
    assert printed(store, r"%FORMAT\n").splitlines() == [line.split("\t", 8)[8] for line in lines]
    for region in ("1:13-14", "1:100-400", "2", "X:6-9"):
        done = subprocess.run([bcftools, "view", "-H", "-r", region, str(vcf)], capture_output=True, check=True)
        assert printed(store, r"%LINE\n", region=region) == done.stdout.decode()


@pytest.mark.parametrize(
    "expression",
    [
        "INFO/DP>5",
        "QUAL>10 && INFO/DP>=10",
        'FILTER="PASS"',
        'TYPE="snp"',
        'TYPE="snp" || QUAL<5',
        "AF>0.2",
        "FMT/DP>2",
        'CHROM="2"',
        "POS>12 & POS<16",
    ],
)
@pytest.mark.parametrize("option", ["include", "exclude"])
def test_expressions(made, program, expression, option):
    bcftools = program("bcftools")
    vcf, store = made
    flag = {"include": "-i", "exclude": "-e"}[option]
    command = [bcftools, "query", flag, expression, "-f", r"%CHROM:%POS\n", str(vcf)]
    done = subprocess.run(command, capture_output=True, check=True)
    assert printed(store, r"%CHROM:%POS\n", **{option: expression}) == done.stdout.decode()


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"query_format": "[%GT"}, UsageError, "not understood at character 1"),
        ({"query_format": "%POS]"}, UsageError, "not understood at character 5"),
        ({"query_format": "[[%GT]]"}, UsageError, "not understood at character 2"),
        ({"query_format": "100%"}, UsageError, "not understood at character 4"),
        ({"query_format": "%NOPE"}, InputError, "no %NOPE; it has INFO/AF"),
        ({"query_format": "[%FORMAT/NOPE]"}, InputError, "no %FORMAT/NOPE"),
        ({"query_format": "%GT"}, InputError, r"stands in brackets: \[%GT\]"),
        ({"query_format": "%MASK"}, UsageError, "%MASK of bcftools is not known here"),
        ({"query_format": "%POS", "include": "NOPE>1"}, UsageError, "NOPE"),
        ({"query_format": "%POS", "include": "INFO/DP>"}, UsageError, "--include 'INFO/DP>'"),
        ({"query_format": "%POS", "include": "FMT/DP>1 && FMT/DP<3"}, UsageError, "join within a sample"),
        ({"query_format": "%POS", "include": 'GT="het"'}, UsageError, "--include"),
        ({"query_format": "%POS", "include": "POS>1", "exclude": "POS>1"}, UsageError, "give one of them"),
        ({"query_format": "%POS", "samples": []}, InputError, "no sample is named"),
    ],
)
def test_what_cannot_be_asked(made, options, error, message):
    with pytest.raises(error, match=message):
        query(made[1], io.StringIO(), **options)


def test_threads_blocks_and_subsets_print_the_same(cohort_store):
    view = StoreView.open(cohort_store)
    whole = b"".join(lines.data.tobytes() for lines in record_blocks(view, threads=1))
    assert b"".join(lines.data.tobytes() for lines in record_blocks(view, threads=4)) == whole
    lines = whole.split(b"\n")[:-1]
    chosen = [0, 5, 6, 999, 1000, 1001, 2299]
    some = view.variants(index=chosen)
    assert b"".join(part.data.tobytes() for part in record_blocks(some)).split(b"\n")[:-1] == [lines[j] for j in chosen]
    fields = [line.split(b"\t") for line in lines]
    two = view.samples(["S7", "S2"])
    expected = [b"\t".join([*line[:9], line[16], line[11]]) for line in fields]
    assert b"".join(part.data.tobytes() for part in record_blocks(two)).split(b"\n")[:-1] == expected
    places = [(part.first, part.stop, len(part.end)) for part in record_blocks(view)]
    assert places[0][0] == 0
    assert places[-1][1] == view.n_variants
    assert sum(n for *_, n in places) == view.n_variants


def test_a_wide_cohort_is_printed_in_parts(cohort_store, monkeypatch):
    from genomics_dc.store import text

    view = StoreView.open(cohort_store)
    whole = b"".join(lines.data.tobytes() for lines in record_blocks(view))
    monkeypatch.setattr(text, "_PART_BYTES", 40_000)
    monkeypatch.setattr(text, "_MEMORY_BYTES", 100_000)
    parts = [lines.data.tobytes() for lines in record_blocks(view, threads=3)]
    assert b"".join(parts) == whole
    assert len(parts) > 10


def test_a_reader_that_stops_early_leaves_nothing_running(cohort_store):
    blocks = query_blocks(StoreView.open(cohort_store), r"%POS\n", threads=3)
    assert next(blocks).data[:4].tobytes()
    blocks.close()
    assert narrowed_by(StoreView.open(cohort_store), include="INFO/DP>=0").n_variants > 0


def test_the_index_of_an_export_finds_what_bcftools_finds(tmp_path, program):
    bcftools = program("bcftools")
    rng = np.random.default_rng(5)
    lines = []
    for contig in ("1", "2"):
        positions = np.sort(rng.integers(1, 200_000_000, 1500))
        for j, position in enumerate(positions.tolist()):
            end = f"END={position + int(rng.integers(1, 3_000_000))}" if j % 50 == 0 else "."
            lines.append(f"{contig} {position} . A {'<DEL>' if end != '.' else 'G'} . PASS {end} GT 0/1 1/1")
    declarations = (
        '##INFO=<ID=END,Number=1,Type=Integer,Description="d">',
        '##FORMAT=<ID=GT,Number=1,Type=String,Description="d">',
    )
    lengths = (("1", 249_000_000), ("2", 249_000_000))
    vcf = write_vcf(tmp_path / "in.vcf", lines, samples=("A", "B"), declarations=declarations, contigs=lengths)
    build_store(vcf, tmp_path / "s.vcz")
    out = tmp_path / "out.vcf.gz"
    export_vcf(StoreView.open(tmp_path / "s.vcz"), out)
    reference = tmp_path / "ref.vcf.gz"
    subprocess.run([bcftools, "view", "-Oz", "-o", str(reference), str(vcf)], check=True)
    subprocess.run([bcftools, "index", str(reference)], check=True)
    counts = [subprocess.run([bcftools, "index", "-s", str(path)], capture_output=True, check=True).stdout.split()
              for path in (out, reference)]  # fmt: skip
    assert counts[0][2::3] == counts[1][2::3] == [b"1500", b"1500"]
    for _ in range(40):
        contig = rng.choice(["1", "2"])
        start = int(rng.integers(1, 200_000_000))
        region = f"{contig}:{start}-{start + int(rng.integers(1, 5_000_000))}"
        got, expected = (
            subprocess.run([bcftools, "view", "-H", "-r", region, str(path)], capture_output=True, check=True).stdout
            for path in (out, reference)
        )
        assert got == expected


def test_bins_hold_their_intervals():
    start = np.array([0, 16383, 16384, 100_000, 0], dtype=np.int64)
    end = np.array([1, 16384, 16385, 200_000, 600_000_000], dtype=np.int64)
    assert bin_numbers(start, end, 5).tolist() == [4681, 4681, 4682, 73, 0]


@pytest.mark.parametrize("library", [True, False])
def test_bgzf_is_gzip_in_blocks(library, monkeypatch):
    from genomics_dc.store.vcf import bgzf_writer

    if not library:
        monkeypatch.setattr(bgzf_writer, "_library", lambda: None)
    data = np.random.default_rng(1).integers(0, 256, 3 * BLOCK_DATA_BYTES + 17, dtype=np.uint8).tobytes()
    data += b"A" * 2_500_000
    out = io.BytesIO()
    with BgzfWriter(out, threads=3) as writer:
        for start in range(0, len(data), 100_003):
            writer.write(data[start : start + 100_003])
    packed = out.getvalue()
    assert gzip.decompress(packed) == data
    positions = np.array([0, BLOCK_DATA_BYTES - 1, BLOCK_DATA_BYTES, len(data) - 1], dtype=np.int64)
    for position, offset in zip(positions.tolist(), writer.offsets(positions).tolist(), strict=True):
        block, within = offset >> 16, offset & 0xFFFF
        size = int.from_bytes(packed[block + 16 : block + 18], "little") + 1
        assert gzip.decompress(packed[block : block + size])[within] == data[position]
