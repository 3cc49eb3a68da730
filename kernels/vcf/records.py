"""Some records of a store, column by column, given back as lines of text by a program (see `render`)."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from genomics_dc.kernels.vcf import render
from genomics_dc.kernels.vcf.render import (
    ALSO,
    BASES,
    CALLS,
    EACH_SAMPLE,
    FLAG,
    FLOAT,
    GENOTYPE,
    INFO,
    INTEGER,
    ITEM,
    KEYS,
    LITERAL,
    STRING,
    VALUE,
)

__all__ = [
    "ALSO",
    "BASES",
    "CALLS",
    "EACH_SAMPLE",
    "FLAG",
    "FLOAT",
    "GENOTYPE",
    "INFO",
    "INTEGER",
    "ITEM",
    "KEYS",
    "LITERAL",
    "STRING",
    "VALUE",
    "Buffers",
    "Lines",
    "Records",
    "Strings",
]

_BUFFER_BYTES = 8 << 20
_BUFFERS_KEPT = 16


@dataclass(frozen=True)
class Strings:
    """Strings as places in a buffer of UTF-8: `start` and `end` int64 of any shape; "." is missing, empty is fill."""

    data: npt.NDArray[np.uint8]
    start: npt.NDArray[np.int64]
    end: npt.NDArray[np.int64]

    def __getitem__(self, key: Any) -> Strings:
        return Strings(self.data, self.start[key], self.end[key])

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the array of strings."""
        return self.start.shape

    @classmethod
    def of(cls, values: Any) -> Strings:
        """Return Python or NumPy strings, of any shape, as places in a buffer of their own."""
        array = np.asarray(values, dtype=object)
        encoded = [str(value).encode() for value in array.reshape(-1)]
        ends = np.cumsum([len(word) for word in encoded], dtype=np.int64)
        starts = ends - np.array([len(word) for word in encoded], dtype=np.int64)
        data = np.frombuffer(b"".join(encoded), dtype=np.uint8)
        return cls(data, starts.reshape(array.shape), ends.reshape(array.shape))

    def flat(self) -> list[str]:
        """Return the strings as Python has them, in one list."""
        if not self.start.size:
            return []
        begin = int(self.start.min())  # of a large buffer a part may be meant
        whole = self.data[begin : int(self.end.max())].tobytes()
        spans = zip((self.start.ravel() - begin).tolist(), (self.end.ravel() - begin).tolist(), strict=True)
        if whole.isascii():  # to cut one string costs half of decoding each part
            text = whole.decode("ascii")
            return [text[first:last] for first, last in spans]
        return [whole[first:last].decode() for first, last in spans]

    def tolist(self) -> Any:
        """Return the strings as Python has them, nested as the shape is."""
        flat = self.flat()
        array = np.empty(len(flat), dtype=object)
        array[:] = flat
        return array.reshape(self.shape).tolist()


@dataclass(frozen=True)
class Lines:
    """Text of records `first` to `stop`: `data` uint8[N]; record first + i ends before byte `end[i]`."""

    first: int
    stop: int
    data: npt.NDArray[np.uint8]
    end: npt.NDArray[np.int64]

    @property
    def text(self) -> memoryview:
        """The bytes, for a file."""
        return self.data.data


class Buffers:
    """Room for text that is used again: a fresh one costs as much as to print into it. Threads may share it."""

    def __init__(self) -> None:
        self._free: deque[npt.NDArray[np.uint8]] = deque(maxlen=_BUFFERS_KEPT)

    def take(self, size: int = 0) -> npt.NDArray[np.uint8]:
        """Return room for `size` bytes, or for some megabytes."""
        with suppress(IndexError):
            while not size:
                found = self._free.pop()
                if found.size >= _BUFFER_BYTES:
                    return found
        return np.empty(max(size, _BUFFER_BYTES), dtype=np.uint8)

    def give_back(self, lines: Lines) -> None:
        """Take the room of text that nobody reads any more."""
        whole = lines.data if lines.data.base is None else lines.data.base
        if isinstance(whole, np.ndarray):
            self._free.append(whole)


