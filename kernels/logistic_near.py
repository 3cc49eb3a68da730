"""Newton's method from the score test's point, for the many variants whose fit lies near the one without them.

The covariates' directions Q are orthonormal under the weights W0 of the null fit, so the information of a variant's fit
is the identity plus what its carriers change: Q'WQ = I + sum over carriers of (w - w0) q q' + the small change that the
moved covariates make in all samples, which to first order is one fixed tensor times the move. That matrix is never
summed over all samples. It needs not be exact: it only says where to go; score and curvature along the variant are
exact at each turn, with what the covariates say of the variant taken off it turn after turn. Each turn gains about
three digits. Who does not settle in a few turns is left to the ways that assume nothing (`kernels.logistic`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from genomics_dc.kernels._jit import jit
from genomics_dc.kernels.carriers import count_jit, list_code_jit
from genomics_dc.kernels.lanes import LANES
from genomics_dc.kernels.linear_packed import list_carriers_jit
from genomics_dc.kernels.lines import on_lines
from genomics_dc.kernels.logistic_careful import apart_jit
from genomics_dc.kernels.logistic_fast import RUNAWAY
from genomics_dc.kernels.logistic_sweep import WIDTH, add_squares, lane_sum_jit, sweep
from genomics_dc.kernels.solve import cholesky_jit, solve_lower_jit, solve_upper_jit
from genomics_dc.kernels.status import OK
from genomics_dc.kernels.tails import _neg_log10_p_normal_jit

# The tensor has the third power of this many numbers.
DIRECTIONS_MAX = 32
# Up to so many carriers their own likelihood is asked first where the variant's effect lies.
_FEW_CARRIERS = 40
_OWN_TURNS_MAX = 12
_BEND_MIN, _BEND_MAX = 0.25, 4.0
_OWN_STEP_MAX = 1.5
_OWN_STEP_MIN = 1e-3
_TURNS_MAX = 12
# In standard errors: a step beyond which the information is taken anew, one that is no longer near, and what may be
# left to go, judged by how much the last step was shorter than the one before.
_RENEW_FROM = 0.05
_FAR = 30.0
_LEFT_MAX = 1e-10
# Share of the variant that the covariates may still explain: its square times the information's error is what the
# standard error loses.
_EXPLAINED_MAX = 1e-9
_PIVOT_SHARE = 1e-6


@dataclass(frozen=True)
class NearDesign:
    """A case-control trait and its covariates as `fit_near` reads them; absent samples fill S up to 32 B.

    `index` int32[32 W] is the place in the design of a sample of the store. `rows` float64[B, K + 1, 32] are the
    directions, and `directions` float64[S, K + 1]; `present`, `cases` float64[32 B]; `eta`, `weight`, `rest` (y - p)
    and `slope` (how the weight changes with eta) float64[32 B] are of the null fit. `tensor` float64[K + 1, K + 1,
    K + 1] is the sum of slope q q q over the samples.
    """

    index: npt.NDArray[np.int32]
    rows: npt.NDArray[np.float64]
    directions: npt.NDArray[np.float64]
    present: npt.NDArray[np.float64]
    cases: npt.NDArray[np.float64]
    eta: npt.NDArray[np.float64]
    weight: npt.NDArray[np.float64]
    rest: npt.NDArray[np.float64]
    slope: npt.NDArray[np.float64]
    tensor: npt.NDArray[np.float64]


def _third_moments(
    directions: npt.NDArray[np.float64], slope: npt.NDArray[np.float64], out: npt.NDArray[np.float64]
) -> None:
    """Fill the sums over samples of slope q q q, float64[K + 1, K + 1, K + 1]."""
    n_basis = directions.shape[1]
    out[:] = 0.0
    for s in range(directions.shape[0]):
        q = directions[s]
        for i in range(n_basis):
            for j in range(i + 1):
                scaled = slope[s] * q[i] * q[j]
                for k in range(j + 1):
                    out[i, j, k] += scaled * q[k]
    for i in range(n_basis):
        for j in range(i + 1):
            for k in range(j + 1):
                value = out[i, j, k]
                out[i, k, j] = out[j, i, k] = out[j, k, i] = out[k, i, j] = out[k, j, i] = value


_third_moments_jit = jit(_third_moments)


def near_design(
    directions: npt.NDArray[np.float64],
    null: npt.NDArray[np.float64],
    cases: npt.NDArray[np.float64],
    weight: npt.NDArray[np.float64],
    rest: npt.NDArray[np.float64],
    columns: npt.NDArray[np.int64],
    n_words: int,
) -> NearDesign:
    """Return what `fit_near` needs of a design whose samples are columns of a store of `n_words` words."""
    n_samples, n_basis = directions.shape
    n_blocks = -(-n_samples // WIDTH)
    index = np.zeros(32 * n_words, dtype=np.int32)
    index[columns] = np.arange(n_samples, dtype=np.int32)
    rows = on_lines((n_blocks, n_basis, WIDTH), np.float64)
    filled = np.zeros((n_blocks * WIDTH, n_basis))
    filled[:n_samples] = directions
    rows[:] = filled.reshape(n_blocks, WIDTH, n_basis).transpose(0, 2, 1)
    vectors = on_lines((6, n_blocks * WIDTH), np.float64)
    present, of_cases, eta, weights, rests, slope = vectors
    present[:n_samples] = 1.0
    of_cases[:n_samples] = cases
    for i in range(n_basis):  # not a product of matrices, which may sum in another order with more threads
        eta[:n_samples] += null[i] * directions[:, i]
    weights[:n_samples], rests[:n_samples] = weight, rest
    slope[:n_samples] = -weight * np.tanh(0.5 * eta[:n_samples])  # w (1 - 2 p)
    tensor = np.empty((n_basis, n_basis, n_basis))
    _third_moments_jit(directions, slope, tensor)
    return NearDesign(index, rows, directions, present, of_cases, eta, weights, rests, slope, tensor)


def _own_effect(
    listed: npt.NDArray[np.int32],
    values: npt.NDArray[np.float64],
    n: int,
    cases: npt.NDArray[np.float64],
    eta: npt.NDArray[np.float64],
) -> float:
    """Return roughly where the likelihood of the first `n` carriers alone has its maximum along the variant."""
    effect = 0.0
    for _turn in range(_OWN_TURNS_MAX):
        score = 0.0
        curvature = 0.0
        for c in range(n):
            s = listed[c]
            p = 1.0 / (1.0 + math.exp(-(eta[s] + effect * values[c])))
            score += values[c] * (cases[s] - p)
            curvature += values[c] * values[c] * p * (1.0 - p)
        move = score / curvature if curvature > 0.0 else 0.0
        effect += min(max(move, -_OWN_STEP_MAX), _OWN_STEP_MAX)
        if abs(move) < _OWN_STEP_MIN:
            break
    return effect


_own_effect_jit = jit(_own_effect)


def _logit_step(cases: float, expected: float, n: float) -> tuple[float, float]:
    """Return how far a group's log odds are from those expected, and what one Newton step makes of that."""
    p = expected / n
    linear = (cases - expected) / (n * p * (1.0 - p))
    return math.log(cases * (n - expected) / ((n - cases) * expected)), linear


