"""A store that grows: by regions, by people, by whole stores; and that forgets a person who withdraws."""

from __future__ import annotations

from genomics_dc.store.growth.operations import Growth, append_store, merge_stores
from genomics_dc.store.growth.proof import Thresholds
from genomics_dc.store.growth.withdrawal import Receipt, drop_samples

__all__ = ["Growth", "Receipt", "Thresholds", "append_store", "drop_samples", "merge_stores"]
