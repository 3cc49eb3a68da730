"""Where Firth's maximum lies for a variant that few carry, from its carriers alone.

All samples but the carriers stay as the penalised fit without the variant has them, moved along the covariates to first
order. That is within a few per cent of a standard error of the maximum, and costs as much as the carriers are: a start
from which a few exact steps are enough.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from genomics_dc.kernels._jit import jit
from genomics_dc.kernels.logistic_sweep import WIDTH
from genomics_dc.kernels.solve import cholesky_jit, solve_lower_jit, solve_upper_jit

CARRIERS_MAX = 100
_TURNS_MAX = 30
_STEP_MIN = 1e-6
_STEP_MAX = 2.0


def _firth_start(
    x: npt.NDArray[np.float64],
    cases: npt.NDArray[np.float64],
    carriers: npt.NDArray[np.int32],
    n_carriers: int,
    null: npt.NDArray[np.float64],
    information: npt.NDArray[np.float64],
    coefficients: npt.NDArray[np.float64],
) -> None:
    """Fill `coefficients` [K + 2]: those of the covariates, then the variant's.

    `x` float64[B, K + 2, 32], columns in blocks; the variant, the last of them, is 0 but for the first `n_carriers` of
    `carriers`; `null` are the coefficients of the penalised fit without the variant, `information` [K + 1, K + 1] its
    information there.
    """
    size = null.size
    q = np.empty((n_carriers, size))
    dosage = np.empty(n_carriers)
    eta = np.empty(n_carriers)
    rest_null = np.empty(n_carriers)
    others = information.copy()  # the information of all but the carriers
    factor = information.copy()
    column = np.empty(size)
    if not cholesky_jit(factor, size, 1e-13):
        coefficients[:size] = null
        coefficients[size] = 0.0
        return
    for c in range(n_carriers):
        s = carriers[c]
        dosage[c] = x[s // WIDTH, size, s % WIDTH]
        eta[c] = 0.0
        for i in range(size):
            q[c, i] = x[s // WIDTH, i, s % WIDTH]
            eta[c] += q[c, i] * null[i]
            column[i] = q[c, i]
        p = 1.0 / (1.0 + math.exp(-eta[c]))
        weight = p * (1.0 - p)
        solve_lower_jit(factor, size, column)
        leverage = 0.0
        for i in range(size):
            leverage += column[i] * column[i]
        rest_null[c] = cases[s] - p + weight * leverage * (0.5 - p)
        for i in range(size):
            for k in range(i + 1):
                others[i, k] -= weight * q[c, i] * q[c, k]
    delta = np.zeros(size)
    effect = 0.0
    score = np.empty(size)
    cross = np.empty(size)
    p_now = np.empty(n_carriers)
    weight_now = np.empty(n_carriers)
    step = np.empty(size)
    for _turn in range(_TURNS_MAX):
        factor[:] = others
        cross[:] = 0.0
        square = 0.0
        for c in range(n_carriers):
            g = dosage[c]
            value = eta[c] + effect * g
            for i in range(size):
                value += q[c, i] * delta[i]
            p_now[c] = 1.0 / (1.0 + math.exp(-value))
            weight_now[c] = p_now[c] * (1.0 - p_now[c])
            square += weight_now[c] * g * g
            for i in range(size):
                scaled = weight_now[c] * q[c, i]
                cross[i] += scaled * g
                for k in range(i + 1):
                    factor[i, k] += scaled * q[c, k]
        if not cholesky_jit(factor, size, 1e-13):
            break
        solve_lower_jit(factor, size, cross)
        rest = square
        for i in range(size):
            rest -= cross[i] * cross[i]
        if not rest > 1e-12 * square:
            break
        # -(others) delta: what the samples without the variant pull back
        for i in range(size):
            value = 0.0
            for k in range(size):
                value += (others[i, k] if k <= i else others[k, i]) * delta[k]
            score[i] = -value
        own = 0.0
        penalty = 0.0
        for c in range(n_carriers):
            s = carriers[c]
            g = dosage[c]
            for i in range(size):
                column[i] = q[c, i]
            solve_lower_jit(factor, size, column)
            leverage = 0.0
            outside = g
            for i in range(size):
                leverage += column[i] * column[i]
                outside -= column[i] * cross[i]
            leverage = weight_now[c] * (leverage + outside * outside / rest)
            value = cases[s] - p_now[c] + leverage * (0.5 - p_now[c])
            own += g * value
            penalty += weight_now[c] * leverage * outside * outside
            for i in range(size):
                score[i] += q[c, i] * (value - rest_null[c])
        # The joint step: the covariates' part is eliminated, the penalty's weight is the variant's own.
        solve_lower_jit(factor, size, score)
        for i in range(size):
            own -= cross[i] * score[i]
        move = own / (rest + penalty)
        move = min(max(move, -_STEP_MAX), _STEP_MAX)
        for i in range(size):
            step[i] = score[i] - cross[i] * move
        solve_upper_jit(factor, size, step)
        effect += move
        for i in range(size):
            delta[i] += step[i]
        if abs(move) < _STEP_MIN:
            break
    for i in range(size):
        coefficients[i] = null[i] + delta[i]
    coefficients[size] = effect


firth_start_jit = jit(_firth_start)
