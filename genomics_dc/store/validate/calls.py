"""The rules of FORMAT and of the sample columns."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from genomics_dc.store.validate.grammar import calls_pattern, is_plain_diploid
from genomics_dc.store.validate.model import N_FIXED_COLUMNS, Field, HeaderModel, Report
from genomics_dc.store.validate.values import (
    counts_for,
    counts_with_one_alt,
    is_all_missing,
    is_negative,
    n_genotypes,
    n_values,
    split_values,
    value_fault,
)

_FORMAT = 9
_FIRST_SAMPLE = N_FIXED_COLUMNS + 2
_SLICE_BYTES = 1 << 20
_MOST_PLANS = 1_000
_MOST_PATTERNS = 200
_MOST_GOOD_CALLS = 50_000
_LONG_CALL = 200
_ALPHANUMERIC = re.compile(rb"[0-9A-Za-z]+")
_ALLELES = re.compile(rb"[/|]")
_ZERO_LENGTH_SINCE = 4  # VCF 4.5: lists of a sample without local alleles
_LOCAL = frozenset({"LA", "LR", "LG"})
_Add = Callable[[str, str, str | None], None]


@dataclass
class _Plan:
    """What one FORMAT string asks of calls."""

    keys: tuple[str, ...]
    fields: tuple[Field | None, ...]
    is_good: bool
    patterns: dict[int, re.Pattern[bytes] | None] = field(default_factory=dict)
    good_calls: dict[int, set[bytes]] = field(default_factory=dict)

    @property
    def has_genotype(self) -> bool:
        return bool(self.keys) and self.keys[0] == "GT"


class CallRules:
    """Holds FORMAT and the calls of a record against the rules."""

    def __init__(self, model: HeaderModel, *, plain: bool = False) -> None:
        self._model = model
        self._plain = plain
        self._plans: dict[bytes, _Plan] = {}

    def check(self, format_text: bytes, calls: bytes, n_alts: int, report: Report) -> None:
        """Check FORMAT and `calls`, the sample columns with tabs between (none: empty)."""
        plan = self._plans.get(format_text)
        if plan is None or not plan.is_good:
            plan = self._plan(format_text, report)
        if not self._model.samples:
            return
        if n_alts not in plan.patterns:
            if len(plan.patterns) >= _MOST_PATTERNS:
                plan.patterns.clear()
                plan.good_calls.clear()
            plan.patterns[n_alts] = None if self._plain else calls_pattern(plan.fields, n_alts)
        pattern = plan.patterns[n_alts]
        only_genotypes = plan.keys == ("GT",) and not self._plain
        sample = 0
        for part in _slices(calls):
            is_right = only_genotypes and is_plain_diploid(part, n_alts)
            if is_right or (pattern is not None and pattern.fullmatch(part)):
                sample += part.count(b"\t") + 1
                continue
            good = plan.good_calls.setdefault(n_alts, set())
            for call in part.split(b"\t"):
                if call not in good and (pattern is None or not pattern.fullmatch(call)):
                    n_before = len(report.findings)
                    self._call(plan, call, sample, n_alts, report)
                    is_good = len(report.findings) == n_before and not self._plain
                    if is_good and len(good) < _MOST_GOOD_CALLS and len(call) < _LONG_CALL:
                        good.add(call)
                sample += 1

    def _plan(self, format_text: bytes, report: Report) -> _Plan:
        """Check FORMAT, and keep what it asks."""
        keys = format_text.split(b":")
        names = tuple(key.decode("utf-8", "replace") for key in keys)
        n_before = len(report.findings)
        if format_text != b".":
            self._check_keys(keys, names, report)
        plan = _Plan(names, tuple(self._field(name) for name in names), len(report.findings) == n_before)
        if len(self._plans) < _MOST_PLANS:
            self._plans[format_text] = plan
        return plan

    def _field(self, name: str) -> Field | None:
        if name == "GT":
            return Field("GT", "1", "String", is_reserved=True)
        found = self._model.field_of("FORMAT", name)
        # Counts of base modifications depend on the alleles' bases; they are not counted here.
        return Field(name, ".", found.type, found.not_negative) if found is not None and found.number == "M" else found

    def _check_keys(self, keys: list[bytes], names: tuple[str, ...], report: Report) -> None:
        for key, name in zip(keys, names, strict=True):
            if not self._model.dialect.format_key.fullmatch(key):
                report.add("format-key", "this is not how a key may be spelled", key, column=_FORMAT, key=name)
                continue
            if b"%" in key:
                report.add("format-key-escaped", "a key should have no percent encoding", key, column=_FORMAT, key=name)
            if not _ALPHANUMERIC.fullmatch(key) and self._model.is_first("FORMAT letters", name):
                message = "a key should be letters and digits"
                report.add("format-key-alphanumeric", message, key, column=_FORMAT, key=name)
            if ("FORMAT", name) not in self._model.fields and self._model.is_first("FORMAT", name):
                message = "the header has no FORMAT line for this key"
                report.add("format-undeclared", message, key, column=_FORMAT, key=name)
        for name in dict.fromkeys(name for name in names if names.count(name) > 1 and name):
            report.add("format-repeated", "the key is there twice", name, column=_FORMAT, key=name)
        if "GT" in names[1:]:
            report.add("format-gt-first", "GT should be the first key", b":".join(keys), column=_FORMAT, key="GT")
        fields = [self._field(name) for name in names]
        local = [i for i, one in enumerate(fields) if one is not None and one.number in _LOCAL]
        if local and names[: 1 + (names[0] == "GT")][-1] != "LAA":
            report.add("format-local-alleles", "LAA should come first, after GT", b":".join(keys), column=_FORMAT)

    def _call(self, plan: _Plan, call: bytes, sample: int, n_alts: int, report: Report) -> None:
        """Check one call, field by field: the definition that the patterns shorten."""

        def add(rule: str, message: str, key: str | None = None) -> None:
            report.add(rule, message, column=_FIRST_SAMPLE + sample, key=key, sample=self._sample(sample))

        may_be_empty = self._model.dialect.index >= _ZERO_LENGTH_SINCE
        if not call and not (may_be_empty and plan.keys[0] == "LAA"):
            add("record-empty-column", "the column is empty; a missing value is a dot")
            return
        values = call.split(b":")
        if len(values) > len(plan.keys):
            add("call-fields", f"FORMAT has {len(plan.keys)} keys, the sample {len(values)} fields")
            return
        ploidies: tuple[int, ...] | None = () if plan.has_genotype else (2,)
        n_local = 0
        for key, one, value in zip(plan.keys, plan.fields, values, strict=False):
            if not value:
                if not (may_be_empty and (key == "LAA" or (one is not None and one.number == "LA"))):
                    add("call-empty", "the field is empty; a missing value is a dot", key)
                continue
            if key == "LAA":
                n_local = 0 if value == b"." else n_values(value)
            if key == "GT" and plan.has_genotype:
                ploidies = self._genotype(value, n_alts, add)
            elif one is not None:
                self._values(one, value, n_alts, n_local, ploidies, add)

    def _sample(self, sample: int) -> str:
        return self._model.samples[sample] if sample < len(self._model.samples) else f"sample {sample + 1}"

    def _genotype(self, value: bytes, n_alts: int, add: _Add) -> tuple[int, ...] | None:
        """Check GT; return the ploidies that it may have, None where it is no genotype."""
        if not self._model.dialect.genotype.fullmatch(value):
            add("gt-text", "GT should be allele numbers or dots with / or | between", "GT")
            return None
        alleles = _ALLELES.split(value.lstrip(b"/|"))
        if any(allele != b"." and (len(allele) > 9 or int(allele) > n_alts) for allele in alleles):
            is_dot = n_alts == 0 and all(allele in {b"0", b"1", b"."} for allele in alleles)
            message = f"an allele number is above {n_alts}, the number of ALT alleles"
            add("gt-allele-no-alt" if is_dot else "gt-allele", message, "GT")
        if any(len(allele) > 1 and allele.startswith(b"0") for allele in alleles):
            add("gt-leading-zero", "an allele number should have no leading zero", "GT")
        # A dot alone is haploid by the letter, and what many callers write for any missing genotype.
        return (1, 2) if alleles == [b"."] else (len(alleles),)

    def _values(
        self,
        one: Field,
        value: bytes,
        n_alts: int,
        n_local: int,
        ploidies: tuple[int, ...] | None,
        add: _Add,
    ) -> None:
        if is_all_missing(value):
            return
        counts = _counts(one, n_alts, n_local, ploidies)
        came = n_values(value)
        if counts is not None and came not in counts:
            wanted = " or ".join(str(n) for n in counts)
            is_dot = n_alts == 0 and came in (counts_with_one_alt(one.number, ploidies or ()) or ())
            is_text = one.number == "1" and one.type == "String"
            rule = "call-number-no-alt" if is_dot else "call-number-text" if is_text else "call-number"
            add(rule, f"Number={one.number} asks for {wanted} values, {came} came", one.key)
        elif one.type == "String" and b"," not in value:
            return
        faults = dict.fromkeys(
            fault for item in split_values(value) if (fault := self._value_fault(one, item)) is not None
        )
        for fault in faults:
            add(f"call-{fault}", _message(fault, one), one.key)

    def _value_fault(self, one: Field, value: bytes) -> str | None:
        fault = value_fault(value, one.type, self._model.dialect)
        if fault is None and one.not_negative and value != b"." and one.type in {"Integer", "Float"}:
            return "negative" if is_negative(value) else None
        return fault


def _counts(one: Field, n_alts: int, n_local: int, ploidies: tuple[int, ...] | None) -> tuple[int, ...] | None:
    if one.number in _LOCAL:
        if one.number == "LG":
            return tuple(n_genotypes(n_local + 1, ploidy) for ploidy in ploidies) if ploidies else None
        return (n_local + (one.number == "LR"),)
    return counts_for(one.number, n_alts, ploidies or ())


def _message(fault: str, one: Field) -> str:
    return {
        "type": f"a value should be of Type={one.type}",
        "range": "a number does not fit 32 bits",
        "empty": "a value of the list is empty",
        "negative": "a value should not be negative",
    }[fault]


def _slices(calls: bytes) -> Iterator[bytes]:
    """Yield the sample columns in parts of about a megabyte, whole columns each."""
    start = 0
    while len(calls) - start > _SLICE_BYTES:
        end = calls.rfind(b"\t", start, start + _SLICE_BYTES)
        if end < 0:
            end = calls.find(b"\t", start + _SLICE_BYTES)
        if end < 0:
            break
        yield calls[start:end]
        start = end + 1
    yield calls[start:] if start else calls
