"""A batch of records becomes one row of chunks of every array; many threads do this at once, each with its own encoder.

A batch is read again, with more room, when a value in it asks for a wider type or more places than any before it: what
is too narrow is found before anything is written (`columns.Shapes`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from genomics_dc.errors import InputError
from genomics_dc.kernels import tiles
from genomics_dc.kernels.vcf.info import (
    InfoSpans,
    InfoStrings,
    InfoValues,
    read_info_flags,
    read_info_floats,
    read_info_integers,
    read_info_spans,
    read_info_strings,
)
from genomics_dc.kernels.vcf.runs import changes
from genomics_dc.kernels.vcf.sites import Sites
from genomics_dc.kernels.vcf.text import Names
from genomics_dc.store import faults, schema
from genomics_dc.store.chunks import encode, encode_strings
from genomics_dc.store.columns import (
    DIM_ALLELES,
    FLAG,
    INTEGER,
    INTEGER_TYPES,
    STRING,
    Column,
    Form,
    Shapes,
    TooNarrowError,
    Widths,
    integer_rank,
    missing_and_fill,
    needs,
)
from genomics_dc.store.encode_calls import CallEncoder
from genomics_dc.store.layout import Layout
from genomics_dc.store.records import batch_part, sites_part
from genomics_dc.store.strictness import Mended, RecordJudge
from genomics_dc.store.value_numbers import NumberRules
from genomics_dc.store.vcf.source import ALT, FORMAT, REF, SAMPLES, TextBatch

_DOT: Final = ord(".")
_END: Final = "END"


@dataclass(frozen=True)
class Encoded:
    """A batch as chunks.

    chunks
        By array: one for each chunk of samples, or one where the array has no samples.
    forms
        How each of them stands.
    absent
        By array: the records that lack the field, as bits (`numpy.packbits`), where some do.
    index
        int64[N, 5], rows of the region index without the chunk's number: contig, first and last position, greatest
        end, records.
    sample_counts
        int64[S, 4]: how often each sample has 0, 1, 2 copies of the first ALT allele, and no call.
    info_orders
        The order of the INFO keys of each record, as int16 bytes; empty when it is not asked for.
    format_orders
        The FORMAT column of each record; empty when the order of keys is not asked for.
    """

    n_records: int
    chunks: Mapping[str, Sequence[bytes]]
    forms: Mapping[str, Form]
    absent: Mapping[str, npt.NDArray[np.uint8]]
    index: npt.NDArray[np.int64]
    every_record_has_genotype: bool
    sample_counts: npt.NDArray[np.int64] | None = None
    info_orders: Sequence[bytes] = field(default=())
    format_orders: Sequence[bytes] = field(default=())
    mended: Mended = field(default_factory=Mended)


class BatchEncoder:
    """Turns batches into chunks; one for each thread, because it keeps its buffers."""

    def __init__(self, layout: Layout, shared: Shapes) -> None:
        self._layout = layout
        self._shapes = shared
        self._info_names = Names.of(layout.header.info)
        self._info_number = {key: number for number, key in enumerate(layout.header.info)}
        self._formats_known: set[bytes] = set()
        self._judge = RecordJudge(layout.header, lenient=layout.lenient)
        self._numbers = NumberRules(layout.header, lenient=layout.lenient)
        self._mended = Mended()
        self._calls = CallEncoder(layout) if layout.calls and layout.grid.n_samples else None

    def encode(self, batch: TextBatch, sites: Sites) -> Encoded:
        """Return a batch as chunks.

        Raises
        ------
        InputError
            For the first record that breaks the file, naming file, line, sample and what was expected.
        """
        encoded = self._run(batch, sites, dry=False)
        assert encoded is not None
        return encoded

    def measure(self, batch: TextBatch, sites: Sites) -> None:
        """Widen the shared shapes to what a batch asks for, and raise what `encode` raises."""
        self._run(batch, sites, dry=True)

    def _run(self, batch: TextBatch, sites: Sites, *, dry: bool) -> Encoded | None:
        info = read_info_spans(batch.data, batch.columns, self._info_names, with_order=self._layout.keep_info_order)
        self._mended = Mended()
        found = batch.problems | sites.problems | info.problems
        error = self._judge.first_error(found, batch, self._mended) if found.any() else None
        if error is not None:
            row, words = error
            if row:
                self.measure(batch_part(batch, 0, row), sites_part(sites, 0, row))  # an earlier one may be wrong too
            raise InputError(words)
        self._check_formats(batch)
        widths = self._shapes.join(Widths(alleles=int(sites.n_alleles.max(initial=2))))
        while True:
            try:
                if dry:
                    self._measure(batch, sites, info, widths)
                    return None
                mended = Mended(dict(self._mended.counts), dict(self._mended.first))
                return self._encode(batch, sites, info, widths, mended)
            except TooNarrowError as needed:
                widths = self._shapes.join(needed.widths)

    def _measure(self, batch: TextBatch, sites: Sites, info: InfoSpans, widths: Widths) -> None:
        """Read everything, and raise when it does not fit the widths."""
        forms = {column.name: self._shapes.form(column, widths) for column in self._layout.columns}
        if self._calls is not None:
            self._calls.measure(batch, sites, widths, forms)
        for column in self._layout.info:
            span = info.span[:, self._info_number[column.key]]
            self._read_info(batch, sites, span, column, forms[column.name], widths, Mended())

    def _encode(self, batch: TextBatch, sites: Sites, info: InfoSpans, widths: Widths, mended: Mended) -> Encoded:
        forms = {column.name: self._shapes.form(column, widths) for column in self._layout.columns}
        self._layout.add_local_forms(forms, widths)
        chunks: dict[str, Sequence[bytes]] = {}
        absent: dict[str, npt.NDArray[np.uint8]] = {}
        every_record_has_genotype = False
        sample_counts = None
        if self._calls is not None:
            calls = self._calls.encode(batch, sites, widths, forms, mended)
            chunks.update(calls.chunks)
            absent.update(calls.absent)
            every_record_has_genotype = calls.every_record_has_genotype
            sample_counts = calls.sample_counts
        elif self._layout.keeps_genotype:
            forms[schema.VARIANT_COUNTS] = self._layout.fixed[schema.VARIANT_COUNTS]
            meta = self._layout.meta(schema.VARIANT_COUNTS, forms[schema.VARIANT_COUNTS])
            chunks[schema.VARIANT_COUNTS] = [encode(meta, np.zeros((len(batch), 4), dtype=np.int32))]
        for column in self._layout.info:
            span = info.span[:, self._info_number[column.key]]
            part, span = self._info(batch, sites, span, column, forms[column.name], widths, mended)
            chunks[column.name] = [part]
            lacking = span[:, 0] < 0
            if column.kind != FLAG and lacking.any():
                absent[column.name] = np.packbits(lacking)
        length = self._lengths(batch, sites, info)
        self._sites(batch, sites, length, widths, forms, chunks)
        return Encoded(
            n_records=len(batch),
            chunks=chunks,
            forms=forms,
            absent=absent,
            index=_index_rows(sites, length),
            every_record_has_genotype=every_record_has_genotype,
            sample_counts=sample_counts,
            info_orders=_orders(info.order),
            format_orders=_formats(batch) if self._layout.keep_info_order and self._calls is not None else (),
            mended=mended,
        )

    def _sites(
        self,
        batch: TextBatch,
        sites: Sites,
        length: npt.NDArray[np.int64],
        widths: Widths,
        forms: dict[str, Form],
        chunks: dict[str, Sequence[bytes]],
    ) -> None:
        n_records = len(batch)
        contig = Form(INTEGER_TYPES[integer_rank(0, max(widths.contigs, 1))])
        forms[schema.VARIANT_CONTIG] = contig
        forms[schema.VARIANT_ALLELE] = Form(schema.STRING_DTYPE, widths.alleles, DIM_ALLELES)
        start = np.zeros((n_records, widths.alleles), dtype=np.int64)
        end = np.zeros((n_records, widths.alleles), dtype=np.int64)
        row = np.repeat(np.arange(n_records), sites.n_alleles)
        place = np.arange(len(sites.allele)) - sites.allele_first[row]
        start[row, place], end[row, place] = sites.allele[:, 0], sites.allele[:, 1]
        id_start, id_end = np.ascontiguousarray(sites.id[:, 0]), np.ascontiguousarray(sites.id[:, 1])
        no_id = (id_end - id_start == 1) & (batch.data[id_start] == _DOT)
        numbers = {
            schema.VARIANT_CONTIG: sites.contig.astype(contig.dtype),
            schema.VARIANT_POSITION: sites.position.astype(np.int32),
            schema.VARIANT_LENGTH: length.astype(np.int32),
            schema.VARIANT_ID_MASK: no_id,
            schema.VARIANT_QUALITY: sites.quality,
            schema.VARIANT_FILTER: sites.filters,
        }
        for name, values in numbers.items():
            form = forms.setdefault(name, self._layout.fixed.get(name, contig))
            chunks[name] = [encode(self._layout.meta(name, form), values)]
        forms[schema.VARIANT_ID] = self._layout.fixed[schema.VARIANT_ID]
        for name, first, last in ((schema.VARIANT_ID, id_start, id_end), (schema.VARIANT_ALLELE, start, end)):
            chunks[name] = [encode_strings(self._layout.meta(name, forms[name]), batch.data, first, last)]

    def _lengths(self, batch: TextBatch, sites: Sites, info: InfoSpans) -> npt.NDArray[np.int64]:
        """Return int64[V]: the bases from POS to END, as htslib has it; of REF where END is absent or before POS."""
        length = batch.columns[:, ALT] - 1 - batch.columns[:, REF]
        declared = self._layout.header.info.get(_END)
        if declared is not None and declared.type == "Integer":
            values = read_info_integers(batch.data, info.span[:, self._info_number[_END]], 1)
            end = values.values[:, 0].astype(np.int64)
            fits = (values.count == 1) & (end >= sites.position)
            length = np.where(fits, end - sites.position + 1, length)
        return length

    def _info(
        self,
        batch: TextBatch,
        sites: Sites,
        span: npt.NDArray[np.int64],
        column: Column,
        form: Form,
        widths: Widths,
        mended: Mended,
    ) -> tuple[bytes, npt.NDArray[np.int64]]:
        """Return a field as a chunk, and its spans, -1 also where a record is read as if it lacked the field."""
        meta = self._layout.meta(column.name, form)
        values, span = self._read_info(batch, sites, span, column, form, widths, mended)
        shape = (len(batch), *form.tail)
        if isinstance(values, InfoStrings):
            return encode_strings(meta, batch.data, values.start.reshape(shape), values.end.reshape(shape)), span
        if column.kind != INTEGER:
            return encode(meta, values.reshape(shape)), span
        tile = np.empty((len(batch), 1, form.width), dtype=form.dtype)
        tiles.put_integers(values.reshape(len(batch), 1, -1), 0, 1, tile, *missing_and_fill(form.dtype))
        return encode(meta, tile.reshape(shape)), span

    def _read_info(
        self,
        batch: TextBatch,
        sites: Sites,
        span: npt.NDArray[np.int64],
        column: Column,
        form: Form,
        widths: Widths,
        mended: Mended,
    ) -> tuple[npt.NDArray[Any] | InfoStrings, npt.NDArray[np.int64]]:
        """Return a field's values, [V] or [V, W], and its spans; raise when one is wrong or does not fit."""
        if column.kind == FLAG:
            flags, wrong = read_info_flags(batch.data, span)
            self._judge_values(wrong, batch, column, mended)
            return flags, span
        found = _values_of(batch, span, column, form)
        self._judge_values(found.problems, batch, column, mended)
        unread = self._numbers.judge_info(column, batch, span, found.count, sites.n_alleles, mended)
        if unread is not None:
            span = span.copy()
            span[unread] = -1
            found = _values_of(batch, span, column, form)
        needed = needs(column, found.seen, form, widths)
        if needed is not None:
            raise TooNarrowError(needed)
        return found if isinstance(found, InfoStrings) else found.values, span

    def _judge_values(self, found: npt.NDArray[np.int64], batch: TextBatch, column: Column, mended: Mended) -> None:
        if found.any():
            error = self._judge.first_error(found, batch, mended, key=column.key)
            if error is not None:
                raise InputError(error[1])

    def _check_formats(self, batch: TextBatch) -> None:
        """Raise InputError when a record's FORMAT has a key that the header does not declare."""
        begin, end = batch.columns[:, FORMAT], batch.columns[:, SAMPLES] - 1
        for row in np.flatnonzero(changes(batch.data, begin, end)).tolist():
            keys = bytes(batch.data[begin[row] : end[row]])
            if keys not in self._formats_known:
                words = faults.format_problem(keys.decode("utf-8"), self._layout.header)
                if words is not None and not self._layout.lenient:
                    raise InputError(f"{batch.where(row)}: {words}")
                if words is not None:
                    self._mended.add(
                        "FORMAT keys that are not declared, or that come twice, are left out", batch.where(row)
                    )
                self._formats_known.add(keys)


