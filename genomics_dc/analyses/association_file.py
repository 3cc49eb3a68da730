"""A scan of many traits written to one file by batches of traits, so that memory does not grow with their number."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from genomics_dc.analyses.association_result import AssociationFile, AssociationResult
from genomics_dc.analyses.association_scan import Scan
from genomics_dc.analyses.association_table import Estimates
from genomics_dc.errors import UsageError
from genomics_dc.files import atomic_path
from genomics_dc.kernels.linear import Columns
from genomics_dc.kernels.status import STATUS_NAMES
from genomics_dc.parquet import RepeatingWriter
from genomics_dc.provenance import JsonValue
from genomics_dc.results import PROVENANCE_KEY

# What the numbers of one row take while they are computed, and the memory that they may take in all: one batch is
# computed while the one before it is written.
_ROW_BYTES = 40
_BATCH_BYTES = 256 << 20


def write_by_batches(
    scan: Scan,
    target: Path,
    *,
    force: bool = False,
    traits_at_once: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> AssociationFile:
    """Run a scan by batches of traits, each written while the next is computed."""
    if target.suffix != ".parquet":
        raise UsageError(f"{target}: a result of many traits is written as .parquet")
    names = scan.aligned.trait_names
    n_variants, n_tests = scan.view.n_variants, len(scan.question.tests)
    most = traits_at_once or max(1, _BATCH_BYTES // (_ROW_BYTES * n_variants * n_tests))
    size = -(-len(names) // -(-len(names) // most))  # batches of one size
    rooms: list[Columns] = []
    if size < len(names):
        scan = scan.holding()
        rooms = [scan.room(size) for _ in range(2)]  # one is filled while the other is written; fresh memory costs time
    told = _Told()
    with (
        atomic_path(target, force=force) as temporary,
        open(temporary, "r+b") as handle,
        ThreadPoolExecutor(max_workers=scan.threads) as encoders,
        ThreadPoolExecutor(max_workers=1) as pool,
    ):
        written: Future[RepeatingWriter] | None = None
        for first in range(0, len(names), size):
            some = scan.of_traits(first, min(first + size, len(names)))

            def tell(done: int, _all: int, first: int = first, n: int = len(some.aligned.trait_names)) -> None:
                if progress is not None:
                    progress(first * n_variants + done * n, len(names) * n_variants)

            estimates = some.estimates(tell, rooms[first // size % 2] if rooms else None)
            writer = None if written is None else written.result()
            written = pool.submit(_write, some, estimates, handle, writer, encoders, told)
        assert written is not None
        writer = written.result()
        provenance = scan.provenance(told.samples, told.notes)
        writer.close({PROVENANCE_KEY: provenance.to_json().encode()})
    kept = {name: told.counts[name] for name in STATUS_NAMES if name in told.counts}
    n_rows = len(names) * n_tests * n_variants
    return AssociationFile(target, provenance, n_rows, kept, told.inflation, told.strongest)


@dataclass
class _Told:
    """What is said of all batches together."""

    counts: Counter[str] = field(default_factory=Counter)
    inflation: dict[str, float] = field(default_factory=dict)
    strongest: dict[str, Mapping[str, Any] | None] = field(default_factory=dict)
    samples: dict[str, JsonValue] = field(default_factory=dict)
    notes: list[JsonValue] = field(default_factory=list)

    def add(self, result: AssociationResult, mapper: Callable[..., Iterable[Any]]) -> None:
        self.counts.update(result.status_counts())
        self.inflation.update(result.lambda_gc(mapper=mapper))
        self.strongest.update(result.strongest())
        self.samples.update(result.samples_by_trait)
        self.notes += [note for note in result.notes if note not in self.notes]


def _write(
    scan: Scan,
    estimates: Estimates,
    handle: BinaryIO,
    writer: RepeatingWriter | None,
    encoders: ThreadPoolExecutor,
    told: _Told,
) -> RepeatingWriter:
    """Write a batch, and have the disk take it while the next one is computed."""
    result = scan.result_of(estimates)
    writer = writer or RepeatingWriter(handle, result.table.schema, mapper=encoders.map)
    writer.write(result.table)
    handle.flush()
    os.fdatasync(handle.fileno())
    told.add(result, encoders.map)
    return writer
