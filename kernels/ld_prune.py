"""Pruning for linkage, variant for variant as `plink2 --indep-pairwise` does it.

The rule, from PLINK 2's source (plink2_ld.cc, IndepPairwiseThread): a window slides over the variants of a contig. A
variant that does not vary is removed when it enters. Then, until a pass removes none, each variant that stays is held
against the later ones of the window, each pair once, and at the first pair with r2 > threshold * (1 + 2^-44) the one of
larger major allele frequency goes (the later one when they are equal), and the pass moves on to the next variant. How
windows move is in `kernels.ld_windows`; a variant that is in none stays unseen, even when it does not vary.

The order is a chain, the comparisons are not. So variants come in runs: first every new variant of a run is compared
with all that may stand in its window (`compare`, any number of threads at once, each variant by one of them), up to the
first pair that would remove it; then `settle` walks the windows in order and only looks the answers up, comparing the
few that nobody foresaw. While one run is settled, the next is compared already: with what the last one holds, but for
those that will go by what their own comparisons say; when such a one stays, `settle` makes up for it. What can be
compared wrongly is nothing but work: the set is the same for any run or thread.
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
    at: npt.NDArray[np.int64],
    major: npt.NDArray[np.float64],
    varies: npt.NDArray[np.bool_],
    left_out: npt.NDArray[np.bool_],
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
    """Walk the windows in order and mark in `removed` [held and new] what goes; some of those held have gone before.

    `rows` are the numbers among all variants of those at hand, `at` their rows of the planes; the first `n_held` of
    them stood in windows before. With those `left_out` nothing was compared.
    """
    group = max(1, (bits.shape[2] + 63) // 64)
    n = rows.shape[0]
    for i in range(n_held):
        if left_out[i] and varies[i] and not removed[i]:
            for row in range(n - n_held):
                if (
                    earliest[row] <= i < known[row]
                    and varies[n_held + row]
                    and is_linked(bits, summary, stats, at[i], at[n_held + row], n_samples, group, threshold)
                ):
                    links[row, i >> 6] |= np.uint64(1) << np.uint64(i & 63)
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
                    and is_linked(bits, summary, stats, at[i], at[begin], n_samples, group, threshold)
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
                        bits, summary, stats, at, i, j, n_held, n_samples, group, threshold, links, known
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
    `begin` is how the comparisons of a run are spread: it is given `parts` calls that may go in any order on any
    thread, and returns what waits until all are done.
    """

    def __init__(
        self,
        n_variants: int,
        windows: Windows,
        *,
        r2: float,
        begin: Callable[[list[Callable[[], Any]]], Callable[[], Any]] | None = None,
        parts: int = 1,
    ) -> None:
        if not 0 <= r2 < 1:
            raise ValueError(f"r2 must lie between 0 and 1 (1 itself excluded), not {r2}")
        self.keep = np.ones(n_variants, dtype=bool)
        self._windows = windows
        self._threshold = r2 * (1 + SMALL)
        self._begin = begin or _in_turn
        self._parts = parts
        self._next_window = 0
        self._next_row = 0
        self._loaded: _Loaded | None = None
        self._standing = np.empty(0, dtype=np.int64)  # of those loaded, what has been in a window and is not removed
        self._entered = 0  # of those loaded, how many were in a window or never will be
        self._compared: _Run | None = None

    def add(self, planes: LdPlanes, major: npt.NDArray[np.float64] | None = None) -> None:
        """Take the next variants; `major` float64[V] is the frequency of their major allele where it is not by ALT."""
        rows = np.arange(self._next_row, self._next_row + len(planes), dtype=np.int64)
        self._next_row += len(planes)
        batch = _Loaded(planes, rows, major_frequency(planes) if major is None else major, _varies(planes))
        if self._loaded is not None:
            chosen = np.concatenate([self._standing, np.arange(self._entered, len(self._loaded.rows))])
            batch = _joined(self._loaded.part(chosen), batch)
        self._loaded = batch
        self._entered = len(self._standing)
        self._standing = np.arange(self._entered)
        ready = int(np.searchsorted(self._windows.end, self._next_row, side="right"))
        while self._next_window < ready:
            self._advance(ready)
        self._settle_compared()

    def _advance(self, ready: int) -> None:
        """Compare some complete windows: as many as bring in `_RUN_VARIANTS` variants, or one; settle those before."""
        loaded, before = self._loaded, self._compared
        assert loaded is not None
        waiting = loaded.rows[self._entered :]
        ends = self._windows.end
        begin = self._next_window
        wanted = int(waiting[0]) + _RUN_VARIANTS
        stop = min(max(begin + 1, int(ends.searchsorted(wanted, side="right"))), ready)
        starts, stops = self._windows.start[begin:stop], ends[begin:stop]
        left_out = np.zeros(len(self._standing), dtype=bool)
        if before is not None:
            before.wait()
            left_out[before.n_held :] = before.will_go()
        # what stands before the first window is in no window at all, or was in one before
        stood = loaded.rows[self._standing]
        held = ((stood >= starts[0]) & self.keep[stood]).nonzero()[0]
        skipped = int(waiting.searchsorted(max(int(starts[0]), int(waiting[0]))))
        n_new = int(waiting.searchsorted(stops[-1]))
        fresh = np.arange(self._entered + skipped, self._entered + n_new)
        at = np.concatenate([self._standing[held], fresh])
        rows = loaded.rows[at]
        window_of = stops.searchsorted(rows[len(held) :], side="right")
        run = _Run(
            at,
            rows,
            loaded.major[at],
            loaded.varies[at],
            np.concatenate([left_out[held], np.zeros(len(fresh), dtype=bool)]),
            rows.searchsorted(starts[window_of]),
            len(held),
            starts,
            stops,
            np.zeros((len(fresh), (len(at) + 63) // 64), dtype=np.uint64),
            np.zeros(len(fresh), dtype=np.int64),
            [],
        )
        run.waiting.append(self._begin(run.comparisons(loaded.planes, self._threshold, self._parts)))
        self._settle_compared()
        self._compared = run
        self._standing = at
        self._next_window = stop
        self._entered += n_new

    def _settle_compared(self) -> None:
        """Settle the run that has been compared, if there is one, and drop what went from those that stand."""
        run, loaded = self._compared, self._loaded
        if run is None:
            return
        assert loaded is not None
        run.wait()
        removed = ~self.keep[run.rows]
        planes = loaded.planes
        _settle_jit(
            *planes[:3],
            run.at,
            run.major,
            run.varies,
            run.left_out,
            run.rows,
            run.earliest,
            run.n_held,
            run.starts,
            run.stops,
            planes.n_samples,
            self._threshold,
            run.links,
            run.known,
            removed,
        )
        self.keep[run.rows[removed]] = False
        self._compared = None
        needed = (
            self._windows.start[self._next_window] if self._next_window < len(self._windows.end) else len(self.keep)
        )
        rows = loaded.rows[self._standing]
        self._standing = self._standing[self.keep[rows] & (rows >= needed)]


class _Run(NamedTuple):
    """Some windows and the variants at hand for them: those held, then new ones; see `_settle` and `compare`."""

    at: _Integers
    rows: _Integers
    major: npt.NDArray[np.float64]
    varies: npt.NDArray[np.bool_]
    left_out: npt.NDArray[np.bool_]
    earliest: _Integers
    n_held: int
    starts: _Integers
    stops: _Integers
    links: npt.NDArray[np.uint64]
    known: _Integers
    waiting: list[Callable[[], Any]]

    def comparisons(self, planes: LdPlanes, threshold: float, n: int) -> list[Callable[[], Any]]:
        """Return the calls that compare the new variants, in n parts."""
        common = (*planes[:3], self.at, self.major, self.varies & ~self.left_out, self.earliest, self.n_held)
        others = (n, planes.n_samples, threshold, self.links, self.known)
        return [partial(compare_jit, *common, offset, *others) for offset in range(n)]

    def wait(self) -> None:
        """Come back when all is compared."""
        while self.waiting:
            self.waiting.pop()()

    def will_go(self) -> npt.NDArray[np.bool_]:
        """Tell of each new variant whether a link was found that removes it, if the other still stands."""
        return self.known < self.n_held + np.arange(len(self.known))


class _Loaded(NamedTuple):
    """Variants in memory: planes, rows int64[V] among all, major allele frequencies float64[V], who varies bool[V]."""

    planes: LdPlanes
    rows: _Integers
    major: npt.NDArray[np.float64]
    varies: npt.NDArray[np.bool_]

    def part(self, chosen: _Integers) -> _Loaded:
        return _Loaded(self.planes.take(chosen), self.rows[chosen], self.major[chosen], self.varies[chosen])


def _varies(planes: LdPlanes) -> npt.NDArray[np.bool_]:
    called, hets, homs = planes.stats[:, 0], planes.stats[:, 1], planes.stats[:, 2]
    return np.ascontiguousarray((hets < called) & (hets + homs > 0) & (homs < called))


def _joined(first: _Loaded, second: _Loaded) -> _Loaded:
    planes = LdPlanes(
        np.concatenate([first.planes.bits, second.planes.bits]),
        np.concatenate([first.planes.summary, second.planes.summary]),
        np.concatenate([first.planes.stats, second.planes.stats]),
        first.planes.n_samples,
    )
    return _Loaded(planes, *(np.concatenate(pair) for pair in zip(first[1:], second[1:], strict=True)))


def _in_turn(calls: Iterable[Callable[[], Any]]) -> Callable[[], None]:
    for call in calls:
        call()
    return lambda: None


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
