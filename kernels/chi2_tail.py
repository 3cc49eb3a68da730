"""The upper tail of the chi-squared distribution in log space, right far below 1e-300.

P(X >= x) with k degrees of freedom is the regularised incomplete gamma function Q(k/2, x/2): by its series below the
mean (DLMF 8.7.1, through P = 1 - Q) and by its continued fraction above (DLMF 8.9.2), the logarithm of the front factor
kept apart.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from genomics_dc.kernels._jit import jit

_LN10 = math.log(10.0)
_TERMS_MAX = 100_000
_TINY = 1e-300


def _neg_log10_p_chi2(x: float, df: float) -> float:
    """Return -log10 P(X >= x); NaN for a NaN or no degree of freedom."""
    if math.isnan(x) or not df > 0.0:
        return math.nan
    if x <= 0.0:
        return 0.0
    if math.isinf(x):
        return math.inf
    a = 0.5 * df
    half = 0.5 * x
    ln_front = a * math.log(half) - half - math.lgamma(a)
    if half < a + 1.0:
        term = 1.0 / a
        total = term
        n = a
        for _ in range(_TERMS_MAX):
            n += 1.0
            term *= half / n
            total += term
            if term < total * 1e-17:
                break
        below = math.exp(ln_front) * total
        return -math.log1p(-min(below, 1.0 - 1e-16)) / _LN10
    b = half + 1.0 - a
    c = 1.0 / _TINY
    d = 1.0 / b
    fraction = d
    for m in range(1, _TERMS_MAX):
        numerator = -m * (m - a)
        b += 2.0
        d = numerator * d + b
        d = 1.0 / (d if abs(d) > _TINY else _TINY)
        c = b + numerator / c
        c = c if abs(c) > _TINY else _TINY
        step = d * c
        fraction *= step
        if abs(step - 1.0) < 1e-16:
            break
    return -(ln_front + math.log(fraction)) / _LN10


_neg_log10_p_chi2_jit = jit(_neg_log10_p_chi2)


def _fill(x: npt.NDArray[np.float64], df: npt.NDArray[np.float64], out: npt.NDArray[np.float64]) -> None:
    for i in range(x.size):
        out[i] = _neg_log10_p_chi2_jit(x[i], df[i])


_fill_jit = jit(_fill)


def neg_log10_p_chi2(x: npt.ArrayLike, df: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Return -log10 of the upper tail of chi-squared at `x` with `df` degrees of freedom, broadcast.

    NaN where `x` is NaN or `df` is not above 0; relative error below 1e-11 (against exact decimal arithmetic).

    Examples
    --------
    >>> float(neg_log10_p_chi2(3000.0, 4).round(6))
    648.265342
    """
    x_all, df_all = np.broadcast_arrays(np.asarray(x, dtype=np.float64), np.asarray(df, dtype=np.float64))
    out = np.empty(x_all.size, dtype=np.float64)
    _fill_jit(np.ascontiguousarray(x_all).ravel(), np.ascontiguousarray(df_all).ravel(), out)
    return out.reshape(x_all.shape)
