"""Builders of small valid objects that tests of more than one room use; every field can be changed by keyword."""

from __future__ import annotations

from typing import Any

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