_logit_step_jit = jit(_logit_step)


def _bend(counts: npt.NDArray[np.float64], score: float, expected_cases: float) -> float:
    """Return by what to multiply the score test's step, so that it ends nearer to the maximum.

    Alleles instead of people, without covariates, have a maximum in closed form: the difference of two log odds.
    `counts` float64[2, 3] are controls and cases by dosage, `score` the sum of dosage (y - p), `expected_cases` of p.
    """
    n = 2.0 * (counts[0, 0] + counts[0, 1] + counts[0, 2] + counts[1, 0] + counts[1, 1] + counts[1, 2])
    carried = counts[0, 1] + counts[1, 1] + 2.0 * (counts[0, 2] + counts[1, 2])
    of_cases = counts[1, 1] + 2.0 * counts[1, 2]
    others = 2.0 * (counts[1, 0] + counts[1, 1] + counts[1, 2]) - of_cases
    expected = of_cases - score
    expected_others = 2.0 * expected_cases - expected
    rest = n - carried
    inside = 0.0 < of_cases < carried and 0.0 < others < rest
    if not (inside and 0.0 < expected < carried and 0.0 < expected_others < rest):
        return 1.0
    far, far_linear = _logit_step_jit(of_cases, expected, carried)
    near, near_linear = _logit_step_jit(others, expected_others, rest)
    if not abs(far_linear - near_linear) > 1e-9:
        return 1.0
    return min(max((far - near) / (far_linear - near_linear), _BEND_MIN), _BEND_MAX)


