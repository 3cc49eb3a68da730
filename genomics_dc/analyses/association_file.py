"""A scan of many traits written to one file by batches of traits, so that memory does not grow with their number."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from genomics_dc.analyses.association_result import AssociationResult
from genomics_dc.analyses.association_scan import Scan
from genomics_dc.errors import UsageError
from genomics_dc.files import atomic_path
from genomics_dc.kernels.status import STATUS_NAMES
from genomics_dc.parquet import RepeatingWriter
from genomics_dc.provenance import JsonValue, Provenance
from genomics_dc.results import PROVENANCE_KEY

# What the numbers of one row take while they are computed, and the memory that they may take in all: one batch is
# computed while the one before it is written.
_ROW_BYTES = 40
_BATCH_BYTES = 256 << 20


@dataclass(frozen=True)
class AssociationFile:
    """What was written: the file, what made it, and of each trait its inflation and its strongest row."""

    path: Path
    provenance: Provenance
    n_rows: int
    status_counts: Mapping[str, int]
    lambda_gc: Mapping[str, float]
    strongest: Mapping[str, Mapping[str, Any] | None]

    def __repr__(self) -> str:
        return f"AssociationFile({self.path}: {self.n_rows:,} rows, {len(self.lambda_gc):,} traits)"

    def __len__(self) -> int:
        return self.n_rows

    def read(self) -> AssociationResult:
        """Return the whole result; its numbers must fit into memory."""
        from pyarrow import parquet

        return AssociationResult(parquet.read_table(self.path), self.provenance)


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
    size = traits_at_once or max(1, _BATCH_BYTES // (_ROW_BYTES * n_variants * n_tests))
    counts: Counter[str] = Counter()
    inflation: dict[str, float] = {}
    strongest: dict[str, Mapping[str, Any] | None] = {}
    samples: dict[str, JsonValue] = {}
    notes: list[JsonValue] = []
    with (
        atomic_path(target, force=force) as temporary,
        open(temporary, "wb") as handle,
        ThreadPoolExecutor(max_workers=1) as pool,
    ):
        writer: RepeatingWriter | None = None
        pending: Future[None] | None = None
        for first in range(0, len(names), size):
            some = scan.of_traits(first, min(first + size, len(names)))

            def tell(done: int, _all: int, first: int = first, n: int = len(some.aligned.trait_names)) -> None:
                if progress is not None:
                    progress(first * n_variants + done * n, len(names) * n_variants)

            result = some.result(tell)
            if pending is not None:
                pending.result()
            writer = writer or RepeatingWriter(handle, result.table.schema)
            pending = pool.submit(writer.write, result.table)
            counts.update(result.status_counts())
            inflation.update(result.lambda_gc())
            strongest.update({name: _strongest(result, name) for name in result.traits})
            samples.update(result.samples_by_trait)
            notes += [note for note in result.notes if note not in notes]
        assert writer is not None
        assert pending is not None
        pending.result()
        provenance = scan.provenance(samples, notes)
        writer.close({PROVENANCE_KEY: provenance.to_json().encode()})
    kept = {name: counts[name] for name in STATUS_NAMES if name in counts}
    n_rows = len(names) * n_tests * n_variants
    return AssociationFile(target, provenance, n_rows, kept, inflation, strongest)


def _strongest(result: AssociationResult, trait: str) -> Mapping[str, Any] | None:
    table = result.of_trait(trait).table
    strength = np.nan_to_num(table["neg_log_10_p_value"].to_numpy(), nan=-np.inf, posinf=np.inf)
    row = int(strength.argmax())
    found: list[dict[str, Any]] = table.slice(row, 1).to_pylist()
    return found[0] if strength[row] > -np.inf else None
