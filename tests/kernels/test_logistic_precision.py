"""Who is the more exact where we and PLINK 2 differ: both against Newton's method in 60 decimal digits (golden)."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pandas as pd

from genomics_dc.kernels import genotypes, logistic

GOLDEN = Path(__file__).resolve().parents[1] / "golden"


def test_our_error_is_far_below_plinks():
    people = pd.read_csv(GOLDEN / "logistic_precision.tsv", sep="\t")
    answers = pd.read_csv(GOLDEN / "logistic_precision.answers.tsv", sep="\t")
    dosage = people[answers["variant"].tolist()].to_numpy(dtype=np.int8).T
    covariates = people[["age", "pc1", "sex"]].to_numpy(dtype=float)
    prepared = logistic.design(people["case"].to_numpy(dtype=float), covariates)
    placed = logistic.place(prepared, np.arange(len(people)), len(people))
    for fitted in (
        logistic.fit(dosage, prepared),
        logistic.fit_packed(genotypes.pack_dosage(dosage), placed, score_p_max=1.0),  # from the score test's point
    ):
        assert np.abs(fitted.beta / answers["exact_beta"] - 1).max() < 1e-9
        assert np.abs(fitted.standard_error / answers["exact_se"] - 1).max() < 1e-9
        ours = np.abs(10.0**-fitted.neg_log10_p / answers["exact_p"] - 1)
        theirs = np.abs(answers["plink2_p"] / answers["exact_p"] - 1)
        assert ours.max() < 1e-9
        assert theirs.max() > 1e-5
        assert (math.log10(theirs.max()) - math.log10(ours.max())) > 4
