"""Values of a batch of records put into the tiles of a chunked array, in the narrowest type that holds them.

Letters: V records, S samples, W values in a call, T and U the records and samples of a tile. A tile is larger than what
is put into it where an array ends inside it; what is not written here keeps what it held.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from genomics_dc.kernels._jit import jit

INT_MISSING = -(2**31)
INT_FILL = -(2**31) + 1


def put_integers(
    values: npt.NDArray[np.int32],
    first_sample: int,
    n_samples: int,
    tile: npt.NDArray[Any],
    missing: Any,
    fill: Any,
) -> None:
    """Copy int32[V, S, W] of some samples into a tile [T, U, X], BCF's two sentinels as `missing` and `fill`.

    X is W or more; the places past W become `fill`. The type of `tile` must hold every value: who calls this knows the
    least and the greatest (a type that does not is refused, unless values say so themselves: nothing here wraps).

    Raises
    ------
    ValueError
        When the tile is smaller than what is put into it.
    """
    _check(values.shape, first_sample, n_samples, tile)
    _put_integers(
        values.reshape(values.shape[0], -1),
        first_sample,
        n_samples,
        values.shape[2],
        tile.reshape(tile.shape[0], -1),
        tile.shape[2],
        tile.dtype.type(missing),
        tile.dtype.type(fill),
    )


def _check(shape: tuple[int, ...], first_sample: int, n_samples: int, tile: npt.NDArray[Any]) -> None:
    n_records, all_samples, width = shape
    if (
        n_records > tile.shape[0]
        or n_samples > tile.shape[1]
        or width > tile.shape[2]
        or first_sample + n_samples > all_samples
    ):
        raise ValueError(
            f"a tile of {tile.shape} cannot take {n_records} x {n_samples} x {width} values, "
            f"samples from {first_sample} of {all_samples}"
        )


@jit
def _put_integers(
    values: npt.NDArray[np.int32],
    first_sample: int,
    n_samples: int,
    width: int,
    tile: npt.NDArray[Any],
    tile_width: int,
    missing: Any,
    fill: Any,
) -> None:
    begin = first_sample * width
    n = n_samples * width
    for v in range(values.shape[0]):
        row = values[v, begin : begin + n]
        out = tile[v]
        if width == tile_width:
            for i in range(n):
                x = row[i]
                # a cast, not a wrap: x stands in the type's range unless it is one of the two
                out[i] = missing if x == INT_MISSING else (fill if x == INT_FILL else out.dtype.type(x))
        else:
            for s in range(n_samples):
                for w in range(width):
                    x = row[s * width + w]
                    out[s * tile_width + w] = (
                        missing if x == INT_MISSING else (fill if x == INT_FILL else out.dtype.type(x))
                    )
                for w in range(width, tile_width):
                    out[s * tile_width + w] = fill
