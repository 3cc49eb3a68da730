"""The rules that need more than one record: order, contigs in one piece, an allele or an ID in one record."""

from __future__ import annotations

from collections.abc import Sequence

from genomics_dc.store.validate.model import Report

_BASES = frozenset(b"ACGTNacgtn")
_MOST_IDS = 100_000
_MOST_ALLELES = 200_000
_MOST_CONTIGS = 1_000_000


class OrderRules:
    """Holds each record against those before it; remembers a bounded number of them."""

    def __init__(self) -> None:
        self._contig: bytes | None = None
        self._position = 0
        self._left: set[bytes] = set()
        self._alleles: dict[tuple[int, bytes, bytes], int] = {}
        self._furthest = 0
        self._ids: dict[bytes, int] = {}
        self._ids_before: dict[bytes, int] = {}

    def check(
        self,
        contig: bytes,
        position: int | None,
        identifiers: bytes,
        ref: bytes,
        alts: Sequence[bytes],
        report: Report,
    ) -> None:
        """Check one record; `position` is one-based, None where POS is no number."""
        if contig != self._contig:
            if contig in self._left:
                report.add("order-contig", "the records of this contig should stand together", contig, column=1)
            if self._contig is not None and len(self._left) < _MOST_CONTIGS:
                self._left.add(self._contig)
            self._contig, self._position, self._furthest = contig, 0, 0
            self._alleles.clear()
        if identifiers != b".":
            self._check_ids(identifiers, report)
        if position is None:
            return
        if position < self._position:
            message = f"the position should not be before that of the last record, {self._position:,}"
            report.add("order-position", message, str(position), column=2)
            self._alleles.clear()
            self._furthest = 0
        self._position = position
        self._check_alleles(position, ref.upper(), alts, report)

    def _check_ids(self, identifiers: bytes, report: Report) -> None:
        for name in identifiers.split(b";") if b";" in identifiers else (identifiers,):
            line = self._ids.get(name, self._ids_before.get(name))
            if line is not None and line != report.line:
                report.add("id-in-two-records", f"line {line:,} has the same identifier", name, column=3)
            self._ids[name] = report.line or 0
        if len(self._ids) > _MOST_IDS:
            self._ids_before, self._ids = self._ids, {}

    def _check_alleles(self, position: int, ref: bytes, alts: Sequence[bytes], report: Report) -> None:
        if position > self._furthest:
            self._alleles.clear()
        elif len(self._alleles) > _MOST_ALLELES:
            self._alleles = {key: line for key, line in self._alleles.items() if key[0] >= position}
        for alt in alts:
            if not alt or alt[0] not in _BASES or not _BASES.issuperset(alt):
                continue
            key = trimmed(position, ref, alt.upper())
            line = self._alleles.get(key)
            if line is None:
                if len(self._alleles) <= 2 * _MOST_ALLELES:
                    self._alleles[key] = report.line or 0
                    self._furthest = max(self._furthest, key[0])
            elif line != report.line:
                message = f"line {line:,} has the same change of the same bases"
                report.add("variant-repeated", message, alt, column=5)


def trimmed(position: int, ref: bytes, alt: bytes) -> tuple[int, bytes, bytes]:
    """Return a change without the bases that REF and ALT share, as far as one base of each is left.

    Shared bases at the end go first, then those at the beginning; the position moves along with these.
    """
    end = 0
    shortest = min(len(ref), len(alt))
    if shortest > 1:
        while end < shortest - 1 and ref[-1 - end] == alt[-1 - end]:
            end += 1
        start = 0
        while start < shortest - 1 - end and ref[start] == alt[start]:
            start += 1
        return position + start, ref[start : len(ref) - end], alt[start : len(alt) - end]
    return position, ref, alt
