"""What a store holds, in one look."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

from genomics_dc.provenance import JsonValue
from genomics_dc.store import schema
from genomics_dc.store.access import StoreFiles
from genomics_dc.store.seal import Event


@dataclass(frozen=True)
class ArrayInfo:
    """One array: name, shape, element type, chunks, the files they lie in, and their bytes on disk."""

    name: str
    shape: tuple[int, ...]
    dtype: str
    chunk_shape: tuple[int, ...]
    n_chunks: int
    n_files: int
    stored_bytes: int


@dataclass(frozen=True)
class StoreInfo:
    """What a store holds, and how it came to be.

    Bytes and files are those on disk but the manifest. `store_hash` is the root of the tree of hashes over every chunk
    and all metadata. `history` has one event for each generation, the first first.
    """

    path: str
    store_hash: str
    format_version: int
    generation: int
    assembly: str | None
    n_variants: int
    n_samples: int
    contigs: tuple[str, ...]
    n_files: int
    stored_bytes: int
    arrays: tuple[ArrayInfo, ...]
    history: tuple[Event, ...] = ()

    def to_dict(self) -> dict[str, JsonValue]:
        """Return plain JSON values."""
        return asdict(self)


def store_info(path: Path | str) -> StoreInfo:
    """Return what the store at `path` holds; raise StoreError when it is damaged or not a store."""
    files = StoreFiles(path)
    arrays = []
    for name in files.names:
        meta = files.array(name).meta
        arrays.append(
            ArrayInfo(
                name=name,
                shape=meta.shape,
                dtype=str(meta.dtype),
                chunk_shape=meta.inner,
                n_chunks=meta.n_chunks,
                n_files=len(meta.files()),
                stored_bytes=int(files.table.records(name)["n_bytes"].sum()),
            )
        )
    assembly = files.own.get(schema.OWN_ASSEMBLY)
    return StoreInfo(
        path=files.shown,
        store_hash=files.seal.store_hash,
        format_version=files.seal.format_version,
        generation=files.seal.generation,
        assembly=assembly if isinstance(assembly, str) else None,
        n_variants=files.array(schema.VARIANT_POSITION).shape[0],
        n_samples=files.array(schema.SAMPLE_ID).shape[0],
        contigs=tuple(str(name) for name in files.array(schema.CONTIG_ID).read()),
        n_files=files.seal.n_files,
        stored_bytes=files.seal.n_bytes,
        arrays=tuple(arrays),
        history=files.seal.history,
    )
