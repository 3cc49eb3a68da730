"""Counting and finding the bits of a word: one machine instruction each, inside compiled kernels.

`popcount(word)` and `trailing_zeros(word)` take and give uint64; they exist only in jitted code. The plain definitions
stand beside them for the tests.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import numpy as np
from numba.core import cgutils, types
from numba.extending import intrinsic


def plain_popcount(word: int) -> int:
    """Return how many bits of a word are set."""
    return word.bit_count()


def plain_trailing_zeros(word: int) -> int:
    """Return the place of the lowest set bit of a word that has one."""
    return (word & -word).bit_length() - 1


@intrinsic
def _popcount(_context: Any, word: Any) -> Any:  # noqa: ARG001  (Numba looks at the name)
    """Return how many bits of a uint64 are set, as uint64."""

    def generate(_target: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.ctpop(arguments[0])

    return types.uint64(types.uint64), generate


@intrinsic
def _trailing_zeros(_context: Any, word: Any) -> Any:  # noqa: ARG001
    """Return the place of the lowest set bit of a uint64, as uint64; undefined for zero."""

    def generate(_target: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.cttz(arguments[0], cgutils.true_bit)

    return types.uint64(types.uint64), generate


popcount = cast("Callable[[np.uint64], np.uint64]", _popcount)
trailing_zeros = cast("Callable[[np.uint64], np.uint64]", _trailing_zeros)
