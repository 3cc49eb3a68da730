"""The windows in which variants are compared for linkage, as PLINK 2 moves them.

A window of base pairs ends past start + size and its step is as small as brings in one variant; a window of variants
moves by `step`. Contigs are cut where two neighbours are further apart than a window; a piece of one variant is in no
window.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from genomics_dc.kernels._jit import jit
from genomics_dc.kernels.ld import UnsortedError

_Integers = npt.NDArray[np.int64]


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


_windows_jit = jit(_windows)


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
