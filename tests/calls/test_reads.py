"""FASTQ pairs that are wrong, each told in one sentence."""

from __future__ import annotations

import gzip
import subprocess
import sys
from pathlib import Path

import pysam
import pytest

from genomics_dc.calls.reads import check_pair
from genomics_dc.errors import InputError


def fastq(path: Path, names: list[str], *, length: int = 20) -> Path:
    with gzip.open(path, "wt", compresslevel=1) as handle:
        for name in names:
            handle.write(f"@{name}\n{'ACGT' * (length // 4)}\n+\n{'I' * length}\n")
    return path


def names(mate: int, count: int = 5000) -> list[str]:
    return [f"run:{number} {mate}:N:0:ACGT" for number in range(count)]


def test_a_good_pair(tmp_path: Path) -> None:
    summary = check_pair(fastq(tmp_path / "1.gz", names(1)), fastq(tmp_path / "2.gz", names(2)))
    assert (summary.pairs, summary.bases) == (5000, 200_000)


def test_truncated_gzip(tmp_path: Path) -> None:
    one, two = fastq(tmp_path / "1.gz", names(1)), fastq(tmp_path / "2.gz", names(2))
    one.write_bytes(one.read_bytes()[:-2000])
    with pytest.raises(InputError, match=r"1\.gz is cut or damaged after read [\d,]+; fetch the file again"):
        check_pair(one, two)


def test_unequal_counts(tmp_path: Path) -> None:
    one, two = fastq(tmp_path / "1.gz", names(1)), fastq(tmp_path / "2.gz", names(2)[:-7])
    with pytest.raises(InputError, match=r"2\.gz ends after 4,993 reads"):
        check_pair(one, two)


def test_other_names(tmp_path: Path) -> None:
    one, two = fastq(tmp_path / "1.gz", names(1)), fastq(tmp_path / "2.gz", names(2)[1:] + names(2)[:1])
    with pytest.raises(InputError, match="read 1 is run:0 in"):
        check_pair(one, two)


@pytest.mark.parametrize("marks", [(" 2:N:0:A", " 1:N:0:A"), ("/2", "/1")])
def test_swapped_mates(tmp_path: Path, marks: tuple[str, str]) -> None:
    one = fastq(tmp_path / "1.gz", [f"r{number}{marks[0]}" for number in range(3)])
    two = fastq(tmp_path / "2.gz", [f"r{number}{marks[1]}" for number in range(3)])
    with pytest.raises(InputError, match="the two files are swapped"):
        check_pair(one, two)


def test_bam_named_fastq(tmp_path: Path) -> None:
    path = tmp_path / "1.fastq.gz"
    with pysam.AlignmentFile(str(path), "wb", header={"SQ": [{"SN": "20", "LN": 100}]}):
        pass
    with pytest.raises(InputError, match=r"is BAM, not FASTQ; put it in the column alignment"):
        check_pair(path, fastq(tmp_path / "2.gz", names(2)))


def test_command_says_one_sentence_and_fails(tmp_path: Path) -> None:
    one, two = fastq(tmp_path / "1.gz", names(1, 3)), fastq(tmp_path / "2.gz", names(2, 2))
    done = subprocess.run(
        [sys.executable, "-m", "genomics_dc.cli.main", "calls", "check-reads", one, two],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("genomics-dc: ")
