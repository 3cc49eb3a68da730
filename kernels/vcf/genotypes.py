"""GT: one call of any ploidy, and, much faster, a whole record of diploid calls with one digit for each allele.

What a record's genotypes show is gathered in int64[8], columns PLOIDY to PREFIXED, and becomes `calls.GenotypeSeen`.
Dosage codes are those of `genomics_dc.kernels.genotypes`: 0, 1, 2 copies of the first ALT allele, 3 missing.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from genomics_dc.kernels._jit import borrowing_jit

(
    PLOIDY,
    GREATEST_ALLELE,
    ANY_PHASED,
    ANY_UNPHASED,
    ANY_MISSING,
    ANY_HALF,
    ANY_FILL,
    IRREGULAR,
    PREFIXED,
) = range(9)
N_SEEN = 9
BAD, BEYOND = 1, 2

_TAB = 9
_DOT = 46
_SLASH = 47
_ZERO = 48
_COLON = 58
_BAR = 124
_GREATEST_NUMBER = 2**31 - 1


@borrowing_jit
def plain_row(
    text: npt.NDArray[np.uint32],
    last: npt.NDArray[np.uint8],
    n_alleles: int,
    bits: int,
    genotype: npt.NDArray[Any],
    phased: npt.NDArray[np.bool_],
    code: npt.NDArray[np.uint8],
    seen: npt.NDArray[np.int64],
) -> bool:
    """Read S calls of the form `0|1`, tabs between; return False, with nothing promised, where one has another form.

    `text` is the line's uint32[S - 1], four bytes a call, and `last` the three bytes of the last. `genotype` is the
    record's [S] as words of two alleles of `bits` bits each. The loop has no branch, so that it becomes vector code:
    250 million genotypes take 0.2 s.
    """
    zero = np.uint32(0)
    one = np.uint32(1)
    byte = np.uint32(255)
    eight = np.uint32(8)
    sixteen = np.uint32(16)
    top = np.uint32(min(max(n_alleles - 1, 0), 9))
    shift = np.uint32(bits)
    ones = np.uint32((1 << bits) - 1)
    wrong = zero
    some_missing = zero
    some_half = zero
    bars_or = zero
    bars_and = byte
    greatest = zero
    n_samples = phased.shape[0]
    for s in range(n_samples - 1):
        word = text[s]
        first = (word & byte) - np.uint32(_ZERO)
        second = ((word >> sixteen) & byte) - np.uint32(_ZERO)
        separator = (word >> eight) & byte
        no_first = (word & byte) == np.uint32(_DOT)
        no_second = ((word >> sixteen) & byte) == np.uint32(_DOT)
        bar = separator == np.uint32(_BAR)
        fine = (
            ((first <= top) | no_first)
            & ((second <= top) | no_second)
            & (bar | (separator == np.uint32(_SLASH)))
            & ((word >> np.uint32(24)) == np.uint32(_TAB))
        )
        wrong |= np.uint32(not fine)
        missing = no_first | no_second
        some_missing |= np.uint32(missing)
        some_half |= np.uint32(no_first ^ no_second)
        bars_or |= separator
        bars_and &= separator
        greatest = max(greatest, max(zero if no_first else first, zero if no_second else second))
        phased[s] = bar
        copies = np.uint32(first == one) + np.uint32(second == one)
        code[s] = np.uint8(np.uint32(3) if missing else copies)
        genotype[s] = (ones if no_first else first) | ((ones if no_second else second) << shift)
    if wrong:
        return False
    s = n_samples - 1
    first = np.uint32(last[0]) - np.uint32(_ZERO)
    second = np.uint32(last[2]) - np.uint32(_ZERO)
    no_first = last[0] == _DOT
    no_second = last[2] == _DOT
    bar = last[1] == _BAR
    if not ((first <= top) | no_first) or not ((second <= top) | no_second) or not (bar or last[1] == _SLASH):
        return False
    missing = no_first | no_second
    greatest = max(greatest, max(zero if no_first else first, zero if no_second else second))
    phased[s] = bar
    copies = np.uint32(first == one) + np.uint32(second == one)
    code[s] = np.uint8(np.uint32(3) if missing else copies)
    genotype[s] = (ones if no_first else first) | ((ones if no_second else second) << shift)
    seen[PLOIDY] = max(seen[PLOIDY], 2)
    seen[GREATEST_ALLELE] = max(seen[GREATEST_ALLELE], np.int64(greatest))
    # a bar has the bit 0x40, a slash does not
    seen[ANY_PHASED] |= np.int64(bar or (bars_or & np.uint32(0x40)) != zero)
    seen[ANY_UNPHASED] |= np.int64((not bar) or (bars_and & np.uint32(0x40)) == zero)
    seen[ANY_MISSING] |= np.int64(missing or some_missing != zero)
    seen[ANY_HALF] |= np.int64((no_first ^ no_second) or some_half != zero)
    return True


@borrowing_jit
def any_row(
    data: npt.NDArray[np.uint8],
    first: int,
    end: int,
    begins: npt.NDArray[np.int32],
    n_alleles: int,
    limit: int,
    genotype: npt.NDArray[Any],
    phased: npt.NDArray[np.bool_],
    code: npt.NDArray[np.uint8],
    seen: npt.NDArray[np.int64],
) -> tuple[int, int, int, int]:
    """Read the calls that begin at `first + begins[s]` (missing where that is negative) into `genotype` [S, P].

    Of a call that is no genotype every copy is missing; of one with an allele past ALT, that allele. An allele past
    `limit` (what the type holds) is missing, and `seen` has its number.

    Returns
    -------
    How many calls are wrong, and of the first of them: BAD or BEYOND, its sample, and its offset.
    """
    width = genotype.shape[1]
    n_wrong = 0
    wrong = 0
    wrong_sample = -1
    wrong_at = 0
    ploidy = 0
    greatest = 0
    any_phased = False
    any_unphased = False
    any_missing = False
    any_fill = False
    for s in range(phased.shape[0]):
        if begins[s] < 0:
            genotype[s, 0] = -1
            for p in range(1, width):
                genotype[s, p] = -2
            any_fill |= width > 1
            phased[s] = True  # the same as "."
            code[s] = 3
            any_phased = True
            any_missing = True
            continue
        pos = first + begins[s]
        if width >= 2 and pos + 3 <= end and (pos + 3 == end or data[pos + 3] == _COLON or data[pos + 3] == _TAB):
            # most calls of most files: two alleles of one digit
            one = int(data[pos]) - _ZERO
            two = int(data[pos + 2]) - _ZERO
            most = max(one, two)
            bar = data[pos + 1] == _BAR
            if one >= 0 and two >= 0 and most <= 9 and most < n_alleles and (bar or data[pos + 1] == _SLASH):
                genotype[s, 0] = one
                genotype[s, 1] = two
                for p in range(2, width):
                    genotype[s, p] = -2
                any_fill |= width > 2
                phased[s] = bar
                any_phased |= bar
                any_unphased |= not bar
                code[s] = (one == 1) + (two == 1)
                ploidy = max(ploidy, 2)
                greatest = max(greatest, most)
                continue
        begin = pos
        status = 0
        prefix = 0
        if pos < end and (data[pos] == _BAR or data[pos] == _SLASH):
            prefix = int(data[pos])
            pos += 1
        n = 0
        n_missing = 0
        n_first_alt = 0
        bars = 0
        slashes = 0
        while True:
            allele = -1
            if pos < end and data[pos] == _DOT:
                pos += 1
            else:
                digits_at = pos
                allele = 0
                while pos < end:
                    digit = int(data[pos]) - _ZERO
                    if digit < 0 or digit > 9:
                        break
                    allele = min(allele * 10 + digit, _GREATEST_NUMBER)
                    pos += 1
                if pos == digits_at:
                    status = BAD
                    break
                if allele >= n_alleles:
                    if status == 0:
                        status = BEYOND
                    allele = -1
                else:
                    greatest = max(greatest, allele)
                    if allele > limit:
                        allele = -1
            if allele < 0:
                n_missing += 1
            elif allele == 1:
                n_first_alt += 1
            if n < width:
                genotype[s, n] = allele
            n += 1
            if pos < end and data[pos] == _BAR:
                bars += 1
                pos += 1
            elif pos < end and data[pos] == _SLASH:
                slashes += 1
                pos += 1
            else:
                break
        if pos < end and data[pos] != _COLON and data[pos] != _TAB:
            status = BAD
        if status:
            n_wrong += 1
            if n_wrong == 1:
                wrong = status
                wrong_sample = s
                wrong_at = begin
        if status == BAD:
            n = width
            n_missing = width
            bars = 0
            slashes = 1
            prefix = 0
            for p in range(width):
                genotype[s, p] = -1
        for p in range(n, width):
            genotype[s, p] = -2
        any_fill |= n < width
        is_phased = slashes == 0 and prefix != _SLASH
        phased[s] = is_phased
        any_phased |= is_phased
        any_unphased |= not is_phased
        if n_missing or n > 2:
            code[s] = 3
        elif n == 1:
            code[s] = 2 * n_first_alt
        else:
            code[s] = n_first_alt
        ploidy = max(ploidy, n)
        if n_missing:
            any_missing = True
            if n_missing < n:
                seen[ANY_HALF] = 1
        if prefix:
            seen[PREFIXED] += 1
        if (bars and slashes) or (prefix == _SLASH and slashes == 0) or (prefix == _BAR and slashes):
            seen[IRREGULAR] += 1
    seen[PLOIDY] = max(seen[PLOIDY], ploidy)
    seen[GREATEST_ALLELE] = max(seen[GREATEST_ALLELE], greatest)
    seen[ANY_PHASED] |= any_phased
    seen[ANY_UNPHASED] |= any_unphased
    seen[ANY_MISSING] |= any_missing
    seen[ANY_FILL] |= any_fill
    return n_wrong, wrong, wrong_sample, wrong_at


@borrowing_jit
def separators(
    data: npt.NDArray[np.uint8],
    pos: int,
    end: int,
) -> int:
    """Return the bits of one call as `calls.genotype_separators` has them."""
    bits = 0
    prefix = 0
    if pos < end and (data[pos] == _BAR or data[pos] == _SLASH):
        prefix = int(data[pos])
        pos += 1
    copy = 0
    slashes = 0
    while pos < end and data[pos] != _COLON and data[pos] != _TAB:
        if data[pos] == _BAR:
            copy += 1
            if copy < 15:
                bits |= 1 << copy
        elif data[pos] == _SLASH:
            copy += 1
            slashes += 1
        pos += 1
    if prefix:
        bits |= 1 << 15
    if prefix == _BAR or (prefix == 0 and slashes == 0):
        bits |= 1
    return bits
