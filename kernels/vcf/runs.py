"""Runs of records that have the same text in a column."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from genomics_dc.kernels._jit import jit
from genomics_dc.kernels.vcf.text import same


def changes(
    data: npt.NDArray[np.uint8], start: npt.NDArray[np.int64], end: npt.NDArray[np.int64]
) -> npt.NDArray[np.bool_]:
    """Return bool[V]: where data[start:end] differs from that of the record before; True for the first.

    Parameters
    ----------
    data
        uint8[N], text.
    start, end
        int64[V]; an end before its start is an empty piece.
    """
    out = np.empty(len(start), dtype=np.bool_)
    _changes(data, np.ascontiguousarray(start), np.maximum(start, end), out)
    return out


@jit
def _changes(
    data: npt.NDArray[np.uint8],
    start: npt.NDArray[np.int64],
    end: npt.NDArray[np.int64],
    out: npt.NDArray[np.bool_],
) -> None:
    for v in range(start.shape[0]):
        out[v] = v == 0 or not same(data, start[v - 1], end[v - 1], data, start[v], end[v])
