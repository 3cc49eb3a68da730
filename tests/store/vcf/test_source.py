import gzip
import random
import tracemalloc

import numpy as np
import pysam
import pysam.bcftools
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from genomics_dc.errors import InputError
from genomics_dc.kernels.vcf.problems import EMPTY_LINE, FEW_COLUMNS, MANY_COLUMNS
from genomics_dc.store.vcf import bgzf as reader
from genomics_dc.store.vcf import source
from genomics_dc.store.vcf.source import VcfSource
from tests.store.vcf.builders import EOF_BLOCK, bgzf, block, header

HEADER = header()


def written(folder, data, name="in.vcf.gz"):
    path = folder / name
    path.write_bytes(data)
    return path


def lines_of(path, n_rows=7, **options):
    """Every record as text, and the promises of `TextBatch` held on the way."""
    lines = []
    file = VcfSource(path, allow_gzip=options.pop("allow_gzip", False))
    before = None
    for batch in file.batches(n_rows, **options):
        assert before is None or before == n_rows  # only the last has fewer
        before = len(batch)
        assert 1 <= before <= n_rows
        assert batch.first_record == len(lines)
        assert batch.data[0] == ord(".")
        for row in range(len(batch)):
            line = batch.text(row)
            lines.append(line)
            if file.kind != "bcf":
                assert batch.where(row) == f"{path}, line {file.header.n_lines + len(lines)}"
            begins = [0, *(at + 1 for at, letter in enumerate(line.encode()) if letter == 9)][:10]
            begins += [len(line.encode()) + 1] * (10 - len(begins))
            np.testing.assert_array_equal(batch.columns[row], batch.line_start[row] + begins)
    return lines


def record(number, rest=""):
    return f"1\t{number + 1}\t.\tA\tC\t.\t.\t.\tGT\t0/0{rest}\t0/1"


@pytest.fixture(params=["libdeflate", "zlib"])
def inflater(request, monkeypatch):
    if request.param == "zlib":
        monkeypatch.setattr(reader, "has_libdeflate", lambda: False)
    elif not reader.has_libdeflate():
        pytest.skip("libdeflate is not on this machine")
    return request.param


@pytest.fixture
def small(monkeypatch):
    """Slabs of a few hundred bytes, so that small files go through all that large ones go through."""
    monkeypatch.setattr(source, "_FIRST_SLAB_BYTES", 300)
    monkeypatch.setattr(source, "_SLAB_BYTES", 500)
    monkeypatch.setattr(source, "_SLACK_BYTES", 40)
    monkeypatch.setattr(reader, "_PIECE_BYTES", 200)
    monkeypatch.setattr(reader, "_TASK_BYTES", 300)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    lengths=st.lists(st.one_of(st.integers(0, 30), st.integers(0, 3000)), min_size=1, max_size=120),
    sizes=st.lists(st.integers(1, 700), min_size=1, max_size=4),
    n_rows=st.integers(1, 50),
    threads=st.integers(1, 3),
    ahead=st.integers(0, 5000),
    crlf=st.booleans(),
    last=st.booleans(),
    kind=st.sampled_from(["bgzf", "gzip", "text"]),
)
def test_every_line_comes_once_in_order(tmp_path, small, lengths, sizes, n_rows, threads, ahead, crlf, last, kind):
    records = [record(number, "x" * length) for number, length in enumerate(lengths)]
    end = "\r\n" if crlf else "\n"
    text = (HEADER.replace("\n", end) + end.join(records) + (end if last else "")).encode()
    data = {"bgzf": bgzf(text, sizes), "gzip": gzip.compress(text), "text": text}[kind]
    path = written(tmp_path, data)
    assert lines_of(path, n_rows, threads=threads, ahead_bytes=ahead, allow_gzip=True) == records


def test_blocks_of_every_kind(tmp_path, inflater):
    generator = random.Random(4)
    records = [record(number, "".join(generator.choices("ACGT0123", k=400))) for number in range(3000)]
    text = (HEADER + "\n".join(records) + "\n").encode()
    sizes = [65280, 65536, 1, 17, 30000]
    data = bgzf(text, sizes, level=1 if inflater == "zlib" else 9, extra=b"XY\x03\x00abc", end=b"")
    middle = bgzf(b"") + data[: len(data)] + bgzf(b"") + EOF_BLOCK  # empty blocks anywhere
    with pytest.raises(InputError, match="not a VCF"):
        VcfSource(written(tmp_path, bgzf(b"") + EOF_BLOCK))
    path = written(tmp_path, data + EOF_BLOCK)
    assert lines_of(path, 1000, threads=2) == records
    assert gzip.decompress(middle) == text
    assert lines_of(written(tmp_path, middle), 1000, threads=2) == records


