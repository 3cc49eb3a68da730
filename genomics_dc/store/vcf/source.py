"""A VCF file as its header and batches of records: the text, and where its lines and columns are."""

from __future__ import annotations

import gzip
import struct
import zlib
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final, cast

import numpy as np
import numpy.typing as npt

from genomics_dc.errors import InputError
from genomics_dc.kernels.vcf.lines import index_records
from genomics_dc.store.vcf import bcf, bgzf
from genomics_dc.store.vcf.header import parse_header

N_COLUMNS: Final = 10
CHROM, POS, ID, REF, ALT, QUAL, FILTER, INFO, FORMAT, SAMPLES = range(N_COLUMNS)
AHEAD_BYTES: Final = 64 << 20
LINE_BYTES: Final = 2**31 - 1
_BGZF_MAGIC = b"\x1f\x8b\x08\x04"
_GZIP_MAGIC = b"\x1f\x8b"
_FIRST_SLAB_BYTES = 1 << 20
_SLAB_BYTES = 4 << 20
_SLACK_BYTES = 1 << 17


@dataclass(frozen=True)
class TextBatch:
    """Consecutive records of one file: a buffer of text, and where their lines and columns are in it.

    data
        uint8[N]: text, valid UTF-8 without NUL. It may hold more than these records, and data[0] is always a ".",
        so that a missing string has a place. It is never written again.
    line_start, line_end
        int64[V]: where each record begins, and where it ends, without its CR and LF.
    columns
        int64[V, 10]: where CHROM, POS, ID, REF, ALT, QUAL, FILTER, INFO, FORMAT and the first sample begin;
        line_end + 1 where the record has fewer. So column j < 9 ends at columns[:, j + 1] - 1.
    problems
        int64[V]: bits of what is wrong with the line as a line (`genomics_dc.kernels.vcf.lines`): it is empty, or
        has fewer than eight columns.
    first_record
        How many records of the file come before.
    first_line
        The number of the first record's line, from 1; 0 for BCF, which has no lines.
    """

    path: Path
    data: npt.NDArray[np.uint8]
    line_start: npt.NDArray[np.int64]
    line_end: npt.NDArray[np.int64]
    columns: npt.NDArray[np.int64]
    problems: npt.NDArray[np.int64]
    first_record: int
    first_line: int

    def __len__(self) -> int:
        return len(self.line_start)

    def __repr__(self) -> str:
        return f"TextBatch({self.path}, {len(self)} records from record {self.first_record})"

    def where(self, row: int) -> str:
        """Return how an error names a record: "in.vcf.gz, line 14" ("in.bcf, record 3")."""
        if self.first_line:
            return f"{self.path}, line {self.first_line + row}"
        return f"{self.path}, record {self.first_record + row + 1}"

    def text(self, row: int, column: int | None = None) -> str:
        """Return a record's line, or one of its first nine columns; empty where the record has fewer."""
        if column is None:
            start, end = self.line_start[row], self.line_end[row]
        else:
            start, end = self.columns[row, column], self.columns[row, column + 1] - 1
        return bytes(self.data[start : max(start, end)]).decode("utf-8")


class VcfSource:
    """A VCF file (BGZF, gzip when allowed, or plain text) or BCF.

    Parameters
    ----------
    path
        The file.
    allow_gzip
        Whether plain gzip is read too; it cannot be unpacked by several threads.

    Attributes
    ----------
    kind
        "text", "bgzf", "gzip" or "bcf".
    n_bytes
        Size of the file.
    n_bytes_read
        How much of it the latest `batches` has taken, for a progress bar.

    Raises
    ------
    InputError
        When the file is absent, empty, something else, cut short or damaged at its beginning, or its header is wrong.
    """

    def __init__(self, path: Path, *, allow_gzip: bool = False) -> None:
        self.path = path
        self.kind, self.n_bytes = _file_kind(path, allow_gzip=allow_gzip)
        self.n_bytes_read = 0
        self._header_bytes = self._bcf_header_bytes = 0
        if self.kind == "bcf":
            self.header, self._bcf_header_bytes = bcf.read_header(path)
        else:
            text = _header_text(path, self.kind)
            self._header_bytes = len(text)
            self.header = parse_header(text, str(path))

    def batches(
        self, n_rows: int, threads: int = 1, *, ahead_bytes: int = AHEAD_BYTES, max_line_bytes: int = LINE_BYTES
    ) -> Iterator[TextBatch]:
        """Yield all records in file order, `n_rows` in each batch (the last may have fewer); may be called again.

        Parameters
        ----------
        n_rows
            Records in a batch.
        threads
            How many threads unpack blocks. They are ahead of the caller by at most `ahead_bytes` of text, beside the
            batch that is being made.
        max_line_bytes
            The longest line that is read.

        Raises
        ------
        InputError
            Naming file and line: damaged or truncated block, NUL, not UTF-8, too long a line. Batches before it have
            been yielded.
        """
        if n_rows < 1 or threads < 1:
            raise ValueError(f"a batch has at least one record and a reader one thread, not {n_rows} and {threads}")
        yield from _Assembly(self, n_rows, max_line_bytes).batches(threads, ahead_bytes)


