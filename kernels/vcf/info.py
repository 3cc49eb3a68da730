"""The INFO column of a batch of records: where each key's value is, and values as arrays.

Integers are int32 with BCF's sentinels, floats float32 with its two NaNs, strings are spans of the text. A record
without the key is missing in all W places; "." is one missing followed by fill. A missing string is the span of a ".",
a filled one is empty. The text's first byte is to be a ".", as a `TextBatch` has it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from genomics_dc.kernels._jit import borrowing_jit, jit
from genomics_dc.kernels.vcf.lines import memchr
from genomics_dc.kernels.vcf.numbers import (
    FINE,
    FLOAT_FILL_BITS,
    FLOAT_MISSING_BITS,
    INT_FILL,
    INT_MISSING,
    TOO_LARGE,
    read_float,
    read_integer,
)
from genomics_dc.kernels.vcf.problems import (
    EMPTY_INFO_KEY,
    EMPTY_VALUE,
    FLAG_WITH_VALUE,
    NOT_A_NUMBER,
    NOT_ONE_CHARACTER,
    OUT_OF_RANGE,
    REPEATED_INFO_KEY,
    UNKNOWN_INFO_KEY,
)
from genomics_dc.kernels.vcf.text import Names, find

_INFO, _FORMAT = 7, 8
_DOT, _COMMA, _SEMICOLON, _EQUALS = ord("."), ord(","), ord(";"), ord("=")
_WIDTH, _ANY_MISSING, _ANY_FILL, _SENTINEL_VALUE, _NOT_FINITE, _LEAST, _GREATEST = range(7)


@dataclass(frozen=True)
class InfoSpans:
    """Where the values of K keys are in V records.

    span
        int64[V, K, 2]: [start, end) of the value; start -1 where the record lacks the key. A key without "=" has
        start == end == the place behind it, where there is no "=" before it.
    order
        int16[V, M] or None: the keys of each record in their order, -1 behind the last, when asked for.
    problems
        int64[V]: UNKNOWN_INFO_KEY, EMPTY_INFO_KEY, REPEATED_INFO_KEY (the first holds).
    """

    span: npt.NDArray[np.int64]
    order: npt.NDArray[np.int16] | None
    problems: npt.NDArray[np.int64]


@dataclass(frozen=True)
class ValuesSeen:
    """What occurred in one field of a batch: enough to choose its type and width.

    As `genomics_dc.kernels.vcf.calls.FieldSeen`: `width` may be more than was asked for: then read again, wider
    (values past the width were looked at, and dropped).
    """

    width: int
    any_missing: bool
    any_fill: bool
    sentinel_value: bool
    not_finite: bool
    minimum: int
    maximum: int


@dataclass(frozen=True)
class InfoValues:
    """One numeric field of V records: the values, how many each record has, what is wrong, and what occurred.

    values int32 or float32 [V, W]; count int32[V], 0 where the record lacks the key; problems int64[V].
    """

    values: npt.NDArray[Any]
    count: npt.NDArray[np.int32]
    problems: npt.NDArray[np.int64]
    seen: ValuesSeen


@dataclass(frozen=True)
class InfoStrings:
    """One text field of V records: where the strings are, how many, what is wrong, and what occurred.

    start and end int64[V, W]; count int32[V]; problems int64[V]; minimum and maximum of `seen` mean nothing.
    """

    start: npt.NDArray[np.int64]
    end: npt.NDArray[np.int64]
    count: npt.NDArray[np.int32]
    problems: npt.NDArray[np.int64]
    seen: ValuesSeen


def read_info_spans(
    data: npt.NDArray[np.uint8], columns: npt.NDArray[np.int64], keys: Names, *, with_order: bool = False
) -> InfoSpans:
    """Return where the values of `keys` are; keys not among them set UNKNOWN_INFO_KEY."""
    n_rows = columns.shape[0]
    span = np.full((n_rows, len(keys), 2), -1, dtype=np.int64)
    problems = np.zeros(n_rows, dtype=np.int64)
    # a record may repeat a key, but each is noted once
    order = np.full((n_rows, len(keys) if with_order else 0), -1, dtype=np.int16)
    most = _find_keys(data, columns, keys.data, keys.start, keys.end, keys.slots, span, order, problems)
    return InfoSpans(span, np.ascontiguousarray(order[:, :most]) if with_order else None, problems)


@jit
def _find_keys(
    data: npt.NDArray[np.uint8],
    columns: npt.NDArray[np.int64],
    names: npt.NDArray[np.uint8],
    name_start: npt.NDArray[np.int64],
    name_end: npt.NDArray[np.int64],
    slots: npt.NDArray[np.int32],
    span: npt.NDArray[np.int64],
    order: npt.NDArray[np.int16],
    problems: npt.NDArray[np.int64],
) -> int:
    base = data.ctypes.data
    most = 0
    for row in range(columns.shape[0]):
        start, end = columns[row, _INFO], columns[row, _FORMAT] - 1
        if end == start + 1 and data[start] == _DOT:
            continue
        n = 0
        while start <= end:
            at = start
            while at < end and data[at] != _SEMICOLON and data[at] != _EQUALS:
                at += 1
            stop = at
            begin = at
            if at < end and data[at] == _EQUALS:
                begin = at + 1
                place = memchr(base + begin, _SEMICOLON, end - begin) if begin < end else 0
                stop = place - base if place else end
            if at == start:
                problems[row] |= EMPTY_INFO_KEY
            else:
                number = find(data, start, at, names, name_start, name_end, slots)
                if number < 0:
                    problems[row] |= UNKNOWN_INFO_KEY
                elif span[row, number, 0] >= 0:
                    problems[row] |= REPEATED_INFO_KEY
                else:
                    span[row, number, 0] = begin
                    span[row, number, 1] = stop
                    if n < order.shape[1]:
                        order[row, n] = number
                    n += 1
            start = stop + 1
        most = max(most, n)
    return most


def read_info_integers(data: npt.NDArray[np.uint8], span: npt.NDArray[np.int64], width: int) -> InfoValues:
    """Return an Integer field, given its spans int64[V, 2]; values past int32 (or BCF's eight) are OUT_OF_RANGE."""
    n_rows = span.shape[0]
    values = np.empty((n_rows, width), dtype=np.int32)
    count, problems, seen = _blank(n_rows)
    _integers(data, np.ascontiguousarray(span), values, count, problems, seen)
    return InfoValues(values, count, problems, _values_seen(seen))


def read_info_floats(data: npt.NDArray[np.uint8], span: npt.NDArray[np.int64], width: int) -> InfoValues:
    """Return a Float field, correctly rounded; a number past float32 is OUT_OF_RANGE."""
    n_rows = span.shape[0]
    values = np.empty((n_rows, width), dtype=np.float32)
    count, problems, seen = _blank(n_rows)
    _floats(data, np.ascontiguousarray(span), values, values.view(np.uint32), count, problems, seen)
    return InfoValues(values, count, problems, _values_seen(seen))


def read_info_strings(
    data: npt.NDArray[np.uint8],
    span: npt.NDArray[np.int64],
    width: int,
    *,
    split: bool = True,
    one_character: bool = False,
) -> InfoStrings:
    """Return a String or Character field; commas part it unless `split` is False (Number=1)."""
    n_rows = span.shape[0]
    start = np.empty((n_rows, width), dtype=np.int64)
    end = np.empty((n_rows, width), dtype=np.int64)
    count, problems, seen = _blank(n_rows)
    _strings(data, np.ascontiguousarray(span), split, one_character, start, end, count, problems, seen)
    return InfoStrings(start, end, count, problems, _values_seen(seen))


def read_info_flags(
    data: npt.NDArray[np.uint8], span: npt.NDArray[np.int64]
) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.int64]]:
    """Return a Flag field: present bool[V], and problems int64[V] (FLAG_WITH_VALUE)."""
    present = span[:, 0] >= 0
    before = np.where(present, span[:, 0] - 1, 0)
    with_value = present & (data[before] == _EQUALS)
    return present, np.where(with_value, FLAG_WITH_VALUE, 0).astype(np.int64)


