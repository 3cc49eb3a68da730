"""The rules of the header: the column line, and the meta-information lines taken together."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from genomics_dc.store.validate import declarations
from genomics_dc.store.validate.findings import Finding
from genomics_dc.store.validate.meta import parse_meta
from genomics_dc.store.validate.model import COLUMNS, N_FIXED_COLUMNS, HeaderModel, Report, empty_model
from genomics_dc.store.validate.text import check_text
from genomics_dc.store.validate.versions import dialect, read_version

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


def check_header(header: bytes, where: str | Path = "") -> list[Finding]:  # noqa: ARG001  (for callers that word errors)
    """Return what breaks a rule in `header`: every line to the column line, its end included.

    `where` names the file for the caller; findings carry line numbers only.
    """
    return read_header(header)[1]


def read_header(header: bytes) -> tuple[HeaderModel, list[Finding]]:
    """Return what `header` declares, and what breaks a rule in it. Never raises, whatever the bytes."""
    lines = header.split(b"\n")
    if lines and not lines[-1]:
        lines.pop()
    if not lines:
        report = Report(empty_model().dialect, None)
        report.add("file-empty", "the file is empty; a VCF has at least a header")
        return empty_model(), report.findings
    found: list[Finding] = []
    model = _check_file_format(lines[0], found)
    model.n_lines = len(lines)
    declared = declarations.Declarations(model)
    has_columns = False
    for number, raw in enumerate(lines, start=1):
        report = Report(model.dialect, number)
        line = raw.removesuffix(b"\r").removeprefix(_BYTE_ORDER_MARK)
        check_text(line, report)
        if line.startswith(b"##"):
            _check_meta(line, number, declared, report)
        elif line.startswith(b"#"):
            has_columns = True
            _check_columns(line, model, report)
        elif line:
            report.add("columns-stray-line", "a line before the column line should begin with ##", line)
        else:
            report.add("line-empty", "the header has no empty lines")
        found.extend(report.findings)
    if not has_columns:
        report = Report(model.dialect, len(lines))
        report.add("columns-missing", "the header should end with a line that begins with #CHROM")
        found.extend(report.findings)
    return model, found


def _check_file_format(line: bytes, found: list[Finding]) -> HeaderModel:
    """Return a model of the version in the first line."""
    model = empty_model()
    if line.startswith(_BYTE_ORDER_MARK):
        report = Report(model.dialect, 1)
        report.add("text-byte-order-mark", "the file begins with a byte order mark; save it without one")
        found.extend(report.findings)
        line = line.removeprefix(_BYTE_ORDER_MARK)
    key, _, value = line.removesuffix(b"\r").partition(b"=")
    if key != b"##fileformat":
        report = Report(model.dialect, 1)
        report.add("fileformat-missing", "the first line should be ##fileformat=VCFv4.x", line)
        found.extend(report.findings)
        return model
    version, fault = read_version(value)
    model = HeaderModel(dialect(version))
    report = Report(model.dialect, 1)
    if fault == "unreadable":
        report.add("fileformat-unreadable", "the version should be written as VCFv4.x", value)
    elif fault == "unknown":
        report.add("fileformat-unknown", f"the version is not one from 4.1 to 4.5; held against {version}", value)
    found.extend(report.findings)
    return model


def _check_meta(line: bytes, number: int, declared: declarations.Declarations, report: Report) -> None:
    meta = parse_meta(line.decode("utf-8", "replace"))
    if meta is None:
        report.add("meta-key-value", "a meta-information line should be ##key=value", line)
    elif meta.key == "fileformat":
        if number > 1:
            report.add("fileformat-repeated", "##fileformat stands in the first line and nowhere else", line)
    elif not meta.value:
        report.add("meta-empty-value", f"##{meta.key} should have a value", line)
    else:
        declared.check(meta, report)


def _check_columns(line: bytes, model: HeaderModel, report: Report) -> None:
    names = line.decode("utf-8", "replace").split("\t")
    expected = ["#CHROM", *COLUMNS[1:N_FIXED_COLUMNS]]
    if names[:N_FIXED_COLUMNS] != expected:
        wrong = next((i for i, name in enumerate(expected) if names[i : i + 1] != [name]), 0)
        came = names[wrong] if wrong < len(names) else ""
        message = f"column {wrong + 1} should be called {expected[wrong]} (tabs between columns)"
        report.add("columns-names", message, came)
    rest = names[N_FIXED_COLUMNS:]
    if not rest:
        return
    if rest[0] != "FORMAT":
        report.add("columns-names", "column 9 should be called FORMAT", rest[0], column=9)
    model.samples = tuple(rest[1:])
    model.n_columns = len(names)
    if not model.samples:
        report.add("columns-no-samples", "FORMAT should be followed by sample names", column=9)
    _check_samples(model.samples, report)


def _check_samples(samples: Sequence[str], report: Report) -> None:
    seen: dict[str, int] = {}
    for column, sample in enumerate(samples, start=N_FIXED_COLUMNS + 2):
        if not sample:
            report.add("columns-sample-empty", f"column {column} has no name; a tab too many?")
        elif sample in seen:
            first = seen[sample]
            report.add("columns-sample-repeated", f"sample {sample} has columns {first} and {column}; keep one")
        else:
            seen[sample] = column
