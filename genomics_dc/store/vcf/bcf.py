"""BCF as VCF text, so that everything behind reads one format."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from genomics_dc.errors import InputError
from genomics_dc.kernels.vcf import bcf
from genomics_dc.store.vcf import bgzf
from genomics_dc.store.vcf.bgzf import DamagedError
from genomics_dc.store.vcf.header import VcfHeader, parse_header

MAGIC: Final = b"BCF\x02\x02"
_HEAD_BYTES = len(MAGIC) + 4
_SLAB_BYTES = 4 << 20
_AHEAD_BYTES = 16 << 20
_TEXT_BYTES = 1 << 20
_DECLARATION = re.compile(r"##(INFO|FORMAT|FILTER|contig)=<(.*)>\s*")
_NAME = re.compile(r"(?:^|,)ID=([^,>]+)")
_NUMBER = re.compile(r",IDX=(\d+)(?=>?\s*$)")  # htslib writes it last


def read_header(path: Path) -> tuple[VcfHeader, int]:
    """Return the header of a BCF, and how many bytes come before its records.

    The numbers that htslib puts behind its lines (`IDX=`) are left out.

    Raises
    ------
    InputError
        When it is another version of BCF, or damaged, or its columns are wrong.
    """
    text, n_bytes = _header_text(path)
    lines = [_NUMBER.sub("", line) if _DECLARATION.fullmatch(line) else line for line in text.split("\n")]
    return parse_header("\n".join(lines).encode(), str(path)), n_bytes


def _header_text(path: Path) -> tuple[str, int]:
    """Return the header's text, and how many bytes come before the records."""
    start, damage = bgzf.start_of_text(path, lambda data: len(data) >= max(_HEAD_BYTES, _n_bytes(data)))
    if not damage and not start.startswith(MAGIC):
        raise InputError(f"{path} is of an unknown version of BCF ({start[:5]!r}); write it again with bcftools")
    if damage or len(start) < _n_bytes(start):
        raise InputError(f"{path} is damaged at its beginning: {damage or 'the header is cut short'}")
    text = start[_HEAD_BYTES : _n_bytes(start)].rstrip(b"\0")
    try:
        return text.decode("utf-8"), _n_bytes(start)
    except UnicodeDecodeError as error:
        line = text.count(b"\n", 0, error.start) + 1
        raise InputError(f"{path}, line {line}: byte {text[error.start]:#04x} is not UTF-8") from error


def _n_bytes(start: bytes | bytearray) -> int:
    """Return how many bytes come before the records, by what the file begins with."""
    return _HEAD_BYTES + int.from_bytes(start[len(MAGIC) : _HEAD_BYTES], "little")


class _Dictionary:
    """Which number means which key or contig, and what a kernel needs of it."""

    def __init__(self, text: str, header: VcfHeader) -> None:
        keys: dict[str, int] = {"PASS": 0}
        contigs: dict[str, int] = {}
        for line in text.split("\n"):
            match = _DECLARATION.fullmatch(line)
            found = _NAME.search(match[2]) if match else None
            if match is None or found is None:
                continue
            names = contigs if match[1] == "contig" else keys
            number = _NUMBER.search(match[2])
            if found[1] not in names:
                names[found[1]] = int(number[1]) if number else max(names.values(), default=-1) + 1
        self.words, self.key, self.contig = _as_arrays(keys, contigs)
        self.is_flag = np.zeros(len(self.key), dtype=np.bool_)
        for name, place in keys.items():
            self.is_flag[place] = name in header.info and header.info[name].type == "Flag"
        self.genotype = keys.get("GT", -1)


def _as_arrays(
    keys: dict[str, int], contigs: dict[str, int]
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    words = bytearray()
    tables = []
    for names in (keys, contigs):
        table = np.full((max(names.values(), default=-1) + 1, 2), -1, dtype=np.int64)
        for name, number in names.items():
            table[number] = len(words), len(words) + len(name.encode())
            words += name.encode()
        tables.append(table)
    return np.frombuffer(bytes(words), dtype=np.uint8).copy(), tables[0], tables[1]


class RecordText:
    """The records of a BCF as lines of text, read into buffers (a `bgzf.Reader`); a context.

    `threads` unpack its blocks, one makes the text.
    """

    def __init__(self, path: Path, header: VcfHeader, n_header_bytes: int, threads: int = 1) -> None:
        self.n_bytes_read = 0
        self._names = _Dictionary(_header_text(path)[0], header)
        self._n_samples = len(header.samples)
        self._to_skip = n_header_bytes
        self._slabs: Iterator[bgzf.Slab] = bgzf.bgzf_slabs(path, threads, _AHEAD_BYTES, self._plan)
        self._data = np.empty(0, dtype=np.uint8)
        self._at = 0
        self._text = np.empty(_TEXT_BYTES, dtype=np.uint8)
        self._text_at = self._text_end = 0
        self._damage = ""

    def __enter__(self) -> RecordText:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        close: Any = getattr(self._slabs, "close", None)
        if close is not None:
            close()

    def __call__(self, out: memoryview) -> int:
        """Fill a part of `out`; 0 at the end. Raises DamagedError."""
        while self._text_at == self._text_end:
            if not self._render() and not self._read():
                return 0
        n = min(self._text_end - self._text_at, len(out))
        out[:n] = self._text.data[self._text_at : self._text_at + n]
        self._text_at += n
        return n

    def _plan(self) -> tuple[int, int]:
        return _SLAB_BYTES, 1

    def _render(self) -> bool:
        """Make text of the whole records that are there; False when there is none."""
        names = self._names
        while True:
            n_text, self._at, status = bcf.render_records(
                self._data, self._at, self._data.size, names.words, names.key, names.is_flag, names.contig,
                names.genotype, self._n_samples, self._text,
            )  # fmt: skip
            self._text_at, self._text_end = 0, n_text
            if n_text:
                return True
            if status == bcf.BROKEN:
                raise DamagedError("the next record breaks the layout of BCF, or its header")
            if status != bcf.FULL:
                return False
            self._text = np.empty(2 * self._text.size, dtype=np.uint8)

    def _read(self) -> bool:
        """Take the next slab; False at the end of the file."""
        left = self._data[self._at :]
        slab = None if self._damage else next(self._slabs, None)
        if slab is None:
            if self._damage or left.size:
                raise DamagedError(self._damage or "the last record is cut short")
            return False
        self.n_bytes_read = slab.n_read
        self._damage = slab.damage
        text = slab.data[slab.start : slab.end]
        n_skipped = min(self._to_skip, text.size)
        self._to_skip -= n_skipped
        self._data = np.concatenate([left, text[n_skipped:]])
        self._at = 0
        return True
