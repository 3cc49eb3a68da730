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

All numbers of all fields lie in one int32 array, floats by their bits, all strings in one byte array with int64 bounds,
so that one compiled kernel serves every store. Missing and fill are BCF's.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from genomics_dc.kernels._jit import borrowing_jit
from genomics_dc.kernels.vcf.number_text import FLOAT_BYTES, INT_BYTES, write_float, write_integer

LITERAL, VALUE, ITEM, INFO, KEYS, CALLS, EACH_SAMPLE = range(7)
"""Operations."""
INTEGER, FLOAT, STRING, FLAG, GENOTYPE, BASES = range(6)
"""Kinds of field. BASES is the genotype with alleles instead of their numbers."""
KIND, BASE, BY_ROW, BY_SAMPLE, WIDTH, NAME = range(6)
"""Columns of a field: value k of sample s in record v stands at BASE + v * BY_ROW + s * BY_SAMPLE + k, k < WIDTH.

NAME is the word that is its key. For GENOTYPE and BASES only KIND and NAME count, and for BASES, BASE is the field that
holds the alleles."""

INT_MISSING = -(2**31)
INT_FILL = -(2**31) + 1
FLOAT_MISSING_BITS = 0x7F800001
FLOAT_FILL_BITS = 0x7F800002

_TAB, _LINE_FEED, _COMMA, _DOT, _SLASH, _ZERO, _COLON, _SEMICOLON, _EQUALS, _BAR = (
    9,
    10,
    44,
    46,
    47,
    48,
    58,
    59,
    61,
    124,
)
ALSO = -2
"""An order has a field's number; where it stands only if it is there, ALSO minus that number; and -1 at the end."""
_FULL = -1  # instead of a position: no room
_SMALL = np.array(
    [int.from_bytes(str(n).encode().ljust(3, b"0"), "little") | len(str(n)) << 24 for n in range(1000)], dtype=np.int64
)
"""The digits of a number below 1,000, first one lowest, and in the fourth byte how many."""


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
        while at < program.shape[0] and pos != _FULL:
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
                pos = _keys(v, pos, calls[: program[at, 1]], call_order, fields, text, starts, ends, words, out)
                at += 1
            elif operation == CALLS:
                pos = _calls(
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
        if pos == _FULL:
            return v
        line_end[v] = pos
    return stop


@borrowing_jit
def _copy(out: npt.NDArray[np.uint8], pos: int, text: npt.NDArray[np.uint8], start: int, end: int) -> int:
    if pos + end - start > out.shape[0]:
        return _FULL
    for i in range(end - start):
        out[pos + i] = text[start + i]
    return pos + end - start


@borrowing_jit
def _byte(out: npt.NDArray[np.uint8], pos: int, value: int) -> int:
    if pos >= out.shape[0]:
        return _FULL
    out[pos] = value
    return pos + 1


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
                return _FULL
            bits = 8 * genotype.itemsize
            row = out[pos : pos + 4 * n_samples].view(np.uint32)
            if _plain_calls(pairs[v], bits, phased[v], text[starts[word]], row):
                return pos + 4 * n_samples
    for s in range(n_samples):
        at = first
        while at < after:
            operation = program[at, 0]
            n = program[at, 1]
            if operation == LITERAL:
                pos = _copy(out, pos, text, starts[words[n]], ends[words[n]])
            elif operation == VALUE and fields[n, KIND] == GENOTYPE:  # the fewer arguments, the faster
                pos = _call(v, s, pos, genotype, phased, joins, out)
            elif operation == VALUE and fields[n, KIND] == INTEGER:
                place = fields[n, BASE] + v * fields[n, BY_ROW] + s * fields[n, BY_SAMPLE]
                pos = _integers(place, fields[n, WIDTH], pos, numbers, out)
            elif operation == VALUE and fields[n, KIND] == STRING:
                place = fields[n, BASE] + v * fields[n, BY_ROW] + s * fields[n, BY_SAMPLE]
                pos = _texts(place, fields[n, WIDTH], pos, text, starts, ends, out)
            else:
                pos = _one(
                    at, v, s, pos, program, fields, numbers, floats, text, starts, ends, words,
                    genotype, phased, joins, out,
                )  # fmt: skip
            if pos == _FULL:
                return _FULL
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
        return _copy(out, pos, text, starts[words[n]], ends[words[n]])
    if operation == VALUE:
        return _value(n, v, s, pos, fields, numbers, floats, text, starts, ends, genotype, phased, joins, out)
    # ITEM
    k = program[at + 1, 1]
    kind = fields[n, KIND]
    if k >= fields[n, WIDTH] or kind in (GENOTYPE, BASES):
        return _byte(out, pos, _DOT)
    place = fields[n, BASE] + v * fields[n, BY_ROW] + s * fields[n, BY_SAMPLE] + k
    return _values(kind, place, 1, pos, numbers, floats, text, starts, ends, out)


@borrowing_jit
def _value(
    field: int,
    v: int,
    s: int,
    pos: int,
    fields: npt.NDArray[np.int64],
    numbers: npt.NDArray[np.int32],
    floats: npt.NDArray[np.float32],
    text: npt.NDArray[np.uint8],
    starts: npt.NDArray[np.int64],
    ends: npt.NDArray[np.int64],
    genotype: npt.NDArray[Any],
    phased: npt.NDArray[np.bool_],
    joins: npt.NDArray[np.uint16],
    out: npt.NDArray[np.uint8],
) -> int:
    kind = fields[field, KIND]
    if kind == GENOTYPE:
        return _call(v, s, pos, genotype, phased, joins, out)
    if kind == BASES:
        alleles = fields[field, BASE]
        place = fields[alleles, BASE] + v * fields[alleles, BY_ROW]
        return _bases(v, s, pos, place, fields[alleles, WIDTH], text, starts, ends, genotype, phased, joins, out)
    place = fields[field, BASE] + v * fields[field, BY_ROW] + s * fields[field, BY_SAMPLE]
    return _values(kind, place, fields[field, WIDTH], pos, numbers, floats, text, starts, ends, out)


@borrowing_jit
def _values(
    kind: int,
    place: int,
    width: int,
    pos: int,
    numbers: npt.NDArray[np.int32],
    floats: npt.NDArray[np.float32],
    text: npt.NDArray[np.uint8],
    starts: npt.NDArray[np.int64],
    ends: npt.NDArray[np.int64],
    out: npt.NDArray[np.uint8],
) -> int:
    """Write the values that stand at `place`, up to the first fill."""
    if kind == STRING:
        return _texts(place, width, pos, text, starts, ends, out)
    first = pos
    room = out.shape[0]
    for i in range(place, place + width):
        if pos + FLOAT_BYTES + 1 > room:
            return _FULL
        number = int(numbers[i])
        if number == (FLOAT_FILL_BITS if kind == FLOAT else INT_FILL):
            break
        if pos != first:
            out[pos] = _COMMA
            pos += 1
        if number == (FLOAT_MISSING_BITS if kind == FLOAT else INT_MISSING):
            out[pos] = _DOT
            pos += 1
        elif kind == FLOAT:
            pos = write_float(out, pos, np.float64(floats[i]))
        else:
            pos = write_integer(out, pos, int(number))
    if pos == first:
        return _byte(out, pos, _DOT)
    return pos


@borrowing_jit
def _integers(place: int, width: int, pos: int, numbers: npt.NDArray[np.int32], out: npt.NDArray[np.uint8]) -> int:
    """Write the integers that stand at `place`, up to the first fill."""
    first = pos
    if pos + (INT_BYTES + 1) * width > out.shape[0]:
        return _FULL
    for i in range(place, place + width):
        value = int(numbers[i])
        if value == INT_FILL:
            break
        if pos != first:
            out[pos] = _COMMA
            pos += 1
        if 0 <= value < 1000:  # without a branch on the number of digits: twice as fast
            digits = _SMALL[value]
            out[pos] = digits
            out[pos + 1] = digits >> 8
            out[pos + 2] = digits >> 16
            pos += digits >> 24
        elif value == INT_MISSING:
            out[pos] = _DOT
            pos += 1
        else:
            pos = write_integer(out, pos, value)
    if pos == first:
        return _byte(out, pos, _DOT)
    return pos


@borrowing_jit
def _texts(
    place: int,
    width: int,
    pos: int,
    text: npt.NDArray[np.uint8],
    starts: npt.NDArray[np.int64],
    ends: npt.NDArray[np.int64],
    out: npt.NDArray[np.uint8],
) -> int:
    """Write the strings that stand at `place`, up to the first that is empty."""
    first = pos
    for i in range(place, place + width):
        start = starts[i]
        n = ends[i] - start
        if n == 0:
            break
        if pos + n + 1 > out.shape[0]:
            return _FULL
        if pos != first:
            out[pos] = _COMMA
            pos += 1
        for j in range(n):
            out[pos + j] = text[start + j]
        pos += n
    if pos == first:
        return _byte(out, pos, _DOT)
    return pos


@borrowing_jit
def _join(v: int, s: int, p: int, phased: npt.NDArray[np.bool_], joins: npt.NDArray[np.uint16]) -> int:
    if joins.shape[0]:
        return _BAR if (joins[v, s] >> p) & 1 else _SLASH
    return _BAR if phased[v, s] else _SLASH


@borrowing_jit
def _call(
    v: int,
    s: int,
    pos: int,
    genotype: npt.NDArray[Any],
    phased: npt.NDArray[np.bool_],
    joins: npt.NDArray[np.uint16],
    out: npt.NDArray[np.uint8],
) -> int:
    n_copies = genotype.shape[2]
    if pos + 1 + n_copies * (INT_BYTES + 1) > out.shape[0]:
        return _FULL
    first = pos
    if joins.shape[0] and joins[v, s] >> 15:
        out[pos] = _BAR if joins[v, s] & 1 else _SLASH
        pos += 1
    for p in range(n_copies):
        allele = int(genotype[v, s, p])
        if allele < -1:
            break
        if p:
            out[pos] = _join(v, s, p, phased, joins)
            pos += 1
        if 0 <= allele < 10:
            out[pos] = _ZERO + allele
            pos += 1
        elif allele < 0:
            out[pos] = _DOT
            pos += 1
        else:
            pos = write_integer(out, pos, allele)
    if pos == first:
        out[pos] = _DOT
        pos += 1
    return pos


@borrowing_jit
def _bases(
    v: int,
    s: int,
    pos: int,
    place: int,
    width: int,
    text: npt.NDArray[np.uint8],
    starts: npt.NDArray[np.int64],
    ends: npt.NDArray[np.int64],
    genotype: npt.NDArray[Any],
    phased: npt.NDArray[np.bool_],
    joins: npt.NDArray[np.uint16],
    out: npt.NDArray[np.uint8],
) -> int:
    first = pos
    for p in range(genotype.shape[2]):
        allele = int(genotype[v, s, p])
        if allele < -1:
            break
        if p:
            pos = _byte(out, pos, _join(v, s, p, phased, joins))
            if pos == _FULL:
                return _FULL
        if allele < 0 or allele >= width:
            pos = _byte(out, pos, _DOT)
        else:
            pos = _copy(out, pos, text, starts[place + allele], ends[place + allele])
        if pos == _FULL:
            return _FULL
    return _byte(out, pos, _DOT) if pos == first else pos


@borrowing_jit
def _is_missing(
    kind: int,
    place: int,
    width: int,
    numbers: npt.NDArray[np.int32],
    text: npt.NDArray[np.uint8],
    starts: npt.NDArray[np.int64],
    ends: npt.NDArray[np.int64],
) -> bool:
    """Whether every one of the values at `place` is missing or fill."""
    for i in range(place, place + width):
        if kind == STRING:
            n = ends[i] - starts[i]
            if n > 1 or (n == 1 and text[starts[i]] != _DOT):
                return False
        elif kind == FLOAT:
            if numbers[i] != FLOAT_MISSING_BITS and numbers[i] != FLOAT_FILL_BITS:
                return False
        elif numbers[i] != INT_MISSING and numbers[i] != INT_FILL:
            return False
    return True


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
        if only_if_there and _is_missing(kind, place, fields[field, WIDTH], numbers, text, starts, ends):
            continue
        if pos != first:
            pos = _byte(out, pos, _SEMICOLON)
            if pos == _FULL:
                return _FULL
        word = words[fields[field, NAME]]
        pos = _copy(out, pos, text, starts[word], ends[word])
        if pos == _FULL:
            return _FULL
        if kind == FLAG:
            continue
        pos = _byte(out, pos, _EQUALS)
        if pos == _FULL:
            return _FULL
        pos = _values(kind, place, fields[field, WIDTH], pos, numbers, floats, text, starts, ends, out)
        if pos == _FULL:
            return _FULL
    return _byte(out, pos, _DOT) if pos == first else pos


@borrowing_jit
def _keys(
    v: int,
    pos: int,
    calls: npt.NDArray[np.int64],
    call_order: npt.NDArray[np.int32],
    fields: npt.NDArray[np.int64],
    text: npt.NDArray[np.uint8],
    starts: npt.NDArray[np.int64],
    ends: npt.NDArray[np.int64],
    words: npt.NDArray[np.int64],
    out: npt.NDArray[np.uint8],
) -> int:
    first = pos
    for j in range(call_order.shape[1]):
        if call_order[v, j] < 0:
            break
        if pos != first:
            pos = _byte(out, pos, _COLON)
            if pos == _FULL:
                return _FULL
        word = words[fields[calls[call_order[v, j]], NAME]]
        pos = _copy(out, pos, text, starts[word], ends[word])
        if pos == _FULL:
            return _FULL
    return _byte(out, pos, _DOT) if pos == first else pos


@borrowing_jit
def _calls(
    v: int,
    n_samples: int,
    pos: int,
    calls: npt.NDArray[np.int64],
    call_order: npt.NDArray[np.int32],
    fields: npt.NDArray[np.int64],
    numbers: npt.NDArray[np.int32],
    floats: npt.NDArray[np.float32],
    text: npt.NDArray[np.uint8],
    starts: npt.NDArray[np.int64],
    ends: npt.NDArray[np.int64],
    genotype: npt.NDArray[Any],
    pairs: npt.NDArray[Any],
    phased: npt.NDArray[np.bool_],
    joins: npt.NDArray[np.uint16],
    out: npt.NDArray[np.uint8],
) -> int:
    n_present = 0
    only = 0
    while n_present < call_order.shape[1] and call_order[v, n_present] >= 0:
        only = calls[call_order[v, n_present]]
        n_present += 1
    if n_present == 1 and fields[only, KIND] == GENOTYPE and pairs.shape[0] and joins.shape[0] == 0:
        if pos + 4 * n_samples > out.shape[0]:
            return _FULL
        bits = 8 * genotype.itemsize
        if _plain_calls(pairs[v], bits, phased[v], _TAB, out[pos : pos + 4 * n_samples].view(np.uint32)):
            return pos + 4 * n_samples
    for s in range(n_samples):
        if pos + 1 > out.shape[0]:
            return _FULL
        out[pos] = _TAB
        pos += 1
        if n_present == 0:
            pos = _byte(out, pos, _DOT)
        for j in range(n_present):
            if j:
                pos = _byte(out, pos, _COLON)
                if pos == _FULL:
                    return _FULL
            field = calls[call_order[v, j]]
            if fields[field, KIND] == INTEGER:  # most of the fields of most files: the fewer arguments, the faster
                place = fields[field, BASE] + v * fields[field, BY_ROW] + s * fields[field, BY_SAMPLE]
                pos = _integers(place, fields[field, WIDTH], pos, numbers, out)
            elif fields[field, KIND] == STRING:
                place = fields[field, BASE] + v * fields[field, BY_ROW] + s * fields[field, BY_SAMPLE]
                pos = _texts(place, fields[field, WIDTH], pos, text, starts, ends, out)
            else:
                pos = _value(
                    field, v, s, pos, fields, numbers, floats, text, starts, ends, genotype, phased, joins, out
                )
            if pos == _FULL:
                return _FULL
        if pos == _FULL:
            return _FULL
    return pos


@borrowing_jit
def _plain_calls(
    pairs: npt.NDArray[Any], bits: int, phased: npt.NDArray[np.bool_], before: int, out: npt.NDArray[np.uint32]
) -> bool:
    """Write S calls of two alleles of one digit, byte `before` and three more; return False where one has another form.

    `pairs` are the record's calls [S] as words of two alleles of `bits` bits each. No branch in the loop, so that it
    becomes vector code: half a nanosecond a call.
    """
    wrong = np.uint32(0)
    missing = np.uint32((1 << bits) - 1)
    shift = np.uint32(bits)
    for s in range(phased.shape[0]):
        word = np.uint32(pairs[s])
        first = word & missing
        second = word >> shift
        no_first = first == missing
        no_second = second == missing
        fine = (no_first | (first < np.uint32(10))) & (no_second | (second < np.uint32(10)))
        wrong |= np.uint32(not fine)
        one = np.uint32(_DOT) if no_first else first + np.uint32(_ZERO)
        two = np.uint32(_DOT) if no_second else second + np.uint32(_ZERO)
        bar = np.uint32(_BAR) if phased[s] else np.uint32(_SLASH)
        out[s] = np.uint32(before) | (one << np.uint32(8)) | (bar << np.uint32(16)) | (two << np.uint32(24))
    return bool(wrong == np.uint32(0))


@borrowing_jit
def find_present(
    field: int,
    n_samples: int,
    fields: npt.NDArray[np.int64],
    numbers: npt.NDArray[np.int32],
    text: npt.NDArray[np.uint8],
    starts: npt.NDArray[np.int64],
    ends: npt.NDArray[np.int64],
    genotype: npt.NDArray[Any],
    present: npt.NDArray[np.bool_],
) -> None:
    """Fill `present` bool[V]: whether a sample of the record has a value of `field`."""
    kind = fields[field, KIND]
    width = fields[field, WIDTH]
    for v in range(present.shape[0]):
        found = False
        place = fields[field, BASE] + v * fields[field, BY_ROW]
        for s in range(n_samples):
            if kind == GENOTYPE:
                for p in range(genotype.shape[2]):
                    found |= genotype[v, s, p] >= 0
            else:
                found = not _is_missing(kind, place + s * fields[field, BY_SAMPLE], width, numbers, text, starts, ends)
            if found:
                break
        present[v] = found


@borrowing_jit
def widen_integers(values: npt.NDArray[Any], out: npt.NDArray[np.int32]) -> None:
    """Write VCF Zarr integers (-1 missing, -2 fill) as BCF has them. `values` and `out` are one-dimensional."""
    for i in range(values.shape[0]):
        value = np.int32(values[i])
        out[i] = np.int32(INT_MISSING) if value == -1 else np.int32(INT_FILL) if value == -2 else value


@borrowing_jit
def whole_numbers(bits: npt.NDArray[np.uint64], values: npt.NDArray[np.float64], out: npt.NDArray[np.int32]) -> None:
    """Write integers kept as float64 (see `store.schema`) as BCF has them. `bits` is `values` seen as uint64."""
    for i in range(values.shape[0]):
        if values[i] == values[i]:
            out[i] = np.int32(values[i])
        else:
            out[i] = INT_FILL if bits[i] == np.uint64(0x7FF0000000000002) else INT_MISSING


@borrowing_jit
def float_bits(bits: npt.NDArray[np.uint64], values: npt.NDArray[np.float64], out: npt.NDArray[np.int32]) -> None:
    """Write float64 as the bits of float32, missing and fill as BCF has them."""
    single = out.view(np.float32)
    for i in range(values.shape[0]):
        if bits[i] == np.uint64(0x7FF0000000000001):
            out[i] = FLOAT_MISSING_BITS
        elif bits[i] == np.uint64(0x7FF0000000000002):
            out[i] = FLOAT_FILL_BITS
        else:
            single[i] = np.float32(values[i])
