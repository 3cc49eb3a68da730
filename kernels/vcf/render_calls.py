"""The samples' columns as text: FORMAT, genotypes, and the other fields of each call. See `render_values` for `out`."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from genomics_dc.kernels._jit import borrowing_jit
from genomics_dc.kernels.vcf.number_text import INT_BYTES, write_integer
from genomics_dc.kernels.vcf.render_values import (
    BASE,
    BASES,
    BY_ROW,
    BY_SAMPLE,
    FULL,
    GENOTYPE,
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

_TAB, _DOT, _SLASH, _ZERO, _COLON, _BAR = 9, 46, 47, 48, 58, 124


@borrowing_jit
def put_value(
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
    """Write all values of a field, of sample `s` in record `v`."""
    kind = fields[field, KIND]
    if kind == GENOTYPE:
        return put_call(v, s, pos, genotype, phased, joins, out)
    if kind == BASES:
        alleles = fields[field, BASE]
        place = fields[alleles, BASE] + v * fields[alleles, BY_ROW]
        return _put_bases(v, s, pos, place, fields[alleles, WIDTH], text, starts, ends, genotype, phased, joins, out)
    place = fields[field, BASE] + v * fields[field, BY_ROW] + s * fields[field, BY_SAMPLE]
    return put_values(kind, place, fields[field, WIDTH], pos, numbers, floats, text, starts, ends, out)


@borrowing_jit
def _join(v: int, s: int, p: int, phased: npt.NDArray[np.bool_], joins: npt.NDArray[np.uint16]) -> int:
    if joins.shape[0]:
        return _BAR if (joins[v, s] >> p) & 1 else _SLASH
    return _BAR if phased[v, s] else _SLASH


@borrowing_jit
def put_call(
    v: int,
    s: int,
    pos: int,
    genotype: npt.NDArray[Any],
    phased: npt.NDArray[np.bool_],
    joins: npt.NDArray[np.uint16],
    out: npt.NDArray[np.uint8],
) -> int:
    """Write the genotype of sample `s` in record `v`, alleles by their numbers."""
    n_copies = genotype.shape[2]
    if pos + 1 + n_copies * (INT_BYTES + 1) > out.shape[0]:
        return FULL
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
def _put_bases(
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
            pos = put_byte(out, pos, _join(v, s, p, phased, joins))
            if pos == FULL:
                return FULL
        if allele < 0 or allele >= width:
            pos = put_byte(out, pos, _DOT)
        else:
            pos = put_text(out, pos, text, starts[place + allele], ends[place + allele])
        if pos == FULL:
            return FULL
    return put_byte(out, pos, _DOT) if pos == first else pos


@borrowing_jit
def put_keys(
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
    """Write the FORMAT column of record `v`."""
    first = pos
    for j in range(call_order.shape[1]):
        if call_order[v, j] < 0:
            break
        if pos != first:
            pos = put_byte(out, pos, _COLON)
            if pos == FULL:
                return FULL
        word = words[fields[calls[call_order[v, j]], NAME]]
        pos = put_text(out, pos, text, starts[word], ends[word])
        if pos == FULL:
            return FULL
    return put_byte(out, pos, _DOT) if pos == first else pos


@borrowing_jit
def put_calls(
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
    """Write the columns of all samples in record `v`, a tab before each."""
    n_present = 0
    only = 0
    while n_present < call_order.shape[1] and call_order[v, n_present] >= 0:
        only = calls[call_order[v, n_present]]
        n_present += 1
    if n_present == 1 and fields[only, KIND] == GENOTYPE and pairs.shape[0] and joins.shape[0] == 0:
        if pos + 4 * n_samples > out.shape[0]:
            return FULL
        bits = 8 * genotype.itemsize
        if put_plain_calls(pairs[v], bits, phased[v], _TAB, out[pos : pos + 4 * n_samples].view(np.uint32)):
            return pos + 4 * n_samples
    for s in range(n_samples):
        if pos + 1 > out.shape[0]:
            return FULL
        out[pos] = _TAB
        pos += 1
        if n_present == 0:
            pos = put_byte(out, pos, _DOT)
        for j in range(n_present):
            if j:
                pos = put_byte(out, pos, _COLON)
                if pos == FULL:
                    return FULL
            field = calls[call_order[v, j]]
            if fields[field, KIND] == INTEGER:  # most of the fields of most files: the fewer arguments, the faster
                place = fields[field, BASE] + v * fields[field, BY_ROW] + s * fields[field, BY_SAMPLE]
                pos = put_integers(place, fields[field, WIDTH], pos, numbers, out)
            elif fields[field, KIND] == STRING:
                place = fields[field, BASE] + v * fields[field, BY_ROW] + s * fields[field, BY_SAMPLE]
                pos = put_texts(place, fields[field, WIDTH], pos, text, starts, ends, out)
            else:
                pos = put_value(
                    field, v, s, pos, fields, numbers, floats, text, starts, ends, genotype, phased, joins, out
                )
            if pos == FULL:
                return FULL
        if pos == FULL:
            return FULL
    return pos


@borrowing_jit
def put_plain_calls(
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
                found = not is_missing(kind, place + s * fields[field, BY_SAMPLE], width, numbers, text, starts, ends)
            if found:
                break
        present[v] = found
