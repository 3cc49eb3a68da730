"""The records of one cohort in genome order, from one file or from many that split it, as batches of one size.

The order of a store is contig by contig of the header, whatever the order in which files are named. Files are read one
after the other while that is the order; where contigs stand in another order than in the header, or the files
interleave, each contig's lines are first copied to scratch (`SortedCopies`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Final

import numpy as np

from genomics_dc.errors import InputError
from genomics_dc.kernels.vcf.problems import SUSPECT
from genomics_dc.kernels.vcf.sites import Sites, read_sites
from genomics_dc.kernels.vcf.text import Names
from genomics_dc.store.vcf.header import VcfHeader
from genomics_dc.store.vcf.order import RecordOrder, Span
from genomics_dc.store.vcf.problems import raise_first
from genomics_dc.store.vcf.source import CHROM, TextBatch, VcfSource

_PEEK_BYTES: Final = 1 << 20


class OutOfOrderError(Exception):
    """The records do not come in genome order; they have to be sorted by contig first."""


@dataclass(frozen=True)
class JoinedBatch(TextBatch):
    """Records of several files: `parts` are the batches of each, in order, with the row at which they begin."""

    parts: tuple[tuple[int, TextBatch], ...] = ()

    def where(self, row: int) -> str:
        """Return how an error names a record: by its own file and line."""
        first, part = next(item for item in reversed(self.parts) if item[0] <= row)
        return part.where(row - first)


@dataclass(frozen=True)
class Input:
    """A file to read. Of a copy in scratch, `path` is the user's file and `first_line` where the copied lines begin."""

    source: VcfSource
    path: Path
    first_line: int | None = None
    first_record: int = 0
    contigs: tuple[str, ...] = ()

    def batches(self, n_rows: int, threads: int, ahead_bytes: int) -> Iterator[TextBatch]:
        """Yield the records, named as they are in the user's file."""
        n_header = self.source.header.n_lines
        for batch in self.source.batches(n_rows, threads, ahead_bytes=ahead_bytes):
            if self.first_line is None:
                yield batch
            else:
                offset = batch.first_line - n_header - 1
                yield replace(
                    batch,
                    path=self.path,
                    first_line=self.first_line + offset if self.first_line else 0,
                    first_record=self.first_record + offset,
                )


class Records:
    """All records of a cohort's files.

    Parameters
    ----------
    inputs
        The files in the order in which they are read.
    header
        The header of the cohort.
    contigs
        The contigs of all headers, in the order of the store; it grows where no header declares any.
    """

    def __init__(self, inputs: Sequence[Input], header: VcfHeader, contigs: dict[str, int | None]) -> None:
        self.inputs = tuple(inputs)
        self.header = header
        self.contigs = contigs
        self.spans: list[tuple[Path, Span]] = []
        self.n_bytes = sum(one.source.n_bytes for one in inputs)
        self._done_bytes = 0
        self._current: VcfSource | None = None

    @property
    def n_bytes_read(self) -> int:
        """How many bytes of the files have been taken."""
        return self._done_bytes + (self._current.n_bytes_read if self._current else 0)

    def batches(self, n_rows: int, threads: int, *, ahead_bytes: int) -> Iterator[tuple[TextBatch, Sites]]:
        """Yield all records, `n_rows` in each batch (the last may have fewer), with their sites.

        A batch whose lines are wrong is yielded as it is: the one who encodes it says which and why.

        Raises
        ------
        InputError
            For a damaged file, and where positions are out of order or files overlap.
        OutOfOrderError
            When contigs come in another order than that of the store.
        """
        held: list[TextBatch] = []
        n_held = 0
        self.spans = []
        self._done_bytes = 0
        filters = Names.of(self.header.filters)
        for one in self.inputs:
            self._current = one.source
            order = RecordOrder()
            table = _ContigTable(one, self.contigs)
            for batch in one.batches(n_rows, threads, ahead_bytes):
                sites = table.sites(batch, filters)
                self._check_order(one, batch, sites, order)
                if not held and len(batch) == n_rows:
                    yield batch, sites
                    continue
                taken = 0
                while taken < len(batch):
                    part = batch_part(batch, taken, min(len(batch), taken + n_rows - n_held))
                    held.append(part)
                    n_held += len(part)
                    taken += len(part)
                    if n_held == n_rows:
                        yield self._joined(held, filters)
                        held, n_held = [], 0
            self._done_bytes += one.source.n_bytes
            self._current = None
        if held:
            yield self._joined(held, filters)

    def _joined(self, held: Sequence[TextBatch], filters: Names) -> tuple[TextBatch, Sites]:
        batch = held[0] if len(held) == 1 else joined_batch(held)
        names = Names.of(self.contigs)
        return batch, read_sites(batch.data, batch.columns, names, filters)

    def _check_order(self, one: Input, batch: TextBatch, sites: Sites, order: RecordOrder) -> None:
        if ((batch.problems | sites.problems) & ~np.int64(SUSPECT)).any():
            return
        n_before = len(order.spans)
        order.check(batch, sites)
        if (np.diff(sites.contig) < 0).any():
            raise OutOfOrderError
        ranks = list(self.contigs)
        for span in order.spans[n_before:]:
            if self.spans:
                path, last = self.spans[-1]
                before, now = ranks.index(last.contig), ranks.index(span.contig)
                if now < before or (now == before and span.first < last.last):
                    raise OutOfOrderError
                if now == before and span.first == last.last and path != one.path:
                    raise overlap(path, last, one.path, span)
            self.spans.append((one.path, span))


