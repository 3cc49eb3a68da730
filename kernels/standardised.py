"""Standardised genotypes in blocks, straight from two bits each, and their products with a few long vectors.

The genotype g of a sample becomes (g - 2p) / sqrt(2p(1 - p)) (Patterson et al. 2006, PLoS Genet. 2:e190), with p of the
called samples; a missing one becomes the mean, which is 0. They are never made as a whole: a tile of some variants and
samples is unpacked, used and overwritten; in single precision, where the processor can, they stand in registers only
(`kernels.panels`).

Inside a tile the samples stand by their place in a byte, all first places before all second ones, so that unpacking is
vector code. `SampleOrder` says which sample stands where.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from genomics_dc.kernels._jit import jit
from genomics_dc.kernels.bits import popcount
from genomics_dc.kernels.genotypes import SAMPLES_PER_BYTE, packed_width
from genomics_dc.kernels.lines import on_lines
from genomics_dc.kernels.panels import HAS_PANELS, LANES, WAYS, add_images_of_panel, add_scores_of_panel
from genomics_dc.kernels.products import add_combinations_jit, inner_jit

_Floats = npt.NDArray[np.float64]
_Singles = npt.NDArray[np.float32]
_Packed = npt.NDArray[np.uint8]

_TILE_BYTES = 640  # of packed genotypes of a variant; with the next number, a tile fits the second-level cache
_TILE_VARIANTS = 64


class SampleOrder(NamedTuple):
    """Where samples stand in the rows of a product: `place` int64[S]; rows are `width` long, in tiles of `tile_bytes`.

    Places of no sample hold zero. Unless all are in one tile, tiles are a multiple of 16 bytes, so that rows of floats
    begin where a line of the cache does.
    """

    place: npt.NDArray[np.int64]
    width: int
    tile_bytes: int

    def spread(self, values: npt.NDArray[Any], dtype: type[np.floating[Any]]) -> npt.NDArray[Any]:
        """Return rows [L, width] of values [L, S]."""
        rows = on_lines((len(values), self.width), dtype)
        rows[:, self.place] = values
        return rows

    def gather(self, rows: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Return values [L, S] of rows [L, width]."""
        return np.ascontiguousarray(rows[:, self.place])


