"""Every byte of a store against its manifest, and every array against what it was derived from."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from genomics_dc.errors import GenomicsError, StoreError
from genomics_dc.store import schema
from genomics_dc.store.access import ArrayReader, StoreFiles, describe_chunk, row_ranges, span_of
from genomics_dc.store.chunks import ArrayMeta
from genomics_dc.store.derived import derive_block

_FILES_AT_ONCE = 16

Progress = Callable[[str, float], None]


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong.

    `kind`: "missing", "size", "checksum", "unexpected", "manifest", "decode", "derived", "record" or "samples".
    `chunk` is the chunk's place in the grid ("3.0"), or the first and the last of a file ("3.0 to 3.9"); `variants` and
    `samples` are the rows and columns it touches, zero-based half-open.
    """

    kind: str
    message: str
    array: str | None = None
    chunk: str | None = None
    variants: tuple[int, int] | None = None
    samples: tuple[int, int] | None = None


def check_files(files: StoreFiles, progress: Progress, *, threads: int | None = None) -> Iterator[Finding]:
    """Yield what is wrong with the files: presence, size, the SHA-256 of each chunk, the index of each shard.

    Threads read and hash side by side; the order of the findings does not depend on them.
    """
    yield from _check_metadata(files)
    yield from _check_table(files)
    metas = list(_metas(files))
    work = [(meta, outer) for meta in metas for outer in meta.files()]
    batches = [work[at : at + _FILES_AT_ONCE] for at in range(0, len(work), _FILES_AT_ONCE)]
    expected = {schema.MANIFEST_NAME, schema.CHUNK_TABLE_NAME, *files.seal.metadata}
    expected.update(meta.key(outer) for meta, outer in work)
    unread = {name for name in files.names if name not in {meta.name for meta in metas}}
    with ThreadPoolExecutor(threads or min(16, 2 * _processors())) as pool:
        for number, found in enumerate(pool.map(lambda batch: _check_batch(files, batch), batches)):
            progress("Checking files", number / len(batches))
            yield from found
    for key in sorted(set(files.place.names()) - expected):
        name = key.partition("/c")[0]
        if name not in unread:
            yield Finding("unexpected", f"file {key} is not in the manifest", name if name in files else None)


def _processors() -> int:
    return len(os.sched_getaffinity(0))


def _check_metadata(files: StoreFiles) -> Iterator[Finding]:
    for key, sha256 in sorted(files.seal.metadata.items()):
        array = key.rpartition("/")[0] or None
        try:
            data = files.place.read(key)
        except FileNotFoundError:
            yield Finding("missing", f"metadata file {key} is missing", array)
        except OSError as error:
            yield Finding("missing", f"metadata file {key} cannot be read: {error.strerror or error}", array)
        else:
            if hashlib.sha256(data).hexdigest() != sha256:
                yield Finding("checksum", f"metadata file {key} is damaged: its SHA-256 differs", array)


def _check_table(files: StoreFiles) -> Iterator[Finding]:
    for name in files.names:
        try:
            files.table.records(name)
        except (GenomicsError, OSError) as error:
            yield Finding("manifest", str(error), name)
    expected = files.seal.n_chunks * files.table.RECORD_BYTES
    try:
        size = files.place.size(schema.CHUNK_TABLE_NAME)
    except FileNotFoundError:
        yield Finding("manifest", f"{schema.CHUNK_TABLE_NAME} is missing")
        return
    if size != expected:
        yield Finding("manifest", f"{schema.CHUNK_TABLE_NAME} has {size} bytes, not {expected}")


def _metas(files: StoreFiles) -> Iterator[ArrayMeta]:
    """Yield what each array is, from the root's metadata or, where that is damaged, from its own."""
    for name in files.names:
        try:
            yield files.array(name).meta
        except GenomicsError:
            try:
                yield ArrayMeta.from_metadata(name, json.loads(files.metadata_file(f"{name}/{schema.METADATA_NAME}")))
            except (GenomicsError, ValueError):
                continue  # told already, as damaged metadata


def _check_batch(files: StoreFiles, batch: Sequence[tuple[ArrayMeta, tuple[int, ...]]]) -> list[Finding]:
    return [finding for meta, outer in batch for finding in _check_file(files, meta, outer)]


def _check_file(files: StoreFiles, meta: ArrayMeta, outer: tuple[int, ...]) -> list[Finding]:
    try:
        _, damages = files.read_file(meta, outer)
    except StoreError:
        return []  # the manifest's own records of this file are damaged, which is told already
    except FileNotFoundError:
        return [_file_finding("missing", meta, outer, "is missing")]
    except OSError as error:
        return [_file_finding("missing", meta, outer, f"cannot be read: {error.strerror or error}")]
    return [
        _file_finding(damage.kind, meta, outer, damage.what)
        if damage.coords is None
        else chunk_finding(damage.kind, meta, damage.coords, damage.what)
        for damage in damages
    ]


