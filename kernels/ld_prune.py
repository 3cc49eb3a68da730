"""Pruning for linkage, variant for variant as `plink2 --indep-pairwise` does it.

The rule, from PLINK 2's source (plink2_ld.cc, IndepPairwiseThread): a window slides over the variants of a contig. A
variant that does not vary is removed when it enters. Then, until a pass removes none, each variant that stays is held
against the later ones of the window, each pair once, and at the first pair with r2 > threshold * (1 + 2^-44) the one of
larger major allele frequency goes (the later one when they are equal), and the pass moves on to the next variant. A
window of base pairs ends past start + size and its step is as small as brings in one variant; a window of variants
moves by `step`. Contigs are cut where two neighbours are further apart than a window; a piece of one variant keeps it
unseen, even when it does not vary.

The order is a chain, the comparisons are not. So variants come in runs: first every new variant of a run is compared
with all that may stand in its window (`compare`, any number of threads at once, each variant by one of them), up to the
first pair that would remove it; then `settle` walks the windows in order and only looks the answers up, comparing the
few that nobody foresaw. What can be compared wrongly is nothing but work: the set is the same for any run or thread.

Most pairs need no look at the genotypes: x = [x >= 1] + [x >= 2], so the sum of x y lies between what the counts of
carriers force and what they allow, and with them the covariance. All numbers are whole, so the bound is exact.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from genomics_dc.kernels._jit import borrowing_jit, jit
from genomics_dc.kernels.bits import trailing_zeros
from genomics_dc.kernels.ld import LdPlanes, UnsortedError, Whole, missing_at_both, product_sum, sums_without

_Integers = npt.NDArray[np.int64]

SMALL = 2.0**-44  # kSmallEpsilon of PLINK 2: what it grants to rounding
_RUN_VARIANTS = 128


class Windows(NamedTuple):
    """The windows of a pruning: `start` and `end` int64[N], half-open rows of variants, in order."""

    start: _Integers
    end: _Integers


def _windows(
    position: npt.NDArray[np.int64],
    contig_start: npt.NDArray[np.int64],
    size: int,
    by_position: bool,
    step: int,
    start: npt.NDArray[np.int64],
    end: npt.NDArray[np.int64],
) -> int:
    """Fill `start` and `end` with the windows of all contigs; return how many there are."""
    n = 0
    for contig in range(contig_start.shape[0] - 1):
        piece = contig_start[contig]
        contig_end = contig_start[contig + 1]
        while piece < contig_end:
            piece_end = piece + 1
            if by_position:
                while piece_end < contig_end and position[piece_end] - position[piece_end - 1] <= size:
                    piece_end += 1
            else:
                piece_end = contig_end
            if piece_end - piece > 1:
                first = piece
                last = piece
                while last < piece_end:
                    if by_position:
                        if last > piece:  # as few as bring the next variant in
                            first += 1
                            while position[first] < position[last] - size:
                                first += 1
                        while last < piece_end and position[last] <= position[first] + size:
                            last += 1
                    else:
                        if last > piece:
                            first += step
                        last = min(first + size, piece_end)
                    start[n] = first
                    end[n] = last
                    n += 1
            piece = piece_end
    return n


@borrowing_jit
def _linked(
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
    Doubles that hold whole numbers, rounded as `_linked` rounds: nothing that is linked is ruled out.
    """
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
    major: npt.NDArray[np.float64],
    varies: npt.NDArray[np.bool_],
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

    What stands from `known` on was not looked at: by the link before it the new one goes, if the other still stands.
    """
    group = max(1, (bits.shape[2] + 63) // 64)
    n = stats.shape[0]
    one, two, variance, called = np.empty(n), np.empty(n), np.empty(n), np.empty(n)
    gaps = False
    possible = np.empty(n, dtype=np.uint8)
    for i in range(n):
        two[i] = stats[i, 2]
        one[i] = stats[i, 1] + stats[i, 2]
        total = stats[i, 1] + 2 * stats[i, 2]
        called[i] = stats[i, 0]
        gaps = gaps or summary[i, 1] != 0
        variance[i] = -1.0 if summary[i, 1] else n_samples * (total + 2 * stats[i, 2]) - total * total
    for row in range(offset, links.shape[0], stride):
        j = n_held + row
        known[row] = j
        if not varies[j]:
            continue
        first = earliest[row]
        if gaps:
            _screen_gaps(one, two, called, first, j, n_samples, threshold, possible)
        else:
            _screen(one, two, variance, first, j, n_samples, threshold, possible)
        whole_j = np.int64(one[j] + two[j])
        limit = variance[j]
        for i in range(first, j):
            if not (possible[i] and varies[i]):
                continue
            if variance[i] < 0 or limit < 0:
                linked = _linked(bits, summary, stats, i, j, n_samples, group, threshold)
            else:
                whole_i = np.int64(one[i] + two[i])
                common = summary[i, 0] & summary[j, 0]
                product = product_sum(bits, i, bits, j, common, group, whole_i, whole_j)
                covariance = np.float64(n_samples * product - whole_i * whole_j)
                linked = covariance * covariance > threshold * variance[i] * limit
            if linked:
                links[row, i >> 6] |= np.uint64(1) << np.uint64(i & 63)
                if not major[i] > major[j] * (1 + 2.0**-44):
                    known[row] = i + 1
                    break


@borrowing_jit
def _is_linked(
    bits: npt.NDArray[np.uint64],
    summary: npt.NDArray[np.uint64],
    stats: npt.NDArray[np.int64],
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
    return _linked(bits, summary, stats, i, j, n_samples, group, threshold)


def _settle(
    bits: npt.NDArray[np.uint64],
    summary: npt.NDArray[np.uint64],
    stats: npt.NDArray[np.int64],
    major: npt.NDArray[np.float64],
    varies: npt.NDArray[np.bool_],
    rows: npt.NDArray[np.int64],
    earliest: npt.NDArray[np.int64],
    n_held: int,
    window_start: npt.NDArray[np.int64],
    window_end: npt.NDArray[np.int64],
    n_samples: int,
    threshold: float,
    links: npt.NDArray[np.uint64],
    known: npt.NDArray[np.int64],
    removed: npt.NDArray[np.bool_],
) -> None:
    """Walk the windows in order and mark in `removed` [held and new] what goes.

    `rows` are the numbers among all variants of those at hand; the first `n_held` of them stood in windows before.
    """
    group = max(1, (bits.shape[2] + 63) // 64)
    n = rows.shape[0]
    window = np.empty(n, dtype=np.int64)
    unchecked = np.empty(n, dtype=np.int64)
    added = n_held
    for number in range(window_start.shape[0]):
        while added < n and rows[added] < window_start[number]:  # alone in its piece: seen by nobody
            added += 1
        begin = added
        while added < n and rows[added] < window_end[number]:
            if not varies[added]:
                removed[added] = True
            added += 1
        if added - begin == 1:
            # One new variant, as most windows of base pairs have: each that stands is held against it, in order.
            if removed[begin]:
                continue
            row = begin - n_held
            for word in range(earliest[row] >> 6, (known[row] + 63) >> 6):
                ones = links[row, word]
                while ones and not removed[begin]:
                    known_link = (word << 6) + np.int64(trailing_zeros(ones))
                    ones &= ones - np.uint64(1)
                    if not removed[known_link]:
                        if major[known_link] > major[begin] * (1 + 2.0**-44):
                            removed[known_link] = True
                        else:
                            removed[begin] = True
            for i in range(known[row], begin):
                if removed[begin]:
                    break
                if (
                    not removed[i]
                    and varies[i]
                    and _linked(bits, summary, stats, i, begin, n_samples, group, threshold)
                ):
                    if major[i] > major[begin] * (1 + 2.0**-44):
                        removed[i] = True
                    else:
                        removed[begin] = True
            continue
        length = 0
        entered = 0
        for i in range(added):
            if i == begin:
                entered = length
            if rows[i] >= window_start[number] and not removed[i]:
                window[length] = i
                unchecked[i] = i + 1
                length += 1
        again = begin < added
        while again:
            again = False
            for place in range(length):
                i = window[place]
                if removed[i] or unchecked[i] >= added:
                    continue
                other = max(place + 1, entered)
                while other < length and window[other] < unchecked[i]:
                    other += 1
                unchecked[i] = added
                while other < length:
                    j = window[other]
                    if not removed[j] and _is_linked(
                        bits, summary, stats, i, j, n_held, n_samples, group, threshold, links, known
                    ):
                        again = True
                        if major[i] > major[j] * (1 + 2.0**-44):
                            removed[i] = True
                        else:
                            removed[j] = True
                            unchecked[i] = j + 1
                        break
                    other += 1


_windows_jit = jit(_windows)
_compare_jit = jit(_compare)
_settle_jit = jit(_settle)


def prune_windows(
    position: npt.NDArray[np.integer],
    contig: npt.NDArray[np.integer],
    *,
    window_bp: int | None = None,
    window_variants: int | None = None,
    step: int = 1,
) -> Windows:
    """Return the windows in which PLINK 2 compares variants.

    Parameters
    ----------
    position, contig
        integer[V]; positions must not fall inside a contig, and a contig must be in one piece.
    window_bp, window_variants
        One of the two: the largest distance of two variants of a window in bases, or variants in a window.
    step
        By how many variants a window moves; 1 with `window_bp`.

    Raises
    ------
    ValueError
        When a window or step is out of range, or the variants are not sorted.

    Examples
    --------
    >>> import numpy as np
    >>> found = prune_windows(np.array([1, 5, 9, 30, 31]), np.zeros(5, dtype=int), window_bp=5)
    >>> list(zip(found.start.tolist(), found.end.tolist()))
    [(0, 2), (1, 3), (3, 5)]
    """
    if (window_bp is None) == (window_variants is None):
        raise ValueError("a window is given either in bases or in variants: one of the two")
    size = int(window_bp if window_bp is not None else window_variants or 0)
    unit = "bases" if window_bp is not None else "variants"
    if size < 2:
        raise ValueError(f"a window must hold 2 {unit} or more, not {size}")
    if step < 1 or (window_bp is not None and step != 1) or step > size:
        allowed = "1" if window_bp is not None else f"1 to {size}"
        raise ValueError(f"the step of a window of {size:,} {unit} must be {allowed}, not {step}")
    place = np.ascontiguousarray(position, dtype=np.int64)
    numbers = np.asarray(contig)
    if place.ndim != 1 or numbers.shape != place.shape:
        raise ValueError(f"positions and contigs must be two lists of one length, not {place.shape}, {numbers.shape}")
    cuts = np.flatnonzero(np.diff(numbers)) + 1
    bounds = np.concatenate([[0], cuts, [len(place)]]).astype(np.int64)
    if len(place) and len(np.unique(numbers[bounds[:-1]])) != len(bounds) - 1:
        raise UnsortedError("the variants of a contig must stand together; sort the variants first")
    falls = np.flatnonzero((np.diff(place) < 0) & (np.diff(numbers) == 0))
    if falls.size:
        row = int(falls[0]) + 1
        raise UnsortedError(
            f"variants must be sorted by position, but variant {row + 1:,} at {place[row]:,} follows {place[row - 1]:,}"
        )
    start, end = np.empty(len(place), dtype=np.int64), np.empty(len(place), dtype=np.int64)
    n = _windows_jit(place, bounds, size, window_bp is not None, step, start, end) if len(place) else 0
    return Windows(start[:n], end[:n])


def major_frequency(planes: LdPlanes) -> npt.NDArray[np.float64]:
    """Return the frequency of the commoner of "first ALT allele" and "any other", float64[V]; 0.5 with no call."""
    called = planes.stats[:, 0]
    minor = planes.stats[:, 1] + 2 * planes.stats[:, 2]
    return np.where(called > 0, 1 - minor / np.maximum(2 * called, 1), 0.5)


class Pruner:
    """Prunes variants that come in batches; holds the planes of what is in the window, and no more.

    Give the windows (`prune_windows`), then batches of planes in order (`add`), then read `keep`, bool[V].
    `run` is how the comparisons of a run are spread: it is given calls that may go in any order on any thread, and
    comes back when all are done.
    """

    def __init__(
        self,
        n_variants: int,
        windows: Windows,
        *,
        r2: float,
        run: Callable[[list[Callable[[], Any]]], None] | None = None,
        threads: int = 1,
    ) -> None:
        if not 0 <= r2 < 1:
            raise ValueError(f"r2 must lie between 0 and 1 (1 itself excluded), not {r2}")
        self.keep = np.ones(n_variants, dtype=bool)
        self._windows = windows
        self._threshold = r2 * (1 + SMALL)
        self._run = run or _in_turn
        self._threads = threads
        self._next_window = 0
        self._next_row = 0
        self._held: _Held | None = None
        self._waiting: _Held | None = None

    def add(self, planes: LdPlanes, major: npt.NDArray[np.float64] | None = None) -> None:
        """Take the next variants; `major` float64[V] is the frequency of their major allele where it is not by ALT."""
        rows = np.arange(self._next_row, self._next_row + len(planes), dtype=np.int64)
        self._next_row += len(planes)
        batch = _Held(planes, rows, major_frequency(planes) if major is None else major)
        self._waiting = batch if self._waiting is None else _joined(self._waiting, batch)
        ready = int(np.searchsorted(self._windows.end, self._next_row, side="right"))
        while self._next_window < ready:
            self._advance(ready)
        if self._next_window == len(self._windows.end) or self._waiting.rows.size == 0:
            self._waiting = None if self._waiting.rows.size == 0 else self._waiting

    def _advance(self, ready: int) -> None:
        """Work through some complete windows: as many as bring in `_RUN_VARIANTS` variants, or one."""
        waiting = self._waiting
        assert waiting is not None
        ends = self._windows.end
        begin = self._next_window
        wanted = int(waiting.rows[0]) + _RUN_VARIANTS
        stop = min(max(begin + 1, int(np.searchsorted(ends, wanted, side="right"))), ready)
        starts, stops = self._windows.start[begin:stop], ends[begin:stop]
        # what stands before the first window is in no window at all, or was in one before
        held = self._held
        if held is not None:
            held = held.from_row(int(starts[0]))
        skipped = int(np.searchsorted(waiting.rows, max(int(starts[0]), int(waiting.rows[0]))))
        n_new = int(np.searchsorted(waiting.rows, stops[-1]))
        fresh = waiting.part(slice(skipped, n_new))
        n_held = 0 if held is None else len(held.rows)
        at_hand = fresh if held is None or n_held == 0 else _joined(held, fresh)
        links = np.zeros((len(fresh.rows), (len(at_hand.rows) + 63) // 64), dtype=np.uint64)
        known = np.zeros(len(fresh.rows), dtype=np.int64)
        window_of = np.searchsorted(stops, fresh.rows, side="right")
        earliest = np.searchsorted(at_hand.rows, starts[window_of]).astype(np.int64)
        planes = at_hand.planes
        varies = at_hand.varies()

        def compare(offset: int, stride: int) -> None:
            _compare_jit(
                *planes[:3],
                at_hand.major,
                varies,
                earliest,
                n_held,
                offset,
                stride,
                planes.n_samples,
                self._threshold,
                links,
                known,
            )

        stride = self._threads
        self._run([partial(compare, offset, stride) for offset in range(stride)])
        removed = np.zeros(len(at_hand.rows), dtype=bool)
        _settle_jit(
            *planes[:3],
            at_hand.major,
            varies,
            at_hand.rows,
            earliest,
            n_held,
            starts,
            stops,
            planes.n_samples,
            self._threshold,
            links,
            known,
            removed,
        )
        self.keep[at_hand.rows[removed]] = False
        self._next_window = stop
        needed = self._windows.start[stop] if stop < len(ends) else len(self.keep)
        chosen = np.flatnonzero(~removed & (at_hand.rows >= needed))
        self._held = at_hand.part(chosen)
        self._waiting = waiting.part(slice(n_new, None))


class _Held(NamedTuple):
    """Variants at hand: planes, rows int64[V] among all, major allele frequencies float64[V]."""

    planes: LdPlanes
    rows: _Integers
    major: npt.NDArray[np.float64]

    def part(self, chosen: _Integers | slice) -> _Held:
        return _Held(self.planes.take(chosen), self.rows[chosen], self.major[chosen])

    def from_row(self, row: int) -> _Held:
        return self.part(slice(int(np.searchsorted(self.rows, row)), None))

    def varies(self) -> npt.NDArray[np.bool_]:
        called, hets, homs = self.planes.stats[:, 0], self.planes.stats[:, 1], self.planes.stats[:, 2]
        return np.ascontiguousarray((hets < called) & (hets + homs > 0) & (homs < called))


def _joined(first: _Held, second: _Held) -> _Held:
    planes = LdPlanes(
        np.concatenate([first.planes.bits, second.planes.bits]),
        np.concatenate([first.planes.summary, second.planes.summary]),
        np.concatenate([first.planes.stats, second.planes.stats]),
        first.planes.n_samples,
    )
    return _Held(planes, np.concatenate([first.rows, second.rows]), np.concatenate([first.major, second.major]))


def _in_turn(calls: Iterable[Callable[[], Any]]) -> None:
    for call in calls:
        call()


def indep_pairwise(
    batches: Iterator[LdPlanes] | Iterable[LdPlanes],
    position: npt.NDArray[np.integer],
    contig: npt.NDArray[np.integer],
    *,
    r2: float,
    window_bp: int | None = None,
    window_variants: int | None = None,
    step: int = 1,
) -> npt.NDArray[np.bool_]:
    """Return which variants `plink2 --indep-pairwise` keeps, bool[V], on this thread.

    Parameters
    ----------
    batches
        Planes (`kernels.ld.ld_planes`) of all V variants in order, in batches of any size.
    position, contig, window_bp, window_variants, step
        As `prune_windows` takes them.
    r2
        A pair above this is linked; 0 or more, below 1.

    Examples
    --------
    >>> import numpy as np
    >>> from genomics_dc.kernels.genotypes import pack_dosage
    >>> from genomics_dc.kernels.ld import ld_planes
    >>> dosage = np.array([[0, 1, 2, 0], [0, 1, 2, 1], [0, 0, 0, 0], [1, 0, 2, 0]], dtype=np.int8)
    >>> planes = ld_planes(pack_dosage(dosage), 4)
    >>> indep_pairwise([planes], np.arange(4), np.zeros(4, dtype=int), r2=0.5, window_variants=4).tolist()
    [False, True, False, True]
    """
    windows = prune_windows(position, contig, window_bp=window_bp, window_variants=window_variants, step=step)
    pruner = Pruner(len(position), windows, r2=r2)
    for planes in batches:
        pruner.add(planes)
    return pruner.keep