class _ContigTable:
    """The contigs of one file's header, and their numbers in the store."""

    def __init__(self, one: Input, contigs: dict[str, int | None]) -> None:
        self._declared = one.contigs
        self._contigs = contigs
        self._load(one.contigs or tuple(contigs))

    def _load(self, names: Sequence[str]) -> None:
        rank = {name: number for number, name in enumerate(self._contigs)}
        self._names = Names.of(names)
        self._rank = np.array([rank[name] for name in names], dtype=np.int32)
        self._same = bool((self._rank == np.arange(len(names))).all())

    def sites(self, batch: TextBatch, filters: Names) -> Sites:
        """Return the sites of a batch; where the header declares no contig, those that come are taken as they come."""
        sites = read_sites(batch.data, batch.columns, self._names, filters)
        if not self._declared and (sites.contig < 0).any():
            whole = batch.problems == 0
            for row in np.flatnonzero((sites.contig < 0) & whole).tolist():
                name = batch.text(row, CHROM)
                if name:
                    self._contigs.setdefault(name, None)
            self._load(tuple(self._contigs))
            sites = read_sites(batch.data, batch.columns, self._names, filters)
        if not self._same:
            known = sites.contig >= 0
            contig = np.where(known, self._rank[np.maximum(sites.contig, 0)], -1).astype(np.int32)
            sites = replace(sites, contig=contig)
        return sites


def open_records(paths: Sequence[Path]) -> Records:
    """Open the files of a cohort, hold their headers against each other, and put them in order by their first records.

    Raises
    ------
    InputError
        When a file cannot be read, or its header is wrong or another than that of the first.
    """
    if not paths:
        raise InputError("no VCF is given; name one or more files")
    sources = [VcfSource(path) for path in paths]
    for other in sources[1:]:
        _check_same(sources[0], other)
    inputs = [Input(source, source.path, contigs=tuple(source.header.contigs)) for source in sources]
    if len(inputs) > 1:
        inputs, contigs = _in_order(inputs)
    else:
        contigs = dict(sources[0].header.contigs)
    return Records(inputs, inputs[0].source.header, contigs)


def _in_order(inputs: Sequence[Input]) -> tuple[list[Input], dict[str, int | None]]:
    """Return the files in genome order of their first records, and all contigs; the order they came in is nothing."""
    first: dict[Input, tuple[str, int]] = {}
    for one in inputs:
        for batch in one.batches(1, 1, _PEEK_BYTES):
            position = batch.text(0, 1)
            first[one] = batch.text(0, CHROM), int(position) if position.isascii() and position.isdigit() else 0
            break
        else:
            first[one] = "", 0
    contigs: dict[str, int | None] = {}
    for one in sorted(inputs, key=lambda one: (one.contigs, first[one], str(one.path))):
        contigs.update({name: length for name, length in one.source.header.contigs.items() if name not in contigs})
        if first[one][0]:
            contigs.setdefault(first[one][0], None)
    rank = {name: number for number, name in enumerate(contigs)}
    ordered = sorted(inputs, key=lambda one: (rank.get(first[one][0], -1), first[one][1], one.contigs, str(one.path)))
    return ordered, contigs


def sorted_copies(records: Records, scratch: Path, *, threads: int) -> Records:
    """Return the same records in genome order, each contig of each file copied to a file in `scratch`.

    Raises
    ------
    InputError
        When a file is not sorted within a contig, has a contig twice, or files overlap.
    """
    contigs = records.contigs
    made: list[tuple[Input, Span]] = []
    filters = Names.of(records.header.filters)
    for number, one in enumerate(records.inputs):
        order = RecordOrder()
        table = _ContigTable(one, contigs)
        place: dict[str, tuple[Path, int, int]] = {}
        head = one.source.header.text.encode()
        for batch in one.batches(1_000, threads, _PEEK_BYTES):
            sites = table.sites(batch, filters)
            if ((batch.problems | sites.problems) & ~np.int64(SUSPECT)).any():
                raise_first((batch.problems | sites.problems) & ~np.int64(SUSPECT), batch, one.source.header)
            order.check(batch, sites)
            cuts = [0, *(np.flatnonzero(np.diff(sites.contig)) + 1).tolist(), len(batch)]
            for start, stop in pairwise(cuts):
                contig = batch.text(start, CHROM)
                if contig not in place:
                    path = scratch / f"part-{number:06d}-{len(place):06d}.vcf"
                    path.write_bytes(head)
                    line = batch.first_line + start if batch.first_line else 0
                    place[contig] = (path, line, batch.first_record + start)
                with open(place[contig][0], "ab") as handle:
                    for row in range(start, stop):
                        handle.write(bytes(batch.data[batch.line_start[row] : batch.line_end[row]]) + b"\n")
        for span in order.spans:
            path, line, record = place[span.contig]
            made.append((Input(VcfSource(path), one.path, line, record, one.contigs), span))
    rank = {name: number for number, name in enumerate(contigs)}
    made.sort(key=lambda item: (rank[item[1].contig], item[1].first, item[1].last, str(item[0].path)))
    for (one, span), (other, next_span) in pairwise(made):
        if span.contig == next_span.contig and next_span.first <= span.last:
            raise overlap(one.path, span, other.path, next_span)
    return Records([one for one, _ in made], records.header, contigs)


