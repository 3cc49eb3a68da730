"""The walk over the sample columns of a batch of records that `calls.CallReader` makes. Nothing here raises."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from genomics_dc.kernels._jit import borrowing_jit
from genomics_dc.kernels.genotypes import pack_codes
from genomics_dc.kernels.vcf import call_numbers, genotypes
from genomics_dc.kernels.vcf.numbers import FLOAT_MISSING_BITS, INT_MISSING

GENOTYPE, INTEGER, FLOAT, STRING, CHARACTER = range(5)
"""What a field holds (`calls.CallField.kind`)."""

ANY_NUMBER, PER_ALT, PER_ALLELE, PER_GENOTYPE = range(-1, -5, -1)
"""How many values a field has (`calls.CallField.number`) where that is no count: any, Number=A, R, G."""

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
"""What is wrong with a record (`calls.CallFaults.status`).

WRONG_SAMPLE_COUNT: fewer or more sample columns than the header. BAD_GENOTYPE: GT is not alleles with `/` or `|`.
ALLELE_BEYOND: an allele number past REF and ALT. TOO_MANY_VALUES: a sample has more fields than FORMAT has keys.
NOT_A_NUMBER: an Integer or Float that is none. OUT_OF_RANGE: an integer past int32, or one that BCF keeps for itself
(below -2^31 + 8), or a float past float32. EMPTY_VALUE: nothing between two separators. NOT_ONE_CHARACTER: a Character
that is longer. REPEATED_KEY, EMPTY_KEY: in FORMAT. GENOTYPE_NOT_FIRST: GT is in FORMAT, but later.
"""

_TAB = 9
_COLON = 58
_KEYS_COMPARED = 2_000  # with each other: the work grows with the square


@borrowing_jit
def read_rows(
    data: npt.NDArray[np.uint8],
    line_end: npt.NDArray[np.int64],
    columns: npt.NDArray[np.int64],
    n_alleles: npt.NDArray[np.int64],
    n_samples: int,
    keys: npt.NDArray[np.uint8],
    key_start: npt.NDArray[np.int64],
    kind: npt.NDArray[np.int64],
    width: npt.NDArray[np.int64],
    number: npt.NDArray[np.int64],
    split: npt.NDArray[np.bool_],
    base: npt.NDArray[np.int64],
    ints: npt.NDArray[np.int32],
    reals: npt.NDArray[np.float32],
    real_bits: npt.NDArray[np.uint32],
    starts: npt.NDArray[np.int64],
    stops: npt.NDArray[np.int64],
    dot: int,
    genotype: npt.NDArray[Any],
    genotype_words: npt.NDArray[Any],
    allele_limit: int,
    phased: npt.NDArray[np.bool_],
    packed: npt.NDArray[np.uint8],
    counts: npt.NDArray[np.int32],
    present: npt.NDArray[np.bool_],
    seen: npt.NDArray[np.int64],
    genotype_seen: npt.NDArray[np.int64],
    status: npt.NDArray[np.uint8],
    n_faults: npt.NDArray[np.int32],
    fault_sample: npt.NDArray[np.int32],
    fault_offset: npt.NDArray[np.int64],
    fault_field: npt.NDArray[np.int16],
    code: npt.NDArray[np.uint8],
    field_at: npt.NDArray[np.int64],
    begins: npt.NDArray[np.int32],
) -> None:
    """Fill everything after `dot` and what stands at `base` in the flat arrays of values, row by row.

    `code` (four for each packed byte, all 3), `field_at` (as many as a FORMAT has keys) and `begins` [K, S] are room to
    work in.
    """
    n_fields = kind.shape[0]
    code_words = code.view(np.uint32)
    n_keys = 0
    key_begin = 0
    key_end = 0
    keys_fine = False
    gt = -1
    for f in range(n_fields):
        if kind[f] == GENOTYPE:
            gt = f
    plain_width = genotype.shape[2] == 2
    bits = 8 * genotype.itemsize
    line_bytes = 4 * n_samples - 1
    for v in range(line_end.shape[0]):
        end = line_end[v]
        first = columns[v, 9]
        begin = min(columns[v, 8], end)
        stop = max(begin, min(first - 1, end))
        known = v > 0 and _same(data, key_begin, key_end, begin, stop)
        if not known:
            n_keys = 1
            for i in range(begin, stop):
                n_keys += data[i] == _COLON
            if begin == stop:
                n_keys = 0
            _find_keys(data, begin, stop, keys, key_start, field_at)
        key_begin = begin
        key_end = stop
        if not known or not keys_fine:
            keys_fine = True
            if n_keys == 0 and first <= end:
                _fault(EMPTY_KEY, v, -1, begin, -1, status, n_faults, fault_sample, fault_offset, fault_field)
            _check_keys(data, begin, stop, n_keys, v, status, n_faults, fault_sample, fault_offset, fault_field)
            keys_fine = status[v] == FINE
        for f in range(n_fields):
            present[v, f] = False
        for j in range(n_keys):
            if field_at[j] >= 0:
                present[v, field_at[j]] = True
        plain = (
            gt >= 0 and n_keys == 1 and field_at[0] == gt and plain_width and n_samples and end - first == line_bytes
        )
        if plain:
            plain = genotypes.plain_row(
                data[first : end - 3].view(np.uint32),
                data[end - 3 : end],
                n_alleles[v],
                bits,
                genotype_words[v],
                phased[v],
                code,
                genotype_seen,
            )
        if not plain:
            _find_values(
                data, first, end, v, n_keys, field_at, begins, status, n_faults, fault_sample, fault_offset, fault_field
            )
        for f in range(n_fields):
            k = kind[f]
            if plain and k == GENOTYPE:
                continue
            size = n_samples * width[f]
            at = base[f] + v * size
            expected = expected_values(number[f], n_alleles[v])
            n_wrong = 0
            wrong = 0
            sample = 0
            place = 0
            if not present[v, f]:
                if k == GENOTYPE:
                    genotype[v] = -1
                    phased[v] = False
                    code[:n_samples] = 3
                    genotype_seen[genotypes.ANY_MISSING] |= n_samples > 0
                    genotype_seen[genotypes.ANY_UNPHASED] |= n_samples > 0
                else:
                    if k == INTEGER:
                        ints[at : at + size] = INT_MISSING
                    elif k == FLOAT:
                        real_bits[at : at + size] = FLOAT_MISSING_BITS
                    else:
                        starts[at : at + size] = dot
                        stops[at : at + size] = dot + 1
                    seen[f, call_numbers.ANY_MISSING] |= n_samples > 0
                continue
            if k == GENOTYPE:
                n_wrong, wrong, sample, place = genotypes.any_row(
                    data,
                    first,
                    end,
                    begins[f],
                    n_alleles[v],
                    allele_limit,
                    genotype[v],
                    phased[v],
                    code,
                    genotype_seen,
                )
            elif k == INTEGER:
                n_wrong, wrong, sample, place = call_numbers.integer_row(
                    data, first, end, begins[f], width[f], expected, ints[at : at + size], seen[f]
                )
            elif k == FLOAT:
                n_wrong, wrong, sample, place = call_numbers.float_row(
                    data,
                    first,
                    end,
                    begins[f],
                    width[f],
                    expected,
                    reals[at : at + size],
                    real_bits[at : at + size],
                    seen[f],
                )
            else:
                n_wrong, wrong, sample, place = call_numbers.string_row(
                    data,
                    first,
                    end,
                    begins[f],
                    width[f],
                    expected,
                    split[f],
                    k == CHARACTER,
                    dot,
                    starts[at : at + size],
                    stops[at : at + size],
                    seen[f],
                )
            if n_wrong:
                if k == GENOTYPE:
                    what = BAD_GENOTYPE if wrong == genotypes.BAD else ALLELE_BEYOND
                elif wrong == call_numbers.NOT_NUMBER:
                    what = NOT_A_NUMBER
                elif wrong == call_numbers.RANGE:
                    what = OUT_OF_RANGE
                elif wrong == call_numbers.EMPTY:
                    what = EMPTY_VALUE
                else:
                    what = NOT_ONE_CHARACTER
                _fault(what, v, sample, place, f, status, n_faults, fault_sample, fault_offset, fault_field)
                n_faults[v] += n_wrong - 1
        if gt >= 0:
            pack_codes(code_words, packed[v], counts[v], n_samples)


@borrowing_jit
def expected_values(number: int, n_alleles: int) -> int:
    """Return how many values a call of two copies has by its field's Number."""
    if number == PER_ALT:
        return n_alleles - 1
    if number == PER_ALLELE:
        return n_alleles
    if number == PER_GENOTYPE:
        return n_alleles * (n_alleles + 1) // 2
    return number


