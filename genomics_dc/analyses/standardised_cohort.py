"""The standardised genotypes of a view, of which only products are asked."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from genomics_dc.analyses.packed_blocks import HELD_BYTES_MAX, Packed, grouped, packed_blocks
from genomics_dc.analyses.parallel import ordered_map
from genomics_dc.kernels import standardised as kernel

if TYPE_CHECKING:
    from genomics_dc.store.read import StoreView

_Floats = npt.NDArray[np.float64]

# Variants whose products are added up before those of the next: so the sum is the same for any chunks and threads.
GROUP_VARIANTS = 2048


class StandardisedCohort:
    """X [V, S], the standardised genotypes of the variants of a view that vary; packed in memory where they are small.

    `n_variants` is V; `used` bool of the view's variants says which vary; `mean` and `scale` float64[V]; `trace` is
    that of X' X / V, the variance of all directions.
    """

    def __init__(self, view: StoreView, threads: int) -> None:
        self._view = view
        self._threads = threads
        self.n_samples = view.n_samples
        self.order = kernel.sample_order(view.n_samples)
        held: list[Packed] | None = []
        held_bytes = 0
        counts: list[npt.NDArray[np.int64]] = []
        for packed, samples in ordered_map(self._counted, packed_blocks(view), threads=threads):
            counts.append(samples)
            if held is not None:
                held.append(self._varying(packed, samples))
                held_bytes += held[-1].nbytes
                if held_bytes > HELD_BYTES_MAX:
                    held = None
        self._held = None if held is None else list(grouped(held, GROUP_VARIANTS))
        self.counts = np.concatenate(counts)
        mean, scale = kernel.scaling(self.counts)
        self.used = scale > 0
        self.mean, self.scale = mean[self.used], scale[self.used]
        self.n_variants = len(self.mean)
        _, het, hom, missing = self.counts[self.used].T
        squares = (het + 4.0 * hom - (self.n_samples - missing) * self.mean**2) * self.scale**2
        # fsum is exact, so the blocks do not matter
        self.trace = math.fsum(squares) / max(self.n_variants, 1)

    def multiply(self, rows: _Floats, dtype: type[np.floating[Any]] = np.float64) -> _Floats:
        """Return X' X / V times each of the rows [L, S], float64[L, S]: one pass over the genotypes."""
        weights = self.order.spread(rows, dtype)

        def product(group: tuple[Packed, _Floats, _Floats]) -> _Floats:
            part = np.zeros(weights.shape)
            kernel.add_product(*group, self.order, weights, part)
            return part

        total = np.zeros(weights.shape)
        for part in ordered_map(product, self.groups(), threads=self._threads):
            total += part
        return self.order.gather(total) / max(self.n_variants, 1)

    def scores(self, rows: _Floats) -> _Floats:
        """Return X times each of the rows [L, S], float64[V, L]."""
        weights = self.order.spread(rows, np.float64)
        parts = ordered_map(
            lambda group: kernel.scores(*group, self.order, weights), self.groups(), threads=self._threads
        )
        return np.concatenate([np.empty((0, len(rows))), *parts])

    def groups(self, size: int = GROUP_VARIANTS) -> Iterator[tuple[Packed, _Floats, _Floats]]:
        """Yield packed genotypes, means and scales of the variants that vary, `size` at a time."""
        start = 0
        for packed in grouped(self._held if self._held is not None else self._read_again(), size):
            stop = start + len(packed)
            yield packed, self.mean[start:stop], self.scale[start:stop]
            start = stop

    def _read_again(self) -> Iterator[Packed]:
        start = 0
        for packed in packed_blocks(self._view):
            yield self._varying(packed, self.counts[start : start + len(packed)])
            start += len(packed)

    def _counted(self, packed: Packed) -> tuple[Packed, npt.NDArray[np.int64]]:
        return packed, kernel.scaling_counts(packed, self.n_samples)

    @staticmethod
    def _varying(packed: Packed, counts: npt.NDArray[np.int64]) -> Packed:
        varies = kernel.scaling(counts)[1] > 0
        return packed if varies.all() else packed[varies]
