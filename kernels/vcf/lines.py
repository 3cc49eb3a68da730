"""Where the lines of VCF text are, and where their first ten columns begin."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from numba import types

from genomics_dc.kernels._jit import jit
from genomics_dc.kernels.vcf.problems import EMPTY_LINE, FEW_COLUMNS, MANY_COLUMNS

N_COLUMNS = 10
N_FIXED_COLUMNS = 8
_CR, _LF, _TAB = 13, 10, 9
_ONES = np.uint64(0x0101010101010101)
_HIGH = np.uint64(0x8080808080808080)
_FEWEST_PLACES = 256

# The C library's search reads 32 bytes at a time; a loop in Numba that may end early reads one.
memchr: Any = types.ExternalFunction("memchr", types.intp(types.intp, types.int32, types.uintp))


def find_newlines(data: npt.NDArray[np.uint8], start: int, end: int) -> tuple[npt.NDArray[np.int64], bool]:
    """Return where the line feeds are in data[start:end], int64[n], and whether a byte there is NUL or not ASCII."""
    found, n, odd = add_newlines(data, start, end, np.empty(_FEWEST_PLACES, dtype=np.int64), 0)
    return found[:n], bool(odd)


@jit
def add_newlines(
    data: npt.NDArray[np.uint8], start: int, end: int, found: npt.NDArray[np.int64], n: int
) -> tuple[npt.NDArray[np.int64], int, bool]:
    """Add the line feeds in data[start:end] to the first `n` of `found`; return it (longer if need be), n and odd."""
    base = data.ctypes.data
    at = start
    while at < end:
        place = memchr(base + at, _LF, end - at)
        if place == 0:
            break
        if n == found.shape[0]:
            longer = np.empty(2 * n, dtype=np.int64)
            longer[:n] = found
            found = longer
        at = place - base
        found[n] = at
        n += 1
        at += 1
    return found, n, _is_odd(data, start, end)


@jit
def _is_odd(data: npt.NDArray[np.uint8], start: int, end: int) -> bool:
    """Tell whether a byte of data[start:end] is NUL or above 127, eight bytes at a time."""
    at = start
    while at < end and (data.ctypes.data + at) & 7:
        if data[at] == 0 or data[at] > 127:
            return True
        at += 1
    n_words = (end - at) >> 3
    words = data[at : at + 8 * n_words].view(np.uint64)
    bits = np.uint64(0)
    for i in range(n_words):
        word = words[i]
        bits |= word | ((word - _ONES) & ~word)
    if bits & _HIGH:
        return True
    for i in range(at + 8 * n_words, end):  # noqa: SIM110 (compiled)
        if data[i] == 0 or data[i] > 127:
            return True
    return False


def index_records(
    data: npt.NDArray[np.uint8],
    line_start: npt.NDArray[np.int64],
    newline: npt.NDArray[np.int64],
    n_columns: int,
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return line_end int64[V], columns int64[V, 10] and problems int64[V] of records.

    Parameters
    ----------
    data
        uint8[N], text.
    line_start, newline
        int64[V]: where each line begins, and where its line feed is (or the text ends). CR before it is cut off.
    n_columns
        How many columns the header has: 8 without samples (9 are taken as well), else 9 + S. Only its first ten are
        looked for: whether a record has a call for each sample is for the reader of calls to find.
    """
    n_rows = line_start.shape[0]
    line_end = np.empty(n_rows, dtype=np.int64)
    columns = np.empty((n_rows, N_COLUMNS), dtype=np.int64)
    problems = np.zeros(n_rows, dtype=np.int64)
    _index(data, line_start, newline, n_columns, line_end, columns, problems)
    return line_end, columns, problems


@jit
def _index(
    data: npt.NDArray[np.uint8],
    line_start: npt.NDArray[np.int64],
    newline: npt.NDArray[np.int64],
    n_columns: int,
    line_end: npt.NDArray[np.int64],
    columns: npt.NDArray[np.int64],
    problems: npt.NDArray[np.int64],
) -> None:
    base = data.ctypes.data
    for row in range(line_start.shape[0]):
        start, end = line_start[row], newline[row]
        while end > start and data[end - 1] == _CR:
            end -= 1
        line_end[row] = end
        at = start
        n = 0
        while n < N_COLUMNS and at <= end:
            columns[row, n] = at
            n += 1
            if n == N_COLUMNS:
                break
            place = memchr(base + at, _TAB, end - at) if at < end else 0
            at = place - base + 1 if place else end + 1
        for column in range(n, N_COLUMNS):
            columns[row, column] = end + 1
        if start == end:
            problems[row] = EMPTY_LINE
        elif n < min(n_columns, N_COLUMNS):
            problems[row] = FEW_COLUMNS
        elif n_columns == N_FIXED_COLUMNS and n == N_COLUMNS:
            problems[row] = MANY_COLUMNS
