"""The one door to a store's bytes: every chunk that is read is held against the manifest first.

Zarr reads a chunk that is not there as its fill value and, without a checksum, a flipped bit as another genotype. Here
a chunk that is absent, of another length, or of another SHA-256 raises StoreError naming array, chunk, variants and
samples. The chunks carry CRC32C as well, for readers that know nothing of the manifest.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import groupby, product
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from genomics_dc.errors import StoreError
from genomics_dc.kernels.vcf import vlen
from genomics_dc.store import chunks, schema
from genomics_dc.store.chunks import ArrayMeta
from genomics_dc.store.place import LocalPlace, Place
from genomics_dc.store.remote import is_url, is_web
from genomics_dc.store.seal import ChunkTable, read_seal

if TYPE_CHECKING:
    import zarr

_CONSTANT_BYTES: Final = 1_024
"""A chunk of one value is a few hundred bytes: what is longer is not looked at."""
MEND: Final = "restore the store from a copy, or build it again from its VCF"


@dataclass(frozen=True)
class Damage:
    """What is wrong with a file of an array: "missing", "size" or "checksum", in words, and the inner chunk it hits.

    `coords` is None where it hits no chunk but the file around them.
    """

    kind: str
    what: str
    coords: tuple[int, ...] | None


class ArrayReader:
    """One array of a store, read chunk by chunk; threads may share it. Made by `StoreFiles.array`."""

    def __init__(self, files: StoreFiles, meta: ArrayMeta) -> None:
        self.files = files
        self.meta = meta
        self._constant: tuple[bytes, npt.NDArray[Any]] | None = None

    @property
    def name(self) -> str:
        """The array's path in the store."""
        return self.meta.name

    @property
    def shape(self) -> tuple[int, ...]:
        """The array's shape."""
        return self.meta.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """The element type: NumPy's, `StringDType` for text."""
        return self.meta.numpy_dtype

    @property
    def chunks(self) -> tuple[int, ...]:
        """The shape of an inner chunk, which is what is read at once."""
        return self.meta.inner

    @property
    def dimensions(self) -> tuple[str, ...]:
        """The names of the axes."""
        return self.meta.dimensions

    @property
    def description(self) -> str:
        """What the array holds, in words."""
        return self.meta.description

    def __repr__(self) -> str:
        return f"ArrayReader({self.meta.name}: {self.meta.dtype}{list(self.shape)})"

    def encoded(self, *coords: int) -> bytes:
        """Return an inner chunk as it stands on disk, held against the manifest.

        Raises
        ------
        StoreError
            When it is missing or damaged, naming array, chunk, variants and samples.
        """
        return self.files.chunk_bytes(self.meta, coords)

    def chunk(self, *coords: int) -> npt.NDArray[Any]:
        """Return an inner chunk, without padding; text as Python strings in an object array."""
        whole: npt.NDArray[Any] = self._decoded(coords, chunks.decode)
        return whole[self._inside(coords)]

    def shared_chunk(self, *coords: int) -> npt.NDArray[Any]:
        """Return what `chunk` does, not to be written to: one that holds one value, as the last did, is not made again.

        Whether calls are phased is most often the same in all of a cohort, and takes half as long as the calls.
        """
        encoded = self.encoded(*coords)
        if len(encoded) > _CONSTANT_BYTES:
            whole: npt.NDArray[Any] = self._decoded(coords, chunks.decode, encoded)
            return whole[self._inside(coords)]
        return self._constant_chunk(coords, encoded)[self._inside(coords)]

    def _constant_chunk(self, coords: tuple[int, ...], encoded: bytes) -> npt.NDArray[Any]:
        held = self._constant
        if held is None or held[0] != encoded:
            held = (encoded, self._decoded(coords, chunks.decode, encoded))
            held[1].flags.writeable = False
            self._constant = held
        return held[1]

    def chunk_strings(self, *coords: int) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Return an inner chunk of text, without padding: a buffer of UTF-8, uint8[N], and start and end in it."""
        data, start, end = self._decoded(coords, chunks.decode_strings)
        inside = self._inside(coords)
        return data, start[inside], end[inside]

    def fill_rows(self, numbers: Sequence[int], out: npt.NDArray[Any]) -> None:
        """Fill `out` with ascending rows of the grid of an array of numbers, one below another, without padding.

        As `chunk` does for each, with a part of its work where chunks are small. `out` has the columns of the array.
        """
        step, exact = self.chunks[0], self.chunks[1:] == out.shape[1:] and out.flags.c_contiguous
        place = {number: row * step for row, number in enumerate(numbers)}
        room: npt.NDArray[Any] | None = None
        for coords, encoded in self.files.row_bytes(self.meta, numbers):
            rows = slice(place[coords[0]], min(place[coords[0]] + step, len(out)))
            if exact and rows.stop - rows.start == step:
                self._decoded(coords, partial(chunks.decode_into, out=out[rows]), encoded)
                continue
            into = out[(rows, *self.meta.extent(coords)[1:])]
            if len(encoded) <= _CONSTANT_BYTES:
                into[...] = self._constant_chunk(coords, encoded)[self._inside(coords)]
                continue
            room = np.empty(self.chunks, dtype=self.dtype) if room is None else room
            self._decoded(coords, partial(chunks.decode_into, out=room), encoded)
            into[...] = room[self._inside(coords)]

    def column_strings(
        self, numbers: Sequence[int]
    ) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Return ascending chunks of an array of text with one chunk across: bytes uint8[N], and start and end."""
        parts = [self._decoded(at, chunks.vlen_of, encoded) for at, encoded in self.files.row_bytes(self.meta, numbers)]
        try:
            data, start, end = vlen.split_all(parts, math.prod(self.chunks))
        except ValueError as error:
            raise StoreError(f"{self.files.shown}: array {self.name} cannot be decoded: {error}; {MEND}") from error
        shape = (len(numbers) * self.chunks[0], *self.chunks[1:])
        inside = (slice(0, self.n_rows(numbers)), *(slice(0, size) for size in self.shape[1:]))
        return data, start.reshape(shape)[inside], end.reshape(shape)[inside]

    def n_rows(self, numbers: Sequence[int]) -> int:
        """Return how many rows of the array lie in ascending rows of the grid; the last may be shorter."""
        return (len(numbers) - 1) * self.chunks[0] + min(self.chunks[0], self.shape[0] - numbers[-1] * self.chunks[0])

    def _decoded(self, coords: tuple[int, ...], decode: Any, encoded: bytes | None = None) -> Any:
        if encoded is None:
            encoded = self.encoded(*coords)
        try:
            return decode(self.meta, encoded)
        except ValueError as error:
            where = describe_chunk(self.meta, coords)
            raise StoreError(f"{self.files.shown}: {where} cannot be decoded: {error}; {MEND}") from error

    def _inside(self, coords: tuple[int, ...]) -> tuple[slice, ...]:
        return tuple(slice(0, span.stop - span.start) for span in self.meta.extent(coords))

    def rows(self, start: int, stop: int, columns: npt.NDArray[np.integer[Any]] | None = None) -> npt.NDArray[Any]:
        """Return rows `start` to `stop`, all columns or those numbered; only the chunks that hold them are read.

        `columns` are places on the second axis, in any order. Text comes as Python strings in an object array.
        """
        shape, inner = self.shape, self.chunks
        if not shape:
            return self.chunk()
        stop = min(stop, shape[0])
        wanted = None if columns is None else np.asarray(columns)
        width = shape[1:] if wanted is None else (len(wanted), *shape[2:])
        out = np.empty((max(stop - start, 0), *width), dtype=object if self.meta.is_string else self.dtype)
        if not out.size:
            return out
        for band in range(start // inner[0], math.ceil(stop / inner[0])):
            first = band * inner[0]
            a, b = max(start - first, 0), min(stop - first, inner[0])
            target = slice(first + a - start, first + b - start)
            if len(shape) == 1:
                out[target] = self.chunk(band)[a:b]
                continue
            for column in range(self.meta.grid[1]):
                left = column * inner[1]
                into: Any = slice(left, min(left + inner[1], shape[1]))
                take: Any = slice(None)
                if wanted is not None:
                    into = np.flatnonzero((wanted >= left) & (wanted < left + inner[1]))
                    if not into.size:
                        continue
                    take = wanted[into] - left
                for tail in np.ndindex(*self.meta.grid[2:]):
                    rest = self.meta.extent((band, column, *tail))[2:]
                    out[(target, into, *rest)] = self.chunk(band, column, *tail)[a:b][:, take]
        return out

    def read(self) -> npt.NDArray[Any]:
        """Return the whole array."""
        return self.rows(0, self.shape[0]) if self.shape else self.chunk()

    def records_of_file(self, outer: tuple[int, ...]) -> dict[tuple[int, ...], tuple[int, int, bytes]]:
        """Return (offset, length, SHA-256) of the inner chunks in a file, by coordinates, for `ArrayWriter.link`."""
        return {
            coords: self.files.table.record(self.name, self.meta.number(coords))
            for coords in self.meta.chunks_of_file(outer)
        }


class StoreFiles:
    """The files of one store, in a folder or at an address (s3://…): seal, manifest, arrays.

    Nothing is read before it is used.
    """

    def __init__(self, path: Path | str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self.place = open_place(path)
        self.seal = read_seal(self.place)
        self.table = ChunkTable(self.place, self.seal)
        self._arrays: dict[str, ArrayReader] = {}

    def __reduce__(self) -> tuple[type[StoreFiles], tuple[Path]]:
        return type(self), (self.path,)

    def __repr__(self) -> str:
        return f"StoreFiles({self.shown})"

    @property
    def shown(self) -> str:
        """The path or address, as an error names it."""
        return self.place.shown

    @cached_property
    def _root(self) -> dict[str, Any]:
        """The root `zarr.json`, which holds the metadata of every array."""
        node: dict[str, Any] = json.loads(self.metadata_file(schema.METADATA_NAME))
        if schema.ATTRIBUTE_VCF_ZARR_VERSION not in node.get("attributes", {}):
            raise StoreError(f"{self.shown} is not a VCF Zarr store: it lacks {schema.ATTRIBUTE_VCF_ZARR_VERSION}")
        return node

    @property
    def attributes(self) -> Mapping[str, Any]:
        """The attributes of the store."""
        attributes: dict[str, Any] = self._root["attributes"]
        return attributes

    @property
    def own(self) -> Mapping[str, Any]:
        """Our own part of the attributes."""
        own = self.attributes.get(schema.ATTRIBUTE_OWN)
        return own if isinstance(own, dict) else {}

    @property
    def names(self) -> tuple[str, ...]:
        """Every array, by its path in the store."""
        return tuple(sorted(self.seal.arrays))

    def __contains__(self, name: str) -> bool:
        return name in self.seal.arrays

    def array(self, name: str) -> ArrayReader:
        """Return one array; raise StoreError when the store has none of that name."""
        found = self._arrays.get(name)
        if found is None:
            if name not in self.seal.arrays:
                raise StoreError(f"{self.shown} has no array {name}; `genomics-dc store info` lists what it has")
            try:
                node = self._root["consolidated_metadata"]["metadata"][name]
            except (KeyError, TypeError):
                raise StoreError(f"{self.shown}: the metadata of array {name} is missing; {MEND}") from None
            found = self._arrays[name] = ArrayReader(self, ArrayMeta.from_metadata(name, node))
        return found

    @cached_property
    def group(self) -> zarr.Group:
        """The root group for vcztools, sgkit or xarray, read-only; every read through it is checked.

        Importing zarr takes half a second: nothing else here does.
        """
        from genomics_dc.store.zarr_view import open_checked

        self._root  # noqa: B018  (a store that is not VCF Zarr is refused here)
        return open_checked(self)

    # Bytes, checked.

    def metadata_file(self, key: str) -> bytes:
        """Return a metadata file."""
        try:
            data = self.place.read(key)
        except FileNotFoundError:
            raise self._damaged(f"metadata file {key} is missing") from None
        if hashlib.sha256(data).hexdigest() != self.seal.metadata.get(key):
            raise self._damaged(f"metadata file {key} is damaged (its SHA-256 differs)")
        return data

    def chunk_bytes(self, meta: ArrayMeta, coords: tuple[int, ...]) -> bytes:
        """Return an inner chunk as it stands on disk: one read, one SHA-256."""
        if len(coords) != len(meta.grid) or not all(0 <= c < n for c, n in zip(coords, meta.grid, strict=True)):
            raise IndexError(f"array {meta.name} has a grid of {meta.grid} chunks, none at {coords}")
        try:
            offset, n_bytes, sha256 = self.table.record(meta.name, meta.number(coords))
        except StoreError as error:
            raise self._replaced() or error from None
        try:
            data = self.place.read(meta.file_of(coords)[0], offset, n_bytes)
        except FileNotFoundError:
            raise self._damaged(f"{describe_chunk(meta, coords)} is missing") from None
        if len(data) != n_bytes:
            raise self._damaged(f"{describe_chunk(meta, coords)} has {len(data)} bytes, the manifest says {n_bytes}")
        if hashlib.sha256(data).digest() != sha256:
            raise self._damaged(f"{describe_chunk(meta, coords)} is damaged (its SHA-256 differs)")
        return data

    def row_bytes(self, meta: ArrayMeta, numbers: Sequence[int]) -> Iterator[tuple[tuple[int, ...], bytes]]:
        """Yield coordinates and bytes, as `chunk_bytes` has them, of all chunks in ascending rows of the grid.

        Neighbours in a file are read in one go, and records are looked up once.
        """
        places = list(product(*(range(size) for size in meta.grid[1:])))
        together = [list(group) for _, group in groupby(range(len(places)), lambda n: meta.file_of((0, *places[n]))[0])]
        width, first = len(places), numbers[0]
        try:
            records = self.table.records_of(meta.name, first * width, (numbers[-1] + 1) * width)
        except StoreError as error:
            raise self._replaced() or error from None
        begins = records["offset"].tolist()
        ends = (records["offset"] + records["n_bytes"]).tolist()
        hashes = records["sha256"].tobytes()
        for number in numbers:
            base = (number - first) * width
            for group in together:
                begin = min(begins[base + n] for n in group)
                key = meta.file_of((number, *places[group[0]]))[0]
                try:
                    data = self.place.read(key, begin, max(ends[base + n] for n in group) - begin)
                except FileNotFoundError:
                    data = b""
                for n in group:
                    at = base + n
                    part = data if len(group) == 1 else data[begins[at] - begin : ends[at] - begin]
                    if hashlib.sha256(part).digest() != hashes[32 * at : 32 * at + 32]:
                        part = self.chunk_bytes(meta, (number, *places[n]))  # which says what is wrong
                    yield (number, *places[n]), part

    def file(self, key: str) -> bytes | None:
        """Return a whole file as zarr-python wants it, or None when the manifest has none of that key."""
        if key in self.seal.metadata:
            return self.metadata_file(key)
        found = self._array_file(key)
        if found is None:
            return None
        meta, outer = found
        try:
            data, damages = self.read_file(meta, outer)
        except FileNotFoundError:
            raise self._damaged(f"{describe_chunk(meta, meta.chunks_of_file(outer)[0])} is missing") from None
        if damages:
            hit = damages[0].coords
            raise self._damaged(f"{f'file {key}' if hit is None else describe_chunk(meta, hit)} {damages[0].what}")
        return data

    def read_file(self, meta: ArrayMeta, outer: tuple[int, ...]) -> tuple[bytes, list[Damage]]:
        """Return the bytes of an array's file and what is wrong with them; every byte is looked at.

        Raises
        ------
        FileNotFoundError
            When the file is missing.
        StoreError
            When the manifest's records of the file are damaged themselves.
        """
        held = meta.chunks_of_file(outer)
        records = [self.table.record(meta.name, meta.number(coords)) for coords in held]
        end = max(offset + n_bytes for offset, n_bytes, _ in records)
        whole = end + chunks.shard_tail_bytes(meta)
        data = self.place.read(meta.key(outer), 0, whole + 1)  # a byte more tells a file that is too long
        view = memoryview(data)
        found = []
        for coords, (offset, n_bytes, sha256) in zip(held, records, strict=True):
            part = view[offset : offset + n_bytes]
            if len(part) != n_bytes:
                size = len(part) if meta.sharded else len(data)
                found.append(Damage("size", f"has {size} bytes, the manifest says {n_bytes}", coords))
            elif hashlib.sha256(part).digest() != sha256:
                found.append(Damage("checksum", "is damaged (its SHA-256 differs)", coords))
        if not found and len(data) != whole:
            size = self.place.size(meta.key(outer))
            what = f"has {size} bytes, the manifest says {whole}"
            found.append(Damage("size", what, None if meta.sharded else held[0]))
        elif not found and meta.sharded:
            places = {meta.file_of(coords)[1]: one[:2] for coords, one in zip(held, records, strict=True)}
            if view[end:] != chunks.shard_tail(meta, places, chunks.crc32c(data[:end])):
                found.append(Damage("checksum", "is damaged: its index is not what the manifest says", None))
        return data, found

    def file_keys(self) -> Iterator[str]:
        """Yield the key of every file but the manifest's own."""
        yield from self.seal.metadata
        for name in self.names:
            meta = self.array(name).meta
            for outer in meta.files():
                yield meta.key(outer)

    def has_file(self, key: str) -> bool:
        """Tell whether the manifest has a file of that key."""
        return key in self.seal.metadata or self._array_file(key) is not None

    def _array_file(self, key: str) -> tuple[ArrayMeta, tuple[int, ...]] | None:
        name, separator, grid = key.rpartition("/c")
        if not separator or name not in self.seal.arrays or (grid and grid[0] != "/"):
            return None
        meta = self.array(name).meta
        places = grid.split("/")[1:]
        if len(places) != len(meta.grid) or not all(place.isdecimal() for place in places):
            return None
        outer = tuple(int(place) for place in places)
        within = all(o * n < size for o, n, size in zip(outer, meta.per_outer, meta.grid, strict=True))
        return (meta, outer) if within and meta.key(outer) == key else None

    def _damaged(self, what: str) -> StoreError:
        return self._replaced() or StoreError(f"{self.shown}: {what}; {MEND}")

    def _replaced(self) -> StoreError | None:
        """Return what to say when another store has been published under this path since it was opened."""
        if self.place.replaced():
            return StoreError(f"{self.shown} was replaced by another store while it was open; open it again")
        return None


def open_place(path: Path | str | os.PathLike[str]) -> Place:
    """Return where a store lies: a folder, an object store (s3://BUCKET/NAME.vcz), or a web server (https://…)."""
    if not is_url(path):
        return LocalPlace(Path(path))
    if is_web(path):
        from genomics_dc.store.web import WebPlace

        return WebPlace(path)
    from genomics_dc.store.remote import ObjectPlace

    return ObjectPlace(path)


def describe_chunk(meta: ArrayMeta, coords: tuple[int, ...]) -> str:
    """Return what an inner chunk is, in words: array, place in the grid, variants and samples (from 0, half-open)."""
    where = f"array {meta.name}, chunk {'.'.join(map(str, coords))}"
    for name in (schema.DIM_VARIANTS, schema.DIM_SAMPLES):
        span = span_of(meta, coords, name)
        if span is not None:
            where += f", {name} {span[0]:,} to {span[1]:,}"
    return where


def span_of(meta: ArrayMeta, coords: tuple[int, ...], dimension: str) -> tuple[int, int] | None:
    """Return (start, stop) of what an inner chunk holds along a dimension, or None when the array has no such one."""
    if dimension not in meta.dimensions:
        return None
    span = meta.extent(coords)[meta.dimensions.index(dimension)]
    return span.start, span.stop


def row_ranges(n_rows: int, step: int) -> Iterator[tuple[int, int]]:
    """Yield (start, stop) over `n_rows` in steps."""
    for start in range(0, n_rows, step):
        yield start, min(start + step, n_rows)
