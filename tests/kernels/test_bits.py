"""Bits of a word: the machine's instructions against the plain definition."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from genomics_dc.kernels._jit import jit
from genomics_dc.kernels.bits import plain_popcount, plain_trailing_zeros, popcount, trailing_zeros


@jit
def both(word):
    return popcount(word), trailing_zeros(word)


@settings(deadline=None)  # the first call compiles
@given(st.integers(1, 2**64 - 1))
def test_equal_the_definition(word):
    counted, place = both(np.uint64(word))
    assert (int(counted), int(place)) == (plain_popcount(word), plain_trailing_zeros(word))


def test_no_bit_is_set_in_zero():
    assert int(both(np.uint64(0))[0]) == 0
