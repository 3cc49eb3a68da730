"""Whether two variants are linked above a threshold of r2, in PLINK 2's arithmetic, with as few looks as will do.

Most pairs need no look at the genotypes: x = [x >= 1] + [x >= 2], so the sum of x y lies between what the counts of
carriers force and what they allow, and with them the covariance. All numbers are whole, so the bound is exact.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from genomics_dc.kernels._jit import borrowing_jit, jit, wide_vectors
from genomics_dc.kernels.ld import Whole, missing_at_both, product_sum, sums_without


@borrowing_jit
def is_linked(
    bits: npt.NDArray[np.uint64],
    summary: npt.NDArray[np.uint64],
    stats: npt.NDArray[np.int64],
    i: Whole,
    j: Whole,
    n_samples: int,
    group: int,
    threshold: float,
) -> bool:
    """Tell whether r2 of two variants is above the threshold, in PLINK 2's arithmetic: whole numbers, then doubles."""
    two_i, two_j = stats[i, 2], stats[j, 2]
    one_i, one_j = stats[i, 1] + two_i, stats[j, 1] + two_j
    whole_i, whole_j = one_i + two_i, one_j + two_j
    sum_i, sum_j = whole_i, whole_j
    square_i, square_j = sum_i + 2 * two_i, sum_j + 2 * two_j
    n = stats[i, 0] + stats[j, 0] - n_samples
    if summary[j, 1]:
        one, two = sums_without(bits, i, bits, j, summary[i, 0] & summary[j, 1], group)
        sum_i -= one
        square_i -= two
    if summary[i, 1]:
        one, two = sums_without(bits, j, bits, i, summary[j, 0] & summary[i, 1], group)
        sum_j -= one
        square_j -= two
        n += missing_at_both(bits, i, bits, j, summary[i, 1] & summary[j, 1], group)
    variance_i = np.float64(n * square_i - sum_i * sum_i)
    variance_j = np.float64(n * square_j - sum_j * sum_j)
    limit = threshold * variance_i * variance_j
    most = min(one_i, one_j) + min(one_i, two_j) + min(two_i, one_j) + min(two_i, two_j)
    least = (
        max(0, one_i + one_j - n_samples)
        + max(0, one_i + two_j - n_samples)
        + max(0, two_i + one_j - n_samples)
        + max(0, two_i + two_j - n_samples)
    )
    expected = sum_i * sum_j
    highest = np.float64(n * most - expected)
    lowest = np.float64(n * least - expected)
    if highest * highest <= limit and lowest * lowest <= limit:
        return False
    product = product_sum(bits, i, bits, j, summary[i, 0] & summary[j, 0], group, whole_i, whole_j)
    covariance = np.float64(n * product - expected)
    return bool(covariance * covariance > limit)


@borrowing_jit
def _screen(
    one: npt.NDArray[np.float64],
    two: npt.NDArray[np.float64],
    variance: npt.NDArray[np.float64],
    first: int,
    j: int,
    n_samples: float,
    threshold: float,
    possible: npt.NDArray[np.uint8],
) -> None:
    """Say of `first`..j which variants may be linked to j, by counts of carriers alone; none has a missing genotype.

    `one` and `two` count the samples with one or more and with two minor alleles; `variance` is S^2 times the variance.
    Doubles that hold whole numbers, rounded as `is_linked` rounds: nothing that is linked is ruled out.
    """
    wide_vectors()
    one_j, two_j, limit = one[j], two[j], variance[j]
    for i in range(first, j):
        most = min(one[i], one_j) + min(one[i], two_j) + min(two[i], one_j) + min(two[i], two_j)
        least = (
            max(0.0, one[i] + one_j - n_samples)
            + max(0.0, one[i] + two_j - n_samples)
            + max(0.0, two[i] + one_j - n_samples)
            + max(0.0, two[i] + two_j - n_samples)
        )
        expected = (one[i] + two[i]) * (one_j + two_j)
        highest = n_samples * most - expected
        lowest = n_samples * least - expected
        far = threshold * variance[i] * limit
        possible[i] = not (highest * highest <= far and lowest * lowest <= far)


