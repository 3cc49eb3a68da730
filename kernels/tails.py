"""Two-sided p values in log space: Student's t and the normal distribution, right far below 1e-300.

A float holds no p below about 1e-308, and a strong signal in a large cohort passes that. So -log10 p is computed from
the logarithm of the tail, never from the tail.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from genomics_dc.kernels._jit import jit
from genomics_dc.kernels.exponential import (
    EXPONENT_BIAS,
    EXPONENT_PLACE,
    LN2_HIGH,
    LN2_LOW,
    LOG2_E,
    exp_of_small_jit,
)

_LN10 = math.log(10.0)
_HALF_LN_PI = 0.5 * math.log(math.pi)
_HALF_LN_2PI = 0.5 * math.log(2.0 * math.pi)
_FRACTION_TERMS_MAX = 10_000
_TINY = 1e-300
# Above this, the asymptotic series of ln Gamma(a + 1/2) - ln Gamma(a) is exact to rounding (DLMF 5.11.13).
_SERIES_FROM = 25.0


def _log_gamma_half_step(a: float) -> float:
    """Return ln Gamma(a + 1/2) - ln Gamma(a); the plain difference loses digits when `a` is large."""
    if a < _SERIES_FROM:
        return math.lgamma(a + 0.5) - math.lgamma(a)
    b = 1.0 / (a * a)
    return 0.5 * math.log(a) - (1.0 / 8.0 - b * (1.0 / 192.0 - b * (1.0 / 640.0 - b * 17.0 / 14336.0))) / a


_log_gamma_half_step_jit = jit(_log_gamma_half_step)


def _beta_fraction(x: float, a: float, b: float) -> float:
    """Return the continued fraction of the incomplete beta function (DLMF 8.17.22), by Lentz's method."""
    c = 1.0
    d = 1.0 - (a + b) * x / (a + 1.0)
    d = 1.0 / (d if abs(d) > _TINY else _TINY)
    value = d
    for m in range(1, _FRACTION_TERMS_MAX):
        even = m * (b - m) * x / ((a + 2 * m - 1.0) * (a + 2 * m))
        d = 1.0 + even * d
        d = 1.0 / (d if abs(d) > _TINY else _TINY)
        c = 1.0 + even / c
        c = c if abs(c) > _TINY else _TINY
        value *= d * c
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1.0))
        d = 1.0 + odd * d
        d = 1.0 / (d if abs(d) > _TINY else _TINY)
        c = 1.0 + odd / c
        c = c if abs(c) > _TINY else _TINY
        step = d * c
        value *= step
        if abs(step - 1.0) < 1e-16:
            break
    return value


_beta_fraction_jit = jit(_beta_fraction)


def _neg_log10_p_t(t: float, df: float) -> float:
    """Return -log10 of P(|T| >= |t|) = I_x(df/2, 1/2) with x = df / (df + t^2)."""
    if math.isnan(t) or not df > 0.0:
        return math.nan
    if math.isinf(t):
        return math.inf
    a = 0.5 * df
    ratio = t * t / df
    if ratio == 0.0:
        return 0.0
    ln_x = -math.log1p(ratio)
    ln_rest = -math.log1p(1.0 / ratio)  # ln(1 - x)
    # ln(x^a (1 - x)^b / B(a, b)) with b = 1/2
    ln_front = a * ln_x + 0.5 * ln_rest + _log_gamma_half_step_jit(a) - _HALF_LN_PI
    x = 1.0 / (1.0 + ratio)
    if x < (a + 1.0) / (a + 2.5):
        ln_p = ln_front - math.log(a) + math.log(_beta_fraction_jit(x, a, 0.5))
        return -ln_p / _LN10
    inside = math.exp(ln_front) * _beta_fraction_jit(ratio / (1.0 + ratio), 0.5, a) / 0.5
    return -math.log1p(-inside) / _LN10


_neg_log10_p_t_jit = jit(_neg_log10_p_t)


def _neg_log10_p_normal(z: float) -> float:
    """Return -log10 of P(|Z| >= |z|) = erfc(|z| / sqrt 2); beyond 30 from Laplace's continued fraction."""
    if math.isnan(z):
        return math.nan
    if math.isinf(z):
        return math.inf
    size = abs(z)
    if size < 1.0:
        return -math.log1p(-math.erf(size * math.sqrt(0.5))) / _LN10
    if size < 30.0:
        return -math.log(math.erfc(size * math.sqrt(0.5))) / _LN10
    fraction = size
    for m in range(20, 0, -1):
        fraction = size + m / fraction
    return (0.5 * size * size + _HALF_LN_2PI + math.log(fraction) - math.log(2.0)) / _LN10


_neg_log10_p_normal_jit = jit(_neg_log10_p_normal)


# Steps of the table, and its end; between two entries the error of a cubic is below 1e-12 (step^4 / 384).
_TABLE_STEPS_PER_UNIT = 256
_TABLE_END = 40


def _fill_table(df: float, table: npt.NDArray[np.float64]) -> None:
    """Fill rows (-log10 p, its slope in t) for t = row / steps per unit."""
    ln_density_0 = _log_gamma_half_step_jit(0.5 * df) - _HALF_LN_PI - 0.5 * math.log(df)
    for row in range(table.shape[0]):
        t = row / _TABLE_STEPS_PER_UNIT
        value = _neg_log10_p_t_jit(t, df)
        ln_density = ln_density_0 - 0.5 * (df + 1.0) * math.log1p(t * t / df)
        table[row, 0] = value
        table[row, 1] = 2.0 * math.exp(ln_density + value * _LN10) / _LN10


