"""What the validator found: one finding, and a bounded collection of them.

A finding never carries a person's genotype: in a sample column it names the sample and the field, and no text.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Literal

Severity = Literal["error", "warning"]
_SHOWN_CHARACTERS = 40
_SHOWN_PER_RULE_AND_COLUMN = 5


def shown(text: bytes | str) -> str:
    """Return `text` as people may read it: one line, printable, at most 40 characters."""
    if isinstance(text, bytes):
        text = text[: 4 * _SHOWN_CHARACTERS + 4].decode("utf-8", "backslashreplace")
    text = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text[: _SHOWN_CHARACTERS + 1])
    return text if len(text) <= _SHOWN_CHARACTERS else text[: _SHOWN_CHARACTERS - 1] + "…"


@dataclass(frozen=True)
class Finding:
    """One place where a file breaks a rule.

    `line` and `column` count from one; None where a rule is about the whole file or the whole line. `column_name` is
    what the header calls the column, with the key where there is one ("INFO/AC", "NA00001/GT"). `kept` says why a
    store may be built all the same, or is None where the build refuses the file.
    """

    rule: str
    severity: Severity
    message: str
    line: int | None = None
    column: int | None = None
    column_name: str | None = None
    text: str = ""
    kept: str | None = None

    @property
    def is_error(self) -> bool:
        """Whether the specification forbids what was found."""
        return self.severity == "error"

    def __str__(self) -> str:
        """Return the finding as one line of text, without the file's name."""
        place = "" if self.line is None else f"line {self.line:,}"
        if self.column is not None:
            place += f", column {self.column}"
            place += f" ({self.column_name})" if self.column_name else ""
        quoted = f" [{self.text}]" if self.text else ""
        return f"{place + ': ' if place else ''}{self.severity} {self.rule}: {self.message}{quoted}"

    def to_dict(self) -> dict[str, Any]:
        """Return the finding as plain values for JSON."""
        return {
            "rule": self.rule,
            "severity": self.severity,
            "line": self.line,
            "column": self.column,
            "column_name": self.column_name,
            "text": self.text,
            "message": self.message,
        }


@dataclass
class Collection:
    """Findings as they come: every one is counted, the first `limit` errors and as many warnings are kept.

    Of one rule in one column no more than five are kept, so that one habit of a caller does not hide the rest.
    """

    limit: int = 100
    kept: list[Finding] = field(default_factory=list)
    counts: Counter[tuple[str, Severity]] = field(default_factory=Counter)
    _kept_by_severity: Counter[Severity] = field(default_factory=Counter)
    _kept_by_place: Counter[tuple[str, str]] = field(default_factory=Counter)

    def extend(self, findings: Iterable[Finding]) -> None:
        """Count `findings` and keep what there is room for."""
        for finding in findings:
            self.counts[finding.rule, finding.severity] += 1
            place = (finding.rule, (finding.column_name or "").rpartition("/")[2])
            if self._kept_by_severity[finding.severity] >= self.limit:
                continue
            if self._kept_by_place[place] >= _SHOWN_PER_RULE_AND_COLUMN:
                continue
            self._kept_by_severity[finding.severity] += 1
            self._kept_by_place[place] += 1
            self.kept.append(finding)

    def count(self, severity: Severity) -> int:
        """Return how many findings of `severity` there were."""
        return sum(n for (_, given), n in self.counts.items() if given == severity)
