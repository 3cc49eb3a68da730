"""BGZF written by several threads: blocks of 64 kB that any gzip reads, and that indexes point into.

Debian's libdeflate compresses where it is there (three times as fast as zlib at the same size), zlib elsewhere.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import struct
import zlib
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache
from types import TracebackType
from typing import Any, BinaryIO, Final, Self

import numpy as np
import numpy.typing as npt

from genomics_dc.store.vcf.bgzf import EOF_BLOCK

BLOCK_DATA_BYTES: Final = 65_280
"""Bytes of data in a block, as bgzip has it: also a block that does not compress then fits in 64 kB."""
LEVEL: Final = 5
_TASK_BYTES: Final = 16 * BLOCK_DATA_BYTES
_HEAD: Final = bytes.fromhex("1f8b08040000000000ff060042430200")
_MOST_BYTES: Final = 1 << 16
_OVERHEAD: Final = len(_HEAD) + 2 + 8


class BgzfWriter:
    """Takes bytes and writes BGZF to `handle`, in order; `close` ends the file, and leaves `handle` open."""

    def __init__(self, handle: BinaryIO, *, threads: int, level: int = LEVEL) -> None:
        self._handle = handle
        self._level = level
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="bgzf")
        self._ahead = 2 * threads
        self._waiting: deque[Future[list[bytes]]] = deque()
        self._rest = bytearray()
        self._closed = False
        self.block_starts: list[int] = [0]
        """Where each block begins in the file, and the last one ends."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()
        else:
            self._pool.shutdown(wait=True, cancel_futures=True)

    def write(self, data: bytes | memoryview) -> None:
        """Add data."""
        self._rest += data
        while len(self._rest) >= _TASK_BYTES:
            self._submit(bytes(self._rest[:_TASK_BYTES]))
            del self._rest[:_TASK_BYTES]

    def close(self) -> None:
        """Write what is left, and the block that says that the file is whole."""
        if self._closed:
            return
        self._closed = True
        if self._rest:
            self._submit(bytes(self._rest))
            self._rest.clear()
        while self._waiting:
            self._write_next()
        self._pool.shutdown()
        self._handle.write(EOF_BLOCK)

    def offsets(self, positions: npt.NDArray[np.int64]) -> npt.NDArray[np.uint64]:
        """Return the virtual file offsets of bytes of the data: their block's place, and their place in there."""
        block, within = np.divmod(positions, BLOCK_DATA_BYTES)
        return np.array(self.block_starts, dtype=np.uint64)[block] << np.uint64(16) | within.astype(np.uint64)

    def _submit(self, data: bytes) -> None:
        self._waiting.append(self._pool.submit(_pack, data, self._level))
        if len(self._waiting) > self._ahead:
            self._write_next()

    def _write_next(self) -> None:
        for block in self._waiting.popleft().result():
            self._handle.write(block)
            self.block_starts.append(self.block_starts[-1] + len(block))


def _pack(data: bytes, level: int) -> list[bytes]:
    """Return some data as BGZF blocks."""
    library = _library()
    if library is None:
        return [_block(data[at : at + BLOCK_DATA_BYTES], _zlib(level)) for at in range(0, len(data), BLOCK_DATA_BYTES)]
    compressor = library.libdeflate_alloc_compressor(level)
    try:
        compress = _libdeflate(library, compressor)
        return [_block(data[at : at + BLOCK_DATA_BYTES], compress) for at in range(0, len(data), BLOCK_DATA_BYTES)]
    finally:
        library.libdeflate_free_compressor(compressor)


def _block(data: bytes, compress: Callable[[bytes], bytes]) -> bytes:
    packed = compress(data)
    if not packed or len(packed) + _OVERHEAD > _MOST_BYTES:
        packed = b"\x01" + struct.pack("<HH", len(data), len(data) ^ 0xFFFF) + data  # as it stands
    size = struct.pack("<H", len(packed) + _OVERHEAD - 1)
    return b"".join((_HEAD, size, packed, struct.pack("<II", zlib.crc32(data), len(data))))


@cache
def _library() -> Any | None:
    """Return libdeflate, or None where the machine has none."""
    try:
        library = ctypes.CDLL(ctypes.util.find_library("deflate") or "libdeflate.so.0")
    except OSError:
        return None
    library.libdeflate_alloc_compressor.restype = ctypes.c_void_p
    library.libdeflate_alloc_compressor.argtypes = [ctypes.c_int]
    library.libdeflate_free_compressor.restype = None
    library.libdeflate_free_compressor.argtypes = [ctypes.c_void_p]
    compress = library.libdeflate_deflate_compress
    compress.restype = ctypes.c_size_t
    compress.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_void_p, ctypes.c_size_t]
    return library


def _libdeflate(library: Any, compressor: int) -> Callable[[bytes], bytes]:
    out = ctypes.create_string_buffer(_MOST_BYTES)

    def compress(data: bytes) -> bytes:
        size = library.libdeflate_deflate_compress(compressor, data, len(data), out, _MOST_BYTES)
        return ctypes.string_at(out, size)

    return compress


def _zlib(level: int) -> Callable[[bytes], bytes]:
    def compress(data: bytes) -> bytes:
        packer = zlib.compressobj(level, zlib.DEFLATED, -15)
        return packer.compress(data) + packer.flush()

    return compress
