"""Each bad input gives one plain sentence, and nothing stands under the output's name or beside it."""

import gzip
import os
import re
import subprocess

import pysam
import pytest

from genomics_dc.errors import (
    BuildMismatchError,
    GenomicsError,
    InputError,
    OutputExistsError,
    ResourceError,
)
from genomics_dc.store import build_store
from tests.builders import random_records, write_vcf

RECORD = "1 10 . A G 50 PASS DP=3 GT 0/1 1/1"


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def refused(vcfs, folder, error, pattern, **options):
    output = folder / "out.vcz"
    before = names(folder)
    with pytest.raises(error) as caught:
        build_store(vcfs, output, **options)
    message = str(caught.value)
    assert re.search(pattern, message), message
    assert "\n" not in message
    assert names(folder) == before


@pytest.mark.parametrize(
    ("records", "pattern"),
    [
        ([RECORD, "1 5 . A G . . . GT 0/0 0/0"], r"line 14: position 5 of contig 1 comes after 10; sort"),
        (["2 5 . A G . . . GT 0/0 0/0", RECORD, "2 6 . A G . . . GT 0/0 0/0"], r"contig 2 comes again after 1"),
        (["7 5 . A G . . . GT 0/0 0/0"], r"contig 7 is not in the header, which has 1, 2, X"),
        (["1 5 . A G . nope . GT 0/0 0/0"], r"line 13: FILTER nope is not in the header"),
        (["1 5 . A G . . NO=1 GT 0/0 0/0"], r"INFO key 'NO' is not in the header"),
        (["1 5 . A G . . . GT:NO 0/0:1 0/0:1"], r"FORMAT key 'NO' is not in the header"),
        (["1 5 . A G . . . DP:GT 1:0/0 1:0/0"], r"GT should be the first FORMAT key"),
        (["1 5 . A G . . . GT:DP:DP 0/0:1:1 0/0:1:1"], r"a FORMAT key stands twice"),
        (["1 5 . A G . . . GT 0/0"], r"line 13 has 10 columns; the header has 11"),
        (["1 5 . A G"], r"line 13 has 5 columns"),
        (["1 x . A G . . . GT 0/0 0/0"], r"POS should be a whole number, not 'x'"),
        ([RECORD, ""], r"line 14 is empty"),
    ],
)
def test_records_that_break_the_file(tmp_path, records, pattern):
    vcf = write_vcf(tmp_path / "in.vcf.gz", records)
    refused(vcf, tmp_path, InputError, pattern)


@pytest.mark.parametrize(
    ("samples", "pattern"),
    [
        (("S1", "S1"), "sample S1 has two columns"),
        (("S1", "a/b"), "sample id 'a/b'"),
        (("S1", ".."), r"sample id '\.\.'"),
        (("S1", "a;b"), "sample id 'a;b'"),
        (("S1", "-x"), "sample id '-x'"),
        (("S1", ""), "sample id ''"),
    ],
)
def test_sample_columns_that_cannot_be_kept(tmp_path, samples, pattern):
    refused(write_vcf(tmp_path / "in.vcf", [RECORD], samples=samples), tmp_path, InputError, pattern)


def test_a_sample_id_with_a_space(tmp_path):
    vcf = write_vcf(tmp_path / "in.vcf", [RECORD], samples=("S1", "S#2"))
    vcf.write_text(vcf.read_text().replace("S#2", "S 2"))
    refused(vcf, tmp_path, InputError, "sample id 'S 2'")


def test_a_file_that_is_not_there(tmp_path):
    refused(tmp_path / "none.vcf", tmp_path, InputError, r"none.vcf does not exist")


@pytest.mark.parametrize(
    ("content", "pattern"),
    [
        (b"", "is empty"),
        (b"BAM\1 and more", "is not a VCF"),
        (gzip.compress(b"##fileformat=VCFv4.2\n", mtime=0), "compressed by gzip, not by bgzip"),
        (b"##fileformat=VCFv4.3\nno columns\n", "line 2: the column line should begin with #CHROM"),
    ],
)
def test_a_file_that_is_something_else(tmp_path, content, pattern):
    vcf = tmp_path / "in.vcf.gz"
    vcf.write_bytes(content)
    refused(vcf, tmp_path, InputError, pattern)


