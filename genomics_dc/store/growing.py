"""Arrays that are written from the first record on, and again, wider, when a later record asks for it."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
import numpy.typing as npt

from genomics_dc.store import schema
from genomics_dc.store.chunks import ArrayMeta, decode, encode
from genomics_dc.store.columns import INTEGER_TYPES, Form, recast
from genomics_dc.store.layout import Layout
from genomics_dc.store.writer import ArrayWriter, StoreWriter

_BEGINNING = threading.Lock()  # a store has one list of its arrays


class GrowingArray:
    """One array over variants: takes its chunks row by row of the grid, in order.

    A row that is narrower than the array is made wider, and so is the array when a row is wider: the chunks written so
    far are then read, decoded and written anew. This happens a few times in the first part of a file, and seldom later.
    """

    def __init__(self, name: str, layout: Layout, store: StoreWriter, writer: ThreadPoolExecutor) -> None:
        self.name = name
        self._layout = layout
        self._store = store
        self._thread = writer
        self._form: Form | None = None
        self._writer: ArrayWriter | None = None
        self._n_records: list[int] = []
        self._absent: dict[int, npt.NDArray[np.uint8]] = {}

    def add(
        self, parts: Sequence[bytes], form: Form, n_records: int, absent: npt.NDArray[np.uint8] | None = None
    ) -> Future[None]:
        """Put the next row of chunks, one for each chunk of samples (a single one where the array has none).

        They are written by the array's one thread; the result says when, or what went wrong.
        """
        return self._thread.submit(self._add, parts, form, n_records, absent)

    def _add(self, parts: Sequence[bytes], form: Form, n_records: int, absent: npt.NDArray[np.uint8] | None) -> None:
        row = len(self._n_records)
        if absent is not None:
            self._absent[row] = absent
        self._n_records.append(n_records)
        joined = form if self._form is None else join(self._form, form)
        if self._writer is None:
            self._writer = self._begin(joined)
        elif joined != self._form:
            assert self._form is not None
            self._widen(self._form, joined, row)
        self._form = joined
        self._put(row, [self._recast(row, j, part, form, joined) for j, part in enumerate(parts)])

    def _begin(self, form: Form) -> ArrayWriter:
        with _BEGINNING:
            return self._store.array(self._layout.meta(self.name, form))

    def _put(self, row: int, parts: Sequence[bytes]) -> None:
        assert self._writer is not None
        for column, part in enumerate(parts):
            self._writer.put(self._place(self._writer.meta, row, column), part)

    def _place(self, meta: ArrayMeta, row: int, column: int) -> tuple[int, ...]:
        """Return the place of a chunk in the grid of an array."""
        n_axes = 2 if self._has_samples else 1
        return (row, column)[:n_axes] + (0,) * (len(meta.inner) - n_axes)

    @property
    def _has_samples(self) -> bool:
        return self.name.startswith(schema.CALL_PREFIX) or self.name == schema.PACKED_DOSAGE

    def _widen(self, old: Form, new: Form, n_rows: int) -> None:
        """Write all rows so far again."""
        before = self._writer
        assert before is not None
        n_columns = self._layout.grid.n_sample_chunks if self._has_samples else 1
        self._writer = self._begin(new)
        for row in range(n_rows):
            parts = [before.get(self._place(before.meta, row, column)) for column in range(n_columns)]
            self._put(row, [self._recast(row, column, part, old, new) for column, part in enumerate(parts)])
        before.discard()

    def _recast(self, row: int, column: int, part: bytes, old: Form, new: Form) -> bytes:
        if old == new:
            return part
        n_records = self._n_records[row]
        values = decode(self._layout.meta(self.name, old), part)[:n_records]
        n_axes = 1
        if self._has_samples:
            n_axes = 2
            start, stop = list(self._layout.grid.sample_ranges())[column]
            values = values[:, : stop - start]
        bits = self._absent.get(row)
        absent = None if bits is None else np.unpackbits(bits, count=n_records).astype(np.bool_)
        return encode(self._layout.meta(self.name, new), recast(values, old, new, n_axes, absent))


def join(first: Form, second: Form) -> Form:
    """Return the form that holds the values of both."""
    dtype = first.dtype
    if first.dtype != second.dtype:
        dtype = INTEGER_TYPES[max(INTEGER_TYPES.index(first.dtype), INTEGER_TYPES.index(second.dtype))]
    return Form(dtype, max(first.width, second.width), first.inner or second.inner)
