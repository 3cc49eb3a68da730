"""Products of long rows, in an order that depends on no thread: what BLAS does, without its freedom.

Rows are the long side (samples or variants). `inner` sums along rows, `add_combinations` adds rows up. Both take small
tiles, so that what a tile reads again stays in the nearest cache, and hold several sums in registers. float32 or
float64: the sums are of the type of the arrays, so a caller in single precision cuts long sums into parts.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from genomics_dc.kernels._jit import summing_jit, wide_vectors

_Rows = npt.NDArray[Any]

# Of a row, in one turn of `add_combinations`: eight such pieces stay in the nearest cache (measured: 3 times as fast).
_SPAN_BYTES = 2048


def _inner(left: _Rows, n_left: int, length: int, right: _Rows, right_first: int, out: npt.NDArray[np.float64]) -> None:
    """Add left right' to `out` float64[M, N], summed along the first `length` places of the first M rows of `left`.

    The rows of `right` [N, ...] begin at `right_first`.
    """
    wide_vectors()
    n_right = right.shape[0]
    right_last = right_first + length
    zero = left.dtype.type(0)
    i = 0
    while i + 4 <= n_left:
        a0, a1, a2, a3 = left[i, :length], left[i + 1, :length], left[i + 2, :length], left[i + 3, :length]
        j = 0
        while j + 4 <= n_right:
            b0, b1 = right[j, right_first:right_last], right[j + 1, right_first:right_last]
            b2, b3 = right[j + 2, right_first:right_last], right[j + 3, right_first:right_last]
            s00 = s01 = s02 = s03 = s10 = s11 = s12 = s13 = zero
            s20 = s21 = s22 = s23 = s30 = s31 = s32 = s33 = zero
            for s in range(length):
                x0, x1, x2, x3 = a0[s], a1[s], a2[s], a3[s]
                y0, y1, y2, y3 = b0[s], b1[s], b2[s], b3[s]
                s00 += x0 * y0
                s01 += x0 * y1
                s02 += x0 * y2
                s03 += x0 * y3
                s10 += x1 * y0
                s11 += x1 * y1
                s12 += x1 * y2
                s13 += x1 * y3
                s20 += x2 * y0
                s21 += x2 * y1
                s22 += x2 * y2
                s23 += x2 * y3
                s30 += x3 * y0
                s31 += x3 * y1
                s32 += x3 * y2
                s33 += x3 * y3
            out[i, j] += s00
            out[i, j + 1] += s01
            out[i, j + 2] += s02
            out[i, j + 3] += s03
            out[i + 1, j] += s10
            out[i + 1, j + 1] += s11
            out[i + 1, j + 2] += s12
            out[i + 1, j + 3] += s13
            out[i + 2, j] += s20
            out[i + 2, j + 1] += s21
            out[i + 2, j + 2] += s22
            out[i + 2, j + 3] += s23
            out[i + 3, j] += s30
            out[i + 3, j + 1] += s31
            out[i + 3, j + 2] += s32
            out[i + 3, j + 3] += s33
            j += 4
        while j < n_right:
            b0 = right[j, right_first:right_last]
            s00 = s10 = s20 = s30 = zero
            for s in range(length):
                y0 = b0[s]
                s00 += a0[s] * y0
                s10 += a1[s] * y0
                s20 += a2[s] * y0
                s30 += a3[s] * y0
            out[i, j] += s00
            out[i + 1, j] += s10
            out[i + 2, j] += s20
            out[i + 3, j] += s30
            j += 1
        i += 4
    while i < n_left:
        a0 = left[i, :length]
        for j in range(n_right):
            b0 = right[j, right_first:right_last]
            s00 = zero
            for s in range(length):
                s00 += a0[s] * b0[s]
            out[i, j] += s00
        i += 1


def _add_combinations(weights: _Rows, rows: _Rows, n_rows: int, length: int, out: _Rows, out_first: int) -> None:
    """Add combinations of the first M rows of `rows`, by the columns of weights [M, N], to `out` [N, ...].

    Of the rows the first `length` places count; those of `out` begin at `out_first`.
    """
    wide_vectors()
    n_out = weights.shape[1]
    span = _SPAN_BYTES // rows.itemsize
    for start in range(0, length, span):
        stop = min(start + span, length)
        first, last = out_first + start, out_first + stop
        j = 0
        while j + 4 <= n_out:
            o0, o1, o2, o3 = out[j, first:last], out[j + 1, first:last], out[j + 2, first:last], out[j + 3, first:last]
            i = 0
            while i + 4 <= n_rows:
                x0, x1 = rows[i, start:stop], rows[i + 1, start:stop]
                x2, x3 = rows[i + 2, start:stop], rows[i + 3, start:stop]
                w00, w01, w02, w03 = weights[i, j], weights[i, j + 1], weights[i, j + 2], weights[i, j + 3]
                w10, w11, w12, w13 = (
                    weights[i + 1, j],
                    weights[i + 1, j + 1],
                    weights[i + 1, j + 2],
                    weights[i + 1, j + 3],
                )
                w20, w21, w22, w23 = (
                    weights[i + 2, j],
                    weights[i + 2, j + 1],
                    weights[i + 2, j + 2],
                    weights[i + 2, j + 3],
                )
                w30, w31, w32, w33 = (
                    weights[i + 3, j],
                    weights[i + 3, j + 1],
                    weights[i + 3, j + 2],
                    weights[i + 3, j + 3],
                )
                for s in range(stop - start):
                    a, b, c, d = x0[s], x1[s], x2[s], x3[s]
                    o0[s] += w00 * a + w10 * b + w20 * c + w30 * d
                    o1[s] += w01 * a + w11 * b + w21 * c + w31 * d
                    o2[s] += w02 * a + w12 * b + w22 * c + w32 * d
                    o3[s] += w03 * a + w13 * b + w23 * c + w33 * d
                i += 4
            while i < n_rows:
                x0 = rows[i, start:stop]
                for s in range(stop - start):
                    a = x0[s]
                    o0[s] += weights[i, j] * a
                    o1[s] += weights[i, j + 1] * a
                    o2[s] += weights[i, j + 2] * a
                    o3[s] += weights[i, j + 3] * a
                i += 1
            j += 4
        while j < n_out:
            o0 = out[j, first:last]
            for i in range(n_rows):
                x0 = rows[i, start:stop]
                w00 = weights[i, j]
                for s in range(stop - start):
                    o0[s] += w00 * x0[s]
            j += 1


inner_jit = summing_jit(_inner)
add_combinations_jit = summing_jit(_add_combinations)


def inner(left: npt.NDArray[np.float64], right: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the inner products float64[M, N] of the rows of left [M, S] with those of right [N, S].

    Examples
    --------
    >>> import numpy as np
    >>> inner(np.eye(2), np.array([[3.0, 4.0]])).tolist()
    [[3.0], [4.0]]
    """
    out = np.zeros((len(left), len(right)))
    if out.size:
        inner_jit(np.ascontiguousarray(left), len(left), left.shape[1], np.ascontiguousarray(right), 0, out)
    return out


def combinations(weights: npt.NDArray[np.float64], rows: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return N combinations [N, S] of rows [M, S], by the columns of weights [M, N].

    Examples
    --------
    >>> import numpy as np
    >>> combinations(np.array([[2.0], [1.0]]), np.eye(2)).tolist()
    [[2.0, 1.0]]
    """
    out = np.zeros((weights.shape[1], rows.shape[1]))
    if len(rows) and out.size:
        add_combinations_jit(
            np.ascontiguousarray(weights), np.ascontiguousarray(rows), len(rows), rows.shape[1], out, 0
        )
    return out
