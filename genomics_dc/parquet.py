"""Parquet files in which a column that repeats is stored once.

A hundred traits over the same variants are a hundred row groups with the same positions, alleles and ids. Parquet's
footer says for each row group where its columns lie, and nothing forbids two of them to lie in the same place. So each
different part of a column is encoded once, by pyarrow, and the footer points to it as often as it occurs. Floats are
stored plain: they hardly repeat, and to compress them takes longer than to write them; a part without a null is written
from the memory where it stands, of another what is not null. A part of one word, such as the name of a trait, is
written as one run.

Footer: Thrift's compact protocol, of which a struct is here a list of (field number, type, value). The numbers of
fields are those of `parquet.thrift` of the Apache Parquet format, version 2.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
from pyarrow import parquet

_MAGIC = b"PAR1"
_SMALL_ROWS = 10_000
_ROWS_PER_GROUP_MIN, _ROWS_PER_GROUP_MAX = 1 << 15, 1 << 20
_Fields = list[tuple[int, int, Any]]
# A way to call a function on each item and to give the answers in the order of the items: `map`, or threads.
Mapper = Callable[[Callable[[Any], Any], Iterable[Any]], Iterable[Any]]

_TRUE, _FALSE, _BYTE, _I16, _I32, _I64, _DOUBLE, _BINARY, _LIST, _STRUCT = 1, 2, 3, 4, 5, 6, 7, 8, 9, 12

# FileMetaData, RowGroup, ColumnChunk, ColumnMetaData
_NUM_ROWS, _ROW_GROUPS = 3, 4
_GROUP_COLUMNS, _GROUP_BYTES, _GROUP_ROWS, _GROUP_OFFSET, _GROUP_COMPRESSED, _GROUP_ORDINAL = 1, 2, 3, 5, 6, 7
_CHUNK_OFFSET, _CHUNK_META = 2, 3
_META_VALUES, _META_BYTES, _META_COMPRESSED, _META_DATA, _META_DICTIONARY, _META_SIZES = 5, 6, 7, 9, 11, 16
# PageHeader, DataPageHeader
_PAGE_BYTES, _PAGE_COMPRESSED, _PAGE_DATA = 2, 3, 5
_DATA_VALUES = 1


class _Reader:
    """Reads Thrift's compact protocol from bytes."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    @property
    def place(self) -> int:
        """Bytes read so far."""
        return self._at

    def _varint(self) -> int:
        value = shift = 0
        while True:
            byte = self._data[self._at]
            self._at += 1
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
            shift += 7

    def _zigzag(self) -> int:
        value = self._varint()
        return (value >> 1) ^ -(value & 1)

    def struct(self) -> _Fields:
        """Return the fields of the struct that begins here."""
        fields: _Fields = []
        number = 0
        while True:
            head = self._data[self._at]
            self._at += 1
            if head == 0:
                return fields
            kind = head & 0x0F
            number = number + (head >> 4) if head >> 4 else self._zigzag()
            fields.append((number, kind, self._value(kind)))

    def _value(self, kind: int, *, in_list: bool = False) -> Any:
        if kind in (_TRUE, _FALSE):
            if in_list:
                self._at += 1
                return self._data[self._at - 1]
            return None
        if kind == _BYTE:
            self._at += 1
            return self._data[self._at - 1]
        if kind in (_I16, _I32, _I64):
            return self._zigzag()
        if kind == _DOUBLE:
            self._at += 8
            return struct.unpack_from("<d", self._data, self._at - 8)[0]
        if kind == _BINARY:
            size = self._varint()
            self._at += size
            return self._data[self._at - size : self._at]
        if kind == _STRUCT:
            return self.struct()
        if kind == _LIST:
            head = self._data[self._at]
            self._at += 1
            size = head >> 4
            if size == 15:
                size = self._varint()
            return head & 0x0F, [self._value(head & 0x0F, in_list=True) for _ in range(size)]
        raise ValueError(f"type {kind} does not occur in a Parquet footer")


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _zigzag(value: int) -> bytes:
    return _varint((value << 1) ^ (value >> 63))


def _struct_bytes(fields: _Fields) -> bytes:
    out = []
    last = 0
    for number, kind, value in fields:
        step = number - last
        out.append(bytes([step << 4 | kind]) if 0 < step < 16 else bytes([kind]) + _zigzag(number))
        out.append(_value_bytes(kind, value))
        last = number
    return b"".join(out) + b"\0"


