"""What a store says, read through every public door, as one digest for each thing that it says."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np

from genomics_dc.errors import GenomicsError
from genomics_dc.store import StoreView, store_info, verify_store


def _digest(value: object) -> str:
    if isinstance(value, np.ndarray):
        if value.dtype.kind in "OUTS":
            text = "\0".join(map(str, value.ravel().tolist()))
            return hashlib.sha256(f"{value.shape}{text}".encode()).hexdigest()
        return hashlib.sha256(
            f"{value.shape}{value.dtype}".encode() + np.ascontiguousarray(value).tobytes()
        ).hexdigest()
    return hashlib.sha256(repr(value).encode()).hexdigest()


def content(path: Path, *, view: StoreView | None = None) -> dict[str, str]:
    """Return a digest for each array and fact of the store at `path`, read by views, `store_info` and Zarr."""
    view = StoreView.open(path) if view is None else view
    held = store_info(path)
    said: dict[str, object] = {
        "info": (held.format_version, held.assembly, held.n_variants, held.n_samples, held.contigs),
        "samples": view.sample_ids,
        "header": view.vcf_header(),
        "facts": (view.assembly, view.contigs, view.fields, view.every_record_has_genotype()),
    }
    sites = view.sites()
    for name in type(sites).__dataclass_fields__:
        said[f"sites.{name}"] = getattr(sites, name)
    said["kept"] = view.variants(maf=0.01, missing=0.9).sites_index()
    # a store some of whose people were made unreadable is a view of the others, and packed genotypes are of all
    whole = {"packed"} if view.sample_numbers() is None else {"dosage"}
    fields = sorted((set(view.fields) - {"dosage", "packed"}) | whole)
    blocks = list(view.blocks(*fields))
    for name in fields:
        said[f"blocks.{name}"] = np.concatenate([block[name] for block in blocks]) if blocks else None
    group = view.zarr_group()
    for name, array in sorted(group.arrays()):
        said[f"zarr.{name}"] = np.asarray(array[...])
    return {name: _digest(value) for name, value in said.items()}


def said_by(path: Path) -> dict[str, str] | str:
    """Return the content of a store, or the sentence with which it is refused."""
    try:
        return content(path)
    except GenomicsError as error:
        return f"refused: {error}"


def is_whole(path: Path) -> bool:
    """Tell whether `verify --deep` finds nothing."""
    return verify_store(path, deep=True).ok