def sample_order(n_samples: int, *, one_tile: bool = False) -> SampleOrder:
    """Return the order of the samples of a cohort, in tiles that fit the cache or in one."""
    n_bytes = packed_width(n_samples)
    if one_tile:
        tile = max(1, n_bytes)
    else:
        n_bytes = -(-n_bytes // LANES) * LANES
        n_tiles = max(1, -(-n_bytes // _TILE_BYTES))
        tile = max(1, -(-n_bytes // (n_tiles * LANES))) * LANES
    sample = np.arange(n_samples, dtype=np.int64)
    byte, position = sample // SAMPLES_PER_BYTE, sample % SAMPLES_PER_BYTE
    start = byte // tile * tile
    here = np.minimum(tile, n_bytes - start)
    return SampleOrder(SAMPLES_PER_BYTE * start + position * here + (byte - start), SAMPLES_PER_BYTE * n_bytes, tile)


def _unpack(
    packed: _Packed, mean: _Floats, scale: _Floats, first: int, last: int, start: int, stop: int, tile: npt.NDArray[Any]
) -> None:
    """Fill rows of `tile` with the standardised genotypes of variants `first`.. and bytes `start`..`stop` of packed.

    What is past the last byte is zero.
    """
    n_bytes = stop - start
    n_real = min(stop, packed.shape[1]) - start
    zero = tile.dtype.type(0)
    for v in range(first, last):
        row = packed[v, start : start + n_real]
        step = tile.dtype.type(scale[v])
        lowest = tile.dtype.type(-mean[v] * scale[v])
        for position in range(4):
            shift = np.uint8(2 * position)
            out = tile[v - first, position * n_bytes : (position + 1) * n_bytes]
            for b in range(n_real):
                code = np.int32((row[b] >> shift) & np.uint8(3))
                out[b] = zero if code == 3 else lowest + step * tile.dtype.type(code)
            out[n_real:] = zero


unpack_jit = jit(_unpack)


def _flush(part: npt.NDArray[Any], total: _Floats) -> None:
    """Add what was summed up in `part` to `total`, both [L, W], and begin again."""
    for j in range(part.shape[0]):
        for s in range(part.shape[1]):
            total[j, s] += np.float64(part[j, s])
            part[j, s] = 0


_flush_jit = jit(_flush)


def _add_product(
    packed: _Packed,
    mean: _Floats,
    scale: _Floats,
    tile_bytes: int,
    weights: npt.NDArray[Any],
    image: npt.NDArray[Any],
    total: _Floats,
) -> None:
    """Add X' X weights to `total` [L, W], X the standardised genotypes of packed [V, B], weights [L, W]."""
    n_variants, n_bytes = len(packed), weights.shape[1] // 4
    width = weights.shape[0]
    tile = np.empty((_TILE_VARIANTS, 4 * tile_bytes), dtype=weights.dtype)
    score = np.empty((_TILE_VARIANTS, width), dtype=np.float64)
    for first in range(0, n_variants, _TILE_VARIANTS):
        last = min(first + _TILE_VARIANTS, n_variants)
        rows = last - first
        score[:] = 0.0
        for start in range(0, n_bytes, tile_bytes):
            stop = min(start + tile_bytes, n_bytes)
            unpack_jit(packed, mean, scale, first, last, start, stop, tile)
            inner_jit(tile, rows, 4 * (stop - start), weights, 4 * start, score)
        loading = score.astype(weights.dtype)
        for start in range(0, n_bytes, tile_bytes):
            stop = min(start + tile_bytes, n_bytes)
            if tile_bytes < n_bytes:
                unpack_jit(packed, mean, scale, first, last, start, stop, tile)
            add_combinations_jit(loading, tile, rows, 4 * (stop - start), image, 4 * start)
        if (first // _TILE_VARIANTS) % 4 == 3 or last == n_variants:
            _flush_jit(image, total)


add_product_jit = jit(_add_product)


def _fill_values(mean: _Floats, scale: _Floats, first: int, last: int, values: _Singles) -> None:
    """Fill rows of `values` [V, 16] with what the codes of a variant stand for, four times; other rows are zero."""
    values[:] = np.float32(0)
    for v in range(first, last):
        step, lowest = np.float32(scale[v]), np.float32(-mean[v] * scale[v])
        for code in range(LANES):
            if code & 3 != 3:
                values[v - first, code] = lowest + step * np.float32(code & 3)


def _fill_panel(packed: _Packed, first: int, last: int, start: int, stop: int, panel: _Packed) -> None:
    """Copy bytes `start`..`stop` of some variants; what is past the last byte are samples without a call."""
    n_real = min(stop, packed.shape[1]) - start
    for v in range(first, last):
        row, out = packed[v, start : start + n_real], panel[v - first]
        for b in range(n_real):
            out[b] = row[b]
        for b in range(n_real, stop - start):
            out[b] = np.uint8(0xFF)


_fill_values_jit = jit(_fill_values)
_fill_panel_jit = jit(_fill_panel)


def _add_product_of_panels(
    packed: _Packed,
    mean: _Floats,
    scale: _Floats,
    tile_bytes: int,
    weights: _Singles,
    image: _Singles,
    total: _Floats,
) -> None:
    """Do what `_add_product` does, for a multiple of four rows of weights in single precision."""
    n_variants, width, n_bytes = len(packed), weights.shape[0], weights.shape[1] // 4
    panel = np.zeros((_TILE_VARIANTS, tile_bytes), dtype=np.uint8)
    values = np.empty((_TILE_VARIANTS, LANES), dtype=np.float32)
    part = np.empty((_TILE_VARIANTS, width), dtype=np.float32)
    score = np.empty((_TILE_VARIANTS, width), dtype=np.float64)
    for first in range(0, n_variants, _TILE_VARIANTS):
        last = min(first + _TILE_VARIANTS, n_variants)
        _fill_values_jit(mean, scale, first, last, values)
        score[:] = 0.0
        for start in range(0, n_bytes, tile_bytes):
            stop = min(start + tile_bytes, n_bytes)
            _fill_panel_jit(packed, first, last, start, stop, panel)
            part[:] = np.float32(0)
            for v in range(0, last - first, WAYS):
                for j in range(0, width, WAYS):
                    add_scores_of_panel(panel, v, 0, stop - start, values, weights, j, 4 * start, part)
            score += part
        part[:] = score
        for start in range(0, n_bytes, tile_bytes):
            stop = min(start + tile_bytes, n_bytes)
            if tile_bytes < n_bytes:
                _fill_panel_jit(packed, first, last, start, stop, panel)
            for j in range(0, width, WAYS):
                add_images_of_panel(panel, last - first, 0, stop - start, values, part, j, 4 * start, image)
        if (first // _TILE_VARIANTS) % 4 == 3 or last == n_variants:
            _flush_jit(image, total)


add_product_of_panels_jit = jit(_add_product_of_panels)


def _scaling_counts(packed: _Packed, n_samples: int, counts: npt.NDArray[np.int64]) -> None:
    for v in range(packed.shape[0]):
        het = np.uint64(0)
        hom = np.uint64(0)
        missing = np.uint64(0)
        for b in range(packed.shape[1]):
            byte = packed[v, b]
            low, high = byte & np.uint8(0x55), (byte >> np.uint8(1)) & np.uint8(0x55)
            het += popcount(np.uint64(low & ~high))
            hom += popcount(np.uint64(high & ~low))
            missing += popcount(np.uint64(low & high))
        counts[v, 1] = np.int64(het)
        counts[v, 2] = np.int64(hom)
        counts[v, 0] = 4 * packed.shape[1] - np.int64(het + hom + missing)
        counts[v, 3] = n_samples - counts[v, :3].sum()


_scaling_counts_jit = jit(_scaling_counts)


def scaling_counts(packed: _Packed, n_samples: int) -> npt.NDArray[np.int64]:
    """Return how many samples have 0, 1, 2 copies and no call, int64[V, 4], of packed uint8[V, ceil(S / 4)]."""
    counts = np.zeros((len(packed), 4), dtype=np.int64)
    if packed.size:
        _scaling_counts_jit(packed, n_samples, counts)
    return counts


def scaling(counts: npt.NDArray[np.integer[Any]]) -> tuple[_Floats, _Floats]:
    """Return mean 2p and scale 1 / sqrt(2p(1 - p)) of each variant, from samples with 0, 1, 2 copies: [V, 3 or 4].

    p is of the called samples. Where all of them are alike the scale is 0, so that the variant adds nothing.

    Examples
    --------
    >>> import numpy as np
    >>> mean, scale = scaling(np.array([[1, 2, 1, 0], [3, 0, 0, 1]]))
    >>> mean.tolist(), scale.round(3).tolist()
    ([1.0, 0.0], [1.414, 0.0])
    """
    samples = counts[:, :3].astype(np.float64)
    called = samples.sum(axis=1)
    mean = np.divide(samples[:, 1] + 2.0 * samples[:, 2], called, out=np.zeros(len(samples)), where=called > 0)
    varies = samples.max(axis=1, initial=0.0) < called
    spread = np.where(varies, mean * (1.0 - 0.5 * mean), 1.0)
    return mean, np.where(varies, 1.0 / np.sqrt(spread), 0.0)


def add_product(
    packed: _Packed,
    mean: _Floats,
    scale: _Floats,
    order: SampleOrder,
    weights: npt.NDArray[Any],
    total: _Floats,
) -> None:
    """Add X' X weights of a block of variants to `total`, in place.

    `packed` uint8[V, ceil(S / 4)], `mean` and `scale` float64[V] of its variants; `weights` [L, width] in `order`,
    whose type is the precision (float32 is right to about 1e-7 of the largest value, since single sums go over 2,560
    samples or 256 variants at most); `total` float64[L, width] in the same order.
    """
    if not packed.size or not weights.size:
        return
    if HAS_PANELS and weights.dtype == np.float32:
        rows = -(-len(weights) // WAYS) * WAYS
        if rows == len(weights):
            image = on_lines(weights.shape, np.float32)
            add_product_of_panels_jit(packed, mean, scale, order.tile_bytes, weights, image, total)
            return
        wide, added = on_lines((rows, order.width), np.float32), np.zeros((rows, order.width))
        wide[: len(weights)] = weights
        add_product(packed, mean, scale, order, wide, added)
        total += added[: len(weights)]
        return
    add_product_jit(packed, mean, scale, order.tile_bytes, weights, on_lines(weights.shape, weights.dtype.type), total)


def _scores(
    packed: _Packed, mean: _Floats, scale: _Floats, tile_bytes: int, weights: npt.NDArray[Any], out: _Floats
) -> None:
    n_variants, n_bytes = len(packed), weights.shape[1] // 4
    tile = np.empty((_TILE_VARIANTS, 4 * tile_bytes), dtype=weights.dtype)
    for first in range(0, n_variants, _TILE_VARIANTS):
        last = min(first + _TILE_VARIANTS, n_variants)
        for start in range(0, n_bytes, tile_bytes):
            stop = min(start + tile_bytes, n_bytes)
            unpack_jit(packed, mean, scale, first, last, start, stop, tile)
            inner_jit(tile, last - first, 4 * (stop - start), weights, 4 * start, out[first:last])


_scores_jit = jit(_scores)


def scores(packed: _Packed, mean: _Floats, scale: _Floats, order: SampleOrder, weights: npt.NDArray[Any]) -> _Floats:
    """Return X weights, float64[V, L]: standardised genotypes times rows of weights [L, width] in `order`."""
    out = np.zeros((len(packed), len(weights)))
    if packed.size and weights.size:
        _scores_jit(packed, mean, scale, order.tile_bytes, weights, out)
    return out


def _add_images(
    packed: _Packed,
    mean: _Floats,
    scale: _Floats,
    tile_bytes: int,
    loadings: npt.NDArray[Any],
    image: npt.NDArray[Any],
    total: _Floats,
) -> None:
    """Add X' loadings to `total` [L, W]; `image` [L, W] is of the type of `loadings` and zero before and after."""
    n_variants, n_bytes = len(packed), total.shape[1] // 4
    tile = np.empty((_TILE_VARIANTS, 4 * tile_bytes), dtype=loadings.dtype)
    for first in range(0, n_variants, _TILE_VARIANTS):
        last = min(first + _TILE_VARIANTS, n_variants)
        for start in range(0, n_bytes, tile_bytes):
            stop = min(start + tile_bytes, n_bytes)
            unpack_jit(packed, mean, scale, first, last, start, stop, tile)
            add_combinations_jit(loadings[first:last], tile, last - first, 4 * (stop - start), image, 4 * start)
        if (first // _TILE_VARIANTS) % 4 == 3 or last == n_variants:
            _flush_jit(image, total)


_add_images_jit = jit(_add_images)


def add_images(
    packed: _Packed,
    mean: _Floats,
    scale: _Floats,
    order: SampleOrder,
    loadings: npt.NDArray[Any],
    total: _Floats,
) -> None:
    """Add X' loadings [V, L] of a block of variants to `total` float64[L, width] in `order`, in place."""
    if packed.size and loadings.size:
        image = np.zeros((loadings.shape[1], order.width), dtype=loadings.dtype)
        _add_images_jit(packed, mean, scale, order.tile_bytes, np.ascontiguousarray(loadings), image, total)
