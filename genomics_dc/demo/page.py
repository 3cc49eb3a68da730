"""The summary page: one file, without network and without script, that links everything the demo made."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from genomics_dc.demo.family import CHILD, FATHER, MOTHER, PLANTED, PLANTED_WITHOUT_READS

_PICTURE_TYPES = {".svg": "image/svg+xml", ".png": "image/png"}


def render(folder: Path, summary: Mapping[str, Any]) -> str:
    """Return the page as HTML; links are relative to `folder`, and only to files that are there."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("genomics_dc.demo", "data"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    environment.filters.update(count=_count, percent=_percent, seconds=_seconds, megabytes=_megabytes)
    template = environment.get_template("index.html.j2")
    return template.render(
        summary=summary,
        figures=summary["figures"],
        picture=lambda path: _picture(folder / path),
        there=lambda path: (folder / path).exists(),
        reports=_reports(folder),
        child=CHILD,
        father=FATHER,
        mother=MOTHER,
        planted=PLANTED,
        unread=PLANTED_WITHOUT_READS,
        total_s=sum(row["elapsed_s"] for row in summary["seconds_by_stage"]),
        longest_s=max((row["elapsed_s"] for row in summary["seconds_by_stage"]), default=1) or 1,
    )


def _reports(folder: Path) -> list[dict[str, str]]:
    """Return the report files: language, format and link."""
    names = {"zh-CN": "中文", "en": "English"}
    found: list[dict[str, str]] = []
    for language, label in names.items():
        for suffix in ("html", "pdf"):
            for path in sorted((folder / "family" / "report").rglob(f"*{language}*.{suffix}")):
                link = path.relative_to(folder).as_posix()
                found.append({"label": label, "format": suffix.upper(), "link": link, "language": language})
    return found


def _picture(path: Path) -> str:
    """Return a picture as a data address: the page stays one file."""
    from markupsafe import Markup

    content = base64.b64encode(path.read_bytes()).decode()
    return Markup(f"data:{_PICTURE_TYPES[path.suffix]};base64,{content}")  # noqa: S704 - base64 of our own file


def _count(number: float) -> str:
    return f"{number:,.0f}"


def _percent(share: float | None, decimals: int = 2) -> str:
    return "–" if share is None else f"{100 * share:.{decimals}f}%"


def _seconds(elapsed_s: float) -> str:
    minutes, seconds = divmod(elapsed_s, 60)
    return f"{minutes:.0f} min {seconds:.0f} s" if minutes else f"{seconds:.1f} s"


def _megabytes(n_bytes: float) -> str:
    return f"{n_bytes / 1e6:.1f} MB"