class Records:
    """The columns of V records and S samples that a program prints. Add fields and words, then ask for `lines`."""

    def __init__(self, n_variants: int, n_samples: int) -> None:
        self.n_variants = n_variants
        self.n_samples = n_samples
        self._numbers: list[npt.NDArray[np.int32]] = []
        self._n_numbers = 0
        self._text: list[npt.NDArray[np.uint8]] = []
        self._n_text = 0
        self._starts: list[npt.NDArray[np.int64]] = []
        self._ends: list[npt.NDArray[np.int64]] = []
        self._n_strings = 0
        self._words: list[int] = []
        self._known_words: dict[str, int] = {}
        self._fields: list[list[int]] = []
        self._info: list[int] = []
        self._info_order = np.empty((0, 0), dtype=np.int32)
        self._calls: list[int] = []
        self._always: set[int] = set()
        self._call_order: npt.NDArray[np.int32] | None = None
        self._genotype: npt.NDArray[Any] = np.empty((0, 0, 2), dtype=np.int8)
        self._phased: npt.NDArray[np.bool_] = np.empty((0, 0), dtype=np.bool_)
        self._joins: npt.NDArray[np.uint16] = np.empty((0, 0), dtype=np.uint16)

    def word(self, text: str) -> int:
        """Return the number of a word for LITERAL and for the key of a field."""
        if text not in self._known_words:
            place = self._add_strings(Strings.of([text]))
            self._known_words[text] = len(self._words)
            self._words.append(place)
        return self._known_words[text]

    def numbers(self, key: str, kind: int, values: npt.NDArray[Any], *, of_samples: bool = False) -> int:
        """Add a field of VCF Zarr numbers; return its number.

        Parameters
        ----------
        kind
            INTEGER, FLOAT or FLAG.
        values
            [V], [V, K], or with `of_samples` [V, S], [V, S, K]: integers with -1 missing and -2 fill, or float64 where
            the field has these as values; float32 or float64; bool. With `of_samples`, [1, S] is the same for all V.
        """
        base = self._n_numbers
        flat = np.ascontiguousarray(values).reshape(-1)
        out = np.empty(flat.size, dtype=np.int32)
        if flat.dtype.kind == "b":
            out[:] = np.where(flat, 1, render.INT_MISSING)
        elif flat.dtype == np.float64:
            convert = render.whole_numbers if kind == INTEGER else render.float_bits
            convert(flat.view(np.uint64), flat, out)
        elif flat.dtype == np.float32:
            if kind != FLOAT:
                return self.numbers(key, kind, _as_float64(values), of_samples=of_samples)
            out = flat.view(np.int32)
        elif flat.dtype.kind == "u":
            out[:] = flat
        elif flat.dtype.kind == "i" and flat.dtype.itemsize <= 4:
            render.widen_integers(flat, out)
        else:
            words = [{-1: ".", -2: ""}.get(int(value), str(int(value))) for value in flat]
            return self.strings(
                key, Strings.of(np.array(words, dtype=object).reshape(values.shape)), of_samples=of_samples
            )
        self._numbers.append(out)
        self._n_numbers += out.size
        return self._field(key, kind, base, values.shape, of_samples)

    def strings(self, key: str, values: Strings, *, of_samples: bool = False) -> int:
        """Add a field of strings, of the same shapes as `numbers`; return its number."""
        return self._field(key, STRING, self._add_strings(values), values.shape, of_samples)

    def genotypes(
        self,
        genotype: npt.NDArray[Any],
        phased: npt.NDArray[np.bool_] | None,
        joins: npt.NDArray[np.uint16] | None = None,
    ) -> int:
        """Add the calls, integer[V, S, P] with -1 missing and -2 fill; return the number of the field GT.

        `phased` bool[V, S], None where no call is; `joins` uint16[V, S] as `calls.genotype_separators` has it.
        """
        self._genotype = np.ascontiguousarray(genotype)
        shape = self._genotype.shape[:2]
        self._phased = np.zeros(shape, dtype=np.bool_) if phased is None else np.ascontiguousarray(phased)
        if joins is not None:
            self._joins = np.ascontiguousarray(joins)
        return self._add([GENOTYPE, 0, 0, 0, 1, self.word("GT")])

    def bases(self, alleles: int) -> int:
        """Add the calls as alleles, the strings of field `alleles`; return the field's number."""
        return self._add([BASES, alleles, 0, 0, 1, self.word("TGT")])

    def part(self, field: int, first: int) -> int:
        """Add the values of a field from number `first` on (the ALT of the alleles); return that field's number."""
        row = list(self._fields[field])
        row[render.BASE] += first
        row[render.WIDTH] -= first
        return self._add(row)

    def set_info(self, fields: Sequence[int], order: npt.NDArray[np.int32] | None = None) -> None:
        """Say which fields make INFO, in which order; `order` int32[V, F] has each record's own: see `render.ALSO`."""
        self._info = list(fields)
        if order is not None:
            self._info_order = np.ascontiguousarray(order, dtype=np.int32)

    def set_calls(
        self, fields: Sequence[int], always: Sequence[int] = (), order: npt.NDArray[np.int32] | None = None
    ) -> None:
        """Say which fields make FORMAT, in order; those of `always` stand in records where no sample has a value.

        `order` int32[V, F] has each record's own order: see `render.ALSO`.
        """
        self._calls = list(fields)
        self._always = set(always)
        self._call_order = order

    def lines(
        self,
        program: Sequence[tuple[int, int]],
        first: int = 0,
        stop: int | None = None,
        *,
        buffers: Buffers | None = None,
    ) -> Iterator[Lines]:
        """Yield the text of records `first` to `stop`, some megabytes at a time, in room from `buffers`."""
        stop = self.n_variants if stop is None else stop
        code = np.array(program, dtype=np.int64).reshape(-1, 2)
        fields = np.array(self._fields, dtype=np.int64).reshape(-1, 6)
        numbers = _joined(self._numbers, np.int32)
        text = _joined(self._text, np.uint8)
        starts, ends = _joined(self._starts, np.int64), _joined(self._ends, np.int64)
        words = np.array(self._words, dtype=np.int64)
        calls = np.array(self._calls, dtype=np.int64)
        present = np.ones((self.n_variants, len(calls)), dtype=np.bool_)
        call_order = np.empty((self.n_variants, 0), dtype=np.int32)
        if any(operation in (KEYS, CALLS) for operation, _ in program):
            for j, field in enumerate(self._calls):
                if field not in self._always:
                    column = np.empty(self.n_variants, dtype=np.bool_)
                    render.find_present(
                        field, self.n_samples, fields, numbers, text, starts, ends, self._genotype, column
                    )
                    present[:, j] = column
            call_order = _order_of_present(present, self._call_order)
        pairs = _pairs(self._genotype)
        buffers = buffers or Buffers()
        line_end = np.empty(self.n_variants, dtype=np.int64)
        size = 0
        out = buffers.take()
        while first < stop:
            after = render.render_rows(
                first,
                stop,
                self.n_samples,
                code,
                fields,
                np.array(self._info, dtype=np.int64),
                self._info_order,
                calls,
                call_order,
                numbers,
                numbers.view(np.float32),
                text,
                starts,
                ends,
                words,
                self._genotype,
                pairs,
                self._phased,
                self._joins,
                out,
                line_end,
            )
            if after == first:
                size = 2 * out.size
                out = buffers.take(size)
                continue
            bounds = line_end[first:after].copy()
            yield Lines(first, after, out[: bounds[-1]], bounds)
            first = after
            if first < stop:
                out = buffers.take(size)

    def _add_strings(self, values: Strings) -> int:
        base = self._n_strings
        self._starts.append(np.ascontiguousarray(values.start).reshape(-1) + self._n_text)
        self._ends.append(np.ascontiguousarray(values.end).reshape(-1) + self._n_text)
        self._n_strings += values.start.size
        self._text.append(values.data)
        self._n_text += values.data.size
        return base

    def _field(self, key: str, kind: int, base: int, shape: tuple[int, ...], of_samples: bool) -> int:
        n_axes = 2 if of_samples else 1
        width = shape[n_axes] if len(shape) > n_axes else 1
        by_sample = width if of_samples else 0
        by_row = width * (shape[1] if of_samples else 1)
        if shape[0] == 1 and self.n_variants != 1:
            by_row = 0
        elif shape[0] != self.n_variants or (of_samples and shape[1] != self.n_samples):
            raise ValueError(f"{key} has shape {shape}, for {self.n_variants} records and {self.n_samples} samples")
        return self._add([kind, base, by_row, by_sample, width, self.word(key)])

    def _add(self, row: list[int]) -> int:
        self._fields.append(row)
        return len(self._fields) - 1


