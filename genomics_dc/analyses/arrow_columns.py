"""Columns of Arrow made from NumPy's own memory.

`pyarrow.array` looks whether it was given something of pandas, and for that imports pandas: a fifth of a second, for
which a command that needs no pandas would wait. So do `pyarrow.scalar`, and functions of `pyarrow.compute` that are
given a Python string.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

_TYPES = {
    np.dtype(np.int8): pa.int8(),
    np.dtype(np.int32): pa.int32(),
    np.dtype(np.int64): pa.int64(),
    np.dtype(np.float64): pa.float64(),
}


def numbers(values: npt.NDArray[Any], missing: npt.NDArray[np.bool_] | None = None) -> pa.Array:
    """Return int8, int32, int64 or float64 [V] as a column; null where `missing` bool[V]."""
    values = np.ascontiguousarray(values)
    known = None
    if missing is not None and missing.any():
        known = pa.py_buffer(np.packbits(~missing, bitorder="little"))
    return pa.Array.from_buffers(_TYPES[values.dtype], len(values), [known, pa.py_buffer(values)])


def used_numbers(values: npt.NDArray[np.integer]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int32]]:
    """Return which small whole numbers occur in `values` [V], ascending, and for each row the place of its number.

    As `numpy.unique` does, which sorts: here there are few numbers and many rows.
    """
    used = np.flatnonzero(np.bincount(values)) if values.size else np.zeros(0, dtype=np.int64)
    places = np.zeros(int(used[-1]) + 1 if used.size else 1, dtype=np.int32)
    places[used] = np.arange(len(used), dtype=np.int32)
    return used.astype(np.int64), places[values]


def text(words: Sequence[str]) -> pa.StringArray:
    """Return Python strings as a column without nulls."""
    encoded = [word.encode() for word in words]
    offsets = np.zeros(len(encoded) + 1, dtype=np.int32)
    np.cumsum([len(word) for word in encoded], out=offsets[1:])
    return pa.StringArray.from_buffers(len(encoded), pa.py_buffer(offsets), pa.py_buffer(b"".join(encoded)))


def floats_of(column: pa.ChunkedArray) -> npt.NDArray[np.float64]:
    """Return a column of float64 as NumPy has it, NaN where null; `to_numpy` would import pandas."""
    parts = [np.empty(0)]
    for chunk in column.chunks:
        known, data = chunk.buffers()
        span = slice(chunk.offset, chunk.offset + len(chunk))
        values = np.frombuffer(data, dtype=np.float64)[span] if data is not None else np.full(len(chunk), np.nan)
        if chunk.null_count:
            bits = np.unpackbits(np.frombuffer(known, dtype=np.uint8), bitorder="little")[span]
            values = np.where(bits == 1, values, np.nan)
        parts.append(values)
    return parts[1] if len(parts) == 2 else np.concatenate(parts)


def codes_of(words: pa.DictionaryArray) -> npt.NDArray[np.integer]:
    """Return the numbers of the words of a column without nulls."""
    indices = words.indices
    whole = np.frombuffer(indices.buffers()[1], dtype=f"i{indices.type.bit_width // 8}")
    return whole[indices.offset : indices.offset + len(indices)]
