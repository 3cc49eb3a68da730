"""The sex that genotypes show: homozygosity on X, and calls on Y.

F on X is 1 for a person with one X and near 0 for a person with two; `plink --check-sex` has the same two bounds.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from genomics_dc.analyses.quality.arithmetic import Floats, ratio
from genomics_dc.analyses.quality.counting import FIXED_POINT, Tally
from genomics_dc.analyses.thresholds import Thresholds
from genomics_dc.kernels.whole_counts import FEMALE, MALE, UNKNOWN, X, Y

NAMES: tuple[str | None, ...] = (None, "male", "female")
"""By code of `kernels.whole_counts`; unknown is null."""
CHECKS = ("match", "mismatch", "ambiguous", "not given")
_MATCH, _MISMATCH, _AMBIGUOUS, _NOT_GIVEN = range(4)


@dataclass(frozen=True)
class SexCheck:
    """By sample: `f_x` and `y_call_rate`, NaN where not assessed; `shown` int8[S] sex; `check` int8[S] in CHECKS or -1.

    `note` says why nothing was assessed, or is None.
    """

    f_x: Floats
    y_call_rate: Floats
    shown: npt.NDArray[np.int8]
    check: npt.NDArray[np.int8]
    note: str | None


def check_sex(tally: Tally, kinds: npt.NDArray[np.int8], given: npt.NDArray[np.int8], limits: Thresholds) -> SexCheck:
    """Return the sex that each sample shows and whether it is the one given.

    A sample is assessed when it has enough calls on X. It shows two sexes at once ("ambiguous") between the two bounds
    of F, or when Y, of a store that has Y, says otherwise.
    """
    n_samples = len(given)
    on_x = tally.expected_het[kinds == X]
    informative = int((on_x > 0).sum())
    nothing = np.full(n_samples, np.nan)
    y_variants = int((kinds == Y).sum())
    y_rate = ratio(tally.y_called, np.full(n_samples, y_variants))
    least = limits.value("samples.sex_x_variants_min")
    bounds = limits.value("samples.sex_f_female_max"), limits.value("samples.sex_f_male_min")
    off = least is None or bounds[0] is None or bounds[1] is None
    shown = np.full(n_samples, UNKNOWN, dtype=np.int8)
    check = np.full(n_samples, -1, dtype=np.int8)
    if off or informative < (least or 0):
        note = (
            "sex is not assessed: its thresholds are off"
            if off
            else f"sex is not assessed: {informative:,} variants on X with two alleles, at least {least:g} are needed"
        )
        return SexCheck(nothing, y_rate if y_variants else nothing, shown, check, note)
    called = tally.called[1]
    expected = (int(on_x.sum()) - tally.missing_het[1]) / FIXED_POINT
    f_x = 1.0 - ratio(called - tally.homozygous[1], expected)
    assessed = (called >= (least or 0)) & np.isfinite(f_x)
    shown[assessed & (f_x <= (bounds[0] or 0.0))] = FEMALE
    shown[assessed & (f_x >= (bounds[1] or 0.0))] = MALE
    y_least = limits.value("samples.sex_y_call_rate_male_min")
    if y_variants and y_least is not None:
        few = y_rate < y_least
        shown[((shown == MALE) & few) | ((shown == FEMALE) & ~few)] = UNKNOWN
    check[assessed] = np.where(given == UNKNOWN, _NOT_GIVEN, np.where(shown == given, _MATCH, _MISMATCH))[assessed]
    check[assessed & (shown == UNKNOWN)] = _AMBIGUOUS
    return SexCheck(np.where(assessed, f_x, np.nan), y_rate if y_variants else nothing, shown, check, None)
