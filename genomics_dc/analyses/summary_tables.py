"""Association results as tables: from memory, from Parquet and from text, of this software and of others."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from genomics_dc.errors import InputError, UsageError
from genomics_dc.files import sha256_file
from genomics_dc.results import Result

ID_COLUMNS = ("variant_id", "ID", "SNP")
P_COLUMNS = ("p_value", "P")
STRENGTH_COLUMN = "neg_log_10_p_value"
TRAIT_COLUMN = "trait"
# Columns that a reader would take for numbers in a file where all of them look so.
_TEXT_COLUMNS = (*ID_COLUMNS, TRAIT_COLUMN, "chromosome", "effect_allele", "other_allele", "rsid")


def read_association(association: Any) -> tuple[pa.Table, dict[str, str]]:
    """Return an association result as an Arrow table, and the hash of the file when it is one.

    A result of `associate`, a pandas, polars or Arrow table, or a .parquet, .tsv (.gz too) or PLINK .glm file; of a
    PLINK 2 table the rows of the variants' own tests, where it has those of covariates too. Missing is an empty cell,
    NA, #NA or nan.
    """
    table, inputs = _read(association)
    return (table.filter(pc.equal(table["TEST"], "ADD")) if "TEST" in table.column_names else table), inputs


def _read(association: Any) -> tuple[pa.Table, dict[str, str]]:
    if isinstance(association, Result):
        return association.table, {}
    if isinstance(association, pa.Table):
        return association, {}
    if isinstance(association, (str, Path)):
        path = Path(association)
        if not path.is_file():
            raise InputError(f"{path} does not exist; give an association result (.parquet, .tsv or .glm.…)")
        if path.suffix == ".parquet":
            from pyarrow import parquet

            return parquet.read_table(path), {str(path): sha256_file(path)}
        from pyarrow import csv

        text = {name: pa.string() for name in _TEXT_COLUMNS}
        options = csv.ConvertOptions(
            column_types=text, null_values=["NA", "", "nan", "NaN", "#NA"], strings_can_be_null=True
        )
        try:
            table = csv.read_csv(path, parse_options=csv.ParseOptions(delimiter="\t"), convert_options=options)
        except pa.ArrowInvalid as error:
            raise InputError(f"{path} is not a table separated by tabs: {error}") from error
        return table, {str(path): sha256_file(path)}
    if hasattr(association, "to_arrow"):
        return association.to_arrow(), {}
    try:
        return pa.Table.from_pandas(association, preserve_index=False), {}
    except (TypeError, AttributeError) as error:
        raise UsageError(
            f"an association result is a table or a file's path, not {type(association).__name__}"
        ) from error


def of_trait(table: pa.Table, trait: str | None) -> pa.Table:
    """Return the rows of one trait; its name may be left out where there is only one."""
    if TRAIT_COLUMN not in table.column_names:
        if trait is not None:
            raise UsageError(f"the association result has no column trait, so trait {trait} cannot be chosen")
        return table
    names = [str(name) for name in pc.unique(table[TRAIT_COLUMN].cast(pa.string())).to_pylist()]
    if trait is None:
        if len(names) > 1:
            raise UsageError(f"the association result has {len(names)} traits; name one of {', '.join(names[:5])}")
        return table
    if trait not in names:
        raise UsageError(f"{trait} is not a trait of the association result; it has {', '.join(names[:5])}")
    return table.filter(pc.equal(table[TRAIT_COLUMN].cast(pa.string()), trait))


def required_column(table: pa.Table, names: tuple[str, ...], what: str) -> pa.ChunkedArray:
    """Return the first of these columns that the table has; InputError when it has none of them."""
    for name in names:
        if name in table.column_names:
            return table[name]
    raise InputError(
        f"the association result has no column of {what} ({', '.join(names)}); it has "
        f"{', '.join(table.column_names[:12])}"
    )


def numbers(column: pa.ChunkedArray, what: str) -> npt.NDArray[np.float64]:
    """Return a column as float64, NaN where missing; InputError when a cell of it is no number."""
    try:
        return np.asarray(column.cast(pa.float64()).to_numpy(), dtype=np.float64)
    except pa.ArrowInvalid as error:
        raise InputError(f"{what} of the association result is not a number: {error}") from error
