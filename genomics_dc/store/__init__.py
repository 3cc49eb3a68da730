"""VCF Zarr stores: built, read, checked, and given back as VCF. The only place that opens Zarr."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from genomics_dc.store.build import build_store
    from genomics_dc.store.export import export_vcf, query
    from genomics_dc.store.exports import Exported, export_view
    from genomics_dc.store.info import StoreInfo, store_info
    from genomics_dc.store.read import Block, Sites, StoreView
    from genomics_dc.store.verify import Finding, VerifyReport, verify_store

__all__ = [
    "Block",
    "Exported",
    "Finding",
    "Sites",
    "StoreInfo",
    "StoreView",
    "VerifyReport",
    "build_store",
    "export_vcf",
    "export_view",
    "query",
    "store_info",
    "verify_store",
]

_HOME = {
    "Block": "read",
    "Exported": "exports",
    "Finding": "verify",
    "Sites": "read",
    "StoreInfo": "info",
    "StoreView": "read",
    "VerifyReport": "verify",
    "build_store": "build",
    "export_vcf": "export",
    "export_view": "exports",
    "query": "export",
    "store_info": "info",
    "verify_store": "verify",
}


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"genomics_dc.store.{_HOME[name]}"), name)
