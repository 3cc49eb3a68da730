"""Options that more than one command takes, each defined once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

StoreArgument = Annotated[Path, typer.Argument(help="A VCF Zarr store (NAME.vcz).", metavar="C.vcz")]
OutputOption = Annotated[Path, typer.Option("--output", "-o", help="Where the result goes.")]
ForceOption = Annotated[bool, typer.Option("--force", help="Replace an output that exists.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object to stdout, for machines.")]
ThreadsOption = Annotated[int, typer.Option("--threads", min=1, help="Threads to use.")]
RegionOption = Annotated[
    str | None, typer.Option("--region", "-r", help="One-based inclusive region, such as 20:1,000,000-2,000,000.")
]
KeepOption = Annotated[Path | None, typer.Option("--keep", help="File of sample ids to keep, one a line.")]
ExtractOption = Annotated[Path | None, typer.Option("--extract", help="File of variant ids to keep, one a line.")]
MafOption = Annotated[
    float | None, typer.Option("--maf", min=0, max=0.5, help="Keep minor allele frequency at or above this.")
]
HweOption = Annotated[
    float | None, typer.Option("--hwe", min=0, max=1, help="Keep exact Hardy-Weinberg p at or above this.")
]
MissingOption = Annotated[
    float | None, typer.Option("--missing", min=0, max=1, help="Keep missing-genotype rate at or below this.")
]
