"""Sums of FORMAT numbers by sample: depth and quality by kind of contig, and how reads fall at heterozygous calls.

Letters: V variants, S samples, P ploidy, A alleles, K kinds of contig. All sums are of integers.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from genomics_dc.kernels._jit import jit
from genomics_dc.kernels.counts import Genotypes, checked_genotypes

BALANCE_UNITS = 1 << 16
"""What a share of reads of 1 is in the sums."""


def _sum_by_kind(
    values: npt.NDArray[Any],
    kind: npt.NDArray[np.int8],
    units: float,
    total: npt.NDArray[np.int64],
    number: npt.NDArray[np.int64],
) -> None:
    for v in range(values.shape[0]):
        sums = total[kind[v]]
        there = number[kind[v]]
        for s in range(values.shape[1]):
            value = values[v, s]
            if value >= 0:  # missing and fill are below zero, or NaN
                sums[s] += np.int64(np.rint(value * units))
                there[s] += 1


def _balance(
    genotype: Genotypes,
    depth: npt.NDArray[Any],
    reads_min: int,
    share_min: float,
    share_max: float,
    number: npt.NDArray[np.int64],
    total: npt.NDArray[np.int64],
    off: npt.NDArray[np.int64],
    outside: npt.NDArray[np.int64],
) -> None:
    for v in range(genotype.shape[0]):
        for s in range(genotype.shape[1]):
            a = genotype[v, s, 0]
            b = genotype[v, s, 1]
            if a < 0 or b < 0 or a == b or a >= depth.shape[2] or b >= depth.shape[2]:
                continue
            lower = a if a < b else b
            upper = b if a < b else a
            first = depth[v, s, lower]
            second = depth[v, s, upper]
            if first < 0 or second < 0 or first + second < reads_min or first + second == 0:
                continue
            share = second / (first + second)
            number[s] += 1
            total[s] += np.int64(np.rint(share * BALANCE_UNITS))
            off[s] += np.int64(np.rint(abs(share - 0.5) * BALANCE_UNITS))
            outside[s] += share < share_min or share > share_max


_sum_by_kind_jit = jit(_sum_by_kind)
_balance_jit = jit(_balance)


def sums_by_kind(
    values: npt.NDArray[Any], kind: npt.NDArray[np.int8], n_kinds: int, units: float
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return the sum of a FORMAT number, in parts of 1 / `units`, and how many calls have it, by kind and sample.

    Parameters
    ----------
    values
        integer or float [V, S]; below zero and NaN are missing.
    kind
        int8[V], 0 to `n_kinds` - 1.

    Returns
    -------
    int64[K, S], int64[K, S]

    Examples
    --------
    >>> import numpy as np
    >>> total, number = sums_by_kind(np.array([[10, -1], [20, 5]], np.int16), np.zeros(2, np.int8), 1, 1.0)
    >>> total.tolist(), number.tolist()
    ([[30, 5]], [[2, 1]])
    """
    if values.ndim != 2 or kind.shape != values.shape[:1]:
        raise ValueError(f"values must have shape (V, S) and kind (V,), not {values.shape} and {kind.shape}")
    total = np.zeros((n_kinds, values.shape[1]), dtype=np.int64)
    number = np.zeros_like(total)
    _sum_by_kind_jit(np.ascontiguousarray(values), np.ascontiguousarray(kind), units, total, number)
    return total, number


def allele_balance(
    genotype: Genotypes, depth: npt.NDArray[Any], reads_min: int, share_min: float, share_max: float
) -> npt.NDArray[np.int64]:
    """Return how the reads of heterozygous calls fall on their two alleles, by sample.

    Parameters
    ----------
    genotype
        integer[V, S, 2] allele numbers; a call that is not two different alleles is left out.
    depth
        integer[V, S, A] reads of each allele (FORMAT/AD); below zero is missing.
    reads_min
        Calls with fewer reads of both alleles together are left out.
    share_min, share_max
        Between them the share of reads of the later allele (ALT) is as in a clean sample.

    Returns
    -------
    int64[4, S]: calls looked at; sum of their shares, and of how far these are from a half, in parts of 1 /
    BALANCE_UNITS; calls outside the two bounds.

    Examples
    --------
    >>> import numpy as np
    >>> genotype = np.array([[[0, 1]], [[0, 1]], [[1, 1]]], np.int8)
    >>> allele_balance(genotype, np.array([[[5, 5]], [[19, 1]], [[0, 9]]], np.int16), 10, 0.2, 0.8).tolist()
    [[2], [36045], [29491], [1]]
    """
    genotype = checked_genotypes(genotype)
    if depth.ndim != 3 or genotype.shape[:2] != depth.shape[:2]:
        raise ValueError(f"genotype (V, S, P) and depth (V, S, A) do not fit: {genotype.shape} and {depth.shape}")
    sums = np.zeros((4, genotype.shape[1]), dtype=np.int64)
    if genotype.shape[2] == 2:
        _balance_jit(genotype, np.ascontiguousarray(depth), reads_min, share_min, share_max, *sums)
    return sums
