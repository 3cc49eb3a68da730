"""`genomics-dc report`: pages for a clinician, from findings or for a person of the registry."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from genomics_dc.cli.options import ForceOption, JsonOption
from genomics_dc.errors import InputError, UsageError

if TYPE_CHECKING:
    from genomics_dc.reports.render import WrittenReport
    from genomics_dc.screening.model import Findings


def register(app: typer.Typer) -> None:
    """Add `report`."""
    app.command("report")(report)


def report(
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for the pages; made when missing.")],
    findings: Annotated[
        Path | None, typer.Option("--findings", help="Findings of one sample (JSON from `screen` or a run).")
    ] = None,
    person: Annotated[str | None, typer.Option("--person", help="A person of the registry, P-….")] = None,
    panel: Annotated[list[str] | None, typer.Option("--panel", help="Panel to screen; may be repeated.")] = None,
    centre: Annotated[Path | None, typer.Option("--centre", help="The centre's configuration, YAML.")] = None,
    purpose: Annotated[str | None, typer.Option("--purpose", help="Why the data are used, as DUO:…")] = None,
    institution: Annotated[
        str | None, typer.Option("--institution", help="Name of the centre in the page header.")
    ] = None,
    lang: Annotated[str, typer.Option("--lang", help="Languages, separated by commas.")] = "zh-CN,en",
    formats: Annotated[str, typer.Option("--format", help="Formats, separated by commas.")] = "html,pdf,json",
    force: ForceOption = False,
    as_json: JsonOption = False,
) -> None:
    """Write the report on one sample: HTML and PDF in each language, JSON, and a manifest of checksums.

    From findings alone the report knows the sample id and nothing else about the person. With --person, --centre and
    --purpose the registry gives the identity, to an authorised user, and the audit log says so; without --findings the
    person is also screened, with each --panel.

    Example: genomics-dc report --findings findings/child.demo.json --output reports/child --lang zh-CN,en
    """
    languages, kinds = _words(lang), _words(formats)
    if findings is None and person is None:
        raise UsageError("give --findings FILE, or --person ID with --panel, --centre and --purpose, or both")
    if person is None and (centre is not None or purpose is not None):
        raise UsageError("--centre and --purpose go with --person: they say whose report this is, and why")
    if person is not None and (centre is None or purpose is None):
        raise UsageError("--person also needs --centre and --purpose")
    if (findings is None) != bool(panel):
        raise UsageError("give --panel where there are no --findings yet, and only there")
    if findings is not None:
        written = [
            _from_findings(findings, output, languages, kinds, person, centre, purpose, institution, force=force)
        ]
    else:
        from genomics_dc.centre import open_centre

        assert person is not None
        assert centre is not None
        assert purpose is not None
        with open_centre(centre, purpose=purpose) as home:
            reports = home.person(person).screen(panels=panel or []).report(lang=languages)
            written = reports.write(output, formats=kinds, force=force)
    _print(written, as_json=as_json)


def _words(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]


def _from_findings(
    path: Path,
    output: Path,
    languages: list[str],
    kinds: list[str],
    person: str | None,
    centre: Path | None,
    purpose: str | None,
    institution: str | None,
    *,
    force: bool,
) -> WrittenReport:
    from rich.console import Console

    from genomics_dc.reports import Subject, build, write_report

    found = _read_findings(path)
    if person is not None and centre is not None and purpose is not None:
        from genomics_dc.centre import open_centre

        with open_centre(centre, purpose=purpose) as home:
            subject = home.person(person).subject(found.sample_id)
    else:
        # Without the registry nobody knows whose sample this is: the sample id is the pseudonym too.
        subject = Subject(person_id=found.sample_id, sample_id=found.sample_id)
    model = build(found, subject, centre=institution)
    with Console(stderr=True).status("report") as status:
        return write_report(
            model, output, languages=languages, formats=kinds, force=force, progress=lambda name: status.update(name)
        )


def _read_findings(path: Path) -> Findings:
    from pydantic import ValidationError

    from genomics_dc.screening.model import Findings

    try:
        return Findings.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        raise InputError(f"{path} does not exist; `genomics-dc screen` writes findings") from None
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"])) or "the file as a whole"
        raise InputError(f"{path}: not findings of one sample: {where}: {first['msg']}") from None


def _print(written: list[WrittenReport], *, as_json: bool) -> None:
    if as_json:
        shown = [{"report_id": one.report_id, "files": [str(path) for path in one.paths]} for one in written]
        sys.stdout.write(json.dumps({"reports": shown}, ensure_ascii=False, sort_keys=True) + "\n")
        return
    for one in written:
        for path in one.paths:
            sys.stdout.write(f"{path}\n")
