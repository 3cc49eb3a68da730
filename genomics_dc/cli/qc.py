"""`genomics-dc qc` and `genomics-dc kinship`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

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
    selected_view,
)
from genomics_dc.cli.progress import progress_bar
from genomics_dc.errors import UsageError
from genomics_dc.files import refuse_existing

ThresholdsOption = Annotated[
    Path | None,
    typer.Option("--thresholds", help="A YAML file in the form of configs/qc_thresholds.yaml.", metavar="FILE"),
]


def register(app: typer.Typer) -> None:
    """Add `qc` and `kinship`."""
    app.command("qc")(qc)
    app.command("kinship")(kinship)


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


def kinship(
    store: StoreArgument,
    output: OutputOption,
    kinship_min: Annotated[
        float | None, typer.Option("--kinship-min", help="Write only pairs of at least this kinship.")
    ] = None,
    plot: Annotated[
        Path | None, typer.Option("--plot", help="Draw the plot under this name, as .svg and .png.", metavar="STEM")
    ] = None,
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
    """KING-robust kinship of all pairs of samples, with degrees of relationship and duplicates (.parquet or .tsv).

    Example: genomics-dc kinship cohort.vcz --output kinship.tsv --kinship-min 0.0442 --plot kinship
    """
    from genomics_dc.analyses.relatedness import kinship as kinship_of

    if output.suffix not in (".parquet", ".tsv"):
        raise UsageError(f"{output}: the name of a result ends with .parquet or .tsv")
    refuse_existing(output, force=force)
    view = selected_view(store, region=region, keep=keep, extract=extract, maf=maf, hwe=hwe, missing=missing)
    with progress_bar() as tell:
        result = kinship_of(view, kinship_min=kinship_min, thresholds=thresholds, threads=threads, progress=tell)
    result.write(output, force=force)
    if plot is not None:
        from genomics_dc.plots import style

        style.save(result.plot.kinship(), plot)
    counts = result.degree_counts()
    if as_json:
        sizes = {"samples": result.n_samples, "pairs": result.n_pairs}
        print(json.dumps({"output": str(output), **sizes, **counts, "note": result.note}))  # noqa: T201
        return
    named = ", ".join(f"{number:,} {name.replace('_', ' ')}" for name, number in counts.items())
    print(f"{result.n_pairs:,} pairs of {result.n_samples:,} samples: {named}")  # noqa: T201
    print(f"written to {output}" if result.note is None else f"{result.note}\nwritten to {output}")  # noqa: T201


def _number(value: object, form: str) -> str:
    return "not known" if value is None else format(value, form)