def _blank(n_rows: int) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    seen = np.zeros(7, dtype=np.int64)
    seen[_LEAST], seen[_GREATEST] = 2**62, -(2**62)
    return np.zeros(n_rows, dtype=np.int32), np.zeros(n_rows, dtype=np.int64), seen


def _values_seen(seen: npt.NDArray[np.int64]) -> ValuesSeen:
    any_integer = seen[_LEAST] <= seen[_GREATEST]
    return ValuesSeen(
        width=int(seen[_WIDTH]),
        any_missing=bool(seen[_ANY_MISSING]),
        any_fill=bool(seen[_ANY_FILL]),
        sentinel_value=bool(seen[_SENTINEL_VALUE]),
        not_finite=bool(seen[_NOT_FINITE]),
        minimum=int(seen[_LEAST]) if any_integer else 0,
        maximum=int(seen[_GREATEST]) if any_integer else -1,
    )


@borrowing_jit
def _comma(data: npt.NDArray[np.uint8], at: int, end: int) -> int:
    while at < end and data[at] != _COMMA:
        at += 1
    return at


@borrowing_jit
def _note(seen: npt.NDArray[np.int64], n: int, width: int) -> None:
    seen[_WIDTH] = max(seen[_WIDTH], n)
    if n < width:
        seen[_ANY_FILL] = 1