_bend_jit = jit(_bend)


def _add_squares(
    directions: npt.NDArray[np.float64],
    listed: npt.NDArray[np.int32],
    change: npt.NDArray[np.float64],
    n: int,
    gathered: npt.NDArray[np.float64],
    weight: npt.NDArray[np.float64],
    sums: npt.NDArray[np.float64],
    out: npt.NDArray[np.float64],
) -> None:
    """Add change q q' of the first `n` listed samples to the lower triangle of `out`.

    `gathered` float64[1, K + 1, 32], `weight` float64[32] and `sums` float64[K + 1, K + 1, 8] are room.
    """
    n_basis = directions.shape[1]
    sums[:] = 0.0
    for first in range(0, n, WIDTH):
        some = min(WIDTH, n - first)
        for c in range(some):
            weight[c] = change[first + c]
            q = directions[listed[first + c]]
            for i in range(n_basis):
                gathered[0, i, c] = q[i]
        for c in range(some, WIDTH):
            weight[c] = 0.0
        add_squares(gathered, weight, sums)
    for i in range(n_basis):
        for k in range(i + 1):
            out[i, k] += lane_sum_jit(sums[i, k])


_add_squares_jit = jit(_add_squares)


def _information(
    delta: npt.NDArray[np.float64],
    effect: float,
    listed: npt.NDArray[np.int32],
    values: npt.NDArray[np.float64],
    n: int,
    directions: npt.NDArray[np.float64],
    null_eta: npt.NDArray[np.float64],
    null_weight: npt.NDArray[np.float64],
    slope: npt.NDArray[np.float64],
    tensor: npt.NDArray[np.float64],
    eta: npt.NDArray[np.float64],
    weight: npt.NDArray[np.float64],
    change: npt.NDArray[np.float64],
    gathered: npt.NDArray[np.float64],
    squares: npt.NDArray[np.float64],
    out: npt.NDArray[np.float64],
) -> bool:
    """Fill the Cholesky factor of Q'WQ where the covariates moved by `delta`; False when it has none.

    Exact in the `n` that are listed, carriers and absent, to first order in all others.
    """
    n_basis = delta.size
    for i in range(n_basis):
        for k in range(i + 1):
            value = 1.0 if i == k else 0.0
            for j in range(n_basis):
                value += delta[j] * tensor[i, k, j]
            out[i, k] = value
    for c in range(n):
        s = listed[c]
        along = eta[s] - null_eta[s] - effect * values[c]
        change[c] = weight[s] - null_weight[s] - slope[s] * along
    _add_squares_jit(
        directions, listed, change, n, gathered[:n_basis].reshape((1, n_basis, WIDTH)), gathered[n_basis], squares, out
    )
    return cholesky_jit(out, n_basis, _PIVOT_SHARE)


_information_jit = jit(_information)


def _count_by_case(
    row: npt.NDArray[np.uint64],
    members: npt.NDArray[np.uint64],
    case_members: npt.NDArray[np.uint64],
    n_samples: int,
    n_cases: int,
    counts: npt.NDArray[np.float64],
) -> int:
    """Fill controls and cases by dosage, float64[2, 3]; return how many members have no genotype."""
    het, hom, n_absent = count_jit(row, members)
    case_het, case_hom, case_absent = count_jit(row, case_members)
    counts[1, 0] = n_cases - case_absent - case_het - case_hom
    counts[1, 1] = case_het
    counts[1, 2] = case_hom
    counts[0, 0] = n_samples - n_absent - het - hom - counts[1, 0]
    counts[0, 1] = het - case_het
    counts[0, 2] = hom - case_hom
    return n_absent


_count_by_case_jit = jit(_count_by_case)


