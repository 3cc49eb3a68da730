"""Annotates the sites of a store: three tables beside it, and a summary of what they were made from."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyarrow import parquet

from genomics_dc.annotation import consequences as csq
from genomics_dc.annotation import frequencies as freq
from genomics_dc.annotation import known as clin
from genomics_dc.annotation.alleles import Reference
from genomics_dc.annotation.sites import Alleles
from genomics_dc.errors import InputError
from genomics_dc.files import atomic_directory, refuse_existing, sha256_file
from genomics_dc.provenance import Provenance
from genomics_dc.reference.genes import GeneModels, read_genes
from genomics_dc.store.read import Sites, StoreView

SUMMARY = "annotation.json"
TABLES = ("consequences", "known", "frequencies")
_FORMAT = 1


@dataclass(frozen=True)
class Annotation:
    """An annotation folder: `consequences.parquet`, `known.parquet`, `frequencies.parquet` and `annotation.json`.

    `summary` has the keys store_hash, alleles, alleles_left_out, rows (by table), sources (role -> name, version,
    sha256, and for frequencies covered and allele_number), tools, warnings.
    """

    path: Path
    summary: dict[str, Any]

    @classmethod
    def open(cls, path: Path | str) -> Annotation:
        """Open an annotation folder; InputError when it is none or incomplete."""
        folder = Path(path)
        try:
            summary = json.loads((folder / SUMMARY).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise InputError(
                f"{folder} is not an annotation folder ({SUMMARY} cannot be read); make one with `genomics-dc annotate`"
            ) from error
        for name in TABLES:
            if not (folder / f"{name}.parquet").is_file():
                raise InputError(f"{folder} lacks {name}.parquet; make it again with `genomics-dc annotate`")
        return cls(folder, summary)

    @property
    def store_hash(self) -> str:
        """Return the hash of the store whose sites these are."""
        return str(self.summary["store_hash"])

    @property
    def warnings(self) -> tuple[str, ...]:
        """Return what the user should know, one sentence each."""
        return tuple(self.summary["warnings"])

    def rows(self, table: str, contig: str, start: int, end: int) -> list[dict[str, Any]]:
        """Return the rows of a table whose position lies in a zero-based half-open interval, by file order."""
        filters = [("contig", "=", contig), ("position", ">", start), ("position", "<=", end)]
        rows: list[dict[str, Any]] = parquet.read_table(self.path / f"{table}.parquet", filters=filters).to_pylist()
        return rows


def store_alleles(sites: Sites) -> Iterator[tuple[str, int, str, str]]:
    """Yield (contig, one-based position, ref, alt) for every ALT allele of a view's sites."""
    for contig, position, ref, alts in zip(sites.contig, sites.position, sites.ref, sites.alt, strict=True):
        for alt in str(alts).split(","):
            yield str(contig), int(position), str(ref), alt


def annotate(
    store: StoreView | Path | str,
    *,
    genes: Path | str | GeneModels,
    fasta: Path | str,
    clinvar: Path | str | None = None,
    frequencies: Path | str | None = None,
    output: Path | str | None = None,
    force: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> Annotation:
    """Annotate every ALT allele of a store; return the folder that was written.

    Parameters
    ----------
    store
        A store or a view of one; genotypes are not read.
    genes
        Gene models, GFF3.
    fasta
        The reference genome; every REF of the store must agree with it.
    clinvar
        Known variants, a ClinVar-format VCF (CLNSIG, CLNREVSTAT, CLNDN); by index when it has one.
    frequencies
        A VCF with AF, or AC and AN, and frequencies of populations (AF_eas, EAS_AF, …).
    output
        The folder; NAME.annotation beside the store when not given. Appears whole or not at all.
    progress
        Gets (alleles done, alleles all) while consequences are worked out, the slow part.

    Raises
    ------
    BuildMismatchError
        Store, gene models, known variants or frequencies are of another build than the FASTA.
    InputError
        A file cannot be read, or contig names have nothing in common.
    OutputExistsError
        The folder is there and `force` is false.
    """
    view = store if isinstance(store, StoreView) else StoreView.open(store)
    target = Path(output) if output is not None else view.path.with_suffix(".annotation")
    refuse_existing(target, force=force)
    models = genes if isinstance(genes, GeneModels) else read_genes(genes)
    alleles = Alleles.from_rows(store_alleles(view.sites()))
    sources: dict[str, Any] = {
        "fasta": {"name": Path(fasta).name, "sha256": sha256_file(fasta)} if Path(fasta).is_file() else {},
        "genes": {"name": models.path.name, "version": models.version, "sha256": models.sha256},
    }
    with Reference(fasta) as reference, tempfile.TemporaryDirectory(prefix="genomics-dc-annotate-") as scratch:
        alleles.check_reference(reference)
        effects = csq.consequences(alleles, models, reference, Path(scratch), progress=progress)
        warnings = list(effects.warnings)
        known_table, frequency_table = clin.SCHEMA.empty_table(), freq.SCHEMA.empty_table()
        if clinvar is not None:
            known = clin.known_variants(alleles, Path(clinvar), reference)
            known_table = known.table
            warnings += known.warnings
            sources["known"] = {"name": known.source, "version": known.version, "sha256": sha256_file(clinvar)}
        if frequencies is not None:
            found = freq.frequencies(alleles, Path(frequencies), reference)
            frequency_table = found.table
            warnings += found.warnings
            sources["frequencies"] = {
                "name": found.source,
                "version": found.version,
                "sha256": sha256_file(frequencies),
                "covered": found.covered,
                "allele_number": found.allele_number,
            }
    if alleles.left_out:
        warnings.append(f"{alleles.left_out:,} ALT allele(s) without bases (*, symbolic, breakends) are not annotated")
    provenance = Provenance(
        "annotate",
        inputs={role: item["sha256"] for role, item in sources.items() if "sha256" in item},
        references={role: str(item["version"]) for role, item in sources.items() if item.get("version")},
        tools=effects.tools,
        store_hash=view.store_hash,
    )
    summary = {
        "format": _FORMAT,
        "software": provenance.software,
        "store_hash": view.store_hash,
        "alleles": len(alleles.rows),
        "alleles_left_out": alleles.left_out,
        "rows": {"consequences": len(effects.table), "known": len(known_table), "frequencies": len(frequency_table)},
        "sources": sources,
        "tools": effects.tools,
        "warnings": warnings,
    }
    with atomic_directory(target, force=force) as staging:
        csq.ConsequencesResult(effects.table, provenance).write(staging / "consequences.parquet")
        clin.KnownResult(known_table, provenance).write(staging / "known.parquet")
        freq.FrequenciesResult(frequency_table, provenance).write(staging / "frequencies.parquet")
        text = json.dumps(summary, indent=2, sort_keys=True, ensure_ascii=False)
        (staging / SUMMARY).write_text(text + "\n", encoding="utf-8")
    return Annotation.open(target)


def table(annotation: Annotation, name: str) -> pa.Table:
    """Return one of the tables whole: "consequences", "known" or "frequencies"."""
    return parquet.read_table(annotation.path / f"{name}.parquet")