def _values_of(batch: TextBatch, span: npt.NDArray[np.int64], column: Column, form: Form) -> InfoStrings | InfoValues:
    if column.kind == STRING:
        return read_info_strings(batch.data, span, form.width, one_character=column.one_character)
    read = read_info_integers if column.kind == INTEGER else read_info_floats
    return read(batch.data, span, form.width)


def _index_rows(sites: Sites, length: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return int64[N, 5], for each run of one contig: contig, first and last position, greatest end, records."""
    n_records = len(sites.contig)
    begin = np.concatenate([[0], np.flatnonzero(np.diff(sites.contig)) + 1])
    stop = np.append(begin[1:], n_records)
    end = sites.position + length - 1
    return np.stack(
        [
            sites.contig[begin],
            sites.position[begin],
            sites.position[stop - 1],
            np.maximum.reduceat(end, begin),
            stop - begin,
        ],
        axis=1,
    ).astype(np.int64)


def _formats(batch: TextBatch) -> Sequence[bytes]:
    """Return the FORMAT of each record."""
    begin, end = batch.columns[:, FORMAT], batch.columns[:, SAMPLES] - 1
    first = np.flatnonzero(changes(batch.data, begin, end))
    texts = [batch.data[begin[row] : end[row]].tobytes() for row in first.tolist()]
    return [texts[run] for run in np.searchsorted(first, np.arange(len(batch)), side="right") - 1]


def _orders(order: npt.NDArray[np.int16] | None) -> Sequence[bytes]:
    """Return the order of the INFO keys of each record, as the bytes of their numbers."""
    if order is None:
        return ()
    return [row[row >= 0].tobytes() for row in order]