def _begin(
    listed: npt.NDArray[np.int32],
    values: npt.NDArray[np.float64],
    n_carriers: int,
    n_listed: int,
    counts: npt.NDArray[np.float64],
    signs: npt.NDArray[np.float64],
    cases: npt.NDArray[np.float64],
    null_eta: npt.NDArray[np.float64],
    null_rest: npt.NDArray[np.float64],
    null: npt.NDArray[np.float64],
    start: npt.NDArray[np.float64],
    delta: npt.NDArray[np.float64],
) -> float:
    """Fill how far the covariates' coefficients are from the null fit where the search begins; return the effect."""
    n_basis = null.size
    if n_carriers <= _FEW_CARRIERS:
        delta[:] = 0.0
        return _own_effect_jit(listed, values, n_carriers, cases, null_eta)
    of_carriers = 0.0
    of_absent = 0.0
    for c in range(n_carriers):
        of_carriers += values[c] * null_rest[listed[c]]
    for c in range(n_carriers, n_listed):
        of_absent += null_rest[listed[c]]
    # The null fit has an intercept: y - p sums to nothing over everyone.
    of_dosage = signs[0] * of_carriers - signs[1] * of_absent
    bend = _bend_jit(counts, of_dosage, counts[1, 0] + counts[1, 1] + counts[1, 2] + of_absent)
    for i in range(n_basis):
        delta[i] = bend * (start[i] - null[i])
    return float(bend * start[n_basis])


_begin_jit = jit(_begin)


