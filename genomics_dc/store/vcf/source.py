"""A VCF file as its header and batches of records: the text, and where its lines and columns are."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from genomics_dc.store.vcf.header import VcfHeader

N_COLUMNS: Final = 10
CHROM, POS, ID, REF, ALT, QUAL, FILTER, INFO, FORMAT, SAMPLES = range(N_COLUMNS)
AHEAD_BYTES: Final = 64 << 20


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

    Raises
    ------
    InputError
        When the file is absent, empty, something else, cut short or damaged at its beginning, or its header is wrong.
    """

    path: Path
    header: VcfHeader
    kind: str  # "text", "bgzf", "gzip" or "bcf"
    n_bytes: int  # size of the file, for a progress bar

    def __init__(self, path: Path, *, allow_gzip: bool = False) -> None:
        raise NotImplementedError

    def batches(
        self, n_rows: int, threads: int = 1, *, ahead_bytes: int = AHEAD_BYTES, max_line_bytes: int = 2**31 - 1
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
        raise NotImplementedError

    @property
    def bytes_read(self) -> int:
        """How many bytes of the file the latest `batches` has taken, for a progress bar."""
        raise NotImplementedError
