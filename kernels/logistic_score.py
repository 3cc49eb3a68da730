"""The score test of every variant against one case-control trait (Rao 1948, Proc. Camb. Phil. Soc. 44:50).

The model without the variant is fitted once; of each variant only samples are visited whose genotype is not the
commonest.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from genomics_dc.kernels._jit import jit
from genomics_dc.kernels.carriers import count_jit, list_code_jit
from genomics_dc.kernels.lanes import LANES
from genomics_dc.kernels.linear_packed import add_up_jit, list_carriers_jit
from genomics_dc.kernels.solve import cholesky_jit, solve_lower_jit, solve_upper_jit
from genomics_dc.kernels.status import MONOMORPHIC, NOT_CONVERGED, SCORE, TOO_FEW
from genomics_dc.kernels.tails import _neg_log10_p_normal_jit

# Share of a variant's spread outside the covariates below which the score test says nothing.
_SPREAD_SHARE = 1e-5


def _score(
    words: npt.NDArray[np.uint64],
    members: npt.NDArray[np.uint64],
    case_members: npt.NDArray[np.uint64],
    n_samples: int,
    n_cases: int,
    tiles: npt.NDArray[np.float64],
    weight: npt.NDArray[np.float64],
    directions: npt.NDArray[np.float64],
    null: npt.NDArray[np.float64],
    starts: npt.NDArray[np.float64],
    beta: npt.NDArray[np.float64],
    error: npt.NDArray[np.float64],
    z: npt.NDArray[np.float64],
    neg_log10_p: npt.NDArray[np.float64],
    n_used: npt.NDArray[np.int32],
    frequency: npt.NDArray[np.float64],
    status: npt.NDArray[np.int8],
) -> None:
    """Fill the outputs with the score test of each variant; NOT_CONVERGED where it has no spread to judge by.

    `tiles` hold weight times direction [K + 1] and y - p of each sample. `starts` float64[V, 2 K + 3] becomes the point
    one Newton step from the fit without the variant, [K + 2], the variant counted as `list_carriers` does, and what the
    directions say of the variant, [K + 1]. A missing sample leaves the sums; the coefficients of the covariates follow
    by one Newton step.
    """
    n_basis = directions.shape[1]
    sums = np.empty(tiles.shape[0] * LANES)
    far = np.empty(LANES)
    listed = np.empty(n_samples, dtype=np.int32)
    ends = np.zeros(2, dtype=np.int64)
    steps = np.empty(3)
    gram = np.empty((n_basis, n_basis))
    lift = np.empty(n_basis)
    along = np.empty(n_basis)
    for v in range(words.shape[0]):
        row = words[v]
        het, hom, n_absent = count_jit(row, members)
        n = n_samples - n_absent
        n_here = n_cases
        if n_absent > 0:
            n_here -= count_jit(row, case_members)[2]
        n_used[v] = n
        frequency[v] = (het + 2 * hom) / (2.0 * n) if n > 0 else np.nan
        beta[v] = error[v] = z[v] = neg_log10_p[v] = np.nan
        if n <= n_basis + 1 or n_here == 0 or n_here == n:
            status[v] = TOO_FEW
            continue
        if het == n or hom == n or het + hom == 0:
            status[v] = MONOMORPHIC
            continue
        list_carriers_jit(row, members, n_samples, het, hom, n_absent, listed, 0, ends, steps)
        for tile in range(tiles.shape[0]):
            add_up_jit(tiles[tile], listed, 0, ends[0], ends[1], steps[2], sums[tile * LANES : (tile + 1) * LANES], far)
        spread = 0.0
        for at in range(ends[0], ends[1]):
            spread += weight[listed[at]]
        spread *= steps[2] * steps[2]
        for at in range(ends[0]):
            spread += weight[listed[at]]
        score = sums[n_basis]
        for i in range(n_basis):
            along[i] = sums[i]
        status[v] = NOT_CONVERGED
        starts[v, :n_basis] = null
        starts[v, n_basis:] = 0.0
        if n_absent > 0:
            n_absent = list_code_jit(row, members, 3, listed, 0)
            gram[:] = 0.0
            lift[:] = 0.0
            for i in range(n_basis):
                gram[i, i] = 1.0
            for m in range(n_absent):
                s = listed[m]
                rest = tiles[n_basis >> 3, s, n_basis & 7]
                for i in range(n_basis):
                    lift[i] -= directions[s, i] * rest
                    scaled = weight[s] * directions[s, i]
                    for k in range(i + 1):
                        gram[i, k] -= scaled * directions[s, k]
            if not cholesky_jit(gram, n_basis, 1e-8):
                continue
            solve_lower_jit(gram, n_basis, along)
            solve_lower_jit(gram, n_basis, lift)
            for i in range(n_basis):
                score -= along[i] * lift[i]
        rest = spread
        for i in range(n_basis):
            rest -= along[i] * along[i]
        if not rest > _SPREAD_SHARE * spread:
            continue
        status[v] = SCORE
        slope = score / rest
        taken = starts[v, n_basis + 1 :]
        for i in range(n_basis):
            taken[i] = along[i]
        if n_absent > 0:
            solve_upper_jit(gram, n_basis, taken)
            for i in range(n_basis):
                along[i] = along[i] * slope - lift[i]
            solve_upper_jit(gram, n_basis, along)
            slope_along = 1.0
        else:
            slope_along = slope
        for i in range(n_basis):
            starts[v, i] = null[i] - slope_along * along[i]
        starts[v, n_basis] = slope
        beta[v] = slope * steps[0]
        error[v] = 1.0 / math.sqrt(rest)
        z[v] = beta[v] / error[v]
        neg_log10_p[v] = _neg_log10_p_normal_jit(z[v])


score_jit = jit(_score)


def _fill_null_rows(
    basis: npt.NDArray[np.float64],
    cases: npt.NDArray[np.float64],
    null: npt.NDArray[np.float64],
    directions: npt.NDArray[np.float64],
    rest: npt.NDArray[np.float64],
    weight: npt.NDArray[np.float64],
    start: npt.NDArray[np.float64],
) -> bool:
    """Fill y - p, the weights, directions Q with Q' W Q = I, and the fit without a variant as coefficients on Q.

    False when the weights leave the covariates no spread.
    """
    n_samples, n_basis = basis.shape
    factor = np.zeros((n_basis, n_basis))
    for s in range(n_samples):
        eta = 0.0
        for i in range(n_basis):
            eta += basis[s, i] * null[i]
        p = 1.0 / (1.0 + math.exp(-eta))
        weight[s] = p * (1.0 - p)
        rest[s] = cases[s] - p
        for i in range(n_basis):
            for k in range(i + 1):
                factor[i, k] += weight[s] * basis[s, i] * basis[s, k]
    if not cholesky_jit(factor, n_basis, 1e-13):
        return False
    for s in range(n_samples):
        q = directions[s]
        q[:] = basis[s]
        solve_lower_jit(factor, n_basis, q)
    for i in range(n_basis):
        start[i] = 0.0
        for k in range(i, n_basis):
            start[i] += factor[k, i] * null[k]
    return True


fill_null_rows_jit = jit(_fill_null_rows)
