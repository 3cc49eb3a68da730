"""Numbers as VCF text: integers, and floats as "%g" of C has them, six significant digits, as htslib prints them."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from genomics_dc.kernels._jit import borrowing_jit, jit

INT_BYTES = 11
"""The longest text of an int32."""
FLOAT_BYTES = 13
"""The longest text of a float32: "-1.23457e-05" and one to spare."""

_ZERO = 48
_DOT = 46
_MINUS = 45
_PLUS = 43
_LOWER_E = 101
_DIGITS = 6
_LEAST_EXPONENT = -4
_GREATEST_POWER = 50  # of ten, by which a float32 is scaled
_POWERS = np.array([float(10**power) for power in range(_GREATEST_POWER + 1)])
_POWER_RESTS = np.array([float(10**power - int(float(10**power))) for power in range(_GREATEST_POWER + 1)])
_SPLIT = 2.0**27 + 1
_TEN_TO_FIVE, _TEN_TO_SIX = 100_000, 1_000_000
_NEAR_TIE = 1e-6  # the error of the scaled value is a thousand times smaller
_NAN_TEXT = np.frombuffer(b"nan", dtype=np.uint8).copy()
_INF_TEXT = np.frombuffer(b"inf", dtype=np.uint8).copy()


@borrowing_jit
def write_integer(out: npt.NDArray[np.uint8], pos: int, value: int) -> int:
    """Write `value` at `pos`; return where it ends. `out` must have INT_BYTES there for an int32."""
    if value < 0:
        out[pos] = _MINUS
        pos += 1
        value = -value
    if value < 10:
        out[pos] = _ZERO + value
        return pos + 1
    if value < 100:
        out[pos] = _ZERO + value // 10
        out[pos + 1] = _ZERO + value % 10
        return pos + 2
    n = 3
    bound = 1000
    while value >= bound:
        n += 1
        bound *= 10
    for i in range(pos + n - 1, pos - 1, -1):
        out[i] = _ZERO + value % 10
        value //= 10
    return pos + n


@borrowing_jit
def write_float(out: npt.NDArray[np.uint8], pos: int, value: float) -> int:
    """Write a float32 (given as float64) at `pos` as "%g"; return where it ends. `out` must have FLOAT_BYTES there."""
    if math.copysign(1.0, value) < 0:  # C says the sign of a NaN, too
        out[pos] = _MINUS
        pos += 1
        value = -value
    if value != value or value == np.inf:
        word = _NAN_TEXT if value != value else _INF_TEXT
        for i in range(3):
            out[pos + i] = word[i]
        return pos + 3
    if value < _TEN_TO_FIVE and value == np.floor(value):
        return int(write_integer(out, pos, int(value)))
    power = int(np.floor(np.log10(value)))
    digits = _six_digits(value, power)
    if digits < _TEN_TO_FIVE:  # log10 was rounded up to a whole number
        power -= 1
        digits = _six_digits(value, power)
    if digits >= _TEN_TO_SIX:
        power += 1
        digits = _six_digits(value, power)
    n = _DIGITS
    while digits % 10 == 0:
        digits //= 10
        n -= 1
    return int(_lay_out(out, pos, digits, n, power))


@borrowing_jit
def _lay_out(out: npt.NDArray[np.uint8], pos: int, digits: int, n: int, power: int) -> int:
    """Write `digits`, a number of `n` digits without a zero at its end, whose first stands for 10 ** `power`."""
    exponent = power < _LEAST_EXPONENT or power >= _DIGITS
    before = 1 if exponent else power + 1  # digits before the point
    if before <= 0:
        out[pos] = _ZERO
        out[pos + 1] = _DOT
        pos += 2
        for _ in range(-before):
            out[pos] = _ZERO
            pos += 1
        for i in range(pos + n - 1, pos - 1, -1):
            out[i] = _ZERO + digits % 10
            digits //= 10
        return pos + n
    for _ in range(n, before):
        digits *= 10
    n = max(n, before)
    last = pos + n if n > before else pos + n - 1
    for i in range(last, pos - 1, -1):
        if i == pos + before:
            out[i] = _DOT
        else:
            out[i] = _ZERO + digits % 10
            digits //= 10
    pos = last + 1
    if exponent:
        out[pos] = _LOWER_E
        out[pos + 1] = _MINUS if power < 0 else _PLUS
        power = abs(power)
        out[pos + 2] = _ZERO + power // 10
        out[pos + 3] = _ZERO + power % 10
        pos += 4
    return pos


@borrowing_jit
def _six_digits(value: float, power: int) -> int:
    """Return value / 10 ** (power - 5), rounded to the nearest whole number, to the even one of two as near."""
    shift = _DIGITS - 1 - power
    scaled = value * _POWERS[shift] if shift >= 0 else value / _POWERS[-shift]
    whole = int(np.floor(scaled))
    beyond = scaled - whole
    if abs(beyond - 0.5) > _NEAR_TIE:
        return whole + (1 if beyond > 0.5 else 0)
    # Both sides to twice the precision of float64. That is exact for the powers that float64 holds, and with greater
    # ones no float32 lies on a tie.
    half = whole + 0.5
    if shift >= 0:
        product, rest = _exact_product(value, _POWERS[shift])
        side = (product - half) + (rest + value * _POWER_RESTS[shift])
    else:
        product, rest = _exact_product(half, _POWERS[-shift])
        side = (value - product) - (rest + half * _POWER_RESTS[-shift])
    return whole + (1 if side > 0 or (side == 0 and whole % 2 == 1) else 0)


@borrowing_jit
def _exact_product(a: float, b: float) -> tuple[float, float]:
    """Return the product and what rounding took from it (Dekker 1971: halves of 26 bits multiply without rounding)."""
    a_high = a * _SPLIT - (a * _SPLIT - a)
    b_high = b * _SPLIT - (b * _SPLIT - b)
    a_low, b_low = a - a_high, b - b_high
    product = a * b
    return product, ((a_high * b_high - product) + a_high * b_low + a_low * b_high) + a_low * b_low


@jit
def float_lines(values: npt.NDArray[np.float32], out: npt.NDArray[np.uint8]) -> int:
    """Write each value and a line feed; return the bytes written. `out` must have FLOAT_BYTES + 1 a value."""
    pos = 0
    for i in range(values.shape[0]):
        pos = write_float(out, pos, np.float64(values[i]))
        out[pos] = 10
        pos += 1
    return pos
