"""VCF Zarr stores: built, read, checked, and given back as VCF. The only place that opens Zarr."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from genomics_dc.store.blocks import Block
    from genomics_dc.store.build import build_store
    from genomics_dc.store.check import Finding
    from genomics_dc.store.export import export_vcf, query
    from genomics_dc.store.exports import Exported, export_view
    from genomics_dc.store.growth import Growth, Receipt, Thresholds, append_store, drop_samples, merge_stores
    from genomics_dc.store.info import StoreInfo, store_info
    from genomics_dc.store.read import Sites, StoreView
    from genomics_dc.store.staging import sweep_generations
    from genomics_dc.store.verify import VerifyReport, verify_store

__all__ = [
    "Block",
    "Exported",
    "Finding",
    "Growth",
    "Receipt",
    "Sites",
    "StoreInfo",
    "StoreView",
    "Thresholds",
    "VerifyReport",
    "append_store",
    "build_store",
    "drop_samples",
    "export_vcf",
    "export_view",
    "merge_stores",
    "query",
    "store_info",
    "sweep_generations",
    "verify_store",
]

_HOME = {
    "Block": "blocks",
    "Exported": "exports",
    "Finding": "check",
    "Growth": "growth",
    "Receipt": "growth",
    "Sites": "read",
    "StoreInfo": "info",
    "StoreView": "read",
    "Thresholds": "growth",
    "VerifyReport": "verify",
    "append_store": "growth",
    "build_store": "build",
    "drop_samples": "growth",
    "export_vcf": "export",
    "export_view": "exports",
    "merge_stores": "growth",
    "query": "export",
    "store_info": "info",
    "sweep_generations": "staging",
    "verify_store": "verify",
}


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"genomics_dc.store.{_HOME[name]}"), name)
