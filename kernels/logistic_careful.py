"""The careful way to the maximum of a logistic likelihood, plain or penalised: the likelihood is asked at each step.

For the variants that the quick way (`kernels.logistic_fast`) gives up: it shortens a step that does not gain, and tells
cases and controls that are separated from a maximum that is not found.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from genomics_dc.kernels._jit import jit
from genomics_dc.kernels.logistic_sweep import WIDTH
from genomics_dc.kernels.solve import cholesky_jit, solve_lower_jit, solve_upper_jit
from genomics_dc.kernels.status import COLLINEAR, FIRTH, NOT_CONVERGED, OK, SEPARATED

_STEP_MIN = 1e-9
_STEP_MAX = 5.0
_NEWTON_TURNS_MAX = 40
_FIRTH_TURNS_MAX = 500
_HALVINGS_MAX = 30
# A linear predictor beyond this is a probability within 1e-13 of 0 or 1: the fit runs away.
_RUNAWAY = 30.0
_PIVOT_SHARE = 1e-6


def _information(
    x: npt.NDArray[np.float64],
    trials: npt.NDArray[np.float64],
    n_rows: int,
    coefficients: npt.NDArray[np.float64],
    probability: npt.NDArray[np.float64],
    weight: npt.NDArray[np.float64],
    out: npt.NDArray[np.float64],
) -> None:
    """Fill probabilities, weights trials * p (1 - p), and the lower triangle of X' W X."""
    size = coefficients.size
    out[:] = 0.0
    for r in range(n_rows):
        eta = 0.0
        for i in range(size):
            eta += x[r, i] * coefficients[i]
        p = 1.0 / (1.0 + math.exp(-eta))
        q = 1.0 / (1.0 + math.exp(eta))  # not 1 - p, which is 0 for a large eta
        probability[r] = p
        weight[r] = trials[r] * p * q
        for i in range(size):
            scaled = weight[r] * x[r, i]
            for k in range(i + 1):
                out[i, k] += scaled * x[r, k]


_information_jit = jit(_information)


def _log_likelihood(
    x: npt.NDArray[np.float64],
    trials: npt.NDArray[np.float64],
    cases: npt.NDArray[np.float64],
    n_rows: int,
    coefficients: npt.NDArray[np.float64],
) -> float:
    """Return the binomial log-likelihood without its constant."""
    total = 0.0
    for r in range(n_rows):
        eta = 0.0
        for i in range(coefficients.size):
            eta += x[r, i] * coefficients[i]
        # ln(1 + e^eta), safe for large |eta|
        softplus = max(eta, 0.0) + math.log1p(math.exp(-abs(eta)))
        total += cases[r] * eta - trials[r] * softplus
    return total


_log_likelihood_jit = jit(_log_likelihood)


def _log_determinant(factor: npt.NDArray[np.float64], size: int) -> float:
    """Return ln |A| from the Cholesky factor of A."""
    total = 0.0
    for i in range(size):
        total += 2.0 * math.log(factor[i, i])
    return total


_log_determinant_jit = jit(_log_determinant)


def _maximise(
    x: npt.NDArray[np.float64],
    trials: npt.NDArray[np.float64],
    cases: npt.NDArray[np.float64],
    n_rows: int,
    penalised: bool,
    coefficients: npt.NDArray[np.float64],
    factor: npt.NDArray[np.float64],
) -> int:
    """Move `coefficients` to the maximum of the (penalised) likelihood; leave the information's Cholesky in `factor`.

    Row r of `x` stands for trials[r] samples, of which cases[r] are cases. Returns OK, SEPARATED, NOT_CONVERGED or
    COLLINEAR.
    """
    size = coefficients.size
    probability = np.empty(n_rows)
    weight = np.empty(n_rows)
    trial = np.empty((size, size))
    step = np.empty(size)
    column = np.empty(size)
    proposal = np.empty(size)
    _information_jit(x, trials, n_rows, coefficients, probability, weight, factor)
    if not cholesky_jit(factor, size, _PIVOT_SHARE):
        return COLLINEAR
    objective = _log_likelihood_jit(x, trials, cases, n_rows, coefficients)
    if penalised:
        objective += 0.5 * _log_determinant_jit(factor, size)
    turns = _FIRTH_TURNS_MAX if penalised else _NEWTON_TURNS_MAX
    for _turn in range(turns):
        step[:] = 0.0
        trial[:] = 0.0
        for r in range(n_rows):
            rest = cases[r] - trials[r] * probability[r]
            if penalised:
                # The hat diagonal: weight * x' (X' W X)^-1 x
                for i in range(size):
                    column[i] = x[r, i]
                solve_lower_jit(factor, size, column)
                leverage = 0.0
                for i in range(size):
                    leverage += column[i] * column[i]
                leverage *= weight[r]
                rest += leverage * (0.5 - probability[r])
                # The penalty acts like `leverage` more trials, half of them cases. Without them in the step's matrix,
                # a lone carrier (leverage 1) makes the steps swing for ever.
                larger = weight[r] * (1.0 + leverage / trials[r])
                for i in range(size):
                    for k in range(i + 1):
                        trial[i, k] += larger * x[r, i] * x[r, k]
            for i in range(size):
                step[i] += rest * x[r, i]
        if penalised:
            if not cholesky_jit(trial, size, 1e-13):
                return NOT_CONVERGED
            solve_lower_jit(trial, size, step)
            solve_upper_jit(trial, size, step)
        else:
            solve_lower_jit(factor, size, step)
            solve_upper_jit(factor, size, step)
        largest = 0.0
        for r in range(n_rows):
            move = 0.0
            for i in range(size):
                move += x[r, i] * step[i]
            largest = max(largest, abs(move))
        scale = _STEP_MAX / largest if largest > _STEP_MAX else 1.0
        accepted = False
        for _halving in range(_HALVINGS_MAX):
            for i in range(size):
                proposal[i] = coefficients[i] + scale * step[i]
            _information_jit(x, trials, n_rows, proposal, probability, weight, trial)
            if cholesky_jit(trial, size, 1e-13):
                value = _log_likelihood_jit(x, trials, cases, n_rows, proposal)
                if penalised:
                    value += 0.5 * _log_determinant_jit(trial, size)
                # Near the maximum the likelihood is flat: rounding must not refuse a step.
                if value >= objective - 1e-12 * (1.0 + abs(objective)):
                    accepted = True
                    objective = value
                    break
            scale *= 0.5
        if not accepted:
            return NOT_CONVERGED if penalised else SEPARATED
        coefficients[:] = proposal
        factor[:] = trial
        if scale * largest < _STEP_MIN:
            return OK
        if not penalised:
            for r in range(n_rows):
                eta = 0.0
                for i in range(size):
                    eta += x[r, i] * coefficients[i]
                if abs(eta) > _RUNAWAY:
                    return SEPARATED
    return NOT_CONVERGED


