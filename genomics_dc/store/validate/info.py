"""The rules of INFO."""

from __future__ import annotations

import re

from genomics_dc.store.validate.grammar import list_pattern
from genomics_dc.store.validate.model import Field, HeaderModel, Report
from genomics_dc.store.validate.values import (
    counts_for,
    counts_with_one_alt,
    is_all_missing,
    is_negative,
    n_values,
    split_values,
    value_fault,
)

_INFO = 8
_SPACE = re.compile(rb"\s")
_CIGAR = re.compile(rb"(?:[0-9]+[MIDNSHPX=])+")
_MOST_PATTERNS = 10_000
_MOST_KEYS = 100_000


class InfoRules:
    """Holds INFO against the rules; a pattern per key and number of alleles accepts what is right at once."""

    def __init__(self, model: HeaderModel, *, plain: bool = False) -> None:
        self._model = model
        self._plain = plain
        self._fields: dict[bytes, Field | None] = {}
        self._good_flags: set[bytes] = set()
        self._patterns: dict[tuple[bytes, int], re.Pattern[bytes]] = {}

    def check(self, value: bytes, n_alts: int, position: int | None, report: Report) -> None:
        """Check INFO of a record with `n_alts` ALT alleles (0: missing)."""
        if value == b".":
            return
        keys = set()
        n_items = 0
        for item in split_values(value, b";"):
            key, equals, text = item.partition(b"=")
            if n_items < _MOST_KEYS:
                keys.add(key)
                n_items += 1
            if not equals:
                if key not in self._good_flags:
                    self._item(key, equals, text, n_alts, position, report)
                continue
            pattern = self._patterns.get((key, n_alts))
            if pattern is None or not pattern.fullmatch(text) or (key == b"END" and int(text) < (position or 0)):
                self._item(key, equals, text, n_alts, position, report)
        if len(keys) != n_items:
            self._repeated(value, report)

    def _repeated(self, value: bytes, report: Report) -> None:
        seen: set[bytes] = set()
        for item in split_values(value, b";"):
            key = item.partition(b"=")[0]
            if key in seen and key:
                report.add("info-repeated", "the key is there twice", key, column=_INFO, key=_name(key))
            if len(seen) >= _MOST_KEYS:
                return
            seen.add(key)

    def _field(self, key: bytes, report: Report) -> Field | None:
        if key in self._fields:
            return self._fields[key]
        name = key.decode("utf-8", "replace")
        field = self._model.field_of("INFO", name)
        if ("INFO", name) not in self._model.fields and self._model.is_first("INFO", name):
            report.add("info-undeclared", "the header has no INFO line for this key", key, column=_INFO, key=_name(key))
        if len(self._fields) < _MOST_KEYS:
            self._fields[key] = field
        return field

    def _item(self, key: bytes, equals: bytes, text: bytes, n_alts: int, position: int | None, report: Report) -> None:
        if not key and not equals:
            report.add("info-empty", "between semicolons there should be keys", column=_INFO)
            return
        name = _name(key)
        if not self._model.dialect.info_key.fullmatch(key):
            report.add("info-key", "this is not how a key may be spelled", key, column=_INFO, key=name)
            return
        field = self._field(key, report)
        if equals and not text:
            report.add("info-empty", "after = there should be a value", key, column=_INFO, key=name)
            return
        if _SPACE.search(text):
            report.add("info-space", "a value should have no white space", text, column=_INFO, key=name)
        if b"=" in text:
            report.add("info-equals", "a value should have no equals sign", text, column=_INFO, key=name)
        if field is None:
            return
        if field.type == "Flag":
            _check_flag(equals, text, name, report)
            if not equals and not self._plain and len(self._good_flags) < _MOST_KEYS:
                self._good_flags.add(key)
        elif not equals:
            report.add("info-no-value", f"{name} is not a flag and should have a value", key, column=_INFO, key=name)
        else:
            self._values(field, text, n_alts, position, report)
            self._remember(key, field, n_alts)

    def _values(self, field: Field, text: bytes, n_alts: int, position: int | None, report: Report) -> None:
        def add(rule: str, message: str, what: bytes = text) -> None:
            report.add(rule, message, what, column=_INFO, key=field.key)

        if is_all_missing(text):
            return
        is_quoted = len(text) > 1 and text.startswith(b'"') and text.endswith(b'"')
        if is_quoted and b"," in text:
            add("info-quoted", "a list is between quotation marks")
        elif (counts := counts_for(field.number, n_alts)) is not None and n_values(text) not in counts:
            came, wanted = n_values(text), " or ".join(str(n) for n in counts)
            is_dot = n_alts == 0 and came in (counts_with_one_alt(field.number) or ())
            is_text = field.number == "1" and field.type == "String"
            rule = "info-number-no-alt" if is_dot else "info-number-text" if is_text else "info-number"
            add(rule, f"Number={field.number} asks for {wanted} values, {came} came")
        elif field.type == "String" and field.key != "CIGAR":
            if b",," in text or text.startswith(b",") or text.endswith(b","):
                add("info-empty", "a value of the list is empty")
            return
        if is_quoted:
            return
        faults: dict[str, bytes] = {}
        for value in split_values(text):
            fault = self._value_fault(field, value, position)
            if fault is not None:
                faults.setdefault(fault, value)
        for fault, value in faults.items():
            add(f"info-{fault}", _message(fault, field), value)

    def _value_fault(self, field: Field, value: bytes, position: int | None) -> str | None:
        fault = value_fault(value, field.type, self._model.dialect)
        if fault is not None or value == b".":
            return fault
        is_number = field.type in {"Integer", "Float"}
        if is_number and field.not_negative and is_negative(value):
            return "negative"
        if field.key == "AF" and field.type == "Float" and float(value) > 1:
            return "frequency"
        if field.key == "CIGAR" and not _CIGAR.fullmatch(value):
            return "cigar"
        if field.key == "END" and field.type == "Integer" and position is not None and int(value) < position:
            return "end"
        return None

    def _remember(self, key: bytes, field: Field, n_alts: int) -> None:
        if self._plain or field.key == "CIGAR" or (key, n_alts) in self._patterns:
            return
        if len(self._patterns) >= _MOST_PATTERNS:
            self._patterns.clear()
        pattern = list_pattern(field, n_alts, self._model.dialect, is_info=True)
        if pattern is not None:
            self._patterns[key, n_alts] = pattern


def _name(key: bytes) -> str:
    return key[:80].decode("utf-8", "replace")


def _message(fault: str, field: Field) -> str:
    return {
        "type": f"{field.key} should be of Type={field.type}",
        "range": "the number does not fit 32 bits",
        "empty": "a value of the list is empty",
        "negative": f"{field.key} should not be negative",
        "frequency": "a frequency should be at most 1",
        "cigar": "CIGAR should be counts and operations",
        "end": "END should not be before POS",
    }[fault]


def _check_flag(equals: bytes, text: bytes, name: str, report: Report) -> None:
    if not equals:
        return
    if text in {b"0", b"1"}:
        report.add("info-flag-01", f"{name} is a flag and should have no value", text, column=_INFO, key=name)
    else:
        report.add("info-flag-value", f"{name} is a flag and should have no value", text, column=_INFO, key=name)
