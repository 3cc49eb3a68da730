"""What a store holds, in one look."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

from genomics_dc.provenance import JsonValue
from genomics_dc.store import schema
from genomics_dc.store.access import StoreFiles, read


@dataclass(frozen=True)
class ArrayInfo:
    """One array: name, shape, element type, chunk files and their bytes on disk."""

    name: str
    shape: tuple[int, ...]
    dtype: str
    chunk_shape: tuple[int, ...]
    n_chunks: int
    stored_bytes: int


@dataclass(frozen=True)
class StoreInfo:
    """What a store holds. Bytes are those on disk."""

    path: str
    store_hash: str
    format_version: int
    assembly: str | None
    n_variants: int
    n_samples: int
    contigs: tuple[str, ...]
    n_files: int
    stored_bytes: int
    arrays: tuple[ArrayInfo, ...]

    def to_dict(self) -> dict[str, JsonValue]:
        """Return plain JSON values."""
        return asdict(self)


def store_info(path: Path | str) -> StoreInfo:
    """Return what the store at `path` holds; raise StoreError when it is damaged or not a store."""
    files = StoreFiles(Path(path))
    group = files.group
    chunk_bytes: dict[str, list[int]] = {}
    for key, entry in files.entries.items():
        array, separator, _ = key.partition("/c/")
        if separator:
            chunk_bytes.setdefault(array, []).append(entry.size_bytes)
    arrays = []
    for name in sorted(chunk_bytes):
        held = files.array(name)
        arrays.append(
            ArrayInfo(
                name=name,
                shape=held.shape,
                dtype=str(held.dtype),
                chunk_shape=held.chunks,
                n_chunks=len(chunk_bytes[name]),
                stored_bytes=sum(chunk_bytes[name]),
            )
        )
    own = group.attrs.get(schema.ATTRIBUTE_OWN, {})
    return StoreInfo(
        path=str(path),
        store_hash=files.seal.store_hash,
        format_version=files.seal.format_version,
        assembly=own.get(schema.OWN_ASSEMBLY) if isinstance(own, dict) else None,
        n_variants=files.array(schema.VARIANT_POSITION).shape[0],
        n_samples=files.array(schema.SAMPLE_ID).shape[0],
        contigs=tuple(str(name) for name in read(files.array(schema.CONTIG_ID))),
        n_files=files.seal.n_files,
        stored_bytes=sum(entry.size_bytes for entry in files.entries.values()),
        arrays=tuple(arrays),
    )
