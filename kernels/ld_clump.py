"""Clumping of association results as `plink --clump` (1.9) does it.

From the smallest p on (the earlier row where two are equal), a variant with p <= p1 that is in no clump yet becomes an
index, and takes every variant of its window that is in none yet and whose r2 with it, by haplotype frequencies (see
ld_haplotypes), is above the threshold, whatever its p. From plink_ld.c, clump_reports: the window is open, so a variant
exactly `window_bp` away is outside.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from genomics_dc.kernels._jit import jit
from genomics_dc.kernels.ld import LdPlanes
from genomics_dc.kernels.ld_haplotypes import of_pair

NO_CLUMP = -1


def _clump(
    bits: npt.NDArray[np.uint64],
    stats: npt.NDArray[np.int64],
    n_samples: int,
    position: npt.NDArray[np.int64],
    contig: npt.NDArray[np.int64],
    order: npt.NDArray[np.int64],
    tested: npt.NDArray[np.bool_],
    window_bp: int,
    r2_min: float,
    index_of: npt.NDArray[np.int64],
    r2: npt.NDArray[np.float64],
) -> None:
    n = position.shape[0]
    for turn in range(order.shape[0]):
        index = order[turn]
        if index_of[index] >= 0:
            continue
        index_of[index] = index
        r2[index] = 1.0
        for step in (-1, 1):
            other = index + step
            while (
                0 <= other < n
                and contig[other] == contig[index]
                and (position[other] - position[index]) * step < window_bp
            ):
                if tested[other] and index_of[other] < 0:
                    d, _, value = of_pair(bits, stats, other, bits, stats, index, n_samples)
                    # false where there is no r2; a D that is only rounding is none, as PLINK has it
                    if value > r2_min and abs(d) >= 2.0**-44:
                        index_of[other] = index
                        r2[other] = value
                other += step


_clump_jit = jit(_clump)


def clump_rows(
    planes: LdPlanes,
    position: npt.NDArray[np.integer],
    contig: npt.NDArray[np.integer],
    order: npt.NDArray[np.integer],
    tested: npt.NDArray[np.bool_],
    *,
    r2: float,
    window_bp: int,
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    """Return the index variant of each variant, and its r2 with it.

    Parameters
    ----------
    planes, position, contig
        Of V variants, sorted by position within a contig.
    order
        integer: rows that may become an index, the smallest p first.
    tested
        bool[V]; what was not tested joins no clump.
    r2, window_bp
        A variant joins above this r2 and nearer than this distance.

    Returns
    -------
    int64[V] row of the index variant, `NO_CLUMP` where there is none; float64[V], 1 for an index, NaN without a clump.

    Examples
    --------
    >>> import numpy as np
    >>> from genomics_dc.kernels.genotypes import pack_dosage
    >>> from genomics_dc.kernels.ld import ld_planes
    >>> planes = ld_planes(pack_dosage(np.array([[0, 1, 2, 0], [0, 1, 2, 0], [2, 1, 1, 0]], dtype=np.int8)), 4)
    >>> everywhere, order = np.ones(3, dtype=bool), np.array([1, 2, 0])
    >>> found = clump_rows(planes, np.arange(3), np.zeros(3, dtype=int), order, everywhere, r2=0.5, window_bp=10)
    >>> found[0].tolist(), found[1].tolist()
    ([1, 1, 2], [1.0, 1.0, 1.0])
    """
    n = len(planes)
    if not (len(position) == len(contig) == len(tested) == n):
        raise ValueError(f"{n} variants need {n} positions, contigs and marks of who was tested")
    index_of, found = np.full(n, NO_CLUMP, dtype=np.int64), np.full(n, np.nan)
    _clump_jit(
        planes.bits,
        planes.stats,
        planes.n_samples,
        np.ascontiguousarray(position, dtype=np.int64),
        np.ascontiguousarray(contig, dtype=np.int64),
        np.ascontiguousarray(order, dtype=np.int64),
        np.ascontiguousarray(tested, dtype=np.bool_),
        window_bp,
        r2,
        index_of,
        found,
    )
    return index_of, found
