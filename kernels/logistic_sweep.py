"""What a logistic fit sums over all samples, in vector registers, 32 samples at a time.

`sweep` moves a fit and looks at it: the linear predictor moves, the variant loses more of what the covariates say of
it, probabilities and weights follow, and their products with each column are added up. `add_squares` adds up X'WX,
`add_penalty` what Firth's penalty makes of the score. They exist only in jitted code; the plain definitions stand
beside them for the tests. Sums go lane by lane in the order of the samples: no thread changes them.

Columns lie in blocks, float64[S / 32, K, 32]; sample s is in lane s % 8 of a sum.
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
from genomics_dc.kernels.exponential import EXPONENT_PLACE, LN2_HIGH, LN2_LOW, LOG2_E
from genomics_dc.kernels.lanes import LANES

_Floats = npt.NDArray[np.float64]

_VECTORS = 4
WIDTH = LANES * _VECTORS  # samples of a block
_LARGEST = 700.0
# Added to a number below 2^51, it leaves the nearest whole one in the low bits.
_ROUNDER = 1.5 * 2.0**52
_SERIES = tuple(1.0 / math.factorial(k) for k in range(13, -1, -1))


def plain_sweep(
    rows: _Floats,
    present: _Floats,
    cases: _Floats,
    step: _Floats,
    shift: _Floats,
    n_sums: int,
    eta: _Floats,
    variant: _Floats,
    weight: _Floats,
    rest: _Floats,
    sums: _Floats,
) -> None:
    """Move `eta` and `variant` float64[S], fill `weight` and `rest`, add what belongs to the samples to `sums`.

    `rows` are the columns, `present` 1 or 0, `cases` 1 or 0. With the rest r = present (cases - p) and the weight
    w = present p (1 - p), the rows of `sums` float64[2 K + 2, 8] get column' r, variant' r, column' w variant and
    variant' w variant; of the columns only the first `n_sums` count. `step` float64[K + 1] moves eta along the columns
    and the variant, before `shift` float64[K] of the columns is taken off the variant.
    """
    columns = _columns(rows)
    n_columns = len(columns)
    eta += step[:n_columns] @ columns + step[n_columns] * variant
    variant -= shift @ columns
    p = 1.0 / (1.0 + np.exp(-eta))
    weight[:] = present * p * (1.0 - p)
    rest[:] = present * (cases - p)
    for first, left in ((0, rest), (n_columns + 1, weight * variant)):
        for i in range(n_sums):
            sums[first + i] += _by_lane(left * columns[i])
        sums[first + n_columns] += _by_lane(left * variant)


def plain_add_squares(rows: _Floats, weight: _Floats, sums: _Floats) -> None:
    """Add column_i' w column_k to sums[i, k] of `sums` float64[K, K, 8], k up to i."""
    columns = _columns(rows)
    for i in range(len(columns)):
        for k in range(i + 1):
            sums[i, k] += _by_lane(weight * columns[i] * columns[k])


def plain_add_penalty(
    rows: _Floats,
    weight: _Floats,
    rest: _Floats,
    cases: _Floats,
    inverse: _Floats,
    leverage: _Floats,
    sums: _Floats,
) -> None:
    """Fill the hat diagonal h = w |L^-1 x|^2, and add column' (r + h (1/2 - p)) to `sums` float64[K, 8].

    `inverse` float64[K, K] is L^-1, the lower triangle of the inverse of the Cholesky factor of X'WX.
    """
    columns = _columns(rows)
    solved = np.tril(inverse) @ columns
    leverage[:] = weight * (solved * solved).sum(axis=0)
    # 1/2 - p, as r is cases - p; who is absent has no leverage
    penalised = rest + leverage * ((0.5 - cases) + rest)
    for i, column in enumerate(columns):
        sums[i] += _by_lane(column * penalised)


def _columns(rows: _Floats) -> _Floats:
    return rows.transpose(1, 0, 2).reshape(rows.shape[1], -1)


def _by_lane(values: _Floats) -> _Floats:
    return cast(_Floats, values.reshape(-1, LANES).sum(axis=0))


def _lane_sum(lanes: _Floats) -> float:
    """Return the sum of eight lanes."""
    return float(((lanes[0] + lanes[4]) + (lanes[2] + lanes[6])) + ((lanes[1] + lanes[5]) + (lanes[3] + lanes[7])))


lane_sum_jit = jit(_lane_sum)


