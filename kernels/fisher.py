"""Fisher's exact test of a two by two table, two-sided, with the mid-p form.

Given the margins, the upper left cell has a hypergeometric distribution; p is the probability of all tables that are no
likelier than the one seen (R. A. Fisher, "The Design of Experiments", 1935). The mid-p form takes half of the tables as
likely as it. Probabilities are in units of the one seen, so p = 1e-300 is as exact as p = 0.1.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from genomics_dc.kernels._jit import jit

_TIE = 2.0**-30  # relative: tables within it are equally likely
_NEGLIGIBLE = 2.0**-60
_BIG = 1e200


def _exact_ln_p(a: int, b: int, c: int, d: int, midp: bool) -> float:
    """Return ln p of the table (a b / c d)."""
    tail = 1.0
    tied = 1.0
    centre = 0.0  # likelier tables, in units of _BIG ** centre_scale
    centre_scale = 0
    for direction in (1, -1):
        p, q, r, s = float(a), float(b), float(c), float(d)
        current = 1.0  # in units of _BIG ** scale
        scale = 0
        while True:
            if direction == 1:  # one more in the upper left cell
                if q < 1.0 or r < 1.0:
                    break
                step = q * r / ((p + 1.0) * (s + 1.0))
                p, q, r, s = p + 1.0, q - 1.0, r - 1.0, s + 1.0
            else:
                if p < 1.0 or s < 1.0:
                    break
                step = p * s / ((q + 1.0) * (r + 1.0))
                p, q, r, s = p - 1.0, q + 1.0, r + 1.0, s - 1.0
            current *= step
            if current > _BIG:
                current /= _BIG
                scale += 1
            elif scale > 0 and current < 1.0:
                current *= _BIG
                scale -= 1
            if scale == 0 and current <= 1.0 + _TIE:
                tail += current
                if current >= 1.0 - _TIE:
                    tied += current
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
    extreme = tail - 0.5 * tied if midp else tail
    if centre_scale == 0:
        return math.log(extreme / (tail + centre))
    return math.log(extreme) - math.log(centre) - centre_scale * math.log(_BIG)


_exact_ln_p_jit = jit(_exact_ln_p)


def _fill_ln_p(tables: npt.NDArray[np.int64], midp: bool, ln_p: npt.NDArray[np.float64]) -> None:
    for v in range(tables.shape[0]):
        ln_p[v] = _exact_ln_p_jit(tables[v, 0], tables[v, 1], tables[v, 2], tables[v, 3], midp)


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
    float64[V]; 0 where a margin is empty (mid-p: log10 2), since there is one table only.

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
    _fill_ln_p_jit(whole, midp, ln_p)
    values: npt.NDArray[np.float64] = -ln_p / math.log(10.0) + 0.0  # + 0.0: no minus zero
    return values
