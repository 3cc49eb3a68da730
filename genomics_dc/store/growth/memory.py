"""How many rows of chunks a change of a store may have in memory at once, so that it stays below what it was given."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from genomics_dc.errors import ResourceError
from genomics_dc.kernels.reference_blocks import Blocks
from genomics_dc.store.columns import INTEGER_TYPES
from genomics_dc.store.growth.fields import STRING, Shape, meta_of
from genomics_dc.store.growth.parts import Part
from genomics_dc.store.growth.sites import SiteTable
from genomics_dc.store.layout import Grid
from genomics_dc.store.plan import BASE_BYTES

_FIELDS: Final = fields(Blocks)
_STRING_BYTES: Final = 80  # a short one, as Python has it, and its place
_OF_A_CHUNK: Final = 6  # a chunk of each of two parts, what is taken of them, the whole's, and that while it is packed
_PACKED: Final = 0.5  # of the bytes of numbers, when they are compressed; most take far less
_OF_TABLES: Final = 3  # the sites of the parts and of the whole, sorted
_RECORD_BYTES: Final = 64  # of what is kept for each record to the end: orders, counts, places


def bands_at_once(
    parts: Sequence[Part],
    table: SiteTable,
    grid: Grid,
    shapes: Mapping[str, Shape],
    *,
    blocks_of: Mapping[str, Mapping[str, Blocks]],
    threads: int,
    memory_bytes: int,
) -> int:
    """Return how many rows of chunks may be made side by side, at most `threads`, beside the reference blocks held.

    Raises
    ------
    ResourceError
        When `memory_bytes` are too few for one.
    """
    n_records = len(table)
    rows = min(grid.variants, max(n_records, 1))
    standing = BASE_BYTES + _OF_TABLES * _n_bytes(
        (table.key, table.length, table.row, table.data, table.start, table.end)
    )
    standing += n_records * (_RECORD_BYTES + sum(8 * one.width for one in shapes.values() if _may_be_counted(one)))
    standing += _n_bytes(part.rows for part in parts)
    of_contigs = [blocks for by_contig in blocks_of.values() for blocks in by_contig.values()]
    held = [getattr(blocks, one.name) for blocks in of_contigs for one in _FIELDS]
    standing += _n_bytes(array for array in held if not isinstance(array, np.memmap))
    of_samples = {name: one for name, one in shapes.items() if one.of_samples}
    columns = min(grid.samples, max(grid.n_samples, 1))
    chunk = max((_value_bytes(one) for one in of_samples.values()), default=0.0) * rows * columns
    of_sites = sum(_value_bytes(one) for one in shapes.values() if not one.of_samples) * rows
    made = _n_fresh_samples(parts, grid, of_samples, n_records)
    encoded = rows * made * sum(_packed_bytes(one) for one in of_samples.values())
    running = _OF_A_CHUNK * chunk + 2 * of_sites
    left = memory_bytes - standing
    if left < running + encoded:
        needed = (standing + running + encoded) / 2**20
        raise ResourceError(
            f"{memory_bytes / 2**20:,.0f} MiB of memory are too few: the program, {n_records:,} records and a row of "
            f"chunks take {needed:,.0f} MiB; give more with --memory"
        )
    # with more than one, as many again wait to be written, and one is
    return max([1, *(n for n in range(2, threads + 1) if n * running + (2 * n + 1) * encoded <= left)])


def _n_bytes(arrays: Iterable[npt.NDArray[Any]]) -> int:
    return sum(array.nbytes for array in arrays)


def _may_be_counted(shape: Shape) -> bool:
    return not shape.of_samples and shape.dtype in INTEGER_TYPES


def _value_bytes(shape: Shape) -> float:
    one = _STRING_BYTES if shape.dtype == STRING else np.dtype(shape.dtype).itemsize
    return float(one * shape.width)


def _packed_bytes(shape: Shape) -> float:
    if shape.dtype == STRING:
        return 8.0 * shape.width
    kind = np.dtype(shape.dtype)
    return {"f": 1.0, "b": 0.1}.get(kind.kind, _PACKED) * kind.itemsize * shape.width


def _n_fresh_samples(parts: Sequence[Part], grid: Grid, shapes: Mapping[str, Shape], n_records: int) -> int:
    """Return how many samples lie in chunks that are made anew, in the row of chunks that has most of them."""
    if not shapes:
        return 0
    name, shape = next(iter(shapes.items()))
    meta = meta_of(name, shape, grid, n_records)
    moved = any(
        all(not part.has(name) or part.same_rows(meta, band, name) < 0 for part in parts)
        for band in range(meta.grid[0])
    )
    untouched = [part for part in parts if part.has(name) and part.is_untouched(name, shape)]
    if moved or len(untouched) < len(parts):
        return grid.n_samples
    fresh = 0
    for number in range(meta.grid[1]):
        if all(part.same_columns(meta, number, name) < 0 for part in untouched):
            fresh += min(grid.samples, grid.n_samples - number * grid.samples)
    return fresh