_fill_table_jit = jit(_fill_table)


def tail_table(df: float) -> npt.NDArray[np.float64]:
    """Return what `fill_t_by_table_jit` reads for one df: float64[T, 2], -log10 p and its slope at even steps of t.

    A hundred traits by a million variants are a hundred million tails of one df; the table gives each in a few
    nanoseconds, within 1e-9 of the exact function.
    """
    table = np.empty((_TABLE_END * _TABLE_STEPS_PER_UNIT + 1, 2))
    _fill_table_jit(float(df), table)
    return table


def _fill_t_by_table(
    t: npt.NDArray[np.float64],
    df: npt.NDArray[np.float64],
    table: npt.NDArray[np.float64],
    strength: npt.NDArray[np.float64],
) -> None:
    """Fill -log10 p of each t by cubic Hermite interpolation; from the function itself beyond the table's end.

    First all in a loop without branches, then the few that are left.
    """
    end = float(table.shape[0] - 1)
    step = 1.0 / _TABLE_STEPS_PER_UNIT
    flat = table.reshape(-1)
    for v in range(t.size):
        place = abs(t[v]) * _TABLE_STEPS_PER_UNIT
        place = place if place < end else 0.0
        row = np.uint64(place)
        u = place - np.float64(row)
        rest = 1.0 - u
        at = row + row
        left = flat[at] * (1.0 + 2.0 * u) + flat[at + np.uint64(1)] * u * step
        right = flat[at + np.uint64(2)] * (3.0 - 2.0 * u) - flat[at + np.uint64(3)] * rest * step
        strength[v] = left * rest * rest + right * u * u
    for v in range(t.size):
        if not abs(t[v]) * _TABLE_STEPS_PER_UNIT < end:
            strength[v] = _neg_log10_p_t_jit(t[v], df[v])


fill_t_by_table_jit = jit(_fill_t_by_table)


def _fill_t(t: npt.NDArray[np.float64], df: npt.NDArray[np.float64], out: npt.NDArray[np.float64]) -> None:
    """Fill `out` with -log10 p of each t."""
    for i in range(t.size):
        out[i] = _neg_log10_p_t_jit(t[i], df[i])


def _fill_normal(z: npt.NDArray[np.float64], out: npt.NDArray[np.float64]) -> None:
    """Fill `out` with -log10 p of each z."""
    for i in range(z.size):
        out[i] = _neg_log10_p_normal_jit(z[i])


_fill_t_jit = jit(_fill_t)
_fill_normal_jit = jit(_fill_normal)


def neg_log10_p_t(t: npt.ArrayLike, df: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Return -log10 of the two-sided p of Student's t.

    `t` and `df` are broadcast; NaN t or df <= 0 gives NaN, infinite t gives infinity. Relative error of the logarithm
    is below 1e-11 for df up to 1e6 (checked against exact decimal arithmetic).

    Examples
    --------
    >>> float(neg_log10_p_t(60.0, 346.0).round(6))
    184.223114
    """
    t_all, df_all = np.broadcast_arrays(np.asarray(t, dtype=np.float64), np.asarray(df, dtype=np.float64))
    out = np.empty(t_all.size, dtype=np.float64)
    _fill_t_jit(np.ascontiguousarray(t_all).ravel(), np.ascontiguousarray(df_all).ravel(), out)
    return out.reshape(t_all.shape)


def neg_log10_p_normal(z: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Return -log10 of the two-sided p of a standard normal z; NaN stays NaN.

    Examples
    --------
    >>> float(neg_log10_p_normal(100.0).round(6))
    2173.570513
    """
    z_all = np.asarray(z, dtype=np.float64)
    out = np.empty(z_all.size, dtype=np.float64)
    _fill_normal_jit(np.ascontiguousarray(z_all).ravel(), out)
    return out.reshape(z_all.shape)


_PLAIN_FROM = 300.0  # from here on p may be too small for the usual form of a float


def _fill_p(strength: npt.NDArray[np.float64], power: npt.NDArray[np.int64], p: npt.NDArray[np.float64]) -> None:
    """Fill 10 to the minus `strength`, a power of two times the exp of what is left.

    In steps that compile to vectors, eight times as fast as exp one by one; `power` is room of the same size.
    """
    for i in range(strength.size):
        value = -strength[i] * _LN10 if strength[i] < _PLAIN_FROM else 0.0
        whole = math.floor(value * LOG2_E + 0.5)
        p[i] = exp_of_small_jit((value - whole * LN2_HIGH) - whole * LN2_LOW)
        power[i] = (np.int64(whole) + EXPONENT_BIAS) << EXPONENT_PLACE
    factor = power.view(np.float64)
    for i in range(strength.size):
        p[i] *= factor[i]
    for i in range(strength.size):
        if not strength[i] < _PLAIN_FROM:
            p[i] = math.exp(-strength[i] * _LN10)


fill_p_jit = jit(_fill_p)


def p_of(neg_log10_p: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return p from -log10 p, 0 where no float is as small; NaN stays NaN.

    Examples
    --------
    >>> p_of(np.array([0.0, 2.0, 400.0])).tolist()
    [1.0, 0.01, 0.0]
    """
    strength = np.ascontiguousarray(neg_log10_p, dtype=np.float64).ravel()
    p, power = np.empty(strength.size), np.empty(strength.size, dtype=np.int64)
    fill_p_jit(strength, power, p)
    return p.reshape(neg_log10_p.shape)