def test_bgzf_that_is_really_bam(tmp_path):
    bam = tmp_path / "in.vcf.gz"
    with pysam.AlignmentFile(str(bam), "wb", header={"SQ": [{"SN": "1", "LN": 10}]}):
        pass
    refused(bam, tmp_path, InputError, "is not a VCF: its text begins with b'BAM")


def test_bgzf_without_its_end(tmp_path):
    vcf = write_vcf(tmp_path / "in.vcf.gz", random_records(300, 20), samples=[f"S{j}" for j in range(20)])
    whole = vcf.read_bytes()
    vcf.write_bytes(whole[:-28])
    refused(vcf, tmp_path, InputError, "truncated: the end-of-file block of BGZF is missing")
    vcf.write_bytes(whole[: len(whole) // 2])
    refused(vcf, tmp_path, InputError, "truncated")


def test_bgzf_with_a_flipped_bit_or_a_block_cut_short(tmp_path):
    vcf = write_vcf(tmp_path / "in.vcf.gz", random_records(3000, 20), samples=[f"S{j}" for j in range(20)])
    whole = bytearray(vcf.read_bytes())
    flipped = whole.copy()
    flipped[len(whole) * 3 // 4] ^= 4
    vcf.write_bytes(flipped)
    refused(vcf, tmp_path, InputError, r"truncated or damaged after line \d+|line \d+")
    vcf.write_bytes(whole[: len(whole) // 2] + whole[-28:])
    refused(vcf, tmp_path, InputError, r"truncated or damaged after line \d+")


def fasta(folder, bases):
    path = folder / "ref.fa"
    path.write_text(">chr1\n" + bases + "\n")
    pysam.faidx(str(path))
    return path


def test_another_genome_build_is_found_by_reading_bases(tmp_path):
    reference = fasta(tmp_path, "ACGTACGTAC" * 10)
    right = ["1 1 . A G . . . GT 0/0 0/1", "1 3 . GTA G . . . GT 0/0 0/1", "1 7 . N G . . . GT 0/0 0/0"]
    build_store(write_vcf(tmp_path / "right.vcf", right), tmp_path / "right.vcz", reference=reference)
    wrong = [*right, "1 10 . T G . . . GT 0/0 0/1", "1 11 . a G . . . GT 0/0 0/1", "1 12 . T G . . . GT 0/0 0/1"]
    refused(
        write_vcf(tmp_path / "wrong.vcf", wrong),
        tmp_path,
        BuildMismatchError,
        r"line 16: at 1:10 REF is T, the FASTA has C; 2 of 6 records of \S+wrong.vcf disagree .* another genome build",
        reference=reference,
    )
    past = [*right, "1 5000 . T G . . . GT 0/0 0/1"]
    vcf = write_vcf(tmp_path / "past.vcf", past)
    refused(vcf, tmp_path, BuildMismatchError, r"has nothing \(the contig has 100 bases\)", reference=reference)
    vcf = write_vcf(tmp_path / "other.vcf", ["2 1 . A G . . . GT 0/0 0/1"])
    refused(vcf, tmp_path, BuildMismatchError, "contig 2 is not in .*ref.fa, which has chr1", reference=reference)


def test_a_fasta_without_index(tmp_path):
    reference = tmp_path / "ref.fa"
    reference.write_text(">1\nACGT\n")
    vcf = write_vcf(tmp_path / "in.vcf")
    refused(vcf, tmp_path, InputError, "has no index; run `samtools faidx ref.fa`", reference=reference)


def test_files_that_do_not_belong_together(tmp_path):
    first = write_vcf(tmp_path / "a.vcf", ["1 10 . A G . . . GT 0/0 0/1", "1 50 . A G . . . GT 0/0 0/1"])
    overlap = write_vcf(tmp_path / "b.vcf", ["1 40 . A G . . . GT 0/0 0/1"])
    refused([first, overlap], tmp_path, InputError, r"a.vcf and \S+b.vcf overlap: one reaches 1:50, .* begins at 1:40")
    swapped = write_vcf(tmp_path / "c.vcf", ["2 40 . A G . . . GT 0/0 0/1"], samples=("S2", "S1"))
    refused([first, swapped], tmp_path, InputError, "sample 1 is S2 in one and S1 in the other")
    other = write_vcf(tmp_path / "d.vcf", ["2 40 . A G . . . GT 0/0"], samples=("S1",))
    refused([first, other], tmp_path, InputError, "same samples in the same order, but 2 and 1 are there and S2")
    fields = write_vcf(
        tmp_path / "e.vcf",
        ["2 40 . A G . . . GT 0/0 0/1"],
        declarations=['##FORMAT=<ID=GT,Number=1,Type=String,Description="x">'],
    )
    refused([first, fields], tmp_path, InputError, "declare other INFO lines: AF, DP")
    refused([first, first], tmp_path, InputError, "overlap")
    refused([], tmp_path, InputError, "no VCF is given")


def test_an_output_that_exists_is_kept(tmp_path):
    vcf = write_vcf(tmp_path / "in.vcf")
    output = tmp_path / "out.vcz"
    built = build_store(vcf, output)
    with pytest.raises(OutputExistsError, match=r"out.vcz exists already; .* --force"):
        build_store(vcf, output)
    assert build_store(vcf, output, force=True).store_hash == built.store_hash
    bad = write_vcf(tmp_path / "bad.vcf", ["9 10 . A G . . . GT 0/0 0/1"])
    with pytest.raises(InputError):
        build_store(bad, output, force=True)
    assert build_store(vcf, tmp_path / "again.vcz").store_hash == built.store_hash
    assert names(tmp_path) == ["again.vcz", "bad.vcf", "in.vcf", "out.vcz"]


def test_a_folder_that_is_not_there(tmp_path):
    vcf = write_vcf(tmp_path / "in.vcf")
    with pytest.raises(ResourceError, match="the folder does not exist; create it first"):
        build_store(vcf, tmp_path / "no" / "out.vcz")


def test_no_write_permission(tmp_path):
    if os.geteuid() == 0:
        pytest.skip("root may write everywhere; the next test asks the same of a read-only file system")
    vcf = write_vcf(tmp_path / "in.vcf")
    folder = tmp_path / "closed"
    folder.mkdir(mode=0o500)
    with pytest.raises(ResourceError, match="no write permission"):
        build_store(vcf, folder / "out.vcz")


def mount(folder, options):
    folder.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)], capture_output=True, check=False
    )
    if done.returncode:
        pytest.skip("mounting a small file system needs root")


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small file system needs root")
@pytest.mark.parametrize("size_kib", [16, 96, 300, 500])
def test_a_full_disk(tmp_path, size_kib):
    vcf = write_vcf(tmp_path / "in.vcf.gz", random_records(4000, 60), samples=[f"S{j}" for j in range(60)])
    disk = tmp_path / "disk"
    mount(disk, f"size={size_kib}k")
    try:
        with pytest.raises(GenomicsError, match=r"out.vcz was not written: the disk is full") as caught:
            build_store(vcf, disk / "out.vcz")
        assert "\n" not in str(caught.value)
        assert names(disk) == []
    finally:
        subprocess.run(["umount", str(disk)], check=True)


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small file system needs root")
def test_a_read_only_file_system(tmp_path):
    vcf = write_vcf(tmp_path / "in.vcf")
    disk = tmp_path / "disk"
    mount(disk, "ro,size=64k")
    try:
        with pytest.raises(ResourceError, match="the file system is read-only"):
            build_store(vcf, disk / "out.vcz")
    finally:
        subprocess.run(["umount", str(disk)], check=True)