def overlap(path: Path, span: Span, next_path: Path, next_span: Span) -> InputError:
    """Return the error of two files that reach into each other."""
    return InputError(
        f"{path} and {next_path} overlap: one reaches {span.contig}:{span.last:,}, the other begins at "
        f"{span.contig}:{next_span.first:,}; files of one cohort split the genome"
    )


def _check_same(first: VcfSource, other: VcfSource) -> None:
    """Raise InputError when two files have other samples or fields."""
    if other.header.samples != first.header.samples:
        raise InputError(_sample_difference(first, other))
    for what, mine, theirs in (
        ("INFO", _types(first.header.info), _types(other.header.info)),
        ("FORMAT", _types(first.header.format), _types(other.header.format)),
        ("FILTER", dict.fromkeys(first.header.filters), dict.fromkeys(other.header.filters)),
    ):
        if mine != theirs:
            names = set(mine) ^ set(theirs) or {name for name in mine if mine[name] != theirs[name]}
            raise InputError(
                f"{other.path} and {first.path} declare other {what} lines: {', '.join(sorted(names)[:5])}; files of "
                "one cohort have one header"
            )


def _types(fields: object) -> dict[str, object]:
    assert isinstance(fields, dict)
    return {name: (field.type, field.number) for name, field in fields.items()}


def _sample_difference(first: VcfSource, other: VcfSource) -> str:
    mine, theirs = first.header.samples, other.header.samples
    lead = f"{other.path} and {first.path} should have the same samples in the same order"
    only = [name for name in theirs if name not in set(mine)] or [name for name in mine if name not in set(theirs)]
    if only:
        return f"{lead}, but {len(mine)} and {len(theirs)} are there and {only[0]} is only in one of them"
    column = next(j for j, (a, b) in enumerate(zip(mine, theirs, strict=True)) if a != b)
    return f"{lead}, but sample {column + 1} is {theirs[column]} in one and {mine[column]} in the other"


def joined_batch(parts: Sequence[TextBatch]) -> JoinedBatch:
    """Return records of several batches as one, their text copied together."""
    texts = [np.array([ord(".")], dtype=np.uint8)]
    starts, ends, columns, places = [], [], [], []
    at, row = 1, 0
    for part in parts:
        begin, stop = int(part.line_start[0]), int(part.line_end[-1])
        texts.append(part.data[begin:stop])
        texts.append(np.array([ord("\n")], dtype=np.uint8))
        shift = at - begin
        starts.append(part.line_start + shift)
        ends.append(part.line_end + shift)
        columns.append(part.columns + shift)
        places.append((row, part))
        at += stop - begin + 1
        row += len(part)
    return JoinedBatch(
        path=parts[0].path,
        data=np.concatenate(texts),
        line_start=np.concatenate(starts),
        line_end=np.concatenate(ends),
        columns=np.concatenate(columns),
        problems=np.concatenate([part.problems for part in parts]),
        first_record=parts[0].first_record,
        first_line=parts[0].first_line,
        parts=tuple(places),
    )


def batch_part(batch: TextBatch, first: int, stop: int) -> TextBatch:
    """Return some records of a batch."""
    cut = slice(first, stop)
    if isinstance(batch, JoinedBatch):
        parts = tuple((row - first, part) for row, part in batch.parts)
        batch = replace(batch, parts=parts)
    return replace(
        batch,
        line_start=batch.line_start[cut],
        line_end=batch.line_end[cut],
        columns=batch.columns[cut],
        problems=batch.problems[cut],
        first_record=batch.first_record + first,
        first_line=batch.first_line + first if batch.first_line else 0,
    )


def sites_part(sites: Sites, first: int, stop: int) -> Sites:
    """Return the sites of some records."""
    cut = slice(first, stop)
    begin, end = sites.allele_first[first], sites.allele_first[stop]
    return Sites(
        contig=sites.contig[cut],
        position=sites.position[cut],
        id=sites.id[cut],
        allele_first=sites.allele_first[first : stop + 1] - begin,
        allele=sites.allele[begin:end],
        quality=sites.quality[cut],
        filters=sites.filters[cut],
        problems=sites.problems[cut],
    )
