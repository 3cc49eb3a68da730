"""A whole file held against every rule, as a stream."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from genomics_dc.store.validate.container import Damage, file_kind, text_parts
from genomics_dc.store.validate.findings import Collection, Finding
from genomics_dc.store.validate.header import read_header
from genomics_dc.store.validate.model import HeaderModel, Report, empty_model
from genomics_dc.store.validate.order import OrderRules
from genomics_dc.store.validate.record import RecordRules

_CLEAN = bytes(range(0x20, 0x100)) + b"\t\n"
_LONGEST_HEADER = 1 << 30


@dataclass(frozen=True)
class Validation:
    """What was found in one file.

    `findings` are the first errors and warnings, in the order of the file; `counts` has every one, by rule, but of one
    line no more than a thousand.
    """

    path: Path
    version: str
    n_records: int
    n_errors: int
    n_warnings: int
    findings: tuple[Finding, ...]
    counts: dict[str, int]

    @property
    def is_valid(self) -> bool:
        """Whether there is no error."""
        return not self.n_errors

    def to_dict(self) -> dict[str, Any]:
        """Return the result as plain values for JSON."""
        return {
            "path": str(self.path),
            "version": self.version,
            "valid": self.is_valid,
            "records": self.n_records,
            "errors": self.n_errors,
            "warnings": self.n_warnings,
            "counts": self.counts,
            "findings": [finding.to_dict() for finding in self.findings],
        }


def validate_vcf(
    path: str | Path,
    *,
    max_findings: int = 100,
    strict_warnings: bool = False,
    progress: Callable[[str, float], None] = lambda _step, _share: None,
) -> Validation:
    """Hold a VCF (text, BGZF, gzip) or BCF file against the specification of the version that it names.

    Parameters
    ----------
    max_findings
        How many errors, and how many warnings, are kept; all are counted.
    strict_warnings
        Count warnings as errors.

    Raises
    ------
    InputError
        When the file cannot be opened. Whatever is in it becomes findings.
    """
    path = Path(path)
    kind = file_kind(path)
    found = Collection(max_findings)
    n_bytes = path.stat().st_size or 1
    reader = _Reader(path, kind, found, lambda n_read: progress(f"Reading {path.name}", n_read / n_bytes))
    reader.run()
    counts: dict[str, int] = {}
    for (rule, _), n in sorted(found.counts.items()):
        counts[rule] = counts.get(rule, 0) + n
    n_errors, n_warnings = found.count("error"), found.count("warning")
    return Validation(
        path=path,
        version=reader.model.dialect.version,
        n_records=reader.n_records,
        n_errors=n_errors + n_warnings if strict_warnings else n_errors,
        n_warnings=0 if strict_warnings else n_warnings,
        findings=tuple(found.kept),
        counts=counts,
    )


class _Reader:
    """Takes the text apart into header and records."""

    def __init__(self, path: Path, kind: str, found: Collection, tell: Callable[[int], None]) -> None:
        self.model: HeaderModel = empty_model()
        self.n_records = 0
        self._path = path
        self._kind = kind
        self._found = found
        self._tell = tell
        self._line = 0
        self._empty_from = 0
        self._damage: Damage | None = None

    def run(self) -> None:
        if self._kind == "empty":
            self._found.extend(read_header(b"")[1])
            return
        parts = self._lines()
        header, rest, is_clean = self._header(parts)
        self.model, findings = read_header(header)
        if self._kind == "gzip":
            self._say("file-not-bgzf", "the file is compressed by gzip; bgzip would let it be indexed")
        if self._damage is None or header:
            self._found.extend(findings)
        self._line = self.model.n_lines
        rules = RecordRules(self.model, OrderRules())
        self._records(rest, rules, is_clean=is_clean)
        for lines, clean in parts:
            self._records(lines, rules, is_clean=clean)
        if self._empty_from:
            self._say("line-empty-at-end", "empty lines follow the last record", self._empty_from)
        if self._damage is not None:
            self._say(self._damage.rule, f"{self._damage.message} (after line {self._line:,})")

    def _say(self, rule: str, message: str, line: int | None = None) -> None:
        report = Report(self.model.dialect, line)
        report.add(rule, message)
        self._found.extend(report.findings)

    def _header(self, parts: Iterator[tuple[list[bytes], bool]]) -> tuple[bytes, list[bytes], bool]:
        """Return the header's text, and the lines that came with its end."""
        header: list[bytes] = []
        n_bytes = 0
        for lines, is_clean in parts:
            for i, line in enumerate(lines):
                header.append(line)
                n_bytes += len(line)
                is_end = line.startswith(b"#") and not line.startswith(b"##")
                if is_end or (not line.startswith(b"#") and len(line.split(b"\t", 8)) > 7):
                    n_taken = i + 1 if is_end else i
                    if not is_end:
                        header.pop()
                    return b"\n".join(header) + b"\n", lines[n_taken:], is_clean
            if n_bytes > _LONGEST_HEADER:
                break
        return (b"\n".join(header) + b"\n" if header else b""), [], True

    def _records(self, lines: list[bytes], rules: RecordRules, *, is_clean: bool) -> None:
        check, found = rules.check, self._found
        number = self._line
        for line in lines:
            number += 1
            text = line if is_clean else line.removesuffix(b"\r")
            if not text:
                self._empty_from = self._empty_from or number
                continue
            if self._empty_from:
                self._say("line-empty", "an empty line stands before a record", self._empty_from)
                self._empty_from = 0
            self.n_records += 1
            findings = check(text, number, is_clean=is_clean)
            if findings:
                found.extend(findings)
        self._line = number

    def _lines(self) -> Iterator[tuple[list[bytes], bool]]:
        """Yield whole lines without LF, and whether they have neither CR nor any character that needs a look."""
        waiting: list[bytes] = []
        waiting_is_clean = True
        last = b"\n"
        try:
            for part in text_parts(self._path, self._kind, self._tell):
                is_clean = part.isascii() and not part.translate(None, _CLEAN)
                last = part[-1:] or last
                first, newline, rest = part.partition(b"\n")
                if not newline:
                    waiting.append(part)
                    waiting_is_clean &= is_clean
                    continue
                waiting.append(first)
                yield [b"".join(waiting)], waiting_is_clean and is_clean
                lines = rest.split(b"\n")
                waiting = [lines.pop()]
                waiting_is_clean = is_clean
                yield lines, is_clean
        except Damage as damage:
            self._damage = damage
        if any(waiting):
            yield [b"".join(waiting)], waiting_is_clean
        if last != b"\n" and self._damage is None:
            self._say("text-last-line-end", "the last line should end with a line separator", self._line)
