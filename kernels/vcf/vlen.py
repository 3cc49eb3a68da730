"""Text of many lengths as one run of bytes: Zarr's vlen-utf8.

First the number of texts, then each text after its length; numbers are uint32, little end first
(https://github.com/zarr-developers/zarr-extensions, codec vlen-utf8).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from genomics_dc.kernels._jit import jit


def _put(out: npt.NDArray[np.uint8], at: int, number: int) -> None:
    for place in range(4):
        out[at + place] = (number >> (8 * place)) & 0xFF


def _get(data: npt.NDArray[np.uint8], at: int) -> int:
    number = 0
    for place in range(4):
        number |= int(data[at + place]) << (8 * place)
    return number


_put_jit = jit(_put)
_get_jit = jit(_get)


def _join(
    data: npt.NDArray[np.uint8], start: npt.NDArray[np.int64], end: npt.NDArray[np.int64], out: npt.NDArray[np.uint8]
) -> None:
    """Fill `out` with the texts."""
    _put_jit(out, 0, start.size)
    at = 4
    for i in range(start.size):
        _put_jit(out, at, end[i] - start[i])
        at += 4
        for byte in range(start[i], end[i]):
            out[at] = data[byte]
            at += 1


def _split(data: npt.NDArray[np.uint8], base: int, start: npt.NDArray[np.int64], end: npt.NDArray[np.int64]) -> bool:
    """Fill `start` and `end`, counted from `base` on; return whether the bytes hold exactly so many texts."""
    if data.size < 4 or _get_jit(data, 0) != start.size:
        return False
    at = 4
    for i in range(start.size):
        if at + 4 > data.size:
            return False
        length = _get_jit(data, at)
        at += 4
        if at + length > data.size:
            return False
        start[i] = base + at
        at += length
        end[i] = base + at
    return at == data.size


def _gather(
    data: npt.NDArray[np.uint8],
    start: npt.NDArray[np.int64],
    end: npt.NDArray[np.int64],
    offsets: npt.NDArray[np.int32],
    out: npt.NDArray[np.uint8],
) -> None:
    """Fill `out` with the texts one after another, and `offsets` [T + 1] with where each begins."""
    at = 0
    offsets[0] = 0
    for i in range(start.size):
        for byte in range(start[i], end[i]):
            out[at] = data[byte]
            at += 1
        offsets[i + 1] = at


_join_jit = jit(_join)
_split_jit = jit(_split)
_gather_jit = jit(_gather)


def join(
    data: npt.NDArray[np.uint8], start: npt.NDArray[np.int64], end: npt.NDArray[np.int64]
) -> npt.NDArray[np.uint8]:
    """Return texts, given as places in a buffer of UTF-8, as vlen-utf8.

    `data` uint8[N]; `start` and `end` int64[T], each text `data[start:end]`. Returns uint8[4 + 4 T + bytes of texts].

    Raises
    ------
    ValueError
        When a place lies outside the buffer.
    """
    _check_places(data, start, end)
    out = np.empty(4 + 4 * start.size + int((end - start).sum()), dtype=np.uint8)
    _join_jit(np.ascontiguousarray(data), start, end, out)
    return out


def split(data: npt.NDArray[np.uint8], n_texts: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return where each of `n_texts` texts stands in vlen-utf8 `data` uint8[N]: start and end, int64[T].

    Raises
    ------
    ValueError
        When the bytes do not hold exactly so many texts.
    """
    _, start, end = split_all([data], n_texts)
    return start, end


def split_all(
    parts: Sequence[npt.NDArray[np.uint8]], n_texts: int
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return several vlen-utf8 of `n_texts` texts each as one buffer uint8[N], and start and end in it, int64[all].

    Raises
    ------
    ValueError
        When one of them does not hold exactly so many texts.
    """
    data = np.ascontiguousarray(parts[0]) if len(parts) == 1 else np.concatenate(parts)
    start, end = np.empty(len(parts) * n_texts, dtype=np.int64), np.empty(len(parts) * n_texts, dtype=np.int64)
    base = 0
    for number, part in enumerate(parts):
        span = slice(number * n_texts, (number + 1) * n_texts)
        if not _split_jit(data[base : base + part.size], base, start[span], end[span]):
            raise ValueError(f"the chunk does not hold {n_texts} texts")
        base += part.size
    return data, start, end


def gather(
    data: npt.NDArray[np.uint8], start: npt.NDArray[np.int64], end: npt.NDArray[np.int64]
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.uint8]]:
    """Return texts one after another, as Arrow keeps them: offsets int32[T + 1] and bytes uint8.

    Raises
    ------
    ValueError
        When a place lies outside the buffer, or the texts are of more bytes than int32 counts.
    """
    _check_places(data, start, end)
    size = int((end - start).sum())
    if size > np.iinfo(np.int32).max:
        raise ValueError(f"texts of {size:,} bytes do not fit one buffer with offsets of 32 bits")
    offsets, out = np.empty(start.size + 1, dtype=np.int32), np.empty(size, dtype=np.uint8)
    _gather_jit(np.ascontiguousarray(data), np.ascontiguousarray(start), np.ascontiguousarray(end), offsets, out)
    return offsets, out


def _check_places(data: npt.NDArray[np.uint8], start: npt.NDArray[np.int64], end: npt.NDArray[np.int64]) -> None:
    if start.size and (start.min() < 0 or end.max() > data.size or (end < start).any()):
        raise ValueError("a text lies outside its buffer")
