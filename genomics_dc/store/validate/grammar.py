"""Patterns that accept, at once, whole lists of values and whole rows of calls that break no rule.

They never decide that something is wrong: what they do not match is looked at value by value (info.py, calls.py).
All repeats are possessive, so that no row is tried twice. Measured on one core of this project's two (Python 3.11):
94 MB/s on rows of GT:AD:DP:GQ:PL, against 52 MB/s without.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from genomics_dc.store.validate.model import Field
from genomics_dc.store.validate.values import counts_for
from genomics_dc.store.validate.versions import Dialect

# Whole numbers of up to nine digits fit 32 bits; longer ones are looked at alone.
_INTEGER = rb"(?>-?+[0-9]{1,9}+|\.)"
_NOT_NEGATIVE = rb"(?>[0-9]{1,9}+|\.)"
_FLOAT = rb"(?>-?+(?>[0-9]++(?:\.[0-9]++)?+|\.[0-9]++)(?:[eE][-+]?+[0-9]++)?+|\.)"
_NOT_NEGATIVE_FLOAT = rb"(?>(?>[0-9]++(?:\.[0-9]++)?+|\.[0-9]++)(?:[eE][-+]?+[0-9]++)?+|\.)"
_MOST_REPEATS = 2_000
# AF is at most 1. END is held against POS by the caller, who needs a number.
_SPECIAL = {
    "AF": (
        "Float",
        rb"(?>0(?:\.[0-9]++)?+(?:[eE]-[0-9]++)?+|1(?:\.0++)?+|[0-9](?:\.[0-9]++)?+[eE]-0*+[1-9][0-9]*+|\.)",
    ),
    "END": ("Integer", rb"[0-9]{1,9}+"),
}
_ONE_DIGIT = 10
_MOST_ALLELES = 100


def is_plain_diploid(calls: bytes, n_alts: int) -> bool:
    """Return whether every call is two alleles of one digit, or dots, with / or | between, and a tab between calls.

    Only of a FORMAT that is GT alone. Every fourth byte is looked at together: 1 GB/s and more, where the pattern of
    the same does 0.15.
    """
    if n_alts >= _ONE_DIGIT or len(calls) % 4 != 3:
        return False
    alleles = b".0123456789"[: n_alts + 2]
    return not (
        calls[1::4].strip(b"/|")
        or calls[3::4].strip(b"\t")
        or calls[::4].translate(None, alleles)
        or calls[2::4].translate(None, alleles)
    )


def list_pattern(field: Field, n_alts: int, dialect: Dialect, *, is_info: bool) -> re.Pattern[bytes] | None:
    """Return the pattern of a field's whole list, or None where it has none."""
    text = _list(field, n_alts, (), is_info=is_info, space=dialect.space_in_info)
    return None if text is None else re.compile(text)


def calls_pattern(fields: Sequence[Field | None], n_alts: int) -> re.Pattern[bytes] | None:
    """Return the pattern of all sample columns of a record (tabs between), or None where it has none.

    `fields` are the keys of FORMAT in order, None where nothing is known of one; GT, where there is one, is the first.
    """
    has_genotype = bool(fields) and fields[0] is not None and fields[0].key == "GT"
    if n_alts + 1 > _MOST_ALLELES:
        return None
    if has_genotype:
        allele = (
            b"[.%b" % _below(n_alts + 1)[1:] if n_alts + 1 <= _ONE_DIGIT else rb"(?>" + _below(n_alts + 1) + rb"|\.)"
        )
        shapes = [(2, allele + rb"[/|]" + allele), (1, allele)]
    else:
        shapes = [(2, b"")]
    alternatives = []
    for ploidy, genotype in shapes:
        lists = []
        for field in fields[1 if has_genotype else 0 :]:
            text = rb"[^\t:]++" if field is None else _list(field, n_alts, (ploidy,), is_info=False, space=True)
            if text is None:
                return None
            lists.append(text)
        alternatives.append(genotype + _dropped_at_end(lists, first=not has_genotype))
    # A haploid call begins as a diploid one does; what follows its allele tells them apart.
    at_end = rb"(?![^\t])"
    call = rb"(?>" + rb"|".join(alternative + at_end for alternative in alternatives) + rb")"
    return re.compile(call + rb"(?:\t" + call + rb")*+")


def _dropped_at_end(lists: Sequence[bytes], *, first: bool) -> bytes:
    """Return the pattern of fields with colons between, of which the last ones may be dropped."""
    text = b""
    for i, one in reversed(list(enumerate(lists))):
        text = one + text if first and i == 0 else rb"(?::" + one + text + rb")?+"
    return text


def _list(field: Field, n_alts: int, ploidies: tuple[int, ...], *, is_info: bool, space: bool) -> bytes | None:
    one = _value(field, is_info=is_info, space=space)
    if one is None:
        return None
    counts = counts_for(field.number, n_alts, ploidies)
    if counts is None:
        if not (field.number == "." or (field.number == "G" and is_info)):
            return None
        return one + rb"(?:," + one + rb")*+"
    count = counts[0]
    if count == 0 or count > _MOST_REPEATS:
        return None
    if count == 1:
        return one
    return rb"(?>" + one + rb"(?:," + one + rb"){%d}+|\.)" % (count - 1)


def _value(field: Field, *, is_info: bool, space: bool) -> bytes | None:
    if is_info and field.key in _SPECIAL:
        type_name, text = _SPECIAL[field.key]
        return text if field.type == type_name else None
    if field.type == "Integer":
        return _NOT_NEGATIVE if field.not_negative else _INTEGER
    if field.type == "Float":
        return _NOT_NEGATIVE_FLOAT if field.not_negative else _FLOAT
    if field.type == "Character":
        return rb"[!-+\--9;<>-~]" if is_info else rb"[!-+\--9;-~]"
    if field.type == "String":
        if is_info:
            return rb'[^,;= "]++' if not space else rb'[^,;="]++'
        return rb"[^\t\n:,]++"
    return None


def _below(n: int) -> bytes:
    """Return the pattern of whole numbers below `n`, at most 100, longest first and without leading zeros."""
    if n <= _ONE_DIGIT:
        return b"[0-%d]" % (n - 1)
    tens, ones = divmod(n - 1, 10)
    full = b"[1-%d][0-9]|" % (tens - 1) if tens > 1 else b""
    return full + b"%d[0-%d]|[0-9]" % (tens, ones)
