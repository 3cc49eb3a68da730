"""`genomics-dc kinship` and `genomics-dc grm`: how the samples of a cohort are related, pair by pair."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from genomics_dc.cli.options import (
    AllThreadsOption,
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
    ThresholdsOption,
    over_blocks,
    selected_view,
    table_name,
)
from genomics_dc.cli.progress import progress_bar
from genomics_dc.files import refuse_existing

DegreeOption = Annotated[
    int,
    typer.Option("--degree", min=0, max=3, help="Furthest relatives to part for --unrelated-output; 0: duplicates."),
]


def register(app: typer.Typer) -> None:
    """Add `kinship` and `grm`."""
    app.command("kinship")(over_blocks(kinship))
    app.command("grm")(over_blocks(grm))


def kinship(
    store: StoreArgument,
    output: OutputOption,
    kinship_min: Annotated[
        float | None, typer.Option("--kinship-min", "--min-kinship", help="Write only pairs of at least this kinship.")
    ] = None,
    degrees: Annotated[
        int | None,
        typer.Option("--degrees", min=0, max=3, help="Write only relatives up to this degree; 0: duplicates."),
    ] = None,
    unrelated_output: Annotated[
        Path | None,
        typer.Option("--unrelated-output", help="Write the ids of the largest unrelated set, as --keep takes them."),
    ] = None,
    degree: DegreeOption = 3,
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
    threads: AllThreadsOption = None,
    force: ForceOption = False,
    as_json: JsonOption = False,
) -> None:
    """KING-robust kinship of all pairs of samples, with degrees of relationship and duplicates (.parquet or .tsv).

    Example: genomics-dc kinship cohort.vcz --output kinship.tsv --degrees 3 --unrelated-output unrelated.txt
    """
    from genomics_dc.analyses.relatedness import kinship as kinship_of
    from genomics_dc.analyses.relatedness import kinship_of_degree
    from genomics_dc.analyses.thresholds import load_thresholds
    from genomics_dc.analyses.unrelated import unrelated

    table_name(output)
    for path in (output, unrelated_output):
        if path is not None:
            refuse_existing(path, force=force)
    limits = load_thresholds(thresholds)
    if degrees is not None:
        lowest = kinship_of_degree(limits, degrees)
        kinship_min = lowest if kinship_min is None else max(lowest, kinship_min)
    view = selected_view(store, region=region, keep=keep, extract=extract, maf=maf, hwe=hwe, missing=missing)
    with progress_bar() as tell:
        result = kinship_of(view, kinship_min=kinship_min, thresholds=limits, threads=threads, progress=tell)
        chosen = None
        if unrelated_output is not None:
            chosen = unrelated(view, degree=degree, thresholds=limits, threads=threads, progress=tell)
    result.write(output, force=force)
    if chosen is not None and unrelated_output is not None:
        chosen.write_ids(unrelated_output, force=force)
    if plot is not None:
        from genomics_dc.plots import style

        style.save(result.plot.kinship(), plot)
    counts = result.degree_counts()
    if as_json:
        answer = {"output": str(output), "samples": result.n_samples, "pairs": result.n_pairs, **counts}
        answer["note"] = result.note
        if chosen is not None:
            answer |= {"unrelated_output": str(unrelated_output), "unrelated": len(chosen.kept)}
        print(json.dumps(answer))  # noqa: T201
        return
    named = ", ".join(f"{number:,} {name.replace('_', ' ')}" for name, number in counts.items())
    lines = [f"{result.n_pairs:,} pairs of {result.n_samples:,} samples: {named}"]
    if chosen is not None:
        lines.append(f"{len(chosen.kept):,} samples without relatives, written to {unrelated_output}")
    lines += [result.note] if result.note is not None else []
    print("\n".join([*lines, f"written to {output}"]))  # noqa: T201


def grm(
    store: StoreArgument,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Name without an ending: .grm.bin, .grm.N.bin and .grm.id are added.")
    ],
    region: RegionOption = None,
    keep: KeepOption = None,
    extract: ExtractOption = None,
    maf: MafOption = None,
    hwe: HweOption = None,
    missing: MissingOption = None,
    threads: AllThreadsOption = None,
    force: ForceOption = False,
    as_json: JsonOption = False,
) -> None:
    """Genetic relationship matrix by GCTA's formula, in GCTA's binary files (as plink2 --make-grm-bin writes them).

    Example: genomics-dc grm cohort.vcz --maf 0.01 --output cohort
    """
    from genomics_dc.analyses.grm import grm as grm_of
    from genomics_dc.analyses.grm import paths_of

    for path in paths_of(output):
        refuse_existing(path, force=force)
    view = selected_view(store, region=region, keep=keep, extract=extract, maf=maf, hwe=hwe, missing=missing)
    with progress_bar() as tell:
        result = grm_of(view, threads=threads, progress=tell)
    written = result.write(output, force=force)
    if as_json:
        names = [str(path) for path in written]
        print(json.dumps({"output": names, "samples": len(result), "variants_used": result.n_variants}))  # noqa: T201
        return
    print(  # noqa: T201
        f"{len(result):,} samples, {result.n_variants:,} variants that vary\nwritten to {written[0]} and beside it"
    )
