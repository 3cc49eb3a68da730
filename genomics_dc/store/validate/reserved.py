"""The keys that the specification reserves, with their Number and Type.

Sections 1.4.1.8 and 1.4.2 of VCF 4.1 and 4.2, 1.6.1.8 and 1.6.2 (tables "Reserved INFO keys" and "Reserved genotype
keys") of 4.3 to 4.5; section 3 for structural variants.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Reserved:
    """What a reserved key's declaration must say; `numbers` and `types` are those allowed, the first is preferred."""

    numbers: tuple[str, ...]
    types: tuple[str, ...]
    since: int = 0
    until: int = 4
    not_negative: bool = False


def _whole(*numbers: str, since: int = 0, until: int = 4) -> Reserved:
    return Reserved(numbers, ("Integer",), since, until, not_negative=True)


def _flag() -> Reserved:
    return Reserved(("0",), ("Flag",))


_INFO = {
    "AA": Reserved(("1",), ("String",)),
    "AC": _whole("A"),
    "AD": _whole("R", since=2),
    "ADF": _whole("R", since=2),
    "ADR": _whole("R", since=2),
    "AF": Reserved(("A",), ("Float",), not_negative=True),
    "AN": _whole("1"),
    "BQ": Reserved(("1",), ("Float",)),
    "CIGAR": Reserved(("A",), ("String",)),
    "DB": _flag(),
    "DP": _whole("1"),
    "END": _whole("1"),
    "H2": _flag(),
    "H3": _flag(),
    # 4.1 and 4.2 show MQ=52 without a type; the table of 4.3 has been both Integer and Float.
    "MQ": Reserved(("1",), ("Float", "Integer")),
    "MQ0": _whole("1"),
    "NS": _whole("1"),
    "SOMATIC": _flag(),
    "VALIDATED": _flag(),
    "1000G": _flag(),
}

_FORMAT = {
    "AD": _whole("R", since=2),
    "ADF": _whole("R", since=2),
    "ADR": _whole("R", since=2),
    "DP": _whole("1"),
    "EC": _whole("A"),
    "FT": Reserved(("1",), ("String",)),
    "GL": Reserved(("G",), ("Float",)),
    "GLE": Reserved(("G", "."), ("String",), until=1),
    "GP": Reserved(("G",), ("Float",)),
    "GQ": _whole("1"),
    "GT": Reserved(("1",), ("String",)),
    "HQ": _whole("2"),
    "MQ": _whole("1"),
    "PL": _whole("G"),
    "PP": _whole("G", since=2),
    "PQ": _whole("1"),
    "PS": _whole("1"),
    "PSL": Reserved(("P",), ("String",), since=3),
    "PSO": Reserved(("P",), ("Integer",), since=3),
    "PSQ": Reserved(("P",), ("Integer",), since=3),
    "LEN": _whole("1", since=4),
    "LAA": _whole(".", since=4),
    "LAD": _whole("LR", since=4),
    "LADF": _whole("LR", since=4),
    "LADR": _whole("LR", since=4),
    "LEC": _whole("LA", since=4),
    # The table of 4.5 says Integer for the local form of a Float key.
    "LGL": Reserved(("LG",), ("Float", "Integer"), since=4),
    "LGP": Reserved(("LG",), ("Float", "Integer"), since=4),
    "LPL": _whole("LG", since=4),
    "LPP": _whole("LG", since=4),
}

STRUCTURAL_TYPES = {
    "IMPRECISE": "Flag",
    "NOVEL": "Flag",
    "SVTYPE": "String",
    "SVLEN": "Integer",
    "CIPOS": "Integer",
    "CIEND": "Integer",
    "HOMLEN": "Integer",
    "HOMSEQ": "String",
    "MATEID": "String",
    "EVENT": "String",
}


def reserved(kind: str, key: str, version_index: int) -> Reserved | None:
    """Return what `version_index` reserves `key` for in "INFO" or "FORMAT", or None."""
    entry = (_INFO if kind == "INFO" else _FORMAT).get(key)
    return entry if entry is not None and entry.since <= version_index <= entry.until else None
