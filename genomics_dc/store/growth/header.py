"""One VCF header out of several."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from genomics_dc.errors import InputError
from genomics_dc.store.vcf.header import Field, VcfHeader, parse_header

_DECLARATION: Final = re.compile(r"##(INFO|FORMAT|FILTER|contig|ALT)=<(?:.*?[,<])?ID=([^,>]+)")
_NUMBER: Final = re.compile(r"(?<=[<,])Number=[^,>]*")
_CATEGORIES: Final = ("INFO", "FORMAT")


@dataclass(frozen=True)
class Part:
    """One of the headers to join, and what an error calls its store or file."""

    header: VcfHeader
    where: str


def joined_header(parts: Sequence[Part], samples: Sequence[str]) -> VcfHeader:
    """Return the header of a store that holds the records of all parts, for these samples.

    Lines stand as the first part has them; then come those of the next that declare what none before did. A field whose
    Number differs between parts gets Number "." (of any count).

    Raises
    ------
    InputError
        When a contig has another length, or a field another Type, than in a part before.
    """
    first = parts[0]
    lines = first.header.text.rstrip("\n").split("\n")[:-1]
    declared: dict[tuple[str, str] | None, str] = {name: line for line in lines if (name := _declares(line))}
    known = set(lines)
    for number, part in enumerate(parts[1:], start=1):
        for before in parts[:number]:
            _check_contigs(before, part)
            _check_fields(before, part)
        for line in part.header.text.rstrip("\n").split("\n")[1:-1]:
            name = _declares(line)
            if name in declared or line in known:
                continue
            known.add(line)
            lines.append(line)
            if name:
                declared[name] = line
    numbers: dict[tuple[str, str], set[str]] = {}
    for part in parts:
        for category in _CATEGORIES:
            for key, field in _fields(part, category).items():
                numbers.setdefault((category, key), set()).add(field.number)
    undecided = {name for name, given in numbers.items() if len(given) > 1}
    lines = [_NUMBER.sub("Number=.", line, count=1) if _declares(line) in undecided else line for line in lines]
    columns = ["#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO"]
    if samples:
        columns += ["FORMAT", *samples]
    return parse_header("\n".join([*lines, "\t".join(columns)]).encode() + b"\n", first.where)


def _declares(line: str) -> tuple[str, str] | None:
    match = _DECLARATION.match(line)
    return (match[1], match[2]) if match else None


def _fields(part: Part, category: str) -> dict[str, Field]:
    return part.header.info if category == "INFO" else part.header.format


def _check_contigs(before: Part, part: Part) -> None:
    for name, length in part.header.contigs.items():
        known = before.header.contigs.get(name)
        if known is not None and length is not None and known != length:
            raise InputError(
                f"{part.where}: contig {name} has {length:,} bases, but {known:,} in {before.where}; they are of "
                "different genome builds: lift one of them over"
            )


def _check_fields(before: Part, part: Part) -> None:
    for category in _CATEGORIES:
        for name, field in _fields(part, category).items():
            known = _fields(before, category).get(name)
            if known is not None and known.type != field.type:
                raise InputError(
                    f"{part.where}: {category} {name} is of Type {field.type}, but {known.type} in {before.where}; "
                    "rename one with `bcftools annotate --rename-annots`"
                )
