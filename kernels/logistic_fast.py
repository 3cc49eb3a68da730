"""Newton's method and Firth's for one variant after another, over samples as vectors: the quick way to the maximum.

It begins near the maximum, at the fit without the variant, and takes full steps without asking for the likelihood; when
it has not settled after a few turns it gives up, and the caller takes the careful way (`kernels.logistic`). Both end at
the same maximum. Sums over samples run in blocks of fixed size, so that a variant's numbers do not depend on others.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba
import numpy as np
import numpy.typing as npt

from genomics_dc.kernels._jit import jit, kept
from genomics_dc.kernels.exponential import (
    EXPONENT_BIAS,
    EXPONENT_PLACE,
    LN2_HIGH,
    LN2_LOW,
    LOG2_E,
    exp_of_small_jit,
)
from genomics_dc.kernels.solve import cholesky_jit, solve_lower_jit, solve_upper_jit

_Function = TypeVar("_Function", bound=Callable[..., Any])

_BLOCK = 256  # samples whose columns stay in the nearest cache
# Lengths of a step over all samples. Newton squares it: what is left after such a step is rounding.
_STEP_MIN = 1e-6
_FIRTH_STEP_MIN = 1e-7
_STEP_MAX = 5.0
_NEWTON_TURNS_MAX = 12
_FIRTH_TURNS_MAX = 25
_RUNAWAY = 30.0
_PIVOT_SHARE = 1e-6


def _vector_jit(function: _Function) -> _Function:
    """Return a compiled function whose sums the compiler may take in vectors.

    Four times as fast on dot products. Only reordering and fused steps are allowed: NaN and infinity keep their
    meaning, and the order depends on the length of the sum alone.
    """
    options: dict[str, Any] = {"nogil": True, "fastmath": {"reassoc", "contract", "nsz"}}
    return cast(_Function, kept(numba.njit(**options)(function)))


def _probabilities(
    eta: npt.NDArray[np.float64], scale: npt.NDArray[np.int64], probability: npt.NDArray[np.float64], n: int
) -> None:
    """Fill 1 / (1 + exp(-eta)) of the first `n`, |eta| at most 700, within two units of the last digit.

    exp in steps that compile to vectors (`kernels.exponential`); `scale` is room.
    """
    for s in range(n):
        value = min(max(-eta[s], -700.0), 700.0)
        power = math.floor(value * LOG2_E + 0.5)
        probability[s] = exp_of_small_jit((value - power * LN2_HIGH) - power * LN2_LOW)
        scale[s] = (np.int64(power) + EXPONENT_BIAS) << EXPONENT_PLACE
    factor = scale.view(np.float64)
    for s in range(n):
        probability[s] = 1.0 / (1.0 + probability[s] * factor[s])


# Fused but not reordered: the two parts of ln 2 must be taken off one after the other.
_probabilities_jit = cast("Callable[..., None]", kept(numba.njit(nogil=True, fastmath={"contract"})(_probabilities)))


def _dots(
    left: npt.NDArray[np.float64],
    rows: npt.NDArray[np.float64],
    first: int,
    n_rows: int,
    n: int,
    out: npt.NDArray[np.float64],
) -> None:
    """Add the inner products of the first `n` of `left` with `n` samples from `first` of the first rows to `out`.

    Whole rows are cut, not the matrix: of a part of a matrix the compiler does not know that its rows are contiguous.
    """
    i = 0
    while i + 4 <= n_rows:
        a = rows[i][first : first + n]
        b = rows[i + 1][first : first + n]
        c = rows[i + 2][first : first + n]
        d = rows[i + 3][first : first + n]
        sum_a = 0.0
        sum_b = 0.0
        sum_c = 0.0
        sum_d = 0.0
        for s in range(n):
            value = left[s]
            sum_a += value * a[s]
            sum_b += value * b[s]
            sum_c += value * c[s]
            sum_d += value * d[s]
        out[i] += sum_a
        out[i + 1] += sum_b
        out[i + 2] += sum_c
        out[i + 3] += sum_d
        i += 4
    while i < n_rows:
        a = rows[i][first : first + n]
        total = 0.0
        for s in range(n):
            total += left[s] * a[s]
        out[i] += total
        i += 1


dots_jit = _vector_jit(_dots)


def _dots_of_two(
    left: npt.NDArray[np.float64],
    other: npt.NDArray[np.float64],
    rows: npt.NDArray[np.float64],
    first: int,
    n_rows: int,
    n: int,
    out: npt.NDArray[np.float64],
    out_other: npt.NDArray[np.float64],
) -> None:
    """As `_dots` for two vectors at once, four rows at a time: each number that is loaded is used more than once."""
    i = 0
    while i + 4 <= n_rows:
        a = rows[i][first : first + n]
        b = rows[i + 1][first : first + n]
        c = rows[i + 2][first : first + n]
        d = rows[i + 3][first : first + n]
        left_a = left_b = left_c = left_d = 0.0
        other_a = other_b = other_c = other_d = 0.0
        for s in range(n):
            value = left[s]
            second = other[s]
            left_a += value * a[s]
            left_b += value * b[s]
            left_c += value * c[s]
            left_d += value * d[s]
            other_a += second * a[s]
            other_b += second * b[s]
            other_c += second * c[s]
            other_d += second * d[s]
        out[i] += left_a
        out[i + 1] += left_b
        out[i + 2] += left_c
        out[i + 3] += left_d
        out_other[i] += other_a
        out_other[i + 1] += other_b
        out_other[i + 2] += other_c
        out_other[i + 3] += other_d
        i += 4
    while i < n_rows:
        a = rows[i][first : first + n]
        left_a = other_a = 0.0
        for s in range(n):
            left_a += left[s] * a[s]
            other_a += other[s] * a[s]
        out[i] += left_a
        out_other[i] += other_a
        i += 1


dots_of_two_jit = _vector_jit(_dots_of_two)


def _advance(
    x: npt.NDArray[np.float64], step: npt.NDArray[np.float64], step_max: float, eta: npt.NDArray[np.float64]
) -> tuple[float, bool]:
    """Add x' step to the linear predictors; return the length of the move, and whether it keeps within bounds.

    Within bounds: no sample moved by `step_max`, none is so far out that its probability is 0 or 1.
    """
    size, n_samples = x.shape
    moves = np.empty(_BLOCK)
    squares = 0.0
    outside = 0.0
    for first in range(0, n_samples, _BLOCK):
        n = min(_BLOCK, n_samples - first)
        moves[:] = 0.0
        i = 0
        while i + 4 <= size:
            a = x[i][first : first + n]
            b = x[i + 1][first : first + n]
            c = x[i + 2][first : first + n]
            d = x[i + 3][first : first + n]
            for s in range(n):
                moves[s] += step[i] * a[s] + step[i + 1] * b[s] + step[i + 2] * c[s] + step[i + 3] * d[s]
            i += 4
        while i < size:
            a = x[i][first : first + n]
            for s in range(n):
                moves[s] += step[i] * a[s]
            i += 1
        here = eta[first : first + n]
        for s in range(n):
            here[s] += moves[s]
        # A largest value would not compile to vectors, as it must not lose a NaN; sums do.
        for s in range(n):
            squares += moves[s] * moves[s]
            outside += 0.0 if abs(moves[s]) < step_max and abs(here[s]) < _RUNAWAY else 1.0
    return math.sqrt(squares), outside == 0.0


_advance_jit = _vector_jit(_advance)


def _point(
    x: npt.NDArray[np.float64],
    present: npt.NDArray[np.float64],
    eta: npt.NDArray[np.float64],
    probability: npt.NDArray[np.float64],
    weight: npt.NDArray[np.float64],
    scale: npt.NDArray[np.int64],
    scaled: npt.NDArray[np.float64],
    information: npt.NDArray[np.float64],
) -> None:
    """Fill probabilities, weights and the lower triangle of X' W X at the linear predictors `eta`."""
    size, n_samples = x.shape
    information[:] = 0.0
    for first in range(0, n_samples, _BLOCK):
        n = min(_BLOCK, n_samples - first)
        p = probability[first : first + n]
        w = weight[first : first + n]
        _probabilities_jit(eta[first : first + n], scale, p, n)
        there = present[first : first + n]
        for s in range(n):
            w[s] = there[s] * p[s] * (1.0 - p[s])
        for i in range(size):
            row = x[i][first : first + n]
            target = scaled[i]
            for s in range(n):
                target[s] = w[s] * row[s]
        i = 0
        while i + 2 <= size:
            # up to whole fours of rows: what lands above the diagonal is never read
            n_rows = min((i + 5) // 4 * 4, size)
            dots_of_two_jit(scaled[i], scaled[i + 1], x, first, n_rows, n, information[i], information[i + 1])
            i += 2
        if i < size:
            dots_jit(scaled[i], x, first, i + 1, n, information[i])


_point_jit = _vector_jit(_point)


def _leverages(
    x: npt.NDArray[np.float64],
    weight: npt.NDArray[np.float64],
    factor: npt.NDArray[np.float64],
    out: npt.NDArray[np.float64],
) -> None:
    """Fill the hat diagonal, weight * x' (X' W X)^-1 x, from the Cholesky factor of X' W X."""
    size, n_samples = x.shape
    lower = np.zeros((size, size))  # the inverse of the factor, column after column
    column = np.empty(size)
    for k in range(size):
        column[:] = 0.0
        column[k] = 1.0
        solve_lower_jit(factor, size, column)
        for i in range(k, size):
            lower[i, k] = column[i]
    solved = np.empty(_BLOCK)
    for first in range(0, n_samples, _BLOCK):
        n = min(_BLOCK, n_samples - first)
        total = out[first : first + n]
        total[:] = 0.0
        for i in range(size):
            solved[:] = 0.0
            k = 0
            while k + 4 <= i + 1:
                a = x[k][first : first + n]
                b = x[k + 1][first : first + n]
                c = x[k + 2][first : first + n]
                d = x[k + 3][first : first + n]
                for s in range(n):
                    solved[s] += (
                        lower[i, k] * a[s] + lower[i, k + 1] * b[s] + lower[i, k + 2] * c[s] + lower[i, k + 3] * d[s]
                    )
                k += 4
            while k <= i:
                a = x[k][first : first + n]
                for s in range(n):
                    solved[s] += lower[i, k] * a[s]
                k += 1
            for s in range(n):
                total[s] += solved[s] * solved[s]
        w = weight[first : first + n]
        for s in range(n):
            total[s] *= w[s]


_leverages_jit = _vector_jit(_leverages)


def _settle(
    x: npt.NDArray[np.float64],
    present: npt.NDArray[np.float64],
    cases: npt.NDArray[np.float64],
    coefficients: npt.NDArray[np.float64],
    factor: npt.NDArray[np.float64],
) -> bool:
    """Move `coefficients` to the maximum of the likelihood by Newton's method; False when a few turns do not get there.

    `x` float64[K + 1 + M, S], the variant's terms in the last M rows; `present` float64[S] is 1 where the sample has a
    genotype. `factor` becomes the information's Cholesky factor.
    """
    size, n_samples = x.shape
    eta = np.zeros(n_samples)
    probability = np.empty(n_samples)
    weight = np.empty(n_samples)
    scale = np.empty(_BLOCK, dtype=np.int64)
    step = np.empty(size)
    scaled = np.empty((size, _BLOCK))
    moved, inside = _advance_jit(x, coefficients, _RUNAWAY, eta)
    for _turn in range(_NEWTON_TURNS_MAX):
        if not inside:
            return False
        _point_jit(x, present, eta, probability, weight, scale, scaled, factor)
        if not cholesky_jit(factor, size, _PIVOT_SHARE):
            return False
        for s in range(n_samples):
            probability[s] = present[s] * (cases[s] - probability[s])
        step[:] = 0.0
        dots_jit(probability, x, 0, size, n_samples, step)
        solve_lower_jit(factor, size, step)
        solve_upper_jit(factor, size, step)
        moved, inside = _advance_jit(x, step, _STEP_MAX, eta)
        for i in range(size):
            coefficients[i] += step[i]
        if inside and moved < _STEP_MIN:
            return True
    return False


settle_jit = _vector_jit(_settle)


def _inverse(factor: npt.NDArray[np.float64], size: int, out: npt.NDArray[np.float64]) -> None:
    """Fill `out` with the inverse of the matrix whose Cholesky factor is given."""
    for i in range(size):
        row = out[i]
        row[:] = 0.0
        row[i] = 1.0
        solve_lower_jit(factor, size, row)
        solve_upper_jit(factor, size, row)


_inverse_jit = jit(_inverse)


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
    size, n_samples = x.shape
    eta = np.zeros(n_samples)
    probability = np.empty(n_samples)
    weight = np.empty(n_samples)
    leverage = np.empty(n_samples)
    scale = np.empty(_BLOCK, dtype=np.int64)
    step = np.empty(size)
    score = np.empty(size)
    before = np.empty(size)
    change = np.empty(size)
    along = np.empty(size)
    inverse = np.empty((size, size))
    scaled = np.empty((size, _BLOCK))
    moved, inside = _advance_jit(x, coefficients, _RUNAWAY, eta)
    for turn in range(_FIRTH_TURNS_MAX):
        if not inside:
            return False
        _point_jit(x, present, eta, probability, weight, scale, scaled, factor)
        if turn == 0:
            inverse[:] = factor
        if not cholesky_jit(factor, size, _PIVOT_SHARE):
            return False
        _leverages_jit(x, weight, factor, leverage)
        if turn == 0:
            # The penalty acts like `leverage` more trials, half of them cases. Only carriers have much of it; without
            # them in the step's matrix a lone carrier (leverage 1) makes the steps swing for ever.
            for s in range(n_samples):
                carrier = False
                for i in range(size - n_terms, size):
                    carrier |= x[i, s] != 0.0
                if carrier:
                    share = leverage[s] * weight[s]
                    for i in range(size):
                        for k in range(i + 1):
                            inverse[i, k] += share * x[i, s] * x[k, s]
            if not cholesky_jit(inverse, size, 1e-13):
                return False
            _inverse_jit(inverse.copy(), size, inverse)
        for s in range(n_samples):
            probability[s] = present[s] * (cases[s] - probability[s]) + leverage[s] * (0.5 - probability[s])
        score[:] = 0.0
        dots_jit(probability, x, 0, size, n_samples, score)
        if turn > 0:
            # With J the inverse, s the step, y = (score before) - (score now): J += (s - J y) (s' J) / (s' J y)
            total = 0.0
            for i in range(size):
                value = 0.0
                for k in range(size):
                    value += inverse[i, k] * (before[k] - score[k])
                change[i] = value
                total += step[i] * value
            norm = 0.0
            for i in range(size):
                norm += step[i] * step[i]
            if abs(total) > 1e-3 * norm:
                for k in range(size):
                    value = 0.0
                    for i in range(size):
                        value += step[i] * inverse[i, k]
                    along[k] = value / total
                for i in range(size):
                    for k in range(size):
                        inverse[i, k] += (step[i] - change[i]) * along[k]
        for i in range(size):
            value = 0.0
            for k in range(size):
                value += inverse[i, k] * score[k]
            step[i] = value
            before[i] = score[i]
        moved, inside = _advance_jit(x, step, _STEP_MAX, eta)
        for i in range(size):
            coefficients[i] += step[i]
        if inside and moved < _FIRTH_STEP_MIN:
            return True
    return False


settle_firth_jit = _vector_jit(_settle_firth)
