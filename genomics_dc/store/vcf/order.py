"""Records in genome order: each contig once, positions that never fall."""

from __future__ import annotations

from dataclasses import dataclass

from genomics_dc.kernels.vcf.sites import Sites
from genomics_dc.store.vcf.header import VcfHeader
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

    spans: list[Span]

    def __init__(self, header: VcfHeader) -> None:
        raise NotImplementedError

    def check(self, batch: TextBatch, sites: Sites) -> None:
        """Take the next batch; raise InputError when a position comes after a greater one, or a contig again.

        Contigs are told by their text, so that a header without contig lines is followed too.
        """
        raise NotImplementedError
