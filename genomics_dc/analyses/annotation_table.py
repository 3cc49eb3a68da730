"""A table of consequences, held against the store that it was made from."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from genomics_dc.analyses.alleles import Alleles
from genomics_dc.errors import InputError, UsageError
from genomics_dc.files import sha256_file
from genomics_dc.reference.so_terms import SEVERITY, rank
from genomics_dc.results import PROVENANCE_KEY, Result

if TYPE_CHECKING:
    from genomics_dc.store.read import StoreView

_COLUMNS = ("contig", "position", "ref", "alt", "gene", "so_terms")
_TABLE = "consequences.parquet"


@dataclass(frozen=True, repr=False)
class AlleleConsequences:
    """One row per allele of a view and gene that it touches: the most severe term over the gene's transcripts.

    `row` int64 is the allele's row in `Alleles`, `gene` the number in `genes`, `term` the number in
    `reference.so_terms.SEVERITY`. Sorted by row, then gene. `genes` are all those of the table, sorted by name.
    """

    row: npt.NDArray[np.int64]
    gene: npt.NDArray[np.int64]
    term: npt.NDArray[np.int64]
    genes: tuple[str, ...]
    inputs: dict[str, str]


def read_consequences(
    view: StoreView, alleles: Alleles, annotation: Any, *, canonical: bool = False
) -> AlleleConsequences:
    """Return what the alleles of a view do to genes.

    Parameters
    ----------
    annotation
        A folder that `genomics-dc annotate` made, its `consequences.parquet`, or that table in memory (Arrow, pandas,
        polars or a result): contig, position (one-based), ref, alt, gene, so_terms (most severe first).
    canonical
        Take each gene's canonical transcript only.

    Raises
    ------
    InputError
        When the table was made from another store, or lacks a column.
    """
    import polars as pl

    table, inputs = _table(annotation)
    absent = [name for name in (*_COLUMNS, *(("canonical",) if canonical else ())) if name not in table.column_names]
    if absent:
        raise InputError(
            f"the annotation table lacks the column {', '.join(absent)}; give consequences.parquet of the folder that "
            "`genomics-dc annotate` makes"
        )
    made_from = _store_hash(table)
    if made_from is not None and made_from != view.store_hash:
        raise InputError(
            f"the annotation was made from another store (hash {made_from[:12]}…) than {view.path} (hash "
            f"{view.store_hash[:12]}…), or from it before it changed; annotate this store with `genomics-dc annotate`"
        )
    if canonical:
        table = table.filter(table["canonical"])
    severity = {term: rank(term) for term in SEVERITY}
    frame = pl.from_arrow(table.select(list(_COLUMNS)))
    assert isinstance(frame, pl.DataFrame)
    effects = frame.filter(pl.col("gene").is_not_null() & (pl.col("gene") != "")).select(
        pl.col("contig").cast(pl.String),
        pl.col("position").cast(pl.Int64),
        pl.col("ref").str.to_uppercase(),
        pl.col("alt").str.to_uppercase(),
        "gene",
        # a term that Ensembl does not list ranks last
        pl.col("so_terms")
        .list.first()
        .replace_strict(severity, default=len(SEVERITY) - 1, return_dtype=pl.Int64)
        .alias("term"),
    )
    genes = sorted(set(effects["gene"].to_list()))
    columns = alleles.columns
    ours = pl.DataFrame(
        {
            "contig": pl.from_arrow(columns["chromosome"]),
            "position": pl.from_arrow(columns["base_pair_location"]),
            "ref": pl.from_arrow(columns["ref"]),
            "alt": pl.from_arrow(columns["alt"]),
        }
    ).with_columns(
        pl.col("ref").str.to_uppercase(), pl.col("alt").str.to_uppercase(), pl.int_range(pl.len()).alias("row")
    )
    number = {name: k for k, name in enumerate(genes)}
    joined = (
        ours.join(effects, on=["contig", "position", "ref", "alt"], how="inner")
        .group_by("row", "gene")
        .agg(pl.col("term").min())
        .with_columns(
            pl.col("gene").replace_strict(number, return_dtype=pl.Int64) if number else pl.lit(0).alias("gene")
        )
        .sort("row", "gene")
    )
    row, gene, term = (joined[name].to_numpy().astype(np.int64) for name in ("row", "gene", "term"))
    return AlleleConsequences(row, gene, term, tuple(genes), inputs)


def _table(annotation: Any) -> tuple[pa.Table, dict[str, str]]:
    if isinstance(annotation, Result):
        return annotation.to_arrow(), {}
    if isinstance(annotation, pa.Table):
        return annotation, {}
    if isinstance(annotation, (str, Path)):
        from pyarrow import parquet

        path = Path(annotation) / _TABLE if Path(annotation).is_dir() else Path(annotation)
        try:
            return parquet.read_table(path), {"annotation": sha256_file(path)}
        except FileNotFoundError:
            raise InputError(f"{path} does not exist; make it with `genomics-dc annotate`") from None
        except pa.ArrowInvalid as error:
            raise InputError(
                f"{path} is not a Parquet table ({error}); give a folder made by `genomics-dc annotate`"
            ) from None
    if hasattr(annotation, "to_arrow"):
        return annotation.to_arrow(), {}
    try:
        return pa.Table.from_pandas(annotation, preserve_index=False), {}
    except (TypeError, AttributeError):
        raise UsageError(
            f"an annotation is a folder, a Parquet file or a table, not {type(annotation).__name__}"
        ) from None


def _store_hash(table: pa.Table) -> str | None:
    """Return the hash of the store that the table says it was made from, None where it says nothing."""
    text = (table.schema.metadata or {}).get(PROVENANCE_KEY)
    found = None if text is None else json.loads(text).get("store_hash")
    return None if found is None else str(found)
