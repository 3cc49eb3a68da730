"""Arrays of a store as lines of text: a short program is run for each record.

Letters: V records, S samples, P copies in a call, F fields, K values of a field in one place. A program is int64[O, 2],
one operation a row with its argument:

- LITERAL n: word n of the words.
- VALUE n: all values of field n with commas between, "." where there is none. ITEM n, then (0, k) as the next row: only
  value k.
- INFO n: the INFO column of the first n `info` fields: KEY=value for each that is not missing.
- KEYS n, CALLS n: the FORMAT column, and the columns of all samples with a tab before each, of the `calls` fields that
  `call_order` has of the record.
- EACH_SAMPLE n: the n operations that follow, for every sample.

How the values of all fields lie is in `render_values`, how calls are written in `render_calls`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from genomics_dc.kernels._jit import borrowing_jit
from genomics_dc.kernels.vcf.render_calls import find_present, put_call, put_calls, put_keys, put_plain_calls, put_value
from genomics_dc.kernels.vcf.render_values import (
    BASE,
    BASES,
    BY_ROW,
    BY_SAMPLE,
    FLAG,
    FLOAT,
    FLOAT_FILL_BITS,
    FLOAT_MISSING_BITS,
    FULL,
    GENOTYPE,
    INT_FILL,
    INT_MISSING,
    INTEGER,
    KIND,
    NAME,
    STRING,
    WIDTH,
    is_missing,
    put_byte,
    put_integers,
    put_text,
    put_texts,
    put_values,
)
from genomics_dc.kernels.vcf.stored_numbers import float_bits, whole_numbers, widen_integers

__all__ = [
    "ALSO",
    "BASE",
    "BASES",
    "BY_ROW",
    "BY_SAMPLE",
    "CALLS",
    "EACH_SAMPLE",
    "FLAG",
    "FLOAT",
    "FLOAT_FILL_BITS",
    "FLOAT_MISSING_BITS",
    "GENOTYPE",
    "INFO",
    "INTEGER",
    "INT_FILL",
    "INT_MISSING",
    "ITEM",
    "KEYS",
    "KIND",
    "LITERAL",
    "NAME",
    "STRING",
    "VALUE",
    "WIDTH",
    "find_present",
    "float_bits",
    "render_rows",
    "whole_numbers",
    "widen_integers",
]

LITERAL, VALUE, ITEM, INFO, KEYS, CALLS, EACH_SAMPLE = range(7)
"""Operations."""
ALSO = -2
"""An order has a field's number; where it stands only if it is there, ALSO minus that number; and -1 at the end."""

_DOT, _SEMICOLON, _EQUALS = 46, 59, 61


@borrowing_jit
def render_rows(
    first: int,
    stop: int,
    n_samples: int,
    program: npt.NDArray[np.int64],
    fields: npt.NDArray[np.int64],
    info: npt.NDArray[np.int64],
    info_order: npt.NDArray[np.int32],
    calls: npt.NDArray[np.int64],
    call_order: npt.NDArray[np.int32],
    numbers: npt.NDArray[np.int32],
    floats: npt.NDArray[np.float32],
    text: npt.NDArray[np.uint8],
    starts: npt.NDArray[np.int64],
    ends: npt.NDArray[np.int64],
    words: npt.NDArray[np.int64],
    genotype: npt.NDArray[Any],
    pairs: npt.NDArray[Any],
    phased: npt.NDArray[np.bool_],
    joins: npt.NDArray[np.uint16],
    out: npt.NDArray[np.uint8],
    line_end: npt.NDArray[np.int64],
) -> int:
    """Write records `first` to `stop` into `out`, as many whole ones as it has room for; return the row after them.

    `line_end` int64[V] becomes, at each row written, where its text ends in `out`. `info_order` int32[V, F] has each
    record's order of the `info` fields (see ALSO), or has no row: then the order of `info`. `call_order` int32[V, F]
    has which of the `calls` fields a record has, in order, -1 at the end. `joins` uint16[V, S] is as
    `calls.genotype_separators` has it, or has no row: then `phased` says all. `pairs` is `genotype` as words of two
    alleles, [V, S], or has no row where P is not 2.
    """
    pos = 0
    for v in range(first, stop):
        at = 0
        while at < program.shape[0] and pos != FULL:
            operation = program[at, 0]
            if operation == EACH_SAMPLE:
                n = program[at, 1]
                pos = _each_sample(
                    at + 1, at + 1 + n, v, n_samples, pos, program, fields, numbers, floats, text, starts, ends, words,
                    genotype, pairs, phased, joins, out,
                )  # fmt: skip
                at += 1 + n
            elif operation == INFO:
                pos = _info(
                    v, pos, info[: program[at, 1]], info_order, fields, numbers, floats, text, starts, ends, words, out
                )
                at += 1
            elif operation == KEYS:
                pos = put_keys(v, pos, calls[: program[at, 1]], call_order, fields, text, starts, ends, words, out)
                at += 1
            elif operation == CALLS:
                pos = put_calls(
                    v, n_samples, pos, calls[: program[at, 1]], call_order, fields, numbers, floats, text, starts, ends,
                    genotype, pairs, phased, joins, out,
                )  # fmt: skip
                at += 1
            else:
                pos = _one(
                    at, v, 0, pos, program, fields, numbers, floats, text, starts, ends, words,
                    genotype, phased, joins, out,
                )  # fmt: skip
                at += 2 if operation == ITEM else 1
        if pos == FULL:
            return v
        line_end[v] = pos
    return stop


