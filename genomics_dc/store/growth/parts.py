"""One store as a part of a greater one: where its records and samples stand there, and its values by place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from genomics_dc.store import schema
from genomics_dc.store.access import ArrayReader, StoreFiles
from genomics_dc.store.chunks import ArrayMeta, encode
from genomics_dc.store.growth.fields import Shape, converted
from genomics_dc.store.growth.sites import Rows

Held = dict[tuple[str, tuple[int, ...]], npt.NDArray[Any]]
"""Chunks that were decoded for one band, by array and coordinates."""


@dataclass(frozen=True)
class Part:
    """A store that goes into another.

    rows int64[U]: its record at each record of the whole, -1 where it has none. columns int64[S]: its sample at each
    sample of the whole, -1 where it has none. contig_numbers, filter_numbers: the whole's number of each of its own.
    """

    files: StoreFiles
    where: str
    rows: Rows
    columns: npt.NDArray[np.int64]
    shapes: dict[str, Shape]
    contig_numbers: npt.NDArray[np.int64]
    filter_numbers: npt.NDArray[np.int64]
    _bands: dict[tuple[int, int], int] = field(default_factory=dict, repr=False)

    @property
    def n_variants(self) -> int:
        """Records of the part itself."""
        return self.files.array(schema.VARIANT_POSITION).shape[0]

    @property
    def n_samples(self) -> int:
        """Samples of the part itself, also those that the whole leaves out."""
        return self.files.array(schema.SAMPLE_ID).shape[0]

    @property
    def keeps_all_samples(self) -> bool:
        """Whether the whole has every sample of the part."""
        return int(np.count_nonzero(self.columns >= 0)) == self.n_samples

    def has(self, name: str) -> bool:
        """Whether the part has an array."""
        return name in self.files

    def reader(self, name: str) -> ArrayReader:
        """Return one of its arrays."""
        return self.files.array(name)

    def has_rows(self, band: int, size: int) -> bool:
        """Whether the part has any of the records of a band of the whole, `size` records each."""
        return bool((self.rows[band * size : (band + 1) * size] >= 0).any())

    def same_rows(self, target: ArrayMeta, band: int, name: str) -> int:
        """Return which band of the part holds exactly the records of a band of the whole, or -1."""
        source = self.reader(name).meta
        size = target.inner[0]
        if source.inner[0] != size:
            return -1
        found = self._bands.get((size, band))
        if found is None:
            found = self._bands[size, band] = _same_extent(self.rows, target, source, 0, band)
        return found

    def same_columns(self, target: ArrayMeta, number: int, name: str) -> int:
        """Return which chunk of samples of the part holds exactly those of a chunk of the whole, or -1."""
        source = self.reader(name).meta
        if source.inner[1] != target.inner[1]:
            return -1
        if target.dimensions[1] == schema.DIM_PACKED:
            return self._same_packed(target, source, number)
        return _same_extent(self.columns, target, source, 1, number)

    def _same_packed(self, target: ArrayMeta, source: ArrayMeta, number: int) -> int:
        size = 4 * target.inner[1]
        columns = self.columns[number * size : (number + 1) * size]
        if not columns.size or columns[0] < 0 or columns[0] % size:
            return -1
        here = int(columns[0]) // size
        stop = min((here + 1) * size, self.n_samples)
        return here if np.array_equal(columns, np.arange(columns[0], stop)) and source.grid[1] > here else -1

    def whole_bands(self, rows: Rows) -> npt.NDArray[np.int64]:
        """Return which bands that hold `rows` have no missing allele and no call of fewer copies than the others."""
        if not self.has(schema.CALL_GENOTYPE_MASK):
            return np.empty(0, dtype=np.int64)
        reader = self.reader(schema.CALL_GENOTYPE_MASK)
        bands = np.unique(rows // reader.chunks[0])
        columns = range(reader.meta.grid[1])
        whole = [int(band) for band in bands if all(self._flag(reader, int(band), j) is False for j in columns)]
        return np.array(whole, dtype=np.int64)

    def flag(self, name: str, rows: Rows, columns: npt.NDArray[np.int64]) -> bool | None:
        """Return what all values of a bool array over samples are that lie in the chunks of some rows and columns.

        None where they differ, or where it does not show without decoding them.
        """
        reader = self.reader(name)
        found = {
            self._flag(reader, int(band), int(number))
            for band in np.unique(rows // reader.chunks[0])
            for number in np.unique(columns // reader.chunks[1])
        }
        return found.pop() if len(found) == 1 else None

    def _flag(self, reader: ArrayReader, band: int, number: int) -> bool | None:
        coords = (band, number, *(0,) * (len(reader.shape) - 2))
        encoded = reader.encoded(*coords)
        for value in (False, True):
            if encoded == _all(reader.meta, coords, value=value):
                return value
        return None

    def take(
        self,
        name: str,
        rows: Rows,
        columns: npt.NDArray[np.int64] | None,
        shape: Shape,
        held: Held,
        lacking: npt.NDArray[np.bool_] | None = None,
    ) -> npt.NDArray[Any]:
        """Return the values at `rows`, and at `columns` of an array over samples, in the whole's shape.

        `lacking` bool: the rows whose record lacks the field, where that is known.
        """
        reader = self.reader(name)
        values = _gather(reader, rows, columns, held)
        if name == schema.VARIANT_CONTIG:
            numbers: npt.NDArray[Any] = self.contig_numbers[values.astype(np.int64)].astype(shape.dtype)
            return numbers
        if name == schema.VARIANT_FILTER:
            passed = np.zeros((len(values), shape.width), dtype=np.bool_)
            passed[:, self.filter_numbers] = values
            return passed
        own = self.shapes.get(name)
        return values if own is None else converted(values, own, shape, lacking)

    def is_untouched(self, name: str, shape: Shape) -> bool:
        """Whether the values of an array go into the whole as they stand."""
        own = self.shapes.get(name)
        if own is None or (own.dtype, own.width, own.inner) != (shape.dtype, shape.width, shape.inner):
            return False
        if name == schema.VARIANT_CONTIG:
            return np.array_equal(self.contig_numbers, np.arange(len(self.contig_numbers)))
        if name == schema.VARIANT_FILTER:
            return np.array_equal(self.filter_numbers, np.arange(len(self.filter_numbers)))
        return True


def forget(held: Held, name: str, before: int | None = None) -> None:
    """Drop the decoded chunks of an array over samples, those of samples before chunk `before` alone when it is given.

    A band of a wide cohort is far greater than one chunk of it, and memory is to hold the latter.
    """
    for key in [key for key in held if key[0] == name and (before is None or key[1][1] < before)]:
        del held[key]


def _all(meta: ArrayMeta, coords: tuple[int, ...], *, value: bool) -> bytes:
    """Return the chunk of a bool array in which all values are the same; it is compressed once for all such chunks."""
    shape = tuple(span.stop - span.start for span in meta.extent(coords))
    return encode(meta, np.broadcast_to(np.bool_(value), shape))


def _same_extent(places: npt.NDArray[np.int64], target: ArrayMeta, source: ArrayMeta, axis: int, number: int) -> int:
    size = target.inner[axis]
    wanted = places[number * size : (number + 1) * size]
    if not wanted.size or wanted[0] < 0 or wanted[0] % size:
        return -1
    here = int(wanted[0]) // size
    stop = min((here + 1) * size, source.shape[axis])
    return here if np.array_equal(wanted, np.arange(wanted[0], stop)) else -1


def _gather(reader: ArrayReader, rows: Rows, columns: npt.NDArray[np.int64] | None, held: Held) -> npt.NDArray[Any]:
    meta = reader.meta
    dtype: Any = object if meta.is_string else meta.numpy_dtype
    lead = (len(rows),) if columns is None else (len(rows), len(columns))
    tail = meta.shape[len(lead) :]
    out = np.empty((*lead, *tail), dtype=dtype)
    zeros = (0,) * len(tail)
    for band, row_place in _grouped(rows, meta.inner[0]):
        local = _slice(rows[row_place] - band * meta.inner[0])
        into = _slice(row_place)
        if columns is None:
            out[into] = _chunk(reader, (band, *zeros), held)[local]
            continue
        for number, column_place in _grouped(columns, meta.inner[1]):
            chunk = _chunk(reader, (band, number, *zeros), held)
            local_columns = _slice(columns[column_place] - number * meta.inner[1])
            into_columns = _slice(column_place)
            if isinstance(into, slice) or isinstance(into_columns, slice):
                out[into, into_columns] = chunk[local][:, local_columns]
            else:
                out[np.ix_(into, into_columns)] = chunk[local][:, local_columns]
    return out


def _chunk(reader: ArrayReader, coords: tuple[int, ...], held: Held) -> npt.NDArray[Any]:
    key = (reader.meta.name, coords)
    found = held.get(key)
    if found is None:
        found = held[key] = reader.chunk(*coords)
    return found


def _grouped(places: npt.NDArray[np.int64], size: int) -> Sequence[tuple[int, npt.NDArray[np.int64]]]:
    """Return (chunk number, which of `places` lie in it)."""
    numbers = places // size
    if numbers.size and numbers[0] == numbers[-1] and (numbers == numbers[0]).all():
        return [(int(numbers[0]), np.arange(len(places)))]
    return [(int(number), np.flatnonzero(numbers == number)) for number in np.unique(numbers)]


def _slice(places: npt.NDArray[np.int64]) -> Any:
    """Return places as a slice when they follow each other, which copies at memory speed."""
    if places.size and places[-1] - places[0] + 1 == places.size and (np.diff(places) == 1).all():
        return slice(int(places[0]), int(places[-1]) + 1)
    return places
