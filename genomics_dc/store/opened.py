"""What all views of one opened store share: its files, and what was read of its sites so far."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from genomics_dc.kernels.vcf.records import Strings
from genomics_dc.store import schema
from genomics_dc.store.access import StoreFiles
from genomics_dc.store.loader import Loader, bands
from genomics_dc.store.remote import is_url
from genomics_dc.store.vcf.header import FIXED_COLUMNS, Field, meta_lines, parse_header

Words = npt.NDArray[np.object_]
Rows = npt.NDArray[np.int64]


class Opened:
    """One store that is open, for all its views."""

    def __init__(self, path: Path) -> None:
        self.files = StoreFiles(path)
        self._columns: dict[str, npt.NDArray[Any] | Strings] = {}
        self._lock = threading.Lock()

    def __reduce__(self) -> tuple[type[Opened], tuple[Path]]:
        # another process opens the store for itself: no array travels. It may stand in another folder.
        path = self.files.path
        return type(self), (path if is_url(path) else path.absolute(),)

    def sites(self, name: str, rows: Rows) -> npt.NDArray[Any] | Strings:
        """Return one array over variants at `rows`, ascending; of many chunks all are read, and kept for next time."""
        held = self._columns.get(name)
        if held is None and not rows.size:
            return self._nothing(name)
        if held is None:
            loader = Loader(self.files, [name], None)
            n_parts = sum(1 for _ in bands(rows, loader.step))
            total = self.n_variants
            if n_parts * loader.step * 2 < total:
                return _frozen(loader.load_many(rows)[name])
            held = _frozen(loader.load_many(np.arange(total, dtype=np.int64))[name])
            with self._lock:
                self._columns[name] = held
        return held if len(rows) == held.shape[0] else held[rows]

    def _nothing(self, name: str) -> npt.NDArray[Any] | Strings:
        reader = self.files.array(name)
        shape = (0, *reader.shape[1:])
        if reader.meta.is_string:
            return Strings(
                np.empty(0, dtype=np.uint8), np.empty(shape, dtype=np.int64), np.empty(shape, dtype=np.int64)
            )
        return np.empty(shape, dtype=reader.dtype)

    def numbers(self, name: str, rows: Rows) -> npt.NDArray[Any]:
        """Return an array of numbers at `rows`."""
        values = self.sites(name, rows)
        assert not isinstance(values, Strings)
        return values

    def words(self, name: str, rows: Rows) -> Words:
        """Return an array of text at `rows`."""
        values = self.sites(name, rows)
        assert isinstance(values, Strings)
        return words_of(values)

    def small(self, name: str) -> npt.NDArray[Any]:
        """Return the whole of a small array."""
        return self.files.array(name).read()

    def has(self, name: str) -> bool:
        """Tell whether the store has an array of this name."""
        return name in self.files

    @cached_property
    def sample_ids(self) -> Words:
        """Ids of all samples, in store order."""
        return words_of(self.small(schema.SAMPLE_ID))

    @cached_property
    def sample_number(self) -> dict[str, int]:
        """Place of each sample."""
        return dict(zip(self.sample_ids.tolist(), range(len(self.sample_ids)), strict=True))

    @cached_property
    def contigs(self) -> tuple[str, ...]:
        """Names of all contigs, in header order."""
        return tuple(str(name) for name in self.small(schema.CONTIG_ID))

    @cached_property
    def contig_lengths(self) -> npt.NDArray[Any] | None:
        """Bases of each contig, or None where the header gave none."""
        return self.small(schema.CONTIG_LENGTH) if self.has(schema.CONTIG_LENGTH) else None

    @cached_property
    def filters(self) -> tuple[str, ...]:
        """Names of FILTERs by number."""
        return tuple(str(name) for name in self.small(schema.FILTER_ID))

    @cached_property
    def declared_fields(self) -> tuple[Mapping[str, Field], Mapping[str, Field]]:
        """The fields of INFO and of FORMAT as the source VCF declared them, by key."""
        text = str(self.files.own.get(schema.OWN_HEADER) or "")
        header = parse_header((meta_lines(text) + "\t".join(FIXED_COLUMNS)).encode(), str(self.files.path))
        return header.info, header.format

    @cached_property
    def n_variants(self) -> int:
        """How many variants the store has."""
        return int(self.files.array(schema.VARIANT_POSITION).shape[0])

    @cached_property
    def region_index(self) -> npt.NDArray[np.int64]:
        """int64[R, 6]: of each run of records of one contig in a chunk, what `schema.REGION_INDEX_COLUMNS` says."""
        return self.small(schema.REGION_INDEX).astype(np.int64).reshape(-1, len(schema.REGION_INDEX_COLUMNS))

    def rows_in(self, contig: int, start: int, end: int | None) -> Rows:
        """Return the rows of the records that overlap bases `start` to `end`, zero-based half-open, of a contig.

        Only the chunks are read that the region index cannot rule out.
        """
        index = self.region_index
        first_row = np.cumsum(index[:, 5]) - index[:, 5]
        keep = (index[:, 1] == contig) & (index[:, 4] > start)
        if end is not None:
            keep &= index[:, 2] - 1 < end
        runs = [np.arange(first_row[j], first_row[j] + index[j, 5]) for j in np.flatnonzero(keep)]
        if not runs:
            return np.empty(0, dtype=np.int64)
        rows: Rows = np.concatenate(runs)
        position = self.numbers(schema.VARIANT_POSITION, rows).astype(np.int64)
        chosen = np.ones(len(rows), dtype=bool)
        if end is not None:
            chosen &= position - 1 < end
        if start:
            length = np.maximum(self.numbers(schema.VARIANT_LENGTH, rows), 1)
            chosen &= position - 1 + length > start
        return rows[chosen]


def _frozen(values: npt.NDArray[Any] | Strings) -> npt.NDArray[Any] | Strings:
    if not isinstance(values, Strings):
        values.flags.writeable = False
    return values


def words_of(values: Iterable[Any] | Strings) -> Words:
    """Return text as an array of Python strings, of the shape that it has."""
    if isinstance(values, Strings):
        flat = values.flat()
        shape: tuple[int, ...] = values.shape
    else:
        flat = values.tolist() if isinstance(values, np.ndarray) else [str(value) for value in values]
        shape = (len(flat),)
    array = np.empty(len(flat), dtype=object)
    array[:] = flat
    return array.reshape(shape)
