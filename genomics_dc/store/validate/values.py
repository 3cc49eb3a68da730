"""The spelling and the count of values: Integer, Float, Character, String; Number as a count, A, R, G."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Sequence

from genomics_dc.store.validate.versions import Dialect

_INTEGER = re.compile(rb"[-+]?[0-9]+")
# The values from -2**31 to -2**31 + 7 mean "missing", "end of vector" and others to come in BCF.
_LOWEST, _HIGHEST = -(2**31) + 8, 2**31 - 1
_MANY = 1 << 16


def value_fault(value: bytes, type_name: str, dialect: Dialect) -> str | None:
    """Return what is wrong with one value: "type", "range", "empty", or None. A dot is right for every type."""
    if value == b".":
        return None
    if not value:
        return "empty"
    if type_name == "Integer":
        if not _INTEGER.fullmatch(value):
            return "type"
        return None if len(value) <= 20 and _LOWEST <= int(value) <= _HIGHEST else "range"
    if type_name == "Float":
        return None if dialect.float_value.fullmatch(value) else "type"
    if type_name == "Character":
        text = value.decode("utf-8", "replace")
        is_escaped = len(text) == 3 and text[0] == "%"
        return None if len(text) == 1 or is_escaped else "type"
    return None


def is_negative(value: bytes) -> bool:
    """Return whether a number (one that has no fault) is below zero."""
    return value.startswith(b"-") and float(value) < 0


def n_genotypes(n_alleles: int, ploidy: int) -> int:
    """Return how many genotypes there are of so many alleles at that ploidy."""
    return math.comb(n_alleles + ploidy - 1, ploidy)


def counts_for(number: str, n_alts: int, ploidies: Sequence[int] = ()) -> tuple[int, ...] | None:
    """Return the counts of values that `number` allows; None where any count is allowed.

    `n_alts` 0 is a missing ALT. `ploidies` are those the genotype may have, for Number=G and P; without them any
    count of G is allowed.
    """
    if number.isascii() and number.isdigit():
        return (int(number),)
    if number == "A":
        return (n_alts,)
    if number == "R":
        return (n_alts + 1,)
    if number == "G" and ploidies:
        return tuple(n_genotypes(n_alts + 1, ploidy) for ploidy in ploidies)
    if number == "P" and ploidies:
        return tuple(ploidies)
    return None


def counts_with_one_alt(number: str, ploidies: Sequence[int] = ()) -> tuple[int, ...] | None:
    """Return the counts that a record whose ALT is missing has where its writer counted the dot as an allele."""
    return counts_for(number, 1, ploidies)


def split_values(value: bytes, separator: bytes = b",") -> Iterable[bytes]:
    """Return the values of a list; of a very long one they come one by one, never all at once."""
    return value.split(separator) if len(value) <= _MANY else _one_by_one(value, separator)


def _one_by_one(value: bytes, separator: bytes) -> Iterator[bytes]:
    start = 0
    while (end := value.find(separator, start)) >= 0:
        yield value[start:end]
        start = end + 1
    yield value[start:]


def n_values(value: bytes) -> int:
    """Return how many values a list has."""
    return value.count(b",") + 1


def is_all_missing(value: bytes) -> bool:
    """Return whether every value of a list is a dot."""
    if not value.startswith(b"."):
        return False
    return value == b"." or (len(value) <= _MANY and not value.strip(b".,") and _is_dots(value))


def _is_dots(value: bytes) -> bool:
    return b".." not in value and b",," not in value and not value.endswith(b",")
