"""Records in genome order: each contig once, positions that never fall."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from genomics_dc.errors import InputError
from genomics_dc.kernels.vcf.sites import Sites
from genomics_dc.store.vcf import source
from genomics_dc.store.vcf.source import TextBatch


@dataclass
class Span:
    """The records of one contig in one file: how many, and from which to which position (one-based)."""

    contig: str
    n_records: int
    first: int
    last: int


class RecordOrder:
    """Holds the batches of one file, in order, against each other. `spans` grows with them."""

    def __init__(self) -> None:
        self.spans: list[Span] = []

    def check(self, batch: TextBatch, sites: Sites) -> None:
        """Take the next batch; raise InputError when a position comes after a greater one, or a contig again.

        Contigs are told by their text where their number is -1, so that a header without contig lines is followed too.
        """
        n_rows = len(batch)
        unknown = sites.contig < 0
        changes = np.flatnonzero((sites.contig[1:] != sites.contig[:-1]) | (unknown[1:] & unknown[:-1])) + 1
        starts = [0, *changes.tolist()] if n_rows else []
        for start, stop in zip(starts, [*starts[1:], n_rows], strict=True):
            self._add(batch, sites, start, stop)

    def _add(self, batch: TextBatch, sites: Sites, start: int, stop: int) -> None:
        """Take rows of one contig."""
        contig = batch.text(start, source.CHROM)
        positions = sites.position[start:stop]
        span = self.spans[-1] if self.spans else None
        if span is None or span.contig != contig:
            if any(former.contig == contig for former in self.spans):
                raise InputError(
                    f"{batch.where(start)}: contig {contig} comes again after {self.spans[-1].contig}; "
                    "sort the file with `bcftools sort`"
                )
            span = Span(contig, 0, int(positions[0]), int(positions[0]))
            self.spans.append(span)
        before = np.concatenate([[span.last], positions[:-1]])
        falls = positions < before
        if falls.any():
            row = int(np.argmax(falls))
            raise InputError(
                f"{batch.where(start + row)}: position {positions[row]:,} of contig {contig} comes after "
                f"{before[row]:,}; sort the file with `bcftools sort`"
            )
        span.last = int(positions[-1])
        span.n_records += stop - start
