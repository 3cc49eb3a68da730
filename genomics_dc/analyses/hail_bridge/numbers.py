"""Floats that are no number, as Java writes them."""

from __future__ import annotations

from collections.abc import Set
from typing import Final

from genomics_dc.store.vcf.header import FIXED_COLUMNS

INFO_COLUMN: Final = FIXED_COLUMNS.index("INFO")
QUALITY_COLUMN: Final = FIXED_COLUMNS.index("QUAL")
_JAVA: Final = {b"nan": b"NaN", b"inf": b"Infinity", b"-inf": b"-Infinity"}


def with_java_floats(columns: list[bytes], info: Set[bytes], calls: Set[bytes]) -> None:
    """Put NaN and Infinity in Java's words for those of C in a record, whose last column is FORMAT and all calls.

    `info` and `calls` are the keys of type Float; other fields may hold the same letters and stay as they are.
    """
    columns[QUALITY_COLUMN] = _JAVA.get(columns[QUALITY_COLUMN], columns[QUALITY_COLUMN])
    if info and _suspect(columns[INFO_COLUMN]):
        items = (item.partition(b"=") for item in columns[INFO_COLUMN].split(b";"))
        columns[INFO_COLUMN] = b";".join(key + equals + (_value(v) if key in info else v) for key, equals, v in items)
    if calls and _suspect(columns[-1]):
        keys, *samples = columns[-1].split(b"\t")
        places = [place for place, key in enumerate(keys.split(b":")) if key in calls]
        columns[-1] = b"\t".join([keys, *(_call(sample, places) for sample in samples)])


def _suspect(text: bytes) -> bool:
    return b"nan" in text or b"inf" in text


def _call(call: bytes, places: list[int]) -> bytes:
    values = call.split(b":")
    for place in places:
        if place < len(values):
            values[place] = _value(values[place])
    return b":".join(values)


def _value(text: bytes) -> bytes:
    return b",".join(_JAVA.get(part, part) for part in text.split(b","))
