"""The tail of the score by a saddlepoint: right where cases are few and the normal law is not.

Given the fit without the variant, the score sum(g (y - p)) is a sum of independent two-valued variables, whose
cumulants are known exactly. Lugannani and Rice's tail in Barndorff-Nielsen's form (1990, JRSS B 52:485), as Dey et al.
use it for association (2017, Am. J. Hum. Genet. 101:37): with K the cumulants' function and K'(t) = score,

    w = sign(t) sqrt(2 (t score - K(t))),   v = t sqrt(K''(t)),   tail = 1 - Phi(w + ln(v / w) / w).

Both tails are added, each with its own saddlepoint. `g` is the variant with the covariates taken out.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from genomics_dc.kernels import genotypes
from genomics_dc.kernels._jit import jit
from genomics_dc.kernels.logistic import LogisticDesign, LogisticFit, PlacedDesign, scored_packed
from genomics_dc.kernels.solve import cholesky_jit, solve_lower_jit, solve_upper_jit
from genomics_dc.kernels.status import SCORE, SPA
from genomics_dc.kernels.tails import _neg_log10_p_normal_jit

_LN10 = math.log(10.0)
_TURNS_MAX = 100
_STEP_MIN = 1e-10
# Nearer to the middle than this, w and v cancel; the normal law is right there.
_NEAR_ZERO = 1e-4


def _cumulants(
    g: npt.NDArray[np.float64], p: npt.NDArray[np.float64], n: int, sign: float, t: float
) -> tuple[float, float, float]:
    """Return K, K' and K'' at t of the sum of sign * g (y - p) over the first n."""
    value = first = second = 0.0
    for s in range(n):
        a = sign * g[s]
        power = a * t
        # 1 - p + p e^power, by the larger of its two parts
        if power > 0.0:
            small = math.exp(-power)
            inside = p[s] + (1.0 - p[s]) * small
            value += power + math.log(inside) - a * t * p[s]
            share = p[s] / inside
        else:
            grown = math.exp(power)
            inside = 1.0 - p[s] + p[s] * grown
            value += math.log(inside) - a * t * p[s]
            share = p[s] * grown / inside
        first += a * (share - p[s])
        second += a * a * share * (1.0 - share)
    return value, first, second


_cumulants_jit = jit(_cumulants)


def _ln_tail(g: npt.NDArray[np.float64], p: npt.NDArray[np.float64], n: int, sign: float, score: float) -> float:
    """Return ln P(sum of sign * g (y - p) >= score), score > 0; -inf where no outcome reaches it, NaN if not found."""
    most = 0.0
    for s in range(n):
        a = sign * g[s]
        most += a * (1.0 - p[s]) if a > 0.0 else -a * p[s]
    if score > most * (1.0 + 1e-12):
        return -math.inf
    t = 0.0
    low, high = 0.0, math.inf
    value = first = second = 0.0
    for _turn in range(_TURNS_MAX):
        value, first, second = _cumulants_jit(g, p, n, sign, t)
        if first < score:
            low = t
        else:
            high = t
        step = (score - first) / second if second > 0.0 else math.inf
        moved = t + step
        if not low < moved < high:
            moved = 2.0 * low + 1.0 if math.isinf(high) else 0.5 * (low + high)
        done = abs(moved - t) <= _STEP_MIN * abs(moved)
        t = moved
        if done:
            break
    value, first, second = _cumulants_jit(g, p, n, sign, t)
    depth = t * score - value
    if not depth > 0.0 or not second > 0.0:
        return math.nan
    w = math.sqrt(2.0 * depth)
    v = t * math.sqrt(second)
    if w < _NEAR_ZERO:
        return math.nan
    z = w + math.log(v / w) / w
    if not z > 0.0:
        return math.nan
    return -_LN10 * _neg_log10_p_normal_jit(z) - math.log(2.0)


_ln_tail_jit = jit(_ln_tail)


