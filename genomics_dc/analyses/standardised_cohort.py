"""The standardised genotypes of a view, of which only products are asked."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from genomics_dc.analyses.cluster import cluster_in_use, ordered_tasks
from genomics_dc.analyses.packed_blocks import HELD_BYTES_MAX, Packed, grouped, packed_blocks, packed_of, packed_source
from genomics_dc.analyses.parallel import ordered_map
from genomics_dc.kernels import standardised as kernel

if TYPE_CHECKING:
    from genomics_dc.store.blocks import Block, Blocks
    from genomics_dc.store.read import StoreView

_Floats = npt.NDArray[np.float64]
_Group = tuple[Packed, _Floats, _Floats]

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
        self._client = cluster_in_use()
        if self._client is not None:  # each pass reads the store, where the worker is
            counts = list(ordered_map(partial(_counts, view.n_samples), packed_source(view)))
            held = None
        for packed, samples in ordered_map(self._counted, self._first_round(), threads=threads):
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
        total = np.zeros(weights.shape)
        for part in self._of_groups(partial(_product, self.order, weights)):
            total += part
        return self.order.gather(total) / max(self.n_variants, 1)

    def scores(self, rows: _Floats) -> _Floats:
        """Return X times each of the rows [L, S], float64[V, L]."""
        weights = self.order.spread(rows, np.float64)
        return np.concatenate([np.empty((0, len(rows))), *self._of_groups(partial(_scores, self.order, weights))])

    def _of_groups(self, function: Callable[[_Group], _Floats]) -> Iterator[_Floats]:
        """Yield `function` of each group, computed on threads, or by the workers that read it."""
        if self._client is None:
            return ordered_map(function, self.groups(), threads=self._threads)
        blocks = (packed_source(self._view).without_rows(),)
        return ordered_tasks(self._client, partial(_of_rows, function), blocks, self._groups_of_rows())

    def _groups_of_rows(self) -> Iterator[tuple[npt.NDArray[np.int64], _Floats, _Floats]]:
        """Yield what `groups` does, with rows of the store in the place of genotypes."""
        rows = self._view.sites_index()[self.used]
        for start in range(0, len(rows), GROUP_VARIANTS):
            span = slice(start, start + GROUP_VARIANTS)
            yield rows[span], self.mean[span], self.scale[span]

    def _first_round(self) -> Iterator[Packed]:
        return packed_blocks(self._view) if self._client is None else iter(())

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


def _counts(n_samples: int, block: Block) -> npt.NDArray[np.int64]:
    return kernel.scaling_counts(packed_of(block), n_samples)


def _of_rows(
    function: Callable[[_Group], _Floats],
    blocks: tuple[Blocks, ...],
    item: tuple[npt.NDArray[np.int64], _Floats, _Floats],
) -> _Floats:
    """Return `function` of a group that is read here: this runs on a worker."""
    rows, mean, scale = item
    packed = np.concatenate([packed_of(block) for block in blocks[0].reader.read_by_chunk(rows)])
    # what comes over the network may not be written to, which would be another kernel to compile
    return function((packed, np.array(mean), np.array(scale)))


def _product(order: kernel.SampleOrder, weights: npt.NDArray[np.floating[Any]], group: _Group) -> _Floats:
    part = np.zeros(weights.shape)
    kernel.add_product(*group, order, weights, part)
    return part


def _scores(order: kernel.SampleOrder, weights: npt.NDArray[np.floating[Any]], group: _Group) -> _Floats:
    return kernel.scores(*group, order, weights)