@borrowing_jit
def _find_values(
    data: npt.NDArray[np.uint8],
    first: int,
    end: int,
    v: int,
    n_keys: int,
    field_at: npt.NDArray[np.int64],
    begins: npt.NDArray[np.int32],
    status: npt.NDArray[np.uint8],
    n_faults: npt.NDArray[np.int32],
    fault_sample: npt.NDArray[np.int32],
    fault_offset: npt.NDArray[np.int64],
    fault_field: npt.NDArray[np.int16],
) -> None:
    """Fill `begins` [K, S] with where each wanted value begins, counted from `first`; -1 where the sample has none."""
    n_samples = begins.shape[1]
    pos = first
    for s in range(n_samples):
        if pos > end:
            _fault(WRONG_SAMPLE_COUNT, v, s, end, -1, status, n_faults, fault_sample, fault_offset, fault_field)
            for j in range(n_keys):
                if field_at[j] >= 0:
                    begins[field_at[j], s:] = -1
            return
        j = 0
        over = False
        while j < n_keys and not over:
            if field_at[j] >= 0:
                begins[field_at[j], s] = pos - first
            over = True
            while pos < end:
                byte = data[pos]
                if byte <= _COLON:
                    if byte == _COLON:
                        over = False
                        break
                    if byte == _TAB:
                        break
                pos += 1
            pos += 1
            j += 1
        if over or n_keys == 0:
            while j < n_keys:
                if field_at[j] >= 0:
                    begins[field_at[j], s] = -1
                j += 1
        else:
            _fault(TOO_MANY_VALUES, v, s, pos - 1, -1, status, n_faults, fault_sample, fault_offset, fault_field)
        if not over:
            while pos < end and data[pos] != _TAB:
                pos += 1
            pos += 1
    if pos <= end:
        _fault(WRONG_SAMPLE_COUNT, v, n_samples, pos, -1, status, n_faults, fault_sample, fault_offset, fault_field)