class _Assembly:
    """Makes batches of exactly `n_rows` records out of slabs of text.

    A slab is begun so that it ends a little behind a batch; what is left of it is copied before the next one. So the
    text is written once, and read where it lies.
    """

    def __init__(self, source: VcfSource, n_rows: int, max_line_bytes: int) -> None:
        self.source = source
        self.n_rows = n_rows
        self.max_line_bytes = max_line_bytes
        self.n_records = 0  # yielded
        self.n_planned = 0  # bytes of text begun, behind the header
        self.planned: deque[int] = deque()  # of each slab that was begun and has not come
        self.n_seen_bytes = 0  # bytes and line feeds of the text that came
        self.n_seen_lines = 0
        self.left: list[bgzf.Slab] = []  # text that is not yet in a batch

    def batches(self, threads: int, ahead_bytes: int) -> Iterator[TextBatch]:
        to_skip = self.source._header_bytes
        self.n_planned = -to_skip
        damage = ""
        for slab in self._slabs(threads, ahead_bytes):
            self.source.n_bytes_read = slab.n_read
            # a slab has whole blocks, so it is a little longer than planned, and the next ones would drift
            self.n_planned += slab.end - slab.start - self.planned.popleft()
            if to_skip:
                n = min(to_skip, slab.end - slab.start)
                to_skip -= n
                slab.start += n
                slab.newline = slab.newline[np.searchsorted(slab.newline, slab.start) :]
            self.n_seen_bytes += slab.end - slab.start
            self.n_seen_lines += len(slab.newline)
            self.left.append(slab)
            n_lines = sum(len(part.newline) for part in self.left)
            if n_lines >= self.n_rows:
                yield from self._take(_joined(self.left))
            elif _unended(self.left) > self.max_line_bytes:
                raise self._too_long(self.n_records + n_lines)
            damage = slab.damage
        if damage:
            n_lines = self._file_line(self.n_records + sum(len(part.newline) for part in self.left)) - 1
            raise InputError(
                f"{self.source.path} is truncated or damaged after line {n_lines:,}: {damage}; "
                "copy or make the file again"
            )
        if to_skip:
            raise InputError(f"{self.source.path} changed while it was read; start again")
        if self.left:
            last = _joined(self.left)
            if last.end > last.start and not (len(last.newline) and last.newline[-1] == last.end - 1):
                last = _with_last_newline(last)
            yield from self._take(last)
            if len(last.newline):
                yield self._batch(last, last.newline)

    def _slabs(self, threads: int, ahead_bytes: int) -> Iterator[bgzf.Slab]:
        path, kind = self.source.path, self.source.kind
        if kind == "bgzf":
            yield from bgzf.bgzf_slabs(path, threads, ahead_bytes, self._plan)
        elif kind == "bcf":
            with bcf.RecordText(path, self.source.header, self.source._bcf_header_bytes, threads) as records:
                yield from bgzf.text_slabs(records, ahead_bytes, self._plan, lambda: records.n_bytes_read)
        else:
            with open(path, "rb", buffering=0) as handle:
                read = bgzf.GzipText(cast(BinaryIO, handle)) if kind == "gzip" else handle.readinto
                yield from bgzf.text_slabs(cast("bgzf.Reader", read), ahead_bytes, self._plan, handle.tell)

    def _plan(self) -> tuple[int, int]:
        """Return how many bytes the next slab should have, and room before it."""
        if not self.n_seen_lines:
            waiting = sum(part.end - part.start for part in self.left)
            n_bytes = max(_FIRST_SLAB_BYTES, waiting)
            if self.n_planned < 0:
                n_bytes += -self.n_planned
        else:
            batch = self.n_rows * self.n_seen_bytes / self.n_seen_lines
            step = batch * max(1, -(-_SLAB_BYTES // int(batch + 1)))
            done = max(0, self.n_planned)
            slack = _SLACK_BYTES + step / 64
            # behind the end of a batch, and never a sliver
            n_bytes = int((done + step / 2) // step * step + step + slack) - done
            if n_bytes > step * 1.25:
                n_bytes -= int(step)
            n_bytes = max(n_bytes, int(step / 2))
        self.n_planned += n_bytes
        self.planned.append(n_bytes)
        return n_bytes, 1 + _SLACK_BYTES + n_bytes // 8

    def _take(self, slab: bgzf.Slab) -> Iterator[TextBatch]:
        """Yield the whole batches of a slab; keep the rest."""
        n_whole = len(slab.newline) // self.n_rows * self.n_rows
        for first in range(0, n_whole, self.n_rows):
            newline = slab.newline[first : first + self.n_rows]
            batch = self._batch(slab, newline)
            slab.start = int(newline[-1]) + 1
            yield batch
        slab.newline = slab.newline[n_whole:]
        self.left = [slab] if slab.end > slab.start else []

    def _batch(self, slab: bgzf.Slab, newline: npt.NDArray[np.int64]) -> TextBatch:
        """Return the batch of the lines from the slab's start to these line feeds."""
        line_start = np.empty_like(newline)
        line_start[0] = slab.start
        line_start[1:] = newline[:-1] + 1
        if slab.odd:
            self._check_letters(bytes(slab.data[slab.start : newline[-1]]))
        lengths = newline - line_start
        if lengths.max() > self.max_line_bytes:
            raise self._too_long(self.n_records + int(np.argmax(lengths > self.max_line_bytes)))
        line_end, columns, problems = index_records(slab.data, line_start, newline, self.source.header.n_columns)
        batch = TextBatch(
            path=self.source.path,
            data=slab.data,
            line_start=line_start,
            line_end=line_end,
            columns=columns,
            problems=problems,
            first_record=self.n_records,
            first_line=0 if self.source.kind == "bcf" else self._file_line(self.n_records),
        )
        self.n_records += len(newline)
        return batch

    def _check_letters(self, text: bytes) -> None:
        nul = text.find(b"\0")
        try:
            text[: nul if nul >= 0 else None].decode("utf-8")
        except UnicodeDecodeError as error:
            place, what = error.start, f"byte {text[error.start]:#04x} is not UTF-8"
        else:
            if nul < 0:
                return
            place, what = nul, "a NUL byte (0x00) is there, which no text has; make the file again"
        line = self._file_line(self.n_records + text.count(b"\n", 0, place))
        raise InputError(f"{self.source.path}, line {line}: {what}")

    def _file_line(self, record: int) -> int:
        """Return the number of a record's line, from 1 (for BCF, the number of the record)."""
        return record + 1 + (0 if self.source.kind == "bcf" else self.source.header.n_lines)

    def _too_long(self, record: int) -> InputError:
        return InputError(
            f"{self.source.path}, line {self._file_line(record)} is longer than {self.max_line_bytes:,} bytes; "
            "is it a VCF? If so, allow more memory"
        )


def _unended(parts: list[bgzf.Slab]) -> int:
    """Return how many bytes come after the last line feed."""
    n_bytes = 0
    for part in reversed(parts):
        if len(part.newline):
            return n_bytes + part.end - int(part.newline[-1]) - 1
        n_bytes += part.end - part.start
    return n_bytes


def _joined(parts: list[bgzf.Slab]) -> bgzf.Slab:
    """Return slabs that follow each other as one: in the last one's buffer when the others fit before it."""
    last = parts[-1]
    if len(parts) == 1:
        return last
    n_before = sum(part.end - part.start for part in parts[:-1])
    if n_before < last.start:
        data, start = last.data, last.start - n_before
    else:
        data, start = bgzf.new_buffer(1, n_before + last.end - last.start), 1
        data[1 + n_before :] = last.data[last.start : last.end]
    newline = []
    at = start
    for part in parts:
        n = part.end - part.start
        if part is not last:
            data[at : at + n] = part.data[part.start : part.end]
        newline.append(part.newline + (at - part.start))
        at += n
    odd = any(part.odd for part in parts)
    return bgzf.Slab(data, start, at, np.concatenate(newline), odd, last.n_read, last.damage)


def _with_last_newline(slab: bgzf.Slab) -> bgzf.Slab:
    """Return the slab with its text's end as the place of a last line feed."""
    newline = np.append(slab.newline, slab.end)
    return bgzf.Slab(slab.data, slab.start, slab.end, newline, slab.odd, slab.n_read, slab.damage)


def _file_kind(path: Path, *, allow_gzip: bool) -> tuple[str, int]:
    """Return "text", "bgzf", "gzip" or "bcf", and the size; raise InputError when it is none of them, or cut short."""
    try:
        size = path.stat().st_size
        with open(path, "rb") as handle:
            head = handle.read(4096)
            handle.seek(max(0, size - len(bgzf.EOF_BLOCK)))
            tail = handle.read()
    except FileNotFoundError:
        raise InputError(f"{path} does not exist; give the path of a VCF or BCF file") from None
    except IsADirectoryError:
        raise InputError(f"{path} is a folder; give the path of a VCF or BCF file") from None
    except PermissionError:
        raise InputError(f"{path} cannot be read: you have no permission; ask its owner") from None
    if not size:
        raise InputError(f"{path} is empty; a VCF has at least a header")
    if head.startswith(b"##fileformat=VCF"):
        return "text", size
    if not head.startswith(_GZIP_MAGIC):
        raise InputError(f"{path} is not a VCF: it begins with {head[:8]!r}, not with ##fileformat=VCF")
    n_extra = int.from_bytes(head[10:12], "little")
    is_bgzf = head.startswith(_BGZF_MAGIC) and b"BC\x02\0" in head[12 : 12 + n_extra]
    if not is_bgzf and not allow_gzip:
        raise InputError(f"{path} is compressed by gzip, not by bgzip; run `gunzip -c {path.name} | bgzip` first")
    if is_bgzf and tail != bgzf.EOF_BLOCK:
        raise InputError(f"{path} is truncated: the end-of-file block of BGZF is missing; copy or make the file again")
    try:
        with gzip.open(path) as handle:
            magic = handle.read(5)
    except (OSError, EOFError, zlib.error, struct.error) as error:
        raise InputError(f"{path} is damaged at its beginning: {error}") from error
    if magic.startswith(b"BCF\x02"):
        return "bcf", size
    if not magic.startswith(b"##"):
        raise InputError(f"{path} is not a VCF: its text begins with {magic!r}, not with ##fileformat=VCF")
    return "bgzf" if is_bgzf else "gzip", size


def _header_text(path: Path, kind: str) -> bytes:
    """Return the text down to the end of the first line that does not begin with ##."""
    if kind == "bgzf":
        return _bgzf_header_text(path)
    lines: list[bytes] = []
    try:
        with open(path, "rb") if kind == "text" else gzip.open(path, "rb") as handle:
            while line := handle.readline(LINE_BYTES):
                lines.append(line)
                if not line.startswith(b"##"):
                    break
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(
            f"{path} is truncated or damaged after line {len(lines)}: {error}; copy or make the file again"
        ) from error
    return b"".join(lines)


def _bgzf_header_text(path: Path) -> bytes:
    looked_at = 0  # where the first line begins that has not been seen whole
    has_ended = False

    def enough(text: bytearray) -> bool:
        nonlocal looked_at, has_ended
        while (end := text.find(b"\n", looked_at)) >= 0:
            has_ended = not text.startswith(b"##", looked_at)
            looked_at = end + 1
            if has_ended:
                break
        return has_ended

    text, damage = bgzf.start_of_text(path, enough)
    if damage:
        n_lines = text.count(b"\n")
        raise InputError(
            f"{path} is truncated or damaged after line {n_lines:,}: {damage}; copy or make the file again"
        )
    return text[:looked_at] if has_ended else text
