"""Products of standardised genotypes with four long vectors, the genotypes unpacked in registers only.

A tile of unpacked genotypes goes to the second-level cache and comes back, which takes as long as the products. Here 16
bytes are read at once, and one instruction looks up the 16 genotypes of one place in each of them, in a table of the
four values of a variant. Each is then used for four vectors, and four variants (or 64 samples) share what is read: 16
sums stay in registers. Single precision, on processors with AVX-512 (`HAS_PANELS`); elsewhere the tiles are used.

`add_scores_of_panel` and `add_images_of_panel` exist only in jitted code; the plain definitions stand beside them for
the tests.
"""

# ruff: noqa: ARG001  (Numba looks at the names of all arguments of an intrinsic)

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, cast

import numpy as np
import numpy.typing as npt
from llvmlite import ir
from numba.core import cgutils, codegen, config, types
from numba.extending import intrinsic

_Singles = npt.NDArray[np.float32]
_Bytes = npt.NDArray[np.uint8]

LANES: Final = 16  # bytes, and floats, that are handled at once
WAYS: Final = 4  # vectors, and variants, that are handled together
_PLACES: Final = 4  # genotypes in a byte

_settings: Any = config
# Numba compiles for these, which a setting may choose; an instruction that is not among them ends the process.
_features = codegen.get_host_cpu_features if _settings.CPU_FEATURES is None else lambda: _settings.CPU_FEATURES
HAS_PANELS: Final = "+avx512f" in str(_features()).split(",")  # type: ignore[no-untyped-call]

_byte, _index, _float = ir.IntType(8), ir.IntType(32), ir.FloatType()
_bytes, _indices, _floats = (ir.VectorType(kind, LANES) for kind in (_byte, _index, _float))


def plain_add_scores_of_panel(
    panel: _Bytes,
    row: int,
    start: int,
    stop: int,
    values: _Singles,
    weights: _Singles,
    column: int,
    first: int,
    scores: _Singles,
) -> None:
    """Add to scores [V, L], rows `row`.. and columns `column`.., four of each, what bytes `start`..`stop` make.

    `panel` uint8[V, B] are packed genotypes; `values` [V, 16] what each code of a variant stands for, four times over;
    `weights` [L, W] hold the samples in the first place of those bytes from `first` on, then those in the second, ….
    """
    for v in range(row, row + WAYS):
        for place in range(_PLACES):
            x = values[v, (panel[v, start:stop] >> (2 * place)) & 3]
            begin = first + place * (stop - start)
            scores[v, column : column + WAYS] += weights[column : column + WAYS, begin : begin + stop - start] @ x


def plain_add_images_of_panel(
    panel: _Bytes,
    n_rows: int,
    start: int,
    stop: int,
    values: _Singles,
    loadings: _Singles,
    column: int,
    first: int,
    images: _Singles,
) -> None:
    """Add to four rows of images [L, W], `column` and on, the first rows of `panel` times loadings [V, L]."""
    for v in range(n_rows):
        for place in range(_PLACES):
            x = values[v, (panel[v, start:stop] >> (2 * place)) & 3]
            begin = first + place * (stop - start)
            images[column : column + WAYS, begin : begin + stop - start] += np.outer(
                loadings[v, column : column + WAYS], x
            )


class _Code:
    """Writes the instructions of one of the two functions."""

    def __init__(self, target: Any, builder: Any, signature: Any, arguments: Any) -> None:
        self._target, self.builder = target, builder
        self._types, self._arguments = signature.args, arguments

    def whole(self, value: int) -> Any:
        """Return a number as an index."""
        return ir.Constant(self._arguments[1].type, value)

    def array(self, number: int, kind: Any) -> tuple[Any, Any]:
        """Return where an argument that is an array [N, M] begins, and M."""
        array = self._target.make_array(self._types[number])(self._target, self.builder, self._arguments[number])
        return self.builder.bitcast(array.data, kind.as_pointer()), cgutils.unpack_tuple(self.builder, array.shape)[1]  # type: ignore[no-untyped-call]

    def at(self, array: tuple[Any, Any], row: Any, column: Any) -> Any:
        """Return the place of an entry of an array."""
        return self.builder.gep(array[0], [self.builder.add(self.builder.mul(row, array[1]), column)])

    def load(self, place: Any, vector: Any) -> Any:
        """Return the 16 numbers that begin at a place."""
        value = self.builder.load(self.builder.bitcast(place, vector.as_pointer()))
        value.align = 1 if vector is _bytes else 4
        return value

    def store(self, value: Any, place: Any) -> None:
        """Put 16 floats to a place."""
        self.builder.store(value, self.builder.bitcast(place, _floats.as_pointer())).align = 4

    def codes(self, place: Any) -> Any:
        """Return 16 bytes as indices."""
        return self.builder.zext(self.load(place, _bytes), _indices)

    def looked_up(self, table: Any, codes: Any, place: int) -> Any:
        """Return what the genotypes at one place of 16 bytes stand for; of an index the lowest four bits count."""
        name = "llvm.x86.avx512.permvar.sf.512"
        known = self.builder.module.globals.get(name)
        permute = known or ir.Function(self.builder.module, ir.FunctionType(_floats, [_floats, _indices]), name)
        shifted = self.builder.lshr(codes, ir.Constant(_indices, [2 * place] * LANES)) if place else codes
        return self.builder.call(permute, [table, shifted])

    def multiplied_and_added(self, left: Any, right: Any, total: Any) -> Any:
        """Return left * right + total, which may be one step."""
        product = self.builder.fmul(left, right, flags=("contract",))
        return self.builder.fadd(product, total, flags=("contract",))

    def repeated(self, value: Any) -> Any:
        """Return a float 16 times."""
        one = self.builder.insert_element(ir.Constant(_floats, ir.Undefined), value, ir.Constant(_index, 0))
        return self.builder.shuffle_vector(one, ir.Constant(_floats, ir.Undefined), ir.Constant(_indices, [0] * LANES))

    def summed(self, value: Any) -> Any:
        """Return the sum of 16 floats: halves are added to each other until one is left."""
        size = LANES // 2
        while size:
            order = ir.Constant(_indices, [(lane + size) % LANES for lane in range(LANES)])
            value = self.builder.fadd(value, self.builder.shuffle_vector(value, value, order))
            size //= 2
        return self.builder.extract_element(value, ir.Constant(_index, 0))


