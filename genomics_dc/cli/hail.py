"""`genomics-dc hail`: a store to a Hail MatrixTable, and back."""

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

hail_app = typer.Typer(
    help="To Hail and back; needs the extra: pip install 'genomics_dc\\[hail]'.", no_args_is_help=True
)


def register(app: typer.Typer) -> None:
    """Add the commands to the program."""
    app.add_typer(hail_app, name="hail")


@hail_app.command("export")
def export_command(
    store: StoreArgument,
    output: OutputOption,
    genome: Annotated[
        str | None, typer.Option("--reference-genome", help="GRCh37 or GRCh38; what the store records by default.")
    ] = None,
    region: RegionOption = None,
    keep: KeepOption = None,
    extract: ExtractOption = None,
    maf: MafOption = None,
    hwe: HweOption = None,
    missing: MissingOption = None,
    force: ForceOption = False,
    as_json: JsonOption = False,
) -> None:
    """Write a store, or a part of it, as a MatrixTable (NAME.mt) with every field.

    Example: genomics-dc hail export cohort.vcz --output chr20.mt --region 20
    """
    from genomics_dc.analyses.hail_bridge import to_hail

    view = selected_view(store, region=region, keep=keep, extract=extract, maf=maf, hwe=hwe, missing=missing)
    with progress_bar() as progress:
        mt = to_hail(view, output, reference_genome=genome, force=force, progress=progress)
    n_variants, n_samples = mt.count()
    if as_json:
        typer.echo(json.dumps({"output": str(output), "n_variants": n_variants, "n_samples": n_samples}))
        return
    typer.echo(f"{output}: {n_variants:,} variants x {n_samples:,} samples", err=True)


@hail_app.command("import")
def import_command(
    table: Annotated[Path, typer.Argument(help="A Hail MatrixTable (NAME.mt).", metavar="NAME.mt")],
    output: OutputOption,
    reference: Annotated[
        Path | None, typer.Option("--reference", help="FASTA with index; REF of every record is held against it.")
    ] = None,
    threads: ThreadsOption = 2,
    force: ForceOption = False,
    as_json: JsonOption = False,
) -> None:
    """Build a store from a MatrixTable; what a store cannot keep is said on stderr.

    Example: genomics-dc hail import chr20.mt --output chr20.vcz
    """
    from genomics_dc.analyses.hail_bridge import from_hail

    said: list[str] = []
    with progress_bar() as progress:
        info = from_hail(
            table,
            output,
            reference=reference,
            workers=threads,
            force=force,
            note=said.append,
            progress=progress,
        )
    for sentence in said:
        typer.echo(f"note: {sentence}", err=True)
    if as_json:
        typer.echo(json.dumps(info.to_dict()))
        return
    typer.echo(f"{output}: {info.n_variants:,} variants x {info.n_samples:,} samples", err=True)