@borrowing_jit
def _each_sample(
    first: int,
    after: int,
    v: int,
    n_samples: int,
    pos: int,
    program: npt.NDArray[np.int64],
    fields: npt.NDArray[np.int64],
    numbers: npt.NDArray[np.int32],
    floats: npt.NDArray[np.float32],
    text: npt.NDArray[np.uint8],
    starts: npt.NDArray[np.int64],
    ends: npt.NDArray[np.int64],
    words: npt.NDArray[np.int64],
    genotype: npt.NDArray[Any],
    pairs: npt.NDArray[Any],
    phased: npt.NDArray[np.bool_],
    joins: npt.NDArray[np.uint16],
    out: npt.NDArray[np.uint8],
) -> int:
    if after - first == 2 and program[first, 0] == LITERAL and program[first + 1, 0] == VALUE:
        word = words[program[first, 1]]
        is_call = fields[program[first + 1, 1], KIND] == GENOTYPE and pairs.shape[0] and joins.shape[0] == 0
        if is_call and ends[word] - starts[word] == 1:
            if pos + 4 * n_samples > out.shape[0]:
                return FULL
            bits = 8 * genotype.itemsize
            row = out[pos : pos + 4 * n_samples].view(np.uint32)
            if put_plain_calls(pairs[v], bits, phased[v], text[starts[word]], row):
                return pos + 4 * n_samples
    for s in range(n_samples):
        at = first
        while at < after:
            operation = program[at, 0]
            n = program[at, 1]
            if operation == LITERAL:
                pos = put_text(out, pos, text, starts[words[n]], ends[words[n]])
            elif operation == VALUE and fields[n, KIND] == GENOTYPE:  # the fewer arguments, the faster
                pos = put_call(v, s, pos, genotype, phased, joins, out)
            elif operation == VALUE and fields[n, KIND] == INTEGER:
                place = fields[n, BASE] + v * fields[n, BY_ROW] + s * fields[n, BY_SAMPLE]
                pos = put_integers(place, fields[n, WIDTH], pos, numbers, out)
            elif operation == VALUE and fields[n, KIND] == STRING:
                place = fields[n, BASE] + v * fields[n, BY_ROW] + s * fields[n, BY_SAMPLE]
                pos = put_texts(place, fields[n, WIDTH], pos, text, starts, ends, out)
            else:
                pos = _one(
                    at, v, s, pos, program, fields, numbers, floats, text, starts, ends, words,
                    genotype, phased, joins, out,
                )  # fmt: skip
            if pos == FULL:
                return FULL
            at += 2 if operation == ITEM else 1
    return pos


@borrowing_jit
def _one(
    at: int,
    v: int,
    s: int,
    pos: int,
    program: npt.NDArray[np.int64],
    fields: npt.NDArray[np.int64],
    numbers: npt.NDArray[np.int32],
    floats: npt.NDArray[np.float32],
    text: npt.NDArray[np.uint8],
    starts: npt.NDArray[np.int64],
    ends: npt.NDArray[np.int64],
    words: npt.NDArray[np.int64],
    genotype: npt.NDArray[Any],
    phased: npt.NDArray[np.bool_],
    joins: npt.NDArray[np.uint16],
    out: npt.NDArray[np.uint8],
) -> int:
    operation = program[at, 0]
    n = program[at, 1]
    if operation == LITERAL:
        return put_text(out, pos, text, starts[words[n]], ends[words[n]])
    if operation == VALUE:
        return put_value(n, v, s, pos, fields, numbers, floats, text, starts, ends, genotype, phased, joins, out)
    # ITEM
    k = program[at + 1, 1]
    kind = fields[n, KIND]
    if k >= fields[n, WIDTH] or kind in (GENOTYPE, BASES):
        return put_byte(out, pos, _DOT)
    place = fields[n, BASE] + v * fields[n, BY_ROW] + s * fields[n, BY_SAMPLE] + k
    return put_values(kind, place, 1, pos, numbers, floats, text, starts, ends, out)


@borrowing_jit
def _info(
    v: int,
    pos: int,
    info: npt.NDArray[np.int64],
    info_order: npt.NDArray[np.int32],
    fields: npt.NDArray[np.int64],
    numbers: npt.NDArray[np.int32],
    floats: npt.NDArray[np.float32],
    text: npt.NDArray[np.uint8],
    starts: npt.NDArray[np.int64],
    ends: npt.NDArray[np.int64],
    words: npt.NDArray[np.int64],
    out: npt.NDArray[np.uint8],
) -> int:
    ordered = info_order.shape[0] > 0
    first = pos
    for j in range(info_order.shape[1] if ordered else info.shape[0]):
        number = int(info_order[v, j]) if ordered else j
        if number == -1:
            break
        only_if_there = not ordered or number <= ALSO
        field = info[ALSO - number if number <= ALSO else number]
        kind = fields[field, KIND]
        place = fields[field, BASE] + v * fields[field, BY_ROW]
        # a record that says KEY=. is told from one without the key by its order only
        if only_if_there and is_missing(kind, place, fields[field, WIDTH], numbers, text, starts, ends):
            continue
        if pos != first:
            pos = put_byte(out, pos, _SEMICOLON)
            if pos == FULL:
                return FULL
        word = words[fields[field, NAME]]
        pos = put_text(out, pos, text, starts[word], ends[word])
        if pos == FULL:
            return FULL
        if kind == FLAG:
            continue
        pos = put_byte(out, pos, _EQUALS)
        if pos == FULL:
            return FULL
        pos = put_values(kind, place, fields[field, WIDTH], pos, numbers, floats, text, starts, ends, out)
        if pos == FULL:
            return FULL
    return put_byte(out, pos, _DOT) if pos == first else pos
