"""VCF Zarr stores: built, read, checked, and given back as VCF. The only place that opens Zarr."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from genomics_dc.store.build import build_store
    from genomics_dc.store.info import StoreInfo, store_info
    from genomics_dc.store.read import Block, Sites, StoreView

__all__ = ["Block", "Sites", "StoreInfo", "StoreView", "build_store", "store_info"]

_HOME = {
    "Block": "read",
    "Sites": "read",
    "StoreInfo": "info",
    "StoreView": "read",
    "build_store": "build",
    "store_info": "info",
}


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"genomics_dc.store.{_HOME[name]}"), name)