def _fit_near(
    words: npt.NDArray[np.uint64],
    members: npt.NDArray[np.uint64],
    case_members: npt.NDArray[np.uint64],
    n_samples: int,
    n_cases: int,
    index: npt.NDArray[np.int32],
    rows: npt.NDArray[np.float64],
    directions: npt.NDArray[np.float64],
    everyone: npt.NDArray[np.float64],
    cases: npt.NDArray[np.float64],
    null_eta: npt.NDArray[np.float64],
    null_weight: npt.NDArray[np.float64],
    null_rest: npt.NDArray[np.float64],
    slope: npt.NDArray[np.float64],
    tensor: npt.NDArray[np.float64],
    null: npt.NDArray[np.float64],
    starts: npt.NDArray[np.float64],
    chosen: npt.NDArray[np.int64],
    vectors: npt.NDArray[np.float64],
    sums: npt.NDArray[np.float64],
    gathered: npt.NDArray[np.float64],
    products: npt.NDArray[np.float64],
    beta: npt.NDArray[np.float64],
    error: npt.NDArray[np.float64],
    z: npt.NDArray[np.float64],
    neg_log10_p: npt.NDArray[np.float64],
    status: npt.NDArray[np.int8],
    settled: npt.NDArray[np.bool_],
) -> None:
    """Fit the `chosen` variants; `settled` says of each whether that was done.

    `starts` as `logistic_score` fills them; `vectors`, `sums`, `gathered` and `products` are room, from `room_of`.
    """
    n_basis = null.size
    eta, variant, weight, rests = vectors[0], vectors[1], vectors[2], vectors[3]
    present, change = vectors[4], vectors[5]
    present[:] = everyone
    listed = np.empty(n_samples, dtype=np.int32)
    values = np.empty(n_samples)
    ends = np.zeros(2, dtype=np.int64)
    signs = np.empty(3)
    counts = np.empty((2, 3))
    step = np.empty(n_basis + 1)
    shift = np.empty(n_basis)
    delta = np.empty(n_basis)  # how far the covariates' coefficients are from the null fit
    taken = np.empty(n_basis)  # what of the directions is taken off the variant
    score = np.empty(n_basis)
    factor = np.empty((n_basis, n_basis))
    for at in range(chosen.size):
        v = chosen[at]
        row = words[v]
        n_absent = _count_by_case_jit(row, members, case_members, n_samples, n_cases, counts)
        settled[at] = False
        if apart_jit(counts):
            continue
        het, hom = int(counts[:, 1].sum()), int(counts[:, 2].sum())
        list_carriers_jit(row, members, n_samples, het, hom, n_absent, listed, 0, ends, signs)
        n_carriers = ends[1]
        n_listed = list_code_jit(row, members, 3, listed, n_carriers)
        variant[:] = 0.0
        for c in range(n_listed):
            listed[c] = index[listed[c]]
            values[c] = 0.0 if c >= n_carriers else (1.0 if c < ends[0] else signs[2])
            variant[listed[c]] = values[c]
        for c in range(n_carriers, n_listed):
            present[listed[c]] = 0.0
        eta[:] = null_eta
        effect = _begin_jit(
            listed, values, n_carriers, n_listed, counts, signs, cases, null_eta, null_rest, null, starts[v], delta
        )
        for i in range(n_basis):
            taken[i] = starts[v, n_basis + 1 + i]
            step[i] = delta[i]
            shift[i] = taken[i]
        step[n_basis] = effect
        size = 0.0
        done = False
        for turn in range(_TURNS_MAX):
            sums[:] = 0.0
            sweep(rows, present, cases, step, shift, n_basis, eta, variant, weight, rests, sums)
            found = True
            if turn == 0 or size > _RENEW_FROM:
                found = _information_jit(
                    delta,
                    effect,
                    listed,
                    values,
                    n_listed,
                    directions,
                    null_eta,
                    null_weight,
                    slope,
                    tensor,
                    eta,
                    weight,
                    change,
                    gathered,
                    products,
                    factor,
                )
            if not found:
                break
            for i in range(n_basis):
                score[i] = lane_sum_jit(sums[i])
                shift[i] = lane_sum_jit(sums[n_basis + 1 + i])
            own_score = lane_sum_jit(sums[n_basis])
            spread = lane_sum_jit(sums[2 * n_basis + 1])
            solve_lower_jit(factor, n_basis, score)
            solve_lower_jit(factor, n_basis, shift)
            explained = 0.0
            squares = 0.0
            for i in range(n_basis):
                explained += shift[i] * shift[i]
                squares += score[i] * score[i]
                own_score -= shift[i] * score[i]
            rest = spread - explained
            if not rest > _PIVOT_SHARE * spread:
                break
            move = own_score / rest
            before = size
            size = math.sqrt(squares + move * move * rest)
            if not size < _FAR:
                break
            for i in range(n_basis):
                score[i] -= shift[i] * move
            solve_upper_jit(factor, n_basis, score)
            solve_upper_jit(factor, n_basis, shift)
            for i in range(n_basis):
                step[i] = score[i]
                delta[i] += score[i] - taken[i] * move
                taken[i] += shift[i]
            step[n_basis] = move
            effect += move
            near = size <= _LEFT_MAX or (turn > 0 and size * size <= _LEFT_MAX * before)
            if near and explained <= _EXPLAINED_MAX * rest:
                done = True
                break
        if done:
            # The weights after the last step: what the covariates still explain of the variant is nothing now.
            sums[:] = 0.0
            sweep(rows, present, cases, step, shift, 0, eta, variant, weight, rests, sums)
            rest = lane_sum_jit(sums[2 * n_basis + 1])
            whole = 0.0
            for c in range(n_carriers):
                whole += weight[listed[c]] * values[c] * values[c]
            outside = 0
            for s in range(eta.size):
                outside += 0 if abs(eta[s]) < RUNAWAY else 1
            if rest > _PIVOT_SHARE * whole and outside == 0:
                settled[at] = True
                status[v] = OK
                beta[v] = signs[0] * effect
                error[v] = 1.0 / math.sqrt(rest)
                z[v] = beta[v] / error[v]
                neg_log10_p[v] = _neg_log10_p_normal_jit(z[v])
        for c in range(n_carriers, n_listed):
            present[listed[c]] = 1.0


fit_near_jit = jit(_fit_near)


def room_of(
    near: NearDesign,
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64], npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return the room that one call of `fit_near_jit` needs: vectors, sums, gathered samples and their squares."""
    n_basis = near.directions.shape[1]
    return (
        on_lines((6, near.eta.size), np.float64),
        on_lines((2 * n_basis + 2, LANES), np.float64),
        on_lines((n_basis + 1, WIDTH), np.float64),
        on_lines((n_basis, n_basis, LANES), np.float64),
    )
