"""The sites of several stores as one sorted list."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from genomics_dc.errors import StoreError
from genomics_dc.kernels.site_join import join_sorted_sites
from genomics_dc.store import schema
from genomics_dc.store.access import ArrayReader, StoreFiles

Rows = npt.NDArray[np.int64]
_CONTIG_SHIFT = 32


@dataclass(frozen=True)
class SiteTable:
    """V sites, sorted.

    key int64[V]: the contig's number, then the one-based position in its low 32 bits. length int32[V]: bases of the
    reference. row int64[V]: where the site stands in its store. data uint8[N], start and end int64[V, A]: where each
    allele stands in a buffer.
    """

    key: npt.NDArray[np.int64]
    length: npt.NDArray[np.int32]
    row: Rows
    data: npt.NDArray[np.uint8]
    start: npt.NDArray[np.int64]
    end: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.key)

    @property
    def contig(self) -> npt.NDArray[np.int64]:
        """int64[V]: the contig's number."""
        return self.key >> _CONTIG_SHIFT

    @property
    def position(self) -> npt.NDArray[np.int64]:
        """int64[V]: one-based."""
        return self.key & ((1 << _CONTIG_SHIFT) - 1)

    @property
    def ref_length(self) -> npt.NDArray[np.int64]:
        """int64[V]: the letters of REF."""
        lengths: npt.NDArray[np.int64] = self.end[:, 0] - self.start[:, 0]
        return lengths

    @property
    def is_symbolic(self) -> npt.NDArray[np.bool_]:
        """bool[V]: an ALT is symbolic (<DEL>) or a breakend, so that REF is not all that the site speaks of."""
        letters = np.append(self.data, np.uint8(0))
        filled = self.end[:, 1:] > self.start[:, 1:]
        first = np.where(filled, letters[np.where(filled, self.start[:, 1:], -1)], 0)
        last = np.where(filled, letters[np.where(filled, self.end[:, 1:] - 1, -1)], 0)
        marks = np.frombuffer(b"<[].", dtype=np.uint8)
        found = (np.isin(first, marks) | np.isin(last, marks[1:])).any(axis=1)
        return np.asarray(found, dtype=np.bool_)


def read_sites(files: StoreFiles, contig_number: Mapping[str, int]) -> SiteTable:
    """Return the sites of a store, in the order that `contig_number` gives its contigs."""
    names = [str(name) for name in files.array(schema.CONTIG_ID).read()]
    numbers = np.array([contig_number[name] for name in names] or [0], dtype=np.int64)
    contig = numbers[files.array(schema.VARIANT_CONTIG).read().astype(np.int64)]
    key = (contig << _CONTIG_SHIFT) | files.array(schema.VARIANT_POSITION).read().astype(np.int64)
    length = files.array(schema.VARIANT_LENGTH).read().astype(np.int32)
    data, start, end = read_strings(files.array(schema.VARIANT_ALLELE))
    row = np.arange(len(key), dtype=np.int64)
    table = SiteTable(key, length, row, data, start, end)
    if len(key) and (np.diff(key) < 0).any():
        table = _taken(table, np.argsort(key, kind="stable"))
    return table


def read_strings(
    reader: ArrayReader,
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return an array of text over variants as a buffer and the places in it."""
    shape = reader.shape
    start, end = np.zeros(shape, dtype=np.int64), np.zeros(shape, dtype=np.int64)
    parts: list[npt.NDArray[np.uint8]] = []
    size = 0
    for coords in np.ndindex(*reader.meta.grid):
        data, first, last = reader.chunk_strings(*coords)
        place = reader.meta.extent(coords)
        start[place], end[place] = first + size, last + size
        parts.append(data)
        size += data.size
    return np.concatenate(parts) if parts else np.empty(0, dtype=np.uint8), start, end


def _taken(table: SiteTable, order: npt.NDArray[Any]) -> SiteTable:
    return SiteTable(
        table.key[order], table.length[order], table.row[order], table.data, table.start[order], table.end[order]
    )


@dataclass(frozen=True)
class JoinedSites:
    """The union of several lists: `table` has the U sites, `rows[p]` int64[U] the row of each in part p, -1: none."""

    table: SiteTable
    rows: tuple[Rows, ...]

    @property
    def n_holders(self) -> npt.NDArray[np.int64]:
        """int64[U]: in how many parts a site stands."""
        total = np.zeros(len(self.table), dtype=np.int64)
        for rows in self.rows:
            total += rows >= 0
        return total


def join_sites(tables: Sequence[SiteTable]) -> JoinedSites:
    """Return the union of the sites; at one position those of an earlier list come first."""
    joined = tables[0]
    rows: list[Rows] = [joined.row]
    for table in tables[1:]:
        if _equal(joined, table):
            rows.append(table.row)
            continue
        of_joined, of_table = join_sorted_sites(
            joined.key,
            joined.length,
            (joined.data, joined.start, joined.end),
            table.key,
            table.length,
            (table.data, table.start, table.end),
        )
        rows = [_at(one, of_joined) for one in rows]
        rows.append(_at(table.row, of_table))
        joined = _union(joined, table, of_joined, of_table)
    for number, one in enumerate(rows):
        if int((one >= 0).sum()) != len(tables[number]):
            raise StoreError(f"{len(tables[number]):,} sites were to be joined, not all were; please report this")
    return JoinedSites(joined, tuple(rows))


def _at(values: Rows, places: Rows) -> Rows:
    if not len(values):
        return np.full(len(places), -1, dtype=np.int64)
    return np.where(places >= 0, values[places], -1)


def _equal(first: SiteTable, second: SiteTable) -> bool:
    """Return whether both have the same bytes in the same order, which spares comparing one by one."""
    if len(first) != len(second) or first.start.shape != second.start.shape or first.data.size != second.data.size:
        return False
    return (
        np.array_equal(first.key, second.key)
        and np.array_equal(first.length, second.length)
        and np.array_equal(first.data, second.data)
        and np.array_equal(first.start, second.start)
        and np.array_equal(first.end, second.end)
    )


def _union(first: SiteTable, second: SiteTable, of_first: Rows, of_second: Rows) -> SiteTable:
    width = max(first.start.shape[1], second.start.shape[1])
    from_first = of_first >= 0
    i, j = of_first[from_first], of_second[~from_first]
    key = np.empty(len(of_first), dtype=np.int64)
    length = np.empty(len(of_first), dtype=np.int32)
    start = np.zeros((len(of_first), width), dtype=np.int64)
    end = np.zeros((len(of_first), width), dtype=np.int64)
    shift = first.data.size
    key[from_first], key[~from_first] = first.key[i], second.key[j]
    length[from_first], length[~from_first] = first.length[i], second.length[j]
    for target, a, b in ((start, first.start, second.start), (end, first.end, second.end)):
        target[from_first, : a.shape[1]] = a[i]
        added = np.zeros((len(j), width), dtype=np.int64)
        added[:, : b.shape[1]] = b[j] + shift
        target[~from_first] = added
    data = np.concatenate([first.data, second.data])
    return SiteTable(key, length, np.arange(len(key), dtype=np.int64), data, start, end)
