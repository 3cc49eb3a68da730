"""A store held against the VCFs that it was built from: the text of every record, then the fields of those that differ.

A record that the store prints byte for byte as the VCF has it is equal; most are. Only where the bytes differ (keys in
another order, numbers written another way, or a true difference) are the fields taken apart.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from genomics_dc.errors import GenomicsError
from genomics_dc.kernels.vcf.lines_equal import equal_lines
from genomics_dc.kernels.vcf.records import Lines
from genomics_dc.store.check import Finding
from genomics_dc.store.differences import differences
from genomics_dc.store.ordered import default_threads
from genomics_dc.store.read import StoreView
from genomics_dc.store.records import OutOfOrderError, Records, open_records, sorted_copies
from genomics_dc.store.text import record_blocks
from genomics_dc.store.vcf.source import TextBatch

_MOST_RECORDS_SHOWN = 100
_MOST_DIFFERENCES_SHOWN = 5
_RECORDS_PER_BATCH = 1_000
_AHEAD_BYTES = 64 << 20


def compare(root: Path, vcfs: Sequence[Path], progress: Callable[[str, float], None]) -> tuple[int, int, list[Finding]]:
    """Return (records compared, records differing, findings) of the store against its VCFs; see `differences`."""
    try:
        view = StoreView.open(root)
        samples = [str(name) for name in view.sample_ids]
    except GenomicsError as error:
        return 0, 0, [Finding("decode", str(error))]
    threads = default_threads()
    records = open_records(vcfs)
    if list(records.header.samples) != samples:
        what = f"{records.inputs[0].path} and the store have other samples, or another order"
        return 0, 0, [Finding("samples", what)]
    with tempfile.TemporaryDirectory(prefix="genomics-dc-verify-") as scratch:
        try:
            return _Comparison(view, samples, progress).run(records, threads)
        except OutOfOrderError:
            records = sorted_copies(records, Path(scratch), threads=threads)
            return _Comparison(view, samples, progress).run(records, threads)


class _Comparison:
    def __init__(self, view: StoreView, samples: list[str], progress: Callable[[str, float], None]) -> None:
        self._view = view
        self._total = view.n_variants
        self._samples = samples
        self._progress = progress
        self.n_compared = self.n_differing = 0
        self.findings: list[Finding] = []

    def run(self, records: Records, threads: int) -> tuple[int, int, list[Finding]]:
        stored = _Stored(record_blocks(self._view, threads=threads))
        for batch, _ in records.batches(_RECORDS_PER_BATCH, threads, ahead_bytes=_AHEAD_BYTES):
            self._progress("Comparing records", self.n_compared / max(self._total, 1))
            try:
                left = self._batch(batch, stored)
            except GenomicsError as error:
                self.findings.append(Finding("decode", str(error), variants=(self.n_compared, self._total)))
                return self.n_compared, self.n_differing, self.findings
            if left is not None:
                what = f"the store ends after {self.n_compared:,} records; {left} is the next in the VCF"
                self.findings.append(Finding("record", what, variants=(self.n_compared, self.n_compared)))
                self.n_differing += 1
                return self.n_compared, self.n_differing, self.findings
        if self.n_compared < self._total:
            what = f"the store has {self._total:,} records, the VCF {self.n_compared:,}"
            self.findings.append(Finding("record", what, variants=(self.n_compared, self._total)))
            self.n_differing += 1
        return self.n_compared, self.n_differing, self.findings

    def _batch(self, batch: TextBatch, stored: _Stored) -> str | None:
        """Compare one batch; return the place of the first record that the store does not have."""
        row = 0
        while row < len(batch):
            part = stored.next(len(batch) - row)
            if part is None:
                return _place(batch, row)
            data, start, end = part
            n = len(start)
            span = slice(row, row + n)
            same = equal_lines(batch.data, batch.line_start[span], batch.line_end[span], data, start, end)
            for j in np.flatnonzero(~same).tolist():
                self._record(batch, row + j, data[start[j] : end[j]].tobytes().decode(), self.n_compared + j)
            row += n
            self.n_compared += n
        return None

    def _record(self, batch: TextBatch, row: int, mine: str, number: int) -> None:
        line = batch.data[batch.line_start[row] : batch.line_end[row]].tobytes().decode()
        told = differences(line, mine, self._samples)
        if not told:
            return
        self.n_differing += 1
        if self.n_differing <= _MOST_RECORDS_SHOWN:
            shown = "; ".join(told[:_MOST_DIFFERENCES_SHOWN]) + ("; …" if len(told) > _MOST_DIFFERENCES_SHOWN else "")
            what = f"{_place(batch, row)} (VCF and store): {shown}"
            self.findings.append(Finding("record", what, variants=(number, number + 1)))


def _place(batch: TextBatch, row: int) -> str:
    position = batch.text(row, 1)
    shown = f"{int(position):,}" if position.isascii() and position.isdigit() else position
    return f"{batch.path.name} {batch.text(row, 0)}:{shown}"


_Part = tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64], npt.NDArray[np.int64]]


class _Stored:
    """The store's lines, as many at a time as are asked for."""

    def __init__(self, blocks: Iterator[Lines]) -> None:
        self._blocks = blocks
        self._lines: Lines | None = None
        self._taken = 0

    def next(self, n: int) -> _Part | None:
        """Return up to `n` lines without line feeds: their buffer, starts and ends; None when no line is left."""
        while self._lines is None or self._taken == len(self._lines.end):
            self._lines = next(self._blocks, None)
            self._taken = 0
            if self._lines is None:
                return None
        end = self._lines.end
        first, stop = self._taken, min(self._taken + n, len(end))
        self._taken = stop
        start = np.concatenate(
            (end[first - 1 : first] if first else np.zeros(1, dtype=np.int64), end[first : stop - 1])
        )
        return self._lines.data, start, end[first:stop] - 1
