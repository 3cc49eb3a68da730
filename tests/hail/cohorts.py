"""The two made cohorts whose questions Hail answers: one with everything that quality looks at, one complete."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pandas as pd

from tests.builders import write_cohort_vcf

COVARIATES = ["c1", "c2"]
TRAITS = ["q1", "q2"]
CASE = "sick"
COMPONENTS = 4


def quality_vcf(folder: Path) -> Path:
    """60 people; SNVs, insertions, deletions, two and three ALT alleles, missing calls, depth and quality."""
    return write_cohort_vcf(
        folder / "quality.vcf", n_samples=60, n_variants=250, seed=5, many_alleles=30, missing_rate=0.04, depth=True
    )


def complete_vcf(folder: Path) -> Path:
    """90 people without a missing call: Hail puts the mean where a genotype is missing, we leave the person out."""
    return write_cohort_vcf(folder / "complete.vcf", n_samples=90, n_variants=250, seed=6, missing_rate=0.0)


def phenotypes() -> pd.DataFrame:
    """Two quantitative traits with different people missing, one disease, two covariates, of the complete cohort."""
    rng = np.random.default_rng(7)
    n_samples = 90
    table = pd.DataFrame({"sample_id": [f"S{number:04d}" for number in range(n_samples)]})
    for name in COVARIATES:
        table[name] = rng.normal(size=n_samples).round(4)
    table["q1"] = (table["c1"] + rng.normal(size=n_samples)).round(4)
    table["q2"] = (3 - table["c2"] + rng.normal(size=n_samples)).round(4)
    table.loc[rng.permutation(n_samples)[:8], "q2"] = np.nan
    table["sick"] = (rng.random(n_samples) < 0.4).astype(int)
    return table


def sha256(vcf: Path) -> str:
    """Of the text: a golden answer is of these bytes and no others."""
    return hashlib.sha256(vcf.read_bytes()).hexdigest()