def test_a_header_larger_than_a_slab_and_no_records(tmp_path, small, inflater):
    text = header(contigs=[f"contig{number}" for number in range(500)])
    path = written(tmp_path, bgzf(text.encode(), [900]))
    assert lines_of(path) == []
    path = written(tmp_path, bgzf((text + record(0)).encode(), [900]))
    assert lines_of(path) == [record(0)]
    assert len(VcfSource(path).header.contigs) == 500


def test_batches_may_be_asked_for_again_and_left(tmp_path, small):
    path = written(tmp_path, bgzf((HEADER + "\n".join(map(record, range(99))) + "\n").encode(), [100]))
    file = VcfSource(path)
    next(iter(file.batches(10)))
    assert [len(batch) for batch in file.batches(40)] == [40, 40, 19]
    assert file.n_bytes_read == file.n_bytes == path.stat().st_size


def test_a_bcf_gives_what_bcftools_prints(tmp_path):
    vcf = written(tmp_path, (HEADER + "\n".join(map(record, range(50))) + "\n").encode(), "in.vcf")
    bcf = tmp_path / "in.bcf"
    vcf.write_text(
        header(declarations=['##FORMAT=<ID=GT,Number=1,Type=String,Description="x">'])
        + "\n".join(map(record, range(50)))
        + "\n"
    )
    pysam.bcftools.view("-Ob", "-o", str(bcf), str(vcf), catch_stdout=False)
    shown = [line for line in pysam.bcftools.view(str(bcf)).splitlines() if not line.startswith("#")]
    assert lines_of(bcf) == shown == [record(number) for number in range(50)]
    batch = next(VcfSource(bcf).batches(10))
    assert batch.where(3) == f"{bcf}, record 4"
    whole = bcf.read_bytes()
    bcf.write_bytes(whole[: len(whole) // 2] + EOF_BLOCK)
    with pytest.raises(InputError, match=r"in.bcf (cannot be opened|is truncated or damaged|is damaged)"):
        lines_of(bcf)


@pytest.mark.parametrize(
    ("lines", "n_samples", "problem"),
    [
        ([record(0), "", record(1)], 2, EMPTY_LINE),
        ([record(0), "1\t5\t.\tA"], 2, FEW_COLUMNS),
        ([record(0), "1\t5\t.\tA\tC\t.\t.\t."], 2, FEW_COLUMNS),
        (["1\t5\t.\tA\tC\t.\t.\t.", "1\t5\t.\tA\tC\t.\t.\t.\tGT\t0"], 0, MANY_COLUMNS),
    ],
)
def test_lines_that_are_no_records_are_marked(tmp_path, lines, n_samples, problem):
    text = header([f"S{number}" for number in range(n_samples)]) + "\n".join(lines) + "\n"
    batch = next(VcfSource(written(tmp_path, text.encode())).batches(10))
    assert batch.problems.tolist()[:2] == [0, problem]


@pytest.mark.parametrize("bad", [b"\xff", b"\xc3(", b"\0"])
@pytest.mark.parametrize("row", [0, 40, 98])
def test_bytes_that_are_no_text(tmp_path, small, inflater, bad, row):
    lines = [record(number).encode() for number in range(99)]
    lines[row] = lines[row].replace(b"GT", b"G" + bad)
    path = written(tmp_path, bgzf(HEADER.encode() + b"\n".join(lines) + b"\n", [300]))
    what = r"a NUL byte" if bad == b"\0" else rf"byte {bad[0]:#04x} is not UTF-8"
    with pytest.raises(InputError, match=rf"in.vcf.gz, line {row + 6}: {what}"):
        lines_of(path, 20)


def test_utf8_is_text(tmp_path, small, inflater):
    lines = [record(number, "é—中" * (number % 3)) for number in range(60)]
    text = (header(("Å", "样本")) + "\n".join(lines) + "\n").encode()
    path = written(tmp_path, bgzf(text, [33]))
    assert VcfSource(path).header.samples == ("Å", "样本")
    assert lines_of(path, 7, threads=2) == lines


def tried(path):
    try:
        return lines_of(path, 10, threads=2), None
    except InputError as error:
        return [], str(error)


def test_damage_anywhere_is_found(tmp_path, small, inflater):
    """A changed byte anywhere: an error that names the file, or the very same text (a byte that means nothing)."""
    lines = [record(number) for number in range(60)]
    whole = bgzf((HEADER + "\n".join(lines) + "\n").encode(), [211, 500])
    generator = random.Random(7)
    for _ in range(150):
        place = generator.randrange(len(whole))
        flipped = bytearray(whole)
        flipped[place] ^= 1 << generator.randrange(8)
        path = written(tmp_path, flipped)
        got, error = tried(path)
        if error is None:
            assert got == lines
        else:
            assert str(path) in error
            assert "\n" not in error
    for _ in range(60):
        cut = generator.randrange(1, len(whole) - 28)
        path = written(tmp_path, whole[:cut] + EOF_BLOCK)
        got, error = tried(path)
        if error is None:  # cut between two blocks: only the last line may be short
            assert got[:-1] == lines[: len(got) - 1]
        else:
            assert str(path) in error


def test_what_comes_before_the_damage_is_yielded(tmp_path, small, inflater):
    lines = [record(number) for number in range(200)]
    text = (HEADER + "\n".join(lines) + "\n").encode()
    first, second = text[: len(text) // 2], text[len(text) // 2 :]
    damaged = bytearray(block(second))
    damaged[-8] ^= 1
    data = bgzf(first, [300], end=b"")
    path = written(tmp_path, data + damaged + EOF_BLOCK)
    n_whole = first.count(b"\n")
    got = []

    def read():
        for batch in VcfSource(path).batches(10):
            got.extend(batch.text(row) for row in range(len(batch)))

    with pytest.raises(
        InputError,
        match=rf"in.vcf.gz is truncated or damaged after line {n_whole}: the block's checksum \(CRC32\) disagrees "
        rf"with its text \(byte {len(data):,} of the file\); copy",
    ):
        read()
    assert got == lines[: (n_whole - 5) // 10 * 10]


@pytest.mark.parametrize(
    ("data", "pattern"),
    [
        (b"", "is empty; a VCF has at least a header"),
        (b"BAM\1 and more", "is not a VCF: it begins with b'BAM"),
        (gzip.compress(HEADER.encode()), "compressed by gzip, not by bgzip; run `gunzip -c in.vcf.gz | bgzip` first"),
        (bgzf(HEADER.encode(), end=b""), "truncated: the end-of-file block of BGZF is missing"),
        (bgzf(b"something else"), "is not a VCF: its text begins with b'somet'"),
        (block(HEADER.encode())[:60] + EOF_BLOCK, "is damaged at its beginning"),
        (bgzf(HEADER.encode()[:-1] + b"\xff"), r"line 5: byte 0xff is not UTF-8"),
    ],
)
def test_files_that_are_something_else(tmp_path, data, pattern):
    with pytest.raises(InputError, match=pattern):
        VcfSource(written(tmp_path, data))


def test_paths_that_are_no_files(tmp_path):
    with pytest.raises(InputError, match=r"none.vcf does not exist"):
        VcfSource(tmp_path / "none.vcf")
    with pytest.raises(InputError, match="is a folder"):
        VcfSource(tmp_path)


def test_gzip_cut_short(tmp_path, small):
    text = (HEADER + "\n".join(map(record, range(500))) + "\n").encode()
    data = gzip.compress(text)
    assert len(lines_of(written(tmp_path, data + gzip.compress(b"") + bytes(10)), allow_gzip=True)) == 500
    with pytest.raises(InputError, match=r"the compressed data end too early|truncated or damaged"):
        lines_of(written(tmp_path, data[: len(data) // 2]), allow_gzip=True)


def test_a_line_of_many_megabytes(tmp_path, inflater):
    long = record(1, "x" * 40_000_000)
    path = written(tmp_path, bgzf((HEADER + "\n".join([record(0), long, record(2)]) + "\n").encode(), [65280], level=1))
    got = np.concatenate([batch.line_end - batch.line_start for batch in VcfSource(path).batches(2, 2)]).tolist()
    assert got == [len(record(0)), len(long), len(record(2))]
    tracemalloc.start()
    try:
        with pytest.raises(InputError, match=r"line 7 is longer than 1,000,000 bytes"):
            list(VcfSource(path).batches(2, 2, ahead_bytes=1 << 20, max_line_bytes=10**6))
        assert tracemalloc.get_traced_memory()[1] < 30e6  # it is not read to its end
    finally:
        tracemalloc.stop()


def test_reading_ahead_is_bounded(tmp_path):
    n = 60_000
    path = written(tmp_path, bgzf((HEADER + "\n".join(record(number, "x" * 1000) for number in range(n))).encode()))
    tracemalloc.start()
    try:
        assert sum(len(batch) for batch in VcfSource(path).batches(1000, 2, ahead_bytes=8 << 20)) == n
        assert tracemalloc.get_traced_memory()[1] < 40e6  # of 60 MB of text
    finally:
        tracemalloc.stop()


def test_wrong_calls(tmp_path):
    file = VcfSource(written(tmp_path, HEADER.encode()))
    for n_rows, threads in ((0, 1), (1, 0)):
        with pytest.raises(ValueError, match="at least one record"):
            next(file.batches(n_rows, threads))
