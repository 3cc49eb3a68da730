"""Newton's method and Firth's for one variant after another, over samples as vectors: the quick way to the maximum.

It begins near the maximum, at the fit without the variant, and takes full steps without asking for the likelihood; when
it has not settled after a few turns it gives up, and the caller takes the careful way (`kernels.logistic_careful`).
Both end at the same maximum. Samples lie in blocks as `kernels.logistic_sweep` has them; sums go in the order of the
samples, so that a variant's numbers do not depend on others.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from genomics_dc.kernels._jit import jit
from genomics_dc.kernels.lanes import LANES
from genomics_dc.kernels.lines import floats_on_lines_jit
from genomics_dc.kernels.logistic_sweep import WIDTH, add_penalty, add_squares, lane_sum_jit, sweep
from genomics_dc.kernels.solve import cholesky_jit, solve_lower_jit, solve_upper_jit

# In standard errors: what may be left to go, judged by how much the last step was shorter than the one before.
_LEFT_MAX = 1e-10
_NEWTON_TURNS_MAX = 12
_FIRTH_TURNS_MAX = 25
# A linear predictor beyond this is a probability within 1e-13 of 0 or 1: the fit runs away.
RUNAWAY = 30.0
_PIVOT_SHARE = 1e-6


def _in_blocks(directions: npt.NDArray[np.float64], n_more: int) -> npt.NDArray[np.float64]:
    """Return columns float64[B, K + 1 + n_more, 32]: directions [S, K + 1], then zeros, for samples of S up to 32 B."""
    n_samples, n_basis = directions.shape
    n_blocks = (n_samples + WIDTH - 1) // WIDTH
    size = n_basis + n_more
    x = floats_on_lines_jit(n_blocks * size * WIDTH).reshape((n_blocks, size, WIDTH))
    for s in range(n_samples):
        for i in range(n_basis):
            x[s // WIDTH, i, s % WIDTH] = directions[s, i]
    return x


in_blocks_jit = jit(_in_blocks)


def _look(
    x: npt.NDArray[np.float64],
    present: npt.NDArray[np.float64],
    cases: npt.NDArray[np.float64],
    step: npt.NDArray[np.float64],
    n_sums: int,
    state: npt.NDArray[np.float64],
    sums: npt.NDArray[np.float64],
    squares: npt.NDArray[np.float64],
    information: npt.NDArray[np.float64],
) -> bool:
    """Take a step and fill the lower triangle of X'WX there, and the sums of x (cases - p) when asked for.

    `state` float64[4, 32 B] are eta, weight, cases - p, and zeros: the variant is a column here, the one that a sweep
    moves apart is nothing. False when a sample has run away.
    """
    size = x.shape[1]
    sums[:] = 0.0
    squares[:] = 0.0
    sweep(x, present, cases, step, np.zeros(size), n_sums, state[0], state[3], state[1], state[2], sums)
    add_squares(x, state[1], squares)
    for i in range(size):
        for k in range(i + 1):
            information[i, k] = lane_sum_jit(squares[i, k])
    outside = 0
    for s in range(present.size):
        outside += 0 if abs(state[0, s]) < RUNAWAY else 1
    return outside == 0


_look_jit = jit(_look)


def _settle(
    x: npt.NDArray[np.float64],
    present: npt.NDArray[np.float64],
    cases: npt.NDArray[np.float64],
    coefficients: npt.NDArray[np.float64],
    factor: npt.NDArray[np.float64],
) -> bool:
    """Move `coefficients` to the maximum of the likelihood by Newton's method; False when a few turns do not get there.

    `x` float64[B, K + 1 + M, 32], the variant's terms in the last M columns; `present` float64[32 B] is 1 where the
    sample has a genotype. `factor` becomes the Cholesky factor of the information at the maximum.
    """
    size, n = x.shape[1], present.size
    state = floats_on_lines_jit(4 * n).reshape((4, n))
    sums = floats_on_lines_jit((2 * size + 2) * LANES).reshape((2 * size + 2, LANES))
    squares = floats_on_lines_jit(size * size * LANES).reshape((size, size, LANES))
    step = np.zeros(size + 1)
    score = np.empty(size)
    step[:size] = coefficients
    length = 0.0
    for turn in range(_NEWTON_TURNS_MAX):
        if not _look_jit(x, present, cases, step, size, state, sums, squares, factor):
            return False
        if not cholesky_jit(factor, size, _PIVOT_SHARE):
            return False
        for i in range(size):
            score[i] = lane_sum_jit(sums[i])
        solve_lower_jit(factor, size, score)
        before = length
        length = 0.0
        for i in range(size):
            length += score[i] * score[i]
        length = math.sqrt(length)
        solve_upper_jit(factor, size, score)
        for i in range(size):
            step[i] = score[i]
            coefficients[i] += score[i]
        if length <= _LEFT_MAX or (turn > 0 and length * length <= _LEFT_MAX * before):
            inside = _look_jit(x, present, cases, step, 0, state, sums, squares, factor)
            return inside and cholesky_jit(factor, size, _PIVOT_SHARE)
    return False


settle_jit = jit(_settle)


def _inverse(factor: npt.NDArray[np.float64], size: int, out: npt.NDArray[np.float64]) -> None:
    """Fill `out` with the inverse of the matrix whose Cholesky factor is given."""
    for i in range(size):
        row = out[i]
        row[:] = 0.0
        row[i] = 1.0
        solve_lower_jit(factor, size, row)
        solve_upper_jit(factor, size, row)


_inverse_jit = jit(_inverse)


def _add_carriers(
    x: npt.NDArray[np.float64],
    n_terms: int,
    weight: npt.NDArray[np.float64],
    leverage: npt.NDArray[np.float64],
    information: npt.NDArray[np.float64],
) -> None:
    """Add to the information what the penalty adds for those who carry one of the last `n_terms` columns.

    The penalty acts like `leverage` more trials, half of them cases. Only carriers have much of it; without them in the
    step's matrix a lone carrier (leverage 1) makes the steps swing for ever.
    """
    size = x.shape[1]
    for block in range(x.shape[0]):
        for lane in range(WIDTH):
            carrier = False
            for i in range(size - n_terms, size):
                carrier |= x[block, i, lane] != 0.0
            if carrier:
                share = leverage[block * WIDTH + lane] * weight[block * WIDTH + lane]
                for i in range(size):
                    for k in range(i + 1):
                        information[i, k] += share * x[block, i, lane] * x[block, k, lane]


_add_carriers_jit = jit(_add_carriers)


def _mend(
    inverse: npt.NDArray[np.float64],
    step: npt.NDArray[np.float64],
    gained: npt.NDArray[np.float64],
    change: npt.NDArray[np.float64],
    along: npt.NDArray[np.float64],
) -> None:
    """Mend the inverse J by a step s that changed the score by -y: J += (s - J y) (s' J) / (s' J y), y is `gained`."""
    size = inverse.shape[0]
    total = 0.0
    norm = 0.0
    for i in range(size):
        value = 0.0
        for k in range(size):
            value += inverse[i, k] * gained[k]
        change[i] = value
        total += step[i] * value
        norm += step[i] * step[i]
    if not abs(total) > 1e-3 * norm:
        return
    for k in range(size):
        value = 0.0
        for i in range(size):
            value += step[i] * inverse[i, k]
        along[k] = value / total
    for i in range(size):
        for k in range(size):
            inverse[i, k] += (step[i] - change[i]) * along[k]


_mend_jit = jit(_mend)


def _settle_firth(
    x: npt.NDArray[np.float64],
    present: npt.NDArray[np.float64],
    cases: npt.NDArray[np.float64],
    n_terms: int,
    coefficients: npt.NDArray[np.float64],
    factor: npt.NDArray[np.float64],
) -> bool:
    """Move `coefficients` to the maximum of Firth's penalised likelihood; False when that is not reached soon.

    As `_settle`. Broyden's method (1965, Math. Comp. 19:577): the first step's matrix is the information with the
    penalty's weight on carriers, and each step mends its inverse by what the score turned out to be.
    """
    size, n = x.shape[1], present.size
    state = floats_on_lines_jit(4 * n).reshape((4, n))
    leverage = floats_on_lines_jit(n)
    sums = floats_on_lines_jit((2 * size + 2) * LANES).reshape((2 * size + 2, LANES))
    squares = floats_on_lines_jit(size * size * LANES).reshape((size, size, LANES))
    step = np.zeros(size + 1)
    score = np.zeros(size)
    gained = np.empty(size)
    change = np.empty(size)
    along = np.empty(size)
    inverse = np.empty((size, size))
    lower = np.zeros((size, size))
    step[:size] = coefficients
    length = 0.0
    for turn in range(_FIRTH_TURNS_MAX):
        if not _look_jit(x, present, cases, step, 0, state, sums, squares, factor):
            return False
        if turn == 0:
            inverse[:] = factor
        if not cholesky_jit(factor, size, _PIVOT_SHARE):
            return False
        for k in range(size):
            change[:] = 0.0
            change[k] = 1.0
            solve_lower_jit(factor, size, change)
            for i in range(k, size):
                lower[i, k] = change[i]
        sums[:] = 0.0
        add_penalty(x, state[1], state[2], cases, lower, leverage, sums)
        for i in range(size):
            gained[i] = score[i]
            score[i] = lane_sum_jit(sums[i])
            gained[i] -= score[i]
        if turn == 0:
            _add_carriers_jit(x, n_terms, state[1], leverage, inverse)
            if not cholesky_jit(inverse, size, 1e-13):
                return False
            _inverse_jit(inverse.copy(), size, inverse)
        else:
            _mend_jit(inverse, step, gained, change, along)
        for i in range(size):
            value = 0.0
            for k in range(size):
                value += inverse[i, k] * score[k]
            step[i] = value
            coefficients[i] += value
        before = length
        length = 0.0
        for i in range(size):
            value = 0.0
            for k in range(i, size):
                value += factor[k, i] * step[k]
            length += value * value
        length = math.sqrt(length)
        if length <= _LEFT_MAX or (turn > 0 and length * length <= _LEFT_MAX * before):
            inside = _look_jit(x, present, cases, step, 0, state, sums, squares, factor)
            return inside and cholesky_jit(factor, size, _PIVOT_SHARE)
    return False


settle_firth_jit = jit(_settle_firth)
