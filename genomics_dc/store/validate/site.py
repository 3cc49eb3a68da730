"""The rules of a record's first seven columns but ALT: CHROM, POS, ID, REF, QUAL, FILTER."""

from __future__ import annotations

import re

from genomics_dc.store.validate.model import HeaderModel, Report

_CHROM, _POS, _ID, _REF, _QUAL, _FILTER = 1, 2, 3, 4, 6, 7
_DIGITS = re.compile(rb"[0-9]+")
_BASES = re.compile(rb"[ACGTNacgtn]+")
AMBIGUOUS_BASES = re.compile(rb"[ACGTNacgtnRYSWKMBDHVryswkmbdhv]+")
_SPACE = re.compile(rb"\s")
_NOT_IN_NAME = re.compile(rb'[,"<>]')
_BRACKETED = re.compile(rb"<[^\s,<>]+>")
# All columns of a record, where each is of its most usual kind: one ID, bases in REF and ALT, a plain QUAL.
PLAIN_RECORD = re.compile(
    rb"([^\t]++)\t([0-9]{1,9}+)\t([^\t;\s]++)\t([ACGTNacgtn]++)\t(\.|[ACGTNacgtn]++(?:,[ACGTNacgtn]++)*+)"
    rb"\t(?>\.|[0-9]++(?:\.[0-9]++)?+)\t([^\t]++)\t([^\t]++)(?:\t([^\t]++)\t(.++))?+",
    re.DOTALL,
)
_LAST_POSITION = 2**31 - 1
_MOST_REMEMBERED = 10_000


class SiteRules:
    """Holds the site columns of a record against the rules; remembers values that were right."""

    def __init__(self, model: HeaderModel) -> None:
        self._model = model
        self._good_chroms: dict[bytes, int | None] = {}
        self._good_filters: set[bytes] = {b".", b"PASS"}

    def is_known(self, chrom: bytes, position: int, filters: bytes) -> bool:
        """Return whether a contig and filters were right before, and the position is on the contig."""
        if chrom not in self._good_chroms or filters not in self._good_filters:
            return False
        length = self._good_chroms[chrom]
        return length is None or position <= length + 1

    def chrom(self, value: bytes, report: Report) -> int | None:
        """Check CHROM; return the contig's length where the header has it."""
        if value in self._good_chroms:
            return self._good_chroms[value]
        name = value
        if value.startswith(b"<"):
            if not _BRACKETED.fullmatch(value):
                report.add("chrom-name", "an ID in angle brackets should be <ID>", value, column=_CHROM)
                return None
            name = value[1:-1]
        elif not self._model.dialect.contig.fullmatch(value):
            report.add("chrom-name", "this is not how a contig may be called", value, column=_CHROM)
            return None
        text = name.decode("utf-8", "replace")
        is_declared = text in self._model.contigs
        if self._model.contigs and not is_declared and self._model.is_first("CHROM", text):
            report.add("chrom-undeclared", "the header has no line for this contig", value, column=_CHROM)
        if len(self._good_chroms) < _MOST_REMEMBERED:
            self._good_chroms[value] = self._model.contigs.get(text)
        return self._model.contigs.get(text)

    def pos(self, value: bytes, length: int | None, report: Report) -> int | None:
        """Check POS against a contig's length; return it, None where it is no position."""
        if not _DIGITS.fullmatch(value):
            report.add("pos-number", "POS should be a whole number, zero or more", value, column=_POS)
            return None
        if len(value) > 19 or int(value) > _LAST_POSITION:
            report.add("pos-range", f"POS should be at most {_LAST_POSITION:,}", value, column=_POS)
            return None
        position = int(value)
        if length is not None and position > length + 1:
            report.add("pos-beyond-contig", f"the contig has {length:,} bases", value, column=_POS)
        return position

    def identifiers(self, value: bytes, report: Report) -> None:
        """Check ID."""
        if value == b".":
            return
        if _SPACE.search(value):
            report.add("id-text", "ID should have no white space", value, column=_ID)
        if b";" in value:
            parts = value.split(b";")
            if b"" in parts:
                report.add("id-text", "between semicolons there should be identifiers", value, column=_ID)
            elif len(set(parts)) != len(parts):
                report.add("id-repeated", "an identifier is listed twice", value, column=_ID)

    def ref(self, value: bytes, report: Report) -> bool:
        """Check REF; return whether it is bases."""
        if _BASES.fullmatch(value):
            return True
        if value == b".":
            report.add("ref-missing", "REF should have the reference bases", value, column=_REF)
        elif AMBIGUOUS_BASES.fullmatch(value):
            report.add("ref-ambiguity", "an ambiguity code should be written as one base", value, column=_REF)
        else:
            report.add("ref-bases", "REF should be made of A, C, G, T and N", value, column=_REF)
        return False

    def qual(self, value: bytes, report: Report) -> None:
        """Check QUAL."""
        if value == b".":
            return
        if not self._model.dialect.float_value.fullmatch(value):
            report.add("qual-number", "QUAL should be a number or a dot", value, column=_QUAL)
        elif value.startswith(b"-") and float(value) < 0:
            report.add("qual-negative", "QUAL should not be negative", value, column=_QUAL)

    def filters(self, value: bytes, report: Report) -> None:
        """Check FILTER."""
        if value in self._good_filters:
            return
        n_before = len(report.findings)
        parts = value.split(b";")
        if b"" in parts:
            report.add("filter-text", "between semicolons there should be filters", value, column=_FILTER)
        if _SPACE.search(value):
            report.add("filter-text", "FILTER should have no white space", value, column=_FILTER)
        if _NOT_IN_NAME.search(value):
            message = "a filter's name has no comma, quotation mark or angle bracket"
            report.add("filter-name", message, value, column=_FILTER)
        if b"0" in parts:
            report.add("filter-zero", "0 is reserved", value, column=_FILTER)
        if len(parts) > 1 and b"." in parts:
            report.add("filter-mixed", "a dot should stand alone", value, column=_FILTER)
        if len(parts) > 1 and b"PASS" in parts:
            report.add("filter-pass-mixed", "PASS should stand alone", value, column=_FILTER)
        if len(set(parts)) != len(parts):
            report.add("filter-repeated", "a filter is listed twice", value, column=_FILTER)
        for part in dict.fromkeys(parts):
            name = part.decode("utf-8", "replace")
            known = name in self._model.filters or name in {"", ".", "PASS"}
            if not known and self._model.is_first("FILTER", name):
                report.add("filter-undeclared", "the header has no line for this filter", part, column=_FILTER)
        if len(report.findings) == n_before and len(self._good_filters) < _MOST_REMEMBERED:
            self._good_filters.add(value)
