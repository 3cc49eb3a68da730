"""Text of many lengths as one run of bytes: Zarr's vlen-utf8.

First the number of texts, then each text after its length; numbers are uint32, little end first
(https://github.com/zarr-developers/zarr-extensions, codec vlen-utf8).
"""

from __future__ import annotations

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


def _split(data: npt.NDArray[np.uint8], start: npt.NDArray[np.int64], end: npt.NDArray[np.int64]) -> bool:
    """Fill `start` and `end`; return whether the bytes hold exactly so many texts."""
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
        start[i] = at
        at += length
        end[i] = at
    return at == data.size


_join_jit = jit(_join)
_split_jit = jit(_split)


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
    if start.size and (start.min() < 0 or end.max() > data.size or (end < start).any()):
        raise ValueError("a text lies outside its buffer")
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
    start, end = np.empty(n_texts, dtype=np.int64), np.empty(n_texts, dtype=np.int64)
    if not _split_jit(np.ascontiguousarray(data), start, end):
        raise ValueError(f"the chunk does not hold {n_texts} texts")
    return start, end
