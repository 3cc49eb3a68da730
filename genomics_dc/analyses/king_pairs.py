"""KING-robust kinship of the pairs of a view, band by band of samples, so that memory has a ceiling."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from genomics_dc.analyses.packed_blocks import HELD_BYTES_MAX, grouped, packed_nonreference
from genomics_dc.analyses.parallel import ordered_map
from genomics_dc.errors import ResourceError
from genomics_dc.kernels import kinship as kernel

if TYPE_CHECKING:
    from genomics_dc.store.read import StoreView

_BAND_BYTES_MAX = 256 << 20
_GROUP_VARIANTS = 16_384  # times two bits: the words of one turn of the comparison, 256, are exactly these
_BYTES_A_PAIR = 36  # of the result: counts, kinship and sample numbers, and as much again in its table
_MEMORY_SHARE_MAX = 0.8


def king_pairs(
    view: StoreView,
    *,
    kinship_min: float | None,
    threads: int,
    progress: Callable[[str, float], None] | None = None,
) -> tuple[kernel.Pairs, npt.NDArray[np.int64]]:
    """Return the pairs of a view's samples, all or those of `kinship_min` or more, in the order of PLINK 2's table.

    And how many calls of each sample are homozygous, heterozygous and missing, int64[S, 3].

    Bands of samples are compared with all before them. The genotypes stay in memory as bit planes where they are
    small; else each band reads the store again.
    """
    tell = progress or (lambda _step, _share: None)
    n_samples = view.n_samples
    whole = None
    if kinship_min is None:
        require_memory(n_samples)
        whole = kernel.empty_pairs(kernel.n_pairs(n_samples))
    planes = _Planes(view, threads)
    found: list[kernel.Pairs] = []
    n_all = max(kernel.n_pairs(n_samples), 1)
    for first, last in _bands(n_samples):
        band = kernel.PairBand(first, last, n_samples)
        parts = band.parts()
        for block in planes:
            # the last part has the most pairs: begun first, no thread waits long for it
            deque(ordered_map(partial(_add, band, block), reversed(parts), threads=threads), maxlen=0)
        finish = partial(_finish, band, planes.totals, planes.n_variants, kinship_min, whole)
        found += ordered_map(finish, parts, threads=threads)
        tell("comparing pairs", kernel.n_pairs(last) / n_all)
    if whole is not None:
        return whole, planes.totals
    pairs = kernel.Pairs(
        np.concatenate([part.counts for part in found], axis=1),
        np.concatenate([part.kinship for part in found]),
        np.concatenate([part.who for part in found], axis=1),
    )
    return pairs, planes.totals


def _add(band: kernel.PairBand, planes: kernel.BitPlanes, part: tuple[int, int]) -> None:
    band.add(planes, *part)


def _finish(
    band: kernel.PairBand,
    totals: npt.NDArray[np.int64],
    n_variants: int,
    kinship_min: float | None,
    whole: kernel.Pairs | None,
    part: tuple[int, int],
) -> kernel.Pairs:
    return band.pairs(totals, n_variants, start=part[0], stop=part[1], kinship_min=kinship_min, into=whole)


class _Planes:
    """The bit planes of a view, group by group, from memory or from the store; `totals` are there after one round."""

    def __init__(self, view: StoreView, threads: int) -> None:
        self._view = view
        self._threads = threads
        self._held: list[kernel.BitPlanes] | None = None
        self.totals: npt.NDArray[np.int64] = np.zeros((view.n_samples, 3), dtype=np.int64)
        self.n_variants = 0

    def __iter__(self) -> Iterator[kernel.BitPlanes]:
        if self._held is not None:
            yield from self._held
            return
        n_samples = self._view.n_samples
        totals, n_variants = np.zeros_like(self.totals), 0
        kept: list[kernel.BitPlanes] | None = []
        size = 0
        groups = grouped(packed_nonreference(self._view), _GROUP_VARIANTS)
        for planes in ordered_map(lambda packed: kernel.bit_planes(packed, n_samples), groups, threads=self._threads):
            totals += planes.totals
            n_variants += planes.n_variants
            size += planes.nbytes
            if kept is not None:
                kept.append(planes)
                if size > HELD_BYTES_MAX:
                    kept = None
            yield planes
        self.totals, self.n_variants, self._held = totals, n_variants, kept


def _bands(n_samples: int) -> list[tuple[int, int]]:
    """Return ranges of the later sample, each with about as many pairs as a band may hold."""
    bands: list[tuple[int, int]] = []
    first = 0
    while first < n_samples:
        last = min(n_samples, first + 1)
        while last < n_samples and (last + 1 - first) * (last + 1) * 20 <= _BAND_BYTES_MAX:
            last += 1
        bands.append((first, last))
        first = last
    return bands


def require_memory(n_samples: int) -> None:
    """Raise ResourceError, before anything is allocated, when the table of all pairs would not fit."""
    needed = 2 * kernel.n_pairs(n_samples) * _BYTES_A_PAIR
    available = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if needed > _MEMORY_SHARE_MAX * available:
        raise ResourceError(
            f"the table of all pairs of {n_samples:,} samples needs {needed / 2**30:,.1f} GiB of memory, and this "
            f"machine has {available / 2**30:,.1f} GiB; ask only for related pairs (--kinship-min 0.0442), or choose "
            "fewer samples with --keep"
        )