maximise_jit = jit(_maximise)


def _fit_table(
    counts: npt.NDArray[np.float64],
    intercept: float,
    always_firth: bool,
    null: npt.NDArray[np.float64],
    coefficients: npt.NDArray[np.float64],
    factor: npt.NDArray[np.float64],
) -> int:
    """Fit one variant without covariates: samples of one genotype are alike, three rows stand for all.

    `counts` float64[2, 3]: controls and cases by dosage; `intercept` is the value of the intercept's column.
    """
    x = np.empty((3, 2))
    x_cases = np.empty(3)
    x_trials = np.empty(3)
    n_rows = 0
    for g in range(3):
        if counts[0, g] + counts[1, g] > 0:
            x[n_rows, 0] = intercept
            x[n_rows, 1] = g
            x_trials[n_rows] = counts[0, g] + counts[1, g]
            x_cases[n_rows] = counts[1, g]
            n_rows += 1
    code = SEPARATED if apart_jit(counts) else OK
    return _fit_rows_jit(x, x_trials, x_cases, n_rows, code, always_firth, null, coefficients, factor)


def _fit_rows(
    x: npt.NDArray[np.float64],
    trials: npt.NDArray[np.float64],
    cases: npt.NDArray[np.float64],
    n_rows: int,
    code: int,
    always_firth: bool,
    null: npt.NDArray[np.float64],
    coefficients: npt.NDArray[np.float64],
    factor: npt.NDArray[np.float64],
) -> int:
    """Fit rows carefully from the fit without the variant; return the status. `code` SEPARATED skips the plain fit."""
    n_basis = null.size
    if code == OK and not always_firth:
        coefficients[:n_basis] = null
        coefficients[n_basis:] = 0.0
        code = maximise_jit(x, trials, cases, n_rows, False, coefficients, factor)
    if always_firth or code in (SEPARATED, NOT_CONVERGED):
        coefficients[:n_basis] = null
        coefficients[n_basis:] = 0.0
        penalised = maximise_jit(x, trials, cases, n_rows, True, coefficients, factor)
        if penalised == OK:
            code = FIRTH
        elif penalised == COLLINEAR or code == OK:
            code = penalised
    return code


def _fit_carefully(
    x: npt.NDArray[np.float64],
    present: npt.NDArray[np.float64],
    cases: npt.NDArray[np.float64],
    code: int,
    always_firth: bool,
    null: npt.NDArray[np.float64],
    coefficients: npt.NDArray[np.float64],
    factor: npt.NDArray[np.float64],
) -> int:
    """As `_fit_rows`, of x float64[B, K + 1 + M, 32], columns in blocks, and the samples that are `present`."""
    size, n_samples = x.shape[1], present.size
    rows = np.empty((n_samples, size))
    row_cases = np.empty(n_samples)
    n_rows = 0
    for s in range(n_samples):
        if present[s] > 0.0:
            for i in range(size):
                rows[n_rows, i] = x[s // WIDTH, i, s % WIDTH]
            row_cases[n_rows] = cases[s]
            n_rows += 1
    return _fit_rows_jit(rows, np.ones(n_samples), row_cases, n_rows, code, always_firth, null, coefficients, factor)


def _apart(counts: npt.NDArray[np.float64]) -> bool:
    """Tell whether dosage alone separates cases from controls, touching at one dosage at most.

    `counts` float64[2, 3]: controls and cases by dosage. Covariates can only separate them further.
    """
    low = np.empty(2)
    high = np.empty(2)
    for i in range(2):
        low[i] = 3.0
        high[i] = -1.0
        for g in range(3):
            if counts[i, g] > 0:
                low[i] = min(low[i], g)
                high[i] = max(high[i], g)
    return bool(low[0] >= high[1] or low[1] >= high[0])


apart_jit = jit(_apart)
_fit_rows_jit = jit(_fit_rows)
fit_table_jit = jit(_fit_table)
fit_carefully_jit = jit(_fit_carefully)
