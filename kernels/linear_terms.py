"""Least squares of traits on any terms of a variant: dosages, other codings, interactions.

As `kernels.linear`, with a small matrix of terms for each variant in place of one column of packed genotypes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from genomics_dc.kernels._jit import jit
from genomics_dc.kernels.linear import LinearDesign
from genomics_dc.kernels.linear_packed import EXACT_SHARE, EXPLICIT_SHARE
from genomics_dc.kernels.solve import cholesky_jit, solve_lower_jit, solve_upper_jit
from genomics_dc.kernels.status import COLLINEAR, EXACT_FIT, MONOMORPHIC, OK, TOO_FEW
from genomics_dc.kernels.tails import _neg_log10_p_t_jit

_PIVOT_SHARE = 1e-6


@dataclass(frozen=True)
class TermsFit:
    """Estimates of each term. NaN where `status` has no estimate (see `kernels.status`).

    `beta`, `standard_error`, `neg_log10_p`: float64[V, T, M]; `joint_neg_log10_p` float64[V, T] of the first two terms
    together, NaN when there is one. `n` int32[V] samples used, `mean` float64[V] of the first term among them, `status`
    int8[V, T].
    """

    beta: npt.NDArray[np.float64]
    standard_error: npt.NDArray[np.float64]
    neg_log10_p: npt.NDArray[np.float64]
    joint_neg_log10_p: npt.NDArray[np.float64]
    n: npt.NDArray[np.int32]
    mean: npt.NDArray[np.float64]
    status: npt.NDArray[np.int8]


def empty_fit(n_variants: int, n_traits: int, n_terms: int) -> TermsFit:
    """Return a fit without an estimate."""
    shape = (n_variants, n_traits, n_terms)
    return TermsFit(
        beta=np.full(shape, np.nan),
        standard_error=np.full(shape, np.nan),
        neg_log10_p=np.full(shape, np.nan),
        joint_neg_log10_p=np.full(shape[:2], np.nan),
        n=np.zeros(n_variants, dtype=np.int32),
        mean=np.full(n_variants, np.nan),
        status=np.zeros(shape[:2], dtype=np.int8),
    )


def _spread(x: npt.NDArray[np.float64], present: npt.NDArray[np.int32], n: int) -> tuple[float, bool]:
    """Return the mean of x [S] over the first n of `present`, and whether x varies there."""
    total = 0.0
    varies = False
    for at in range(n):
        value = x[present[at]]
        total += value
        varies |= value != x[present[0]]
    return total / max(n, 1), varies


spread_jit = jit(_spread)


def _list_present(x: npt.NDArray[np.float64], present: npt.NDArray[np.int32]) -> int:
    """Write the samples whose terms [M, S] are all there; return how many."""
    n = 0
    for s in range(x.shape[1]):
        there = True
        for m in range(x.shape[0]):
            there &= not math.isnan(x[m, s])
        if there:
            present[n] = s
            n += 1
    return n


list_present_jit = jit(_list_present)


def _fit(
    terms: npt.NDArray[np.float64],
    basis: npt.NDArray[np.float64],
    residuals: npt.NDArray[np.float64],
    beta: npt.NDArray[np.float64],
    error: npt.NDArray[np.float64],
    neg_log10_p: npt.NDArray[np.float64],
    joint: npt.NDArray[np.float64],
    n_used: npt.NDArray[np.int32],
    mean: npt.NDArray[np.float64],
    status: npt.NDArray[np.int8],
) -> None:
    """Fill the outputs of `fit_terms`."""
    n_variants, n_terms, n_samples = terms.shape
    n_basis, n_traits = basis.shape[1], residuals.shape[1]
    present = np.empty(n_samples, dtype=np.int32)
    gram = np.empty((n_basis, n_basis))
    along = np.empty((n_terms, n_basis))
    lift = np.empty(n_basis)
    square = np.empty((n_terms, n_terms))
    inverse = np.empty((n_terms, n_terms))
    gy = np.empty(n_terms)
    slope = np.empty(n_terms)
    shift = np.empty(n_basis)
    for v in range(n_variants):
        x = terms[v]
        n = list_present_jit(x, present)
        n_used[v] = n
        mean[v], varies = spread_jit(x[0], present, n)
        if n == 0:
            mean[v] = np.nan
        df = n - n_basis - n_terms
        code = OK
        if df < 1:
            code = TOO_FEW
        elif not varies:
            code = MONOMORPHIC
        if code == OK:
            gram[:] = 0.0
            along[:] = 0.0
            square[:] = 0.0
            for at in range(n):
                s = present[at]
                for m in range(n_terms):
                    value = x[m, s]
                    if value == 0.0:
                        continue
                    for i in range(n_basis):
                        along[m, i] += value * basis[s, i]
                    for k in range(m + 1):
                        square[m, k] += value * x[k, s]
            if n == n_samples:
                for i in range(n_basis):
                    gram[i, i] = 1.0
            else:
                for at in range(n):
                    s = present[at]
                    for i in range(n_basis):
                        for k in range(i + 1):
                            gram[i, k] += basis[s, i] * basis[s, k]
            if not cholesky_jit(gram, n_basis, 1e-10):
                code = COLLINEAR
            else:
                for m in range(n_terms):
                    before = square[m, m]
                    solve_lower_jit(gram, n_basis, along[m])
                    for k in range(m + 1):
                        for i in range(n_basis):
                            square[m, k] -= along[m, i] * along[k, i]
                    if not square[m, m] > _PIVOT_SHARE * before:
                        code = COLLINEAR
                if code == OK and not cholesky_jit(square, n_terms, _PIVOT_SHARE):
                    code = COLLINEAR
        for t in range(n_traits):
            status[v, t] = code
        if code != OK:
            continue
        for m in range(n_terms):
            inverse[m] = 0.0
            inverse[m, m] = 1.0
            solve_lower_jit(square, n_terms, inverse[m])
            solve_upper_jit(square, n_terms, inverse[m])
        for t in range(n_traits):
            gy[:] = 0.0
            lift[:] = 0.0
            total = 0.0
            for at in range(n):
                s = present[at]
                y = residuals[s, t]
                total += y * y
                for m in range(n_terms):
                    gy[m] += x[m, s] * y
            whole = total
            if n < n_samples:  # else the residuals are orthogonal to the basis
                for at in range(n):
                    s = present[at]
                    for i in range(n_basis):
                        lift[i] += basis[s, i] * residuals[s, t]
                solve_lower_jit(gram, n_basis, lift)
            for i in range(n_basis):
                total -= lift[i] * lift[i]
                for m in range(n_terms):
                    gy[m] -= along[m, i] * lift[i]
            if not total > 1e-12 * whole:
                status[v, t] = COLLINEAR
                continue
            slope[:] = gy
            solve_lower_jit(square, n_terms, slope)
            solve_upper_jit(square, n_terms, slope)
            rss = total
            for m in range(n_terms):
                rss -= slope[m] * gy[m]
            if rss < EXPLICIT_SHARE * total:
                shift[:] = lift
                for m in range(n_terms):
                    for i in range(n_basis):
                        shift[i] -= slope[m] * along[m, i]
                solve_upper_jit(gram, n_basis, shift)
                rss = 0.0
                for at in range(n):
                    s = present[at]
                    rest = residuals[s, t]
                    for m in range(n_terms):
                        rest -= slope[m] * x[m, s]
                    for i in range(n_basis):
                        rest -= shift[i] * basis[s, i]
                    rss += rest * rest
            exact = rss <= EXACT_SHARE * total
            for m in range(n_terms):
                beta[v, t, m] = slope[m]
                if exact:
                    error[v, t, m] = 0.0
                    neg_log10_p[v, t, m] = np.inf
                else:
                    error[v, t, m] = math.sqrt(rss / df * inverse[m, m])
                    neg_log10_p[v, t, m] = _neg_log10_p_t_jit(slope[m] / error[v, t, m], float(df))
            if exact:
                status[v, t] = EXACT_FIT
            if n_terms >= 2:
                if exact:
                    joint[v, t] = np.inf
                else:
                    # F of the first two terms: b' C^-1 b / 2; its tail has a closed form for two degrees of freedom.
                    a, b, c = inverse[0, 0], inverse[1, 0], inverse[1, 1]
                    quadratic = (c * slope[0] ** 2 - 2.0 * b * slope[0] * slope[1] + a * slope[1] ** 2) / (
                        a * c - b * b
                    )
                    joint[v, t] = 0.5 * df * math.log1p(quadratic / rss) / math.log(10.0)


_fit_jit = jit(_fit)


def fit_terms(terms: npt.NDArray[np.float64], prepared: LinearDesign) -> TermsFit:
    """Return the estimates of every variant's terms, float64[V, M, S] of the design's samples, NaN missing.

    Examples
    --------
    >>> from genomics_dc.kernels.linear import design
    >>> y = np.array([[1.0], [2.0], [2.5], [4.0], [4.5]])
    >>> fitted = fit_terms(np.array([[[0.0, 1, 1, 2, 2]]]), design(y, np.empty((5, 0))))
    >>> round(float(fitted.beta[0, 0, 0]), 6)
    1.678571
    """
    if terms.ndim != 3 or terms.shape[2] != prepared.n_samples:
        raise ValueError(f"terms must be [V, M, {prepared.n_samples}], not {list(terms.shape)}")
    found = empty_fit(terms.shape[0], prepared.residuals.shape[1], terms.shape[1])
    _fit_jit(
        np.ascontiguousarray(terms, dtype=np.float64),
        prepared.basis,
        prepared.residuals,
        found.beta,
        found.standard_error,
        found.neg_log10_p,
        found.joint_neg_log10_p,
        found.n,
        found.mean,
        found.status,
    )
    return found
