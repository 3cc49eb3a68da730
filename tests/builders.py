"""Builders of small valid objects that tests of more than one room use; every field can be changed by keyword."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pysam

from genomics_dc.screening.model import (
    CarriedVariant,
    Classification,
    Consequence,
    Criterion,
    Findings,
    GeneCoverage,
    IdentityCheck,
    KnownRecord,
    ParentCall,
)


def make_classification(significance: str = "pathogenic", **changes: Any) -> Classification:
    """A class with two criteria, as screening writes it."""
    values: dict[str, Any] = {
        "significance": significance,
        "points": 10,
        "criteria": (
            Criterion(code="PVS1", strength="very_strong", points=8, values={"so_term": "stop_gained"}),
            Criterion(
                code="PM2",
                strength="moderate",
                points=2,
                values={"allele_frequency": 0.00002, "frequency_max": 0.0001, "source": "gnomAD r2.1.1"},
            ),
        ),
        "criteria_not_assessed": ("PS2", "PS3", "PP4", "BS3"),
        "rules": "ACMG/AMP 2015, points",
        "rules_source": "doi:10.1002/humu.24088",
    }
    return Classification(**{**values, **changes})


def make_carried_variant(**changes: Any) -> CarriedVariant:
    """A homozygous variant of PANK2 as the demo plants it; any field can be changed."""
    values: dict[str, Any] = {
        "contig": "20",
        "position": 3_899_342,
        "ref": "G",
        "alt": "A",
        "identifier": "rs1",
        "gene": "PANK2",
        "genotype": "1/1",
        "zygosity": "homozygous",
        "depth_reads": 31,
        "allele_depth_reads": (0, 31),
        "genotype_quality": 92,
        "filters": ("PASS",),
        "consequence": Consequence(
            gene="PANK2",
            transcript="ENST00000316562.4",
            so_terms=("missense",),
            hgvs_c="c.1561G>A",
            hgvs_p="p.(Gly521Arg)",
        ),
        "cohort_allele_count": 4,
        "cohort_allele_number": 12,
        "population_frequencies": {"gnomAD": 0.00021, "gnomAD EAS": 0.0},
        "known": (
            KnownRecord(
                source="ClinVar",
                source_version="2019-10-07",
                accession="VCV000000001",
                significance="Pathogenic",
                review_status="criteria_provided,_multiple_submitters,_no_conflicts",
                conditions=("Pigmentary pallidal degeneration",),
            ),
        ),
        "segregation": "homozygous_recessive",
        "partner": None,
        "parents": (
            ParentCall(role="father", sample_id="father", genotype="0/1", depth_reads=28),
            ParentCall(role="mother", sample_id="mother", genotype="./.", depth_reads=1),
        ),
        "classification": make_classification(),
    }
    return CarriedVariant(**{**values, **changes})


def make_gene_coverage(gene: str = "PANK2", *, assessed: bool = True, **changes: Any) -> GeneCoverage:
    """Coverage of one gene: all of it callable, or a part under the threshold with the interval that is missing."""
    values: dict[str, Any] = {
        "gene": gene,
        "transcript": f"ENST-{gene}.1",
        "inheritance": ("autosomal_recessive",),
        "condition": "Pantothenate kinase-associated neurodegeneration",
        "coding_bases": 1713,
        "callable_bases": 1713 if assessed else 213,
        "callable_fraction_min": 0.95,
        "not_callable": () if assessed else (("20", 3_869_700, 3_871_199),),
    }
    return GeneCoverage(**{**values, **changes})


def make_findings(**changes: Any) -> Findings:
    """Findings with one pathogenic variant, one gene assessed, one not; any field can be changed."""
    values: dict[str, Any] = {
        "sample_id": "child",
        "assembly": "GRCh37",
        "panel": "demo",
        "panel_version": "1.0",
        "panel_source": "made for tests",
        "variants": (make_carried_variant(),),
        "coverage": (make_gene_coverage(), make_gene_coverage("VPS16", assessed=False)),
        "identity": (
            IdentityCheck(check="kinship", status="pass", detail="father 0.249, mother 0.251; first degree expected"),
            IdentityCheck(check="sex", status="not_assessable", detail="no reads on X or Y"),
        ),
        "thresholds": {"depth_min_reads": 10, "mapping_quality_min": 20, "callable_fraction_min": 0.95},
        "versions": {"bcftools": "1.16", "bwa": "0.7.17", "ClinVar": "2019-10-07", "gene models": "Ensembl GRCh37 87"},
        "checksums": {"joint VCF": "0" * 64, "reference FASTA": "f" * 64},
    }
    return Findings(**{**values, **changes})


def write_cohort_vcf(
    path: Path,
    *,
    n_samples: int = 20,
    n_variants: int = 100,
    seed: int = 1,
    many_alleles: int = 0,
    missing_rate: float = 0.03,
    contig: str = "20",
    depth: bool = False,
) -> Path:
    """Write a VCF of random diploid genotypes, sites and frequencies of every kind, with an exact seed.

    `many_alleles` sites of contig 21 follow, with two or three ALT alleles; `depth` adds DP and GQ.
    """
    rng = np.random.default_rng(seed)
    samples = [f"S{number:04d}" for number in range(n_samples)]
    lines = [
        "##fileformat=VCFv4.2",
        f"##contig=<ID={contig},length=64444167>",
        "##contig=<ID=21,length=46709983>",
        '##FILTER=<ID=PASS,Description="All filters passed">',
        '##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">',
        '##FORMAT=<ID=DP,Number=1,Type=Integer,Description="Depth">',
        '##FORMAT=<ID=GQ,Number=1,Type=Integer,Description="Genotype quality">',
        "\t".join(["#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO", "FORMAT", *samples]),
    ]
    for number in range(n_variants + many_alleles):
        many = number >= n_variants
        bases = rng.permutation(list("ACGT")).tolist()
        kind = rng.random()
        if many:
            ref, alts = bases[0], bases[1 : 3 + int(rng.integers(0, 2))]
            if kind < 0.3:
                alts[-1] = ref + bases[3] + bases[2]
        elif kind < 0.8:
            ref, alts = bases[0], [bases[1]]
        elif kind < 0.9:
            ref, alts = bases[0], [bases[0] + bases[1] * int(rng.integers(1, 4))]
        else:
            ref, alts = bases[0] + bases[1] * int(rng.integers(1, 4)), [bases[0]]
        rare = rng.random() < 0.3
        share = rng.dirichlet([1.0] * (len(alts) + 1))
        if rare:
            share[1:] = 0.7 / n_samples
            share[0] = 1.0 - share[1:].sum()
        genotype = rng.choice(len(alts) + 1, size=(n_samples, 2), p=share)
        calls = [f"{min(pair)}/{max(pair)}" for pair in genotype.tolist()]
        lost = rng.random(n_samples) < missing_rate
        calls = ["./." if gone else call for call, gone in zip(calls, lost, strict=True)]
        if depth:
            reads = rng.poisson(30, n_samples)
            calls = [f"{call}:{n}:{min(99, 3 * n)}" for call, n in zip(calls, reads, strict=True)]
        name = f"v{number}"
        where = ["21" if many else contig, str(1_000_000 + 10 * number), name, ref, ",".join(alts)]
        lines.append("\t".join([*where, ".", "PASS", ".", "GT:DP:GQ" if depth else "GT", *calls]))
    path.write_text("\n".join(lines) + "\n")
    return path


VCF_CONTIGS = (("1", 100_000), ("2", 100_000), ("X", 100_000))
VCF_DECLARATIONS = (
    '##FILTER=<ID=q10,Description="Quality, below 10">',
    '##FILTER=<ID=s50,Description="Half of the samples missing">',
    '##INFO=<ID=DP,Number=1,Type=Integer,Description="Depth">',
    '##INFO=<ID=AF,Number=A,Type=Float,Description="Allele frequency">',
    '##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">',
    '##FORMAT=<ID=DP,Number=1,Type=Integer,Description="Depth">',
    '##FORMAT=<ID=AD,Number=R,Type=Integer,Description="Allele depth">',
)


def write_vcf(
    path: Path,
    records: Sequence[str] = ("1 10 . A G 50 PASS DP=3 GT 0/1 1/1", "1 20 rs2 C T . . . GT 0/0 ./."),
    *,
    samples: Sequence[str] = ("S1", "S2"),
    contigs: Sequence[tuple[str, int]] = VCF_CONTIGS,
    declarations: Sequence[str] = VCF_DECLARATIONS,
) -> Path:
    """Write a VCF whose records are given with spaces for tabs; BGZF-compressed when the name ends in .gz."""
    lines = ["##fileformat=VCFv4.3", *(f"##contig=<ID={name},length={length}>" for name, length in contigs)]
    columns = ["#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO"]
    columns += ["FORMAT", *samples] if samples else []
    text = "\n".join([*lines, *declarations, "\t".join(columns), *(r.replace(" ", "\t") for r in records)]) + "\n"
    if path.name.endswith(".gz"):
        with pysam.BGZFile(str(path), "wb", None) as handle:
            handle.write(text.encode())
    else:
        path.write_text(text, encoding="utf-8")
    return path


def random_records(n_variants: int, n_samples: int, *, seed: int = 1, contigs: Sequence[str] = ("1", "2")) -> list[str]:
    """Records of a random cohort: half-calls, haploid and missing calls, three alleles, ids, filters, DP."""
    random = np.random.default_rng(seed)
    genotypes = np.array(["0/0", "0/1", "1/1", "1|0", "./.", "0/.", "0/2", "1/2", "2/2", "0", "1", "."])
    weights = np.array([40, 20, 10, 5, 5, 2, 4, 4, 4, 2, 2, 2], dtype=float)
    made = []
    for number in range(n_variants):
        contig = contigs[number * len(contigs) // n_variants]
        calls = random.choice(genotypes, n_samples, p=weights / weights.sum())
        depths = random.integers(0, 60, n_samples)
        length = int(random.integers(1, 6))
        fields = [
            contig,
            str(10 + number * 3 + int(random.integers(0, 3))),
            f"rs{number}" if number % 3 else ".",
            "A" * length,
            "C,G",
            str(number % 90) if number % 7 else ".",
            ("PASS", "q10", "q10;s50", ".")[number % 4],
            f"DP={number};AF={random.random():.3g},0.1",
            "GT:DP",
            *(f"{call}:{depth}" for call, depth in zip(calls, depths, strict=True)),
        ]
        made.append(" ".join(fields))
    return made


def by_group(labels):
    """Turn "sample: group" into "group: samples", as analyses take groups; a label of NA is no group."""
    groups = {}
    for sample, group in labels.items():
        if group != "NA":
            groups.setdefault(group, []).append(sample)
    return groups
