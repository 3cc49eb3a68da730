"""Sums of rows of eight floats, in vector registers: what the compiler does not find by itself.

A tile [S, 8] has one line of cache a row. `sum_rows` adds the rows of a list, the lanes each by itself, in four runs
over the list, so that the order of each sum hangs on the list alone. `add_products` multiplies 32 rows of two tiles
with the doses of eight variants, which `unpack_word` gets from a word each; each sum stays in a register meanwhile.
All three exist only in jitted code.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import numpy as np
import numpy.typing as npt
from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

LANES = 8
GROUP = 8
"""Variants that `add_products` takes."""
ROWS = 32
"""Samples that `add_products` takes: those of one word."""
_RUNS = 4


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


def _broadcast(builder: Any, value: Any) -> Any:
    """Return a vector of eight times a value."""
    vector, index = ir.VectorType(value.type, LANES), ir.IntType(32)
    nothing = ir.Constant(vector, ir.Undefined)
    first = builder.insert_element(nothing, value, ir.Constant(index, 0))
    return builder.shuffle_vector(first, nothing, ir.Constant(ir.VectorType(index, LANES), [0] * LANES))


def plain_unpack_word(word: int, doses: npt.NDArray[np.float64], row: int) -> None:
    """Fill row `row` of doses [8, 32] with the 32 codes of two bits of a word, lowest first."""
    for place in range(ROWS):
        doses[row, place] = (int(word) >> (2 * place)) & 3


@intrinsic
def _unpack_word(_context: Any, word: Any, doses: Any, row: Any) -> Any:  # noqa: ARG001
    """`plain_unpack_word` of a uint64 into a contiguous array."""

    def generate(target: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        integers, vector = ir.VectorType(ir.IntType(64), LANES), ir.VectorType(ir.DoubleType(), LANES)
        data = target.make_array(signature.args[1])(target, builder, arguments[1]).data
        results = builder.bitcast(data, vector.as_pointer())
        whole = _broadcast(builder, arguments[0])
        for part in range(ROWS // LANES):
            shifts = ir.Constant(integers, [2 * (part * LANES + lane) for lane in range(LANES)])
            codes = builder.and_(builder.lshr(whole, shifts), ir.Constant(integers, [3] * LANES))
            kind = arguments[2].type
            place = builder.add(builder.mul(arguments[2], ir.Constant(kind, ROWS // LANES)), ir.Constant(kind, part))
            builder.store(builder.uitofp(codes, vector), builder.gep(results, [place])).align = 8
        return target.get_dummy_value()

    return types.void(types.uint64, doses, types.intp), generate


unpack_word = cast("Callable[[np.uint64, npt.NDArray[np.float64], int], None]", _unpack_word)


def plain_add_products(
    tiles: npt.NDArray[np.float64],
    tile: int,
    other: int,
    row: int,
    doses: npt.NDArray[np.float64],
    sums: npt.NDArray[np.float64],
) -> None:
    """Add to sums [2, 8, 8] doses [8, 32] times tiles[tile] and tiles[other], each [S, 8], from `row` on."""
    sums[0] += doses @ tiles[tile, row : row + ROWS]
    sums[1] += doses @ tiles[other, row : row + ROWS]


@intrinsic
def _add_products(
    _context: Any,
    tiles: Any,
    tile: Any,  # noqa: ARG001
    other: Any,  # noqa: ARG001
    row: Any,  # noqa: ARG001
    doses: Any,
    sums: Any,
) -> Any:
    """`plain_add_products` of contiguous arrays, float64[T, S, 8], [8, 32] and [2, 8, 8]."""

    def generate(target: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        double, vector = ir.DoubleType(), ir.VectorType(ir.DoubleType(), LANES)

        def array(number: int) -> Any:
            return target.make_array(signature.args[number])(target, builder, arguments[number])

        def whole(number: int) -> Any:
            return ir.Constant(arguments[1].type, number)

        n_rows = builder.extract_value(array(0).shape, 1)
        rows = builder.bitcast(array(0).data, vector.as_pointer())
        starts = [builder.add(builder.mul(which, n_rows), arguments[3]) for which in arguments[1:3]]
        factors = builder.bitcast(array(4).data, double.as_pointer())
        results = builder.bitcast(array(5).data, vector.as_pointer())
        held = []
        for number in range(2 * GROUP):
            first = builder.load(builder.gep(results, [whole(number)]))
            first.align = 8
            held.append(cgutils.alloca_once_value(builder, first))  # type: ignore[no-untyped-call]
        with cgutils.for_range(builder, whole(ROWS)) as loop:
            weights = []
            for start in starts:
                one = builder.load(builder.gep(rows, [builder.add(start, loop.index)]))
                one.align = 8
                weights.append(one)
            for v in range(GROUP):
                place = builder.add(loop.index, whole(v * ROWS))
                dose = _broadcast(builder, builder.load(builder.gep(factors, [place])))
                for which in range(2):
                    run = held[which * GROUP + v]
                    product = builder.fmul(weights[which], dose, flags=("contract",))
                    builder.store(builder.fadd(builder.load(run), product, flags=("contract",)), run)
        for number, run in enumerate(held):
            builder.store(builder.load(run), builder.gep(results, [whole(number)])).align = 8
        return target.get_dummy_value()

    return types.void(tiles, types.intp, types.intp, types.intp, doses, sums), generate


add_products = cast(
    "Callable[[npt.NDArray[np.float64], int, int, int, npt.NDArray[np.float64], npt.NDArray[np.float64]], None]",
    _add_products,
)
