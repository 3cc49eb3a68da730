"""One field of all calls of a record: integers, floats and strings, separated by commas.

`begins` int32[S] says where each sample's value begins, counted from `first`; negative where the sample ended before.
A value ends at a colon, a tab, or `end`. What a field shows is gathered in int64[8], columns WIDTH to ODD, and becomes
`calls.FieldSeen`. `expected` is how many values a call should have, negative for any number: ODD says that some call
has another, one that is a "." alone left out. Every reader returns how many values are wrong, and of the first: what is
wrong with it, its sample, and its offset.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from genomics_dc.kernels._jit import borrowing_jit
from genomics_dc.kernels.vcf.numbers import FINE as A_NUMBER
from genomics_dc.kernels.vcf.numbers import (
    FLOAT_FILL_BITS,
    FLOAT_MISSING_BITS,
    GREATEST_INT,
    INT_FILL,
    INT_MISSING,
    LEAST_INT,
    TOO_LARGE,
    read_float,
)

WIDTH, ANY_MISSING, ANY_FILL, SENTINEL_VALUE, NOT_FINITE, LEAST, GREATEST, ODD = range(8)
N_SEEN = 8
NOT_NUMBER, RANGE, EMPTY, NOT_CHARACTER = 1, 2, 3, 4

_TAB = 9
_COMMA = 44
_MINUS = 45
_PLUS = 43
_DOT = 46
_COLON = 58
_CAP = 10**12


@borrowing_jit
def integer_row(
    data: npt.NDArray[np.uint8],
    first: int,
    end: int,
    begins: npt.NDArray[np.int32],
    width: int,
    expected: int,
    out: npt.NDArray[np.int32],
    seen: npt.NDArray[np.int64],
) -> tuple[int, int, int, int]:
    """Read integers into `out` int32[S * W]."""
    n_wrong = 0
    wrong = 0
    wrong_sample = -1
    wrong_at = 0
    widest = 0
    any_missing = False
    any_fill = False
    odd = False
    sentinel = False
    least = seen[LEAST]
    greatest = seen[GREATEST]
    for s in range(begins.shape[0]):
        place = s * width
        n = 0
        if begins[s] < 0:
            out[place] = INT_MISSING
            any_missing = True
            n = 1
        else:
            pos = first + begins[s]
            while True:
                begin = pos
                negative = False
                if pos < end and data[pos] == _MINUS:
                    negative = True
                    pos += 1
                elif pos < end and data[pos] == _PLUS:
                    pos += 1
                value = 0
                digits_at = pos
                stop = 0
                while pos < end:
                    stop = int(data[pos])
                    if stop < 48 or stop > 57:
                        break
                    value = min(value * 10 + (stop - 48), _CAP)
                    pos += 1
                ended = pos >= end or stop in (_COMMA, _COLON, _TAB)
                if pos > digits_at and ended:
                    if negative:
                        value = -value
                    if value < LEAST_INT or value > GREATEST_INT:
                        n_wrong += 1
                        if n_wrong == 1:
                            wrong = RANGE
                            wrong_sample = s
                            wrong_at = begin
                        value = INT_MISSING
                        any_missing = True
                    else:
                        sentinel |= value in (-1, -2)
                        least = min(least, value)
                        greatest = max(greatest, value)
                else:
                    while pos < end and data[pos] != _COMMA and data[pos] != _COLON and data[pos] != _TAB:
                        pos += 1
                    if not (pos == begin + 1 and data[begin] == _DOT):
                        n_wrong += 1
                        if n_wrong == 1:
                            wrong = EMPTY if pos == begin else NOT_NUMBER
                            wrong_sample = s
                            wrong_at = begin
                    value = INT_MISSING
                    any_missing = True
                if n < width:
                    out[place + n] = value
                n += 1
                if pos < end and data[pos] == _COMMA:
                    pos += 1
                else:
                    break
            odd |= n != expected and (n > 1 or value != INT_MISSING)
        widest = max(widest, n)
        any_fill |= n < width
        for i in range(place + n, place + width):
            out[i] = INT_FILL
    seen[LEAST] = least
    seen[GREATEST] = greatest
    seen[SENTINEL_VALUE] |= sentinel
    _note(seen, widest, any_missing, any_fill, odd and expected >= 0)
    return n_wrong, wrong, wrong_sample, wrong_at


@borrowing_jit
def float_row(
    data: npt.NDArray[np.uint8],
    first: int,
    end: int,
    begins: npt.NDArray[np.int32],
    width: int,
    expected: int,
    out: npt.NDArray[np.float32],
    bits: npt.NDArray[np.uint32],
    seen: npt.NDArray[np.int64],
) -> tuple[int, int, int, int]:
    """Read floats, correctly rounded, into `out` float32[S * W]; `bits` is the same as uint32."""
    n_wrong = 0
    wrong = 0
    wrong_sample = -1
    wrong_at = 0
    widest = 0
    any_missing = False
    any_fill = False
    odd = False
    for s in range(begins.shape[0]):
        place = s * width
        n = 0
        if begins[s] < 0:
            bits[place] = FLOAT_MISSING_BITS
            any_missing = True
            n = 1
        else:
            pos = first + begins[s]
            while True:
                begin = pos
                while pos < end and data[pos] != _COMMA and data[pos] != _COLON and data[pos] != _TAB:
                    pos += 1
                missing = pos == begin + 1 and data[begin] == _DOT
                if not missing:
                    value, status = read_float(data, begin, pos)
                    if status == A_NUMBER:
                        if not np.isfinite(value):
                            seen[NOT_FINITE] = 1
                        if n < width:
                            out[place + n] = value
                    else:
                        n_wrong += 1
                        if n_wrong == 1:
                            wrong = EMPTY if pos == begin else RANGE if status == TOO_LARGE else NOT_NUMBER
                            wrong_sample = s
                            wrong_at = begin
                        missing = True
                if missing:
                    any_missing = True
                    if n < width:
                        bits[place + n] = FLOAT_MISSING_BITS
                n += 1
                if pos < end and data[pos] == _COMMA:
                    pos += 1
                else:
                    break
            odd |= n != expected and (n > 1 or not missing)
        widest = max(widest, n)
        any_fill |= n < width
        for i in range(place + n, place + width):
            bits[i] = FLOAT_FILL_BITS
    _note(seen, widest, any_missing, any_fill, odd and expected >= 0)
    return n_wrong, wrong, wrong_sample, wrong_at


@borrowing_jit
def string_row(
    data: npt.NDArray[np.uint8],
    first: int,
    end: int,
    begins: npt.NDArray[np.int32],
    width: int,
    expected: int,
    split: bool,
    one_character: bool,
    dot: int,
    starts: npt.NDArray[np.int64],
    stops: npt.NDArray[np.int64],
    seen: npt.NDArray[np.int64],
) -> tuple[int, int, int, int]:
    """Note where strings begin and end, int64[S * W] each; all of a value is one string unless `split`.

    `dot` is the place of a ".", for one that is missing, or that should be there and is empty.
    """
    n_wrong = 0
    wrong = 0
    wrong_sample = -1
    wrong_at = 0
    widest = 0
    any_missing = False
    any_fill = False
    odd = False
    for s in range(begins.shape[0]):
        place = s * width
        n = 0
        if begins[s] < 0:
            starts[place] = dot
            stops[place] = dot + 1
            any_missing = True
            n = 1
        else:
            pos = first + begins[s]
            while True:
                begin = pos
                characters = 0
                while pos < end and data[pos] != _COLON and data[pos] != _TAB and not (split and data[pos] == _COMMA):
                    characters += (data[pos] & 0xC0) != 0x80  # a byte that does not go on a character of UTF-8
                    pos += 1
                if pos == begin or (one_character and characters != 1):
                    n_wrong += 1
                    if n_wrong == 1:
                        wrong = EMPTY if pos == begin else NOT_CHARACTER
                        wrong_sample = s
                        wrong_at = begin
                missing = pos == begin or (pos == begin + 1 and data[begin] == _DOT)
                any_missing |= missing
                if n < width:
                    starts[place + n] = dot if pos == begin else begin
                    stops[place + n] = dot + 1 if pos == begin else pos
                n += 1
                if pos < end and split and data[pos] == _COMMA:
                    pos += 1
                else:
                    break
            odd |= n != expected and (n > 1 or not missing)
        widest = max(widest, n)
        any_fill |= n < width
        for i in range(place + n, place + width):
            starts[i] = 0
            stops[i] = 0
    _note(seen, widest, any_missing, any_fill, odd and expected >= 0)
    return n_wrong, wrong, wrong_sample, wrong_at


@borrowing_jit
def _note(seen: npt.NDArray[np.int64], widest: int, any_missing: bool, any_fill: bool, odd: bool) -> None:
    seen[WIDTH] = max(seen[WIDTH], widest)
    seen[ANY_MISSING] |= any_missing
    seen[ANY_FILL] |= any_fill
    seen[ODD] |= odd