def _order_of_present(present: npt.NDArray[np.bool_], order: npt.NDArray[np.int32] | None) -> npt.NDArray[np.int32]:
    """Return int32[V, F]: the fields that each record has, in order, -1 behind the last.

    `order` int32[V, F] has fields that stand there in any case, and others, as ALSO says, only where `present`.
    """
    if order is None:
        order = np.broadcast_to(ALSO - np.arange(present.shape[1], dtype=np.int32), present.shape)
    also = order <= ALSO
    field = np.where(also, ALSO - order, order)
    stands = ~also | np.take_along_axis(present, field, axis=1)
    places = np.argsort(~stands, axis=1, kind="stable")
    kept = np.take_along_axis(np.where(stands, field, -1), places, axis=1)
    return np.ascontiguousarray(kept, dtype=np.int32)


def _pairs(genotype: npt.NDArray[Any]) -> npt.NDArray[Any]:
    word = {1: np.uint16, 2: np.uint32}.get(genotype.itemsize, np.uint32)
    if genotype.shape[2] != 2 or genotype.itemsize > 2:
        return np.empty((0, 0), dtype=word)
    return genotype.view(word)[:, :, 0]


def _joined(parts: list[npt.NDArray[Any]], dtype: Any) -> npt.NDArray[Any]:
    if len(parts) == 1:
        return parts[0]
    return np.concatenate(parts) if parts else np.empty(0, dtype=dtype)


def _as_float64(values: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    """Return float32 as float64 with the sentinels of float64."""
    bits = np.ascontiguousarray(values).view(np.uint32)
    out = values.astype(np.float64)
    wide = out.view(np.uint64)
    wide[bits == render.FLOAT_MISSING_BITS] = 0x7FF0000000000001
    wide[bits == render.FLOAT_FILL_BITS] = 0x7FF0000000000002
    return out
