"""The fixation index of groups of samples: numerators and denominators by variant, and the block jackknife.

Hudson's estimator as in G. Bhatia et al., "Estimating and interpreting FST: the impact of rare variants", Genome Res.
23:1514-1521 (2013), equations 9 and 10; B. S. Weir and C. C. Cockerham, "Estimating F-statistics for the analysis of
population structure", Evolution 38:1358-1370 (1984), equations 2 to 4. Over many variants the index is the ratio of the
sums (Bhatia et al., equation 11), never the mean of the ratios.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from genomics_dc.kernels._jit import jit
from genomics_dc.kernels.genotypes import packed_width

_Floats = npt.NDArray[np.float64]
_Counts = npt.NDArray[np.int32]


def _group_counts(packed: npt.NDArray[np.uint8], group: npt.NDArray[np.int64], counts: _Counts) -> None:
    for v in range(packed.shape[0]):
        for s in range(group.shape[0]):
            g = group[s]
            if g >= 0:
                code = (packed[v, s >> 2] >> np.uint8(2 * (s & 3))) & np.uint8(3)
                counts[v, g, code] += 1


_group_counts_jit = jit(_group_counts)


def group_counts(packed: npt.NDArray[np.uint8], group: npt.NDArray[np.integer], n_groups: int) -> _Counts:
    """Return how many samples of each group have 0, 1, 2 copies and no call, int32[V, G, 4].

    `packed` uint8[V, ceil(S / 4)] as `kernels.genotypes` packs it; `group` integer[S] from 0 to G - 1, -1 for none.

    Examples
    --------
    >>> import numpy as np
    >>> group_counts(np.array([[0b100100]], dtype=np.uint8), np.array([0, 0, 1]), 2).tolist()
    [[[1, 1, 0, 0], [0, 0, 1, 0]]]
    """
    number = np.ascontiguousarray(group, dtype=np.int64)
    if packed.ndim != 2 or packed.shape[1] != packed_width(len(number)):
        raise ValueError(f"packed {packed.shape} does not fit {len(number)} samples")
    if number.size and number.max() >= n_groups:
        raise ValueError(f"group {number.max()} is not below {n_groups}")
    counts = np.zeros((len(packed), n_groups, 4), dtype=np.int32)
    _group_counts_jit(packed, number, counts)
    return counts


def hudson(counts: _Counts, first: npt.NDArray[np.integer], second: npt.NDArray[np.integer]) -> tuple[_Floats, _Floats]:
    """Return numerator and denominator of Hudson's index of pairs of groups, float64[V, pairs].

    `counts` int32[V, G, 4]; `first` and `second` integer[pairs]. NaN where a group has fewer than 2 alleles called, or
    all alleles of both are the same.
    """
    copies = 2.0 * counts[:, :, :3].sum(axis=2)
    alt = (counts[:, :, 1] + 2.0 * counts[:, :, 2]) / np.where(copies > 0, copies, 1.0)
    within = alt * (1.0 - alt) / np.where(copies > 1, copies - 1.0, 1.0)
    p, q = alt[:, first], alt[:, second]
    above = (p - q) ** 2 - within[:, first] - within[:, second]
    below = p * (1.0 - q) + q * (1.0 - p)
    known = (copies[:, first] > 1) & (copies[:, second] > 1) & (below > 0)
    return np.where(known, above, np.nan), np.where(known, below, np.nan)


def weir_cockerham(counts: _Counts) -> tuple[_Floats, _Floats]:
    """Return a and a + b + c of Weir and Cockerham over all groups together, float64[V].

    `counts` int32[V, G, 4] of diploid calls. Groups without a call do not take part; NaN where fewer than two are left,
    there is one call in each, or all alleles are the same.
    """
    n = counts[:, :, :3].sum(axis=2).astype(np.float64)
    some = np.where(n > 0, n, 1.0)
    p = (counts[:, :, 1] + 2.0 * counts[:, :, 2]) / (2.0 * some)
    het = counts[:, :, 1] / some
    groups = (n > 0).sum(axis=1).astype(np.float64)
    total = n.sum(axis=1)
    usable = (groups > 1) & (total > groups)
    r, whole = np.where(usable, groups, 2.0), np.where(usable, total, 4.0)
    mean_n = whole / r
    n_c = (whole - (n**2).sum(axis=1) / whole) / (r - 1.0)
    n_c = np.where(usable, n_c, 1.0)
    mean_p = (n * p).sum(axis=1) / whole
    spread = (n * (p - mean_p[:, None]) ** 2).sum(axis=1) / ((r - 1.0) * mean_n)
    mean_het = (n * het).sum(axis=1) / whole
    inside = mean_p * (1.0 - mean_p) - (r - 1.0) / r * spread
    a = mean_n / n_c * (spread - (inside - mean_het / 4.0) / (mean_n - 1.0))
    b = mean_n / (mean_n - 1.0) * (inside - (2.0 * mean_n - 1.0) / (4.0 * mean_n) * mean_het)
    below = a + b + mean_het / 2.0
    known = usable & (mean_p > 0) & (mean_p < 1)
    return np.where(known, a, np.nan), np.where(known, below, np.nan)


def add_blocks(
    above: _Floats, below: _Floats, size: int, n_before: npt.NDArray[np.int64], sums: tuple[_Floats, _Floats]
) -> None:
    """Add numerators and denominators [V, columns] to `sums` [blocks, columns] each, in place.

    A block of a column holds `size` variants that are known there, `n_before` int64[columns] of which came before; it
    gains those of this call.
    """
    for column in range(above.shape[1]):
        known = np.flatnonzero(np.isfinite(below[:, column]))
        block = (n_before[column] + np.arange(len(known))) // size
        for values, total in zip((above, below), sums, strict=True):
            total[:, column] += np.bincount(block, weights=values[known, column], minlength=len(total))
        n_before[column] += len(known)


def jackknife(above: _Floats, below: _Floats, n: npt.NDArray[np.integer]) -> tuple[_Floats, _Floats]:
    """Return the ratio of sums over blocks and its standard error, float64[columns], by leaving one block out.

    `above` and `below` float64[blocks, columns], `n` integer of the same shape: the variants of a block. Blocks of
    unequal sizes are weighed (F. M. T. A. Busing, E. Meijer and R. van der Leeden, "Delete-m jackknife for unequal m",
    Stat. Comput. 9:3-8, 1999), as `plink2 --fst` does. NaN where nothing is below; an error needs two blocks.

    Examples
    --------
    >>> import numpy as np
    >>> ratio, error = jackknife(np.array([[1.0], [3.0]]), np.array([[10.0], [10.0]]), np.array([[5], [5]]))
    >>> ratio.tolist(), error.round(3).tolist()
    ([0.2], [0.1])
    """
    total_above, total_below = above.sum(axis=0), below.sum(axis=0)
    ratio = np.divide(total_above, total_below, out=np.full(total_above.shape, np.nan), where=total_below > 0)
    error = np.full(ratio.shape, np.nan)
    for column in np.flatnonzero(total_below > 0):
        used = n[:, column] > 0
        left = total_below[column] - below[used, column]
        size, whole = n[used, column].astype(np.float64), float(n[:, column].sum())
        if used.sum() < 2 or (left <= 0).any():
            continue
        without = (total_above[column] - above[used, column]) / left
        share = whole / size
        pseudo = share * ratio[column] - (share - 1.0) * without
        centre = len(size) * ratio[column] - ((1.0 - size / whole) * without).sum()
        error[column] = np.sqrt(((pseudo - centre) ** 2 / (share - 1.0)).mean())
    return ratio, error