def chunk_finding(kind: str, meta: ArrayMeta, coords: tuple[int, ...], what: str) -> Finding:
    """Return a finding about one inner chunk."""
    return Finding(
        kind,
        f"{describe_chunk(meta, coords)} {what}",
        meta.name,
        ".".join(map(str, coords)),
        span_of(meta, coords, schema.DIM_VARIANTS),
        span_of(meta, coords, schema.DIM_SAMPLES),
    )


def _file_finding(kind: str, meta: ArrayMeta, outer: tuple[int, ...], what: str) -> Finding:
    """Return a finding about all the chunks of a file."""
    held = meta.chunks_of_file(outer)
    first, last = held[0], held[-1]
    if first == last:
        return chunk_finding(kind, meta, first, what)
    spans: dict[str, tuple[int, int] | None] = {}
    where = f"array {meta.name}, file {meta.key(outer)}"
    for name in (schema.DIM_VARIANTS, schema.DIM_SAMPLES):
        begin, end = span_of(meta, first, name), span_of(meta, last, name)
        spans[name] = None if begin is None or end is None else (begin[0], end[1])
        if begin is not None and end is not None:
            where += f", {name} {begin[0]:,} to {end[1]:,}"
    chunk = f"{'.'.join(map(str, first))} to {'.'.join(map(str, last))}"
    variants, samples = spans[schema.DIM_VARIANTS], spans[schema.DIM_SAMPLES]
    return Finding(kind, f"{where} {what}", meta.name, chunk, variants, samples)


def check_content(files: StoreFiles, progress: Progress, *, threads: int | None = None) -> Iterator[Finding]:
    """Decode every chunk, derive again what is derived, and yield what differs."""
    try:
        arrays = [files.array(name) for name in files.names]
    except GenomicsError as error:
        yield Finding("decode", f"the metadata cannot be read: {error}")
        return
    work = [(array, coords) for array in arrays for coords in np.ndindex(*array.meta.grid)]
    with ThreadPoolExecutor(threads or _processors()) as pool:
        for number, found in enumerate(pool.map(lambda one: _decode(*one), work)):
            if number % 64 == 0:
                progress("Decoding", number / len(work))
            if found is not None:
                yield found
    if schema.CALL_GENOTYPE in files:
        yield from _check_derived(files, progress)


def _decode(array: ArrayReader, coords: tuple[int, ...]) -> Finding | None:
    try:
        if array.meta.is_string:
            array.chunk_strings(*coords)
        else:
            array.chunk(*coords)
    except (GenomicsError, OSError) as error:
        return chunk_finding("decode", array.meta, coords, f"cannot be read: {error}")
    return None


def _check_derived(files: StoreFiles, progress: Progress) -> Iterator[Finding]:
    genotype = files.array(schema.CALL_GENOTYPE)
    absent = [spec.path for spec in schema.DERIVED_ARRAYS if spec.path not in files]
    for name in absent:
        yield Finding("derived", f"{files.shown} has no array {name}", name)
    n_rows = genotype.shape[0]
    for start, stop in row_ranges(n_rows, genotype.chunks[0]):
        progress("Deriving again", start / n_rows)
        try:
            packed, counts = derive_block(genotype.rows(start, stop))
        except (GenomicsError, OSError):
            continue  # told already, where it was decoded
        for name, expected in ((schema.PACKED_DOSAGE, packed), (schema.VARIANT_COUNTS, counts)):
            if name not in absent:
                yield from _compare_derived(files.array(name), start, stop, expected)


def _compare_derived(array: ArrayReader, start: int, stop: int, expected: npt.NDArray[Any]) -> Iterator[Finding]:
    try:
        stored = array.rows(start, stop)
    except (GenomicsError, OSError):
        return
    same_shape = expected.shape == stored.shape
    wrong = np.flatnonzero((expected != stored).any(axis=1)) if same_shape else np.arange(stop - start)
    if not wrong.size:
        return
    rows = (start + int(wrong[0]), start + int(wrong[-1]) + 1)
    what = f"differs from {schema.CALL_GENOTYPE} in {wrong.size} variants, {rows[0]:,} to {rows[1]:,}"
    chunk = f"{rows[0] // array.chunks[0]}.0"
    samples = None
    if array.name == schema.PACKED_DOSAGE and same_shape:
        columns = np.flatnonzero((expected != stored).any(axis=0))
        samples = (4 * int(columns[0]), 4 * int(columns[-1]) + 4)
        chunk = f"{rows[0] // array.chunks[0]}.{int(columns[0]) // array.chunks[1]}"
    yield Finding("derived", f"array {array.name}, chunk {chunk} {what}", array.name, chunk, rows, samples)
