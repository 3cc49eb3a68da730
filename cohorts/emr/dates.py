"""Dates as hospitals write them: sometimes only a year, sometimes to the second with a zone."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, tzinfo
from typing import Literal

Precision = Literal["year", "month", "day", "time"]

_PARTIAL = re.compile(r"(\d{4})(?:[-/.](\d{1,2})(?:[-/.](\d{1,2}))?)?|(\d{4})(\d{2})(\d{2})")
_BIRTH_YEAR_MIN = 1850


@dataclass(frozen=True, repr=False)
class Moment:
    """A time as far as it is known: `at` is its first instant in UTC, `iso` the known part as ISO 8601 text."""

    at: datetime
    precision: Precision
    iso: str


def parse_moment(text: str, *, formats: Sequence[str] = (), zone: tzinfo = UTC) -> Moment | None:
    """Return a date or time, or None when it is not one.

    Understood without `formats`: YYYY, YYYY-MM, YYYY-MM-DD (also with / or .), YYYYMMDD, and ISO times. Day-first or
    month-first dates are not guessed: they need a format. A time without a zone is taken in `zone`; a date without a
    time stays that calendar date whatever the zone.
    """
    text = text.strip()
    for form in formats:
        try:
            parsed = datetime.strptime(text, form)
        except ValueError:
            continue
        if any(code in form for code in ("%H", "%I", "%c", "%X")):
            return _instant(parsed, zone)
        return _day(parsed.year, parsed.month, parsed.day)
    if formats:
        return None
    found = _PARTIAL.fullmatch(text)
    try:
        if found is not None:
            year, month, day = (int(part) if part else None for part in found.groups()[:3])
            if found.group(4):
                year, month, day = (int(part) for part in found.groups()[3:])
            assert year is not None
            if month is None:
                return Moment(datetime(year, 1, 1, tzinfo=UTC), "year", f"{year:04d}")
            if day is None:
                return Moment(datetime(year, month, 1, tzinfo=UTC), "month", f"{year:04d}-{month:02d}")
            return _day(year, month, day)
        if len(text) > len("YYYY-MM-DD") and text[4:5] == "-":
            return _instant(datetime.fromisoformat(text), zone)
    except (ValueError, OverflowError):
        return None
    return None


def parse_birth_date(text: str, *, formats: Sequence[str] = ()) -> str | None:
    """Return a birth date as ISO text (YYYY, YYYY-MM or YYYY-MM-DD), or None when nobody living can have it."""
    moment = parse_moment(text, formats=formats)
    if moment is None or moment.at > datetime.now(UTC) or moment.at.year < _BIRTH_YEAR_MIN:
        return None
    return moment.iso[: len("YYYY-MM-DD")]


def _day(year: int, month: int, day: int) -> Moment:
    return Moment(datetime(year, month, day, tzinfo=UTC), "day", date(year, month, day).isoformat())


def _instant(parsed: datetime, zone: tzinfo) -> Moment:
    at = (parsed.replace(tzinfo=zone) if parsed.tzinfo is None else parsed).astimezone(UTC)
    return Moment(at, "time", parsed.isoformat())


def full_date(text: str | None) -> date | None:
    """Return a date that is known to the day, or None: a year alone is not the first of January."""
    return date.fromisoformat(text) if text is not None and len(text) == len("YYYY-MM-DD") else None
