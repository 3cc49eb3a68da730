"""Numbers as a store has them, written as BCF has them: missing and fill are other values there."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from genomics_dc.kernels._jit import borrowing_jit
from genomics_dc.kernels.vcf.render_values import FLOAT_FILL_BITS, FLOAT_MISSING_BITS, INT_FILL, INT_MISSING


@borrowing_jit
def widen_integers(values: npt.NDArray[Any], out: npt.NDArray[np.int32]) -> None:
    """Write VCF Zarr integers (-1 missing, -2 fill) as BCF has them. `values` and `out` are one-dimensional."""
    for i in range(values.shape[0]):
        value = np.int32(values[i])
        out[i] = np.int32(INT_MISSING) if value == -1 else np.int32(INT_FILL) if value == -2 else value


@borrowing_jit
def whole_numbers(bits: npt.NDArray[np.uint64], values: npt.NDArray[np.float64], out: npt.NDArray[np.int32]) -> None:
    """Write integers kept as float64 (see `store.schema`) as BCF has them. `bits` is `values` seen as uint64."""
    for i in range(values.shape[0]):
        if values[i] == values[i]:
            out[i] = np.int32(values[i])
        else:
            out[i] = INT_FILL if bits[i] == np.uint64(0x7FF0000000000002) else INT_MISSING


@borrowing_jit
def float_bits(bits: npt.NDArray[np.uint64], values: npt.NDArray[np.float64], out: npt.NDArray[np.int32]) -> None:
    """Write float64 as the bits of float32, missing and fill as BCF has them."""
    single = out.view(np.float32)
    for i in range(values.shape[0]):
        if bits[i] == np.uint64(0x7FF0000000000001):
            out[i] = FLOAT_MISSING_BITS
        elif bits[i] == np.uint64(0x7FF0000000000002):
            out[i] = FLOAT_FILL_BITS
        else:
            single[i] = np.float32(values[i])
