"""Options that more than one command takes, each defined once."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar, cast

import typer

from genomics_dc.errors import InputError, UsageError

if TYPE_CHECKING:
    from genomics_dc.analyses.view import View
    from genomics_dc.store import StoreView

_Command = TypeVar("_Command", bound=Callable[..., None])
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


BuildMemoryOption = Annotated[
    str, typer.Option("--memory", help="The most memory to take, such as 800M or 4G; the result does not depend on it.")
]


def bytes_of(text: str) -> int:
    """Return the number of bytes that "800M" or "4G" means."""
    units = {"K": 10, "M": 20, "G": 30, "T": 40}
    digits = text.upper().removesuffix("B").removesuffix("I")
    shift = units.get(digits[-1:], 0)
    try:
        number = float(digits[:-1] if shift else digits)
    except ValueError:
        number = 0.0
    if not 0 < number < 2.0**50:
        raise UsageError(f"--memory should be a size such as 800M or 4G, not {text}")
    return int(number * 2**shift)


ClusterOption = Annotated[
    str | None,
    typer.Option("--cluster", help="Dask scheduler whose workers do the work, as tcp://node1:8786.", metavar="ADDRESS"),
]
MemoryOption = Annotated[
    str | None,
    typer.Option("--memory", help="Stay below so much memory, such as 800M or 4G; the result does not depend on it."),
]


def over_blocks(command: _Command) -> _Command:
    """Return a command that goes over the blocks of a store with --cluster and --memory, and that Ctrl-C ends at once.

    What the command calls goes through `analyses.parallel`, where both are looked at.
    """

    @functools.wraps(command)
    def run(*arguments: Any, cluster: str | None = None, memory: str | None = None, **options: Any) -> None:
        from genomics_dc.cli.interrupt import prompt_back

        with prompt_back():
            if cluster is None and memory is None:
                command(*arguments, **options)
                return
            from genomics_dc.analyses.cluster import use_cluster
            from genomics_dc.store.blocks import memory_ceiling

            with memory_ceiling(None if memory is None else bytes_of(memory)), use_cluster(cluster):
                command(*arguments, **options)

    signature = inspect.signature(command, eval_str=True)
    added = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation)
        for name, annotation in (("cluster", ClusterOption), ("memory", MemoryOption))
    ]
    run.__signature__ = signature.replace(parameters=[*signature.parameters.values(), *added])  # type: ignore[attr-defined]
    run.__annotations__ = {name: one.annotation for name, one in inspect.signature(run).parameters.items()}
    return cast("_Command", run)


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


def listed(text: str) -> list[str]:
    """Return the words of a comma-separated option."""
    return [name.strip() for name in text.split(",") if name.strip()]


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
