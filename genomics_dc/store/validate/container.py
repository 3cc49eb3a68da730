"""The bytes of a VCF's text, out of plain text, BGZF, gzip or BCF; damage is said, and ends the text."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from genomics_dc.errors import InputError

_GZIP_MAGIC = b"\x1f\x8b"
_BGZF_EOF = bytes.fromhex("1f8b08040000000000ff0600424302001b0003000000000000000000")
_PART_BYTES = 1 << 20
Tell = Callable[[int], None]
_LONGEST_BLOCK = 1 << 16


class Damage(Exception):  # noqa: N818  (not an error of this program: it becomes a finding)
    """Where the container cannot be read further: the rule, and what to say."""

    def __init__(self, rule: str, message: str) -> None:
        super().__init__(message)
        self.rule = rule
        self.message = message


def file_kind(path: Path) -> str:
    """Return "text", "bgzf", "gzip", "bcf" or "empty"; raise InputError when the file cannot be opened."""
    try:
        with open(path, "rb") as handle:
            head = handle.read(18)
    except FileNotFoundError:
        raise InputError(f"{path} does not exist; give the path of a VCF or BCF file") from None
    except IsADirectoryError:
        raise InputError(f"{path} is a folder; give the path of a VCF or BCF file") from None
    except PermissionError:
        raise InputError(f"{path} cannot be read: you have no permission; ask its owner") from None
    if not head:
        return "empty"
    if head.startswith(b"BCF\x02"):
        return "bcf"
    if not head.startswith(_GZIP_MAGIC):
        return "text"
    if not (len(head) == 18 and head[3] & 4 and head[12:14] == b"BC"):
        return "gzip"
    try:
        first = next(_bgzf_parts(path), b"")
    except Damage:
        first = b""
    return "bcf" if first.startswith(b"BCF\x02") else "bgzf"


def text_parts(path: Path, kind: str, tell: Tell = lambda _n_bytes: None) -> Iterator[bytes]:
    """Yield the text in parts of up to about a megabyte; raise Damage where it cannot be read further.

    `tell` is called with how many bytes of the file are read.
    """
    if kind == "bcf":
        return _bcf_parts(path)
    if kind == "bgzf":
        return _bgzf_parts(path, tell)
    if kind == "gzip":
        return _gzip_parts(path, tell)
    return _plain_parts(path, tell)


def _plain_parts(path: Path, tell: Tell) -> Iterator[bytes]:
    with open(path, "rb") as handle:
        while part := handle.read(_PART_BYTES):
            yield part
            tell(handle.tell())


def _gzip_parts(path: Path, tell: Tell) -> Iterator[bytes]:
    with open(path, "rb") as handle:
        for part in _members(handle):
            yield part
            tell(handle.tell())


def _members(handle: BinaryIO) -> Iterator[bytes]:
    """Inflate gzip members one after another; zlib checks each one's CRC32 and length."""
    waiting = b""
    while waiting or (waiting := handle.read(_PART_BYTES)):
        inflate = zlib.decompressobj(31)
        while not inflate.eof:
            offset = handle.tell()
            try:
                text = inflate.decompress(waiting, _PART_BYTES)
            except zlib.error as error:
                message = f"the gzip data before byte {offset:,} are damaged: {_reason(error)}"
                raise Damage("file-damaged", message) from error
            if text:
                yield text
            waiting = inflate.unconsumed_tail
            if not inflate.eof and not waiting and not (waiting := handle.read(_PART_BYTES)):
                raise Damage("file-truncated", f"the gzip data end too early, at byte {offset:,}")
        waiting = inflate.unused_data


def _bgzf_parts(path: Path, tell: Tell = lambda _n_bytes: None) -> Iterator[bytes]:
    """Inflate BGZF blocks; every block's CRC32 and length are checked."""
    offset = 0
    n_waiting = 0
    waiting: list[bytes] = []
    last = b""
    damage: Damage | None = None
    with open(path, "rb", buffering=_PART_BYTES) as handle:
        while True:
            try:
                last, text = _block(handle, offset)
            except Damage as found:
                damage = found
                break
            if not last:
                break
            offset += len(last)
            is_end = last == _BGZF_EOF
            waiting.append(text)
            n_waiting += len(text)
            if n_waiting >= _PART_BYTES:
                yield b"".join(waiting)
                waiting.clear()
                n_waiting = 0
                tell(offset)
    if n_waiting:
        yield b"".join(waiting)
    if damage is not None:
        raise damage
    if not is_end:
        raise Damage("file-truncated", "the end-of-file block of BGZF is missing; copy or make the file again")


def _block(handle: BinaryIO, offset: int) -> tuple[bytes, bytes]:
    """Return one block as in the file, and its text; both empty at the end of the file."""
    head = handle.read(18)
    if not head:
        return b"", b""
    if len(head) < 18:
        raise Damage("file-truncated", f"the BGZF block at byte {offset:,} is cut short; copy or make the file again")
    if not head.startswith(_GZIP_MAGIC) or head[12:14] != b"BC":
        raise Damage("file-damaged", f"at byte {offset:,} there should be a BGZF block")
    size = struct.unpack_from("<H", head, 16)[0] + 1
    rest = handle.read(max(0, size - 18))
    if len(rest) < size - 18 or size < 26:
        raise Damage("file-truncated", f"the BGZF block at byte {offset:,} is cut short; copy or make the file again")
    crc, length = struct.unpack_from("<II", rest, len(rest) - 8)
    inflate = zlib.decompressobj(-15)
    try:
        text = inflate.decompress(rest[:-8], _LONGEST_BLOCK + 1)
    except zlib.error as error:
        raise Damage("file-damaged", f"the BGZF block at byte {offset:,} is damaged: {_reason(error)}") from error
    if len(text) != length or zlib.crc32(text) != crc:
        raise Damage("file-damaged", f"the BGZF block at byte {offset:,} is damaged: its checksum does not hold")
    return head + rest, text


def _reason(error: Exception) -> str:
    return str(error).rpartition(": ")[2]


def _bcf_parts(path: Path) -> Iterator[bytes]:
    """Yield a BCF as text, as htslib reads it: its container first, so that damage is known before htslib meets it."""
    for part in _bgzf_parts(path) if file_is_bgzf(path) else ():
        del part
    import pysam

    with _quiet_htslib():
        try:
            opened = pysam.VariantFile(str(path))
        except (OSError, ValueError) as error:
            raise Damage("file-damaged", f"the file cannot be opened as BCF: {error}") from error
        number = 0
        with opened:
            yield str(opened.header).encode()
            try:
                for number, record in enumerate(opened, start=1):  # noqa: B007  (read in the handler below)
                    yield str(record).encode()
            except (OSError, ValueError, UnicodeDecodeError) as error:
                message = f"the file cannot be read after record {number:,}: {error}"
                raise Damage("file-damaged", message) from error


def file_is_bgzf(path: Path) -> bool:
    """Return whether the file is in BGZF blocks."""
    with open(path, "rb") as handle:
        return handle.read(2) == _GZIP_MAGIC


@contextmanager
def _quiet_htslib() -> Iterator[None]:
    import pysam

    before = pysam.set_verbosity(0)
    try:
        yield
    finally:
        pysam.set_verbosity(before)
