"""A joint VCF, in one file or split by region, becomes a store."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from genomics_dc.store.staging import staged_store

if TYPE_CHECKING:
    from genomics_dc.store.info import StoreInfo
    from genomics_dc.store.plan import Options

Progress = Callable[[str, float], None]
"""Called with what is being done and the share done, 0 to 1."""

DEFAULT_MEMORY_BYTES: Final = 1 << 30


def build_store(
    vcfs: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
    output: str | os.PathLike[str],
    *,
    reference: str | os.PathLike[str] | None = None,
    assembly: str | None = None,
    force: bool = False,
    workers: int = 2,
    progress: Progress | None = None,
    memory_bytes: int = DEFAULT_MEMORY_BYTES,
    plan: str | os.PathLike[str] | None = None,
    keep_info_order: bool = False,
    local_alleles: bool = False,
    lenient: bool = False,
    note: Callable[[str], None] | None = None,
) -> StoreInfo:
    """Build a store from one VCF, or from several that split one cohort by region; return what it holds.

    The store appears under `output` whole or not at all. The same VCF gives the same bytes and the same store hash,
    whatever the number of threads and the memory.

    Parameters
    ----------
    vcfs
        VCF, BGZF-compressed VCF or BCF; many files must have the same samples in the same order and not overlap.
    output
        Where the store will stand, by custom NAME.vcz.
    reference
        FASTA of the genome build; REF of every record is then held against its bases.
    assembly
        Name of the genome build to record, such as "GRCh37"; otherwise what the VCF header tells, if it does.
    force
        Replace a store that is there.
    workers
        Threads to use.
    progress
        Told of each step and the share done.
    memory_bytes
        The most memory that the build may take.
    plan
        A plan that `plan_store` wrote, perhaps edited: fields left out, types, chunks.
    keep_info_order
        Remember the order of the INFO and FORMAT keys of every record; `export_vcf` and `query` then print it.
    local_alleles
        Keep AD and PL of the alleles that a call carries only (VCF 4.5's LAA, LAD, LPL).
    lenient
        Mend what breaks the specification, where it can be mended, instead of refusing the file.
    note
        Called with a sentence for each kind of thing that was mended.

    Raises
    ------
    InputError
        When a VCF is truncated, unsorted, or contradicts its header, another file, or itself.
    BuildMismatchError
        When REF disagrees with `reference`.
    OutputExistsError, ResourceError
        When `output` exists, or cannot be written; when `memory_bytes` are too few.
    StoreError
        When another process is writing `output`.
    """
    from genomics_dc.store.info import store_info
    from genomics_dc.store.plan import Options

    paths = [Path(vcfs)] if isinstance(vcfs, (str, os.PathLike)) else [Path(vcf) for vcf in vcfs]
    final = Path(output)
    tell = progress or _silent
    with staged_store(final, force=force) as staging:
        _build(
            paths,
            staging,
            reference=None if reference is None else Path(reference),
            assembly=assembly,
            threads=workers,
            memory_bytes=memory_bytes,
            plan_path=None if plan is None else Path(plan),
            options=Options(keep_info_order=keep_info_order, local_alleles=local_alleles, lenient=lenient),
            note=note or _ignore,
            progress=tell,
        )
        tell("Publishing", 0.99)
    tell("Done", 1.0)
    return store_info(final)


def _build(
    paths: Sequence[Path],
    staging: Path,
    *,
    reference: Path | None,
    assembly: str | None,
    threads: int,
    memory_bytes: int,
    plan_path: Path | None,
    options: Options,
    note: Callable[[str], None],
    progress: Progress,
) -> None:
    """Build into `staging`/store; begin again, once for each reason, where only the records say that it must be so."""
    from genomics_dc.store.bases import ReferenceBases
    from genomics_dc.store.pipeline import ReplanError, measure, write_arrays
    from genomics_dc.store.plan import make_plan, read_plan, resources
    from genomics_dc.store.records import OutOfOrderError, open_records, sorted_copies
    from genomics_dc.store.strictness import check_headers

    folder, scratch = staging / "store", staging / "scratch"
    records = open_records(paths)
    header = records.header
    where = str(paths[0])
    mended = check_headers([(one.path, one.source.header) for one in records.inputs], lenient=options.lenient)
    plan = make_plan(header, where, options)
    if plan_path is not None:
        plan = read_plan(plan_path, plan, header)
    while True:
        bases = None if reference is None else ReferenceBases(reference)
        available = resources(plan, header, threads=threads, memory_bytes=memory_bytes)
        try:
            in_records = write_arrays(
                records, plan, folder, resources=available, assembly=assembly, bases=bases, progress=progress
            )
        except OutOfOrderError:
            scratch.mkdir()
            records = sorted_copies(records, scratch, threads=threads)
        except ReplanError as found:
            n_variants, widths = measure(records, plan, found, resources=available, progress=progress)
            plan = make_plan(header, where, options, n_variants=n_variants, widths=widths)
            if plan_path is not None:
                plan = read_plan(plan_path, plan, header)
        else:
            mended.join(in_records)
            for words in mended.sentences():
                note(words)
            return
        shutil.rmtree(folder, ignore_errors=True)


def _ignore(_words: str) -> None:
    """Tell nobody."""


def _silent(_step: str, _share: float) -> None:
    """Tell nobody."""