@borrowing_jit
def _same(data: npt.NDArray[np.uint8], begin: int, end: int, other: int, other_end: int) -> bool:
    if end - begin != other_end - other:
        return False
    for i in range(end - begin):  # noqa: SIM110  (all() of a generator does not compile)
        if data[begin + i] != data[other + i]:
            return False
    return True


@borrowing_jit
def _find_keys(
    data: npt.NDArray[np.uint8],
    begin: int,
    end: int,
    keys: npt.NDArray[np.uint8],
    key_start: npt.NDArray[np.int64],
    field_at: npt.NDArray[np.int64],
) -> None:
    """Fill `field_at` with the field of each key of FORMAT, -1 where it is not asked for or comes a second time."""
    j = 0
    pos = begin
    while pos < end:
        stop = pos
        while stop < end and data[stop] != _COLON:
            stop += 1
        field_at[j] = -1
        for f in range(key_start.shape[0] - 1):
            if stop - pos == key_start[f + 1] - key_start[f]:
                same = True
                for i in range(stop - pos):
                    if data[pos + i] != keys[key_start[f] + i]:
                        same = False
                        break
                if same:
                    field_at[j] = f
        if field_at[j] >= 0:
            for i in range(j):
                if field_at[i] == field_at[j]:
                    field_at[j] = -1
                    break
        j += 1
        pos = stop + 1
        if stop < end and pos == end:
            field_at[j] = -1  # a colon at the end: an empty key after it


@borrowing_jit
def _check_keys(
    data: npt.NDArray[np.uint8],
    begin: int,
    end: int,
    n_keys: int,
    v: int,
    status: npt.NDArray[np.uint8],
    n_faults: npt.NDArray[np.int32],
    fault_sample: npt.NDArray[np.int32],
    fault_offset: npt.NDArray[np.int64],
    fault_field: npt.NDArray[np.int16],
) -> None:
    """Note an empty key, one that comes twice, and a GT that is not the first."""
    pos = begin
    for j in range(n_keys):
        stop = pos
        while stop < end and data[stop] != _COLON:
            stop += 1
        what = FINE
        if stop == pos:
            what = EMPTY_KEY
        earlier = begin
        while earlier < pos and what == FINE and j < _KEYS_COMPARED:
            earlier_stop = earlier
            while data[earlier_stop] != _COLON:
                earlier_stop += 1
            if _same(data, earlier, earlier_stop, pos, stop):
                what = REPEATED_KEY
            earlier = earlier_stop + 1
        if what == FINE and j and stop - pos == 2 and data[pos] == 71 and data[pos + 1] == 84:  # GT
            what = GENOTYPE_NOT_FIRST
        if what != FINE:
            _fault(what, v, -1, pos, -1, status, n_faults, fault_sample, fault_offset, fault_field)
        pos = stop + 1


@borrowing_jit
def _fault(
    what: int,
    v: int,
    s: int,
    offset: int,
    f: int,
    status: npt.NDArray[np.uint8],
    n_faults: npt.NDArray[np.int32],
    fault_sample: npt.NDArray[np.int32],
    fault_offset: npt.NDArray[np.int64],
    fault_field: npt.NDArray[np.int16],
) -> None:
    """Count a fault, and remember the first of its record."""
    n_faults[v] += 1
    if status[v] == FINE or offset < fault_offset[v]:
        status[v] = what
        fault_sample[v] = s
        fault_offset[v] = offset
        fault_field[v] = f


@borrowing_jit
def separators(
    data: npt.NDArray[np.uint8],
    line_end: npt.NDArray[np.int64],
    columns: npt.NDArray[np.int64],
    out: npt.NDArray[np.uint16],
) -> None:
    """Fill `out` as `calls.genotype_separators` has it; 0 where a record has no GT or a sample has ended before it."""
    for v in range(out.shape[0]):
        end = line_end[v]
        pos = columns[v, 8]
        stop = columns[v, 9] - 1
        at = -1
        j = 0
        begin = pos
        while begin < stop and at < 0:
            key_end = begin
            while key_end < stop and data[key_end] != _COLON:
                key_end += 1
            if key_end - begin == 2 and data[begin] == 71 and data[begin + 1] == 84:
                at = j
            j += 1
            begin = key_end + 1
        out[v] = 0
        if at < 0:
            continue
        pos = columns[v, 9]
        for s in range(out.shape[1]):
            if pos > end:
                break
            j = 0
            while j < at and pos < end and data[pos] != _TAB:
                j += data[pos] == _COLON
                pos += 1
            if j == at:
                out[v, s] = genotypes.separators(data, pos, end)
            while pos < end and data[pos] != _TAB:
                pos += 1
            pos += 1
