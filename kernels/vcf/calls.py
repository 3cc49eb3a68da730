"""The columns of the samples: every wanted FORMAT field of a batch of records, as arrays, in one walk over the text.

Letters: V records, S samples, P ploidy, W values in a call, K fields. Records are rows of a text buffer, as
`columns` says: int64[V, 10] offsets of CHROM, POS, ID, REF, ALT, QUAL, FILTER, INFO, FORMAT and the first sample, or
line_end + 1 where the line ends before. Nothing here raises because of the text: what is wrong is counted, the first
wrong place of every record is remembered (`CallFaults`), and the value there becomes missing.

Integers are int32 with BCF's sentinels (INT_MISSING, INT_FILL), floats float32 with its two NaNs, strings are spans
of the buffer, and genotypes have VCF Zarr's -1 (missing) and -2 (fewer copies than P). A field whose key is not in
FORMAT is missing in every one of its W places; "." in a call is one missing followed by fill.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from genomics_dc.kernels.genotypes import packed_width
from genomics_dc.kernels.vcf import call_numbers, genotypes
from genomics_dc.kernels.vcf.call_walk import (
    ALLELE_BEYOND,
    ANY_NUMBER,
    BAD_GENOTYPE,
    CHARACTER,
    EMPTY_KEY,
    EMPTY_VALUE,
    FINE,
    FLOAT,
    GENOTYPE,
    GENOTYPE_NOT_FIRST,
    INTEGER,
    NOT_A_NUMBER,
    NOT_ONE_CHARACTER,
    OUT_OF_RANGE,
    PER_ALLELE,
    PER_ALT,
    PER_GENOTYPE,
    REPEATED_KEY,
    STRING,
    TOO_MANY_VALUES,
    WRONG_SAMPLE_COUNT,
    read_rows,
    separators,
)
from genomics_dc.kernels.vcf.numbers import INT_FILL, INT_MISSING

__all__ = [
    "ALLELE_BEYOND",
    "ANY_NUMBER",
    "BAD_GENOTYPE",
    "CHARACTER",
    "EMPTY_KEY",
    "EMPTY_VALUE",
    "FINE",
    "FLOAT",
    "GENOTYPE",
    "GENOTYPE_NOT_FIRST",
    "INTEGER",
    "INT_FILL",
    "INT_MISSING",
    "MIXED",
    "MOST_JOINED",
    "NOT_A_NUMBER",
    "NOT_ONE_CHARACTER",
    "OUT_OF_RANGE",
    "PER_ALLELE",
    "PER_ALT",
    "PER_GENOTYPE",
    "PHASED",
    "REPEATED_KEY",
    "STRING",
    "TOO_MANY_VALUES",
    "UNPHASED",
    "WRONG_SAMPLE_COUNT",
    "CallBatch",
    "CallFaults",
    "CallField",
    "CallReader",
    "FieldSeen",
    "GenotypeSeen",
    "Spans",
    "genotype_separators",
]

GENOTYPE_KEY: Final = "GT"
MOST_JOINED: Final = 15
"""The most copies whose separators `genotype_separators` tells."""
_N_COLUMNS = 10
_DIPLOID = 2
_WORD: Final[dict[int, Any]] = {1: np.uint16, 2: np.uint32}
_DOT = ord(".")
_SEARCH_STEP = 4096
_NONE_LEAST, _NONE_GREATEST = 2**62, -(2**62)

UNPHASED, PHASED, MIXED = range(3)
"""Whether `phased` is False for all calls of a batch, True for all, or neither."""


@dataclass(frozen=True)
class CallField:
    """A FORMAT field to read.

    key: as FORMAT has it. kind: GENOTYPE, INTEGER, FLOAT, STRING or CHARACTER. width: W, how many values (GT: copies)
    of a call are kept. split: whether a comma divides strings; not where the header says Number=1. number: how many
    values a call should have, a count or one of ANY_NUMBER, PER_ALT, PER_ALLELE, PER_GENOTYPE.
    """

    key: str
    kind: int
    width: int = 1
    split: bool = True
    number: int = ANY_NUMBER


@dataclass(frozen=True)
class FieldSeen:
    """What occurred in one field of a batch: enough to choose its type and width.

    `width` is the greatest number of values in a call, which may be more than was asked for: then read again, wider
    (values past the width were dropped). `minimum` and `maximum` are of integers; (0, -1) when there was none.
    `sentinel_value`: an integer -1 or -2 occurred as a value. `not_finite`: a NaN or infinity was written as a value.
    `odd`: some call has another number of values than a call of two copies should, and is not a "." alone.
    """

    width: int
    any_missing: bool
    any_fill: bool
    sentinel_value: bool
    not_finite: bool
    minimum: int
    maximum: int
    odd: bool = False


@dataclass(frozen=True)
class GenotypeSeen:
    """What occurred in GT of a batch.

    `ploidy` may be more than was asked for, and `greatest_allele` more than int8 holds (127): then read again, wider.
    `phase` is UNPHASED, PHASED or MIXED. `any_missing`: an allele is missing; `any_half`: in a call with another
    that is not; `any_fill`: a call has fewer copies than P. `irregular`: calls whose separators differ from each other
    or from a leading one (`0/1|2`, `|0/1`), which `phased` cannot say; `prefixed`: calls with a leading separator.
    """

    ploidy: int
    greatest_allele: int
    phase: int
    any_missing: bool
    any_half: bool
    any_fill: bool
    irregular: int
    prefixed: int


@dataclass(frozen=True)
class CallFaults:
    """What is wrong, by record: the first fault's status, sample, offset in the buffer and field, and how many.

    status uint8[V] (FINE where nothing is); count int32[V]; sample int32[V], -1 where the fault is of the record;
    offset int64[V] in the buffer, so that the column of the line is offset - line_start + 1; field int16[V], -1 none.
    """

    status: npt.NDArray[np.uint8]
    count: npt.NDArray[np.int32]
    sample: npt.NDArray[np.int32]
    offset: npt.NDArray[np.int64]
    field: npt.NDArray[np.int16]

    @property
    def any(self) -> bool:
        """Whether something is wrong in some record."""
        return bool(self.status.any())


@dataclass(frozen=True)
class Spans:
    """Strings as places in a buffer: int64[V, S, W] each. Missing is the span of a "." there, fill is empty."""

    start: npt.NDArray[np.int64]
    end: npt.NDArray[np.int64]


@dataclass(frozen=True)
class CallBatch:
    """The calls of a batch of records.

    genotype int8 or int16 [V, S, P], phased bool[V, S], packed uint8[V, ceil(S / 4)] (as
    `genomics_dc.kernels.genotypes` packs) and counts int32[V, 4] (hom_ref, het, hom_alt, missing of the first ALT
    allele): None when GT is not among the fields. `values`: int32 or float32 [V, S, W] by key, `strings`: `Spans` by
    key, of `data`, which is the buffer that was read, or a copy with "." behind it when it held none.
    present bool[V, K]: whether FORMAT has the key, in the order of the fields.
    """

    data: npt.NDArray[np.uint8]
    genotype: npt.NDArray[Any] | None
    phased: npt.NDArray[np.bool_] | None
    packed: npt.NDArray[np.uint8] | None
    counts: npt.NDArray[np.int32] | None
    values: Mapping[str, npt.NDArray[Any]]
    strings: Mapping[str, Spans]
    present: npt.NDArray[np.bool_]
    seen: Mapping[str, FieldSeen]
    genotype_seen: GenotypeSeen | None
    faults: CallFaults = field(repr=False)


class CallReader:
    """Reads the calls of one batch after another; one for each thread, because it keeps its buffers.

    Parameters
    ----------
    fields
        The fields to read; GT may be one of them.
    n_samples
        S, as the header has it.
    genotype_dtype
        np.int8, or np.int16 when an allele number is greater than 127.
    reuse
        Whether the arrays of a `CallBatch` are views of the reader's buffers, which the next `read` overwrites. New
        arrays for each batch cost the zeroing of their pages: as much again as reading plain genotypes.

    Raises
    ------
    ValueError
        When two fields have one key, GT has another kind than GENOTYPE, or a width is below 1.
    """

    def __init__(
        self,
        fields: Sequence[CallField],
        n_samples: int,
        *,
        genotype_dtype: type[np.int8] | type[np.int16] = np.int8,
        reuse: bool = True,
    ) -> None:
        if len({wanted.key for wanted in fields}) != len(fields):
            raise ValueError(f"every field is read once, not {[wanted.key for wanted in fields]}")
        for wanted in fields:
            if (wanted.key == GENOTYPE_KEY) != (wanted.kind == GENOTYPE):
                raise ValueError(f"{GENOTYPE_KEY}, and nothing else, is read as genotypes; {wanted.key} is not right")
            if wanted.width < 1:
                raise ValueError(f"the width of {wanted.key} must be 1 or more, not {wanted.width}")
        self.fields = tuple(fields)
        self.n_samples = n_samples
        self.genotype_dtype: np.dtype[Any] = np.dtype(genotype_dtype)
        self._reuse = reuse
        self._kept: dict[str, npt.NDArray[Any]] = {}
        names = [wanted.key.encode() for wanted in fields]
        self._keys = np.frombuffer(b"".join(names), dtype=np.uint8).copy()
        self._key_start = np.cumsum([0] + [len(name) for name in names], dtype=np.int64)
        self._kind = np.array([wanted.kind for wanted in fields], dtype=np.int64)
        self._width = np.array([wanted.width for wanted in fields], dtype=np.int64)
        self._number = np.array([wanted.number for wanted in fields], dtype=np.int64)
        self._split = np.array([wanted.split for wanted in fields], dtype=np.bool_)
        self._ploidy = next((wanted.width for wanted in fields if wanted.kind == GENOTYPE), 0)

    def read(
        self,
        data: npt.NDArray[np.uint8],
        line_end: npt.NDArray[np.int64],
        columns: npt.NDArray[np.int64],
        n_alleles: npt.NDArray[np.integer[Any]],
    ) -> CallBatch:
        """Return the calls of V records.

        Parameters
        ----------
        data, line_end, columns
            The text uint8[N], where each line ends int64[V], and its columns int64[V, 10]; see the module.
        n_alleles
            integer[V]: REF and the ALT alleles of each record.
        """
        n_rows, n_samples = line_end.shape[0], self.n_samples
        if columns.shape != (n_rows, _N_COLUMNS) or n_alleles.shape != (n_rows,):
            raise ValueError(f"{n_rows} lines have columns {columns.shape} and n_alleles {n_alleles.shape}")
        n_calls = n_rows * n_samples
        base = np.zeros(len(self.fields), dtype=np.int64)
        sizes = dict.fromkeys((INTEGER, FLOAT, STRING), 0)
        for number, wanted in enumerate(self.fields):
            if wanted.kind != GENOTYPE:
                group = STRING if wanted.kind == CHARACTER else wanted.kind
                base[number] = sizes[group]
                sizes[group] += n_calls * wanted.width
        ints = self._buffer("ints", sizes[INTEGER], np.dtype(np.int32))
        reals = self._buffer("reals", sizes[FLOAT], np.dtype(np.float32))
        starts = self._buffer("starts", sizes[STRING], np.dtype(np.int64))
        stops = self._buffer("stops", sizes[STRING], np.dtype(np.int64))
        dot = 0
        if sizes[STRING]:
            data, dot = _with_dot(data)
        ploidy = self._ploidy
        has_genotype = ploidy > 0
        genotype = self._buffer("genotype", n_calls * ploidy, self.genotype_dtype).reshape(n_rows, n_samples, ploidy)
        words = np.empty((n_rows, 0), dtype=_WORD[self.genotype_dtype.itemsize])
        if ploidy == _DIPLOID:
            words = genotype.reshape(-1).view(words.dtype).reshape(n_rows, n_samples)
        phased = self._buffer("phased", n_calls, np.dtype(np.bool_)).reshape(n_rows, n_samples)
        n_bytes = packed_width(n_samples) if has_genotype else 0
        packed = self._buffer("packed", n_rows * n_bytes, np.dtype(np.uint8)).reshape(n_rows, n_bytes)
        counts = self._buffer("counts", n_rows * 4, np.dtype(np.int32)).reshape(n_rows, 4)
        present = np.empty((n_rows, len(self.fields)), dtype=np.bool_)
        seen = np.zeros((len(self.fields), call_numbers.N_SEEN), dtype=np.int64)
        seen[:, call_numbers.LEAST] = _NONE_LEAST
        seen[:, call_numbers.GREATEST] = _NONE_GREATEST
        genotype_seen = np.zeros(genotypes.N_SEEN, dtype=np.int64)
        faults = CallFaults(
            status=np.zeros(n_rows, dtype=np.uint8),
            count=np.zeros(n_rows, dtype=np.int32),
            sample=np.full(n_rows, -1, dtype=np.int32),
            offset=np.zeros(n_rows, dtype=np.int64),
            field=np.full(n_rows, -1, dtype=np.int16),
        )
        most_keys = int((columns[:, 9] - columns[:, 8]).max(initial=0)) + 1
        read_rows(
            data,
            np.ascontiguousarray(line_end, dtype=np.int64),
            np.ascontiguousarray(columns, dtype=np.int64),
            np.ascontiguousarray(n_alleles, dtype=np.int64),
            n_samples,
            self._keys,
            self._key_start,
            self._kind,
            self._width,
            self._number,
            self._split,
            base,
            ints,
            reals,
            reals.view(np.uint32),
            starts,
            stops,
            dot,
            genotype,
            words,
            int(np.iinfo(self.genotype_dtype).max),
            phased,
            packed,
            counts,
            present,
            seen,
            genotype_seen,
            faults.status,
            faults.count,
            faults.sample,
            faults.offset,
            faults.field,
            np.full(4 * n_bytes, 3, dtype=np.uint8),
            np.empty(most_keys, dtype=np.int64),
            np.empty((len(self.fields), n_samples), dtype=np.int32),
        )
        values: dict[str, npt.NDArray[Any]] = {}
        strings: dict[str, Spans] = {}
        for number, wanted in enumerate(self.fields):
            part = slice(base[number], base[number] + n_calls * wanted.width)
            shape = (n_rows, n_samples, wanted.width)
            if wanted.kind == INTEGER:
                values[wanted.key] = ints[part].reshape(shape)
            elif wanted.kind == FLOAT:
                values[wanted.key] = reals[part].reshape(shape)
            elif wanted.kind != GENOTYPE:
                strings[wanted.key] = Spans(starts[part].reshape(shape), stops[part].reshape(shape))
        return CallBatch(
            data=data,
            genotype=genotype if has_genotype else None,
            phased=phased if has_genotype else None,
            packed=packed if has_genotype else None,
            counts=counts if has_genotype else None,
            values=values,
            strings=strings,
            present=present,
            seen={
                wanted.key: _field_seen(row)
                for wanted, row in zip(self.fields, seen, strict=True)
                if wanted.kind != GENOTYPE
            },
            genotype_seen=_genotype_seen(genotype_seen) if has_genotype else None,
            faults=faults,
        )

    def _buffer(self, name: str, size: int, dtype: np.dtype[Any]) -> npt.NDArray[Any]:
        """Return `size` places, of the buffer that the last batch had when it is large enough."""
        if not self._reuse:
            return np.empty(size, dtype=dtype)
        kept = self._kept.get(name)
        if kept is None or kept.size < size:
            kept = self._kept[name] = np.empty(size, dtype=dtype)
        return kept[:size]


def genotype_separators(
    data: npt.NDArray[np.uint8], line_end: npt.NDArray[np.int64], columns: npt.NDArray[np.int64], n_samples: int
) -> npt.NDArray[np.uint16]:
    """Return uint16[V, S]: how the copies of each call are joined, for batches whose `irregular` is not 0.

    Bit p (1..14) is set when `|` stands before copy p, counted from zero. Bit 0: the first copy is phased, by its
    leading separator, or where there is none, when no `/` follows (VCF 4.4). Bit 15: the leading separator is written.
    0 where there is no call.
    """
    out = np.zeros((line_end.shape[0], n_samples), dtype=np.uint16)
    separators(data, np.ascontiguousarray(line_end), np.ascontiguousarray(columns), out)
    return out


def _with_dot(data: npt.NDArray[np.uint8]) -> tuple[npt.NDArray[np.uint8], int]:
    """Return `data` and the place of a "." in it, or a copy with one behind."""
    for start in range(0, data.size, _SEARCH_STEP):
        found = np.flatnonzero(data[start : start + _SEARCH_STEP] == _DOT)
        if found.size:
            return data, start + int(found[0])
    return np.append(data, np.uint8(_DOT)), data.size


def _field_seen(row: npt.NDArray[np.int64]) -> FieldSeen:
    any_integer = row[call_numbers.LEAST] <= row[call_numbers.GREATEST]
    return FieldSeen(
        width=int(row[call_numbers.WIDTH]),
        any_missing=bool(row[call_numbers.ANY_MISSING]),
        any_fill=bool(row[call_numbers.ANY_FILL]),
        sentinel_value=bool(row[call_numbers.SENTINEL_VALUE]),
        not_finite=bool(row[call_numbers.NOT_FINITE]),
        minimum=int(row[call_numbers.LEAST]) if any_integer else 0,
        maximum=int(row[call_numbers.GREATEST]) if any_integer else -1,
        odd=bool(row[call_numbers.ODD]),
    )


def _genotype_seen(row: npt.NDArray[np.int64]) -> GenotypeSeen:
    phased, unphased = bool(row[genotypes.ANY_PHASED]), bool(row[genotypes.ANY_UNPHASED])
    return GenotypeSeen(
        ploidy=int(row[genotypes.PLOIDY]),
        greatest_allele=int(row[genotypes.GREATEST_ALLELE]),
        phase=MIXED if phased and unphased else PHASED if phased else UNPHASED,
        any_missing=bool(row[genotypes.ANY_MISSING]),
        any_half=bool(row[genotypes.ANY_HALF]),
        any_fill=bool(row[genotypes.ANY_FILL]),
        irregular=int(row[genotypes.IRREGULAR]),
        prefixed=int(row[genotypes.PREFIXED]),
    )