@borrowing_jit
def _screen_gaps(
    one: npt.NDArray[np.float64],
    two: npt.NDArray[np.float64],
    called: npt.NDArray[np.float64],
    first: int,
    j: int,
    n_samples: float,
    threshold: float,
    possible: npt.NDArray[np.uint8],
) -> None:
    """Say the same where genotypes are missing, with as many carriers of one lost to gaps of the other as can be.

    Covariance and variances are of n samples, ni + nj - S at least; losing homozygotes first takes most from a sum.
    """
    one_j, two_j, called_j = one[j], two[j], called[j]
    sum_j = one_j + two_j
    gap_j = n_samples - called_j
    for i in range(first, j):
        gap_i = n_samples - called[i]
        sum_i = one[i] + two[i]
        homs_i, homs_j = min(gap_j, two[i]), min(gap_i, two_j)
        hets_i, hets_j = min(gap_j - homs_i, one[i] - two[i]), min(gap_i - homs_j, one_j - two_j)
        fewest = max(0.0, called[i] + called_j - n_samples)
        variance_i = fewest * (sum_i + 2 * two[i] - 4 * homs_i - hets_i) - sum_i * sum_i
        variance_j = fewest * (sum_j + 2 * two_j - 4 * homs_j - hets_j) - sum_j * sum_j
        most = min(one[i], one_j) + min(one[i], two_j) + min(two[i], one_j) + min(two[i], two_j)
        least = max(0.0, one[i] + one_j - n_samples)
        left = (sum_i - 2 * homs_i - hets_i) * (sum_j - 2 * homs_j - hets_j)
        highest = min(called[i], called_j) * most - left
        lowest = fewest * least - sum_i * sum_j
        far = threshold * max(0.0, variance_i) * max(0.0, variance_j)
        possible[i] = not (far > 0 and highest * highest <= far and lowest * lowest <= far)


def _compare(
    bits: npt.NDArray[np.uint64],
    summary: npt.NDArray[np.uint64],
    stats: npt.NDArray[np.int64],
    at: npt.NDArray[np.int64],
    major: npt.NDArray[np.float64],
    usable: npt.NDArray[np.bool_],
    earliest: npt.NDArray[np.int64],
    n_held: int,
    offset: int,
    stride: int,
    n_samples: int,
    threshold: float,
    links: npt.NDArray[np.uint64],
    known: npt.NDArray[np.int64],
) -> None:
    """Fill rows `offset`, `offset + stride`, … of `links`: bit i says that a new variant is linked to the i-th before.

    Variants are numbered by `at`, their rows of the planes. What stands from `known` on was not looked at: by the link
    before it the new one goes, if the other still stands. Those that are not `usable` are left out.
    """
    wide_vectors()
    group = max(1, (bits.shape[2] + 63) // 64)
    n = at.shape[0]
    one, two, variance, called = np.empty(n), np.empty(n), np.empty(n), np.empty(n)
    gaps = False
    possible = np.empty(n, dtype=np.uint8)
    for i in range(n):
        a = at[i]
        two[i] = stats[a, 2]
        one[i] = stats[a, 1] + stats[a, 2]
        total = stats[a, 1] + 2 * stats[a, 2]
        called[i] = stats[a, 0]
        gaps = gaps or summary[a, 1] != 0
        variance[i] = -1.0 if summary[a, 1] else n_samples * (total + 2 * stats[a, 2]) - total * total
    for row in range(offset, links.shape[0], stride):
        j = n_held + row
        known[row] = j
        if not usable[j]:
            continue
        b = at[j]
        first = earliest[row]
        if gaps:
            _screen_gaps(one, two, called, first, j, n_samples, threshold, possible)
        else:
            _screen(one, two, variance, first, j, n_samples, threshold, possible)
        whole_j = np.int64(one[j] + two[j])
        limit = variance[j]
        for i in range(first, j):
            if not (possible[i] and usable[i]):
                continue
            a = at[i]
            if variance[i] < 0 or limit < 0:
                linked = is_linked(bits, summary, stats, a, b, n_samples, group, threshold)
            else:
                whole_i = np.int64(one[i] + two[i])
                common = summary[a, 0] & summary[b, 0]
                product = product_sum(bits, a, bits, b, common, group, whole_i, whole_j)
                covariance = np.float64(n_samples * product - whole_i * whole_j)
                linked = covariance * covariance > threshold * variance[i] * limit
            if linked:
                links[row, i >> 6] |= np.uint64(1) << np.uint64(i & 63)
                if not major[i] > major[j] * (1 + 2.0**-44):
                    known[row] = i + 1
                    break


@borrowing_jit
def look_up_linked(
    bits: npt.NDArray[np.uint64],
    summary: npt.NDArray[np.uint64],
    stats: npt.NDArray[np.int64],
    at: npt.NDArray[np.int64],
    i: Whole,
    j: Whole,
    n_held: int,
    n_samples: int,
    group: int,
    threshold: float,
    links: npt.NDArray[np.uint64],
    known: npt.NDArray[np.int64],
) -> bool:
    """Look a pair up, or compare it when nobody foresaw it."""
    row = j - n_held
    if i < known[row]:
        return bool((links[row, i >> 6] >> np.uint64(i & 63)) & np.uint64(1))
    return is_linked(bits, summary, stats, at[i], at[j], n_samples, group, threshold)


compare_jit = jit(_compare)
