"""The columns of the samples of a batch as chunks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from genomics_dc.errors import InputError
from genomics_dc.kernels import packed_counts, tiles
from genomics_dc.kernels.vcf import calls as kernels
from genomics_dc.kernels.vcf.calls import CallBatch, CallField, CallReader, GenotypeSeen
from genomics_dc.kernels.vcf.sites import Sites
from genomics_dc.store import faults, schema
from genomics_dc.store.chunks import encode, encode_strings
from genomics_dc.store.columns import (
    FLOAT,
    GENOTYPE,
    INTEGER,
    STRING,
    Column,
    Form,
    TooNarrowError,
    Widths,
    missing_and_fill,
    needs,
)
from genomics_dc.store.layout import Layout, packed_size
from genomics_dc.store.local_fields import local_values
from genomics_dc.store.strictness import Mended
from genomics_dc.store.value_numbers import NumberRules
from genomics_dc.store.vcf.source import TextBatch

_SLICE_BYTES: Final = 1 << 20  # of what is read at once, so that the processor's cache still has it when it is put away
_KIND: Final = {
    INTEGER: kernels.INTEGER,
    FLOAT: kernels.FLOAT,
    GENOTYPE: kernels.GENOTYPE,
    STRING: kernels.STRING,
}
_VALUE_BYTES: Final = {INTEGER: 4, FLOAT: 4, GENOTYPE: 1, STRING: 16}
_GREATEST_ALLELE: Final = (127, 32_767)
_TYPES: Final = (np.int8, np.int16)


@dataclass(frozen=True)
class EncodedCalls:
    """The calls of a batch as chunks, as `encode.Encoded` has them."""

    chunks: Mapping[str, Sequence[bytes]]
    absent: Mapping[str, npt.NDArray[np.uint8]]
    every_record_has_genotype: bool
    sample_counts: npt.NDArray[np.int64] | None


class CallEncoder:
    """Reads the calls of batches and puts them into chunks; one for each thread, because it keeps its buffers."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._grid = layout.grid
        self._ranges = list(layout.grid.sample_ranges())
        self._columns = layout.calls
        self._numbers = NumberRules(layout.header, lenient=layout.lenient)
        self._reader: CallReader | None = None
        self._read_forms: tuple[Form, ...] = ()
        self._buffers: dict[tuple[str, int], npt.NDArray[Any]] = {}

    def encode(
        self, batch: TextBatch, sites: Sites, widths: Widths, forms: dict[str, Form], mended: Mended
    ) -> EncodedCalls:
        """Return the calls of a batch in the given forms, and add those of the genotypes' own arrays to `forms`.

        Raises
        ------
        InputError
            For the first call that breaks the file.
        TooNarrowError
            When a value does not fit the forms.
        """
        self._tiles: dict[str, list[npt.NDArray[Any]]] = {}
        n_records = len(batch)
        present = np.empty((n_records, len(self._columns)), dtype=np.bool_)
        genotypes = _Genotypes(n_records)
        for first, stop, calls in self._slices(batch, sites, widths, forms, mended):
            present[first:stop] = calls.present
            for column in self._columns:
                local = self._layout.local.get(column.name)
                if local is not None:
                    values = local_values(local, column, calls)
                    self._put_integers(local.name, forms[local.name], values, first, stop, n_records)
                if column.name not in self._layout.replaced:
                    self._put(column, forms[column.name], calls, first, stop, n_records)
            if calls.genotype_seen is not None:
                self._put_genotypes(calls, genotypes, first, stop)
                if self._layout.keeps_joins:
                    self._put_joins(batch, calls, first, stop)
        stored = [column for column in self._columns if column.name not in self._layout.replaced]
        stored += self._layout.local.values()
        chunks = {column.name: self._chunks(column, forms[column.name], batch) for column in stored}
        absent = {
            self._layout.local.get(column.name, column).name: np.packbits(~present[:, k])
            for k, column in enumerate(self._columns)
            if column.kind != GENOTYPE and not present[:, k].all()
        }
        every = False
        sample_counts = None
        for k, column in enumerate(self._columns):
            if column.kind == GENOTYPE:
                every = bool(present[:, k].all())
                sample_counts = self._genotype_chunks(genotypes, n_records, forms, chunks)
        return EncodedCalls(chunks, absent, every, sample_counts)

    def measure(self, batch: TextBatch, sites: Sites, widths: Widths, forms: Mapping[str, Form]) -> None:
        """Read the calls of a batch, and raise what `encode` raises."""
        for _ in self._slices(batch, sites, widths, forms, Mended()):
            pass

    def _slices(
        self, batch: TextBatch, sites: Sites, widths: Widths, forms: Mapping[str, Form], mended: Mended
    ) -> Iterator[tuple[int, int, CallBatch]]:
        """Yield the calls of a batch, some records at a time, with the first record and that behind the last."""
        reader = self._reader_of(tuple(forms[column.name] for column in self._columns))
        call_bytes = sum(_VALUE_BYTES[column.kind] * forms[column.name].width for column in self._columns)
        step = max(1, _SLICE_BYTES // (self._grid.n_samples * call_bytes))
        n_alleles = sites.n_alleles
        for first in range(0, len(batch), step):
            stop = min(first + step, len(batch))
            rows = slice(first, stop)
            calls = reader.read(batch.data, batch.line_end[rows], batch.columns[rows], n_alleles[rows])
            if calls.faults.any:
                faults.judge_calls(batch, first, calls.faults, self._columns, self._layout, n_alleles, mended)
            calls = self._numbers.judge_calls(self._columns, batch, first, calls, n_alleles[rows], mended)
            self._check_fit(batch, first, stop, calls, forms, widths)
            yield first, stop, calls

    def _reader_of(self, forms: tuple[Form, ...]) -> CallReader:
        wanted = [
            CallField(
                column.key,
                kernels.CHARACTER if column.one_character else _KIND[column.kind],
                form.width,
                number=self._numbers.of_call(column),
            )
            for column, form in zip(self._columns, forms, strict=True)
        ]
        is_wide = any(
            column.kind == GENOTYPE and form.dtype == "int16" for column, form in zip(self._columns, forms, strict=True)
        )
        dtype = np.int16 if is_wide else np.int8
        if self._reader is None or self._reader.fields != tuple(wanted) or self._reader.genotype_dtype != dtype:
            self._reader = CallReader(wanted, self._grid.n_samples, genotype_dtype=dtype)
        return self._reader

    def _check_fit(
        self,
        batch: TextBatch,
        first: int,
        stop: int,
        calls: CallBatch,
        forms: Mapping[str, Form],
        widths: Widths,
    ) -> None:
        """Raise when the values of some records do not fit: InputError where the header forbids it."""
        needed = Widths()
        narrow = False
        seen = calls.genotype_seen
        if seen is not None:
            rank = 0 if seen.greatest_allele <= _GREATEST_ALLELE[0] else 1
            if seen.greatest_allele > _GREATEST_ALLELE[1]:
                raise faults.allele_too_great(batch, first, stop, seen.greatest_allele, _GREATEST_ALLELE[1])
            if rank > widths.genotype_rank or seen.ploidy > widths.ploidy:
                needed, narrow = Widths(ploidy=seen.ploidy, genotype_rank=rank), True
            if (seen.irregular or seen.prefixed) and not widths.joins:
                needed, narrow = needed.joined(Widths(joins=True)), True
        for column in self._columns:
            if column.kind == GENOTYPE:
                continue
            more = needs(column, calls.seen[column.key], forms[column.name], widths)
            if more is not None:
                needed, narrow = needed.joined(more), True
        if narrow:
            raise TooNarrowError(needed)

    def _tile(self, name: str, chunk: int, shape: tuple[int, ...], dtype: Any) -> npt.NDArray[Any]:
        """Return room for a chunk, of the batch before when it fits: new memory costs as much as filling it."""
        size = int(np.prod(shape)) * np.dtype(dtype).itemsize
        kept = self._buffers.get((name, chunk))
        if kept is None or kept.size < size:
            kept = self._buffers[name, chunk] = np.empty(size, dtype=np.uint8)
        tile: npt.NDArray[Any] = kept[:size].view(dtype).reshape(shape)
        return tile

    def _tiles_of(
        self, name: str, n_records: int, width: int, dtype: Any, ranges: Sequence[tuple[int, int]] | None = None
    ) -> list[npt.NDArray[Any]]:
        made = self._tiles.get(name)
        if made is None:
            made = self._tiles[name] = [
                self._tile(name, number, (n_records, stop - start, width), dtype)
                for number, (start, stop) in enumerate(self._ranges if ranges is None else ranges)
            ]
        return made

    def _put(self, column: Column, form: Form, calls: CallBatch, first: int, stop: int, n_records: int) -> None:
        """Put a field of some records into its tiles."""
        if column.kind == GENOTYPE:
            assert calls.genotype is not None
            for (start, end), tile in zip(
                self._ranges, self._tiles_of(column.name, n_records, form.width, form.dtype), strict=True
            ):
                tile[first:stop] = calls.genotype[:, start:end]
        elif column.kind == STRING:
            spans = calls.strings[column.key]
            for name, values in (("start", spans.start), ("end", spans.end)):
                made = self._tiles_of(f"{column.name} {name}", n_records, form.width, np.int64)
                for (start, end), tile in zip(self._ranges, made, strict=True):
                    tile[first:stop] = values[:, start:end]
        elif column.kind == INTEGER:
            integers: npt.NDArray[Any] = calls.values[column.key]
            self._put_integers(column.name, form, integers, first, stop, n_records)
        else:
            values = calls.values[column.key]
            made = self._tiles_of(column.name, n_records, form.width, form.dtype)
            for (start, end), tile in zip(self._ranges, made, strict=True):
                tile[first:stop] = values[:, start:end]

    def _put_integers(
        self, name: str, form: Form, values: npt.NDArray[np.int32], first: int, stop: int, n_records: int
    ) -> None:
        sentinels = missing_and_fill(form.dtype)
        made = self._tiles_of(name, n_records, form.width, form.dtype)
        for (start, end), tile in zip(self._ranges, made, strict=True):
            tiles.put_integers(values, start, end - start, tile[first:stop], *sentinels)

    def _put_genotypes(self, calls: CallBatch, genotypes: _Genotypes, first: int, stop: int) -> None:
        """Put phases, packed genotypes and counts of some records away."""
        assert calls.genotype_seen is not None
        assert calls.phased is not None
        assert calls.packed is not None
        assert calls.counts is not None
        n_records = genotypes.n_records
        before = genotypes.phase
        genotypes.add(calls.genotype_seen)
        if genotypes.phase == kernels.MIXED:
            for (start, end), tile in zip(
                self._ranges, self._tiles_of(schema.CALL_GENOTYPE_PHASED, n_records, 1, np.bool_), strict=True
            ):
                if before != kernels.MIXED:
                    tile[:first] = before == kernels.PHASED
                tile[first:stop, :, 0] = calls.phased[:, start:end]
        width = calls.packed.shape[1]
        self._tiles_of(schema.PACKED_DOSAGE, n_records, 1, np.uint8, [(0, width)])[0][first:stop, :, 0] = calls.packed
        genotypes.counts[first:stop] = calls.counts

    def _put_joins(self, batch: TextBatch, calls: CallBatch, first: int, stop: int) -> None:
        """Put away how the copies are joined of the calls of some records of which the phase does not say it."""
        seen, genotype = calls.genotype_seen, calls.genotype
        assert seen is not None
        assert genotype is not None
        made = self._tiles_of(schema.GENOTYPE_JOINS, len(batch), 1, np.uint16)
        if not seen.irregular and not seen.prefixed:
            for tile in made:
                tile[first:stop] = 0
            return
        rows = slice(first, stop)
        joins = kernels.genotype_separators(batch.data, batch.line_end[rows], batch.columns[rows], self._grid.n_samples)
        n_copies = np.count_nonzero(genotype != schema.ALLELE_FILL, axis=2)
        if (n_copies > kernels.MOST_JOINED).any():
            row = first + int(np.flatnonzero((n_copies > kernels.MOST_JOINED).any(axis=1))[0])
            raise InputError(
                f"{batch.where(row)}: a GT has more than {kernels.MOST_JOINED} copies, and near it are some that mix "
                "/ and |; how so many are joined cannot be kept"
            )
        n_bars = np.bitwise_count(joins & np.uint16(0x7FFE))
        is_said = (joins >> 15 == 0) & ((n_bars == 0) | (n_bars == n_copies - 1))
        joins[is_said] = 0
        for (start, end), tile in zip(self._ranges, made, strict=True):
            tile[rows, :, 0] = joins[:, start:end]

    def _chunks(self, column: Column, form: Form, batch: TextBatch) -> list[bytes]:
        meta = self._layout.meta(column.name, form)
        if column.kind == STRING:
            starts, ends = self._tiles[f"{column.name} start"], self._tiles[f"{column.name} end"]
            return [
                encode_strings(meta, batch.data, _with_tail(start, form), _with_tail(end, form))
                for start, end in zip(starts, ends, strict=True)
            ]
        return [encode(meta, _with_tail(tile, form)) for tile in self._tiles[column.name]]

    def _genotype_chunks(
        self, genotypes: _Genotypes, n_records: int, forms: dict[str, Form], chunks: dict[str, list[bytes]]
    ) -> npt.NDArray[np.int64]:
        """Add the arrays beside the genotypes to `chunks`; return the sums by sample."""
        genotype = forms[schema.CALL_GENOTYPE]
        forms[schema.CALL_GENOTYPE_MASK] = Form("bool", genotype.width, genotype.inner)
        for name in (schema.CALL_GENOTYPE_PHASED, schema.PACKED_DOSAGE, schema.VARIANT_COUNTS):
            forms[name] = self._layout.fixed[name]
        phased = self._layout.meta(schema.CALL_GENOTYPE_PHASED, forms[schema.CALL_GENOTYPE_PHASED])
        mask = self._layout.meta(schema.CALL_GENOTYPE_MASK, forms[schema.CALL_GENOTYPE_MASK])
        parts: dict[str, list[bytes]] = {schema.CALL_GENOTYPE_PHASED: [], schema.CALL_GENOTYPE_MASK: []}
        for number, (start, end) in enumerate(self._ranges):
            if genotypes.phase == kernels.MIXED:
                phases = self._tiles[schema.CALL_GENOTYPE_PHASED][number][..., 0]
            else:
                phases = np.broadcast_to(np.bool_(genotypes.phase == kernels.PHASED), (n_records, end - start))
            parts[schema.CALL_GENOTYPE_PHASED].append(encode(phased, phases))
            tile = self._tiles[schema.CALL_GENOTYPE][number]
            if genotypes.any_negative:
                masked = np.less(tile, 0, out=self._tile(schema.CALL_GENOTYPE_MASK, 0, tile.shape, np.bool_))
            else:
                masked = np.broadcast_to(np.bool_(False), tile.shape)
            parts[schema.CALL_GENOTYPE_MASK].append(encode(mask, masked))
        packed = self._tiles[schema.PACKED_DOSAGE][0][..., 0]
        meta = self._layout.meta(schema.PACKED_DOSAGE, forms[schema.PACKED_DOSAGE])
        step = packed_size(self._grid.samples)
        parts[schema.PACKED_DOSAGE] = [
            encode(meta, np.ascontiguousarray(packed[:, start : start + step]))
            for start in range(0, packed.shape[1], step)
        ]
        counted = self._layout.meta(schema.VARIANT_COUNTS, forms[schema.VARIANT_COUNTS])
        parts[schema.VARIANT_COUNTS] = [encode(counted, genotypes.counts)]
        if self._layout.keeps_joins:
            forms[schema.GENOTYPE_JOINS] = self._layout.fixed[schema.GENOTYPE_JOINS]
            joins = self._layout.meta(schema.GENOTYPE_JOINS, forms[schema.GENOTYPE_JOINS])
            parts[schema.GENOTYPE_JOINS] = [encode(joins, tile[..., 0]) for tile in self._tiles[schema.GENOTYPE_JOINS]]
        chunks.update(parts)
        every_class = np.zeros(n_records, dtype=np.int8)
        return packed_counts.sample_counts_packed(packed, genotypes.counts, self._grid.n_samples, every_class)[:, :4]


class _Genotypes:
    """What the genotypes of a batch show, slice after slice."""

    def __init__(self, n_records: int) -> None:
        self.n_records = n_records
        self.phase = -1
        self.any_negative = False
        self.counts = np.empty((n_records, 4), dtype=np.int32)

    def add(self, seen: GenotypeSeen) -> None:
        """Take the next slice."""
        self.any_negative |= seen.any_missing or seen.any_fill
        self.phase = seen.phase if self.phase in (-1, seen.phase) else kernels.MIXED


def _with_tail(tile: npt.NDArray[Any], form: Form) -> npt.NDArray[Any]:
    """Return a tile without the axis of values when the array has none."""
    return tile if form.inner else tile[..., 0]
