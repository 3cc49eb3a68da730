"""Association results as the GWAS Catalog takes them: GWAS-SSF 1.0, a table and its metadata.

A. Hayhurst et al., "A community driven GWAS summary statistics standard", bioRxiv 2022.07.15.500230; and the schema of
`gwas-sumstats-tools` 1.0. The standard asks for more than our own table: chromosomes as numbers, alleles of A, C, G and
T, an estimate in every row, ids without colons.
"""

from __future__ import annotations

import gzip
import hashlib
import io
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import yaml
from pyarrow import csv

from genomics_dc.errors import InputError, UsageError
from genomics_dc.files import atomic_files, refuse_existing
from genomics_dc.reference import contigs

if TYPE_CHECKING:
    from genomics_dc.analyses.association_result import AssociationResult

FILE_TYPE = "GWAS-SSF v1.0"
_NUMBER = {**{str(number): number for number in range(1, 23)}, "X": 23, "Y": 24, "MT": 25}
_EXACT_TO = 300.0  # -log10 p that a float holds


def write_gwas_ssf(
    result: AssociationResult,
    path: Path | str,
    *,
    trait: str | None = None,
    assembly: str | None = None,
    metadata: Mapping[str, Any] | None = None,
    modified: date | None = None,
    force: bool = False,
) -> list[Path]:
    """Write one trait as GWAS-SSF: `path` (.tsv or .tsv.gz) and `PATH-meta.yaml`; return both.

    Rows that the standard has no place for are left out and counted in the metadata: without an estimate, with alleles
    that are no bases, or on other contigs than 1 to 22, X, Y and MT. p is printed from its logarithm, so that it may
    read 1.2e-400. Rows are sorted by chromosome and position.

    Parameters
    ----------
    assembly
        The genome build, such as GRCh38; that of the store when None.
    metadata
        More of the standard's keys, such as trait_description, ontology_mapping, genotyping_technology, samples; they
        stand before those found here.
    modified
        `date_metadata_last_modified`; today when None.

    Raises
    ------
    UsageError, InputError
        The name ends otherwise, no assembly is known, no row is left.
    """
    target = Path(path)
    build = check_target(target, [trait] if trait is not None else result.traits, assembly)
    beside = Path(f"{target}-meta.yaml")
    for one in (target, beside):
        refuse_existing(one, force=force)
    one_trait = result._main(trait)
    name = result._one_trait(trait)
    table, left_out = _table(one_trait.table)
    if not len(table):
        raise InputError(f"no row of {name} has an estimate and alleles of bases, so that GWAS-SSF has nothing to hold")
    sink = io.BytesIO()
    csv.write_csv(table, sink, csv.WriteOptions(delimiter="\t", quoting_style="none", quoting_header="none"))
    data = sink.getvalue()
    if target.suffix == ".gz":
        data = gzip.compress(data, compresslevel=6, mtime=0)  # no time: the same rows give the same bytes
    facts = _metadata(result, name, target.name, hashlib.md5(data).hexdigest(), build, left_out, modified)  # noqa: S324
    text = yaml.safe_dump({**facts, **dict(metadata or {})}, sort_keys=False, allow_unicode=True, width=1000)
    with atomic_files([target, beside], force=force) as (staged, staged_beside):
        staged.write_bytes(data)
        staged_beside.write_text(text, encoding="utf-8")
    return [target, beside]


def check_target(path: Path, traits: Sequence[str], assembly: str | None) -> str:
    """Return the genome build; raise what is wrong with a question before anything is worked out for it."""
    if not path.name.endswith((".tsv", ".tsv.gz")):
        raise UsageError(f"{path}: the name of a GWAS-SSF file ends with .tsv or .tsv.gz")
    if len(traits) != 1:
        raise UsageError(f"a GWAS-SSF file holds one trait, not {len(traits)}; name one of {', '.join(traits[:5])}")
    if assembly is None:
        raise InputError("GWAS-SSF names the genome build, and the store does not say it; give it, such as GRCh38")
    return assembly


