"""BCF records as lines of VCF text, without loss: a float has as many digits as give the same float32 back.

htslib prints six digits, of which a float32 cannot always be told again; here six to nine are written. Source of the
layout: the VCF specification 4.3, section 6 (BCF specification).
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from genomics_dc.kernels._jit import borrowing_jit, jit
from genomics_dc.kernels.vcf.number_text import write_integer
from genomics_dc.kernels.vcf.numbers import FLOAT_FILL_BITS, FLOAT_MISSING_BITS, read_float

FINE, FULL, BROKEN = range(3)
"""Why rendering stopped: all whole records are done, the text buffer is full, or a record breaks the layout."""

_HEAD_BYTES = 8
_FIXED_BYTES = 24
_INT8, _INT16, _INT32, _FLOAT, _CHAR = 1, 2, 3, 5, 7
_SIZE = np.array([0, 1, 2, 4, 0, 4, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0], dtype=np.int64)  # bytes by type
_ITEM_BYTES = 20  # the longest text of one value and its comma
_MOST_KEYS = 256
_ITEM_MISSING, _ITEM_END = 2**40, 2**40 + 1
_DOT, _COMMA, _TAB, _LF, _COLON, _SEMICOLON, _EQUALS = 46, 44, 9, 10, 58, 59, 61
_SLASH, _BAR, _MINUS, _PLUS, _ZERO, _LOWER_E = 47, 124, 45, 43, 48, 101
_STRING_MISSING = 7
_POWERS = np.array([float(10**power) for power in range(64)])
_FEWEST_DIGITS, _MOST_DIGITS = 6, 9


@jit
def render_records(
    data: npt.NDArray[np.uint8],
    at: int,
    end: int,
    words: npt.NDArray[np.uint8],
    name: npt.NDArray[np.int64],
    is_flag: npt.NDArray[np.bool_],
    contig: npt.NDArray[np.int64],
    genotype_key: int,
    n_samples: int,
    out: npt.NDArray[np.uint8],
) -> tuple[int, int, int]:
    """Write the whole records in data[at:end] as lines; return how much text, where the next record begins, and why.

    Parameters
    ----------
    words, name, contig
        Names by number: words[name[i, 0]:name[i, 1]] is FILTER, INFO or FORMAT key i, and likewise contig i; a number
        without a name has -1.
    is_flag
        Whether INFO key i is a flag.
    genotype_key
        The number of GT, -1 when there is none.
    """
    pos = 0
    values = np.empty((_MOST_KEYS, 4), dtype=np.int64)
    while at + _HEAD_BYTES <= end:
        n_shared = _uint32(data, at)
        n_calls = _uint32(data, at + 4)
        stop = at + _HEAD_BYTES + n_shared + n_calls
        if n_shared < _FIXED_BYTES:
            return pos, at, BROKEN
        if stop > end:
            break
        line_end, status = _render(
            data, at + _HEAD_BYTES, at + _HEAD_BYTES + n_shared, stop,
            words, name, is_flag, contig, genotype_key, n_samples, values, out, pos,
        )  # fmt: skip
        if status != FINE:
            return pos, at, status
        pos = line_end
        at = stop
    return pos, at, FINE


@jit
def _render(
    data: npt.NDArray[np.uint8],
    at: int,
    shared_end: int,
    end: int,
    words: npt.NDArray[np.uint8],
    name: npt.NDArray[np.int64],
    is_flag: npt.NDArray[np.bool_],
    contig: npt.NDArray[np.int64],
    genotype_key: int,
    n_samples: int,
    values: npt.NDArray[np.int64],
    out: npt.NDArray[np.uint8],
    pos: int,
) -> tuple[int, int]:
    """Write one record at `pos`; return where it ends and a status."""
    room = out.shape[0]
    number = _int32(data, at)
    position = _int32(data, at + 4)
    quality_bits = _uint32(data, at + 12)
    n_info = _byte(data, at + 16) | _byte(data, at + 17) << 8
    n_alleles = _byte(data, at + 18) | _byte(data, at + 19) << 8
    n_in_record = _byte(data, at + 20) | _byte(data, at + 21) << 8 | _byte(data, at + 22) << 16
    n_keys = _byte(data, at + 23)
    if n_in_record != n_samples or not _has(contig, number):
        return pos, BROKEN
    if pos + (contig[number, 1] - contig[number, 0]) + 4 * _ITEM_BYTES > room:
        return pos, FULL
    pos = _copy(words, contig[number, 0], contig[number, 1], out, pos)
    pos = _letter(out, pos, _TAB)
    pos = write_integer(out, pos, position + 1)
    pos = _letter(out, pos, _TAB)
    at += _FIXED_BYTES

    for part in range(1 + n_alleles):  # ID, REF, ALT
        kind, n, at = _typed(data, at, shared_end)
        if at < 0 or (n and kind != _CHAR):
            return pos, BROKEN
        if pos + n + 4 * _ITEM_BYTES > room:
            return pos, FULL
        pos = _write_items(data, at, kind, n, out, pos)
        at += n
        pos = _letter(out, pos, _COMMA if 2 <= part < n_alleles else _TAB)
    for _ in range(n_alleles, 2):
        pos = _letter(out, pos, _DOT)
        pos = _letter(out, pos, _TAB)

    if quality_bits == FLOAT_MISSING_BITS:
        pos = _letter(out, pos, _DOT)
    else:
        pos = write_float_whole(out, pos, np.uint32(quality_bits).view(np.float32))
    pos = _letter(out, pos, _TAB)

    kind, n, at = _typed(data, at, shared_end)
    if at < 0:
        return pos, BROKEN
    for i in range(n):
        number = _item(data, at + i * _SIZE[kind], kind)
        if not _has(name, number):
            return pos, BROKEN
        if pos + (name[number, 1] - name[number, 0]) + 4 * _ITEM_BYTES > room:
            return pos, FULL
        if i:
            pos = _letter(out, pos, _SEMICOLON)
        pos = _copy(words, name[number, 0], name[number, 1], out, pos)
    if n == 0:
        pos = _letter(out, pos, _DOT)
    at += n * _SIZE[kind]
    pos = _letter(out, pos, _TAB)

    for i in range(n_info):
        number, at = _key(data, at, shared_end)
        if at < 0 or not _has(name, number):
            return pos, BROKEN
        kind, n, at = _typed(data, at, shared_end)
        if at < 0:
            return pos, BROKEN
        if pos + (name[number, 1] - name[number, 0]) + (n + 4) * _ITEM_BYTES > room:
            return pos, FULL
        if i:
            pos = _letter(out, pos, _SEMICOLON)
        pos = _copy(words, name[number, 0], name[number, 1], out, pos)
        if not is_flag[number]:
            pos = _letter(out, pos, _EQUALS)
            pos = _write_items(data, at, kind, n, out, pos)
        at += n * _SIZE[kind]
    if n_info == 0:
        pos = _letter(out, pos, _DOT)

    if n_samples:
        at = shared_end
        bound = 0
        if pos + 2 * (n_samples + 2) > room:
            return pos, FULL
        pos = _letter(out, pos, _TAB)
        for i in range(n_keys):
            number, at = _key(data, at, end)
            if at < 0 or not _has(name, number):
                return pos, BROKEN
            kind, n, at = _typed_calls(data, at, end, n_samples)
            if at < 0:
                return pos, BROKEN
            if pos + (name[number, 1] - name[number, 0]) + _ITEM_BYTES > room:
                return pos, FULL
            if i:
                pos = _letter(out, pos, _COLON)
            pos = _copy(words, name[number, 0], name[number, 1], out, pos)
            values[i, 0] = at
            values[i, 1] = kind
            values[i, 2] = n
            values[i, 3] = number == genotype_key
            bound += 2 + n * (1 if kind == _CHAR else _ITEM_BYTES)
            at += n * _SIZE[kind] * n_samples
        if n_keys == 0:
            pos = _letter(out, pos, _DOT)
        for sample in range(n_samples):
            if pos + bound + 4 > room:
                return pos, FULL
            pos = _letter(out, pos, _TAB)
            for i in range(n_keys):
                if i:
                    pos = _letter(out, pos, _COLON)
                kind, n = values[i, 1], values[i, 2]
                begin = values[i, 0] + sample * n * _SIZE[kind]
                if values[i, 3] and kind != _CHAR:
                    pos = _write_genotype(data, begin, kind, n, out, pos)
                else:
                    pos = _write_items(data, begin, kind, n, out, pos)
            if n_keys == 0:
                pos = _letter(out, pos, _DOT)
    return _letter(out, pos, _LF), FINE


@borrowing_jit
def _byte(data: npt.NDArray[np.uint8], at: int) -> int:
    return int(data[at]) + 0  # the sum is an int64: shifted and joined as uint8, it would become unsigned


@borrowing_jit
def _uint32(data: npt.NDArray[np.uint8], at: int) -> int:
    return _byte(data, at) | _byte(data, at + 1) << 8 | _byte(data, at + 2) << 16 | _byte(data, at + 3) << 24


@borrowing_jit
def _int32(data: npt.NDArray[np.uint8], at: int) -> int:
    value = _uint32(data, at)
    return value - 2**32 if value >= 2**31 else value


@borrowing_jit
def _letter(out: npt.NDArray[np.uint8], pos: int, letter: int) -> int:
    out[pos] = letter
    return pos + 1


@borrowing_jit
def _copy(source: npt.NDArray[np.uint8], start: int, end: int, out: npt.NDArray[np.uint8], pos: int) -> int:
    for i in range(start, end):
        out[pos] = source[i]
        pos += 1
    return pos


@borrowing_jit
def _has(names: npt.NDArray[np.int64], number: int) -> bool:
    return bool(0 <= number < names.shape[0] and names[number, 0] >= 0)


@borrowing_jit
def _item(data: npt.NDArray[np.uint8], at: int, kind: int) -> int:
    """Return an integer, or _ITEM_MISSING, or _ITEM_END."""
    if kind == _INT8:
        value = _byte(data, at)
        value -= 256 if value >= 128 else 0
        low = -128
    elif kind == _INT16:
        value = _byte(data, at) | _byte(data, at + 1) << 8
        value -= 65536 if value >= 32768 else 0
        low = -32768
    else:
        value = _int32(data, at)
        low = -(2**31)
    if value == low:
        return _ITEM_MISSING
    return _ITEM_END if value == low + 1 else value


@borrowing_jit
def _key(data: npt.NDArray[np.uint8], at: int, end: int) -> tuple[int, int]:
    """Return the number of a key, and where its value begins; -1 when there is none."""
    if at >= end:
        return 0, -1
    kind = _byte(data, at) & 15
    if _byte(data, at) >> 4 != 1 or kind not in (_INT8, _INT16, _INT32) or at + 1 + _SIZE[kind] > end:
        return 0, -1
    return _item(data, at + 1, kind), at + 1 + _SIZE[kind]


@borrowing_jit
def _typed(data: npt.NDArray[np.uint8], at: int, end: int) -> tuple[int, int, int]:
    """Return the type of a vector, how many items it has, and where they begin; -1 when they would pass the end."""
    return _typed_calls(data, at, end, 1)


@borrowing_jit
def _typed_calls(data: npt.NDArray[np.uint8], at: int, end: int, n_samples: int) -> tuple[int, int, int]:
    if at >= end:
        return 0, 0, -1
    kind = _byte(data, at) & 15
    n = _byte(data, at) >> 4
    at += 1
    if n == 15:
        n, at = _key(data, at, end)
        if at < 0 or n < 0 or n >= _ITEM_MISSING:
            return 0, 0, -1
    if _SIZE[kind] == 0:
        return kind, 0, at if kind == 0 else -1
    if at + n * _SIZE[kind] * n_samples > end:
        return 0, 0, -1
    return kind, n, at


@borrowing_jit
def _write_items(data: npt.NDArray[np.uint8], at: int, kind: int, n: int, out: npt.NDArray[np.uint8], pos: int) -> int:
    """Write a vector, "." when it is empty."""
    start = pos
    if kind == _CHAR:
        for i in range(n):
            if data[at + i] == 0:
                break
            out[pos] = _DOT if data[at + i] == _STRING_MISSING else data[at + i]
            pos += 1
    elif kind == _FLOAT:
        for i in range(n):
            bits = _uint32(data, at + 4 * i)
            if bits == FLOAT_FILL_BITS:
                break
            if i:
                pos = _letter(out, pos, _COMMA)
            if bits == FLOAT_MISSING_BITS:
                pos = _letter(out, pos, _DOT)
            else:
                pos = write_float_whole(out, pos, np.uint32(bits).view(np.float32))
    else:
        for i in range(n):
            value = _item(data, at + i * _SIZE[kind], kind)
            if value == _ITEM_END:
                break
            if i:
                pos = _letter(out, pos, _COMMA)
            pos = _letter(out, pos, _DOT) if value == _ITEM_MISSING else write_integer(out, pos, value)
    return pos if pos > start else _letter(out, pos, _DOT)


@borrowing_jit
def _write_genotype(
    data: npt.NDArray[np.uint8], at: int, kind: int, n: int, out: npt.NDArray[np.uint8], pos: int
) -> int:
    start = pos
    for i in range(n):
        value = _item(data, at + i * _SIZE[kind], kind)
        if value == _ITEM_END:
            break
        if i:
            pos = _letter(out, pos, _BAR if value != _ITEM_MISSING and value & 1 else _SLASH)
        if value == _ITEM_MISSING or value >> 1 == 0:
            pos = _letter(out, pos, _DOT)
        else:
            pos = write_integer(out, pos, (value >> 1) - 1)
    return pos if pos > start else _letter(out, pos, _DOT)


@borrowing_jit
def write_float_whole(out: npt.NDArray[np.uint8], pos: int, value: np.float32) -> int:
    """Write a float32 with the fewest digits from six to nine that are read as the same; return where it ends."""
    if np.isnan(value):
        out[pos], out[pos + 1], out[pos + 2] = 110, 97, 110
        return pos + 3
    if np.signbit(value):
        pos = _letter(out, pos, _MINUS)
    size = abs(float(value))
    if np.isinf(value):
        out[pos], out[pos + 1], out[pos + 2] = 105, 110, 102
        return pos + 3
    if size == 0.0:
        return _letter(out, pos, _ZERO)
    end = pos
    for n_digits in range(_FEWEST_DIGITS, _MOST_DIGITS + 1):
        end = _write_digits(out, pos, size, n_digits)
        back, _ = read_float(out, pos, end)
        if float(back) == size:
            break
    return end


@borrowing_jit
def _write_digits(out: npt.NDArray[np.uint8], pos: int, size: float, n_digits: int) -> int:
    """Write a positive number as C's "%g" does with so many digits."""
    exponent = math.floor(math.log10(size))
    shift = n_digits - 1 - exponent
    scaled = size * _POWERS[shift] if shift >= 0 else size / _POWERS[-shift]
    digits = math.floor(scaled + 0.5)
    if digits >= 10**n_digits:
        digits //= 10
        exponent += 1
    elif digits < 10 ** (n_digits - 1):  # the logarithm was a little too large
        digits = math.floor(scaled * 10 + 0.5)
        exponent -= 1
    n = n_digits
    while n > 1 and digits % 10 == 0:
        digits //= 10
        n -= 1
    scientific = exponent < -4 or exponent >= n_digits
    before = 1 if scientific else exponent + 1  # digits before the point
    if before <= 0:
        out[pos], out[pos + 1] = _ZERO, _DOT
        pos += 2
        for _ in range(-before):
            pos = _letter(out, pos, _ZERO)
    width = max(n, before)
    for i in range(width):
        if i == before and before > 0:
            pos = _letter(out, pos, _DOT)
        digit = 0
        if i < n:
            rest = digits
            for _ in range(n - 1 - i):
                rest //= 10
            digit = rest % 10
        pos = _letter(out, pos, _ZERO + digit)
    if scientific:
        pos = _letter(out, pos, _LOWER_E)
        pos = _letter(out, pos, _MINUS if exponent < 0 else _PLUS)
        exponent = abs(exponent)
        if exponent < 10:
            pos = _letter(out, pos, _ZERO)
        pos = write_integer(out, pos, exponent)
    return pos
