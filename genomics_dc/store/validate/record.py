"""The rules of one record: its columns, each held against its own rules."""

from __future__ import annotations

from genomics_dc.store.validate.alleles import AlleleRules
from genomics_dc.store.validate.calls import CallRules
from genomics_dc.store.validate.findings import Finding
from genomics_dc.store.validate.info import InfoRules
from genomics_dc.store.validate.model import N_FIXED_COLUMNS, HeaderModel, Report
from genomics_dc.store.validate.order import OrderRules
from genomics_dc.store.validate.site import PLAIN_RECORD, SiteRules
from genomics_dc.store.validate.text import check_text

_ID = 3


class RecordRules:
    """Holds records of one file against the rules of their columns, and, given `order`, against one another.

    `plain` does without the patterns that accept whole columns at once: the definition that these must agree with.
    """

    def __init__(self, model: HeaderModel, order: OrderRules | None = None, *, plain: bool = False) -> None:
        self._model = model
        self._order = order
        self._plain = plain
        self._site = SiteRules(model)
        self._alleles = AlleleRules(model)
        self._info = InfoRules(model, plain=plain)
        self._calls = CallRules(model, plain=plain)

    def check(self, line: bytes, number: int, *, is_clean: bool = False) -> list[Finding]:
        """Return what breaks a rule in `line` (without its end), which is the file's line `number`.

        `is_clean` says that its characters are known to be right.
        """
        report = Report(self._model.dialect, number)
        if not is_clean:
            check_text(line, report)
        if not self._plain and self._is_plain_record(line, report):
            return report.findings
        if line.startswith(b"#"):
            report.add("meta-late", "lines that begin with # come before the records", line)
            return report.findings
        columns = line.split(b"\t", N_FIXED_COLUMNS + 1)
        n_columns = line.count(b"\t") + 1
        if n_columns != self._model.n_columns:
            message = f"the column line has {self._model.n_columns:,} columns, the record {n_columns:,}"
            report.add("record-columns", message, line if n_columns < N_FIXED_COLUMNS else "")
        if n_columns < N_FIXED_COLUMNS:
            return report.findings
        if b"" in columns[: N_FIXED_COLUMNS + 1]:
            empty = [column for column, value in enumerate(columns[: N_FIXED_COLUMNS + 1], start=1) if not value]
            for column in empty:
                rule = "id-empty" if column == _ID else "record-empty-column"
                report.add(rule, "the column is empty; a missing value is a dot", column=column)
            if empty != [_ID]:
                return report.findings
            columns[_ID - 1] = b"."
        self._check_columns(columns, report, has_calls=n_columns == self._model.n_columns)
        return report.findings

    def _is_plain_record(self, line: bytes, report: Report) -> bool:
        """Take the short way where one pattern accepts all site columns; return whether it did."""
        match = PLAIN_RECORD.fullmatch(line)
        if match is None or line.count(b"\t") + 1 != self._model.n_columns:
            return False
        chrom, pos, identifiers, ref, alt, filters, info, keys, calls = match.groups()
        position = int(pos)
        alts = [] if alt == b"." else alt.split(b",")
        if not self._site.is_known(chrom, position, filters) or ref in alts or len(set(alts)) != len(alts):
            return False
        self._info.check(info, len(alts), position, report)
        if keys is not None:
            self._calls.check(keys, calls, len(alts), report)
        if self._order is not None:
            self._order.check(_bare(chrom), position, identifiers, ref, alts, report)
        return True

    def _check_columns(self, columns: list[bytes], report: Report, *, has_calls: bool) -> None:
        chrom, pos, identifiers, ref, alt, qual, filters, info = columns[:N_FIXED_COLUMNS]
        length = self._site.chrom(chrom, report)
        position = self._site.pos(pos, length, report)
        self._site.identifiers(identifiers, report)
        has_bases = self._site.ref(ref, report)
        alts = self._alleles.alternates(alt, ref, report)
        self._site.qual(qual, report)
        self._site.filters(filters, report)
        self._info.check(info, len(alts), position, report)
        if has_calls and len(columns) > N_FIXED_COLUMNS:
            calls = columns[N_FIXED_COLUMNS + 1] if len(columns) > N_FIXED_COLUMNS + 1 else b""
            self._calls.check(columns[N_FIXED_COLUMNS], calls, len(alts), report)
        if self._order is not None:
            self._order.check(_bare(chrom), position, identifiers, ref, alts if has_bases else (), report)


def _bare(chrom: bytes) -> bytes:
    """Return a contig's name without the angle brackets of the assembly file's contigs."""
    return chrom[1:-1] if chrom.startswith(b"<") and chrom.endswith(b">") else chrom


def check_record(line: bytes, line_number: int, header_model: HeaderModel) -> list[Finding]:
    """Return what breaks a rule in one record, held against its header alone; order is not looked at.

    `line` is as in the file, with or without its end. Caches live with `header_model`.
    """
    rules = header_model.record_rules
    if not isinstance(rules, RecordRules):
        rules = header_model.record_rules = RecordRules(header_model)
    return rules.check(line.removesuffix(b"\n").removesuffix(b"\r"), line_number)