@intrinsic
def _add_scores(
    _context: Any,
    panel: Any,
    row: Any,
    start: Any,
    stop: Any,
    values: Any,
    weights: Any,
    column: Any,
    first: Any,
    out: Any,
) -> Any:
    def generate(target: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        code = _Code(target, builder, signature, arguments)
        _, row, start, stop, _, _, column, first, _ = arguments
        panel, values, weights, out = (
            code.array(number, kind) for number, kind in ((0, _byte), (4, _float), (5, _float), (8, _float))
        )
        rows = [builder.add(row, code.whole(v)) for v in range(WAYS)]
        columns = [builder.add(column, code.whole(j)) for j in range(WAYS)]
        tables = [code.load(code.at(values, v, code.whole(0)), _floats) for v in rows]
        zero = ir.Constant(_floats, [0.0] * LANES)
        sums = [[cgutils.alloca_once_value(builder, zero) for _ in columns] for _ in rows]  # type: ignore[no-untyped-call]
        length = builder.sub(stop, start)
        with cgutils.for_range_slice(builder, code.whole(0), length, code.whole(LANES), inc=True) as (at, _count):
            codes = [code.codes(code.at(panel, v, builder.add(start, at))) for v in rows]
            for place in range(_PLACES):
                begin = builder.add(builder.add(first, at), builder.mul(length, code.whole(place)))
                long = [code.load(code.at(weights, j, begin), _floats) for j in columns]
                for one, table, totals in zip(codes, tables, sums, strict=True):
                    x = code.looked_up(table, one, place)
                    for weight, total in zip(long, totals, strict=True):
                        builder.store(code.multiplied_and_added(x, weight, builder.load(total)), total)
        for v, totals in zip(rows, sums, strict=True):
            for j, total in zip(columns, totals, strict=True):
                entry = code.at(out, v, j)
                builder.store(builder.fadd(builder.load(entry), code.summed(builder.load(total))), entry)
        return target.get_dummy_value()

    return types.void(panel, types.intp, types.intp, types.intp, values, weights, types.intp, types.intp, out), generate


@intrinsic
def _add_images(
    _context: Any,
    panel: Any,
    n_rows: Any,
    start: Any,
    stop: Any,
    values: Any,
    loadings: Any,
    column: Any,
    first: Any,
    out: Any,
) -> Any:
    def generate(target: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        code = _Code(target, builder, signature, arguments)
        _, n_rows, start, stop, _, _, column, first, _ = arguments
        panel, values, loadings, out = (
            code.array(number, kind) for number, kind in ((0, _byte), (4, _float), (5, _float), (8, _float))
        )
        columns = [builder.add(column, code.whole(j)) for j in range(WAYS)]
        length = builder.sub(stop, start)
        with cgutils.for_range_slice(builder, code.whole(0), length, code.whole(LANES), inc=True) as (at, _count):
            entries = [
                [
                    code.at(out, j, builder.add(builder.add(first, at), builder.mul(length, code.whole(place))))
                    for j in columns
                ]
                for place in range(_PLACES)
            ]
            sums = [[cgutils.alloca_once(builder, _floats) for _ in columns] for _ in range(_PLACES)]  # type: ignore[no-untyped-call]
            for places, totals in zip(entries, sums, strict=True):
                for entry, total in zip(places, totals, strict=True):
                    builder.store(code.load(entry, _floats), total)
            with cgutils.for_range(builder, n_rows) as loop:
                v = loop.index
                codes = code.codes(code.at(panel, v, builder.add(start, at)))
                table = code.load(code.at(values, v, code.whole(0)), _floats)
                factors = [code.repeated(builder.load(code.at(loadings, v, j))) for j in columns]
                for place, totals in enumerate(sums):
                    x = code.looked_up(table, codes, place)
                    for factor, total in zip(factors, totals, strict=True):
                        builder.store(code.multiplied_and_added(x, factor, builder.load(total)), total)
            for places, totals in zip(entries, sums, strict=True):
                for entry, total in zip(places, totals, strict=True):
                    code.store(builder.load(total), entry)
        return target.get_dummy_value()

    return types.void(
        panel, types.intp, types.intp, types.intp, values, loadings, types.intp, types.intp, out
    ), generate


_Panels = Callable[[_Bytes, int, int, int, _Singles, _Singles, int, int, _Singles], None]
add_scores_of_panel = cast("_Panels", _add_scores)
add_images_of_panel = cast("_Panels", _add_images)
