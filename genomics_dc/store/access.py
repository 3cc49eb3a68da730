"""The one door to a store's bytes: every file that is read is held against the manifest first.

Zarr reads a chunk that is not there as its fill value and, without a checksum, a flipped bit as another genotype.
Here a file that is absent, of another size, or of another SHA-256 raises StoreError naming array, chunk and variants.
The chunks carry CRC32C as well, for readers that know nothing of the manifest.
"""

from __future__ import annotations

import hashlib
import os
import weakref
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import numpy.typing as npt

from genomics_dc.errors import StoreError
from genomics_dc.store import manifest, schema

if TYPE_CHECKING:
    import zarr


class StoreFiles:
    """The files of one store: seal, manifest, and the checked Zarr group. Nothing is read before it is used."""

    def __init__(self, path: Path) -> None:
        self.path = path
        # The open folder, not its name: when another store is published under the name, this one is read to its end.
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except (FileNotFoundError, NotADirectoryError):
            raise StoreError(f"{path} is not there; give the folder of a store (NAME.vcz)") from None
        except PermissionError:
            raise StoreError(f"{path} cannot be read: you have no permission; ask its owner") from None
        self._descriptor = descriptor
        self._close = weakref.finalize(self, os.close, descriptor)
        by_descriptor = Path(f"/proc/self/fd/{descriptor}")
        self.root = by_descriptor if by_descriptor.is_dir() else path
        self.seal = manifest.read_seal(self.root, shown=path)

    def __reduce__(self) -> tuple[type[StoreFiles], tuple[Path]]:
        return type(self), (self.path,)

    @cached_property
    def entries(self) -> dict[str, manifest.Entry]:
        """The manifest, by file path."""
        return manifest.read(self.root, shown=self.path)

    def _refuse_if_replaced(self) -> None:
        """Raise StoreError when another store has been published under this path since it was opened."""
        try:
            there = self.path.stat()
        except OSError:
            return
        ours = os.fstat(self._descriptor)
        if (ours.st_dev, ours.st_ino) != (there.st_dev, there.st_ino):
            raise StoreError(f"{self.path} was replaced by another store while it was open; open it again")

    @cached_property
    def group(self) -> zarr.Group:
        """The root group, opened read-only; every read through it is checked."""
        import zarr

        group = zarr.open_group(_checked_store(self), mode="r", zarr_format=3)
        if schema.ATTRIBUTE_VCF_ZARR_VERSION not in group.attrs:
            raise StoreError(f"{self.path} is not a VCF Zarr store: it lacks {schema.ATTRIBUTE_VCF_ZARR_VERSION}")
        return group

    def array(self, name: str) -> zarr.Array[Any]:
        """Return one array; raise StoreError when the store has none of that name."""
        import zarr

        try:
            found = self.group[name]
        except KeyError:
            found = None
        if not isinstance(found, zarr.Array):
            raise StoreError(f"{self.path} has no array {name}; `genomics-dc store info` lists what it has")
        return found

    def check(self, key: str, data: bytes | None) -> None:
        """Raise StoreError unless `data` are the bytes that the manifest promises for file `key`."""
        try:
            self._check(key, data)
        except StoreError:
            self._refuse_if_replaced()
            raise

    def _check(self, key: str, data: bytes | None) -> None:
        if key == schema.METADATA_NAME:
            expected_sha256 = self.seal.metadata_sha256
        else:
            entry = self.entries.get(key)
            if entry is None:
                if data is None:
                    return
                raise StoreError(f"{self.path}: {self.describe(key)} is not in the manifest; {_MEND}")
            if data is not None and len(data) != entry.size_bytes:
                raise StoreError(
                    f"{self.path}: {self.describe(key)} has {len(data)} bytes, the manifest says "
                    f"{entry.size_bytes}; {_MEND}"
                )
            expected_sha256 = entry.sha256
        if data is None:
            raise StoreError(f"{self.path}: {self.describe(key)} is missing; {_MEND}")
        if hashlib.sha256(data).hexdigest() != expected_sha256:
            raise StoreError(f"{self.path}: {self.describe(key)} is damaged (its SHA-256 differs); {_MEND}")

    def describe(self, key: str) -> str:
        """Return what file `key` is, in words: array, chunk and the variants it holds, numbered from 0, half-open."""
        return describe(key, self.root)


_MEND = "restore the store from a copy, or build it again from its VCF"


def describe(key: str, root: Path) -> str:
    """Return what file `key` of a store is: its array, its chunk, and the variants in it (zero-based, half-open)."""
    array, separator, grid = key.partition("/c/")
    if not separator:
        return f"metadata file {key}"
    where = f"array {array}, chunk {grid.replace('/', '.')}"
    rows = variant_rows(key, root)
    return where if rows is None else f"{where}, variants {rows[0]:,} to {rows[1]:,}"


def variant_rows(key: str, root: Path) -> tuple[int, int] | None:
    """Return (start, stop) of the variants in chunk file `key`, or None when its array has no variants axis."""
    import json

    array, separator, grid = key.partition("/c/")
    if not separator:
        return None
    try:
        metadata = json.loads((root / array / schema.METADATA_NAME).read_text(encoding="utf-8"))
        names = metadata["dimension_names"]
        if not names or names[0] != schema.DIM_VARIANTS:
            return None
        size = int(metadata["chunk_grid"]["configuration"]["chunk_shape"][0])
        start = int(grid.split("/")[0]) * size
        return start, min(start + size, int(metadata["shape"][0]))
    except (OSError, ValueError, KeyError, IndexError, TypeError):
        return None


def array_in(group: zarr.Group, name: str) -> zarr.Array[Any]:
    """Return an array that a group is known to have."""
    return cast("zarr.Array[Any]", group[name])


def dimension_names(array: zarr.Array[Any]) -> tuple[str, ...]:
    """Return the names of an array's dimensions, or nothing when it has none."""
    return tuple(str(name) for name in getattr(array.metadata, "dimension_names", None) or ())


def read(array: zarr.Array[Any], start: int = 0, stop: int | None = None) -> npt.NDArray[Any]:
    """Return the rows `start` to `stop` of an array."""
    return np.asarray(array[start : array.shape[0] if stop is None else stop])


def _checked_store(files: StoreFiles) -> Any:
    """Return a read-only Zarr store over the directory which checks what it reads."""
    from zarr.storage import LocalStore

    class CheckedStore(LocalStore):
        async def get(self, key: str, prototype: Any = None, byte_range: Any = None) -> Any:
            whole = await super().get(key, prototype, None)
            files.check(key, None if whole is None else whole.to_bytes())
            if byte_range is None or whole is None:
                return whole
            return await super().get(key, prototype, byte_range)

    return CheckedStore(files.root, read_only=True)
