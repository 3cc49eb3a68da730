"""How many values each call has of a field, and how many copies in its GT, counted in the text of the samples' columns.

Only for batches in which a number seemed wrong: `calls.CallReader` does not keep how many values it met.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from genomics_dc.kernels._jit import borrowing_jit

ONE_OR_TWO: Final = -1
"""Copies of a GT that is a "." alone: haploid by the letter, and what many callers write for any that is missing."""

_TAB, _COMMA, _DOT, _SLASH, _COLON, _BAR = 9, 44, 46, 47, 58, 124


def value_counts(
    data: npt.NDArray[np.uint8],
    line_end: npt.NDArray[np.int64],
    columns: npt.NDArray[np.int64],
    n_samples: int,
    key: str,
) -> npt.NDArray[np.int32]:
    """Return int32[V, S]: how many values each call has of a FORMAT field; 0 where it has none, or dots alone.

    `data`, `line_end` and `columns` are as `calls.CallReader.read` has them.
    """
    return _counted(data, line_end, columns, n_samples, key, copies=False)


def copy_counts(
    data: npt.NDArray[np.uint8], line_end: npt.NDArray[np.int64], columns: npt.NDArray[np.int64], n_samples: int
) -> npt.NDArray[np.int32]:
    """Return int32[V, S]: how many copies each call's GT has; 0 where it has no GT, ONE_OR_TWO where it is ".".

    Cost: one walk over the text, as for `value_counts`.
    """
    return _counted(data, line_end, columns, n_samples, "GT", copies=True)


def _counted(
    data: npt.NDArray[np.uint8],
    line_end: npt.NDArray[np.int64],
    columns: npt.NDArray[np.int64],
    n_samples: int,
    key: str,
    *,
    copies: bool,
) -> npt.NDArray[np.int32]:
    out = np.zeros((len(line_end), n_samples), dtype=np.int32)
    name = np.frombuffer(key.encode(), dtype=np.uint8)
    _count(data, np.ascontiguousarray(line_end), np.ascontiguousarray(columns), name.copy(), copies, out)
    return out


@borrowing_jit
def _place_of_key(data: npt.NDArray[np.uint8], begin: int, stop: int, name: npt.NDArray[np.uint8]) -> int:
    """Return the place of a key among those of FORMAT, from 0, or -1."""
    place = 0
    while begin < stop:
        end = begin
        while end < stop and data[end] != _COLON:
            end += 1
        same = end - begin == name.shape[0]
        i = 0
        while same and i < name.shape[0]:
            same = data[begin + i] == name[i]
            i += 1
        if same:
            return place
        place += 1
        begin = end + 1
    return -1


@borrowing_jit
def _count(
    data: npt.NDArray[np.uint8],
    line_end: npt.NDArray[np.int64],
    columns: npt.NDArray[np.int64],
    name: npt.NDArray[np.uint8],
    copies: bool,
    out: npt.NDArray[np.int32],
) -> None:
    for v in range(out.shape[0]):
        end = line_end[v]
        pos = columns[v, 9]
        place = _place_of_key(data, columns[v, 8], pos - 1, name)
        if place < 0:
            continue
        for s in range(out.shape[1]):
            if pos > end:
                break
            passed = 0
            while passed < place and pos < end and data[pos] != _TAB:
                passed += data[pos] == _COLON
                pos += 1
            if passed == place:
                begin = pos
                n = 1
                only_dots = True
                while pos < end and data[pos] != _COLON and data[pos] != _TAB:
                    byte = data[pos]
                    if copies:
                        n += pos > begin and byte in (_SLASH, _BAR)
                        only_dots &= byte == _DOT
                    else:
                        n += byte == _COMMA
                        only_dots &= byte in (_DOT, _COMMA)
                    pos += 1
                if not only_dots:
                    out[v, s] = n
                elif copies and pos > begin:
                    out[v, s] = ONE_OR_TWO
            while pos < end and data[pos] != _TAB:
                pos += 1
            pos += 1
