"""What a header declares, as the rules of records need it."""

from __future__ import annotations

from dataclasses import dataclass, field

from genomics_dc.store.validate.findings import Finding, shown
from genomics_dc.store.validate.reserved import reserved
from genomics_dc.store.validate.rules import RULES
from genomics_dc.store.validate.versions import Dialect, dialect

N_FIXED_COLUMNS = 8
COLUMNS = ("CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO", "FORMAT")


@dataclass(frozen=True)
class Field:
    """The declaration of an INFO or FORMAT key: `number` is a count or a code such as "A"."""

    key: str
    number: str
    type: str
    not_negative: bool = False
    is_reserved: bool = False


@dataclass
class HeaderModel:
    """A header as read: its version's grammar, its samples, and what it declares.

    `said` remembers what is said once for a file (undeclared keys); `record_rules` is the place of check_record's
    caches.
    """

    dialect: Dialect
    samples: tuple[str, ...] = ()
    n_columns: int = N_FIXED_COLUMNS
    n_lines: int = 0
    contigs: dict[str, int | None] = field(default_factory=dict)
    filters: set[str] = field(default_factory=set)
    alts: set[str] = field(default_factory=set)
    fields: dict[tuple[str, str], Field] = field(default_factory=dict)
    said: set[tuple[str, str]] = field(default_factory=set)
    record_rules: object = field(default=None, repr=False, compare=False)

    def field_of(self, kind: str, key: str) -> Field | None:
        """Return the declaration of `key` ("INFO" or "FORMAT"); for an undeclared key what the version reserves."""
        declared = self.fields.get((kind, key))
        entry = reserved(kind, key, self.dialect.index)
        if declared is None:
            if entry is None:
                return None
            return Field(key, entry.numbers[0], _widest(entry.types), entry.not_negative, is_reserved=True)
        if entry is None:
            return declared
        return Field(key, declared.number, declared.type, entry.not_negative, is_reserved=True)

    def is_first(self, what: str, name: str) -> bool:
        """Return whether this is the first time that `name` is asked for, and remember it; False past 100,000."""
        if (what, name) in self.said or len(self.said) >= _MOST_SAID:
            return False
        self.said.add((what, name))
        return True


_MOST_SAID = 100_000
_MOST_PER_LINE = 1_000


def _widest(types: tuple[str, ...]) -> str:
    return "Float" if "Float" in types else types[0]


class Report:
    """Makes findings for one line, a thousand at most, with the severity that the file's version gives them."""

    def __init__(self, version: Dialect, line: int | None) -> None:
        self.version = version
        self.line = line
        self.findings: list[Finding] = []

    def add(
        self,
        rule_name: str,
        message: str,
        text: bytes | str = "",
        *,
        column: int | None = None,
        key: str | None = None,
        sample: str | None = None,
    ) -> None:
        """Add a finding; nothing when the file's version has no such rule.

        With `sample` the column's name is the sample's and no text is kept, whatever is given.
        """
        rule = RULES[rule_name]
        severity = rule.severity(self.version.index)
        if severity is None or len(self.findings) >= _MOST_PER_LINE:
            return
        name = sample if sample is not None else COLUMNS[column - 1] if column is not None else None
        if name is not None and key:
            name = f"{name}/{key}"
        self.findings.append(
            Finding(
                rule=rule_name,
                severity=severity,
                message=message,
                line=self.line,
                column=column,
                column_name=name,
                text="" if sample is not None else shown(text),
                kept=rule.kept or None,
            )
        )


def empty_model() -> HeaderModel:
    """Return the model of a header that says nothing, held against VCF 4.2."""
    return HeaderModel(dialect("4.2"))
