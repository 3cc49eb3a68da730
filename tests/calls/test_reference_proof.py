"""A planted hole: 0/0 at depth 0 becomes missing, 0/0 with reads stays."""

from __future__ import annotations

from pathlib import Path

import cyvcf2
import pysam
import pytest

from genomics_dc.calls.reference_proof import Evidence, is_proven, prove_reference
from genomics_dc.errors import InputError

GVCF_HEADER = """##fileformat=VCFv4.2
##contig=<ID=20,length=1000>
##INFO=<ID=END,Number=1,Type=Integer,Description="End">
##INFO=<ID=MinDP,Number=1,Type=Integer,Description="Least depth">
##INFO=<ID=INDEL,Number=0,Type=Flag,Description="Indel">
##FORMAT=<ID=PL,Number=G,Type=Integer,Description="Likelihoods">
##FORMAT=<ID=DP,Number=1,Type=Integer,Description="Depth">
#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\t{sample}
"""
JOINT_HEADER = """##fileformat=VCFv4.2
##contig=<ID=20,length=1000>
##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">
#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\tA\tB
"""


def gvcf(folder: Path, sample: str, blocks: list[tuple[int, int, int, str]]) -> Path:
    path = folder / f"{sample}.g.vcf"
    rows = [
        f"20\t{first}\t.\tA\t<*>\t.\t.\tEND={last};MinDP={depth}\tPL:DP\t{likelihoods}:{depth}\n"
        for first, last, depth, likelihoods in blocks
    ]
    path.write_text(GVCF_HEADER.format(sample=sample) + "".join(rows))
    return path


def joint(folder: Path, rows: list[tuple[int, str, str, str, str]]) -> Path:
    path = folder / "joint.vcf"
    lines = [f"20\t{pos}\t.\t{ref}\t{alt}\t50\t.\t.\tGT\t{a}\t{b}\n" for pos, ref, alt, a, b in rows]
    path.write_text(JOINT_HEADER + "".join(lines))
    return path


def genotypes(path: Path) -> list[tuple[str, str]]:
    with pysam.VariantFile(str(path)) as handle:
        return [
            tuple(
                "/".join("." if allele is None else str(allele) for allele in record.samples[name]["GT"])
                for name in "AB"
            )
            for record in handle
        ]


def test_hole_thin_and_doubtful_sites_become_missing(tmp_path: Path) -> None:
    full = gvcf(tmp_path, "A", [(1, 1000, 30, "0,60,255")])
    holed = gvcf(
        tmp_path,
        "B",
        [(1, 199, 30, "0,60,255"), (300, 399, 3, "0,9,90"), (400, 499, 30, "0,5,200"), (500, 1000, 30, "0,60,255")],
    )
    calls = joint(
        tmp_path,
        [
            (100, "A", "G", "0/1", "0/0"),  # proven
            (250, "A", "G", "0/1", "0/0"),  # the planted hole: no read
            (350, "A", "G", "1/1", "0/0"),  # three reads
            (450, "A", "G", "0/1", "0/0"),  # thirty reads that are not sure
            (498, "AAAA", "A", "0/1", "0/0"),  # REF reaches from the doubtful block into a good one
            (600, "A", "G", "0/0", "0/1"),  # A is proven, B carries
            (700, "A", "G", "./.", "0/0"),  # missing stays missing
        ],
    )
    out = tmp_path / "proven.vcf.gz"
    summary = prove_reference(calls, {"A": full, "B": holed}, out, depth_min_reads=8, quality_min=20)
    assert genotypes(out) == [
        ("0/1", "0/0"),
        ("0/1", "./."),
        ("1/1", "./."),
        ("0/1", "./."),
        ("0/1", "./."),
        ("0/0", "0/1"),
        ("./.", "0/0"),
    ]
    assert (summary.records, summary.reference_genotypes, summary.not_proven) == (7, 7, 4)
    assert [record.INFO["UNPROVEN_REF"] for record in cyvcf2.VCF(str(out))] == [0, 1, 1, 1, 1, 0, 0]


def test_deletion_into_a_hole_is_not_proven() -> None:
    covered = [Evidence(0, 104, 30, 60, is_indel=False)]
    options = {"is_indel": True, "depth_min_reads": 8, "quality_min": 20}
    assert is_proven(covered, 100, 104, **options)
    assert not is_proven(covered, 100, 105, **options)


def test_own_indel_evidence_speaks_against_an_indel_only() -> None:
    evidence = [Evidence(100, 101, 30, 60, is_indel=False), Evidence(100, 101, 30, 0, is_indel=True)]
    assert is_proven(evidence, 100, 101, is_indel=False, depth_min_reads=8, quality_min=20)
    assert not is_proven(evidence, 100, 101, is_indel=True, depth_min_reads=8, quality_min=20)


def test_a_sample_without_gvcf_or_with_anothers(tmp_path: Path) -> None:
    calls = joint(tmp_path, [(100, "A", "G", "0/1", "0/0")])
    own = gvcf(tmp_path, "A", [(1, 1000, 30, "0,60,255")])
    with pytest.raises(InputError, match="no gVCF was given for sample B"):
        prove_reference(calls, {"A": own}, tmp_path / "o.vcf.gz", depth_min_reads=8, quality_min=20)
    with pytest.raises(InputError, match="is the gVCF of A, but it was given for B"):
        prove_reference(calls, {"A": own, "B": own}, tmp_path / "o.vcf.gz", depth_min_reads=8, quality_min=20)
    assert not (tmp_path / "o.vcf.gz").exists()
