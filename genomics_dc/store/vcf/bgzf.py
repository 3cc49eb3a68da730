"""Text out of a file in slabs, ahead of who reads them: BGZF blocks by several threads at once, gzip, and plain text.

Measured on one core of the machine this was written on, GB of text a second (S: genotypes only, F: GT:AD:DP:GQ:PL),
through Python's zlib 0.78 and 0.42, isal 1.07 and 0.61, zlib-ng 1.29 and 0.70, deflate 0.99 and 0.81; libdeflate
called on a buffer that is there already, 3.06 and 2.01. So blocks go through Debian's libdeflate (which samtools and
bcftools bring along) inside one compiled loop that holds no GIL, and through Python's zlib where it is absent.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import zlib
from collections import deque
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, BinaryIO, Final, cast

import numpy as np
import numpy.typing as npt
from numba import types

from genomics_dc.kernels._jit import jit
from genomics_dc.kernels.vcf.lines import add_newlines, find_newlines

EOF_BLOCK: Final = bytes.fromhex("1f8b08040000000000ff0600424302001b0003000000000000000000")
BLOCK_BYTES: Final = 1 << 16
_PIECE_BYTES = 1 << 18
_TASK_BYTES = 1 << 20
_TEXT_SLABS = 4  # of one thread, which cannot be asked for less after the end
_HEAD_BYTES = 18
_TAIL_BYTES = 8
_FEWEST_PLACES = 256

_NO_HEAD, _NO_LENGTH, _BAD_SIZE = 1, 2, 3
_UNPACK, _CHECKSUM = 4, 5
_REASONS = {
    _NO_HEAD: "no block begins there",
    _NO_LENGTH: "the block does not say its length",
    _BAD_SIZE: "the block says an impossible length",
    _UNPACK: "the block does not unpack",
    _CHECKSUM: "the block's checksum (CRC32) disagrees with its text",
}

# Names of our own: other libraries in the process bring other copies of libdeflate.
_SYMBOLS = {
    "libdeflate_alloc_decompressor": "genomics_dc_inflate_new",
    "libdeflate_free_decompressor": "genomics_dc_inflate_free",
    "libdeflate_deflate_decompress": "genomics_dc_inflate",
    "libdeflate_crc32": "genomics_dc_inflate_crc32",
}
_new: Any = types.ExternalFunction("genomics_dc_inflate_new", types.intp())
_free: Any = types.ExternalFunction("genomics_dc_inflate_free", types.void(types.intp))
_inflate: Any = types.ExternalFunction(
    "genomics_dc_inflate",
    types.int32(types.intp, types.intp, types.uintp, types.intp, types.uintp, types.intp),
)
_crc32: Any = types.ExternalFunction("genomics_dc_inflate_crc32", types.uint32(types.uint32, types.intp, types.uintp))

_Bytes = npt.NDArray[np.uint8]
_Places = npt.NDArray[np.int64]
Reader = Callable[[memoryview], int]
"""Fills a part of a buffer and says how much; 0 at the end."""


class DamagedError(Exception):
    """The file cannot be unpacked any further; says why."""


@dataclass
class Slab:
    """A piece of a file's text: data[start:end], where its line feeds are, and whether a byte is NUL or not ASCII.

    There is room before `start`, of which data[0] is a "."; `n_read` bytes of the file have been used up to here.
    `damage` says why there is no more after this.
    """

    data: _Bytes
    start: int
    end: int
    newline: _Places
    odd: bool
    n_read: int
    damage: str = ""


@cache
def has_libdeflate() -> bool:
    """Tell whether libdeflate is on this machine, and let compiled code call it."""
    import llvmlite.binding

    name = ctypes.util.find_library("deflate") or "libdeflate.so.0"
    try:
        library = ctypes.CDLL(name)
    except OSError:
        return False
    for theirs, ours in _SYMBOLS.items():
        address = ctypes.cast(getattr(library, theirs), ctypes.c_void_p).value
        llvmlite.binding.add_symbol(ours, address)
    return True


def new_buffer(margin: int, n_bytes: int) -> _Bytes:
    """Return an uninitialised buffer with room for `n_bytes` after `margin`, its first byte a "."."""
    data = np.empty(margin + n_bytes, dtype=np.uint8)
    data[0] = ord(".")
    return data


def bgzf_slabs(
    path: Path, threads: int, ahead_bytes: int, plan: Callable[[], tuple[int, int]], *, libdeflate: bool | None = None
) -> Iterator[Slab]:
    """Yield the text of a BGZF file.

    Parameters
    ----------
    threads
        How many threads unpack.
    ahead_bytes
        New slabs are begun while those begun and not yielded have less than this.
    plan
        Called when a slab is begun: how many bytes of text it should have at least, and room before it. The second is
        begun after the first has been yielded and worked on.
    libdeflate
        Whether to use it; by default, where it is there.
    """
    fast = has_libdeflate() if libdeflate is None else libdeflate
    with open(path, "rb", buffering=0) as handle, ThreadPoolExecutor(threads, "inflate") as pool:
        blocks = _BlockReader(handle)
        begun: deque[_Pending] = deque()
        n_ahead = 0
        try:
            while True:
                while not blocks.ended and (not begun or n_ahead < ahead_bytes):
                    pending = _begin(blocks, pool, *plan(), fast=fast)
                    begun.append(pending)
                    n_ahead += pending.slab.end - pending.slab.start
                    if blocks.is_first:
                        blocks.is_first = False
                        break
                if not begun:
                    return
                pending = begun.popleft()
                n_ahead -= pending.slab.end - pending.slab.start
                slab = pending.finished()
                yield slab
                if slab.damage:
                    return
        finally:
            for pending in begun:
                for task in pending.tasks:
                    task.cancel()


def start_of_text(path: Path, enough: Callable[[bytearray], bool]) -> tuple[bytes, str]:
    """Return the text of a BGZF file from its beginning until there is `enough`, and why there is not (or "").

    Every block of it has been held against its checksum.
    """
    text = bytearray()
    slabs = bgzf_slabs(path, 1, 0, lambda: (max(1, len(text)), 1))
    damage = ""
    for slab in slabs:
        text += slab.data[slab.start : slab.end].data
        damage = slab.damage
        if enough(text):
            damage = ""
            break
    cast("Generator[Slab]", slabs).close()
    return bytes(text), damage


@dataclass
class _Pending:
    """A slab whose blocks are being unpacked."""

    slab: Slab
    tasks: list[Future[tuple[_Places, bool, int, int]]]
    first_blocks: list[tuple[_Places, int]]  # of each task: its blocks, and where the piece that has them begins

    def finished(self) -> Slab:
        """Wait for the blocks; the slab ends before the first that is damaged."""
        slab = self.slab
        places = []
        for task, (blocks, piece_start) in zip(self.tasks, self.first_blocks, strict=True):
            newline, odd, status, bad = task.result()
            places.append(newline)
            slab.odd |= odd
            if status:
                slab.end = int(blocks[bad, 2])
                slab.damage = _reason(status, piece_start + int(blocks[bad, 5]))
                break
        if places:
            slab.newline = np.concatenate(places)
        return slab


def _reason(status: int, offset: int) -> str:
    return f"{_REASONS[status]} (byte {offset:,} of the file)"


def _begin(blocks: _BlockReader, pool: ThreadPoolExecutor, n_bytes: int, margin: int, *, fast: bool) -> _Pending:
    pieces = []
    total = 0
    damage = ""
    while total < n_bytes and not blocks.ended:
        piece = blocks.take(n_bytes - total)
        if piece.table.shape[0]:
            piece.table[:, 2] += margin + total
            total = int(piece.table[-1, 2] + piece.table[-1, 3]) - margin
            pieces.append(piece)
        if piece.damage:
            damage = piece.damage
    slab = Slab(new_buffer(margin, total), margin, margin + total, np.empty(0, np.int64), False, blocks.n_read, damage)
    tasks, first_blocks = [], []
    work = _inflate_task if fast else _zlib_task
    for piece in pieces:
        first = 0
        group = piece.table[:, 2] // _TASK_BYTES
        for stop in [*(np.flatnonzero(np.diff(group)) + 1).tolist(), len(group)]:
            part = piece.table[first:stop]
            tasks.append(pool.submit(work, piece.data, part, slab.data))
            first_blocks.append((part, piece.start))
            first = stop
    return _Pending(slab, tasks, first_blocks)


@dataclass
class _Piece:
    """Whole blocks of a file: bytes, where in the file they begin, and a table of the blocks.

    table int64[B, 6]: where a block's deflated data begin in `data`, how many bytes they have, where the text goes,
    how many bytes it has, its CRC32, and where the block begins in `data`.
    """

    data: _Bytes
    table: _Places
    start: int
    damage: str = ""


class _BlockReader:
    """Reads a BGZF file block after block."""

    def __init__(self, handle: Any) -> None:
        self._handle = handle
        self._data = np.empty(0, dtype=np.uint8)
        self._at = 0
        self._start = 0  # of _data in the file
        self._at_end = False
        self.is_first = True
        self.ended = False

    @property
    def n_read(self) -> int:
        """How many bytes of the file have been taken."""
        return self._start + self._at

    def take(self, n_bytes: int) -> _Piece:
        """Return the next blocks, of `n_bytes` of text or as many as are in memory; none at the end."""
        while True:
            table, at, status = _scan_blocks(self._data, self._at, n_bytes)
            start, data, self._at = self._start, self._data, at
            if status:
                self.ended = True
                return _Piece(data, table, start, _reason(status, start + at))
            if len(table):
                return _Piece(data, table, start)
            if self._at_end:
                self.ended = True
                left = self._data.size - at
                return _Piece(data, table, start, f"the last block is cut short after {left:,} bytes" if left else "")
            self._read()

    def _read(self) -> None:
        left = self._data[self._at :]
        data = np.empty(left.size + _PIECE_BYTES, dtype=np.uint8)
        data[: left.size] = left
        n = self._handle.readinto(data.data[left.size :])
        self._at_end = n == 0
        self._start += self._at
        self._data, self._at = data[: left.size + n], 0


@jit
def _scan_blocks(data: _Bytes, at: int, n_bytes: int) -> tuple[_Places, int, int]:
    """Return the table of whole blocks in `data` from `at` (see `_Piece`), where they end, and what is wrong there."""
    size = data.shape[0]
    table = np.empty(((size - at) // (_HEAD_BYTES + _TAIL_BYTES) + 1, 6), dtype=np.int64)
    n = 0
    text = 0
    status = 0
    while text < n_bytes and at + _HEAD_BYTES <= size:
        if data[at] != 0x1F or data[at + 1] != 0x8B or data[at + 2] != 8 or data[at + 3] != 4:
            status = _NO_HEAD
            break
        extra = int(data[at + 10]) | int(data[at + 11]) << 8
        if at + 12 + extra > size:
            break
        length = 0
        field = at + 12
        while field + 4 <= at + 12 + extra:
            n_field = int(data[field + 2]) | int(data[field + 3]) << 8
            if data[field] == 66 and data[field + 1] == 67 and n_field == 2 and field + 6 <= size:  # BC
                length = (int(data[field + 4]) | int(data[field + 5]) << 8) + 1
                break
            field += 4 + n_field
        if length == 0:
            status = _NO_LENGTH
            break
        if length < 12 + extra + _TAIL_BYTES:
            status = _BAD_SIZE
            break
        if at + length > size:
            break
        tail = at + length - _TAIL_BYTES
        crc = 0
        n_text = 0
        for i in range(4):
            crc |= int(data[tail + i]) << (8 * i)
            n_text |= int(data[tail + 4 + i]) << (8 * i)
        if n_text > BLOCK_BYTES:
            status = _BAD_SIZE
            break
        begin = at + 12 + extra
        table[n, 0] = begin
        table[n, 1] = tail - begin
        table[n, 2] = text
        table[n, 3] = n_text
        table[n, 4] = crc
        table[n, 5] = at
        n += 1
        text += n_text
        at += length
    return table[:n], at, status


def _inflate_task(data: _Bytes, table: _Places, out: _Bytes) -> tuple[_Places, bool, int, int]:
    newline, odd, status, bad = _inflate_blocks(data, table, out)
    return newline, bool(odd), int(status), int(bad)


@jit
def _inflate_blocks(data: _Bytes, table: _Places, out: _Bytes) -> tuple[_Places, bool, int, int]:
    """Unpack blocks to their places in `out`; return line feeds, whether a byte is odd, and the first damaged block."""
    found = np.empty(_FEWEST_PLACES, dtype=np.int64)
    n = 0
    odd = False
    status = 0
    bad = 0
    inflater = _new()
    for block in range(table.shape[0]):
        start, n_text = table[block, 2], table[block, 3]
        at = out.ctypes.data + start
        if _inflate(inflater, data.ctypes.data + table[block, 0], table[block, 1], at, n_text, 0) != 0:
            status = _UNPACK
        elif _crc32(0, at, n_text) != table[block, 4]:
            status = _CHECKSUM
        if status:
            bad = block
            break
        found, n, block_odd = add_newlines(out, start, start + n_text, found, n)
        odd |= block_odd
    _free(inflater)
    return found[:n], odd, status, bad


def _zlib_task(data: _Bytes, table: _Places, out: _Bytes) -> tuple[_Places, bool, int, int]:
    """Do as `_inflate_blocks` with Python's zlib."""
    status = bad = 0
    source = data.data
    start = end = int(table[0, 2])
    for block, (begin, n_deflated, place, n_text, crc, _) in enumerate(table.tolist()):
        try:
            text = zlib.decompress(source[begin : begin + n_deflated], -15, n_text)
        except zlib.error:
            text = b""
        if len(text) != n_text:
            status, bad = _UNPACK, block
        elif zlib.crc32(text) != crc:
            status, bad = _CHECKSUM, block
        if status:
            break
        end = place + n_text
        out[place:end] = np.frombuffer(text, dtype=np.uint8)
    newline, odd = find_newlines(out, start, end)
    return newline, odd, status, bad


