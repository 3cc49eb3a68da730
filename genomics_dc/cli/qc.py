"""`genomics-dc qc`: quality of samples and variants."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from genomics_dc.cli.options import (
    ExtractOption,
    ForceOption,
    HweOption,
    JsonOption,
    KeepOption,
    MafOption,
    MissingOption,
    OutputOption,
    RegionOption,
    StoreArgument,
    ThreadsOption,
    ThresholdsOption,
    over_blocks,
    selected_view,
)
from genomics_dc.cli.progress import progress_bar
from genomics_dc.errors import UsageError
from genomics_dc.files import refuse_existing

if TYPE_CHECKING:
    from genomics_dc.analyses.qc import QCResult
    from genomics_dc.results import Result


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command("qc")(over_blocks(qc))


def qc(
    store: StoreArgument,
    output: OutputOption,
    only: Annotated[
        Literal["variants", "samples"] | None,
        typer.Option("--only", help="Count only these, into one table: --output ends with .parquet or .tsv."),
    ] = None,
    sex: Annotated[
        Path | None,
        typer.Option("--sex", help="Table by sample with a column sex (M, F, 1, 2, NA), or a .fam.", metavar="FILE"),
    ] = None,
    pedigree: Annotated[
        Path | None,
        typer.Option("--pedigree", help="Table by sample with columns father and mother, or a .fam.", metavar="FILE"),
    ] = None,
    batches: Annotated[
        Path | None, typer.Option("--batches", help="Table by sample with a column batch.", metavar="FILE")
    ] = None,
    groups: Annotated[
        Path | None,
        typer.Option(
            "--groups", help="Table by sample with a column group (ancestry): outliers are those of it.", metavar="FILE"
        ),
    ] = None,
    phenotypes: Annotated[
        Path | None,
        typer.Option(
            "--phenotypes", help="Table with cases and controls, for their missing genotypes.", metavar="FILE"
        ),
    ] = None,
    trait: Annotated[
        str | None, typer.Option("--trait", help="Column of --phenotypes: 0 and 1, or 1 and 2 (2 is case).")
    ] = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Refuse tables whose sample ids and the store's do not all meet.")
    ] = False,
    thresholds: ThresholdsOption = None,
    region: RegionOption = None,
    keep: KeepOption = None,
    extract: ExtractOption = None,
    maf: MafOption = None,
    hwe: HweOption = None,
    missing: MissingOption = None,
    threads: ThreadsOption = 1,
    force: ForceOption = False,
    as_json: JsonOption = False,
) -> None:
    """Quality of samples and variants: a page, tables, plots, and a section for MultiQC, in the folder --output.

    Example: genomics-dc qc cohort.vcz --output qc/ --sex sex.tsv --pedigree cohort.fam --groups ancestry.tsv
    """
    tables: dict[str, Any] = {"sex": sex, "pedigree": pedigree, "batches": batches, "groups": groups}
    tables |= {"phenotypes": phenotypes}
    given = {name: path for name, path in tables.items() if path is not None}
    if only is not None:
        _one_table(only, output, given, trait)
    refuse_existing(output, force=force)
    view = selected_view(store, region=region, keep=keep, extract=extract, maf=maf, hwe=hwe, missing=missing)
    options = {**given, "strict": strict, "thresholds": thresholds, "threads": threads}
    if trait is not None:
        options["trait"] = trait
    if only is not None:
        with progress_bar() as tell:
            counted: Result = (view.variant_qc if only == "variants" else view.sample_qc)(**options, progress=tell)
        counted.write(output, force=force)
        shape = {only: len(counted)}
        text = (
            json.dumps({"output": str(output), **shape}) if as_json else f"{len(counted):,} {only}\nwritten to {output}"
        )
        print(text)  # noqa: T201
        return
    with progress_bar() as tell:
        result = view.qc(**options, progress=tell)
    result.write(output, force=force)
    if as_json:
        print(json.dumps({"output": str(output), **result.summary}, ensure_ascii=False))  # noqa: T201
        return
    print("\n".join([*_spoken(result), f"written to {output}"]))  # noqa: T201


def _one_table(only: str, output: Path, given: Mapping[str, Path], trait: str | None) -> None:
    """Refuse what does not go with --only."""
    if output.suffix not in (".parquet", ".tsv"):
        raise UsageError(f"{output}: with --only the result is one table, and its name ends with .parquet or .tsv")
    useless = ("groups",) if only == "variants" else ("pedigree", "batches", "phenotypes")
    for name in useless:
        if name in given:
            raise UsageError(f"--{name} says nothing of {only}; leave it out, or leave out --only")
    if only == "samples" and trait is not None:
        raise UsageError("--trait says nothing of samples; leave it out, or leave out --only")


def _spoken(result: QCResult) -> list[str]:
    summary = result.summary
    lines = [
        f"{summary['samples']:,} samples, {summary['samples_pass']:,} pass all thresholds",
        f"{summary['variants']:,} variants, {summary['variants_pass']:,} pass all thresholds",
        f"missing genotypes {_number(summary['genotypes_missing_rate'], '.4%')}, "
        f"Ti/Tv {_number(summary['ti_tv'], '.3f')}",
    ]
    for row in result.steps.table.to_pylist():
        if row["failing"]:
            limit = f"{row['threshold']:g} ({row['unit']})"
            lines.append(f"{row['failing']:,} {row['level']}s fail {row['criterion']}, limit {limit}")
    notes = summary["notes"]
    lines += [str(note) for note in notes] if isinstance(notes, list) else []
    return [*lines, *([str(summary["note"])] if summary["note"] else [])]


def _number(value: object, form: str) -> str:
    return "not known" if value is None else format(value, form)
