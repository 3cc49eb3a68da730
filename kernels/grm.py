"""The genetic relationship matrix: sums over variants of products of standardised genotypes, and of shared calls.

J. Yang et al., "GCTA: a tool for genome-wide complex trait analysis", Am. J. Hum. Genet. 88:76-82 (2011), equation 3
for all pairs, the diagonal too: A[j, k] is the mean of (x_j - 2p)(x_k - 2p) / 2p(1 - p) over the variants called in
both.

Samples stand in the order of `kernels.standardised`, in one tile. Rows come in blocks of `ROW_BLOCK`, counted from the
first sample, so that the sums are the same for any bands and threads.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from genomics_dc.kernels._jit import jit
from genomics_dc.kernels.products import add_combinations_jit
from genomics_dc.kernels.standardised import SampleOrder, unpack_jit

_Floats = npt.NDArray[np.float64]
_Packed = npt.NDArray[np.uint8]

ROW_BLOCK = 64
_TILE_VARIANTS = 256


def _add_relationship(
    packed: _Packed,
    mean: _Floats,
    scale: _Floats,
    begin: int,
    first: int,
    last: int,
    total: _Floats,
) -> None:
    """Add a group of variants to the rows first..last - 1 of `total`, whose row 0 is sample `begin`."""
    n_variants, n_bytes = packed.shape
    tile = np.empty((_TILE_VARIANTS, 4 * n_bytes), dtype=np.float64)
    for start in range(0, n_variants, _TILE_VARIANTS):
        rows = min(start + _TILE_VARIANTS, n_variants) - start
        unpack_jit(packed, mean, scale, start, start + rows, 0, n_bytes, tile)
        for i in range(first, last, ROW_BLOCK):
            stop = min(i + ROW_BLOCK, last)
            weights = tile[:rows, i:stop].copy()
            add_combinations_jit(weights, tile, rows, stop, total[i - begin : stop - begin], 0)


def _add_shared_missing(
    packed: _Packed, n_samples: int, place: npt.NDArray[np.int64], begin: int, first: int, last: int, both: Any
) -> None:
    """Add 1 to both[i - begin, j] for each variant at which i and j <= i have no call, first <= i < last."""
    missing = np.empty(n_samples, dtype=np.int64)
    for v in range(packed.shape[0]):
        n = 0
        for b in range(packed.shape[1]):
            byte = packed[v, b]
            if (byte & (byte >> np.uint8(1)) & np.uint8(0x55)) == 0:
                continue
            for position in range(4):
                s = 4 * b + position
                if s < n_samples and (byte >> np.uint8(2 * position)) & np.uint8(3) == 3:
                    missing[n] = place[s]
                    n += 1
        for one in range(n):
            i = missing[one]
            if first <= i < last:
                row = both[i - begin]
                for other in range(n):
                    if missing[other] <= i:
                        row[missing[other]] += 1


_add_relationship_jit = jit(_add_relationship)
_add_shared_missing_jit = jit(_add_shared_missing)


class RelationshipBand:
    """Rows `first`..`last` - 1 of the lower triangle, added up group by group of variants.

    `total` float64[last - first, width] are the sums of products, `both` int32 of the same shape how often both are
    missing; of row i the first i + 1 places count. Both bounds are multiples of `ROW_BLOCK`, or the end.
    """

    def __init__(self, first: int, last: int, order: SampleOrder) -> None:
        self.first, self.last = first, last
        self._order = order
        self.total = np.zeros((last - first, order.width))
        self.both = np.zeros((last - first, order.width), dtype=np.int32)

    def parts(self, n: int) -> list[tuple[int, int]]:
        """Return about n ranges of rows with as many pairs each, for threads to take."""
        edges = np.sqrt(np.linspace(self.first**2, self.last**2, n + 1))
        cuts = sorted({self.first, *(int(edge) // ROW_BLOCK * ROW_BLOCK for edge in edges[1:-1]), self.last})
        cuts = [cut for cut in cuts if cut >= self.first]
        return list(pairwise(cuts))

    def add(self, packed: _Packed, mean: _Floats, scale: _Floats, start: int, stop: int) -> None:
        """Add a group of variants to the rows start..stop - 1."""
        _add_relationship_jit(packed, mean, scale, self.first, start, stop, self.total)
        place = self._order.place
        _add_shared_missing_jit(packed, len(place), place, self.first, start, stop, self.both)
