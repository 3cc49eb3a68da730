"""`genomics-dc qc`: quality of samples and variants."""

from __future__ import annotations

import json

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
    selected_view,
)
from genomics_dc.cli.progress import progress_bar
from genomics_dc.files import refuse_existing


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command("qc")(qc)


def qc(
    store: StoreArgument,
    output: OutputOption,
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
    """Quality of samples and variants: tables, plots, and a section for MultiQC, in the folder --output.

    Example: genomics-dc qc cohort.vcz --output qc/ --threads 2
    """
    from genomics_dc.analyses.qc import quality

    refuse_existing(output, force=force)
    view = selected_view(store, region=region, keep=keep, extract=extract, maf=maf, hwe=hwe, missing=missing)
    with progress_bar() as tell:
        result = quality(view, thresholds=thresholds, threads=threads, progress=tell)
    result.write(output, force=force)
    if as_json:
        print(json.dumps({"output": str(output), **result.summary}, ensure_ascii=False))  # noqa: T201
        return
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
    if summary["note"]:
        lines.append(str(summary["note"]))
    print("\n".join([*lines, f"written to {output}"]))  # noqa: T201


def _number(value: object, form: str) -> str:
    return "not known" if value is None else format(value, form)
