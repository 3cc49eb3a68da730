"""Our numbers held against Hail's, given as frames: read from a golden file, or asked of Hail just now.

Both sides count in double precision. Counts must be equal; ratios of counts to 1e-12; regressions to 1e-6 of the number
(what the project promises; they agree to far more), since least squares are solved in different ways.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from tests.hail import cohorts

GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "hail"
RATIO = 1e-12
REGRESSION = 1e-6
KEY = ["position", "ref", "alt"]


def two_alleles(view):
    """The variants of the quality cohort that have one ALT: Hail's kinship takes no others."""
    sites = view.sites()
    return view.variants(index=sites.index[sites.n_alleles == 2])


def linear(view):
    """Our answer to `answers.linear`."""
    return view.associate(cohorts.phenotypes(), traits=cohorts.TRAITS, covariate_names=cohorts.COVARIATES)


def logistic(view):
    """Our answer to `answers.logistic`."""
    return view.associate(
        cohorts.phenotypes(),
        traits=[cohorts.CASE],
        covariate_names=cohorts.COVARIATES,
        model="logistic",
        fit_all=True,
    )


def variants_of(result) -> pd.DataFrame:
    """A result by variant, with the key that Hail's frames have."""
    table = result.to_pandas()
    if "alt" not in table:  # an association names alleles by their role
        table = table.rename(columns={"other_allele": "ref", "effect_allele": "alt"})
    return table.rename(columns={"base_pair_location": "position"})


def beside(ours: pd.DataFrame, theirs: pd.DataFrame, on) -> pd.DataFrame:
    """Both tables row by row; what Hail has and we have not, or the other way round, is an error."""
    both = ours.merge(theirs, on=on, how="outer", suffixes=("", "_hail"), validate="one_to_one", indicator=True)
    assert (both["_merge"] == "both").all()
    assert len(both) > 0
    return both


def numbers(values) -> np.ndarray:
    return np.asarray(pd.to_numeric(values), dtype=float)


def close(ours, theirs, tolerance, floor=0.0) -> None:
    np.testing.assert_allclose(numbers(ours), numbers(theirs), rtol=tolerance, atol=floor)


def variant_qc(qc, theirs: pd.DataFrame) -> None:
    both = beside(variants_of(qc.variants), theirs, KEY)
    for name in ("AN", "hom_ref"):
        assert (both[name] == both[f"{name}_hail"]).all()
    copies = both["AC_by_allele"].where(both["AC_by_allele"].notna(), both["AC"].astype(str))
    assert (copies == both["AC_hail"].astype(str)).all()
    assert (both["missing"] == both["n_not_called"]).all()
    close(both["AF"], both["AF_hail"], RATIO)
    close(1 - both["missing_rate"], both["call_rate"], RATIO)
    # Hail tests variants of two alleles only; of one that everybody carries it says 1/2, we say that there is no test
    tested = both["p_value_hwe"].notna() & both["hwe_p"].notna()
    assert tested.sum() > 100
    assert (both.loc[both["p_value_hwe"].notna() & both["hwe_p"].isna(), "p_value_hwe"] == 0.5).all()
    close(both["hwe_p"][tested], both["p_value_hwe"][tested], 1e-9)


def sample_qc(qc, theirs: pd.DataFrame) -> None:
    both = beside(qc.samples.to_pandas(), theirs.rename(columns={"s": "sample_id"}), ["sample_id"])
    for ours, name in (
        ("called", "n_called"),
        ("missing", "n_not_called"),
        ("hom_ref", "n_hom_ref"),
        ("het", "n_het"),
        ("hom_alt", "n_hom_var"),
        ("transitions", "carried_transitions"),
        ("transversions", "carried_transversions"),
        ("insertions", "carried_insertions"),
        ("deletions", "carried_deletions"),
        ("singletons", "n_singleton"),
    ):
        assert (both[ours] == both[name]).all(), name
    close(both["call_rate"], both["call_rate_hail"], RATIO)
    for ours, name in (("het_hom_ratio", "r_het_hom_var"), ("mean_depth", "dp_mean"), ("mean_gq", "gq_mean")):
        if name in both:
            close(both[ours], both[name], RATIO)


def association(result, theirs: pd.DataFrame, *, on=(), floor=1e-12) -> pd.DataFrame:
    """Beta, standard error and p of every variant that both can test; return the others."""
    both = beside(variants_of(result), theirs, [*KEY, *on])
    tested = (both["status"] == "ok") & both["p_value_hail"].notna()
    assert tested.sum() > 0.5 * len(both)
    for name in ("beta", "standard_error", "p_value"):
        close(both[name][tested], both[f"{name}_hail"][tested], REGRESSION, floor)
    return both[~tested]


def pca(result, eigenvalues: pd.DataFrame, scores: pd.DataFrame) -> None:
    """The eigenvalues, and the sines of the angles between the two subspaces."""
    both = result.to_pandas().merge(scores.rename(columns={"s": "sample_id"}), on="sample_id", suffixes=("", "_hail"))
    assert len(both) == len(result)
    names = [f"PC{j + 1}" for j in range(len(eigenvalues))]
    ours, _ = np.linalg.qr(both[names].to_numpy())
    theirs, _ = np.linalg.qr(both[[f"{name}_hail" for name in names]].to_numpy())
    assert np.linalg.norm(theirs - ours @ (ours.T @ theirs), 2) < 1e-6
    close(result.eigenvalues, eigenvalues["eigenvalue"], 1e-6)


def king(result, theirs: pd.DataFrame) -> None:
    table = result.to_pandas().astype({"sample_id_1": str, "sample_id_2": str})
    swapped = table["sample_id_1"] > table["sample_id_2"]
    table.loc[swapped, ["sample_id_1", "sample_id_2"]] = table.loc[swapped, ["sample_id_2", "sample_id_1"]].to_numpy()
    both = beside(
        table, theirs.rename(columns={"s_1": "sample_id_1", "s": "sample_id_2"}), ["sample_id_1", "sample_id_2"]
    )
    close(both["kinship"], both["phi"], RATIO, 1e-14)
