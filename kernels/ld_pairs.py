"""Pairs of variants within a window, by tiles: those in linkage, and the sums of r2 that LD scores are.

A window is told by `last`: for each variant the row after the last one that it is paired with (`neighbours`). A tile is
two blocks of variants, the second not before the first; every pair (i, j) with i < j < last[i] stands in one tile. What
a tile gives depends on nothing else, and sums are whole numbers, so tiles can be computed in any order on any thread.

LD scores (Bulik-Sullivan et al. 2015, Nat Genet 47:291-295; GCTA `--ld-score`, Yang et al. 2015, Nat Genet 47:1114):
the score of variant i is the sum of r2 - (1 - r2) / (n - 2) over the variants j of its window, itself (1) included.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from genomics_dc.kernels._jit import jit
from genomics_dc.kernels.ld import LdPlanes, UnsortedError, pair_sums
from genomics_dc.kernels.ld_haplotypes import of_pair

SCORE_UNIT = 2.0**-42
"""What a sum of r2 is counted in: 10^4 neighbours round by 1e-9 at most, and 2 million fit."""


class Linked(NamedTuple):
    """Pairs of one tile: rows `first` < `second` int64[N], `n` int64[N] samples, `r`, `d`, `d_prime` float64[N]."""

    first: npt.NDArray[np.int64]
    second: npt.NDArray[np.int64]
    n: npt.NDArray[np.int64]
    r: npt.NDArray[np.float64]
    d: npt.NDArray[np.float64]
    d_prime: npt.NDArray[np.float64]


def neighbours(
    position: npt.NDArray[np.integer],
    contig: npt.NDArray[np.integer],
    *,
    window_bp: int | None = None,
    window_variants: int | None = None,
) -> npt.NDArray[np.int64]:
    """Return for each variant the row after the last one of its window to the right, int64[V].

    Parameters
    ----------
    position, contig
        integer[V], sorted by position within a contig; a window ends with its contig.
    window_bp
        Largest distance in bases; no limit when None.
    window_variants
        Most variants in a window, the first included; no limit when None.

    Raises
    ------
    ValueError
        When a window is below 1, or positions fall inside a contig.

    Examples
    --------
    >>> import numpy as np
    >>> neighbours(np.array([1, 5, 9, 1]), np.array([0, 0, 0, 1]), window_bp=4).tolist()
    [2, 3, 3, 4]
    """
    for size, unit in ((window_bp, "bases"), (window_variants, "variants")):
        if size is not None and size < 1:
            raise ValueError(f"a window must be 1 or more {unit}, not {size}")
    place = np.asarray(position, dtype=np.int64)
    numbers = np.asarray(contig)
    falls = np.flatnonzero((np.diff(place) < 0) & (np.diff(numbers) == 0))
    if falls.size:
        row = int(falls[0]) + 1
        raise UnsortedError(
            f"variants must be sorted by position, but variant {row + 1:,} at {place[row]:,} follows {place[row - 1]:,}"
        )
    bounds = np.concatenate([[0], np.flatnonzero(np.diff(numbers)) + 1, [len(place)]])
    last = np.empty(len(place), dtype=np.int64)
    for start, stop in zip(bounds[:-1].tolist(), bounds[1:].tolist(), strict=True):
        if window_bp is None:
            last[start:stop] = stop
        else:
            last[start:stop] = start + np.searchsorted(place[start:stop], place[start:stop] + window_bp, side="right")
    if window_variants is not None:
        last = np.minimum(last, np.arange(len(place)) + window_variants)
    return last


def _linked_pairs(
    bits_i: npt.NDArray[np.uint64],
    summary_i: npt.NDArray[np.uint64],
    stats_i: npt.NDArray[np.int64],
    start_i: int,
    bits_j: npt.NDArray[np.uint64],
    summary_j: npt.NDArray[np.uint64],
    stats_j: npt.NDArray[np.int64],
    start_j: int,
    last: npt.NDArray[np.int64],
    n_samples: int,
    r2_min: float,
    haplotypes: bool,
    rows: npt.NDArray[np.int64],
    values: npt.NDArray[np.float64],
) -> int:
    group = max(1, (bits_i.shape[2] + 63) // 64)
    found = 0
    for i in range(bits_i.shape[0]):
        stop = min(last[start_i + i] - start_j, bits_j.shape[0])
        for j in range(max(start_i + i + 1 - start_j, 0), stop):
            n, covariance, variance_i, variance_j = pair_sums(
                bits_i, summary_i, stats_i, i, bits_j, summary_j, stats_j, j, n_samples, group
            )
            if variance_i == 0 or variance_j == 0:
                continue
            scale = np.float64(variance_i) * np.float64(variance_j)
            square = np.float64(covariance) * np.float64(covariance)
            if square < r2_min * scale:
                continue
            r = min(max(covariance / np.sqrt(scale), -1.0), 1.0)
            rows[found, 0] = start_i + i
            rows[found, 1] = start_j + j
            rows[found, 2] = n
            values[found, 0] = -r if stats_i[i, 3] != stats_j[j, 3] else r
            if haplotypes:
                d, d_prime, _ = of_pair(bits_i, stats_i, i, bits_j, stats_j, j, n_samples)
                values[found, 1] = d
                values[found, 2] = d_prime
            found += 1
    return found


def _add_scores(
    bits_i: npt.NDArray[np.uint64],
    summary_i: npt.NDArray[np.uint64],
    stats_i: npt.NDArray[np.int64],
    start_i: int,
    bits_j: npt.NDArray[np.uint64],
    summary_j: npt.NDArray[np.uint64],
    stats_j: npt.NDArray[np.int64],
    start_j: int,
    last: npt.NDArray[np.int64],
    n_samples: int,
    total_i: npt.NDArray[np.int64],
    total_j: npt.NDArray[np.int64],
) -> None:
    group = max(1, (bits_i.shape[2] + 63) // 64)
    for i in range(bits_i.shape[0]):
        stop = min(last[start_i + i] - start_j, bits_j.shape[0])
        own = np.int64(0)
        for j in range(max(start_i + i + 1 - start_j, 0), stop):
            n, covariance, variance_i, variance_j = pair_sums(
                bits_i, summary_i, stats_i, i, bits_j, summary_j, stats_j, j, n_samples, group
            )
            if n <= 2 or variance_i == 0 or variance_j == 0:
                continue
            r2 = np.float64(covariance) * np.float64(covariance) / (np.float64(variance_i) * np.float64(variance_j))
            value = np.int64(np.rint((r2 - (1.0 - r2) / (n - 2)) * 2.0**42))
            own += value
            total_j[j] += value
        total_i[i] += own


_linked_pairs_jit = jit(_linked_pairs)
_add_scores_jit = jit(_add_scores)


def linked_pairs(
    first: LdPlanes,
    start_first: int,
    second: LdPlanes,
    start_second: int,
    last: npt.NDArray[np.int64],
    *,
    r2_min: float,
    haplotypes: bool = False,
) -> Linked:
    """Return the pairs of a tile whose r2 from unphased counts is `r2_min` or more, ordered by first, then second.

    Parameters
    ----------
    first, second
        Planes of the rows from `start_first` and `start_second` on; the same block twice, or one after the other.
    last
        int64[V] as `neighbours` gives it.
    r2_min
        0 gives every pair in which both vary; a pair that has no r is never given.
    haplotypes
        Find D and D' too; NaN otherwise.
    """
    most = int(np.clip(last[start_first : start_first + len(first)] - start_second, 0, len(second)).sum())
    rows, values = np.empty((most, 3), dtype=np.int64), np.full((most, 3), np.nan)
    found = _linked_pairs_jit(
        *first[:3], start_first, *second[:3], start_second, last, first.n_samples, r2_min, haplotypes, rows, values
    )
    rows, values = rows[:found].copy(), values[:found].copy()
    return Linked(rows[:, 0], rows[:, 1], rows[:, 2], values[:, 0], values[:, 1], values[:, 2])


def score_sums(
    first: LdPlanes, start_first: int, second: LdPlanes, start_second: int, last: npt.NDArray[np.int64]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return what a tile adds to the LD scores of its two blocks, int64 in units of `SCORE_UNIT`.

    Parameters as in `linked_pairs`. A pair that has no r, or no more than two samples called at both, adds nothing;
    a variant's own 1 is not in it.
    """
    total_first, total_second = np.zeros(len(first), dtype=np.int64), np.zeros(len(second), dtype=np.int64)
    _add_scores_jit(
        *first[:3],
        start_first,
        *second[:3],
        start_second,
        last,
        first.n_samples,
        total_first,
        total_second,
    )
    return total_first, total_second
