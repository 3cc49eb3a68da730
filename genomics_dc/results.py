"""Frozen, Arrow-backed results: a table, and what made it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from genomics_dc.errors import MissingExtraError, UsageError
from genomics_dc.files import atomic_path, write_text
from genomics_dc.provenance import Provenance

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl
    import xarray as xr

PROVENANCE_KEY = b"genomics_dc.provenance"
_TRAITS_SHOWN = 5


@dataclass(frozen=True, repr=False)
class Result:
    """A result table. Rows and columns are described by the subclass; missing is null, never zero."""

    table: pa.Table
    provenance: Provenance

    DISTINCT: ClassVar[frozenset[str]] = frozenset()
    """Columns of which hardly two rows are equal: Parquet then takes no dictionary, which costs more than all else."""

    def __repr__(self) -> str:
        rows, columns = self.table.num_rows, self.table.num_columns
        shape = f"{rows:,} rows x {columns} columns: {', '.join(self.table.column_names)}"
        return described(self, {"": shape, **self.facts()})

    def _repr_html_(self) -> str:
        rows, columns = f"{self.table.num_rows:,}", ", ".join(self.table.column_names)
        return described_html(self, {"rows": rows, "columns": columns, **self.facts()})

    def facts(self) -> dict[str, str]:
        """Return what the result was made of, in words: samples, variants, traits, and the time that it took."""
        known = self.provenance.parameters
        found = {name: f"{known[f'n_{name}']:,}" for name in ("variants", "samples") if f"n_{name}" in known}
        traits = known.get("traits")
        if isinstance(traits, list):
            more = len(traits) - _TRAITS_SHOWN
            shown = ", ".join(str(name) for name in traits[:_TRAITS_SHOWN])
            found["traits"] = f"{shown} and {more:,} more" if more > 0 else shown
        return found | elapsed(self)

    def __len__(self) -> int:
        return int(self.table.num_rows)

    def to_arrow(self) -> pa.Table:
        """Return the Arrow table, with the provenance in its schema metadata."""
        metadata = {**(self.table.schema.metadata or {}), PROVENANCE_KEY: self.provenance.to_json().encode()}
        return self.table.replace_schema_metadata(metadata)

    def to_pandas(self) -> pd.DataFrame:
        """Return a pandas frame."""
        return self.table.to_pandas()

    def to_polars(self) -> pl.DataFrame:
        """Return a polars frame."""
        import polars

        frame = polars.from_arrow(self.table)
        assert isinstance(frame, polars.DataFrame)
        return frame

    def to_xarray(self) -> xr.Dataset:
        """Return an xarray Dataset: a variable for each column along `row`, the provenance as JSON in its attributes.

        Missing is NaN.
        """
        return dataset(along(self.table, "row"), {}, self.provenance)

    def write(self, path: Path | str, *, force: bool = False, threads: int | None = None) -> Path:
        """Write Parquet, or TSV when the name ends with .tsv, whole or not at all; return the path.

        In Parquet, columns that several traits share are stored once; the bytes are the same for any number of threads,
        which is that of all processors when None. A TSV prints missing as NA and gets its provenance in
        `<path>.provenance.json`.
        """
        target = Path(path)
        if target.suffix == ".tsv":
            from pyarrow import csv

            options = csv.WriteOptions(delimiter="\t", quoting_style="none", quoting_header="none")
            with atomic_path(target, force=force) as temporary:
                csv.write_csv(_missing_as_na(self.table), temporary, options)
            write_text(Path(f"{target}.provenance.json"), self.provenance.to_json() + "\n", force=True)
        elif target.suffix == ".parquet":
            from genomics_dc.parquet import write_repeating

            with atomic_path(target, force=force) as temporary:
                write_repeating(self.to_arrow(), temporary, threads=threads, distinct=self.DISTINCT)
        else:
            raise UsageError(f"{target}: the name of a result ends with .parquet or .tsv")
        return target


def along(table: pa.Table, dimension: str) -> dict[str, tuple[str, npt.NDArray[Any]]]:
    """Return the columns of a table as variables along one dimension; missing is NaN, or None in text."""
    return {name: (dimension, _values(table[name])) for name in table.column_names}


def _values(column: pa.ChunkedArray) -> npt.NDArray[Any]:
    kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return np.array(column.to_pylist(), dtype=object)
    return np.asarray(column.to_numpy())


def dataset(variables: Mapping[str, Any], coordinates: Mapping[str, Any], provenance: Provenance) -> xr.Dataset:
    """Return an xarray Dataset with its provenance; raise MissingExtraError where xarray is not installed."""
    try:
        import xarray
    except ImportError:
        raise MissingExtraError("to_xarray needs xarray; install genomics_dc[xarray]") from None
    return xarray.Dataset(variables, coordinates, {"provenance": provenance.to_json()})


def took(answer: Any, elapsed_s: float) -> None:
    """Remember on an answer how long it took: for who looks at it, and never written with it."""
    if hasattr(answer, "__dict__"):
        answer.__dict__["_elapsed_s"] = elapsed_s


def elapsed(answer: Any) -> dict[str, str]:
    """Return the time that `took` remembered, in words, or nothing."""
    seconds = getattr(answer, "_elapsed_s", None)
    return {} if seconds is None else {"time": f"{seconds:.2g} s" if seconds < 10 else f"{seconds:,.0f} s"}


def described(thing: object, facts: Mapping[str, str]) -> str:
    """Return one line that says what an object is: "Name(shape; samples 2,504; time 0.4 s)"."""
    return f"{type(thing).__name__}({'; '.join(f'{name} {value}'.strip() for name, value in facts.items())})"


def described_html(thing: object, facts: Mapping[str, str]) -> str:
    """Return the same as a small table for a notebook."""
    rows = "".join(
        f"<tr><th style='text-align:left'>{escape(name)}</th><td style='text-align:left'>{escape(value)}</td></tr>"
        for name, value in facts.items()
    )
    return f"<table><caption style='text-align:left'><b>{escape(type(thing).__name__)}</b></caption>{rows}</table>"


def _missing_as_na(table: pa.Table) -> pa.Table:
    """Return the table as text columns in which null is NA, for programs that read an empty cell as zero."""
    import pyarrow.compute as pc

    columns = [pc.fill_null(pc.cast(column, pa.string()), "NA") for column in table.columns]
    return pa.table(columns, names=table.column_names)
