"""What a ClinVar-format VCF says of exactly our alleles."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pyarrow as pa
import yaml

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
        ("source_version", pa.string()),
        ("accession", pa.string()),
        ("significance", pa.string()),
        ("review_status", pa.string()),
        ("conditions", pa.list_(pa.string())),
        ("allele_id", pa.int64()),
        ("groups", pa.list_(pa.string())),
        ("conflict", pa.string()),
    ]
)


class KnownResult(Result):
    """One row per allele of ours and record of the source that has exactly this allele, after normalising both.

    `significance` as the source has it, with spaces for underscores; `groups` what its terms mean (see
    reference/data/clinvar_terms.yaml), "unknown" for a term that is not in the list; null where the source is silent.
    """


@cache
def clinvar_terms() -> Mapping[str, str]:
    """Return the group of each CLNSIG term, keys in lower case with underscores."""
    text = files("genomics_dc.reference").joinpath("data/clinvar_terms.yaml").read_text(encoding="utf-8")
    return {str(term).lower(): str(group) for term, group in yaml.safe_load(text)["terms"].items()}


def significance_groups(significance: str) -> tuple[str, ...]:
    """Return the groups of a CLNSIG value, sorted; a term that is not known gives "unknown"."""
    terms = (term.strip() for part in significance.split("|") for term in part.split("/"))
    table = clinvar_terms()
    return tuple(sorted({table.get(term.replace(" ", "_").lower(), "unknown") for term in terms if term}))


@dataclass
class Known:
    """The table, its source and version, and what the user should know."""

    table: pa.Table
    source: str
    version: str
    warnings: list[str] = field(default_factory=list)


def known_variants(alleles: Alleles, path: Path, reference: Reference) -> Known:
    """Return the records of a ClinVar-format VCF that hold one of our alleles.

    A CLNSIG term that is not in the list is kept and named in `warnings`. Raises InputError when the file declares no
    CLNSIG, BuildMismatchError when its reference alleles are of another build.
    """
    scan = SourceScan(path, alleles, reference)
    rows: list[dict[str, Any]] = []
    unknown: dict[str, int] = {}
    for row, record, _ in scan.matches():
        if "CLNSIG" not in scan.info_fields:
            raise InputError(f"{path} declares no INFO field CLNSIG; give a ClinVar-format VCF")
        contig, position, ref, alt = alleles.rows[row]
        significance = _joined(record, "CLNSIG")
        if significance is not None:
            for part in significance.split("|"):
                for term in part.split("/"):
                    if significance_groups(term) == ("unknown",):
                        unknown[term] = unknown.get(term, 0) + 1
        conditions = _joined(record, "CLNDN")
        allele_id = record.info.get("ALLELEID") if "ALLELEID" in scan.info_fields else None
        rows.append(
            {
                "contig": contig,
                "position": position,
                "ref": ref,
                "alt": alt,
                "accession": _accession(record.id),
                "significance": None if significance is None else significance.replace("_", " "),
                "review_status": _spaced(_joined(record, "CLNREVSTAT")),
                "conditions": [name.replace("_", " ") for name in conditions.split("|")] if conditions else [],
                "allele_id": None if allele_id is None else int(allele_id),
                "groups": [] if significance is None else list(significance_groups(significance)),
                "conflict": _spaced(_joined(record, "CLNSIGCONF")),
            }
        )
    if "CLNSIG" not in scan.info_fields:
        raise InputError(f"{path} declares no INFO field CLNSIG; give a ClinVar-format VCF")
    source = scan.header.get("source", path.name)
    version = scan.header.get("fileDate") or "unknown"
    result = Known(SCHEMA.empty_table(), source, version, list(scan.warnings))
    if version == "unknown":
        result.warnings.append(f"{path} carries no ##fileDate: its version is not known")
    for term, count in sorted(unknown.items()):
        result.warnings.append(
            f"{path}: CLNSIG term {term!r} ({count} matching record(s)) is not known to this software; the records are "
            "kept and always listed; look whether ClinVar renamed a term"
        )
    for item in rows:
        item.update(source=source, source_version=version)
    order = {row: number for number, row in enumerate(alleles.rows)}
    rows.sort(key=lambda item: (order[item["contig"], item["position"], item["ref"], item["alt"]], item["accession"]))
    result.table = pa.Table.from_pylist(rows, schema=SCHEMA)
    return result


def _joined(record: Any, name: str) -> str | None:
    """Return an INFO text whole: htslib cuts it at commas, which ClinVar uses inside terms."""
    value = record.info.get(name) if name in record.header.info else None
    if value is None:
        return None
    text = ",".join(str(part) for part in value) if isinstance(value, tuple) else str(value)
    return unquote(text)


def _spaced(text: str | None) -> str | None:
    return None if text is None else text.replace("_", " ")


def _accession(identifier: str | None) -> str:
    """Return the VCV accession of a ClinVar variation id, or the identifier as it stands."""
    if identifier is None:
        return "."
    return f"VCV{int(identifier):09d}" if identifier.isdigit() else identifier
