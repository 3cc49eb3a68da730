"""Least squares of many traits on packed genotypes: the inner loops of `kernels.linear`.

The weights (covariate basis, then trait residuals) lie in tiles of eight columns, so that one sample's part of a tile
is one line of cache and a tile of a cohort stays near the processor; the carriers of some variants are listed once and
each tile goes over the lists. Where many are carriers, the doses of all samples are multiplied instead, eight variants
at a time. A column's sum does not depend on its neighbours, nor a variant's on others.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from genomics_dc.kernels._jit import jit
from genomics_dc.kernels.carriers import common_genotype_jit, count_jit, list_code_jit
from genomics_dc.kernels.lanes import GROUP, LANES, ROWS, add_products, sum_rows, unpack_word
from genomics_dc.kernels.lines import on_lines
from genomics_dc.kernels.solve import cholesky_jit, solve_lower_jit, solve_upper_jit
from genomics_dc.kernels.status import COLLINEAR, EXACT_FIT, MONOMORPHIC, OK, TOO_FEW
from genomics_dc.kernels.tails import _neg_log10_p_t_jit, fill_p_jit, fill_t_by_table_jit

# Variants whose carriers are listed together.
_BATCH = 128
# Share of a variant's variance outside the covariates below which it counts as their sum (R^2 > 0.999999).
COLLINEAR_SHARE = 1e-6
# Below this share of unexplained variance, the residuals are summed one by one: the difference of sums loses digits.
EXPLICIT_SHARE = 1e-3
EXACT_SHARE = 1e-22
# From this share of carriers on, all samples are multiplied.
_DENSE_SHARE = 0.25
_GROUPS_AT_ONCE = 4
_LOWER = np.uint64(0x5555555555555555)


def tiled(rows: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return rows [S, C] as [ceil(C / 8), S, 8], zero in unused lanes."""
    n_tiles = -(-rows.shape[1] // LANES)
    tiles = on_lines((n_tiles, rows.shape[0], LANES), np.float64)
    for tile in range(n_tiles):
        part = rows[:, tile * LANES : (tile + 1) * LANES]
        tiles[tile, :, : part.shape[1]] = part
    return tiles


def _sum_squares(rows: npt.NDArray[np.float64], first: int, out: npt.NDArray[np.float64]) -> None:
    """Fill `out` with the sum of squares of the columns of `rows` [S, C] from `first` on, row after row."""
    out[:] = 0.0
    for s in range(rows.shape[0]):
        for j in range(out.size):
            out[j] += rows[s, first + j] * rows[s, first + j]


sum_squares_jit = jit(_sum_squares)


def _add_up(
    tile: npt.NDArray[np.float64],
    listed: npt.NDArray[np.int32],
    begin: int,
    middle: int,
    end: int,
    factor: float,
    near: npt.NDArray[np.float64],
    far: npt.NDArray[np.float64],
) -> None:
    """Set near[0..7] to the sum of the tile's rows listed from begin to middle, plus factor times those to end."""
    sum_rows(tile, listed, begin, middle, near)
    if end > middle:
        sum_rows(tile, listed, middle, end, far)
        for lane in range(LANES):
            near[lane] += factor * far[lane]


add_up_jit = jit(_add_up)


def _list_carriers(
    words: npt.NDArray[np.uint64],
    members: npt.NDArray[np.uint64],
    n_members: int,
    het: int,
    hom: int,
    n_absent: int,
    listed: npt.NDArray[np.int32],
    begin: int,
    ends: npt.NDArray[np.int64],
    steps: npt.NDArray[np.float64],
) -> None:
    """List who differs from the commonest genotype: `ends` becomes (middle, end), `steps` (sign, origin, factor).

    A sample with dosage d has d = origin + sign * x, where x is 0 for those not listed, 1 up to the middle and `factor`
    up to the end.
    """
    common = common_genotype_jit(n_members - n_absent - het - hom, het, hom)
    if common == 0:
        near, far = 1, 2
        steps[0], steps[1], steps[2] = 1.0, 0.0, 2.0
    elif common == 2:
        near, far = 1, 0
        steps[0], steps[1], steps[2] = -1.0, 2.0, 2.0
    else:
        near, far = 2, 0
        steps[0], steps[1], steps[2] = 1.0, 1.0, -1.0
    ends[0] = list_code_jit(words, members, near, listed, begin)
    ends[1] = list_code_jit(words, members, far, listed, ends[0])


list_carriers_jit = jit(_list_carriers)


def _multiply(
    words: npt.NDArray[np.uint64],
    weights: npt.NDArray[np.float64],
    chosen: npt.NDArray[np.int64],
    n_chosen: int,
    first: int,
    doses: npt.NDArray[np.float64],
    sums: npt.NDArray[np.float64],
) -> None:
    """Fill column chosen[i] - first of sums [8 T, B] with the products of the dosages of variant chosen[i].

    `doses` [G, W, 8, 32] is room for some groups of variants: a pair of tiles goes over all of them while it is near
    the processor.
    """
    n_tiles = weights.shape[0]
    held = np.empty((2, GROUP, LANES))
    for start in range(0, n_chosen, GROUP * doses.shape[0]):
        n_variants = min(n_chosen - start, GROUP * doses.shape[0])
        n_groups = (n_variants + GROUP - 1) // GROUP
        for i in range(GROUP * n_groups):
            row = chosen[start + min(i, n_variants - 1)]
            for w in range(words.shape[1]):
                word = words[row, w]
                missing = word & (word >> np.uint64(1)) & _LOWER
                unpack_word(word & ~(missing | missing << np.uint64(1)), doses[i // GROUP, w], i % GROUP)
        for tile in range(0, n_tiles, 2):
            other = min(tile + 1, n_tiles - 1)
            for group in range(n_groups):
                held[:] = 0.0
                for w in range(words.shape[1]):
                    add_products(weights, tile, other, ROWS * w, doses[group, w], held)
                for v in range(min(GROUP, n_variants - GROUP * group)):
                    column = chosen[start + GROUP * group + v] - first
                    for lane in range(LANES):
                        sums[tile * LANES + lane, column] = held[0, v, lane]
                        sums[other * LANES + lane, column] = held[1, v, lane]


_multiply_jit = jit(_multiply)


def _downdate(
    weights: npt.NDArray[np.float64],
    absent: npt.NDArray[np.int32],
    n_absent: int,
    n_basis: int,
    n_traits: int,
    gram: npt.NDArray[np.float64],
    lift: npt.NDArray[np.float64],
    yy: npt.NDArray[np.float64],
) -> None:
    """Take the missing out of the inner products: `gram` of the basis, `lift` basis by trait, `yy` of each trait.

    Over the samples that are left, basis' basis = I - (their missing part), basis' y = -(their missing part).
    """
    gram[:] = 0.0
    lift[:] = 0.0
    for i in range(n_basis):
        gram[i, i] = 1.0
    for m in range(n_absent):
        s = absent[m]
        for i in range(n_basis):
            left = weights[i >> 3, s, i & 7]
            for k in range(i + 1):
                gram[i, k] -= left * weights[k >> 3, s, k & 7]
        for j in range(n_traits):
            value = weights[(n_basis + j) >> 3, s, (n_basis + j) & 7]
            yy[j] -= value * value
            for i in range(n_basis):
                lift[j, i] -= value * weights[i >> 3, s, i & 7]


_downdate_jit = jit(_downdate)


def _explicit_rss(
    row: npt.NDArray[np.uint64],
    members: npt.NDArray[np.uint64],
    weights: npt.NDArray[np.float64],
    n_basis: int,
    trait: int,
    steps: npt.NDArray[np.float64],
    slope: float,
    along: npt.NDArray[np.float64],
    lift: npt.NDArray[np.float64],
    factor: npt.NDArray[np.float64],
    downdated: bool,
) -> float:
    """Return the residual sum of squares from the residuals themselves."""
    coefficients = -slope * along
    if downdated:
        coefficients = coefficients + lift
        solve_upper_jit(factor, n_basis, coefficients)
    rss = 0.0
    column = n_basis + trait
    for s in range(32 * row.size):
        place = np.uint64(2 * (s & 31))
        code = (row[s >> 5] >> place) & np.uint64(3)
        if (members[s >> 5] >> place) & np.uint64(1) == 0 or code == 3:
            continue
        dose = (float(code) - steps[1]) * steps[0]
        rest = weights[column >> 3, s, column & 7] - slope * dose
        for i in range(n_basis):
            rest -= coefficients[i] * weights[i >> 3, s, i & 7]
        rss += rest * rest
    return rss


_explicit_rss_jit = jit(_explicit_rss)


def _fit(
    words: npt.NDArray[np.uint64],
    members: npt.NDArray[np.uint64],
    n_samples: int,
    weights: npt.NDArray[np.float64],
    yy_full: npt.NDArray[np.float64],
    n_basis: int,
    tails: npt.NDArray[np.float64],
    rows: npt.NDArray[np.int64],
    start: int,
    beta: npt.NDArray[np.float64],
    error: npt.NDArray[np.float64],
    neg_log10_p: npt.NDArray[np.float64],
    p: npt.NDArray[np.float64],
    status: npt.NDArray[np.int8],
    n_used: npt.NDArray[np.int32],
    frequency: npt.NDArray[np.float64],
) -> None:
    """Fill n and frequency [V] of additive effects on every trait, and their part of the columns of a whole cohort.

    These are beta, error, -log10 p, p (none where it is of size 0) and status [R, N]: trait j is row rows[j], and the
    first variant is `start`.
    """
    n_all_variants = words.shape[0]
    n_traits = yy_full.size
    n_tiles = weights.shape[0]
    sums = np.empty((n_tiles * LANES, _BATCH))
    near = np.empty(LANES)
    far = np.empty(LANES)
    listed = np.empty(_BATCH * n_samples, dtype=np.int32)
    absent = np.empty(n_samples, dtype=np.int32)
    bounds = np.zeros((_BATCH, 3), dtype=np.int64)
    steps = np.empty((_BATCH, 3))
    codes = np.empty(_BATCH, dtype=np.int8)
    gg_rest = np.empty(_BATCH)
    df = np.empty(_BATCH)
    missing = np.empty(_BATCH, dtype=np.bool_)
    totals = np.empty((n_traits, _BATCH))
    yy = np.empty(n_traits)
    gram = np.empty((n_basis, n_basis))
    lift = np.empty((n_traits, n_basis))  # coefficients of the traits on the basis once samples are left out
    along = np.empty(n_basis)  # coefficients of the variant on the basis
    no_lift = np.zeros(n_basis)
    exact = np.zeros((n_traits, _BATCH))  # residual sums where they were summed one by one
    power = np.empty(_BATCH, dtype=np.int64)
    t = np.empty(_BATCH)
    dense = np.empty(_BATCH, dtype=np.int64)
    n_carriers = np.empty((_BATCH, 2))  # of dosage 1, and of `factor`, from the commonest
    doses = np.empty((_GROUPS_AT_ONCE, words.shape[1], GROUP, ROWS))
    for first in range(0, n_all_variants, _BATCH):
        n_variants = min(_BATCH, n_all_variants - first)
        end = 0
        n_dense = 0
        for v in range(n_variants):
            row = words[first + v]
            het, hom, n_absent = count_jit(row, members)
            n = n_samples - n_absent
            n_used[first + v] = n
            frequency[first + v] = (het + 2 * hom) / (2.0 * n) if n > 0 else np.nan
            df[v] = n - n_basis - 1
            missing[v] = n_absent > 0
            code = OK
            if df[v] < 1:
                code = TOO_FEW
            elif het == n or hom == n or het + hom == 0:
                code = MONOMORPHIC
            codes[v] = code
            bounds[v, 0] = end
            bounds[v, 1] = end
            bounds[v, 2] = end
            if code == OK and n - max(n - het - hom, het, hom) >= _DENSE_SHARE * n:
                steps[v, 0], steps[v, 1], steps[v, 2] = 1.0, 0.0, 2.0
                n_carriers[v, 0], n_carriers[v, 1] = het, hom
                dense[n_dense] = first + v
                n_dense += 1
            elif code == OK:
                list_carriers_jit(row, members, n_samples, het, hom, n_absent, listed, end, bounds[v, 1:], steps[v])
                end = bounds[v, 2]
                n_carriers[v, 0], n_carriers[v, 1] = bounds[v, 1] - bounds[v, 0], bounds[v, 2] - bounds[v, 1]
        for tile in range(n_tiles):
            for v in range(n_variants):
                add_up_jit(weights[tile], listed, bounds[v, 0], bounds[v, 1], bounds[v, 2], steps[v, 2], near, far)
                for lane in range(LANES):
                    sums[tile * LANES + lane, v] = near[lane]
        _multiply_jit(words, weights, dense, n_dense, first, doses, sums)
        for j in range(n_traits):
            for v in range(n_variants):
                totals[j, v] = yy_full[j]
                exact[j, v] = -1.0
        for v in range(n_variants):
            gg_rest[v] = 1.0
            if codes[v] != OK:
                continue
            row = words[first + v]
            n = n_used[first + v]
            n_near = n_carriers[v, 0]
            n_far = n_carriers[v, 1]
            gg = n_near + steps[v, 2] * steps[v, 2] * n_far
            mean = (n_near + steps[v, 2] * n_far) / n
            for i in range(n_basis):
                along[i] = sums[i, v]
            if missing[v]:
                n_absent = list_code_jit(row, members, 3, absent, 0)
                for j in range(n_traits):
                    yy[j] = yy_full[j]
                _downdate_jit(weights, absent, n_absent, n_basis, n_traits, gram, lift, yy)
                if not cholesky_jit(gram, n_basis, 1e-10):
                    codes[v] = COLLINEAR
                    continue
                solve_lower_jit(gram, n_basis, along)
                for j in range(n_traits):
                    solve_lower_jit(gram, n_basis, lift[j])
                    gy = sums[n_basis + j, v]
                    for i in range(n_basis):
                        yy[j] -= lift[j, i] * lift[j, i]
                        gy -= along[i] * lift[j, i]
                    sums[n_basis + j, v] = gy
                    # A trait that the samples left leave without spread
                    totals[j, v] = yy[j] if yy[j] > 1e-12 * yy_full[j] else -1.0
            rest = gg
            for i in range(n_basis):
                rest -= along[i] * along[i]
            if not rest > COLLINEAR_SHARE * (gg - n * mean * mean):
                codes[v] = COLLINEAR
                continue
            gg_rest[v] = rest
            for j in range(n_traits):
                gy = sums[n_basis + j, v]
                total = totals[j, v]
                if total - gy * gy / rest < EXPLICIT_SHARE * total:
                    exact[j, v] = _explicit_rss_jit(
                        row,
                        members,
                        weights,
                        n_basis,
                        j,
                        steps[v],
                        gy / rest,
                        along,
                        lift[j] if missing[v] else no_lift,
                        gram,
                        bool(missing[v]),
                    )
        for j in range(n_traits):
            gy_row = sums[n_basis + j]
            total_row = totals[j]
            exact_row = exact[j]
            begin = start + first
            beta_row = beta[rows[j], begin : begin + n_variants]
            error_row = error[rows[j], begin : begin + n_variants]
            strength_row = neg_log10_p[rows[j], begin : begin + n_variants]
            status_row = status[rows[j], begin : begin + n_variants]
            for v in range(n_variants):
                slope = gy_row[v] / gg_rest[v]
                rss = total_row[v] - slope * gy_row[v]
                rss = exact_row[v] if exact_row[v] >= 0.0 else rss
                rss = max(rss, 0.0)
                error_row[v] = math.sqrt(rss / (df[v] * gg_rest[v])) if df[v] > 0.0 else 0.0
                beta_row[v] = slope * steps[v, 0]
            for v in range(n_variants):
                t[v] = beta_row[v] / (error_row[v] if error_row[v] > 0.0 else 1.0)
            fill_t_by_table_jit(t[:n_variants], df, tails, strength_row)
            for v in range(n_variants):
                code = codes[v]
                if code == OK and total_row[v] < 0.0:
                    code = COLLINEAR
                if code != OK:
                    status_row[v] = code
                    beta_row[v] = np.nan
                    error_row[v] = np.nan
                    strength_row[v] = np.nan
                elif exact_row[v] >= 0.0 and exact_row[v] <= EXACT_SHARE * total_row[v]:
                    status_row[v] = EXACT_FIT
                    error_row[v] = 0.0
                    strength_row[v] = np.inf
                else:
                    status_row[v] = OK
                    if missing[v]:  # of another df than the table
                        strength_row[v] = _neg_log10_p_t_jit(t[v], df[v])
            if p.size:
                fill_p_jit(strength_row, power[:n_variants], p[rows[j], begin : begin + n_variants])


fit_packed_jit = jit(_fit)
