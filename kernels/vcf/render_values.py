"""Values of a store's fields as text: numbers and strings with commas between.

All numbers of all fields lie in one int32 array, floats by their bits, all strings in one byte array with int64 bounds,
so that one compiled kernel serves every store. Missing and fill are BCF's. Every function writes into `out` from `pos`
on and returns the place behind, or FULL where there was no room.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from genomics_dc.kernels._jit import borrowing_jit
from genomics_dc.kernels.vcf.number_text import FLOAT_BYTES, INT_BYTES, write_float, write_integer

INTEGER, FLOAT, STRING, FLAG, GENOTYPE, BASES = range(6)
"""Kinds of field. BASES is the genotype with alleles instead of their numbers."""
KIND, BASE, BY_ROW, BY_SAMPLE, WIDTH, NAME = range(6)
"""Columns of a field: value k of sample s in record v stands at BASE + v * BY_ROW + s * BY_SAMPLE + k, k < WIDTH.

NAME is the word that is its key. For GENOTYPE and BASES only KIND and NAME count, and for BASES, BASE is the field that
holds the alleles."""

INT_MISSING = -(2**31)
INT_FILL = -(2**31) + 1
FLOAT_MISSING_BITS = 0x7F800001
FLOAT_FILL_BITS = 0x7F800002
FULL = -1  # instead of a position: no room

_COMMA, _DOT = 44, 46
_SMALL = np.array(
    [int.from_bytes(str(n).encode().ljust(3, b"0"), "little") | len(str(n)) << 24 for n in range(1000)], dtype=np.int64
)
"""The digits of a number below 1,000, first one lowest, and in the fourth byte how many."""


@borrowing_jit
def put_text(out: npt.NDArray[np.uint8], pos: int, text: npt.NDArray[np.uint8], start: int, end: int) -> int:
    """Write the bytes `start` to `end` of a text."""
    if pos + end - start > out.shape[0]:
        return FULL
    for i in range(end - start):
        out[pos + i] = text[start + i]
    return pos + end - start


@borrowing_jit
def put_byte(out: npt.NDArray[np.uint8], pos: int, value: int) -> int:
    """Write one byte."""
    if pos >= out.shape[0]:
        return FULL
    out[pos] = value
    return pos + 1


@borrowing_jit
def put_values(
    kind: int,
    place: int,
    width: int,
    pos: int,
    numbers: npt.NDArray[np.int32],
    floats: npt.NDArray[np.float32],
    text: npt.NDArray[np.uint8],
    starts: npt.NDArray[np.int64],
    ends: npt.NDArray[np.int64],
    out: npt.NDArray[np.uint8],
) -> int:
    """Write the values that stand at `place`, up to the first fill."""
    if kind == STRING:
        return put_texts(place, width, pos, text, starts, ends, out)
    first = pos
    room = out.shape[0]
    for i in range(place, place + width):
        if pos + FLOAT_BYTES + 1 > room:
            return FULL
        number = int(numbers[i])
        if number == (FLOAT_FILL_BITS if kind == FLOAT else INT_FILL):
            break
        if pos != first:
            out[pos] = _COMMA
            pos += 1
        if number == (FLOAT_MISSING_BITS if kind == FLOAT else INT_MISSING):
            out[pos] = _DOT
            pos += 1
        elif kind == FLOAT:
            pos = write_float(out, pos, np.float64(floats[i]))
        else:
            pos = write_integer(out, pos, int(number))
    if pos == first:
        return put_byte(out, pos, _DOT)
    return pos


@borrowing_jit
def put_integers(place: int, width: int, pos: int, numbers: npt.NDArray[np.int32], out: npt.NDArray[np.uint8]) -> int:
    """Write the integers that stand at `place`, up to the first fill."""
    first = pos
    if pos + (INT_BYTES + 1) * width > out.shape[0]:
        return FULL
    for i in range(place, place + width):
        value = int(numbers[i])
        if value == INT_FILL:
            break
        if pos != first:
            out[pos] = _COMMA
            pos += 1
        if 0 <= value < 1000:  # without a branch on the number of digits: twice as fast
            digits = _SMALL[value]
            out[pos] = digits
            out[pos + 1] = digits >> 8
            out[pos + 2] = digits >> 16
            pos += digits >> 24
        elif value == INT_MISSING:
            out[pos] = _DOT
            pos += 1
        else:
            pos = write_integer(out, pos, value)
    if pos == first:
        return put_byte(out, pos, _DOT)
    return pos


@borrowing_jit
def put_texts(
    place: int,
    width: int,
    pos: int,
    text: npt.NDArray[np.uint8],
    starts: npt.NDArray[np.int64],
    ends: npt.NDArray[np.int64],
    out: npt.NDArray[np.uint8],
) -> int:
    """Write the strings that stand at `place`, up to the first that is empty."""
    first = pos
    for i in range(place, place + width):
        start = starts[i]
        n = ends[i] - start
        if n == 0:
            break
        if pos + n + 1 > out.shape[0]:
            return FULL
        if pos != first:
            out[pos] = _COMMA
            pos += 1
        for j in range(n):
            out[pos + j] = text[start + j]
        pos += n
    if pos == first:
        return put_byte(out, pos, _DOT)
    return pos


@borrowing_jit
def is_missing(
    kind: int,
    place: int,
    width: int,
    numbers: npt.NDArray[np.int32],
    text: npt.NDArray[np.uint8],
    starts: npt.NDArray[np.int64],
    ends: npt.NDArray[np.int64],
) -> bool:
    """Whether every one of the values at `place` is missing or fill."""
    for i in range(place, place + width):
        if kind == STRING:
            n = ends[i] - starts[i]
            if n > 1 or (n == 1 and text[starts[i]] != _DOT):
                return False
        elif kind == FLOAT:
            if numbers[i] != FLOAT_MISSING_BITS and numbers[i] != FLOAT_FILL_BITS:
                return False
        elif numbers[i] != INT_MISSING and numbers[i] != INT_FILL:
            return False
    return True
