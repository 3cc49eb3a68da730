"""Outside programs that are missing, too old, or fail; `doctor` names the package."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from pathlib import Path

import pytest

from genomics_dc import tools
from genomics_dc.errors import ToolError


def put_program(folder: Path, name: str, prints: str) -> None:
    """Put a program into a folder that prints a version as an old release does."""
    path = folder / name
    path.write_text(f"#!/bin/sh\necho '{prints}'\n")
    path.chmod(0o755)


@pytest.fixture
def bare_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A PATH on which nothing is but what a test puts there."""
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path


def test_what_is_missing_or_too_old_is_told_all_at_once_with_its_package(bare_path: Path) -> None:
    put_program(bare_path, "samtools", "samtools 1.10")
    put_program(bare_path, "bcftools", "bcftools 1.16")
    with pytest.raises(ToolError) as caught:
        tools.require("bwa", "samtools", "bcftools", "fastp")
    said = str(caught.value)
    assert "bwa is missing (Debian package bwa)" in said
    assert "samtools 1.10 is too old, 1.16 or newer is needed" in said
    assert "fastp is missing" in said
    assert "bcftools" not in said
    assert "\n" not in said


def test_versions_are_compared_as_numbers(bare_path: Path) -> None:
    put_program(bare_path, "samtools", "samtools 1.9")
    with pytest.raises(ToolError, match=r"1\.9 is too old"):
        tools.require("samtools")
    put_program(bare_path, "samtools", "samtools 1.100")
    assert tools.require("samtools") == {"samtools": "1.100"}


@pytest.mark.parametrize("name", [name for name, one in tools.PROGRAMS.items() if one.needed_for == "run"])
def test_real_programs_tell_a_version_that_is_enough(name: str, program) -> None:
    program(name)
    assert tools.require(name)[name]


def test_a_program_that_fails_is_quoted_in_one_sentence(program) -> None:
    program("samtools")
    with pytest.raises(ToolError, match=r"`samtools view` failed with exit status 1: .*nowhere\.bam") as caught:
        tools.run(["samtools", "view", "nowhere.bam"])
    assert "\n" not in str(caught.value)


def test_doctor_names_the_packages_and_fails(bare_path: Path) -> None:
    command = [sys.executable, "-m", "genomics_dc.cli.main", "doctor", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    told = json.loads(done.stdout)
    assert done.returncode == 1
    assert not told["ok"]
    assert {"bwa", "samtools", "bcftools", "fastp", "tabix"} <= set(told["packages"])


def test_run_says_what_is_missing_before_any_job(bare_path: Path, tmp_path: Path) -> None:
    (tmp_path / "1.fa").write_text(">1\nACGT\n")
    for mate in (1, 2):
        (tmp_path / f"{mate}.fastq.gz").write_bytes(gzip.compress(f"@r/{mate}\nACGT\n+\nIIII\n".encode()))
    (tmp_path / "s.tsv").write_text("sample\tlibrary\tlane\tfastq_1\tfastq_2\nS\tl\t1\t1.fastq.gz\t2.fastq.gz\n")
    config = tmp_path / "run.yaml"
    config.write_text("assembly: x\nreference: {fasta: 1.fa}\nsamples: s.tsv\noutput: out\n")
    command = [sys.executable, "-m", "genomics_dc.cli.main", "run", str(config)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "bwa is missing (Debian package bwa)" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "out" / "reads").exists()
