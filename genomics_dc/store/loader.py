"""Rows of several arrays of a store, read chunk by chunk; threads may share a loader."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from genomics_dc.errors import UsageError
from genomics_dc.kernels.packed_counts import with_room_for_words
from genomics_dc.kernels.vcf.records import Strings
from genomics_dc.store import schema
from genomics_dc.store.access import ArrayReader, StoreFiles

Rows = npt.NDArray[np.int64]
_CHUNKS_HELD = 2


class Loader:
    """Reads rows of arrays over variants. `step`: the rows of one call should lie in one multiple of so many."""

    def __init__(self, files: StoreFiles, names: Iterable[str], sample_numbers: Rows | None) -> None:
        self._columns = {name: _ColumnLoader(files, name, sample_numbers) for name in names}
        self.step = min((column.step for column in self._columns.values()), default=schema.VARIANTS_PER_CHUNK)
        self._chunk = self.step
        for column in self._columns.values():
            column.hold = column.step != self.step

    def load(self, rows: Rows) -> dict[str, npt.NDArray[Any] | Strings]:
        """Return the arrays at `rows`, int64[V], ascending and within one step; strings as places in a buffer."""
        return {name: column.rows(rows) for name, column in self._columns.items()}

    def load_many(self, rows: Rows) -> dict[str, npt.NDArray[Any] | Strings]:
        """Return the arrays at `rows`, ascending, of any number of chunks."""
        return {name: column.many(rows) for name, column in self._columns.items()}

    def parts(self, rows: Rows) -> Iterator[Rows]:
        """Yield ascending rows in the parts in which `load` takes them."""
        for band in bands(rows, self._chunk):
            if self.step == self._chunk:
                yield band
            else:
                yield from bands_within(band, self.step, self._chunk)

    def spans(self, rows: Rows, n_parts: int) -> Iterator[Rows]:
        """Yield ascending rows in spans of so many parts, for `load_many`: small parts are read faster together."""
        parts = list(self.parts(rows))
        for at in range(0, len(parts), n_parts):
            some = parts[at : at + n_parts]
            yield np.concatenate(some) if len(some) > 1 else some[0]

    def share(self, step: int) -> None:
        """Let calls be of fewer rows than a chunk has: `step`, a part of it; a chunk is then held for the next call."""
        if step < self.step:
            self.step = step
            for column in self._columns.values():
                column.hold = True

    def row_bytes(self, n_samples: int) -> int:
        """Return about how many bytes one row of all arrays takes."""
        return sum(column.row_bytes(n_samples) for column in self._columns.values())


class _ColumnLoader:
    def __init__(self, files: StoreFiles, name: str, sample_numbers: Rows | None) -> None:
        self._reader: ArrayReader = files.array(name)
        if self._reader.dimensions[:1] != (schema.DIM_VARIANTS,):
            raise UsageError(f"{name} is not an array over variants; blocks are")
        self._where = f"{files.path}: array {name}"
        self._of_samples = self._reader.dimensions[1:2] == (schema.DIM_SAMPLES,)
        self._numbers = sample_numbers if self._of_samples else None
        self._is_text = self._reader.meta.is_string
        self._is_packed = name == schema.PACKED_DOSAGE
        self.step = self._reader.chunks[0]
        self.hold = False
        self._held: dict[int, npt.NDArray[Any] | Strings] = {}
        self._lock = threading.Lock()

    def row_bytes(self, n_samples: int) -> int:
        shape = self._reader.shape
        itemsize = 32 if self._is_text else np.dtype(self._reader.dtype).itemsize
        columns = n_samples if self._of_samples else shape[1] if len(shape) > 1 else 1
        return columns * int(np.prod(shape[2:], dtype=np.int64)) * itemsize

    def rows(self, rows: Rows) -> npt.NDArray[Any] | Strings:
        number = int(rows[0]) // self.step
        local = rows - number * self.step
        first, stop = int(local[0]), int(local[-1]) + 1
        span = self._held_band(number)[first:stop] if self.hold else self._read(number, first, stop)
        return span if len(local) == stop - first else span[local - first]

    def many(self, rows: Rows) -> npt.NDArray[Any] | Strings:
        """Return the array at rows of several chunks."""
        parts = list(bands(rows, self.step))
        if (
            len(parts) < 2
            or self._numbers is not None
            or (self._is_text and self._reader.meta.grid[1:] not in ((), (1,)))
        ):
            return joined([self.rows(part) for part in parts])
        numbers = [int(part[0]) // self.step for part in parts]
        found = Strings(*self._reader.column_strings(numbers)) if self._is_text else self._whole_rows(numbers)
        if found.shape[0] == len(rows):
            return found
        shift = [(place - number) * self.step for place, number in enumerate(numbers)]
        return found[np.concatenate([part + by for part, by in zip(parts, shift, strict=True)])]

    def _whole_rows(self, numbers: list[int]) -> npt.NDArray[Any]:
        """Return rows of the grid, all samples."""
        lead = (self._reader.n_rows(numbers), *self._reader.shape[1:])
        out = with_room_for_words(*lead) if self._is_packed else np.empty(lead, dtype=self._reader.dtype)
        self._reader.fill_rows(numbers, out)
        return out

    def _held_band(self, number: int) -> npt.NDArray[Any] | Strings:
        with self._lock:  # threads that want one chunk decode it once
            if number not in self._held:
                while len(self._held) >= _CHUNKS_HELD:
                    del self._held[min(self._held)]
                self._held[number] = self._read(number, 0, min(self.step, self._reader.shape[0] - number * self.step))
            return self._held[number]

    def _read(self, number: int, first: int, stop: int) -> npt.NDArray[Any] | Strings:
        """Return rows `first` to `stop` of a row of the grid, its chunks side by side, only the wanted samples."""
        shape = self._reader.shape
        if len(shape) == 1:
            return self._chunk((number,))[first:stop]
        tail = (0,) * (len(shape) - 2)
        width = self._reader.chunks[1]
        n_chunks = -(-shape[1] // width)
        if self._numbers is None:
            if n_chunks == 1 and not self._is_packed:
                return self._chunk((number, 0, *tail))[first:stop]
            if not self._is_text:
                return self._whole_rows([number])[first:stop]
            wanted: list[tuple[int, Any, Any]] = [
                (j, slice(None), slice(j * width, min((j + 1) * width, shape[1]))) for j in range(n_chunks)
            ]
            n_columns = shape[1]
        else:
            chunk_of = self._numbers // width
            wanted = [
                (int(j), self._numbers[chunk_of == j] - int(j) * width, np.flatnonzero(chunk_of == j))
                for j in np.unique(chunk_of)
            ]
            n_columns = len(self._numbers)
        lead = (stop - first, n_columns, *shape[2:])
        if self._is_text:
            return self._text_band(number, first, stop, lead, wanted, tail)
        out = np.empty(lead, dtype=self._reader.dtype)
        for j, source, target in wanted:
            part = self._chunk((number, j, *tail))
            assert not isinstance(part, Strings)
            out[:, target] = part[first:stop][:, source]
        return out

    def _text_band(
        self, number: int, first: int, stop: int, lead: tuple[int, ...], wanted: list[tuple[int, Any, Any]], tail: Any
    ) -> Strings:
        start, end = np.zeros(lead, dtype=np.int64), np.zeros(lead, dtype=np.int64)
        data: list[npt.NDArray[np.uint8]] = []
        size = 0
        for j, source, target in wanted:
            part = self._chunk((number, j, *tail))
            assert isinstance(part, Strings)
            start[:, target] = part.start[first:stop][:, source] + size
            end[:, target] = part.end[first:stop][:, source] + size
            data.append(part.data)
            size += part.data.size
        return Strings(np.concatenate(data) if data else np.empty(0, dtype=np.uint8), start, end)

    def _chunk(self, grid: tuple[int, ...]) -> npt.NDArray[Any] | Strings:
        if not self._is_text:
            return self._reader.shared_chunk(*grid)
        return Strings(*self._reader.chunk_strings(*grid))


def joined(parts: Sequence[npt.NDArray[Any] | Strings]) -> npt.NDArray[Any] | Strings:
    """Return parts of one array over variants, in order, as one."""
    if len(parts) == 1:
        return parts[0]
    strings = [part for part in parts if isinstance(part, Strings)]
    if not strings:
        return np.concatenate([part for part in parts if not isinstance(part, Strings)])
    base = np.cumsum([0, *(part.data.size for part in strings)])
    return Strings(
        np.concatenate([part.data for part in strings]),
        np.concatenate([part.start + at for part, at in zip(strings, base, strict=False)]),
        np.concatenate([part.end + at for part, at in zip(strings, base, strict=False)]),
    )


def bands(rows: Rows, step: int) -> Iterator[Rows]:
    """Yield the parts of ascending `rows` that lie in one chunk of `step` rows each."""
    if not rows.size:
        return
    cuts = np.flatnonzero(np.diff(rows // step)) + 1
    yield from np.split(rows, cuts)


def bands_within(band: Rows, step: int, chunk: int) -> Iterator[Rows]:
    """Yield the rows of one chunk, cut every `step` rows from its beginning."""
    cuts = np.flatnonzero(np.diff(band % chunk // step)) + 1
    yield from np.split(band, cuts)
