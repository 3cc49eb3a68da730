"""A VCF header: its text, and what it declares.

What breaks the meta-lines' own rules is the validator's to say; here a line that cannot be understood declares
nothing, and only what makes the columns unreadable is an error.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from genomics_dc.errors import InputError

FIXED_COLUMNS: Final = ("#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO")
N_FIXED_COLUMNS: Final = len(FIXED_COLUMNS)
_SAFE_SAMPLE_ID = re.compile(r"[^\s/\\;,\x00-\x1f\x7f-][^\s/\\;,\x00-\x1f\x7f]*")
_DECLARATION = re.compile(r"##(INFO|FORMAT|FILTER|contig)=<(.*)>\s*")
_VERSION = re.compile(r"##fileformat=VCFv(\S+)")


def meta_lines(text: str) -> str:
    """Return the lines of a header before the column line, each with its line feed."""
    return text[: text.rfind("\n#CHROM") + 1]


@dataclass(frozen=True)
class Field:
    """A field of INFO or FORMAT, with Number ("1", "A", "R", "G", ".") and Type ("Integer") as the header has them."""

    name: str
    number: str
    type: str
    description: str


@dataclass(frozen=True)
class VcfHeader:
    r"""What a header says.

    text
        All of it with "\n" at line ends (CRLF is made "\n"), the column line too.
    version
        "4.2" of `##fileformat=VCFv4.2`; empty when the first line says something else.
    samples
        S opaque sample ids, in column order.
    contigs
        Length in bases by name, in header order; None where the line has no length.
    filters
        Description by name; PASS is always the first.
    info, format
        The fields by key, in header order; of two lines with one ID the first holds, as in htslib.
    assembly
        The assembly that the contig lines name, when they agree on one.
    n_lines
        How many lines the header has.
    """

    text: str
    version: str
    samples: tuple[str, ...]
    contigs: dict[str, int | None]
    filters: dict[str, str]
    info: dict[str, Field]
    format: dict[str, Field]
    assembly: str | None
    n_lines: int

    @property
    def n_columns(self) -> int:
        """How many columns a record should have."""
        return N_FIXED_COLUMNS + (1 + len(self.samples) if self.samples else 0)


def parse_header(data: bytes, where: str) -> VcfHeader:
    """Return the header in `data`, the text of a VCF down to the end of its column line.

    Parameters
    ----------
    data
        UTF-8 text.
    where
        What an error calls the file: its path.

    Raises
    ------
    InputError
        When a byte is not UTF-8, the column line is wrong, or a sample id cannot be kept.
    """
    text = _decoded(data, where).replace("\r\n", "\n")
    lines = text.rstrip("\n").split("\n")
    declared: dict[str, dict[str, dict[str, str]]] = {"INFO": {}, "FORMAT": {}, "FILTER": {}, "contig": {}}
    for line in lines:
        match = _DECLARATION.fullmatch(line)
        if match:
            pairs = dict(_pairs(match[2]))
            if pairs.get("ID"):
                declared[match[1]].setdefault(pairs["ID"], pairs)
    columns = lines[-1].split("\t")
    if tuple(columns[:N_FIXED_COLUMNS]) != FIXED_COLUMNS or columns[N_FIXED_COLUMNS : N_FIXED_COLUMNS + 1] not in (
        [],
        ["FORMAT"],
    ):
        raise InputError(
            f"{where}, line {len(lines)}: the column line should begin with {' '.join(FIXED_COLUMNS)} (tabs between)"
        )
    samples = tuple(columns[N_FIXED_COLUMNS + 1 :])
    _check_samples(samples, where)
    version = _VERSION.match(lines[0])
    assemblies = {pairs["assembly"] for pairs in declared["contig"].values() if pairs.get("assembly")}
    return VcfHeader(
        text="\n".join(lines) + "\n",
        version=version[1] if version else "",
        samples=samples,
        contigs={name: _length(pairs) for name, pairs in declared["contig"].items()},
        # of PASS every header says the same, whatever its line says, as htslib has it
        filters={name: pairs.get("Description", "") for name, pairs in {"PASS": {}, **declared["FILTER"]}.items()}
        | {"PASS": "All filters passed"},
        info=_fields(declared["INFO"]),
        format=_fields(declared["FORMAT"]),
        assembly=assemblies.pop() if len(assemblies) == 1 else None,
        n_lines=len(lines),
    )


def _decoded(data: bytes, where: str) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise InputError(f"{where}, line {line}: byte {data[error.start]:#04x} is not UTF-8") from error


def _fields(declared: dict[str, dict[str, str]]) -> dict[str, Field]:
    return {
        name: Field(name, pairs.get("Number", "."), pairs.get("Type", "String"), pairs.get("Description", ""))
        for name, pairs in declared.items()
    }


def _length(pairs: dict[str, str]) -> int | None:
    text = pairs.get("length", "")
    return int(text) if text.isascii() and text.isdigit() else None


def _pairs(body: str) -> Iterator[tuple[str, str]]:
    r"""Yield the keys and values between < and > of a meta-line; quotes are taken off, \" and \\ become " and \."""
    place = 0
    seen = set()
    while place < len(body):
        equals = body.find("=", place)
        if equals < 0:
            return
        key = body[place:equals].strip(", ")
        place = equals + 1
        if body[place : place + 1] == '"':
            value, place = _quoted(body, place + 1)
        else:
            comma = body.find(",", place)
            end = len(body) if comma < 0 else comma
            value, place = body[place:end], end
        place += 1
        if key not in seen:
            seen.add(key)
            yield key, value


def _quoted(body: str, place: int) -> tuple[str, int]:
    """Return the text from `place` to the closing quote, and the place after that; a quote never closed takes all."""
    out = []
    while place < len(body):
        letter = body[place]
        if letter == "\\" and body[place + 1 : place + 2] in ('"', "\\"):
            out.append(body[place + 1])
            place += 2
            continue
        place += 1
        if letter == '"':
            break
        out.append(letter)
    return "".join(out), place


def _check_samples(samples: Sequence[str], where: str) -> None:
    seen: set[str] = set()
    for column, sample in enumerate(samples, start=N_FIXED_COLUMNS + 2):
        if sample in seen:
            raise InputError(f"{where}: sample {sample} has two columns (the second is column {column}); keep one")
        seen.add(sample)
        if not _SAFE_SAMPLE_ID.fullmatch(sample) or ".." in sample:
            raise InputError(
                f"{where}: sample id {sample!r} (column {column}) cannot be kept: an id has no space, '/', '\\', ';', "
                "',' or '..' and does not begin with '-'; rename it with `bcftools reheader -s`"
            )
