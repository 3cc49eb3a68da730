"""`genomics-dc cohort`: the registry of people, samples, values and consent."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from genomics_dc.cli.options import JsonOption
from genomics_dc.errors import UsageError

if TYPE_CHECKING:
    from genomics_dc.centre import DataCentre
    from genomics_dc.cohorts.records import ImportReport

CentreOption = Annotated[Path, typer.Option("--centre", help="The data centre file.", metavar="CENTRE.yaml")]
AsOption = Annotated[
    str | None, typer.Option("--as", help="Who asks: a principal of the data centre file.", metavar="NAME")
]
PurposeOption = Annotated[
    str, typer.Option("--purpose", help="What for: a DUO permission such as DUO:0000006, or registry.")
]
IdsOption = Annotated[
    Path | None, typer.Option("--ids", help="Write line and opaque person id of each person to this TSV.")
]
_DEFAULT_CENTRE = Path("centre.yaml")


def register(app: typer.Typer) -> None:
    """Add `cohort` and its commands."""
    cohort = typer.Typer(help="Registry: people, samples, values, consent, cohorts.", no_args_is_help=True)
    importer = typer.Typer(help="Import hospital tables and FHIR bundles.", no_args_is_help=True)
    cohort.command("init")(_init)
    cohort.command("upgrade")(_upgrade)
    importer.command("table")(_import_table)
    importer.command("traits")(_import_traits)
    importer.command("fhir")(_import_fhir)
    importer.command("consents")(_import_consents)
    cohort.add_typer(importer, name="import")
    for name, command in (
        ("find", _find),
        ("link", _link),
        ("define", _define),
        ("consent", _consent),
        ("list", _list),
        ("info", _info),
    ):
        cohort.command(name)(command)
    app.add_typer(cohort, name="cohort")


def _open(centre: Path, purpose: str, principal: str | None) -> DataCentre:
    from genomics_dc.centre import open_centre

    return open_centre(centre, purpose=purpose, principal=principal)


def _print(document: Mapping[str, Any] | list[dict[str, Any]], *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(document, ensure_ascii=False))  # noqa: T201
        return
    for row in document if isinstance(document, list) else [document]:
        print("\t".join(f"{key}={value}" for key, value in row.items()) or "nothing to do")  # noqa: T201


def _person_text(text: str) -> str:
    """Return the person argument; `-` reads it from stdin, so that a number is not in the shell's history."""
    return sys.stdin.readline().strip() if text == "-" else text


def _report(report: ImportReport, ids: Path | None, *, as_json: bool) -> None:
    from genomics_dc.files import write_text

    for note in report.notes:
        print(note, file=sys.stderr)  # noqa: T201
    for reason, count in report.skipped.items():
        print(f"skipped {count}: {reason}", file=sys.stderr)  # noqa: T201
    if ids is not None:
        lines = [f"{where.rsplit(':', 1)[-1].strip()}\t{person}" for where, person in report.person_ids]
        write_text(ids, "\n".join(["line\tperson", *lines]) + "\n")
    _print({**report.counts, "skipped": report.skipped} if as_json else report.counts, as_json=as_json)


def _moment(text: str | None, option: str) -> datetime | None:
    from genomics_dc.cohorts.emr.dates import parse_moment

    if text is None:
        return None
    moment = parse_moment(text, zone=UTC)
    if moment is None or moment.precision not in ("day", "time"):
        raise UsageError(f"{option} needs a date, YYYY-MM-DD (UTC)")
    return moment.at


def _init(
    centre: CentreOption = _DEFAULT_CENTRE,
    registry: Annotated[
        str | None, typer.Option("--registry", help="sqlite:///FILE or postgresql+psycopg://USER@HOST/DATABASE")
    ] = None,
    keys: Annotated[Path | None, typer.Option("--keys", help="Where the new key file goes (mode 0600).")] = None,
) -> None:
    """Make a registry, its key file, and the data centre file when it is not there yet.

    Relative paths start at the folder of the data centre file. Keep a copy of the key file apart from the database:
    without it the names and numbers cannot be read again.

    Example: genomics-dc cohort init --registry sqlite:///registry.db --keys registry.key --centre centre.yaml
    """
    from genomics_dc.centre import create_centre

    config = create_centre(centre, registry=registry, key_file=keys)
    print(f"made the registry and its key file {config.keys}", file=sys.stderr)  # noqa: T201
    print(centre)  # noqa: T201


