"""`genomics-dc annotate`: consequences, known variants and frequencies of a store's sites."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from genomics_dc.cli.options import ForceOption, JsonOption, StoreArgument
from genomics_dc.cli.progress import counting_bar


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command("annotate")(annotate)


def annotate(
    store: StoreArgument,
    genes: Annotated[Path, typer.Option("--genes", help="Gene models, GFF3 (Ensembl or GENCODE style).")],
    fasta: Annotated[Path, typer.Option("--fasta", help="Reference genome, FASTA with an index.")],
    clinvar: Annotated[
        Path | None, typer.Option("--clinvar", help="Known variants, ClinVar-format VCF of the same build.")
    ] = None,
    frequencies: Annotated[
        Path | None, typer.Option("--frequencies", help="Population frequencies, VCF with AF or AC and AN.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Folder to make; NAME.annotation beside the store by default.")
    ] = None,
    force: ForceOption = False,
    as_json: JsonOption = False,
) -> None:
    """Say what every variant of a store does to every transcript, and what is known of it.

    Example: genomics-dc annotate cohort.vcz --genes genes.gff3 --fasta genome.fa --clinvar clinvar.vcf.gz
    """
    from rich.console import Console

    from genomics_dc.annotation.annotate import annotate as run

    with counting_bar("consequences") as tell:
        made = run(
            store,
            genes=genes,
            fasta=fasta,
            clinvar=clinvar,
            frequencies=frequencies,
            output=output,
            force=force,
            progress=tell,
        )
    talk = Console(stderr=True)
    for warning in made.warnings:
        talk.print(f"warning: {warning}", style="yellow", markup=False, highlight=False, soft_wrap=True)
    if as_json:
        typer.echo(json.dumps({"output": str(made.path), **made.summary}, ensure_ascii=False, sort_keys=True))
        return
    rows = made.summary["rows"]
    typer.echo(f"{made.path}: {made.summary['alleles']:,} alleles")
    for name in ("consequences", "known", "frequencies"):
        typer.echo(f"  {name}.parquet  {rows[name]:,} rows")
