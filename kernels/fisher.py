"""Fisher's exact test of a two by two table, two-sided, with the mid-p form.

Given the margins, the upper left cell has a hypergeometric distribution with one mode; p is the probability of all
tables that are no likelier than the one seen (R. A. Fisher, "The Design of Experiments", 1935). To either side of the
mode the first of them is found by halving. The mid-p form takes half of the tables as likely as the one seen.
Probabilities are summed in units of that of the one seen, so p = 1e-300 is as exact as p = 0.1.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from genomics_dc.kernels._jit import jit
from genomics_dc.kernels.factorials import ln_factorials

_TIE = 2.0**-30  # of ln p: tables within it are equally likely
_NEGLIGIBLE = 2.0**-60


def _exact_ln_p(ln_factorial: npt.NDArray[np.float64], a: int, b: int, c: int, d: int, midp: bool) -> float:
    """Return ln p of the table (a b / c d)."""
    row, other, column = a + b, c + d, a + c
    n = row + other
    seen = -ln_factorial[a] - ln_factorial[b] - ln_factorial[c] - ln_factorial[d]
    mode = (row + 1) * (column + 1) // (n + 2)
    total = 0.0
    tied = 0.0
    for side in range(2):
        step = 1 if side == 0 else -1
        last = min(row, column) - mode if side == 0 else mode - max(0, column - other)
        before = -1 if side == 0 else 0  # the mode itself belongs to the first side
        first = last + 1
        while first - before > 1:
            middle = (before + first) // 2
            cell = mode + step * middle
            value = (
                -ln_factorial[cell]
                - ln_factorial[row - cell]
                - ln_factorial[column - cell]
                - ln_factorial[other - column + cell]
            )
            if value > seen + _TIE:
                before = middle
            else:
                first = middle
        for steps in range(first, last + 1):
            cell = mode + step * steps
            difference = (
                -ln_factorial[cell]
                - ln_factorial[row - cell]
                - ln_factorial[column - cell]
                - ln_factorial[other - column + cell]
                - seen
            )
            current = math.exp(difference)
            total += current
            if difference >= -_TIE:
                tied += current
            if current < _NEGLIGIBLE * total:
                break
    constant = (
        ln_factorial[row] + ln_factorial[other] + ln_factorial[column] + ln_factorial[n - column] - ln_factorial[n]
    )
    return float(min(math.log(total - 0.5 * tied if midp else total) + seen + constant, 0.0))


_exact_ln_p_jit = jit(_exact_ln_p)


def _fill_ln_p(
    ln_factorial: npt.NDArray[np.float64],
    tables: npt.NDArray[np.int64],
    midp: bool,
    ln_p: npt.NDArray[np.float64],
) -> None:
    for v in range(tables.shape[0]):
        ln_p[v] = _exact_ln_p_jit(ln_factorial, tables[v, 0], tables[v, 1], tables[v, 2], tables[v, 3], midp)


_fill_ln_p_jit = jit(_fill_ln_p)


def exact_neg_log10_p(tables: npt.NDArray[np.integer], midp: bool = False) -> npt.NDArray[np.float64]:
    """Return -log10 of the two-sided exact p by table.

    Parameters
    ----------
    tables
        integer[V, 4]: the cells a, b of the first row and c, d of the second; none negative.
    midp
        Take half of the tables as likely as the one seen.

    Returns
    -------
    float64[V]; 0, but for rounding, where a margin is empty (mid-p: log10 2): there is one table only.

    Examples
    --------
    >>> import numpy as np
    >>> (10.0 ** -exact_neg_log10_p(np.array([[3, 1, 1, 3]]))).round(6)
    array([0.485714])
    """
    whole: npt.NDArray[np.int64] = np.ascontiguousarray(tables, dtype=np.int64)
    if whole.ndim != 2 or whole.shape[1] != 4:
        raise ValueError(f"tables must have shape (V, 4), not {whole.shape}")
    if whole.size and whole.min() < 0:
        raise ValueError("counts must not be negative")
    ln_p = np.empty(whole.shape[0], dtype=np.float64)
    largest = int(whole.sum(axis=1).max()) if len(whole) else 0
    _fill_ln_p_jit(ln_factorials(largest), whole, midp, ln_p)
    values: npt.NDArray[np.float64] = -ln_p / math.log(10.0) + 0.0  # + 0.0: no minus zero
    return values
