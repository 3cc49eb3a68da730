"""Arrays that begin where a line of the cache does: vectors that cross lines are read twice."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from genomics_dc.kernels._jit import jit

_LINE_BYTES = 64


def on_lines(shape: tuple[int, ...], dtype: type[np.number[Any]]) -> npt.NDArray[Any]:
    """Return zeros that begin on a line; so do the rows, where their bytes are a multiple of 64.

    Examples
    --------
    >>> import numpy as np
    >>> on_lines((2, 16), np.float32).ctypes.data % 64
    0
    """
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    room = np.zeros(size + _LINE_BYTES, dtype=np.uint8)
    begin = -room.ctypes.data % _LINE_BYTES
    return room[begin : begin + size].view(dtype).reshape(shape)


def _floats_on_lines(size: int) -> npt.NDArray[np.float64]:
    """Return zeros that begin on a line, for jitted code."""
    room = np.zeros(size + _LINE_BYTES // 8)
    first = -room.ctypes.data % _LINE_BYTES // 8
    return room[first : first + size]


floats_on_lines_jit = jit(_floats_on_lines)
