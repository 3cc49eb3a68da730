"""The plan of a build, from a look at every record."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path

from genomics_dc.store.columns import Shapes, Widths
from genomics_dc.store.encode import BatchEncoder
from genomics_dc.store.pipeline import ReplanError, measure
from genomics_dc.store.plan import (
    DEFAULT_MEMORY_BYTES,
    Options,
    Plan,
    PlannedStore,
    make_plan,
    memory_needed,
    planned_arrays,
    resources,
)
from genomics_dc.store.records import OutOfOrderError, Records, open_records, sorted_copies
from genomics_dc.store.strictness import check_headers

_SAMPLE_RECORDS = 1_000
_FILES_OF_EVERY_STORE = 8  # samples, contigs and their lengths, filters and their descriptions, index, two of the seal


def plan_store(
    vcfs: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
    *,
    threads: int = 2,
    memory_bytes: int = DEFAULT_MEMORY_BYTES,
    keep_info_order: bool = False,
    local_alleles: bool = False,
    lenient: bool = False,
    progress: Callable[[str, float], None] = lambda _step, _share: None,
) -> PlannedStore:
    """Return what `build_store` would write of the same files: every array, files, bytes, memory, scratch.

    Every record is read and checked, and nothing is written but what sorting needs, for a while, in the folder for
    temporary files.

    Raises
    ------
    InputError, ResourceError
        As `build_store`.
    """
    paths = [Path(vcfs)] if isinstance(vcfs, (str, os.PathLike)) else [Path(vcf) for vcf in vcfs]
    records = open_records(paths)
    header = records.header
    options = Options(keep_info_order=keep_info_order, local_alleles=local_alleles, lenient=lenient)
    check_headers([(one.path, one.source.header) for one in records.inputs], lenient=lenient)
    plan = make_plan(header, str(paths[0]), options)
    available = resources(plan, header, threads=threads, memory_bytes=memory_bytes)
    with tempfile.TemporaryDirectory(prefix="genomics-dc-plan-") as scratch:
        scratch_bytes = 0
        try:
            n_variants, widths = measure(records, plan, ReplanError(Widths()), resources=available, progress=progress)
        except OutOfOrderError:
            records = sorted_copies(records, Path(scratch), threads=threads)
            scratch_bytes = records.n_bytes
            n_variants, widths = measure(records, plan, ReplanError(Widths()), resources=available, progress=progress)
        widths = widths.joined(Widths(contigs=len(records.contigs)))
        plan = make_plan(header, str(paths[0]), options, n_variants=n_variants, widths=widths)
        n_bytes = _estimated_bytes(records, plan, n_variants, threads)
    arrays = planned_arrays(plan, header, n_variants)
    n_metadata = len(arrays) + _FILES_OF_EVERY_STORE
    if plan.layout(header).keeps_genotype:  # sums by sample
        n_metadata += 1 + -(-plan.n_samples // (plan.samples_per_chunk * plan.sample_chunks_per_file))
    for _ in range((1 + bool(plan.layout(header).calls)) if keep_info_order else 0):
        n_metadata += 3 + -(-n_variants // plan.variants_per_chunk)
    return PlannedStore(
        plan=plan,
        arrays=arrays,
        n_variants=n_variants,
        n_files=sum(one.n_files for one in arrays) + _FILES_OF_EVERY_STORE + n_metadata,
        n_bytes=n_bytes,
        memory_bytes=min(memory_bytes, memory_needed(plan, header, threads=threads)),
        scratch_bytes=scratch_bytes,
    )


def _estimated_bytes(records: Records, plan: Plan, n_variants: int, threads: int) -> int:
    """Return about how many bytes all chunks have, from those of the first records."""
    encoder = BatchEncoder(plan.layout(records.header), Shapes(records.header, plan.widths))
    rows = min(plan.variants_per_chunk, _SAMPLE_RECORDS)
    for batch, sites in records.batches(rows, threads, ahead_bytes=1 << 20):
        encoded = encoder.encode(batch, sites)
        total = sum(len(part) for parts in encoded.chunks.values() for part in parts)
        return total * n_variants // max(1, len(batch))
    return 0
