"""Small arithmetic that tables of quality share."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from genomics_dc.analyses.arrow_columns import numbers, text

Floats = npt.NDArray[np.float64]


def ratio(above: npt.NDArray[Any], below: npt.NDArray[Any], missing: float = np.nan) -> Floats:
    """Return above / below as float64, `missing` where below is not above zero."""
    above, below = np.broadcast_arrays(np.asarray(above, dtype=np.float64), np.asarray(below, dtype=np.float64))
    quotient = np.full(above.shape, missing, dtype=np.float64)
    np.divide(above, below, out=quotient, where=below > 0)
    return quotient


def nullable(values: Floats) -> pa.Array:
    """Return a float column in which NaN is null."""
    return numbers(values, ~np.isfinite(values))


def words(codes: npt.NDArray[np.integer], names: list[str | None]) -> pa.DictionaryArray:
    """Return `names[code]` by row as a dictionary-encoded column; a name of None is null, and so is a code below 0."""
    known = [name for name in names if name is not None]
    place = {name: number for number, name in enumerate(known)}
    table = np.array([-1 if name is None else place[name] for name in names] or [-1], dtype=np.int32)
    indices = np.where(codes < 0, np.int32(-1), table[np.maximum(codes, 0)])
    return pa.DictionaryArray.from_arrays(numbers(indices.astype(np.int32), indices < 0), text(known or [""]))


def sparse_text(texts: dict[int, str], n: int) -> pa.Array:
    """Return a column of text that most rows do not have."""
    if not texts:
        return pa.nulls(n, pa.string())
    rows = np.array(sorted(texts), dtype=np.int64)
    indices = np.full(n, -1, dtype=np.int64)
    indices[rows] = np.arange(len(rows))
    return text([texts[row] for row in rows.tolist()]).take(numbers(indices, indices < 0))
