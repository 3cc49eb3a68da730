"""Lines of two buffers held against each other."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from genomics_dc.kernels._jit import borrowing_jit


@borrowing_jit
def _equal_lines(
    first: npt.NDArray[np.uint8],
    first_start: npt.NDArray[np.int64],
    first_end: npt.NDArray[np.int64],
    second: npt.NDArray[np.uint8],
    second_start: npt.NDArray[np.int64],
    second_end: npt.NDArray[np.int64],
    same: npt.NDArray[np.bool_],
) -> None:
    for v in range(same.shape[0]):
        a = first_start[v]
        b = second_start[v]
        n = first_end[v] - a
        same[v] = n == second_end[v] - b
        if not same[v]:
            continue
        unlike = np.uint8(0)
        for i in range(n):  # no way out of the loop: so it becomes vector code
            unlike |= first[a + i] ^ second[b + i]
        same[v] = unlike == 0


def equal_lines(
    first: npt.NDArray[np.uint8],
    first_start: npt.NDArray[np.int64],
    first_end: npt.NDArray[np.int64],
    second: npt.NDArray[np.uint8],
    second_start: npt.NDArray[np.int64],
    second_end: npt.NDArray[np.int64],
) -> npt.NDArray[np.bool_]:
    """Return bool[V]: whether line v of both buffers has the same bytes.

    Parameters
    ----------
    first, second
        uint8[N]: the buffers.
    first_start, first_end, second_start, second_end
        int64[V]: where the lines begin and end.
    """
    same = np.empty(len(first_start), dtype=np.bool_)
    _equal_lines(
        first,
        np.ascontiguousarray(first_start),
        np.ascontiguousarray(first_end),
        second,
        np.ascontiguousarray(second_start),
        np.ascontiguousarray(second_end),
        same,
    )
    return same
