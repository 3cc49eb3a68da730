"""`genomics-dc validate`: hold a VCF against its specification."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from genomics_dc.cli.options import JsonOption
from genomics_dc.cli.progress import progress_bar
from genomics_dc.errors import FindingsError, UsageError

VcfArgument = Annotated[
    Path | None, typer.Argument(help="A VCF (text, BGZF or gzip) or BCF file.", metavar="X.vcf.gz", show_default=False)
]
MaxFindingsOption = Annotated[
    int, typer.Option("--max-findings", min=1, help="Print at most this many errors, and as many warnings.")
]
StrictOption = Annotated[bool, typer.Option("--strict-warnings", help="Count warnings as errors.")]
ListRulesOption = Annotated[bool, typer.Option("--list-rules", help="Print every rule as a table, and stop.")]


def register(app: typer.Typer) -> None:
    """Add `validate`."""
    app.command()(validate)


def validate(
    vcf: VcfArgument = None,
    as_json: JsonOption = False,
    max_findings: MaxFindingsOption = 100,
    strict_warnings: StrictOption = False,
    list_rules: ListRulesOption = False,
) -> None:
    """Say where a VCF breaks its specification (4.1 to 4.5); exit status 3 when it does.

    Example: genomics-dc validate joint.vcf.gz --max-findings 20
    """
    from genomics_dc.store.validate import rules_as_markdown, validate_vcf

    if list_rules:
        typer.echo(rules_as_markdown(), nl=False)
        return
    if vcf is None:
        raise UsageError("no VCF is given; name one, as in `genomics-dc validate joint.vcf.gz`")
    with progress_bar() as progress:
        found = validate_vcf(vcf, max_findings=max_findings, strict_warnings=strict_warnings, progress=progress)
    if as_json:
        typer.echo(json.dumps(found.to_dict(), ensure_ascii=False))
    else:
        for finding in found.findings:
            typer.echo(str(finding))
    n_shown = len(found.findings)
    n_all = found.n_errors + found.n_warnings
    if not found.is_valid:
        more = f"; {n_shown:,} of {n_all:,} findings are shown" if n_all > n_shown and not as_json else ""
        raise FindingsError(
            f"{vcf} breaks VCF {found.version}: {found.n_errors:,} errors, {found.n_warnings:,} warnings{more}"
        )
    if not as_json:
        typer.echo(f"{vcf}: VCF {found.version}, {found.n_records:,} records, no errors, {found.n_warnings:,} warnings")