def _value_bytes(kind: int, value: Any) -> bytes:
    if kind in (_TRUE, _FALSE):
        return b"" if value is None else bytes([value])
    if kind == _BYTE:
        return bytes([value])
    if kind in (_I16, _I32, _I64):
        return _zigzag(value)
    if kind == _DOUBLE:
        return struct.pack("<d", value)
    if kind == _BINARY:
        return _varint(len(value)) + bytes(value)
    if kind == _STRUCT:
        return value if isinstance(value, bytes) else _struct_bytes(value)
    of, items = value
    head = bytes([len(items) << 4 | of]) if len(items) < 15 else bytes([0xF0 | of]) + _varint(len(items))
    return head + b"".join(_value_bytes(of, item) for item in items)


def _of(fields: _Fields, wanted: int) -> Any:
    return next((value for number, _, value in fields if number == wanted), None)


def _with(fields: _Fields, changes: dict[int, Any]) -> _Fields:
    return [(number, kind, changes.get(number, value)) for number, kind, value in fields]


@dataclass(frozen=True)
class _Encoded:
    """A part of a column as if stored alone: its pages, which began at `start`, and its ColumnChunk."""

    pages: tuple[memoryview | bytes, ...]
    start: int
    chunk: _Fields

    def placed(self, offset: int) -> bytes:
        """Return the ColumnChunk of the pages standing at `offset`."""
        meta = _of(self.chunk, _CHUNK_META)
        moved = {
            field: _of(meta, field) - self.start + offset
            for field in (_META_DATA, _META_DICTIONARY)
            if _of(meta, field) is not None
        }
        return _struct_bytes(_with(self.chunk, {_CHUNK_OFFSET: 0, _CHUNK_META: _with(meta, moved)}))

    @property
    def sizes(self) -> tuple[int, int]:
        """Bytes before and after compression."""
        meta = _of(self.chunk, _CHUNK_META)
        return _of(meta, _META_BYTES), _of(meta, _META_COMPRESSED)


def _footer(data: memoryview) -> bytes:
    size = int.from_bytes(data[-8:-4], "little")
    return bytes(data[-8 - size : -8])


def _encode(field: pa.Field, values: pa.Array, distinct: frozenset[str]) -> _Encoded:
    if field.nullable and len(values) > 1:
        if pa.types.is_float64(field.type):
            return _as_one(_model_of_floats(field), len(values), *_known_floats(values))
        if (
            not values.null_count
            and pa.types.is_dictionary(field.type)
            and pa.types.is_string(field.type.value_type)
            and _is_constant(values.indices)
        ):
            model = _model_of_word(field, values[0].as_py())
            return _as_one(model, len(values), _all_there(len(values)), _run_of(model, len(values)))
    compression = "none" if pa.types.is_floating(field.type) else "zstd"
    return _encode_by_arrow(field, values, compression, dictionary=field.name not in distinct)


def _encode_by_arrow(field: pa.Field, values: pa.Array, compression: str, *, dictionary: bool = True) -> _Encoded:
    sink = pa.BufferOutputStream()
    floating = pa.types.is_floating(field.type)
    parquet.write_table(
        pa.Table.from_arrays([values], schema=pa.schema([field])),
        sink,
        compression=compression,
        use_dictionary=dictionary and not floating,
        write_statistics=not floating,
        row_group_size=max(len(values), 1),
    )
    data = memoryview(sink.getvalue())
    (group,) = _of(_Reader(_footer(data)).struct(), _ROW_GROUPS)[1]
    chunk = _of(group, _GROUP_COLUMNS)[1][0]
    meta = _of(chunk, _CHUNK_META)
    entries, first = _of(meta, _META_DICTIONARY), _of(meta, _META_DATA)
    start = first if entries is None else min(entries, first)
    return _Encoded((data[start : start + _of(meta, _META_COMPRESSED)],), start, chunk)


@lru_cache(maxsize=256)
def _model_of_floats(field: pa.Field) -> _Encoded:
    """Return one value of a column of floats, encoded: all but the value and the counts is the same for any floats."""
    zero = pa.Array.from_buffers(pa.float64(), 1, [None, pa.py_buffer(bytes(8))])  # pa.array would import pandas
    return _encode_by_arrow(field, zero, "none")


