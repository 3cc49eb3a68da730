"""The rules of characters: UTF-8, and no control characters."""

from __future__ import annotations

import re

from genomics_dc.store.validate.model import Report

_CONTROL = re.compile(rb"[\x00-\x08\x0a-\x1f]")


def check_text(line: bytes, report: Report) -> None:
    """Report bytes that no line of a VCF may have; `line` is without its end."""
    control = _CONTROL.search(line)
    if control is not None:
        report.add(
            "text-control-character",
            f"byte {control[0][0]:#04x} at character {control.start() + 1:,} of the line is not allowed",
        )
    if not line.isascii():
        try:
            line.decode("utf-8")
        except UnicodeDecodeError as error:
            report.add(
                "text-not-utf8",
                f"byte {line[error.start]:#04x} at character {error.start + 1:,} of the line is not UTF-8",
            )
