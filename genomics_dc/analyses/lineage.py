"""What an analysis says about where its result came from."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from genomics_dc.provenance import JsonValue, Provenance

if TYPE_CHECKING:
    from genomics_dc.store.read import StoreView


def cohort_hash(sample_ids: Iterable[str]) -> str:
    """Return the SHA-256 of the sorted opaque sample ids: the same people give the same hash in any order."""
    return hashlib.sha256("\n".join(sorted(str(name) for name in sample_ids)).encode()).hexdigest()


def provenance_of(
    operation: str,
    view: StoreView,
    parameters: Mapping[str, JsonValue],
    *,
    inputs: Mapping[str, str] | None = None,
    seed: int | None = None,
) -> Provenance:
    """Return the provenance of a result over `view`; `parameters` gains the numbers of variants and samples."""
    return Provenance(
        operation=operation,
        parameters={**parameters, "n_variants": view.n_variants, "n_samples": view.n_samples},
        inputs=dict(inputs or {}),
        store_hash=view.store_hash,
        cohort_hash=cohort_hash(view.sample_ids),
        seed=seed,
    )