def _neg_log10_p_spa(g: npt.NDArray[np.float64], p: npt.NDArray[np.float64], n: int, score: float) -> float:
    """Return -log10 of P(|sum of g (y - p)| >= |score|), NaN where the saddlepoint says nothing."""
    one = _ln_tail_jit(g, p, n, 1.0, abs(score))
    other = _ln_tail_jit(g, p, n, -1.0, abs(score))
    if math.isnan(one) or math.isnan(other):
        return math.nan
    larger, smaller = max(one, other), min(one, other)
    return -(larger + math.log1p(math.exp(smaller - larger))) / _LN10


_neg_log10_p_spa_jit = jit(_neg_log10_p_spa)


def _tails(
    dosage: npt.NDArray[np.int8],
    directions: npt.NDArray[np.float64],
    rest: npt.NDArray[np.float64],
    weight: npt.NDArray[np.float64],
    cases: npt.NDArray[np.float64],
    out: npt.NDArray[np.float64],
) -> None:
    """Fill `out` with the saddlepoint's -log10 p of each variant, int8[V, S] of the design's samples, -1 missing."""
    n_samples, n_basis = directions.shape
    g = np.empty(n_samples)
    p = np.empty(n_samples)
    along = np.empty(n_basis)
    gram = np.empty((n_basis, n_basis))
    for v in range(dosage.shape[0]):
        row = dosage[v]
        along[:] = 0.0
        gram[:] = 0.0
        missing = False
        for s in range(n_samples):
            if row[s] < 0:
                missing = True
            elif row[s] > 0:
                for i in range(n_basis):
                    along[i] += row[s] * weight[s] * directions[s, i]
        if missing:
            for s in range(n_samples):
                if row[s] >= 0:
                    for i in range(n_basis):
                        for k in range(i + 1):
                            gram[i, k] += weight[s] * directions[s, i] * directions[s, k]
            if not cholesky_jit(gram, n_basis, 1e-8):
                out[v] = np.nan
                continue
            solve_lower_jit(gram, n_basis, along)
            solve_upper_jit(gram, n_basis, along)
        n = 0
        score = 0.0
        for s in range(n_samples):
            if row[s] >= 0:
                g[n] = float(row[s])
                for i in range(n_basis):
                    g[n] -= along[i] * directions[s, i]
                p[n] = cases[s] - rest[s]
                score += g[n] * rest[s]
                n += 1
        out[v] = _neg_log10_p_spa_jit(g, p, n, score)


_tails_jit = jit(_tails)


def neg_log10_p_spa(dosage: npt.NDArray[np.int8], prepared: LogisticDesign) -> npt.NDArray[np.float64]:
    """Return the saddlepoint's two-sided -log10 p of variants, int8[V, S] of the design's samples, -1 missing.

    NaN where the score is too near its mean for a saddlepoint.

    Examples
    --------
    >>> from genomics_dc.kernels.logistic import design
    >>> cases = np.array([1.0] * 8 + [0.0] * 92)
    >>> carriers = np.array([[1] * 3 + [0] * 97], dtype=np.int8)
    >>> neg_log10_p_spa(carriers, design(cases, np.empty((100, 0)))).round(2).tolist()
    [3.98]
    """
    out = np.empty(dosage.shape[0])
    _tails_jit(np.ascontiguousarray(dosage), prepared.directions, prepared.rest, prepared.weight, prepared.cases, out)
    return out


def fit_packed(packed: npt.NDArray[np.uint8], placed: PlacedDesign, *, p_max: float) -> LogisticFit:
    """Return the score test of every variant of packed genotypes, its p by the saddlepoint where it is below `p_max`.

    `beta` and `standard_error` are one Newton step from the fit without the variant; status SPA or SCORE.
    """
    found = scored_packed(packed, placed)
    chosen = np.flatnonzero((found.status == SCORE) & (found.neg_log10_p > -math.log10(p_max)))
    if chosen.size:
        dosage = genotypes.unpack_dosage(packed[chosen], placed.n_store_samples, placed.columns)
        strength = neg_log10_p_spa(dosage, placed.prepared)
        known = ~np.isnan(strength)
        found.neg_log10_p[chosen[known]] = strength[known]
        found.status[chosen[known]] = SPA
    return found
