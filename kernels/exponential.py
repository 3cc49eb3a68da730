"""exp as a few multiplications, which compile to vectors in the loop of who calls it (Cody and Waite 1980)."""

from __future__ import annotations

import math

from genomics_dc.kernels._jit import jit

LOG2_E = math.log2(math.e)
LN2_HIGH = 0.6931471803691238
LN2_LOW = 1.9082149292705877e-10
# The exponent of 1.0 in a float, and where it stands
EXPONENT_BIAS, EXPONENT_PLACE = 1023, 52


def _exp_of_small(r: float) -> float:
    """Return exp(r) for |r| up to half of ln 2, by its series."""
    series = 1.0 + r * (1.0 / 13.0)
    series = 1.0 + r * (1.0 / 12.0) * series
    series = 1.0 + r * (1.0 / 11.0) * series
    series = 1.0 + r * (1.0 / 10.0) * series
    series = 1.0 + r * (1.0 / 9.0) * series
    series = 1.0 + r * (1.0 / 8.0) * series
    series = 1.0 + r * (1.0 / 7.0) * series
    series = 1.0 + r * (1.0 / 6.0) * series
    series = 1.0 + r * (1.0 / 5.0) * series
    series = 1.0 + r * (1.0 / 4.0) * series
    series = 1.0 + r * (1.0 / 3.0) * series
    series = 1.0 + r * (1.0 / 2.0) * series
    return 1.0 + r * series


exp_of_small_jit = jit(_exp_of_small)
