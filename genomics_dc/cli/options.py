"""Options that more than one command takes, each defined once."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from genomics_dc.errors import InputError, UsageError

if TYPE_CHECKING:
    from genomics_dc.analyses.view import View
    from genomics_dc.store import StoreView

AnyView = TypeVar("AnyView", bound="StoreView")

StoreArgument = Annotated[Path, typer.Argument(help="A VCF Zarr store (NAME.vcz).", metavar="C.vcz")]
OutputOption = Annotated[Path, typer.Option("--output", "-o", help="Where the result goes.")]
ForceOption = Annotated[bool, typer.Option("--force", help="Replace an output that exists.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object to stdout, for machines.")]
ThreadsOption = Annotated[int, typer.Option("--threads", min=1, help="Threads to use.")]
AllThreadsOption = Annotated[
    int | None, typer.Option("--threads", min=1, help="Threads to use; all processors by default.")
]
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
ThresholdsOption = Annotated[
    Path | None,
    typer.Option("--thresholds", help="A YAML file in the form of configs/qc_thresholds.yaml.", metavar="FILE"),
]
GroupColumnOption = Annotated[
    str | None, typer.Option("--group-column", help="Column of the groups, when the table has more than one.")
]
StrictIdsOption = Annotated[
    bool, typer.Option("--strict", help="Refuse tables whose sample ids and the store's do not all meet.")
]


def table_name(output: Path) -> None:
    """Raise UsageError when a result cannot be written under this name."""
    if output.suffix not in {".parquet", ".tsv"}:
        raise UsageError(f"{output}: the name of a result ends with .parquet or .tsv")


def selected_view(
    store: Path,
    *,
    region: str | None = None,
    keep: Path | None = None,
    extract: Path | None = None,
    maf: float | None = None,
    hwe: float | None = None,
    missing: float | None = None,
) -> View:
    """Open a store and narrow it as the options above say; variant filters are computed over the samples kept."""
    from genomics_dc.analyses.view import open_store

    view = open_store(store)
    if region is not None:
        view = view.region(region)
    if keep is not None:
        view = view.samples(ids_of(keep))
    return narrowed(view, extract=extract, maf=maf, hwe=hwe, missing=missing)


def narrowed(
    view: AnyView,
    *,
    extract: Path | None = None,
    maf: float | None = None,
    hwe: float | None = None,
    missing: float | None = None,
) -> AnyView:
    """Return the variants of a view that the options above keep, computed over the view's samples."""
    if extract is not None:
        view = view.variants(extract=ids_of(extract))
    if maf is not None or hwe is not None or missing is not None:
        view = view.variants(maf=maf, hwe=hwe, missing=missing)
    return view


def ids_of(path: Path) -> list[str]:
    """Return the first word of each line; blank lines and lines that begin with # (a PLINK header) are skipped."""
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except FileNotFoundError as error:
        raise InputError(f"{path} does not exist; give a text file with one id a line") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not text; give a text file with one id a line") from error
    ids = [line.split()[0] for line in lines if line.strip() and not line.startswith("#")]
    if not ids:
        raise InputError(f"{path} holds no id; give a text file with one id a line")
    return ids
