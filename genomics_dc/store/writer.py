"""Writing a store's arrays, chunk by chunk, into a folder; then its metadata and its manifest."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from genomics_dc.provenance import software_version
from genomics_dc.store import chunks, schema
from genomics_dc.store.chunks import STRING, ArrayMeta
from genomics_dc.store.seal import RECORD, Event, Seal, make_seal, seal_text

_RECORD_BYTES = RECORD.itemsize


@dataclass
class _Shard:
    """A file of several inner chunks that is being written: (offset, length) by place in its index, bytes, CRC32C."""

    places: dict[int, tuple[int, int]] = field(default_factory=dict)
    n_bytes: int = 0
    crc: int = 0


class ArrayWriter:
    """One array's chunks, put in C order of their coordinates (the last axis fastest); each chunk once.

    No file stays open between two calls. The same chunks in the same order give the same bytes.
    """

    def __init__(self, folder: Path, meta: ArrayMeta) -> None:
        self.meta = meta
        self.root = folder / meta.name
        self._shards: dict[tuple[int, ...], _Shard] = {}
        self._records = bytearray()
        self._tail = meta.grid[1:]
        self.n_files = 0
        self.n_bytes = 0

    def put(self, coords: tuple[int, ...], encoded: bytes) -> None:
        """Write one inner chunk that `chunks.encode` made.

        The number of variants need not be known: an array may grow along its first axis until the writer is closed.
        """
        self._check(coords)
        outer = self._outer(coords)
        offset = 0
        if self.meta.sharded:
            if outer not in self._shards:
                # a row of files is full as soon as the next begins
                for full in [one for one in self._shards if one[0] < outer[0]]:
                    self._finish(full)
                self._shards[outer] = _Shard()
                self.n_files += 1
            shard = self._shards[outer]
            offset = shard.n_bytes
            self._append(outer, encoded)
            shard.n_bytes += len(encoded)
            shard.crc = chunks.crc32c(encoded, shard.crc)
            shard.places[self.meta.file_of(coords)[1]] = (offset, len(encoded))
        else:
            self._append(outer, encoded)
            self.n_files += 1
        self.n_bytes += len(encoded)
        self._set_record(coords, offset, len(encoded), hashlib.sha256(encoded).digest())

    def put_array(self, coords: tuple[int, ...], array: npt.NDArray[Any]) -> None:
        """Encode and write one inner chunk; at the array's end it may be smaller than the others."""
        self.put(coords, chunks.encode(self.meta, array))

    def get(self, coords: tuple[int, ...]) -> bytes:
        """Return an inner chunk that was put."""
        offset, n_bytes, _ = self._record(coords)
        with open(self._path(self._outer(coords)), "rb") as handle:
            handle.seek(offset)
            return handle.read(n_bytes)

    def link(
        self, outer: tuple[int, ...], source: Path, records: Mapping[tuple[int, ...], tuple[int, int, bytes]]
    ) -> None:
        """Take over a finished file of another store as a hard link.

        Parameters
        ----------
        outer
            The file's place in the grid of files, here and there.
        source
            The file.
        records
            (offset, length, SHA-256) of each inner chunk in it, by the chunk's coordinates.
        """
        path = self._path(outer)
        path.parent.mkdir(parents=True, exist_ok=True)
        os.link(source, path)
        self.n_files += 1
        self.n_bytes += path.stat().st_size
        for coords, (offset, n_bytes, sha256) in records.items():
            self._check(coords)
            self._set_record(coords, offset, n_bytes, sha256)

    def discard(self) -> None:
        """Remove everything that was put."""
        self._shards.clear()
        self._records.clear()
        self.n_files = self.n_bytes = 0
        shutil.rmtree(self.root, ignore_errors=True)

    def close(self, n_variants: int | None = None) -> bytes:
        """Finish the last files; return the records of all inner chunks as `manifest.bin` has them.

        `n_variants` becomes the length of the first axis of an array over variants. Raises ValueError when a chunk of
        the array was not put.
        """
        if n_variants is not None and self.meta.dimensions[:1] == (schema.DIM_VARIANTS,):
            self.meta = self.meta.with_variants(n_variants)
        for outer in list(self._shards):
            self._finish(outer)
        records = bytes(self._records)
        lengths = np.frombuffer(records, dtype=RECORD)["n_bytes"]
        if len(lengths) != self.meta.n_chunks or not lengths.all():
            written = int(np.count_nonzero(lengths))
            raise ValueError(f"{self.meta.name} has {self.meta.n_chunks} chunks, {written} were written")
        return records

    def _check(self, coords: tuple[int, ...]) -> None:
        if len(coords) != len(self.meta.inner) or any(c >= n for c, n in zip(coords[1:], self._tail, strict=True)):
            raise ValueError(f"{self.meta.name} has no chunk {coords}")
        at = self._place(coords)
        if at < len(self._records) and any(self._records[at : at + _RECORD_BYTES]):
            raise ValueError(f"{self.meta.name}: chunk {coords} is put twice")

    def _outer(self, coords: tuple[int, ...]) -> tuple[int, ...]:
        return tuple(c // n for c, n in zip(coords, self.meta.per_outer, strict=True))

    def _path(self, outer: tuple[int, ...]) -> Path:
        return self.root.joinpath("c", *map(str, outer))

    def _append(self, outer: tuple[int, ...], data: bytes) -> None:
        path = f"{self.root}/c{''.join(f'/{place}' for place in outer)}"  # a Path takes as long as the system call
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        try:
            descriptor = os.open(path, flags, 0o666)
        except FileNotFoundError:
            Path(path).parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(path, flags, 0o666)
        try:
            rest = memoryview(data)
            while rest:
                rest = rest[os.write(descriptor, rest) :]
        finally:
            os.close(descriptor)

    def _finish(self, outer: tuple[int, ...]) -> None:
        shard = self._shards.pop(outer)
        tail = chunks.shard_tail(self.meta, shard.places, shard.crc)
        self._append(outer, tail)
        self.n_bytes += len(tail)

    def _place(self, coords: tuple[int, ...]) -> int:
        number = 0
        for place, size in zip(coords, (1, *self._tail), strict=True):
            number = number * size + place
        return number * _RECORD_BYTES

    def _set_record(self, coords: tuple[int, ...], offset: int, n_bytes: int, sha256: bytes) -> None:
        at = self._place(coords)
        if len(self._records) < at + _RECORD_BYTES:
            self._records.extend(bytes(at + _RECORD_BYTES - len(self._records)))
        self._records[at : at + _RECORD_BYTES] = offset.to_bytes(8, "little") + n_bytes.to_bytes(8, "little") + sha256

    def _record(self, coords: tuple[int, ...]) -> tuple[int, int, bytes]:
        at = self._place(coords)
        one = bytes(self._records[at : at + _RECORD_BYTES])
        if not any(one):
            raise ValueError(f"{self.meta.name}: chunk {coords} was not put")
        return int.from_bytes(one[:8], "little"), int.from_bytes(one[8:16], "little"), one[16:]


class StoreWriter:
    """A store that is being written into `folder`, which must be empty or absent."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._arrays: dict[str, ArrayWriter] = {}
        self._replaced: list[ArrayWriter] = []

    def array(self, meta: ArrayMeta) -> ArrayWriter:
        """Begin an array.

        The length of its first axis may be any where that axis is "variants": it is settled by `close`. An array of
        the same name that was begun before no longer belongs to the store, and can be read (`get`) until `discard`.
        """
        before = self._arrays.get(meta.name)
        if before is not None:
            aside = self.folder / f".replaced-{len(self._replaced)}"
            if before.root.exists():
                before.root.rename(aside)
            before.root = aside
            self._replaced.append(before)
        writer = self._arrays[meta.name] = ArrayWriter(self.folder, meta)
        return writer

    def remove(self, name: str) -> None:
        """Leave out an array that was begun."""
        self._arrays.pop(name).discard()

    def put_whole(self, meta: ArrayMeta, array: npt.NDArray[Any]) -> ArrayWriter:
        """Write an array from memory; `meta.shape` is its shape."""
        if array.shape != meta.shape:
            raise ValueError(f"{meta.name} has shape {meta.shape}, the values {array.shape}")
        writer = self.array(meta)
        for coords in np.ndindex(*meta.grid):
            writer.put_array(coords, array[meta.extent(coords)])
        return writer

    def put_small(
        self, name: str, array: npt.NDArray[Any], dimensions: Sequence[str], description: str = "", *, chunk: int = 0
    ) -> ArrayWriter:
        """Write a small array of numbers, or of strings when it has dtype object, whole or `chunk` rows to a chunk."""
        inner = [max(size, 1) for size in array.shape]
        if chunk:
            inner[0] = chunk
        is_text = array.dtype.kind in "OUT"
        meta = ArrayMeta(
            name=name,
            shape=array.shape,
            dtype=STRING if is_text else array.dtype,
            dimensions=tuple(dimensions),
            inner=tuple(inner),
            outer=tuple(inner),
            description=description,
        )
        return self.put_whole(meta, array)

    def put_strings(
        self, name: str, values: Sequence[str], dimensions: Sequence[str], description: str = "", *, chunk: int = 0
    ) -> ArrayWriter:
        """Write a small array of strings with one axis, whole or `chunk` to a chunk."""
        array = np.empty(len(values), dtype=object)
        array[:] = values
        return self.put_small(name, array, dimensions, description, chunk=chunk)

    def close(
        self,
        attributes: Mapping[str, Any],
        *,
        operation: str,
        n_variants: int,
        n_samples: int | None = None,
        note: str = "",
        before: Seal | None = None,
    ) -> Seal:
        """Write metadata and manifest; return the seal.

        Parameters
        ----------
        attributes
            Of the root group.
        operation
            What made this generation ("build", "append", …), for the history.
        n_variants
            Length of the axis "variants" of every array.
        n_samples
            For the history; by default the length of `sample_id`.
        note
            More for the history, in words.
        before
            Seal of the generation that this one follows.

        Raises
        ------
        ValueError
            When an array lacks a chunk.
        """
        for writer in self._replaced:
            writer.discard()
        tables = {name: writer.close(n_variants) for name, writer in self._arrays.items()}
        metas = {name: writer.meta for name, writer in self._arrays.items()}
        metadata = metadata_files(attributes, metas)
        for key, data in metadata.items():
            path = self.folder / key
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        if n_samples is None:
            n_samples = metas[schema.SAMPLE_ID].shape[0] if schema.SAMPLE_ID in metas else 0
        generation = 0 if before is None else before.generation + 1
        seal, table = make_seal(
            metadata,
            tables,
            n_files=len(metadata) + sum(writer.n_files for writer in self._arrays.values()),
            n_bytes=sum(map(len, metadata.values())) + sum(writer.n_bytes for writer in self._arrays.values()),
            generation=generation,
        )
        event = Event(
            generation=generation,
            operation=operation,
            n_variants=n_variants,
            n_samples=n_samples,
            software=f"genomics_dc {software_version()}",
            time_utc=datetime.now(UTC).isoformat(timespec="seconds"),
            store_hash=seal.store_hash,
            before=None if before is None else before.store_hash,
            note=note,
        )
        sealed = replace(seal, history=(*(() if before is None else before.history), event))
        (self.folder / schema.CHUNK_TABLE_NAME).write_bytes(table)
        (self.folder / schema.MANIFEST_NAME).write_text(seal_text(sealed), encoding="utf-8", newline="\n")
        return sealed


def metadata_files(attributes: Mapping[str, Any], metas: Mapping[str, ArrayMeta]) -> dict[str, bytes]:
    """Return every `zarr.json` of a store by its key; that of the root holds all the others once more."""
    groups = sorted({name.rpartition("/")[0] for name in metas if "/" in name})
    nodes: dict[str, dict[str, Any]] = {
        group: {"attributes": {}, "zarr_format": 3, "node_type": "group"} for group in groups
    }
    nodes |= {name: metas[name].metadata() for name in sorted(metas)}
    root = {
        "attributes": dict(attributes),
        "zarr_format": 3,
        "consolidated_metadata": {
            "kind": "inline",
            "must_understand": False,
            "metadata": {name: nodes[name] for name in sorted(nodes)},
        },
        "node_type": "group",
    }
    files = {f"{name}/{schema.METADATA_NAME}": _json(node) for name, node in nodes.items()}
    return {schema.METADATA_NAME: _json(root), **files}


def put_orders(
    store: StoreWriter, name: str, orders: Sequence[str], numbers: npt.NDArray[np.int32], *, chunk: int
) -> None:
    """Write the orders of keys that occur, and the number of the one that each record has.

    `name` is INFO_ORDER or FORMAT_ORDER; `orders` are keys with ; or : between.
    """
    table = {schema.INFO_ORDER: schema.INFO_ORDERS, schema.FORMAT_ORDER: schema.FORMAT_ORDERS}[name]
    store.put_small(name, numbers, (schema.DIM_VARIANTS,), f"Which of {table} a record has", chunk=chunk)
    what = "INFO in the order of a record, ;" if name == schema.INFO_ORDER else "FORMAT in the order of a record, :"
    store.put_strings(table, orders, (table.rpartition("/")[2],), f"Keys of {what} between")


def _json(node: Mapping[str, Any]) -> bytes:
    return json.dumps(node, indent=1, ensure_ascii=False).encode()