def text_slabs(
    read: Reader,
    ahead_bytes: int,
    plan: Callable[[], tuple[int, int]],
    position: Callable[[], int],
) -> Iterator[Slab]:
    """Yield what `read` puts into buffers (0: no more), one thread ahead; `position`: bytes of the file used so far."""
    with ThreadPoolExecutor(1, "read") as pool:
        begun: deque[tuple[int, Future[Slab]]] = deque()
        ended = False

        def fill(n_bytes: int, margin: int) -> Slab:
            data = new_buffer(margin, n_bytes)
            view = data.data
            end = margin
            damage = ""
            try:
                while end < data.size and (n := read(view[end:])):
                    end += n
            except DamagedError as error:
                damage = str(error)
            newline, odd = find_newlines(data, margin, end)
            return Slab(data, margin, end, newline, odd, position(), damage)

        n_ahead = 0
        first = True
        while not ended or begun:
            while not ended and (not begun or (n_ahead < ahead_bytes and len(begun) < _TEXT_SLABS)):
                n_bytes, margin = plan()
                begun.append((n_bytes, pool.submit(fill, n_bytes, margin)))
                n_ahead += n_bytes
                if first:
                    first = False
                    break
            n_bytes, task = begun.popleft()
            slab = task.result()
            n_ahead -= n_bytes
            ended |= bool(slab.damage) or slab.end - slab.start < n_bytes
            if slab.end > slab.start or slab.damage:
                yield slab
            if slab.damage:
                return


class GzipText:
    """Plain gzip, one member or several, read into buffers."""

    def __init__(self, handle: BinaryIO) -> None:
        self._handle = handle
        self._stream = zlib.decompressobj(31)
        self._left = b""

    def __call__(self, out: memoryview) -> int:
        """Fill a part of `out`; 0 at the end. Raises DamagedError."""
        while True:
            if not self._left:
                self._left = self._handle.read(_PIECE_BYTES)
                if not self._left:
                    return self._rest(out)
            if self._stream.eof:
                if not self._left.strip(b"\0"):  # padding after the last member
                    self._left = b""
                    continue
                self._stream = zlib.decompressobj(31)
            try:
                text = self._stream.decompress(self._left, len(out))
            except zlib.error as error:
                raise DamagedError(str(error)) from error
            self._left = self._stream.unused_data if self._stream.eof else self._stream.unconsumed_tail
            if text:
                out[: len(text)] = text
                return len(text)

    def _rest(self, out: memoryview) -> int:
        """Fill a part of `out` with what the stream still holds at the end of the file."""
        text = b"" if self._stream.eof else self._stream.decompress(b"", len(out))
        if not text and not self._stream.eof:
            raise DamagedError("the compressed data end too early")
        out[: len(text)] = text
        return len(text)
