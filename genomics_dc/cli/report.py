"""`genomics-dc report`: pages for a clinician, from findings or for a person of the registry."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
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
    principal: Annotated[str | None, typer.Option("--as", help="Who asks: a principal of the centre.")] = None,
    sample: Annotated[str | None, typer.Option("--sample", help="Which sample, where the person has several.")] = None,
    affected: Annotated[
        bool | None, typer.Option("--affected/--not-affected", help="Whether the person has the condition.")
    ] = None,
    indication: Annotated[
        str | None, typer.Option("--indication", help="Why the test was ordered; printed in the report.")
    ] = None,
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
    if person is None and not (centre is None and purpose is None and principal is None):
        raise UsageError("--centre, --purpose and --as go with --person: they say whose report this is, and why")
    if person is not None and (centre is None or purpose is None):
        raise UsageError("--person also needs --centre and --purpose")
    if (findings is None) != bool(panel):
        raise UsageError("give --panel where there are no --findings yet, and only there")
    if findings is not None and (sample is not None or affected is not None):
        raise UsageError("--sample and --affected belong to the screening, which --findings have behind them")
    if findings is not None:
        head = _Head(person, centre, purpose, principal, indication, institution)
        written = [_from_findings(_read_findings(findings), head, output, languages, kinds, force=force)]
    else:
        from genomics_dc.centre import open_centre

        assert person is not None
        assert centre is not None
        assert purpose is not None
        with open_centre(centre, purpose=purpose, principal=principal) as home:
            found = home.person(person).screen(panel or [], sample=sample, affected=affected)
            reports = found.report(lang=languages, indication=indication)
            if institution is not None:
                reports = reports.under(institution)
            written = reports.write(output, formats=kinds, force=force)
    _print(written, as_json=as_json)


def _words(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]


@dataclass(frozen=True)
class _Head:
    """Where the head of the report comes from."""

    person: str | None
    centre: Path | None
    purpose: str | None
    principal: str | None
    indication: str | None
    institution: str | None


def _from_findings(
    found: Findings, head: _Head, output: Path, languages: list[str], kinds: list[str], *, force: bool
) -> WrittenReport:
    from rich.console import Console

    from genomics_dc.reports import Subject, build, write_report

    if head.person is not None and head.centre is not None and head.purpose is not None:
        from genomics_dc.centre import open_centre

        with open_centre(head.centre, purpose=head.purpose, principal=head.principal) as home:
            subject = home.person(head.person).subject(found.sample_id, indication=head.indication)
    else:
        # Without the registry nobody knows whose sample this is: the sample id is the pseudonym too.
        subject = Subject(person_id=found.sample_id, sample_id=found.sample_id, indication=head.indication)
    model = build(found, subject, centre=head.institution)
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
