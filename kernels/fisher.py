"""Fisher's exact test of a two by two table, in log space: right far below 1e-300.

Given the margins, the first cell is hypergeometric; the two-sided p is the probability of all tables no likelier than
the one seen (R. A. Fisher, "Statistical Methods for Research Workers", 1934, section 21.02; two sides as R and SciPy
have them). Every probability is expressed in units of the one seen and rescaled on the way, so nothing underflows, and
the walk ends where it cannot change the sum.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from genomics_dc.kernels._jit import jit

_TIE = 1e-7  # relative; R's and SciPy's bound for "equally likely"
_BIG = 1e200
_NEGLIGIBLE = 2.0**-60
_LN10 = math.log(10.0)


def _fisher_ln_p(a: int, b: int, c: int, d: int) -> float:
    """Return ln p of the table [[a, b], [c, d]]; 0 where a margin is empty."""
    tail = 1.0  # tables no likelier than the one seen, in units of it
    centre = 0.0  # likelier tables, in units of _BIG ** centre_scale
    centre_scale = 0
    for direction in (1, -1):  # towards a larger first cell, then towards a smaller one
        w = float(a)
        x = float(b)
        y = float(c)
        z = float(d)
        current = 1.0  # in units of _BIG ** scale
        scale = 0
        while True:
            if direction == 1:
                if x < 1.0 or y < 1.0:
                    break
                step = x * y / ((w + 1.0) * (z + 1.0))
                w += 1.0
                z += 1.0
                x -= 1.0
                y -= 1.0
            else:
                if w < 1.0 or z < 1.0:
                    break
                step = w * z / ((x + 1.0) * (y + 1.0))
                w -= 1.0
                z -= 1.0
                x += 1.0
                y += 1.0
            current *= step
            if current > _BIG:
                current /= _BIG
                scale += 1
            elif scale > 0 and current < 1.0:
                current *= _BIG
                scale -= 1
            if scale == 0 and current <= 1.0 + _TIE:
                tail += current
                if step < 1.0 and current < _NEGLIGIBLE * (1.0 - step):
                    break
            else:
                if scale > centre_scale:
                    centre /= _BIG ** (scale - centre_scale)
                    centre_scale = scale
                if scale == centre_scale:
                    centre += current
                elif scale == centre_scale - 1:
                    centre += current / _BIG
    if centre_scale == 0:
        return math.log(tail / (tail + centre))
    return math.log(tail) - math.log(centre) - centre_scale * math.log(_BIG)


_fisher_ln_p_jit = jit(_fisher_ln_p)


def _fisher_all(tables: npt.NDArray[np.int64], neg_log10_p: npt.NDArray[np.float64]) -> None:
    for i in range(tables.shape[0]):
        neg_log10_p[i] = -_fisher_ln_p_jit(tables[i, 0], tables[i, 1], tables[i, 2], tables[i, 3]) / _LN10 + 0.0


_fisher_all_jit = jit(_fisher_all)


def fisher_neg_log10_p(tables: npt.NDArray[np.integer]) -> npt.NDArray[np.float64]:
    """Return -log10 of the two-sided p of each table, float64[N]; 0 (p = 1) where a margin is empty.

    Parameters
    ----------
    tables
        integer[N, 4]: the cells a, b (first row), c, d (second row), none negative.

    Raises
    ------
    ValueError
        When the shape is another one, or a cell is negative.

    Examples
    --------
    >>> import numpy as np
    >>> float((10 ** -fisher_neg_log10_p(np.array([[8, 2, 1, 5]]))).round(6)[0])
    0.034965
    """
    cells = np.ascontiguousarray(tables, dtype=np.int64)
    if cells.ndim != 2 or cells.shape[1] != 4:
        raise ValueError(f"tables must have four columns, not the shape {tables.shape}")
    if cells.size and cells.min() < 0:
        raise ValueError("the cells of a table must not be negative")
    out = np.empty(len(cells), dtype=np.float64)
    _fisher_all_jit(cells, out)
    return out
