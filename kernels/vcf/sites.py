"""CHROM, POS, ID, REF, ALT, QUAL and FILTER of a batch of records, as arrays."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from genomics_dc.kernels._jit import borrowing_jit, jit
from genomics_dc.kernels.vcf.numbers import FLOAT_MISSING_BITS, NOT_NUMBER, TOO_LARGE, read_float
from genomics_dc.kernels.vcf.problems import (
    POSITION_NOT_A_NUMBER,
    POSITION_TOO_LARGE,
    QUALITY_NOT_A_NUMBER,
    SUSPECT_ALT,
    SUSPECT_FILTER,
    SUSPECT_ID,
    SUSPECT_POSITION,
    SUSPECT_QUALITY,
    SUSPECT_REF,
    UNKNOWN_CONTIG,
    UNKNOWN_FILTER,
)
from genomics_dc.kernels.vcf.text import Names, find, same

GREATEST_POSITION = 2**31 - 2  # htslib counts from zero in 32 bits, and keeps the last
_CHROM, _POS, _ID, _REF, _ALT, _QUAL, _FILTER, _INFO = range(8)
_DOT, _COMMA, _SEMICOLON, _MINUS = ord("."), ord(","), ord(";"), ord("-")
_STAR, _LESS, _GREATER, _OPEN, _CLOSE, _ZERO = ord("*"), ord("<"), ord(">"), ord("["), ord("]"), ord("0")
_SPACE = 32
_IS_BASE = np.zeros(256, dtype=np.bool_)
_IS_BASE[np.frombuffer(b"ACGTNacgtn", dtype=np.uint8)] = True


@dataclass(frozen=True)
class Sites:
    """The first seven columns of V records. Spans are [start, end) places in the text that was read.

    contig
        int32[V]: the number of CHROM among the contigs, -1 when it is none of them.
    position
        int64[V]: POS, one-based; -1 when it is not a number, or past 2^31 - 2.
    id
        int64[V, 2]: span of ID; of its "." when missing.
    allele_first
        int64[V + 1]: alleles of record v are rows allele_first[v] to allele_first[v + 1] of `allele`.
    allele
        int64[A, 2]: spans of REF and each ALT; an ALT of "." alone is no allele.
    quality
        float32[V]: QUAL, or the NaN that means missing.
    filters
        bool[V, F]: which of the filters FILTER names; none at all when it is ".".
    problems
        int64[V]: bits of `genomics_dc.kernels.vcf.problems`.
    """

    contig: npt.NDArray[np.int32]
    position: npt.NDArray[np.int64]
    id: npt.NDArray[np.int64]
    allele_first: npt.NDArray[np.int64]
    allele: npt.NDArray[np.int64]
    quality: npt.NDArray[np.float32]
    filters: npt.NDArray[np.bool_]
    problems: npt.NDArray[np.int64]

    @property
    def n_alleles(self) -> npt.NDArray[np.int64]:
        """int64[V]: REF and the ALT alleles of each record."""
        return np.diff(self.allele_first)


def read_sites(data: npt.NDArray[np.uint8], columns: npt.NDArray[np.int64], contigs: Names, filters: Names) -> Sites:
    """Return the sites of records, given their text uint8[N] and columns int64[V, 10] (see `lines`).

    A record with fewer than eight columns, or an empty one, has whatever its columns have and must not be used.
    """
    n_rows = columns.shape[0]
    allele_first = np.zeros(n_rows + 1, dtype=np.int64)
    _count_alleles(data, columns, allele_first)
    sites = Sites(
        contig=np.empty(n_rows, dtype=np.int32),
        position=np.empty(n_rows, dtype=np.int64),
        id=np.stack([columns[:, _ID], np.maximum(columns[:, _ID], columns[:, _REF] - 1)], axis=1),
        allele_first=allele_first,
        allele=np.empty((allele_first[-1], 2), dtype=np.int64),
        quality=np.empty(n_rows, dtype=np.float32),
        filters=np.zeros((n_rows, len(filters)), dtype=np.bool_),
        problems=np.zeros(n_rows, dtype=np.int64),
    )
    _read_places(
        data, columns, contigs.data, contigs.start, contigs.end, contigs.slots,
        sites.contig, sites.position, sites.quality, sites.quality.view(np.uint32), sites.problems,
    )  # fmt: skip
    _read_alleles(data, columns, allele_first, sites.allele, sites.problems)
    _read_filters(data, columns, filters.data, filters.start, filters.end, filters.slots, sites.filters, sites.problems)
    return sites


@jit
def _count_alleles(
    data: npt.NDArray[np.uint8], columns: npt.NDArray[np.int64], allele_first: npt.NDArray[np.int64]
) -> None:
    for row in range(columns.shape[0]):
        start, end = columns[row, _ALT], columns[row, _QUAL] - 1
        n = 2
        for at in range(start, end):
            n += data[at] == _COMMA
        if end <= start or (end == start + 1 and data[start] == _DOT):
            n = 1
        allele_first[row + 1] = allele_first[row] + n


@jit
def _read_places(
    data: npt.NDArray[np.uint8],
    columns: npt.NDArray[np.int64],
    contigs: npt.NDArray[np.uint8],
    contig_start: npt.NDArray[np.int64],
    contig_end: npt.NDArray[np.int64],
    contig_slots: npt.NDArray[np.int32],
    contig: npt.NDArray[np.int32],
    position: npt.NDArray[np.int64],
    quality: npt.NDArray[np.float32],
    quality_bits: npt.NDArray[np.uint32],
    problems: npt.NDArray[np.int64],
) -> None:
    """Read CHROM, POS and QUAL, and look at ID."""
    latest = -1
    for row in range(columns.shape[0]):
        start, end = columns[row, _CHROM], columns[row, _POS] - 1
        if latest < 0 or not same(data, start, end, contigs, contig_start[latest], contig_end[latest]):
            latest = find(data, start, end, contigs, contig_start, contig_end, contig_slots)
        contig[row] = latest
        if latest < 0:
            problems[row] |= UNKNOWN_CONTIG
        position[row], problem = _read_position(data, columns[row, _POS], columns[row, _ID] - 1)
        problems[row] |= problem
        start, end = columns[row, _ID], columns[row, _REF] - 1
        if end <= start:
            problems[row] |= SUSPECT_ID
        for at in range(start, end):
            if data[at] <= _SPACE or data[at] == _COMMA:
                problems[row] |= SUSPECT_ID
        start, end = columns[row, _QUAL], columns[row, _FILTER] - 1
        quality_bits[row] = FLOAT_MISSING_BITS
        if end != start + 1 or data[start] != _DOT:
            value, status = read_float(data, start, end)
            if status in (NOT_NUMBER, TOO_LARGE):
                problems[row] |= QUALITY_NOT_A_NUMBER
            else:
                quality[row] = value
                if not np.isfinite(value) or data[start] == _MINUS:
                    problems[row] |= SUSPECT_QUALITY


@borrowing_jit
def _read_position(data: npt.NDArray[np.uint8], start: int, end: int) -> tuple[int, int]:
    """Return POS and what is wrong with it."""
    if end <= start:
        return -1, POSITION_NOT_A_NUMBER
    value = 0
    for at in range(start, end):
        digit = int(data[at]) - _ZERO
        if digit < 0 or digit > 9:
            return -1, POSITION_NOT_A_NUMBER
        value = min(10 * value + digit, 2 * GREATEST_POSITION)
    if value > GREATEST_POSITION:
        return -1, POSITION_TOO_LARGE
    return value, SUSPECT_POSITION if end > start + 1 and data[start] == _ZERO else 0


@jit
def _read_alleles(
    data: npt.NDArray[np.uint8],
    columns: npt.NDArray[np.int64],
    allele_first: npt.NDArray[np.int64],
    allele: npt.NDArray[np.int64],
    problems: npt.NDArray[np.int64],
) -> None:
    for row in range(columns.shape[0]):
        first, behind = allele_first[row], allele_first[row + 1]
        start, end = columns[row, _REF], columns[row, _ALT] - 1
        allele[first, 0] = start
        allele[first, 1] = max(start, end)
        if end <= start or not _all_bases(data, start, end):
            problems[row] |= SUSPECT_REF
        if columns[row, _QUAL] - 1 <= columns[row, _ALT]:
            problems[row] |= SUSPECT_ALT
        begin = columns[row, _ALT]
        for number in range(first + 1, behind):
            at = begin
            stop = columns[row, _QUAL] - 1
            while at < stop and data[at] != _COMMA:
                at += 1
            allele[number, 0] = begin
            allele[number, 1] = at
            if not _is_usual(data, begin, at):
                problems[row] |= SUSPECT_ALT
            begin = at + 1
        if behind - first <= 64:  # beside each other; more would cost the square
            for a in range(first, behind):
                for b in range(a + 1, behind):
                    if same(data, allele[a, 0], allele[a, 1], data, allele[b, 0], allele[b, 1]):
                        problems[row] |= SUSPECT_ALT


@borrowing_jit
def _all_bases(data: npt.NDArray[np.uint8], start: int, end: int) -> bool:
    for at in range(start, end):  # noqa: SIM110 (compiled)
        if not _IS_BASE[data[at]]:
            return False
    return True


@borrowing_jit
def _is_usual(data: npt.NDArray[np.uint8], start: int, end: int) -> bool:
    """Tell whether an ALT allele is bases, `*`, `<...>` or a single breakend; mates' brackets want a closer look."""
    if end <= start:
        return False
    first, last = data[start], data[end - 1]
    if first == _LESS:
        for at in range(start + 1, end):
            if data[at] == _LESS:
                return False
        return last == _GREATER and end > start + 2
    if end == start + 1 and first == _STAR:
        return True
    if _all_bases(data, start, end):
        return True
    for at in range(start, end):
        if data[at] <= _SPACE or data[at] == _OPEN or data[at] == _CLOSE:
            return False
    return bool((first == _DOT) != (last == _DOT))


@jit
def _read_filters(
    data: npt.NDArray[np.uint8],
    columns: npt.NDArray[np.int64],
    names: npt.NDArray[np.uint8],
    name_start: npt.NDArray[np.int64],
    name_end: npt.NDArray[np.int64],
    slots: npt.NDArray[np.int32],
    filters: npt.NDArray[np.bool_],
    problems: npt.NDArray[np.int64],
) -> None:
    for row in range(columns.shape[0]):
        start, end = columns[row, _FILTER], columns[row, _INFO] - 1
        if end == start + 1 and data[start] == _DOT:
            continue
        n = 0
        while start <= end:
            at = start
            while at < end and data[at] != _SEMICOLON:
                at += 1
            number = find(data, start, at, names, name_start, name_end, slots)
            if number < 0:
                problems[row] |= UNKNOWN_FILTER
            else:
                if filters[row, number]:
                    problems[row] |= SUSPECT_FILTER
                filters[row, number] = True
            if at == start or (at == start + 1 and data[start] == _ZERO):
                problems[row] |= SUSPECT_FILTER
            n += 1
            start = at + 1
        if n > 1 and filters.shape[1] and filters[row, 0]:  # PASS beside others
            problems[row] |= SUSPECT_FILTER
