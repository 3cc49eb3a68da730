"""What the variants that a sample lacks would have added to the normal equations of a least-squares fit."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from genomics_dc.kernels._jit import jit
from genomics_dc.kernels.genotypes import packed_width

_Floats = npt.NDArray[np.float64]


def _add_missing_gram(
    packed: npt.NDArray[np.uint8], directions: _Floats, gram: _Floats, n_missing: npt.NDArray[np.int64]
) -> None:
    n_samples, k = gram.shape[0], gram.shape[1]
    for v in range(packed.shape[0]):
        for b in range(packed.shape[1]):
            byte = packed[v, b]
            if (byte & (byte >> np.uint8(1)) & np.uint8(0x55)) == 0:
                continue
            for place in range(4):
                s = 4 * b + place
                if s < n_samples and (byte >> np.uint8(2 * place)) & np.uint8(3) == 3:
                    n_missing[s] += 1
                    for i in range(k):
                        for j in range(k):
                            gram[s, i, j] += directions[v, i] * directions[v, j]


_add_missing_gram_jit = jit(_add_missing_gram)


def add_missing_gram(
    packed: npt.NDArray[np.uint8], directions: _Floats, gram: _Floats, n_missing: npt.NDArray[np.int64]
) -> None:
    """Add d d' of each variant at which a sample has no call to `gram` float64[S, k, k], in place.

    `packed` uint8[V, ceil(S / 4)] as `kernels.genotypes` packs it, `directions` float64[V, k]; `n_missing` int64[S]
    gains the number of these variants.

    Examples
    --------
    >>> import numpy as np
    >>> gram, n_missing = np.zeros((2, 1, 1)), np.zeros(2, dtype=np.int64)
    >>> add_missing_gram(np.array([[0b1100]], dtype=np.uint8), np.array([[3.0]]), gram, n_missing)
    >>> gram.ravel().tolist(), n_missing.tolist()
    ([0.0, 9.0], [0, 1])
    """
    n_samples = len(gram)
    if packed.shape[1] != packed_width(n_samples) or len(packed) != len(directions):
        raise ValueError(f"packed {packed.shape} does not fit {n_samples} samples and {len(directions)} variants")
    _add_missing_gram_jit(packed, np.ascontiguousarray(directions), gram, n_missing)