@lru_cache(maxsize=256)
def _model_of_word(field: pa.Field, word: str) -> _Encoded:
    """Return one value of a column of words, encoded: its dictionary has no other word."""
    kind, encoded = field.type, word.encode()
    ends = struct.pack("<2i", 0, len(encoded))
    words = pa.Array.from_buffers(pa.string(), 1, [None, pa.py_buffer(ends), pa.py_buffer(encoded)])
    number = pa.Array.from_buffers(kind.index_type, 1, [None, pa.py_buffer(bytes(kind.index_type.bit_width // 8))])
    return _encode_by_arrow(field, pa.DictionaryArray.from_arrays(number, words), "none")


def _all_there(n: int) -> bytes:
    """Return the definition levels of `n` values of which none is null: one run of ones."""
    return _varint(n << 1) + b"\1"


def _known_floats(values: pa.Array) -> tuple[bytes, memoryview]:
    """Return the definition levels of floats, and the bytes of those that are not null.

    The levels of a column with nulls are bits, as Arrow keeps them.
    """
    known, data = values.buffers()
    raw = memoryview(data)[8 * values.offset : 8 * (values.offset + len(values))]
    if not values.null_count:
        return _all_there(len(values)), raw
    bitmap = np.frombuffer(known, dtype=np.uint8)
    bits = np.unpackbits(bitmap, count=values.offset + len(values), bitorder="little")
    there = bits[values.offset :]
    levels = np.packbits(there, bitorder="little").tobytes()
    kept = np.frombuffer(raw, dtype=np.float64)[there.view(np.bool_)]
    return _varint(len(levels) << 1 | 1) + levels, kept.data.cast("B")


def _is_constant(indices: pa.Array) -> bool:
    whole = np.frombuffer(indices.buffers()[1], dtype=f"u{indices.type.bit_width // 8}")  # to_numpy would import pandas
    numbers = whole[indices.offset : indices.offset + len(indices)]
    return bool((numbers == numbers[0]).all())


def _run_of(model: _Encoded, n: int) -> bytes:
    """Return the numbers of a dictionary's entries in a page of `n` equal ones: their width, and one run of them."""
    _, payload = _data_page(model)
    length = int.from_bytes(payload[:4], "little")  # of the levels, which come first
    width, number = payload[4 + length], payload[4 + length + 2 :]
    return bytes([width]) + _varint(n << 1) + bytes(number)


def _data_page(model: _Encoded) -> tuple[_Fields, bytes]:
    """Return the header of the page of one value, and what is in it."""
    page = model.pages[0][_of(_of(model.chunk, _CHUNK_META), _META_DATA) - model.start :]
    reader = _Reader(bytes(page))
    header = reader.struct()
    return header, bytes(page)[reader.place :]


def _as_one(model: _Encoded, n: int, run: bytes, raw: memoryview | bytes) -> _Encoded:
    """Return `n` values as one page, not compressed; what else is said of them is as of one value.

    `run` are their definition levels, which say where a null stands, and `raw` is what is not null.
    """
    levels = len(run).to_bytes(4, "little") + run
    size = len(levels) + len(raw)
    header, _ = _data_page(model)
    of_values = _with(_of(header, _PAGE_DATA), {_DATA_VALUES: n})
    head = _struct_bytes(_with(header, {_PAGE_BYTES: size, _PAGE_COMPRESSED: size, _PAGE_DATA: of_values}))
    meta = _of(model.chunk, _CHUNK_META)
    before = bytes(model.pages[0][: _of(meta, _META_DATA) - model.start])  # the dictionary, where there is one
    total = len(before) + len(head) + size
    meta = _with(meta, {_META_VALUES: n, _META_BYTES: total, _META_COMPRESSED: total})
    meta = [entry for entry in meta if entry[0] != _META_SIZES]
    return _Encoded((before + head + levels, raw), model.start, _with(model.chunk, {_CHUNK_META: meta}))


def _key(name: str, values: pa.Array) -> tuple[Any, ...]:
    """Return what is equal for two arrays that are the same part of the same memory."""
    parts = [values.indices, values.dictionary] if pa.types.is_dictionary(values.type) else [values]
    places = tuple(
        (part.offset, tuple(None if buffer is None else buffer.address for buffer in part.buffers())) for part in parts
    )
    return (name, len(values), places)


def _row_groups(table: pa.Table) -> Iterator[pa.RecordBatch]:
    """Yield the rows by chunk; chunks that are too small to be worth a row group are joined."""
    waiting: list[pa.RecordBatch] = []
    rows = 0
    for batch in table.to_batches(max_chunksize=_ROWS_PER_GROUP_MAX):
        if waiting and rows + batch.num_rows > _ROWS_PER_GROUP_MIN:
            yield _joined(waiting)
            waiting, rows = [], 0
        if batch.num_rows:
            waiting.append(batch)
            rows += batch.num_rows
    if waiting:
        yield _joined(waiting)


def _joined(batches: list[pa.RecordBatch]) -> pa.RecordBatch:
    if len(batches) == 1:
        return batches[0]
    (one,) = pa.Table.from_batches(batches).unify_dictionaries().combine_chunks().to_batches()
    return one


class RepeatingWriter:
    """Writes tables of one schema one after another into an open file; `close` writes the footer.

    `distinct` are columns of which hardly two rows are equal: they get no dictionary. The memory of a part that occurs
    once in a table may be used again after `write`; what occurs several times is kept.
    """

    def __init__(
        self, handle: BinaryIO, schema: pa.Schema, *, mapper: Mapper = map, distinct: frozenset[str] = frozenset()
    ) -> None:
        self._handle = handle
        self._schema = schema
        self._mapper = mapper
        self._distinct = distinct
        self._place: dict[tuple[Any, ...], tuple[bytes, tuple[int, int]]] = {}
        self._held: list[pa.Array] = []  # what `_place` names must stay where it is
        self._groups: list[bytes] = []
        self._rows = 0
        handle.write(_MAGIC)
        self._end = len(_MAGIC)

    def write(self, table: pa.Table) -> None:
        """Write the rows of a table; each of its chunks becomes a row group, small ones join into one."""
        fields = list(self._schema)
        batches = list(_row_groups(table))
        times: dict[tuple[Any, ...], int] = {}
        for batch in batches:
            for field, values in zip(fields, batch.columns, strict=True):
                key = _key(field.name, values)
                times[key] = times.get(key, 0) + 1

        def encoded(task: tuple[tuple[Any, ...], pa.Field, pa.Array]) -> _Encoded:
            return _encode(task[1], task[2], self._distinct)

        fresh: dict[tuple[Any, ...], tuple[bytes, tuple[int, int]]] = {}
        for batch in batches:  # one after another, so that no more is held
            keyed = [
                (_key(field.name, values), field, values) for field, values in zip(fields, batch.columns, strict=True)
            ]
            wanted = list(
                {task[0]: task for task in keyed if task[0] not in self._place and task[0] not in fresh}.values()
            )
            for (key, _, values), part in zip(wanted, self._mapper(encoded, wanted), strict=True):
                entry = (part.placed(self._end), part.sizes)
                fresh[key] = entry
                if times[key] > 1:
                    self._place[key] = entry
                    self._held.append(values)
                for page in part.pages:
                    self._handle.write(page)
                    self._end += len(page)
            self._add_group(batch.num_rows, [self._place.get(key) or fresh[key] for key, _, _ in keyed])

    def _add_group(self, n_rows: int, columns: list[tuple[bytes, tuple[int, int]]]) -> None:
        sizes = [size for _, size in columns]
        self._groups.append(
            _struct_bytes(
                [
                    (_GROUP_COLUMNS, _LIST, (_STRUCT, [chunk for chunk, _ in columns])),
                    (_GROUP_BYTES, _I64, sum(whole for whole, _ in sizes)),
                    (_GROUP_ROWS, _I64, n_rows),
                    (_GROUP_COMPRESSED, _I64, sum(small for _, small in sizes)),
                ]
            )
        )
        self._rows += n_rows

    def close(self, metadata: Mapping[bytes, bytes] | None = None) -> None:
        """Write the footer, with metadata in place of the schema's own; without rows, the table is empty."""
        schema = self._schema if metadata is None else self._schema.with_metadata(dict(metadata))
        sink = pa.BufferOutputStream()
        parquet.write_table(pa.Table.from_batches([], schema), sink)
        fields = _Reader(_footer(memoryview(sink.getvalue()))).struct()
        footer = _struct_bytes(_with(fields, {_NUM_ROWS: self._rows, _ROW_GROUPS: (_STRUCT, self._groups)}))
        self._handle.write(footer + len(footer).to_bytes(4, "little") + _MAGIC)


def write_repeating(
    table: pa.Table, path: Path | str, *, threads: int | None = None, distinct: frozenset[str] = frozenset()
) -> None:
    """Write a table as Parquet; a part of a column that occurs again, the same memory, is stored once.

    The bytes do not depend on the number of threads, which is that of all processors when None. `distinct` are columns
    of which hardly two rows are equal: they get no dictionary.

    Examples
    --------
    >>> import tempfile
    >>> position = pa.array([10, 20])
    >>> table = pa.table({"position": pa.chunked_array([position, position]), "beta": [0.1, 0.2, 0.3, None]})
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_repeating(table, f"{folder}/r.parquet")
    ...     parquet.read_table(f"{folder}/r.parquet").equals(table)
    True
    """
    if table.num_rows <= _SMALL_ROWS:  # to share and to split it would take longer than to write it
        parquet.write_table(
            table,
            path,
            compression={one.name: "none" if pa.types.is_floating(one.type) else "zstd" for one in table.schema},
            use_dictionary=[
                one.name for one in table.schema if not pa.types.is_floating(one.type) and one.name not in distinct
            ],
            write_statistics=[one.name for one in table.schema if not pa.types.is_floating(one.type)],
        )
        return
    with open(path, "wb", buffering=1 << 16) as handle, ThreadPoolExecutor(threads or _n_processors()) as pool:
        writer = RepeatingWriter(handle, table.schema, mapper=pool.map, distinct=distinct)
        writer.write(table)
        writer.close()


def _n_processors() -> int:
    return len(os.sched_getaffinity(0))
