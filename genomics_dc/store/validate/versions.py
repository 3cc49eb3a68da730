"""What differs between VCF 4.1, 4.2, 4.3, 4.4 and 4.5: names, number codes, spelling of values."""

from __future__ import annotations

import re
from dataclasses import dataclass

VERSIONS = ("4.1", "4.2", "4.3", "4.4", "4.5")
_FILE_FORMAT = re.compile(rb"VCFv(\d+)\.(\d+)")
# Used for the rest of a file that does not say its version: the oldest version that most callers still write.
_UNSAID = "4.2"

# 4.1 and 4.2 forbid white space only; the others would end the name in a ##contig line or in a breakend.
_OLD_CONTIG = rb'[^\s,<>\[\]"]+'
_NEW_CONTIG = rb"[0-9A-Za-z!#$%&+./:;?@^_|~-][0-9A-Za-z!#$%&*+./:;=?@^_|~-]*"
# 4.1 and 4.2 do not say how a key is spelled; these characters would break the line that declares it.
_OLD_KEY = rb'[^\s;=,<>\[\]"]+'
_OLD_FLOAT = rb"[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?"
_NEW_FLOAT = rb"[-+]?[0-9]*\.?[0-9]+(?:[eE][-+]?[0-9]+)?"
_NOT_FINITE = rb"[-+]?(?:[iI][nN][fF](?:[iI][nN][iI][tT][yY])?|[nN][aA][nN])"
_ALLELE = rb"(?:[0-9]+|\.)"


@dataclass(frozen=True)
class Dialect:
    """The grammar of one version. Patterns match whole values, as bytes."""

    version: str
    index: int
    contig: re.Pattern[bytes]
    info_key: re.Pattern[bytes]
    format_key: re.Pattern[bytes]
    float_value: re.Pattern[bytes]
    genotype: re.Pattern[bytes]
    info_numbers: frozenset[str]
    format_numbers: frozenset[str]
    space_in_info: bool
    alt_types: frozenset[str]


def _dialect(index: int) -> Dialect:
    is_new = index >= 2
    numbers = frozenset("AG.") | (frozenset("R") if index >= 1 else frozenset())
    of_calls = numbers | (frozenset("P") if index >= 3 else frozenset())
    of_calls |= frozenset({"LA", "LR", "LG", "M"}) if index >= 4 else frozenset()
    genotype = _ALLELE + rb"(?:[/|]" + _ALLELE + rb")*"
    return Dialect(
        version=VERSIONS[index],
        index=index,
        contig=re.compile(_NEW_CONTIG if is_new else _OLD_CONTIG),
        info_key=re.compile(rb"[A-Za-z_][0-9A-Za-z_.]*|1000G" if is_new else _OLD_KEY),
        format_key=re.compile(rb"[A-Za-z_](?:[0-9A-Za-z_.]|%[0-9A-F]{2})*" if is_new else _OLD_KEY),
        float_value=re.compile(rb"(?:" + (_NEW_FLOAT if is_new else _OLD_FLOAT) + rb"|" + _NOT_FINITE + rb")"),
        genotype=re.compile((rb"[/|]?" if index >= 3 else b"") + genotype),
        info_numbers=numbers,
        format_numbers=of_calls,
        space_in_info=is_new,
        alt_types=frozenset({"DEL", "INS", "DUP", "INV", "CNV"}) | (frozenset({"BND"}) if is_new else frozenset()),
    )


_DIALECTS = tuple(_dialect(index) for index in range(len(VERSIONS)))


def dialect(version: str) -> Dialect:
    """Return the grammar of `version`, one of VERSIONS."""
    return _DIALECTS[VERSIONS.index(version)]


def read_version(file_format: bytes) -> tuple[str, str | None]:
    """Return the version to hold a file against, and what is wrong with its ##fileformat value (None: nothing).

    Files of VCF 4.0 are held against 4.1 and those of a later 4.x against 4.5.
    """
    match = _FILE_FORMAT.fullmatch(file_format)
    if match is None or match[1] != b"4":
        return _UNSAID, "unreadable"
    version = f"4.{int(match[2])}"
    if version in VERSIONS:
        return version, None
    return (VERSIONS[0] if version == "4.0" else VERSIONS[-1]), "unknown"