@jit
def _integers(
    data: npt.NDArray[np.uint8],
    span: npt.NDArray[np.int64],
    values: npt.NDArray[np.int32],
    count: npt.NDArray[np.int32],
    problems: npt.NDArray[np.int64],
    seen: npt.NDArray[np.int64],
) -> None:
    width = values.shape[1]
    for row in range(span.shape[0]):
        start, end = span[row, 0], span[row, 1]
        if start < 0:
            values[row] = INT_MISSING
            seen[_ANY_MISSING] = 1
            continue
        n = 0
        while start <= end:
            at = _comma(data, start, end)
            value = INT_MISSING
            if at != start + 1 or data[start] != _DOT:
                number, status = read_integer(data, start, at)
                if status == FINE:
                    value = number
                    seen[_LEAST] = min(seen[_LEAST], number)
                    seen[_GREATEST] = max(seen[_GREATEST], number)
                    if number == -1 or number == -2:
                        seen[_SENTINEL_VALUE] = 1
                elif status == TOO_LARGE:
                    problems[row] |= OUT_OF_RANGE
                else:
                    problems[row] |= EMPTY_VALUE if at == start else NOT_A_NUMBER
            if value == INT_MISSING:
                seen[_ANY_MISSING] = 1
            if n < width:
                values[row, n] = value
            n += 1
            start = at + 1
        count[row] = n
        values[row, n:] = INT_FILL
        _note(seen, n, width)


@jit
def _floats(
    data: npt.NDArray[np.uint8],
    span: npt.NDArray[np.int64],
    values: npt.NDArray[np.float32],
    bits: npt.NDArray[np.uint32],
    count: npt.NDArray[np.int32],
    problems: npt.NDArray[np.int64],
    seen: npt.NDArray[np.int64],
) -> None:
    width = values.shape[1]
    for row in range(span.shape[0]):
        start, end = span[row, 0], span[row, 1]
        if start < 0:
            bits[row] = FLOAT_MISSING_BITS
            seen[_ANY_MISSING] = 1
            continue
        n = 0
        while start <= end:
            at = _comma(data, start, end)
            missing = at == start + 1 and data[start] == _DOT
            if not missing:
                number, status = read_float(data, start, at)
                if status == FINE:
                    if not np.isfinite(number):
                        seen[_NOT_FINITE] = 1
                    if n < width:
                        values[row, n] = number
                else:
                    missing = True
                    if status == TOO_LARGE:
                        problems[row] |= OUT_OF_RANGE
                    else:
                        problems[row] |= EMPTY_VALUE if at == start else NOT_A_NUMBER
            if missing:
                seen[_ANY_MISSING] = 1
                if n < width:
                    bits[row, n] = FLOAT_MISSING_BITS
            n += 1
            start = at + 1
        count[row] = n
        bits[row, n:] = FLOAT_FILL_BITS
        _note(seen, n, width)


@jit
def _strings(
    data: npt.NDArray[np.uint8],
    span: npt.NDArray[np.int64],
    split: bool,
    one_character: bool,
    starts: npt.NDArray[np.int64],
    ends: npt.NDArray[np.int64],
    count: npt.NDArray[np.int32],
    problems: npt.NDArray[np.int64],
    seen: npt.NDArray[np.int64],
) -> None:
    width = starts.shape[1]
    for row in range(span.shape[0]):
        start, end = span[row, 0], span[row, 1]
        if start < 0:
            starts[row] = 0  # the "." at the beginning of the text
            ends[row] = 1
            seen[_ANY_MISSING] = 1
            continue
        n = 0
        while start <= end:
            at = _comma(data, start, end) if split else end
            empty = at == start
            if empty:
                problems[row] |= EMPTY_VALUE
            if empty or (at == start + 1 and data[start] == _DOT):
                seen[_ANY_MISSING] = 1
            if one_character:
                characters = 0
                for place in range(start, at):
                    characters += (data[place] & 0xC0) != 0x80  # a byte that does not go on a character of UTF-8
                if characters > 1:
                    problems[row] |= NOT_ONE_CHARACTER
            if n < width:
                starts[row, n] = 0 if empty else start
                ends[row, n] = 1 if empty else at
            n += 1
            start = at + 1
        count[row] = n
        starts[row, n:] = 0
        ends[row, n:] = 0
        _note(seen, n, width)
