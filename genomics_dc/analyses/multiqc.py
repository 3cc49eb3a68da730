"""Our own quality as sections of a MultiQC page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from genomics_dc.analyses.qc import QCResult


def multiqc_sections(result: QCResult) -> dict[str, dict[str, Any]]:
    """Return MultiQC custom content by file stem: a table of samples and a table of the thresholds.

    The form: https://docs.seqera.io/multiqc/custom_content. A missing value is left out, so MultiQC shows it as empty.
    """
    columns: dict[str, dict[str, Any]] = {
        "call_rate": {"title": "Call rate", "max": 1, "min": 0, "format": "{:,.4f}"},
        "het_hom_ratio": {"title": "Het/hom", "description": "heterozygous per homozygous ALT", "format": "{:,.3f}"},
        "f_inbreeding": {"title": "F", "description": "inbreeding coefficient, autosomes", "format": "{:,.4f}"},
        "ti_tv": {"title": "Ti/Tv", "description": "transitions per transversion", "format": "{:,.3f}"},
        "singletons": {"title": "Singletons", "description": "ALT alleles only here", "format": "{:,d}"},
        "mean_depth": {"title": "Depth", "description": "mean FORMAT/DP, reads", "format": "{:,.1f}"},
        "mean_gq": {"title": "GQ", "description": "mean genotype quality, Phred", "format": "{:,.1f}"},
        "het_imbalance": {"title": "Het imbalance", "description": "mean distance of reads from a half"},
        "sex_check": {"title": "Sex", "description": "as given, and as X and Y show"},
        "filter": {"title": "Verdict", "description": "PASS, or the thresholds failed"},
    }
    rows = result.samples.table.select(["sample_id", *columns]).to_pylist()
    samples = {row["sample_id"]: {name: row[name] for name in columns if row[name] is not None} for row in rows}
    used = {name for row in samples.values() for name in row}
    steps = {
        f"{number}. {row['level']}: {row['criterion']}": {  # numbered, because MultiQC sorts rows by name
            name: row[name]
            for name in ("threshold", "failing", "removed", "left", "not_assessed", "why")
            if row[name] is not None
        }
        for number, row in enumerate(result.steps.table.to_pylist(), start=1)
    }
    parent = {
        "parent_id": "genomics_dc",
        "parent_name": "Genomics DC: cohort quality",
        "parent_description": f"{len(result.variants):,} variants, {len(result.samples):,} samples of the joint call",
    }
    return {
        "genomics_dc_samples": {
            "id": "genomics_dc_samples",
            **parent,
            "section_name": "Samples",
            "description": "Counted from the store of joint genotypes.",
            "plot_type": "table",
            "pconfig": {"id": "genomics_dc_samples_table", "title": "Cohort quality: samples", "col1_header": "Sample"},
            "headers": {name: header for name, header in columns.items() if name in used},
            "data": samples,
        },
        "genomics_dc_thresholds": {
            "id": "genomics_dc_thresholds",
            **parent,
            "section_name": "Thresholds",
            "description": "How many variants and samples fall at each threshold, and how many are left after it.",
            "plot_type": "table",
            "pconfig": {
                "id": "genomics_dc_thresholds_table",
                "title": "Cohort quality: thresholds",
                "col1_header": "Threshold",
                "only_defined_headers": True,
            },
            "headers": {
                "threshold": {"title": "Threshold", "scale": False, "format": "{:,g}"},
                "failing": {"title": "Failing", "scale": False, "format": "{:,d}"},
                "removed": {"title": "Removed here", "scale": False, "format": "{:,d}"},
                "left": {"title": "Left", "scale": False, "format": "{:,d}"},
                "not_assessed": {"title": "Not assessed", "scale": False, "format": "{:,d}"},
                "why": {"title": "Why"},
            },
            "data": steps,
        },
    }
