"""genomics_dc: the software of a regional genomic data centre.

`open_store` gives a lazy, read-only view of a VCF Zarr store; `open_centre` joins stores, registry and policy for an
authorised principal with a purpose. Everything listed in `__all__` is a promise; nothing is imported before it is used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from genomics_dc.analyses import hail_bridge
    from genomics_dc.analyses.cluster import use_cluster
    from genomics_dc.analyses.view import View, open_store
    from genomics_dc.centre import DataCentre, open_centre
    from genomics_dc.errors import GenomicsError
    from genomics_dc.results import Result
    from genomics_dc.store import build_store, verify_store
    from genomics_dc.store.blocks import memory_ceiling

__all__ = [
    "DataCentre",
    "GenomicsError",
    "Result",
    "View",
    "build_store",
    "hail_bridge",
    "memory_ceiling",
    "open_centre",
    "open_store",
    "use_cluster",
    "verify_store",
]

_HOME = {
    "DataCentre": "genomics_dc.centre",
    "GenomicsError": "genomics_dc.errors",
    "Result": "genomics_dc.results",
    "View": "genomics_dc.analyses.view",
    "build_store": "genomics_dc.store",
    "hail_bridge": "genomics_dc.analyses.hail_bridge",
    "memory_ceiling": "genomics_dc.store.blocks",
    "open_centre": "genomics_dc.centre",
    "open_store": "genomics_dc.analyses.view",
    "use_cluster": "genomics_dc.analyses.cluster",
    "verify_store": "genomics_dc.store",
}


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    home = import_module(_HOME[name])
    return home if _HOME[name].endswith(f".{name}") else getattr(home, name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
