"""Sums of rows of eight floats, in vector registers: what the compiler does not find by itself.

A tile [S, 8] has one line of cache a row. `sum_rows` adds the rows of a list; it exists only in jitted code. The lanes
are summed each by itself, in four runs over the list, so that the order of each sum hangs on the list alone.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, cast

import numpy as np
import numpy.typing as npt
from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

from genomics_dc.kernels._jit import jit

LANES = 8
_RUNS = 4
_LINE_BYTES = 64


def _line_zeros(size: int) -> npt.NDArray[np.float64]:
    """Return zeros that begin with a line of cache: what reads eight floats at once then never reads two lines."""
    room = np.zeros(size + LANES)
    first = -room.ctypes.data % _LINE_BYTES // 8
    return room[first : first + size]


line_zeros_jit = jit(_line_zeros)


def aligned_zeros(*shape: int) -> npt.NDArray[np.float64]:
    """Return zeros of any shape that begin with a line of cache."""
    return _line_zeros(math.prod(shape)).reshape(shape)


def plain_sum_rows(
    tile: npt.NDArray[np.float64], listed: npt.NDArray[np.int32], begin: int, end: int, out: npt.NDArray[np.float64]
) -> None:
    """Set out[0..7] to the sum of the rows of `tile` [S, 8] listed from `begin` to `end`."""
    whole = begin + (end - begin) // _RUNS * _RUNS
    runs = np.zeros((_RUNS, LANES))
    for at in range(begin, whole):
        runs[(at - begin) % _RUNS] += tile[listed[at]]
    for at in range(whole, end):
        runs[0] += tile[listed[at]]
    out[:] = (runs[0] + runs[1]) + (runs[2] + runs[3])


@intrinsic
def _sum_rows(_context: Any, tile: Any, listed: Any, begin: Any, end: Any, out: Any) -> Any:  # noqa: ARG001
    """`plain_sum_rows` of contiguous arrays, float64[S, 8], int32 and float64[8]."""

    def generate(target: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        def pointer(number: int, kind: Any) -> Any:
            array = target.make_array(signature.args[number])(target, builder, arguments[number])
            return builder.bitcast(array.data, kind.as_pointer())

        vector = ir.VectorType(ir.DoubleType(), LANES)
        rows, places, result = pointer(0, vector), pointer(1, ir.IntType(32)), pointer(4, vector)
        begin, end = arguments[2], arguments[3]
        zero = ir.Constant(vector, [0.0] * LANES)
        runs = [cgutils.alloca_once_value(builder, zero) for _ in range(_RUNS)]  # type: ignore[no-untyped-call]

        def add(run: Any, at: Any) -> None:
            place = builder.zext(builder.load(builder.gep(places, [at])), at.type)
            row = builder.load(builder.gep(rows, [place]))
            row.align = 8
            builder.store(builder.fadd(builder.load(run), row), run)

        step = ir.Constant(begin.type, _RUNS)
        whole = builder.add(begin, builder.mul(builder.sdiv(builder.sub(end, begin), step), step))
        with cgutils.for_range_slice(builder, begin, whole, step, inc=True) as (at, _count):
            for number, run in enumerate(runs):
                add(run, builder.add(at, ir.Constant(at.type, number)))
        with cgutils.for_range_slice(builder, whole, end, ir.Constant(begin.type, 1), inc=True) as (at, _count):
            add(runs[0], at)
        sums = [builder.load(run) for run in runs]
        total = builder.fadd(builder.fadd(sums[0], sums[1]), builder.fadd(sums[2], sums[3]))
        builder.store(total, result).align = 8
        return target.get_dummy_value()

    return types.void(tile, listed, types.intp, types.intp, out), generate


sum_rows = cast(
    "Callable[[npt.NDArray[np.float64], npt.NDArray[np.int32], int, int, npt.NDArray[np.float64]], None]", _sum_rows
)
