"""The columns of the samples: every wanted FORMAT field of a batch of records, as arrays, in one walk over the text.

Letters: V records, S samples, P ploidy, W values in a call, K fields. Records are rows of a text buffer, as
`columns` says: int64[V, 10] offsets of CHROM, POS, ID, REF, ALT, QUAL, FILTER, INFO, FORMAT and the first sample, or
line_end + 1 where the line ends before. Nothing here raises because of the text: what is wrong is counted, the first
wrong place of every record is remembered (`CallFaults`), and the value there becomes missing.

Integers are int32 with the sentinels of BCF (INT_MISSING, INT_FILL), floats float32 with its two NaNs, strings are spans
of the buffer, and genotypes have VCF Zarr's -1 (missing) and -2 (fewer copies than P). A field whose key is not in FORMAT
is missing in every one of its W places; "." in a call is one missing followed by fill.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import numpy.typing as npt

GENOTYPE, INTEGER, FLOAT, STRING, CHARACTER = range(5)
"""What a field holds (`CallField.kind`)."""

INT_MISSING: Final = -(2**31)
INT_FILL: Final = -(2**31) + 1
FLOAT_MISSING_BITS: Final = 0x7F800001
FLOAT_FILL_BITS: Final = 0x7F800002

(
    FINE,
    WRONG_SAMPLE_COUNT,
    BAD_GENOTYPE,
    ALLELE_BEYOND,
    TOO_MANY_VALUES,
    NOT_A_NUMBER,
    OUT_OF_RANGE,
    EMPTY_VALUE,
    NOT_ONE_CHARACTER,
    REPEATED_KEY,
    EMPTY_KEY,
    GENOTYPE_NOT_FIRST,
) = range(12)
"""What is wrong with a record (`CallFaults.status`).

WRONG_SAMPLE_COUNT: fewer or more sample columns than the header. BAD_GENOTYPE: GT is not alleles with `/` or `|`.
ALLELE_BEYOND: an allele number past REF and ALT. TOO_MANY_VALUES: a sample has more fields than FORMAT has keys.
NOT_A_NUMBER: an Integer or Float that is none. OUT_OF_RANGE: an integer past int32, or one that BCF keeps for itself
(below -2^31 + 8). EMPTY_VALUE: nothing between two separators. NOT_ONE_CHARACTER: a Character that is longer.
REPEATED_KEY, EMPTY_KEY: in FORMAT. GENOTYPE_NOT_FIRST: GT is in FORMAT, but later.
"""

UNPHASED, PHASED, MIXED = range(3)
"""Whether the calls of a batch that have two or more copies are all unphased, all phased, or some of each."""


@dataclass(frozen=True)
class CallField:
    """A FORMAT field to read: its key, what it holds, and how many values (GT: copies) a call has at most."""

    key: str
    kind: int
    width: int = 1


@dataclass(frozen=True)
class FieldSeen:
    """What occurred in one field of a batch: enough to choose its type and width.

    `width` is the greatest number of values in a call, which may be more than was asked for: then read again, wider
    (values past the width were dropped). `minimum` and `maximum` are of integers; (0, -1) when there was none.
    `sentinel_value`: an integer -1 or -2 occurred as a value. `not_finite`: a NaN or infinity was written as a value.
    """

    width: int
    any_missing: bool
    any_fill: bool
    sentinel_value: bool
    not_finite: bool
    minimum: int
    maximum: int


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

    Notes
    -----
    The arrays of a `CallBatch` are views of the reader's buffers: the next `read` writes over them, unless
    `reuse=False` (then every read has its own, which costs the kernel's zeroing of new pages).
    """

    def __init__(
        self,
        fields: Sequence[CallField],
        n_samples: int,
        *,
        genotype_dtype: type[np.signedinteger[Any]] = np.int8,
        reuse: bool = True,
    ) -> None:
        raise NotImplementedError

    def read(
        self,
        data: npt.NDArray[np.uint8],
        line_end: npt.NDArray[np.int64],
        columns: npt.NDArray[np.int64],
        n_alleles: npt.NDArray[np.integer[Any]],
    ) -> CallBatch:
        """Return the calls of V records; `n_alleles` integer[V] counts REF and the ALT alleles of each."""
        raise NotImplementedError


def genotype_separators(
    data: npt.NDArray[np.uint8], line_end: npt.NDArray[np.int64], columns: npt.NDArray[np.int64], n_samples: int
) -> npt.NDArray[np.uint16]:
    """Return uint16[V, S]: how the copies of each call are joined, for files where `GenotypeSeen.irregular` is not 0.

    Bit p (1..14) is set when `|` stands before copy p (counted from zero). Bit 0: the first copy is phased, by its
    leading separator, or where there is none, as VCF 4.4 infers it. Bit 15: the leading separator is written.
    """
    raise NotImplementedError
