"""Pruning for linkage, variant for variant as `plink2 --indep-pairwise` does it.

The rule, from PLINK 2's source (plink2_ld.cc, IndepPairwiseThread): a window slides over the variants of a contig. A
variant that does not vary is removed when it enters. Then, until a pass removes none, each variant that stays is held
against the later ones of the window, each pair once, and at the first pair with r2 > threshold * (1 + 2^-44) the one of
larger major allele frequency goes (the later one when they are equal), and the pass moves on to the next variant. How
windows move is in `kernels.ld_windows`; a variant that is in none stays unseen, even when it does not vary.

The order is a chain, the comparisons are not. So variants come in runs: first every new variant of a run is compared
with all that may stand in its window (`compare`, any number of threads at once, each variant by one of them), up to the
first pair that would remove it; then `settle` walks the windows in order and only looks the answers up, comparing the
few that nobody foresaw. What can be compared wrongly is nothing but work: the set is the same for any run or thread.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from genomics_dc.kernels._jit import jit
from genomics_dc.kernels.bits import trailing_zeros
from genomics_dc.kernels.ld import LdPlanes
from genomics_dc.kernels.ld_compare import compare_jit, is_linked, look_up_linked
from genomics_dc.kernels.ld_windows import Windows, prune_windows

_Integers = npt.NDArray[np.int64]

SMALL = 2.0**-44  # kSmallEpsilon of PLINK 2: what it grants to rounding
_RUN_VARIANTS = 128


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
                    and is_linked(bits, summary, stats, i, begin, n_samples, group, threshold)
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
                    if not removed[j] and look_up_linked(
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


_settle_jit = jit(_settle)


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
            compare_jit(
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
