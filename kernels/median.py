"""The median of many numbers, NaN left out, without ordering them.

The bits of a float, the sign turned round, count in the order of the numbers. A histogram of the upper 16 bits tells in
which of 65,536 bins the middle lies; only the numbers of that bin are sorted. Exact, as a sort of all would be.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from genomics_dc.kernels._jit import jit

_BINS = 1 << 16
_BIN_PLACE = np.uint64(48)
_SIGN = np.uint64(1 << 63)


def _ordered_bits(bits: np.uint64) -> np.uint64:
    """Return the bits of a float so that larger floats have larger bits."""
    return ~bits if bits & _SIGN else bits | _SIGN


_ordered_bits_jit = jit(_ordered_bits)


def _median(values: npt.NDArray[np.float64]) -> float:
    bits = values.view(np.uint64)
    held = np.zeros(_BINS, dtype=np.int32)
    n = 0
    least = _BINS
    for i in range(values.size):
        if not math.isnan(values[i]):
            place = np.int64(_ordered_bits_jit(bits[i]) >> _BIN_PLACE)
            held[place] += 1
            if place < least:
                least = int(place)
            n += 1
    if n == 0:
        return math.nan
    first = (n - 1) // 2
    second = n // 2
    lower = np.nan
    upper = np.nan
    before = 0
    for number in range(least, _BINS):
        after = before + held[number]
        if first < after:
            has_lower = before <= first
            has_upper = second < after
            within = np.empty(held[number])
            filled = 0
            for i in range(values.size):
                if not math.isnan(values[i]) and _ordered_bits_jit(bits[i]) >> _BIN_PLACE == np.uint64(number):
                    within[filled] = values[i]
                    filled += 1
            within.sort()
            if has_lower:
                lower = within[first - before]
            if has_upper:
                upper = within[second - before]
                break
        before = after
    return lower if lower == upper else 0.5 * (lower + upper)


_median_jit = jit(_median)


def median(values: npt.NDArray[np.float64]) -> float:
    """Return the median of float64[N] that is not NaN, of two middle ones their mean; NaN of none.

    Raises
    ------
    ValueError
        When `values` is not float64 of one dimension.

    Examples
    --------
    >>> median(np.array([3.0, np.nan, 1.0, 2.0, 10.0]))
    2.5
    """
    if values.dtype != np.float64 or values.ndim != 1:
        raise ValueError(f"a median is of float64[N], not {values.dtype}{list(values.shape)}")
    return float(_median_jit(np.ascontiguousarray(values)))
