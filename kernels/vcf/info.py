"""The INFO column of a batch of records: where each key's value is, and values as arrays.

Integers are int32 with BCF's sentinels, floats float32 with its two NaNs, strings are spans of the text. A record
without the key is missing in all W places; "." is one missing followed by fill. A missing string is the span of a ".",
a filled one is empty. The text's first byte is to be a ".", as a `TextBatch` has it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from genomics_dc.kernels.vcf.text import Names


@dataclass(frozen=True)
class InfoSpans:
    """Where the values of K keys are in V records.

    span
        int64[V, K, 2]: [start, end) of the value; start -1 where the record lacks the key. A key without "=" has
        start == end == the place behind it, where there is no "=" before it.
    order
        int16[V, M] or None: the keys of each record in their order, -1 behind the last, when asked for.
    problems
        int64[V]: UNKNOWN_INFO_KEY, EMPTY_INFO_KEY, REPEATED_INFO_KEY (the first holds).
    """

    span: npt.NDArray[np.int64]
    order: npt.NDArray[np.int16] | None
    problems: npt.NDArray[np.int64]


@dataclass(frozen=True)
class ValuesSeen:
    """What occurred in one field of a batch: enough to choose its type and width.

    As `genomics_dc.kernels.vcf.calls.FieldSeen`: `width` may be more than was asked for: then read again, wider.
    """

    width: int
    any_missing: bool
    any_fill: bool
    sentinel_value: bool
    not_finite: bool
    minimum: int
    maximum: int


@dataclass(frozen=True)
class InfoValues:
    """One field of V records: values int32 or float32 [V, W], how many each record has int32[V] (0 where it lacks
    the key), problems int64[V], and what occurred."""

    values: npt.NDArray[np.int32] | npt.NDArray[np.float32]
    count: npt.NDArray[np.int32]
    problems: npt.NDArray[np.int64]
    seen: ValuesSeen


@dataclass(frozen=True)
class InfoStrings:
    """One text field of V records: spans start and end int64[V, W], count int32[V], problems int64[V], and what
    occurred (of which minimum and maximum mean nothing)."""

    start: npt.NDArray[np.int64]
    end: npt.NDArray[np.int64]
    count: npt.NDArray[np.int32]
    problems: npt.NDArray[np.int64]
    seen: ValuesSeen


def read_info_spans(
    data: npt.NDArray[np.uint8], columns: npt.NDArray[np.int64], keys: Names, *, with_order: bool = False
) -> InfoSpans:
    """Return where the values of `keys` are; keys not among them set UNKNOWN_INFO_KEY."""
    raise NotImplementedError


def read_info_integers(data: npt.NDArray[np.uint8], span: npt.NDArray[np.int64], width: int) -> InfoValues:
    """Return an Integer field, given its spans int64[V, 2]; values past int32 (or BCF's eight) are OUT_OF_RANGE."""
    raise NotImplementedError


def read_info_floats(data: npt.NDArray[np.uint8], span: npt.NDArray[np.int64], width: int) -> InfoValues:
    """Return a Float field, correctly rounded; a number past float32 is OUT_OF_RANGE."""
    raise NotImplementedError


def read_info_strings(
    data: npt.NDArray[np.uint8],
    span: npt.NDArray[np.int64],
    width: int,
    *,
    split: bool = True,
    one_character: bool = False,
) -> InfoStrings:
    """Return a String or Character field; commas part it unless `split` is False (Number=1)."""
    raise NotImplementedError


def read_info_flags(
    data: npt.NDArray[np.uint8], span: npt.NDArray[np.int64]
) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.int64]]:
    """Return a Flag field: present bool[V], and problems int64[V] (FLAG_WITH_VALUE)."""
    raise NotImplementedError
