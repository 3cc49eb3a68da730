"""Recall and precision against a truth, on alleles counted by hand."""

from __future__ import annotations

from pathlib import Path

import pytest

from genomics_dc.calls.compare import compare_calls
from genomics_dc.errors import InputError

HEADER = """##fileformat=VCFv4.2
##FILTER=<ID=low,Description="low">
##contig=<ID=1,length=40>
##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">
#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\t"""


@pytest.fixture
def fasta(tmp_path: Path, program) -> Path:
    program("bcftools")
    path = tmp_path / "1.fa"
    path.write_text(">1\nACGTACGTACGGGGGTACGTACGTACGTACGTACGTACGT\n")
    return path


def vcf(path: Path, samples: str, *rows: str) -> Path:
    path.write_text(HEADER + samples + "\n" + "".join("\t".join(row.split()) + "\n" for row in rows))
    return path


def test_alleles_are_counted_once_however_they_are_written(tmp_path: Path, fasta: Path) -> None:
    truth = vcf(
        tmp_path / "t.vcf",
        "S",
        "1 2 . C T . PASS . GT 0/1",
        "1 11 . GG G . PASS . GT 1/1",  # a deletion in a run of G, at its left end
        "1 20 . T A . PASS . GT 0/1",
        "1 24 . T C . PASS . GT 0/1",
    )
    calls = vcf(
        tmp_path / "c.vcf",
        "S",
        "1 2 . C T . PASS . GT 1/1",  # found, with another genotype
        "1 14 . GG G . PASS . GT 1/1",  # the same deletion at the right end
        "1 20 . T A,C . PASS . GT 1/2",  # one right allele and one false
        "1 30 . C G . low . GT 0/1",
    )
    found = compare_calls(truth, calls, fasta=fasta)
    assert (found.snv.truth, found.snv.found, found.snv.genotypes_equal, found.snv.false_positives) == (3, 2, 1, 2)
    assert (found.indel.truth, found.indel.found, found.indel.genotypes_equal) == (1, 1, 1)
    assert found.snv.recall == pytest.approx(2 / 3)
    assert found.snv.precision == pytest.approx(2 / 4)
    passed = compare_calls(truth, calls, fasta=fasta, passed_only=True)
    assert passed.snv.false_positives == 1


def test_only_what_lies_inside_the_regions_counts(tmp_path: Path, fasta: Path) -> None:
    truth = vcf(tmp_path / "t.vcf", "S", "1 2 . C T . PASS . GT 0/1", "1 20 . T A . PASS . GT 0/1")
    calls = vcf(tmp_path / "c.vcf", "S", "1 2 . C T . PASS . GT 0/1", "1 30 . C G . PASS . GT 0/1")
    regions = tmp_path / "r.bed"
    regions.write_text("1\t1\t19\n")  # zero-based half-open: base 2 is in, base 20 is out
    found = compare_calls(truth, calls, fasta=fasta, regions=regions)
    assert (found.snv.truth, found.snv.found, found.snv.false_positives) == (1, 1, 0)


def test_a_truth_of_several_samples_is_read_for_the_same_name(tmp_path: Path, fasta: Path) -> None:
    truth = vcf(tmp_path / "t.vcf", "A\tB", "1 2 . C T . PASS . GT 0/0 0/1")
    calls = vcf(tmp_path / "c.vcf", "A\tB", "1 2 . C T . PASS . GT 0/0 0/1")
    assert compare_calls(truth, calls, fasta=fasta, sample="A").snv.truth == 0
    assert compare_calls(truth, calls, fasta=fasta, sample="B").snv.found == 1
    with pytest.raises(InputError, match="say which one: A, B"):
        compare_calls(truth, calls, fasta=fasta)
