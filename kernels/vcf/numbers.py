"""Numbers in text: 32-bit integers, and floats correctly rounded to float32.

A float goes the short way: its first 19 digits as an integer, times or divided by a power of ten in float64. That is
off by less than 2^-50 of its value; when both ends of this margin round to the same float32, that is the answer.
When they do not (about one in 10^7, and numbers made to be in the middle, such as 16777217), the text is held
against the middle between the two candidates, digit for digit, as integers of 416 bits.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
from numba.cpython.unsafe.tuple import tuple_setitem

from genomics_dc.kernels._jit import borrowing_jit

NOT_NUMBER, FINE, TOO_LARGE = 0, 1, 2
"""The status of what was read; only the first is false."""

INT_MISSING = -(2**31)
INT_FILL = -(2**31) + 1
LEAST_INT = -(2**31) + 8  # BCF keeps the eight below for itself
GREATEST_INT = 2**31 - 1
FLOAT_MISSING_BITS = 0x7F800001
FLOAT_FILL_BITS = 0x7F800002

_MINUS, _PLUS, _DOT, _LOWER_E = 45, 43, 46, 101
_GREATEST_POWER = 80
_POWERS = np.array([float(10**power) for power in range(_GREATEST_POWER + 1)])
_MARGIN = 2.0**-50
_ABOVE_ALL = 46  # no float32 reaches 10^46, and none is as small as 10^-54
_BELOW_ALL = -54
_N_DIGITS = 19  # every number of so many digits fits in uint64
_EXPONENT_CAP = 100_000_000
_PAST_FLOAT32 = 2.0**128
_ZERO_LIMBS: tuple[np.uint64, ...] = (np.uint64(0),) * 13
_with_item: Any = tuple_setitem
_LOW = np.uint64(0xFFFFFFFF)
_32 = np.uint64(32)


@borrowing_jit
def read_integer(data: npt.NDArray[np.uint8], start: int, end: int) -> tuple[int, int]:
    """Return the integer in data[start:end] and its status; TOO_LARGE past int32 and BCF's eight own values."""
    pos = start
    negative = False
    if pos < end and (data[pos] == _MINUS or data[pos] == _PLUS):
        negative = data[pos] == _MINUS
        pos += 1
    if pos >= end:
        return 0, NOT_NUMBER
    value = 0
    for i in range(pos, end):
        digit = int(data[i]) - 48
        if digit < 0 or digit > 9:
            return 0, NOT_NUMBER
        value = min(value * 10 + digit, 10**12)
    if negative:
        value = -value
    if value < LEAST_INT or value > GREATEST_INT:
        return 0, TOO_LARGE
    return value, FINE


@borrowing_jit
def read_float(data: npt.NDArray[np.uint8], start: int, end: int) -> tuple[np.float32, int]:
    """Return the float32 next to the decimal number in data[start:end] (half to even), and its status.

    `inf`, `infinity` and `nan` in any case are numbers, with or without a sign. TOO_LARGE, with an infinity, when the
    number is past the greatest float32.
    """
    pos = start
    negative = False
    if pos < end and (data[pos] == _MINUS or data[pos] == _PLUS):
        negative = data[pos] == _MINUS
        pos += 1
    sign = np.float32(-1.0) if negative else np.float32(1.0)
    first = pos
    mantissa = np.uint64(0)
    n_kept = 0  # digits in the mantissa, without leading zeros
    power = 0  # the mantissa's last digit is worth ten to this
    n_read = 0
    after_dot = 0
    while pos < end:
        digit = int(data[pos]) - 48
        if digit < 0 or digit > 9:
            if data[pos] != _DOT or after_dot:
                break
            after_dot = 1
        else:
            n_read += 1
            if n_kept < _N_DIGITS:
                mantissa = mantissa * np.uint64(10) + np.uint64(digit)
                n_kept += mantissa != 0
                power -= after_dot
            else:
                power += 1 - after_dot
        pos += 1
    if n_read == 0:
        value, status = _read_word(data, first, end)
        return sign * value, status
    digits_end = pos
    exponent = 0
    if pos < end:
        exponent, fine = _read_exponent(data, pos, end)
        if not fine:
            return np.float32(0.0), NOT_NUMBER
        power += exponent
    if mantissa == 0 or power + n_kept < _BELOW_ALL:
        return sign * np.float32(0.0), FINE
    if power + n_kept > _ABOVE_ALL:
        return sign * np.float32(np.inf), TOO_LARGE
    near = float(mantissa) * _POWERS[power] if power >= 0 else float(mantissa) / _POWERS[-power]
    below = np.float32(near - near * _MARGIN)
    above = np.float32(near + near * _MARGIN)
    if below != above:
        below = _nearer(data, first, digits_end, exponent, below, above)
    return sign * below, TOO_LARGE if np.isinf(below) else FINE


