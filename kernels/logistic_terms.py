"""Logistic regression of a case-control trait on any terms of a variant: dosages, other codings, interactions."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from genomics_dc.kernels._jit import jit
from genomics_dc.kernels.linear_terms import TermsFit, empty_fit, list_present_jit, spread_jit
from genomics_dc.kernels.lines import floats_on_lines_jit
from genomics_dc.kernels.logistic import LogisticDesign
from genomics_dc.kernels.logistic_careful import fit_carefully_jit
from genomics_dc.kernels.logistic_fast import in_blocks_jit, settle_firth_jit, settle_jit
from genomics_dc.kernels.logistic_sweep import WIDTH
from genomics_dc.kernels.solve import solve_lower_jit, solve_upper_jit
from genomics_dc.kernels.status import FIRTH, MONOMORPHIC, OK, SEPARATED, TOO_FEW
from genomics_dc.kernels.tails import _neg_log10_p_normal_jit


def _fit(
    terms: npt.NDArray[np.float64],
    directions: npt.NDArray[np.float64],
    cases: npt.NDArray[np.float64],
    null: npt.NDArray[np.float64],
    firth_null: npt.NDArray[np.float64],
    always_firth: bool,
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
    n_basis = directions.shape[1]
    size = n_basis + n_terms
    x = in_blocks_jit(directions, n_terms)
    present = floats_on_lines_jit(x.shape[0] * WIDTH)
    padded_cases = floats_on_lines_jit(present.size)
    padded_cases[:n_samples] = cases
    listed = np.empty(n_samples, dtype=np.int32)
    coefficients = np.empty(size)
    factor = np.empty((size, size))
    block = np.empty((n_terms, n_terms))
    inverse = np.empty((n_terms, n_terms))
    for v in range(n_variants):
        n = list_present_jit(terms[v], listed)
        n_used[v] = n
        mean[v], varies = spread_jit(terms[v, 0], listed, n)
        if n == 0:
            mean[v] = np.nan
        n_cases = 0
        present[:] = 0.0
        x[:, n_basis:] = 0.0
        for at in range(n):
            s = listed[at]
            present[s] = 1.0
            n_cases += int(cases[s])
            for m in range(n_terms):
                x[s // WIDTH, n_basis + m, s % WIDTH] = terms[v, m, s]
        if n <= size or n_cases == 0 or n_cases == n:
            status[v, 0] = TOO_FEW
            continue
        if not varies:
            status[v, 0] = MONOMORPHIC
            continue
        code = OK
        settled = False
        if not always_firth:
            coefficients[:n_basis] = null
            coefficients[n_basis:] = 0.0
            settled = settle_jit(x, present, padded_cases, coefficients, factor)
        if not settled:
            coefficients[:n_basis] = firth_null
            coefficients[n_basis:] = 0.0
            code = FIRTH
            if always_firth and not settle_firth_jit(x, present, padded_cases, n_terms, coefficients, factor):
                code = SEPARATED
            elif not always_firth:
                code = fit_carefully_jit(x, present, padded_cases, OK, False, null, coefficients, factor)
            if code == SEPARATED:
                code = fit_carefully_jit(x, present, padded_cases, code, always_firth, firth_null, coefficients, factor)
        status[v, 0] = code
        if code not in (OK, FIRTH):
            continue
        for m in range(n_terms):
            for k in range(n_terms):
                block[m, k] = factor[n_basis + m, n_basis + k]
        for m in range(n_terms):
            inverse[m] = 0.0
            inverse[m, m] = 1.0
            solve_lower_jit(block, n_terms, inverse[m])
            solve_upper_jit(block, n_terms, inverse[m])
            beta[v, 0, m] = coefficients[n_basis + m]
            error[v, 0, m] = math.sqrt(inverse[m, m])
            neg_log10_p[v, 0, m] = _neg_log10_p_normal_jit(beta[v, 0, m] / error[v, 0, m])
        if n_terms >= 2:
            # Wald's chi-squared of the first two terms; with two degrees of freedom its tail is exp(-x / 2).
            a, b, c = inverse[0, 0], inverse[1, 0], inverse[1, 1]
            one, two = beta[v, 0, 0], beta[v, 0, 1]
            chi2 = (c * one * one - 2.0 * b * one * two + a * two * two) / (a * c - b * b)
            joint[v, 0] = 0.5 * chi2 / math.log(10.0)


_fit_jit = jit(_fit)


def fit_terms(terms: npt.NDArray[np.float64], prepared: LogisticDesign, *, always_firth: bool = False) -> TermsFit:
    """Return the estimates of every variant's terms, float64[V, M, S] of the design's samples, NaN missing.

    Where the plain likelihood has no maximum the answer is Firth's, as in `kernels.logistic`; T is 1.

    Examples
    --------
    >>> from genomics_dc.kernels.logistic import design
    >>> prepared = design(np.array([0, 0, 0, 1, 1, 1.0]), np.empty((6, 0)))
    >>> fitted = fit_terms(np.array([[[0.0, 0, 1, 0, 1, 2]]]), prepared)
    >>> fitted.status.tolist(), fitted.beta.round(4).tolist()
    ([[0]], [[[1.4094]]])
    """
    if terms.ndim != 3 or terms.shape[2] != prepared.n_samples:
        raise ValueError(f"terms must be [V, M, {prepared.n_samples}], not {list(terms.shape)}")
    found = empty_fit(terms.shape[0], 1, terms.shape[1])
    _fit_jit(
        np.ascontiguousarray(terms, dtype=np.float64),
        prepared.directions,
        prepared.cases,
        prepared.null,
        prepared.firth_null,
        always_firth,
        found.beta,
        found.standard_error,
        found.neg_log10_p,
        found.joint_neg_log10_p,
        found.n,
        found.mean,
        found.status,
    )
    return found
