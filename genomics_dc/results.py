"""Frozen, Arrow-backed results: a table, and what made it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import pyarrow as pa

from genomics_dc.errors import UsageError
from genomics_dc.files import atomic_path, write_text
from genomics_dc.provenance import Provenance

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl

PROVENANCE_KEY = b"genomics_dc.provenance"


@dataclass(frozen=True, repr=False)
class Result:
    """A result table. Rows and columns are described by the subclass; missing is null, never zero."""

    table: pa.Table
    provenance: Provenance

    DISTINCT: ClassVar[frozenset[str]] = frozenset()
    """Columns of which hardly two rows are equal: Parquet then takes no dictionary, which costs more than all else."""

    def __repr__(self) -> str:
        rows, columns = self.table.num_rows, self.table.num_columns
        return f"{type(self).__name__}({rows:,} rows x {columns} columns: {', '.join(self.table.column_names)})"

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

    def write(self, path: Path | str, *, force: bool = False) -> Path:
        """Write Parquet, or TSV when the name ends with .tsv, whole or not at all; return the path.

        A TSV prints missing as NA and gets its provenance in `<path>.provenance.json`.
        """
        target = Path(path)
        if target.suffix == ".tsv":
            from pyarrow import csv

            options = csv.WriteOptions(delimiter="\t", quoting_style="none", quoting_header="none")
            with atomic_path(target, force=force) as temporary:
                csv.write_csv(_missing_as_na(self.table), temporary, options)
            write_text(Path(f"{target}.provenance.json"), self.provenance.to_json() + "\n", force=True)
        elif target.suffix == ".parquet":
            from pyarrow import parquet

            with atomic_path(target, force=force) as temporary:
                # Floats hardly repeat: a dictionary of them, their extremes and their compression took most of
                # the time to write a hundred traits, and saved a third of the space.
                floating = {field.name: pa.types.is_floating(field.type) for field in self.table.schema}
                repeating = [name for name, is_float in floating.items() if not is_float]
                parquet.write_table(
                    self.to_arrow(),
                    temporary,
                    compression={name: "none" if is_float else "zstd" for name, is_float in floating.items()},
                    use_dictionary=[name for name in repeating if name not in self.DISTINCT],
                    write_statistics=repeating,
                )
        else:
            raise UsageError(f"{target}: the name of a result ends with .parquet or .tsv")
        return target


def _missing_as_na(table: pa.Table) -> pa.Table:
    """Return the table as text columns in which null is NA, for programs that read an empty cell as zero."""
    import pyarrow.compute as pc

    columns = [pc.fill_null(pc.cast(column, pa.string()), "NA") for column in table.columns]
    return pa.table(columns, names=table.column_names)
