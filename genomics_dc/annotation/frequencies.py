"""How frequent our alleles are in a population VCF (gnomAD, 1000 Genomes, or any with AF, AC, AN)."""

from __future__ import annotations

import math
import re
import statistics
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa

from genomics_dc.annotation.alleles import Reference
from genomics_dc.annotation.sites import Alleles, SourceScan
from genomics_dc.errors import InputError
from genomics_dc.results import Result

SCHEMA = pa.schema(
    [
        ("contig", pa.string()),
        ("position", pa.int32()),
        ("ref", pa.string()),
        ("alt", pa.string()),
        ("source", pa.string()),
        ("population", pa.string()),
        ("allele_frequency", pa.float64()),
        ("allele_count", pa.int64()),
        ("allele_number", pa.int64()),
        ("filters", pa.string()),
    ]
)
ALL = "all"
_POPULATION_FIELDS = (re.compile(r"AF_([A-Za-z]{3,4})"), re.compile(r"([A-Z]{3})_AF"))
# Not populations: maxima over populations, and counts before filters.
_NOT_POPULATIONS = {"popmax", "grpmax", "raw", "max", "male", "female"}


class FrequenciesResult(Result):
    """One row per allele of ours and population of the source; frequencies between 0 and 1, null where not given."""


@dataclass
class Frequencies:
    """The table, its source, where the source has records, and what the user should know.

    `covered` holds zero-based half-open intervals by canonical contig; `allele_number` is the median AN of the records
    that were seen, None when the source gives none.
    """

    table: pa.Table
    source: str
    version: str
    covered: dict[str, list[list[int]]]
    allele_number: int | None
    warnings: list[str] = field(default_factory=list)


def frequencies(alleles: Alleles, path: Path, reference: Reference) -> Frequencies:
    """Return population frequencies of our alleles; both sides are normalised before they meet.

    When several records of the source are the same allele, the greatest frequency stands: a common variant must never
    look rare. Raises InputError when the file gives no frequency, BuildMismatchError when it is of another build.
    """
    scan = SourceScan(path, alleles, reference)
    best: dict[tuple[int, str], dict[str, Any]] = {}
    for row, record, index in scan.matches():
        for population, (name, count_name, number_name) in _fields(scan, path).items():
            count, number = _value(record, count_name, index), _value(record, number_name, index)
            frequency = _value(record, name, index)
            if frequency is None and count is not None and number:
                frequency = count / number
            if frequency is None:
                continue
            contig, position, ref, alt = alleles.rows[row]
            item = {
                "contig": contig,
                "position": position,
                "ref": ref,
                "alt": alt,
                "population": population,
                "allele_frequency": frequency,
                "allele_count": None if count is None else int(count),
                "allele_number": None if number is None else int(number),
                "filters": ";".join(record.filter.keys()) or ".",
            }
            held = best.get((row, population))
            if held is None or held["allele_frequency"] < frequency:
                best[row, population] = item
    _fields(scan, path)
    source = scan.header.get("source", path.name)
    version = scan.header.get("fileDate") or scan.header.get("VEP version") or "unknown"
    rows = [{**item, "source": source} for _, item in sorted(best.items(), key=lambda pair: pair[0])]
    return Frequencies(
        pa.Table.from_pylist(rows, schema=SCHEMA),
        source,
        version,
        scan.covered,
        int(statistics.median(scan.allele_numbers)) if scan.allele_numbers else None,
        list(scan.warnings),
    )


def _fields(scan: SourceScan, path: Path) -> dict[str, tuple[str, str, str]]:
    """Return population -> (AF field, AC field, AN field) that the source declares."""
    declared = scan.info_fields
    found: dict[str, tuple[str, str, str]] = {}
    if "AF" in declared or {"AC", "AN"} <= set(declared):
        found[ALL] = ("AF", "AC", "AN")
    for name, (_, kind) in sorted(declared.items()):
        if kind != "Float":
            continue
        for pattern in _POPULATION_FIELDS:
            match = pattern.fullmatch(name)
            if match and match[1].lower() not in _NOT_POPULATIONS:
                found.setdefault(match[1].lower(), (name, name.replace("AF", "AC"), name.replace("AF", "AN")))
    if not found:
        raise InputError(f"{path} declares neither AF nor AC and AN; give a VCF with allele frequencies")
    return found


def _value(record: Any, name: str, index: int) -> float | None:
    """Return a number of one ALT allele, or of the whole record, None when missing."""
    value = record.info.get(name) if name in record.header.info else None
    if isinstance(value, tuple):
        value = value[index] if index < len(value) else None
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    return float(value)
