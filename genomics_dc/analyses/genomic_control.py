"""The genomic inflation factor, what it would be for a thousand samples, and p values under genomic control."""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from genomics_dc.errors import UsageError
from genomics_dc.kernels.tails import neg_log10_p_normal

if TYPE_CHECKING:
    from genomics_dc.analyses.association_result import AssociationResult

_Floats = npt.NDArray[np.float64]

CHI2_MEDIAN = 0.45493642311957283
"""Median of the chi-squared distribution with one degree of freedom."""


def chi2_of(neg_log10_p: float) -> float:
    """Return the chi-squared statistic (one degree of freedom) that has this p, infinite where p is no float.

    Examples
    --------
    >>> round(chi2_of(0.3010299956639812), 6), chi2_of(0.0)
    (0.454936, 0.0)
    """
    if math.isnan(neg_log10_p):
        return math.nan
    tail = 0.5 * 10.0 ** -max(neg_log10_p, 0.0)
    return NormalDist().inv_cdf(tail) ** 2 + 0.0 if tail > 0.0 else math.inf


def inflation(chi2: _Floats) -> float:
    """Return the median of chi-squared statistics over its expectation (Devlin and Roeder 1999); NaN of none.

    Examples
    --------
    >>> import numpy as np
    >>> round(inflation(np.array([0.2, 0.45493642, 3.0])), 6)
    1.0
    """
    return float(np.median(chi2)) / CHI2_MEDIAN if chi2.size else float("nan")


def lambda_1000(
    lambda_gc: float, *, n: int | None = None, cases: int | None = None, controls: int | None = None
) -> float:
    """Return the inflation that a study of a thousand samples, or of a thousand cases and controls, would have.

    De Bakker et al. 2008, Hum. Mol. Genet. 17:R122: the excess over 1 grows with the samples, so that it is scaled by
    (1 / cases + 1 / controls) / (1 / 1000 + 1 / 1000); for a quantitative trait by 1000 / n.

    Examples
    --------
    >>> lambda_1000(1.1, cases=5000, controls=5000), lambda_1000(1.5, n=10_000)
    (1.02, 1.05)
    """
    if cases is not None and controls is not None:
        share = (1 / cases + 1 / controls) / (2 / 1000) if cases > 0 and controls > 0 else float("nan")
    elif n is not None:
        share = 1000 / n if n > 0 else float("nan")
    else:
        raise UsageError("the inflation for a thousand samples needs n, or cases and controls")
    return 1 + (lambda_gc - 1) * share


def controlled_strength(neg_log10_p: _Floats, lambda_gc: float) -> _Floats:
    """Return -log10 p under genomic control: of chi-squared / lambda, unchanged where lambda is at most 1 or NaN.

    Two-sided p is taken back to |z| of a normal, in log space, so that p below 1e-300 stays right.
    """
    if not lambda_gc > 1.0:
        return np.asarray(neg_log10_p, dtype=np.float64)
    return neg_log10_p_normal(_z_of(neg_log10_p) / np.sqrt(lambda_gc))


def _z_of(neg_log10_p: _Floats) -> _Floats:
    """Return |z| whose two-sided p this is; SciPy's inverse, then Newton's steps in log space where p is no float."""
    from scipy import stats

    strength = np.asarray(neg_log10_p, dtype=np.float64)
    with np.errstate(under="ignore"):
        z = np.asarray(stats.norm.isf(0.5 * 10.0 ** -np.minimum(strength, 300.0)), dtype=np.float64)
    far = np.isfinite(strength) & (strength > 290.0)
    if far.any():
        wanted = strength[far]
        found = np.sqrt(2 * np.log(10) * wanted)
        for _ in range(8):  # the slope of -log10 p is close to z / ln 10
            found -= (neg_log10_p_normal(found) - wanted) * np.log(10) / found
        z[far] = found
    z[np.isposinf(strength)] = np.inf
    return z


def genomic_control(result: AssociationResult) -> AssociationResult:
    """Return the result with `p_value_gc` and `neg_log_10_p_value_gc`: each trait's p under its own inflation factor.

    Where an inflation is at most 1 they are the p values themselves. They stand behind the other columns, and are
    null for other tests than the main one, whose inflation another factor would say.
    """
    parts = []
    inflated = result.lambda_gc()
    for name in result.traits:
        main = result._main(name)._column("neg_log_10_p_value")
        corrected = np.full(len(result.of_trait(name)), np.nan)
        corrected[: len(main)] = controlled_strength(main, inflated[name])
        parts.append(corrected)
    strength = pa.chunked_array([pa.array(part, from_pandas=True) for part in parts])
    with np.errstate(under="ignore"):
        p_value = pa.chunked_array([pa.array(10.0**-part, from_pandas=True) for part in parts])
    table = result.table.append_column("p_value_gc", p_value).append_column("neg_log_10_p_value_gc", strength)
    return type(result)(table, result.provenance, result.source)
