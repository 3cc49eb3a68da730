"""`genomics-dc store append`, `merge`, `drop-samples`, `sweep`: what changes a store that stands."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from genomics_dc.cli.options import (
    BuildMemoryOption,
    ForceOption,
    JsonOption,
    OutputOption,
    StoreArgument,
    bytes_of,
)
from genomics_dc.cli.progress import progress_bar
from genomics_dc.errors import InputError, StoreError, UsageError

if TYPE_CHECKING:
    from genomics_dc.store import Growth

AddedArgument = Annotated[
    list[Path] | None,
    typer.Argument(help="VCF or BCF with new records or new samples, or several by region.", metavar="[VCF...]"),
]
StoresArgument = Annotated[list[Path], typer.Argument(help="Two stores or more.", metavar="STORE...")]
ReferenceOption = Annotated[
    Path | None, typer.Option("--reference", help="FASTA with index; REF of every new record is held against it.")
]
GvcfOption = Annotated[
    list[Path] | None,
    typer.Option("--gvcf", help="gVCF of one sample: its reference blocks prove 0/0 at other sites; may be repeated."),
]
CallableOption = Annotated[
    list[str] | None,
    typer.Option("--callable", help="SAMPLE=BED of the bases that could be judged; may be repeated.", metavar="S=BED"),
]
CallableDepthOption = Annotated[
    int, typer.Option("--callable-depth", min=0, help="Reads that each base of these BEDs has at least.")
]
DepthOption = Annotated[
    int | None, typer.Option("--min-depth", min=0, help="Reads that every base of REF needs for 0/0; 8 at first.")
]
QualityOption = Annotated[
    int | None, typer.Option("--min-quality", min=0, help="Phred-scaled quality that it needs; 20 at first.")
]
DropSamplesOption = Annotated[
    str | None, typer.Option("--samples", "-s", help="Sample ids to drop, with commas between.")
]
DropFileOption = Annotated[Path | None, typer.Option("--samples-file", "-S", help="File with one sample id a line.")]
KeepGenerationsOption = Annotated[int, typer.Option("--keep", min=0, help="How many of the newest ones to keep.")]
WorkersOption = Annotated[int, typer.Option("--threads", "--workers", min=1, help="Threads to use.")]


def register(store_app: typer.Typer) -> None:
    """Add the commands to `store`."""
    store_app.command()(append)
    store_app.command()(merge)
    store_app.command(name="drop-samples")(drop_samples)
    store_app.command()(sweep)


def append(
    store: StoreArgument,
    vcfs: AddedArgument = None,
    reference: ReferenceOption = None,
    gvcf: GvcfOption = None,
    callable_bed: CallableOption = None,
    callable_depth: CallableDepthOption = 10,
    min_depth: DepthOption = None,
    min_quality: QualityOption = None,
    workers: WorkersOption = 2,
    memory: BuildMemoryOption = "1G",
    as_json: JsonOption = False,
) -> None:
    """Append new records, new samples, or proof of reference to a store.

    With the samples of the store, a VCF brings records; with other samples, it brings them, on the same sites or on
    others. A sample without a record at a site is missing there, unless its reference blocks prove 0/0. The store as
    it was stays readable until `store sweep`.

    Example: genomics-dc store append cohort.vcz chr21.vcf.gz

    genomics-dc store append cohort.vcz new-samples.vcf.gz --gvcf NA12878.g.vcf.gz --callable NA12891=callable.bed
    """
    from genomics_dc.store import Thresholds, append_store

    beds = {}
    for pair in callable_bed or []:
        sample, equals, path = pair.partition("=")
        if not (sample and equals and path):
            raise UsageError(f"--callable takes SAMPLE=BED, not {pair}")
        if sample in beds:
            raise UsageError(f"--callable is given twice for sample {sample}")
        beds[sample] = Path(path)
    thresholds = None
    if min_depth is not None or min_quality is not None:
        usual = Thresholds()
        thresholds = Thresholds(
            usual.depth_min_reads if min_depth is None else min_depth,
            usual.quality_min if min_quality is None else min_quality,
        )
    with progress_bar() as progress:
        done = append_store(
            store,
            vcfs or [],
            reference=reference,
            gvcfs=gvcf or [],
            callable_beds=beds,
            callable_depth_reads=callable_depth,
            thresholds=thresholds,
            workers=workers,
            memory_bytes=bytes_of(memory),
            progress=progress,
        )
    _tell(done, as_json=as_json)


def merge(
    stores: StoresArgument,
    output: OutputOption,
    workers: WorkersOption = 2,
    memory: BuildMemoryOption = "1G",
    force: ForceOption = False,
    as_json: JsonOption = False,
) -> None:
    """Merge stores of different samples (or of the same samples and different records) into a new one.

    Example: genomics-dc store merge north.vcz south.vcz --output both.vcz
    """
    from genomics_dc.store import merge_stores

    with progress_bar() as progress:
        done = merge_stores(
            stores, output, force=force, workers=workers, memory_bytes=bytes_of(memory), progress=progress
        )
    _tell(done, as_json=as_json)


def drop_samples(
    store: StoreArgument,
    samples: DropSamplesOption = None,
    samples_file: DropFileOption = None,
    workers: WorkersOption = 2,
    memory: BuildMemoryOption = "1G",
    as_json: JsonOption = False,
) -> None:
    """Drop samples from a store and from every older generation of it, and print the receipt.

    At once no reader finds them; then all chunks are written without them. Stopped on the way, they stay unreadable,
    and the same command finishes the work.

    Example: genomics-dc store drop-samples cohort.vcz --samples S0042,S0107
    """
    from genomics_dc.store import drop_samples as drop

    if (samples is None) == (samples_file is None):
        raise UsageError("give the samples to drop by --samples or by --samples-file")
    if samples_file is not None:
        try:
            names = samples_file.read_text(encoding="utf-8").split()
        except OSError as error:
            raise InputError(f"{samples_file} cannot be read: {error.strerror or error}") from error
    else:
        names = [name for name in (samples or "").split(",") if name]
    with progress_bar() as progress:
        receipt = drop(store, names, workers=workers, memory_bytes=bytes_of(memory), progress=progress)
    if as_json:
        typer.echo(json.dumps(receipt.to_dict()))
        return
    typer.echo(
        f"{receipt.path}: {receipt.n_dropped:,} samples dropped, {receipt.n_samples:,} left; "
        f"{receipt.n_chunks_rewritten:,} chunks written anew, {receipt.n_chunks_kept:,} had nothing of them; "
        f"{len(receipt.generations_removed):,} older generations removed; generation {receipt.generation}, "
        f"hash {receipt.store_hash}"
    )


def sweep(store: StoreArgument, keep: KeepGenerationsOption = 0, as_json: JsonOption = False) -> None:
    """Remove the older generations of a store.

    Example: genomics-dc store sweep cohort.vcz --keep 1
    """
    from genomics_dc.store import sweep_generations

    if not store.is_dir():
        raise StoreError(f"{store} is not there; give the folder of a store (NAME.vcz)")
    removed = sweep_generations(store, keep=keep)
    if as_json:
        typer.echo(json.dumps({"removed": removed}))
        return
    names = ", ".join(map(str, removed)) or "none"
    typer.echo(f"{store}: {len(removed):,} generations removed ({names})")


def _tell(done: Growth, *, as_json: bool) -> None:
    for sentence in done.notes:
        typer.echo(f"note: {sentence}", err=True)
    if as_json:
        typer.echo(json.dumps(done.to_dict()))
        return
    typer.echo(
        f"{done.path}: {done.n_variants:,} variants ({done.n_variants_added:+,}) x {done.n_samples:,} samples "
        f"({done.n_samples_added:+,}), generation {done.generation}, hash {done.store_hash}"
    )
