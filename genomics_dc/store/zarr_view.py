"""A store as zarr-python sees it, for programs that build on it; every file that is read is checked first."""

from __future__ import annotations

import asyncio
import warnings
from collections.abc import AsyncIterator, Iterable
from typing import TYPE_CHECKING, Any

import zarr
from zarr.abc.store import ByteRequest, OffsetByteRequest, RangeByteRequest, Store, SuffixByteRequest
from zarr.core.buffer import Buffer, BufferPrototype, default_buffer_prototype

if TYPE_CHECKING:
    from genomics_dc.store.access import StoreFiles


def open_checked(files: StoreFiles) -> zarr.Group:
    """Return the root group, read-only; a damaged or missing file raises StoreError instead of reading as fill."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"zarr\..*")
        return zarr.open_group(CheckedStore(files), mode="r", zarr_format=3)


class CheckedStore(Store):
    """The files of a store behind zarr-python's interface, read-only."""

    supports_writes = False
    supports_deletes = False
    supports_listing = True

    def __init__(self, files: StoreFiles) -> None:
        super().__init__(read_only=True)
        self.files = files

    def __eq__(self, other: object) -> bool:
        return isinstance(other, CheckedStore) and other.files is self.files

    def __hash__(self) -> int:
        return id(self.files)

    def __repr__(self) -> str:
        return f"CheckedStore({self.files.shown})"

    def __reduce__(self) -> tuple[type[CheckedStore], tuple[StoreFiles]]:
        return type(self), (self.files,)

    def with_read_only(self, read_only: bool = False) -> CheckedStore:
        """Return this; it cannot be made writable."""
        if not read_only:
            raise ValueError("a store is changed by genomics-dc only")
        return self

    async def get(
        self, key: str, prototype: BufferPrototype | None = None, byte_range: ByteRequest | None = None
    ) -> Buffer | None:
        """Return a file, or a range of it."""
        data = await asyncio.to_thread(self.files.file, key)
        if data is None:
            return None
        return (prototype or default_buffer_prototype()).buffer.from_bytes(_part(data, byte_range))

    async def get_partial_values(
        self, prototype: BufferPrototype, key_ranges: Iterable[tuple[str, ByteRequest | None]]
    ) -> list[Buffer | None]:
        """Return ranges of files."""
        return [await self.get(key, prototype, byte_range) for key, byte_range in key_ranges]

    async def exists(self, key: str) -> bool:
        """Tell whether the manifest has the file."""
        return self.files.has_file(key)

    async def set(self, key: str, value: Buffer) -> None:  # noqa: ARG002
        """Refuse."""
        self._check_writable()

    async def delete(self, key: str) -> None:  # noqa: ARG002
        """Refuse."""
        self._check_writable()

    async def list(self) -> AsyncIterator[str]:
        """Yield every file that the manifest has."""
        for key in self.files.file_keys():
            yield key

    async def list_prefix(self, prefix: str) -> AsyncIterator[str]:
        """Yield every file whose key begins so."""
        for key in self.files.file_keys():
            if key.startswith(prefix):
                yield key

    async def list_dir(self, prefix: str) -> AsyncIterator[str]:
        """Yield the names right below a folder."""
        folder = prefix.rstrip("/") + "/" if prefix else ""
        told = set()
        for key in self.files.file_keys():
            if key.startswith(folder):
                name = key[len(folder) :].partition("/")[0]
                if name not in told:
                    told.add(name)
                    yield name


def _part(data: bytes, byte_range: Any) -> bytes:
    if byte_range is None:
        return data
    if isinstance(byte_range, RangeByteRequest):
        return data[byte_range.start : byte_range.end]
    if isinstance(byte_range, OffsetByteRequest):
        return data[byte_range.offset :]
    assert isinstance(byte_range, SuffixByteRequest)
    return data[-byte_range.suffix :]
