"""A scan of many traits written to one file by batches of traits, so that memory does not grow with their number."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

from genomics_dc.analyses.association_result import AssociationFile
from genomics_dc.analyses.association_scan import Scan
from genomics_dc.errors import UsageError
from genomics_dc.files import atomic_path
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
    if size < len(names):
        scan = scan.holding()
    counts: Counter[str] = Counter()
    inflation: dict[str, float] = {}
    strongest: dict[str, Mapping[str, Any] | None] = {}
    samples: dict[str, JsonValue] = {}
    notes: list[JsonValue] = []
    with (
        atomic_path(target, force=force) as temporary,
        open(temporary, "wb") as handle,
        ThreadPoolExecutor(max_workers=2) as pool,
        ThreadPoolExecutor(max_workers=scan.threads) as encoders,
    ):
        writer: RepeatingWriter | None = None
        pending: list[Future[Any]] = []
        for first in range(0, len(names), size):
            some = scan.of_traits(first, min(first + size, len(names)))

            def tell(done: int, _all: int, first: int = first, n: int = len(some.aligned.trait_names)) -> None:
                if progress is not None:
                    progress(first * n_variants + done * n, len(names) * n_variants)

            result = some.result(tell)
            _wait(pending)
            writer = writer or RepeatingWriter(handle, result.table.schema, mapper=encoders.map)
            pending = [pool.submit(writer.write, result.table)]
            for update, of_result in (
                (counts.update, result.status_counts),
                (inflation.update, result.lambda_gc),
                (strongest.update, result.strongest),
            ):
                pending.append(pool.submit(_then, update, of_result))
            samples.update(result.samples_by_trait)
            notes += [note for note in result.notes if note not in notes]
        assert writer is not None
        _wait(pending)
        provenance = scan.provenance(samples, notes)
        writer.close({PROVENANCE_KEY: provenance.to_json().encode()})
    kept = {name: counts[name] for name in STATUS_NAMES if name in counts}
    n_rows = len(names) * n_tests * n_variants
    return AssociationFile(target, provenance, n_rows, kept, inflation, strongest)


def _then(update: Callable[[Any], None], make: Callable[[], Any]) -> None:
    update(make())


def _wait(pending: list[Future[Any]]) -> None:
    for one in pending:
        one.result()