@borrowing_jit
def _read_exponent(data: npt.NDArray[np.uint8], pos: int, end: int) -> tuple[int, bool]:
    if (int(data[pos]) | 32) != _LOWER_E:
        return 0, False
    pos += 1
    negative = False
    if pos < end and (data[pos] == _MINUS or data[pos] == _PLUS):
        negative = data[pos] == _MINUS
        pos += 1
    if pos >= end:
        return 0, False
    exponent = 0
    for i in range(pos, end):
        digit = int(data[i]) - 48
        if digit < 0 or digit > 9:
            return 0, False
        exponent = min(exponent * 10 + digit, _EXPONENT_CAP)
    return -exponent if negative else exponent, True


@borrowing_jit
def _read_word(data: npt.NDArray[np.uint8], start: int, end: int) -> tuple[np.float32, int]:
    """Read inf, infinity or nan."""
    n = end - start
    word = np.uint64(0)
    if n in (3, 8):
        for i in range(n):
            word = (word << np.uint64(8)) | np.uint64(data[start + i] | 32)
        if word in (np.uint64(0x696E66), np.uint64(0x696E66696E697479)):  # inf, infinity
            return np.float32(np.inf), FINE
        if word == np.uint64(0x6E616E):  # nan
            return np.float32(np.nan), FINE
    return np.float32(0.0), NOT_NUMBER


@borrowing_jit
def _nearer(
    data: npt.NDArray[np.uint8], start: int, end: int, exponent: int, below: np.float32, above: np.float32
) -> np.float32:
    """Return which of two neighbouring float32 is nearer to the digits in data[start:end] times ten to `exponent`.

    The middle between the two is N times ten to -`decimals`, N an integer; so many of the digits as have the same
    worth make another one.
    """
    top = _PAST_FLOAT32 if np.isinf(above) else float(above)
    fraction, power_of_two = math.frexp((float(below) + top) / 2)
    whole = np.uint64(fraction * 2.0**53)
    power_of_two -= 53
    while whole & np.uint64(1) == 0:
        whole >>= np.uint64(1)
        power_of_two += 1
    decimals = max(0, -power_of_two)
    middle = _times(_times(_ZERO_LIMBS, np.uint64(0), whole >> _32), np.uint64(1) << _32, whole & _LOW)
    for _ in range(abs(power_of_two)):
        middle = _times(middle, np.uint64(2 if power_of_two > 0 else 5), np.uint64(0))

    n_before_dot = 0
    dot = False
    for i in range(start, end):
        dot |= data[i] == _DOT
        n_before_dot += not dot
    n_taken = n_before_dot + exponent + decimals  # digits that are worth ten to -decimals or more
    digits = _ZERO_LIMBS
    rest = False
    n = 0
    for i in range(start, end):
        if data[i] == _DOT:
            continue
        digit = np.uint64(data[i] - 48)
        if n < n_taken:
            digits = _times(digits, np.uint64(10), digit)
        else:
            rest |= digit != 0
        n += 1
    for _ in range(n, n_taken):
        digits = _times(digits, np.uint64(10), np.uint64(0))
    for i in range(len(middle) - 1, -1, -1):
        if digits[i] != middle[i]:
            return above if digits[i] > middle[i] else below
    if rest:
        return above
    even = (np.float32(below).view(np.uint32) & np.uint32(1)) == 0
    return below if even else above


@borrowing_jit
def _times(limbs: tuple[np.uint64, ...], factor: np.uint64, addend: np.uint64) -> tuple[np.uint64, ...]:
    """Return limbs * factor + addend; limbs of 32 bits, least first."""
    carry = addend
    for i in range(len(limbs)):
        value = limbs[i] * factor + carry
        limbs = _with_item(limbs, i, value & _LOW)
        carry = value >> _32
    return limbs
