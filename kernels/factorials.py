"""Logarithms of factorials, looked up: probabilities of counts are made of them."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from genomics_dc.kernels._jit import jit


def _fill_ln_factorials(table: npt.NDArray[np.float64]) -> None:
    for k in range(table.shape[0]):
        table[k] = math.lgamma(k + 1.0)


_fill_ln_factorials_jit = jit(_fill_ln_factorials)


def ln_factorials(largest: int) -> npt.NDArray[np.float64]:
    """Return float64[largest + 1]: ln k! at k, right to a few units of the last digit.

    Examples
    --------
    >>> ln_factorials(3).round(6).tolist()
    [0.0, 0.0, 0.693147, 1.791759]
    """
    table = np.empty(largest + 1, dtype=np.float64)
    _fill_ln_factorials_jit(table)
    return table