def _table(table: pa.Table) -> tuple[pa.Table, dict[str, int]]:
    names = table["chromosome"].cast(pa.string()).combine_chunks()
    known = pc.unique(names)
    number_of = pa.array([_NUMBER.get(contigs.canonical(name)) for name in known.to_pylist()], pa.int64())
    number = number_of.take(pc.index_in(names, value_set=known))
    effect, other = (table[column].cast(pa.string()).combine_chunks() for column in ("effect_allele", "other_allele"))
    estimates = ("beta", "standard_error", "neg_log_10_p_value", "effect_allele_frequency")
    has_all = np.logical_and.reduce([_bools(table[column].is_valid()) for column in estimates])
    is_bases = np.logical_and.reduce(
        [_bools(pc.fill_null(pc.match_substring_regex(column, "^[ACGTacgt]+$"), False)) for column in (effect, other)]
    )
    placed = _bools(number.is_valid())
    left_out = {
        "without an estimate": int((~has_all).sum()),
        "with alleles that are no bases": int((has_all & ~is_bases).sum()),
        "on other contigs": int((has_all & is_bases & ~placed).sum()),
    }
    rows = np.flatnonzero(has_all & is_bases & placed)
    position = np.asarray(table["base_pair_location"].to_numpy(), dtype=np.int64)
    contig = np.asarray(number.fill_null(0).to_numpy(zero_copy_only=False))
    rows = rows[np.lexsort((rows, position[rows], contig[rows]))]
    take = pa.array(rows)
    chosen = table.take(take)
    place = [number.take(take), chosen["base_pair_location"].combine_chunks(), other.take(take), effect.take(take)]
    text = [column.cast(pa.string()) for column in place]
    ids = chosen["variant_id"].combine_chunks()
    is_rs = pc.match_substring_regex(ids, "^rs[0-9]+$")
    columns = {
        "chromosome": place[0],
        "base_pair_location": place[1],
        "effect_allele": place[3],
        "other_allele": place[2],
        **{column: chosen[column].combine_chunks() for column in ("beta", "standard_error", "effect_allele_frequency")},
        "p_value": _p_text(np.asarray(chosen["neg_log_10_p_value"].to_numpy(), dtype=np.float64)),
        "variant_id": pc.binary_join_element_wise(*text, "_"),
        "rsid": pc.if_else(is_rs, ids, "#NA"),
        "n": chosen["n"].combine_chunks(),
    }
    return pa.table(columns), left_out


def _bools(column: pa.ChunkedArray | pa.Array) -> npt.NDArray[np.bool_]:
    values = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    return np.asarray(values.to_numpy(zero_copy_only=False), dtype=bool)


def _p_text(strength: npt.NDArray[np.float64]) -> pa.Array:
    """Return p as text from -log10 p: in full digits where a float holds it, else with nine."""
    with np.errstate(under="ignore"):
        words = pa.array(10.0**-strength).cast(pa.string()).to_pylist()
    for row in np.flatnonzero(strength > _EXACT_TO):
        exponent = int(np.ceil(strength[row]))
        words[row] = f"{10.0 ** (exponent - strength[row]):.9g}e-{exponent}"
    return pa.array(words, pa.string())


def _metadata(
    result: AssociationResult,
    trait: str,
    file_name: str,
    digest: str,
    assembly: str,
    left_out: Mapping[str, int],
    modified: date | None,
) -> dict[str, Any]:
    covariates = result.provenance.parameters.get("covariates")
    reasons = ", ".join(f"{count:,} {words}" for words, count in left_out.items() if count)
    facts: dict[str, Any] = {
        "date_metadata_last_modified": modified or date.today(),
        "genome_assembly": assembly,
        "coordinate_system": "1-based",
        "data_file_name": file_name,
        "file_type": FILE_TYPE,
        "data_file_md5sum": digest,
        "is_harmonised": False,
        "is_sorted": True,
        "trait_description": [trait],
        "analysis_software": result.provenance.software,
        "samples": [
            {"sample_size": result.samples_by_trait[trait], "case_control_study": result.model != "linear"},
        ],
    }
    if isinstance(covariates, list) and covariates:
        facts["adjusted_covariates"] = [str(name) for name in covariates]
    if reasons:
        facts["author_notes"] = f"rows left out: {reasons}"
    return facts