def _upgrade(centre: CentreOption = _DEFAULT_CENTRE) -> None:
    """Bring a registry made by an older version to this version's tables. Make a backup first.

    Example: genomics-dc cohort upgrade --centre centre.yaml
    """
    from genomics_dc.centre import upgrade_centre

    print(upgrade_centre(centre))  # noqa: T201


def _import_table(
    table: Annotated[Path, typer.Argument(help="TSV, or CSV when the name ends with .csv.", metavar="PEOPLE.tsv")],
    centre: CentreOption = _DEFAULT_CENTRE,
    mapping: Annotated[
        Path | None, typer.Option("--map", help="Which column is what, as YAML.", metavar="MAP.yaml")
    ] = None,
    ids: IdsOption = None,
    principal: AsOption = None,
    json_output: JsonOption = False,
) -> None:
    """Import people, samples or values: all lines, or none with every bad line told.

    Without --map, these columns are understood: person, mrn, mrn_system, name, birth_date, sex, sample, store,
    specimen, collected, received, father, mother.

    Example: genomics-dc cohort import table people.tsv --centre centre.yaml --ids person_ids.tsv
    """
    with _open(centre, "registry", principal) as opened:
        _report(opened.import_table(table, mapping=mapping), ids, as_json=json_output)


def _import_traits(
    table: Annotated[Path, typer.Argument(help="Columns: sample (or IID) or person, then traits.", metavar="P.tsv")],
    centre: CentreOption = _DEFAULT_CENTRE,
    principal: AsOption = None,
    json_output: JsonOption = False,
) -> None:
    """Import numeric traits and covariates, one column each, of samples that are linked to people.

    Example: genomics-dc cohort import traits phenotypes.tsv --centre centre.yaml
    """
    with _open(centre, "registry", principal) as opened:
        _report(opened.import_table(table, traits=True), None, as_json=json_output)


def _import_fhir(
    bundle: Annotated[Path, typer.Argument(help="A FHIR R4 Bundle as JSON.", metavar="BUNDLE.json")],
    centre: CentreOption = _DEFAULT_CENTRE,
    source: Annotated[
        str, typer.Option("--source", help="The server that gave it; ids are unique in it.")
    ] = "hospital",
    ids: IdsOption = None,
    principal: AsOption = None,
    json_output: JsonOption = False,
) -> None:
    """Import Patient, Observation and Condition of a FHIR R4 bundle. The same bundle again changes nothing.

    Example: genomics-dc cohort import fhir bundle.json --source ward-7 --centre centre.yaml
    """
    with _open(centre, "registry", principal) as opened:
        _report(opened.import_fhir(bundle, source=source), ids, as_json=json_output)


def _import_consents(
    table: Annotated[
        Path,
        typer.Argument(help="Columns: person, sample or mrn; terms; from; until, disease.", metavar="CONSENTS.tsv"),
    ],
    centre: CentreOption = _DEFAULT_CENTRE,
    principal: AsOption = None,
    json_output: JsonOption = False,
) -> None:
    """Import what many people allowed. A consent that was withdrawn since stays withdrawn.

    Example: genomics-dc cohort import consents consents.tsv --centre centre.yaml
    """
    with _open(centre, "registry", principal) as opened:
        _report(opened.import_consents(table), None, as_json=json_output)


def _find(
    person: Annotated[str, typer.Argument(help="SYSTEM|VALUE, or - to read it from stdin.", metavar="NUMBER")] = "-",
    centre: CentreOption = _DEFAULT_CENTRE,
    principal: AsOption = None,
) -> None:
    """Print the opaque person id of a number. Give the number on stdin: a command line can be seen by others.

    Example: genomics-dc cohort find - --centre centre.yaml < number.txt
    """
    with _open(centre, "registry", principal) as opened:
        print(opened.find(_person_text(person)))  # noqa: T201


