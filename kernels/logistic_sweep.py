"""One sweep over all samples of a logistic fit, in vector registers: move, weigh, sum up.

What every turn of a fit needs of the samples is done while 32 of them are near: the linear predictor moves, the variant
loses more of what the covariates say of it, probabilities and weights follow, and their products with each column are
added up. `sweep` exists only in jitted code. Sums go lane by lane in the order of the samples: no thread changes them.
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

from genomics_dc.kernels.exponential import EXPONENT_PLACE, LN2_HIGH, LN2_LOW, LOG2_E
from genomics_dc.kernels.lanes import LANES

_VECTORS = 4
WIDTH = LANES * _VECTORS  # samples of a block
_LARGEST = 700.0
# Added to a number below 2^51, it leaves the nearest whole one in the low bits.
_ROUNDER = 1.5 * 2.0**52
_SERIES = tuple(1.0 / math.factorial(k) for k in range(13, -1, -1))


def plain_sweep(
    rows: npt.NDArray[np.float64],
    present: npt.NDArray[np.float64],
    cases: npt.NDArray[np.float64],
    step: npt.NDArray[np.float64],
    shift: npt.NDArray[np.float64],
    n_sums: int,
    eta: npt.NDArray[np.float64],
    variant: npt.NDArray[np.float64],
    weight: npt.NDArray[np.float64],
    sums: npt.NDArray[np.float64],
) -> None:
    """Move `eta` and `variant` float64[S], fill `weight`, add what belongs to the samples to `sums`.

    `rows` float64[S / 32, K, 32] are the columns, `present` 1 or 0, `cases` 1 or 0. With r = present (cases - p) and
    w = present p (1 - p), the rows of `sums` float64[2 K + 2, 8] get column' r, variant' r, column' w variant and
    variant' w variant, sample s in lane s % 8; of the columns only the first `n_sums` count. `step` float64[K + 1]
    moves eta along the columns and the variant, before `shift` float64[K] of the columns is taken off the variant.
    """
    n_columns = rows.shape[1]
    columns = rows.transpose(1, 0, 2).reshape(n_columns, -1)
    eta += step[:n_columns] @ columns + step[n_columns] * variant
    variant -= shift @ columns
    p = 1.0 / (1.0 + np.exp(-eta))
    weight[:] = present * p * (1.0 - p)
    rest = present * (cases - p)
    for first, left in ((0, rest), (n_columns + 1, weight * variant)):
        for i in range(n_sums):
            sums[first + i] += (left * columns[i]).reshape(-1, LANES).sum(axis=0)
        sums[first + n_columns] += (left * variant).reshape(-1, LANES).sum(axis=0)


def _fused(builder: Any, a: Any, b: Any, c: Any) -> Any:
    """Return a b + c, in one step where the processor has one."""
    return builder.fadd(builder.fmul(a, b, flags=("contract",)), c, flags=("contract",))


def _logistic(builder: Any, eta: Any) -> tuple[Any, Any]:
    """Return p = 1 / (1 + e) and e = exp(-eta), |eta| at most 700, within three units of the last digit.

    exp as in `kernels.exponential`; the power of two is added to the exponent of the series.
    """
    vector = eta.type

    def constant(value: float) -> Any:
        return ir.Constant(vector, [value] * LANES)

    value = builder.fsub(constant(0.0), eta)
    for bound, sign in ((_LARGEST, "<"), (-_LARGEST, ">")):
        within = builder.fcmp_unordered(sign, value, constant(bound))  # NaN stays NaN
        value = builder.select(within, value, constant(bound))
    whole = _fused(builder, value, constant(LOG2_E), constant(_ROUNDER))
    power = builder.fsub(whole, constant(_ROUNDER))
    rest = _fused(builder, power, constant(-LN2_HIGH), value)
    rest = _fused(builder, power, constant(-LN2_LOW), rest)
    series = constant(_SERIES[0])
    for term in _SERIES[1:]:
        series = _fused(builder, series, rest, constant(term))
    integers = ir.VectorType(ir.IntType(64), LANES)
    place = ir.Constant(integers, [EXPONENT_PLACE] * LANES)
    exponent = builder.shl(builder.bitcast(whole, integers), place)
    e = builder.bitcast(builder.add(builder.bitcast(series, integers), exponent), vector)
    return builder.fdiv(constant(1.0), builder.fadd(constant(1.0), e)), e


@intrinsic
def _sweep(
    _context: Any,
    rows: Any,
    present: Any,
    cases: Any,
    step: Any,
    shift: Any,
    n_sums: Any,  # noqa: ARG001
    eta: Any,
    variant: Any,
    weight: Any,
    sums: Any,
) -> Any:
    """`plain_sweep` of contiguous float64 arrays."""

    def generate(target: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        vector, word = ir.VectorType(ir.DoubleType(), LANES), ir.IntType(64)
        arrays = {
            number: target.make_array(kind)(target, builder, arguments[number])
            for number, kind in enumerate(signature.args)
            if isinstance(kind, types.Array)
        }
        n_blocks, n_columns, _width = cgutils.unpack_tuple(builder, arrays[0].shape, 3)
        lanes, width, one = (ir.Constant(word, number) for number in (LANES, WIDTH, 1))

        def place(array: int, at: Any) -> Any:
            return builder.bitcast(builder.gep(arrays[array].data, [at]), vector.as_pointer())

        def load(array: int, at: Any, lane: int = 0) -> Any:
            value = builder.load(place(array, builder.add(at, ir.Constant(word, lane))))
            value.align = 8
            return value

        def store(array: int, at: Any, value: Any, lane: int = 0) -> None:
            builder.store(value, place(array, builder.add(at, ir.Constant(word, lane)))).align = 8

        def spread(array: int, at: Any) -> Any:
            single = builder.insert_element(
                ir.Constant(vector, ir.Undefined), builder.load(builder.gep(arrays[array].data, [at])), word(0)
            )
            zeros = ir.Constant(ir.VectorType(ir.IntType(32), LANES), [0] * LANES)
            return builder.shuffle_vector(single, ir.Constant(vector, ir.Undefined), zeros)

        zero = ir.Constant(vector, [0.0] * LANES)
        own = [cgutils.alloca_once_value(builder, zero) for _ in range(2)]  # type: ignore[no-untyped-call]
        etas = [cgutils.alloca_once(builder, vector) for _ in range(_VECTORS)]
        variants = [cgutils.alloca_once(builder, vector) for _ in range(_VECTORS)]
        with cgutils.for_range(builder, n_blocks) as blocks:
            first = builder.mul(blocks.index, width)
            first_row = builder.mul(first, n_columns)
            along = spread(3, n_columns)
            for u in range(_VECTORS):
                value = load(7, first, u * LANES)
                builder.store(value, variants[u])
                builder.store(_fused(builder, along, value, load(6, first, u * LANES)), etas[u])
            with cgutils.for_range(builder, n_columns) as loop:
                row = builder.add(first_row, builder.mul(loop.index, width))
                move, less = spread(3, loop.index), builder.fsub(zero, spread(4, loop.index))
                for u in range(_VECTORS):
                    x = load(0, row, u * LANES)
                    builder.store(_fused(builder, move, x, builder.load(etas[u])), etas[u])
                    builder.store(_fused(builder, less, x, builder.load(variants[u])), variants[u])
            rests, weighted = [], []
            for u in range(_VECTORS):
                value, moved = builder.load(variants[u]), builder.load(etas[u])
                there = load(1, first, u * LANES)
                p, e = _logistic(builder, moved)
                w = builder.fmul(builder.fmul(there, p), builder.fmul(e, p))
                rests.append(builder.fmul(there, builder.fsub(load(2, first, u * LANES), p)))
                weighted.append(builder.fmul(w, value))
                for array, found in ((6, moved), (7, value), (8, w)):
                    store(array, first, found, u * LANES)
                for left, total in ((rests[u], own[0]), (weighted[u], own[1])):
                    builder.store(_fused(builder, left, value, builder.load(total)), total)
            with cgutils.for_range(builder, arguments[5]) as loop:
                row = builder.add(first_row, builder.mul(loop.index, width))
                at = builder.mul(loop.index, lanes)
                other = builder.mul(builder.add(loop.index, builder.add(n_columns, one)), lanes)
                total, total_other = load(9, at), load(9, other)
                for u in range(_VECTORS):
                    x = load(0, row, u * LANES)
                    total = _fused(builder, rests[u], x, total)
                    total_other = _fused(builder, weighted[u], x, total_other)
                store(9, at, total)
                store(9, other, total_other)
        for turn in range(2):
            at = builder.add(n_columns, builder.mul(ir.Constant(word, turn), builder.add(n_columns, one)))
            at = builder.mul(at, lanes)
            store(9, at, builder.fadd(load(9, at), builder.load(own[turn])))
        return target.get_dummy_value()

    return types.void(rows, present, cases, step, shift, types.intp, eta, variant, weight, sums), generate


sweep = cast("Callable[..., None]", _sweep)
