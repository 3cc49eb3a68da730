"""Where the lines of VCF text are, and where their first ten columns begin."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

N_COLUMNS = 10


def index_records(
    data: npt.NDArray[np.uint8],
    line_start: npt.NDArray[np.int64],
    newline: npt.NDArray[np.int64],
    n_columns: int,
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return line_end int64[V], columns int64[V, 10] and problems int64[V] of records.

    Parameters
    ----------
    data
        uint8[N], text.
    line_start, newline
        int64[V]: where each line begins, and where its line feed is (or the text ends). CR before it is cut off.
    n_columns
        How many columns the header has: 8 without samples (9 are taken as well), else 9 + S. Only its first ten are
        looked for: whether a record has a call for each sample is for the reader of calls to find.
    """
    raise NotImplementedError