def _link(
    sample: Annotated[str, typer.Option("--sample", help="Opaque sample id.")],
    person: Annotated[str, typer.Option("--person", help="Person id, SYSTEM|VALUE, or - for stdin.")],
    store: Annotated[str | None, typer.Option("--store", help="Store by name or path.", metavar="C.vcz")] = None,
    column: Annotated[str | None, typer.Option("--column", help="Its name in the store, when it is another.")] = None,
    specimen: Annotated[str | None, typer.Option("--specimen", help="What was taken, such as blood.")] = None,
    centre: CentreOption = _DEFAULT_CENTRE,
    principal: AsOption = None,
    json_output: JsonOption = False,
) -> None:
    """Say whose a sample is, and which column of which store holds it.

    Example: genomics-dc cohort link --sample S1 --person P-0123456789ABC --store cohort.vcz --centre centre.yaml
    """
    with _open(centre, "registry", principal) as opened:
        report = opened.link(sample, _person_text(person), store=store, store_column=column, specimen=specimen)
        _print(report.counts, as_json=json_output)


def _define(
    name: Annotated[str, typer.Argument(help="Lower-case letters, digits and ._-", metavar="NAME")],
    where: Annotated[
        list[str] | None, typer.Option("--where", help="FIELD OP VALUE; give it again for AND.", metavar="CRITERION")
    ] = None,
    centre: CentreOption = _DEFAULT_CENTRE,
    principal: AsOption = None,
) -> None:
    """Define a cohort by criteria on sex, store, condition or any trait. It is frozen on first use.

    Example: genomics-dc cohort define t2d-2026 --where "sex in (female, male)" --where "hba1c >= 6.5"
    """
    with _open(centre, "registry", principal) as opened:
        print(opened.define_cohort(name, where or []))  # noqa: T201


def _consent(
    person: Annotated[str, typer.Argument(help="Person id, SYSTEM|VALUE, or - for stdin.", metavar="PERSON")],
    grant: Annotated[
        list[str] | None, typer.Option("--grant", help="DUO term that is allowed; may be given again.", metavar="DUO:…")
    ] = None,
    withdraw: Annotated[bool, typer.Option("--withdraw", help="Take back what was allowed, from now on.")] = False,
    scope: Annotated[str | None, typer.Option("--scope", help="With --withdraw: research or clinical only.")] = None,
    disease: Annotated[
        list[str] | None, typer.Option("--disease", help="With DUO:0000007: the disease, such as MONDO:0005148.")
    ] = None,
    since: Annotated[str | None, typer.Option("--from", help="First day (UTC); default now.")] = None,
    until: Annotated[str | None, typer.Option("--until", help="Day from which it no longer holds (UTC).")] = None,
    document: Annotated[Path | None, typer.Option("--document", help="The signed form; its SHA-256 is kept.")] = None,
    centre: CentreOption = _DEFAULT_CENTRE,
    principal: AsOption = None,
) -> None:
    """Record what a person allowed, or take it back. A withdrawal holds for the next question that is asked.

    Example: genomics-dc cohort consent P-0123456789ABC --grant DUO:0000042 --grant DUO:0000043 --centre centre.yaml
    """
    if bool(grant) == withdraw:
        raise UsageError("give either --grant DUO:… or --withdraw")
    if scope not in (None, "research", "clinical"):
        raise UsageError("--scope is research or clinical")
    with _open(centre, "registry", principal) as opened:
        text = _person_text(person)
        if withdraw:
            print(f"withdrawn={opened.withdraw_consent(text, scope=scope)}")  # type: ignore[arg-type]  # noqa: T201
        else:
            granted = opened.grant_consent(
                text,
                grant or [],
                diseases=disease or [],
                valid_from=_moment(since, "--from"),
                valid_to=_moment(until, "--until"),
                document=document,
            )
            print(f"granted={granted}")  # noqa: T201


def _list(
    centre: CentreOption = _DEFAULT_CENTRE,
    purpose: PurposeOption = "registry",
    principal: AsOption = None,
    json_output: JsonOption = False,
) -> None:
    """Print the cohorts: criteria and counts. With a DUO purpose, how many people consent to it, too.

    Example: genomics-dc cohort list --purpose DUO:0000006 --centre centre.yaml
    """
    with _open(centre, purpose, principal) as opened:
        _print(opened.list_cohorts(), as_json=json_output)


def _info(centre: CentreOption = _DEFAULT_CENTRE, principal: AsOption = None, json_output: JsonOption = False) -> None:
    """Print how much the registry holds, in counts; small counts of people are hidden.

    Example: genomics-dc cohort info --centre centre.yaml --json
    """
    with _open(centre, "registry", principal) as opened:
        _print(opened.info(), as_json=json_output)
