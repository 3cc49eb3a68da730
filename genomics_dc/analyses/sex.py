"""The sex of samples from a table: 1 male, 2 female."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from genomics_dc.analyses.sample_table import MISSING_WORDS, SampleTable
from genomics_dc.errors import InputError

COLUMN_NAMES = ("sex", "SEX", "Sex")
_WORDS: Mapping[str, float] = {"m": 1.0, "male": 1.0, "f": 2.0, "female": 2.0}


def sex_of(
    tables: Sequence[SampleTable], sample_ids: Sequence[str], name: str | None = None
) -> npt.NDArray[np.float64] | None:
    """Return float64[S], 1 male, 2 female, NaN not known; None when no table has the column.

    Parameters
    ----------
    name
        The column; one called sex, SEX or Sex when None. It holds M or male and F or female; or 1 (male) and 2
        (female), 0 not known, as PLINK has it; or 0 (female) and 1 (male), when no 2 is there.

    Raises
    ------
    InputError
        When a named column is in no table, or holds anything else.
    """
    wanted = COLUMN_NAMES if name is None else (name,)
    for table in tables:
        for column in wanted:
            if column in table.cells:
                return _read(table, column, sample_ids)
    if name is not None:
        raise InputError(f"{', '.join(table.source for table in tables)}: there is no column {name} with the sex")
    return None


def _read(table: SampleTable, column: str, sample_ids: Sequence[str]) -> npt.NDArray[np.float64]:
    cells = table.cells[column]
    words = [
        "" if cell is None else str(cell).strip().lower()
        for cell in (cells.to_pylist() if hasattr(cells, "to_pylist") else cells)
    ]
    values = np.full(len(words), np.nan)
    for row, word in enumerate(words):
        if word in MISSING_WORDS:
            continue
        values[row] = _WORDS.get(word, np.nan)
        if np.isnan(values[row]):
            number = {"0": 0.0, "0.0": 0.0, "1": 1.0, "1.0": 1.0, "2": 2.0, "2.0": 2.0}.get(word)
            if number is None:
                raise InputError(
                    f"{table.source}: column {column} must hold the sex as M and F, 1 (male) and 2 (female), or 0 "
                    "(female) and 1 (male); it holds something else"
                )
            values[row] = number
    if not (values == 2.0).any():
        values[values == 0.0] = 2.0
    values[values == 0.0] = np.nan
    position = {name: row for row, name in enumerate(sample_ids)}
    found = np.full(len(sample_ids), np.nan)
    for name, value in zip(table.sample_ids, values.tolist(), strict=True):
        if name in position:
            found[position[name]] = value
    return found