class _Writer:
    """Writes the instructions of one function whose arguments are arrays and numbers."""

    def __init__(self, target: Any, builder: Any, signature: Any, arguments: Any) -> None:
        self.builder = builder
        self.vector = ir.VectorType(ir.DoubleType(), LANES)
        self.arrays = {
            number: target.make_array(kind)(target, builder, arguments[number])
            for number, kind in enumerate(signature.args)
            if isinstance(kind, types.Array)
        }
        self.zero = self.constant(0.0)
        self.n_blocks, self.n_columns, _width = cgutils.unpack_tuple(  # type: ignore[no-untyped-call]
            builder, self.arrays[0].shape, 3
        )

    def constant(self, value: float) -> Any:
        """Return a number in all lanes."""
        return ir.Constant(self.vector, [value] * LANES)

    def whole(self, value: int) -> Any:
        """Return an index."""
        return ir.Constant(ir.IntType(64), value)

    def times(self, value: Any, other: Any) -> Any:
        """Return the product of two indices."""
        return self.builder.mul(value, other if not isinstance(other, int) else self.whole(other))

    def _place(self, array: int, at: Any, lane: int) -> Any:
        at = self.builder.add(at, self.whole(lane))
        return self.builder.bitcast(self.builder.gep(self.arrays[array].data, [at]), self.vector.as_pointer())

    def load(self, array: int, at: Any, lane: int = 0) -> Any:
        """Return eight floats from place at + lane of an array."""
        value = self.builder.load(self._place(array, at, lane))
        value.align = 8
        return value

    def store(self, array: int, at: Any, value: Any, lane: int = 0) -> None:
        """Write eight floats to place at + lane of an array."""
        self.builder.store(value, self._place(array, at, lane)).align = 8

    def spread(self, array: int, at: Any) -> Any:
        """Return one float of an array in all lanes."""
        nothing = ir.Constant(self.vector, ir.Undefined)
        value = self.builder.load(self.builder.gep(self.arrays[array].data, [at]))
        first = self.builder.insert_element(nothing, value, ir.Constant(ir.IntType(32), 0))
        return self.builder.shuffle_vector(
            first, nothing, ir.Constant(ir.VectorType(ir.IntType(32), LANES), [0] * LANES)
        )

    def fused(self, a: Any, b: Any, c: Any) -> Any:
        """Return a b + c, in one step where the processor has one."""
        return self.builder.fadd(self.builder.fmul(a, b, flags=("contract",)), c, flags=("contract",))

    def variables(self, number: int) -> list[Any]:
        """Return places for vectors; the compiler keeps them in registers."""
        return [
            cgutils.alloca_once(self.builder, self.vector)  # type: ignore[no-untyped-call]
            for _ in range(number)
        ]

    def add_product(self, a: Any, b: Any, variable: Any) -> None:
        """Add a b to a variable."""
        self.builder.store(self.fused(a, b, self.builder.load(variable)), variable)

    def loop(self, end: Any) -> Any:
        """Return the context of a loop from 0 to an index."""
        return cgutils.for_range(self.builder, end)

    def logistic(self, eta: Any) -> tuple[Any, Any]:
        """Return p = 1 / (1 + e) and e = exp(-eta), |eta| at most 700, within three units of the last digit.

        exp as in `kernels.exponential`; the power of two is added to the exponent of the series. NaN stays NaN.
        """
        builder = self.builder
        value = builder.fsub(self.zero, eta)
        for bound, sign in ((_LARGEST, "<"), (-_LARGEST, ">")):
            within = builder.fcmp_unordered(sign, value, self.constant(bound))
            value = builder.select(within, value, self.constant(bound))
        whole = self.fused(value, self.constant(LOG2_E), self.constant(_ROUNDER))
        power = builder.fsub(whole, self.constant(_ROUNDER))
        rest = self.fused(power, self.constant(-LN2_HIGH), value)
        rest = self.fused(power, self.constant(-LN2_LOW), rest)
        series = self.constant(_SERIES[0])
        for term in _SERIES[1:]:
            series = self.fused(series, rest, self.constant(term))
        integers = ir.VectorType(ir.IntType(64), LANES)
        exponent = builder.shl(builder.bitcast(whole, integers), ir.Constant(integers, [EXPONENT_PLACE] * LANES))
        e = builder.bitcast(builder.add(builder.bitcast(series, integers), exponent), self.vector)
        return builder.fdiv(self.constant(1.0), builder.fadd(self.constant(1.0), e)), e


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
    rest: Any,
    sums: Any,
) -> Any:
    """`plain_sweep` of contiguous float64 arrays."""

    def generate(target: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        to = _Writer(target, builder, signature, arguments)
        next_row = builder.add(to.n_columns, to.whole(1))
        own = [cgutils.alloca_once_value(builder, to.zero) for _ in range(2)]  # type: ignore[no-untyped-call]
        etas, variants = to.variables(_VECTORS), to.variables(_VECTORS)
        with to.loop(to.n_blocks) as block:
            first = to.times(block.index, WIDTH)
            first_row = to.times(first, to.n_columns)
            along = to.spread(3, to.n_columns)
            for u in range(_VECTORS):
                value = to.load(7, first, u * LANES)
                builder.store(value, variants[u])
                builder.store(to.fused(along, value, to.load(6, first, u * LANES)), etas[u])
            with to.loop(to.n_columns) as column:
                row = builder.add(first_row, to.times(column.index, WIDTH))
                move, less = to.spread(3, column.index), builder.fsub(to.zero, to.spread(4, column.index))
                for u in range(_VECTORS):
                    x = to.load(0, row, u * LANES)
                    to.add_product(move, x, etas[u])
                    to.add_product(less, x, variants[u])
            rests, weighted = [], []
            for u in range(_VECTORS):
                value, moved = builder.load(variants[u]), builder.load(etas[u])
                there = to.load(1, first, u * LANES)
                p, e = to.logistic(moved)
                w = builder.fmul(builder.fmul(there, p), builder.fmul(e, p))
                r = builder.fmul(there, builder.fsub(to.load(2, first, u * LANES), p))
                rests.append(r)
                weighted.append(builder.fmul(w, value))
                for array, found in ((6, moved), (7, value), (8, w), (9, r)):
                    to.store(array, first, found, u * LANES)
                to.add_product(r, value, own[0])
                to.add_product(weighted[u], value, own[1])
            with to.loop(arguments[5]) as column:
                row = builder.add(first_row, to.times(column.index, WIDTH))
                at = to.times(column.index, LANES)
                other = to.times(builder.add(column.index, next_row), LANES)
                total, total_other = to.load(10, at), to.load(10, other)
                for u in range(_VECTORS):
                    x = to.load(0, row, u * LANES)
                    total = to.fused(rests[u], x, total)
                    total_other = to.fused(weighted[u], x, total_other)
                to.store(10, at, total)
                to.store(10, other, total_other)
        for turn in range(2):
            at = to.times(builder.add(to.n_columns, to.times(next_row, turn)), LANES)
            to.store(10, at, builder.fadd(to.load(10, at), builder.load(own[turn])))
        return target.get_dummy_value()

    return types.void(rows, present, cases, step, shift, types.intp, eta, variant, weight, rest, sums), generate


@intrinsic
def _add_squares(_context: Any, rows: Any, weight: Any, sums: Any) -> Any:
    """`plain_add_squares` of contiguous float64 arrays."""

    def generate(target: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        to = _Writer(target, builder, signature, arguments)
        with to.loop(to.n_blocks) as block:
            first = to.times(block.index, WIDTH)
            first_row = to.times(first, to.n_columns)
            weights = [to.load(1, first, u * LANES) for u in range(_VECTORS)]
            with to.loop(to.n_columns) as column:
                row = builder.add(first_row, to.times(column.index, WIDTH))
                scaled = [builder.fmul(weights[u], to.load(0, row, u * LANES)) for u in range(_VECTORS)]
                first_sum = to.times(column.index, to.n_columns)
                with to.loop(builder.add(column.index, to.whole(1))) as other:
                    other_row = builder.add(first_row, to.times(other.index, WIDTH))
                    at = to.times(builder.add(first_sum, other.index), LANES)
                    total = to.load(2, at)
                    for u in range(_VECTORS):
                        total = to.fused(scaled[u], to.load(0, other_row, u * LANES), total)
                    to.store(2, at, total)
        return target.get_dummy_value()

    return types.void(rows, weight, sums), generate


@intrinsic
def _add_penalty(
    _context: Any, rows: Any, weight: Any, rest: Any, cases: Any, inverse: Any, leverage: Any, sums: Any
) -> Any:
    """`plain_add_penalty` of contiguous float64 arrays."""

    def generate(target: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        to = _Writer(target, builder, signature, arguments)
        squares, solved = to.variables(_VECTORS), to.variables(_VECTORS)
        with to.loop(to.n_blocks) as block:
            first = to.times(block.index, WIDTH)
            first_row = to.times(first, to.n_columns)
            for variable in squares:
                builder.store(to.zero, variable)
            with to.loop(to.n_columns) as column:
                for variable in solved:
                    builder.store(to.zero, variable)
                first_part = to.times(column.index, to.n_columns)
                with to.loop(builder.add(column.index, to.whole(1))) as other:
                    part = to.spread(4, builder.add(first_part, other.index))
                    row = builder.add(first_row, to.times(other.index, WIDTH))
                    for u in range(_VECTORS):
                        to.add_product(part, to.load(0, row, u * LANES), solved[u])
                for u in range(_VECTORS):
                    value = builder.load(solved[u])
                    to.add_product(value, value, squares[u])
            penalised = []
            for u in range(_VECTORS):
                h = builder.fmul(to.load(1, first, u * LANES), builder.load(squares[u]))
                to.store(5, first, h, u * LANES)
                r = to.load(2, first, u * LANES)
                half = builder.fadd(builder.fsub(to.constant(0.5), to.load(3, first, u * LANES)), r)
                penalised.append(to.fused(h, half, r))
            with to.loop(to.n_columns) as column:
                row = builder.add(first_row, to.times(column.index, WIDTH))
                at = to.times(column.index, LANES)
                total = to.load(6, at)
                for u in range(_VECTORS):
                    total = to.fused(penalised[u], to.load(0, row, u * LANES), total)
                to.store(6, at, total)
        return target.get_dummy_value()

    return types.void(rows, weight, rest, cases, inverse, leverage, sums), generate


sweep = cast("Callable[..., None]", _sweep)
add_squares = cast("Callable[[_Floats, _Floats, _Floats], None]", _add_squares)
add_penalty = cast("Callable[..., None]", _add_penalty)
