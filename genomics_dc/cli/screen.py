"""`genomics-dc screen`: what a gene panel finds in one sample."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from genomics_dc.cli.options import ForceOption
from genomics_dc.errors import UsageError


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command("screen")(screen)


def screen(
    panel: Annotated[str, typer.Option("--panel", help="Name of a panel, or path of a panel's YAML file.")],
    store: Annotated[Path | None, typer.Argument(help="A VCF Zarr store (NAME.vcz).", metavar="C.vcz")] = None,
    sample: Annotated[str | None, typer.Option("--sample", help="Sample id in the store.")] = None,
    annotation: Annotated[
        Path | None, typer.Option("--annotation", help="Folder that `annotate` made; NAME.annotation by default.")
    ] = None,
    genes: Annotated[Path | None, typer.Option("--genes", help="Gene models, the GFF3 given to `annotate`.")] = None,
    callable_bed: Annotated[
        Path | None, typer.Option("--callable", help="BED of the bases that could be judged in this sample.")
    ] = None,
    identity: Annotated[Path | None, typer.Option("--identity", help="Identity checks of the run, JSON.")] = None,
    father: Annotated[str | None, typer.Option("--father", help="The father's sample id.")] = None,
    mother: Annotated[str | None, typer.Option("--mother", help="The mother's sample id.")] = None,
    sex: Annotated[Literal["male", "female"] | None, typer.Option("--sex", help="Needed for X and Y.")] = None,
    affected: Annotated[
        bool | None, typer.Option("--affected/--not-affected", help="Whether the person has the condition.")
    ] = None,
    callable_fraction_min: Annotated[
        float | None,
        typer.Option("--callable-fraction-min", min=0, max=1, help="A gene under this share is not assessed."),
    ] = None,
    person: Annotated[str | None, typer.Option("--person", help="A person of a centre, in place of --sample.")] = None,
    centre: Annotated[Path | None, typer.Option("--centre", help="The centre's YAML, with --person.")] = None,
    purpose: Annotated[str | None, typer.Option("--purpose", help="Why, as a DUO code, with --person.")] = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="JSON to write; stdout by default.")] = None,
    force: ForceOption = False,
) -> None:
    """Find what a gene panel says about one sample, and which of its genes could not be judged.

    Example: genomics-dc screen cohort.vcz --sample S1 --panel demo-chr20 --genes genes.gff3 --callable S1.bed
    --identity identity.json --father S2 --mother S3 --output S1.json
    """
    from genomics_dc.files import refuse_existing, write_text
    from genomics_dc.screening.model import Findings

    if output is not None:
        refuse_existing(output, force=force)
    findings: Findings
    if person is not None or centre is not None:
        if person is None or centre is None or store is not None or sample is not None:
            raise UsageError("give --person with --centre, and neither a store nor --sample beside them")
        from genomics_dc.centre import open_centre

        if purpose is None:
            raise UsageError("give --purpose with --person: why this person's findings are asked for, as a DUO code")
        with open_centre(centre, purpose=purpose) as home:
            findings = (
                home.person(person)
                .screen([panel], affected=affected, callable_fraction_min=callable_fraction_min)
                .findings[0]
            )
    else:
        if store is None or sample is None or genes is None or callable_bed is None:
            raise UsageError("give a store with --sample, --genes and --callable, or --person with --centre")
        from genomics_dc.screening.screen import screen as run

        findings = run(
            store,
            sample,
            panel,
            annotation or store.with_suffix(".annotation"),
            callable_bed,
            genes,
            identity,
            father=father,
            mother=mother,
            sex=sex,
            affected=affected,
            callable_fraction_min=callable_fraction_min,
        )
    text = findings.model_dump_json(indent=2) + "\n"
    if output is None:
        typer.echo(text, nl=False)
        return
    write_text(output, text, force=force)
    not_assessed = [row.gene for row in findings.coverage if not row.assessed]
    typer.echo(f"{output}: {len(findings.variants)} variant(s) listed in {len(findings.coverage)} gene(s)", err=True)
    if not_assessed:
        typer.echo(f"not assessed: {', '.join(not_assessed)}", err=True)
    for check in findings.blocked_by:
        typer.echo(f"identity finding, no report until accepted: {check.check}: {check.detail}", err=True)
