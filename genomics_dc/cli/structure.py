"""`genomics-dc pca`: principal components of a cohort."""

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
    over_blocks,
    selected_view,
)
from genomics_dc.cli.progress import progress_bar
from genomics_dc.errors import UsageError
from genomics_dc.files import refuse_existing


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command("pca")(over_blocks(pca))


def pca(
    store: StoreArgument,
    output: OutputOption,
    components: Annotated[int, typer.Option("-k", "--components", min=1, help="Components to find.")] = 10,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of the random start.")] = 1,
    region: RegionOption = None,
    maf: MafOption = None,
    hwe: HweOption = None,
    missing: MissingOption = None,
    keep: KeepOption = None,
    extract: ExtractOption = None,
    plots: Annotated[
        Path | None, typer.Option("--plots", help="Folder for scatter and scree plots, SVG and PNG.")
    ] = None,
    threads: AllThreadsOption = None,
    force: ForceOption = False,
    as_json: JsonOption = False,
) -> None:
    """Principal components of the samples, as a table that `associate --covariates` takes; eigenvalues beside it.

    Example: genomics-dc pca cohort.vcz --maf 0.05 -k 10 --output pcs.tsv --plots plots/
    """
    from genomics_dc.analyses.structure import pca as run

    if output.suffix not in {".parquet", ".tsv"}:
        raise UsageError(f"{output}: the name of a result ends with .parquet or .tsv")
    refuse_existing(output, force=force)
    view = selected_view(store, region=region, keep=keep, extract=extract, maf=maf, hwe=hwe, missing=missing)
    with progress_bar("components") as tell:
        result = run(view, components, seed=seed, threads=threads, progress=tell)
    result.write(output, force=force)
    drawn = result.plot.save(plots) if plots is not None else []
    if as_json:
        answer = {
            "output": str(output),
            "plots": [str(path) for path in drawn],
            "samples": len(result),
            "variants_used": result.n_variants,
            "eigenvalues": result.eigenvalues.tolist(),
            "shares": result.shares.tolist(),
        }
        typer.echo(json.dumps(answer))
        return
    shares = ", ".join(f"{share:.2%}" for share in result.shares)
    typer.echo(
        f"{len(result):,} samples, {result.n_variants:,} variants that vary; shares of variance: {shares}\n"
        f"written to {output}"
    )
