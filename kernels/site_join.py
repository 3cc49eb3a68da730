"""Which records of two sorted lists of sites are the same variant.

Two records are the same when contig, position, length, REF and every ALT agree, in their order. Of records that stand
twice in a list, the first is the first of the other list, the second the second.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from genomics_dc.kernels._jit import jit


def _same_alleles(
    data_a: npt.NDArray[np.uint8],
    start_a: npt.NDArray[np.int64],
    end_a: npt.NDArray[np.int64],
    i: int,
    data_b: npt.NDArray[np.uint8],
    start_b: npt.NDArray[np.int64],
    end_b: npt.NDArray[np.int64],
    j: int,
) -> bool:
    """Return whether row i of a and row j of b have the same alleles; places past the last allele are empty."""
    width_a, width_b = start_a.shape[1], start_b.shape[1]
    for allele in range(max(width_a, width_b)):
        length_a = end_a[i, allele] - start_a[i, allele] if allele < width_a else 0
        length_b = end_b[j, allele] - start_b[j, allele] if allele < width_b else 0
        if length_a != length_b:
            return False
        for byte in range(length_a):
            if data_a[start_a[i, allele] + byte] != data_b[start_b[j, allele] + byte]:
                return False
    return True


_same_alleles_jit = jit(_same_alleles)


def _join(
    key_a: npt.NDArray[np.int64],
    length_a: npt.NDArray[np.int32],
    data_a: npt.NDArray[np.uint8],
    start_a: npt.NDArray[np.int64],
    end_a: npt.NDArray[np.int64],
    key_b: npt.NDArray[np.int64],
    length_b: npt.NDArray[np.int32],
    data_b: npt.NDArray[np.uint8],
    start_b: npt.NDArray[np.int64],
    end_b: npt.NDArray[np.int64],
    taken: npt.NDArray[np.bool_],
    row_a: npt.NDArray[np.int64],
    row_b: npt.NDArray[np.int64],
) -> int:
    """Fill `row_a` and `row_b`; return how many rows the union has."""
    n_a, n_b = key_a.shape[0], key_b.shape[0]
    i, j, n = 0, 0, 0
    while i < n_a or j < n_b:
        key = key_a[i] if j >= n_b or (i < n_a and key_a[i] <= key_b[j]) else key_b[j]
        stop_j = j
        while stop_j < n_b and key_b[stop_j] == key:
            stop_j += 1
        while i < n_a and key_a[i] == key:
            row_a[n] = i
            row_b[n] = -1
            for other in range(j, stop_j):
                if (
                    not taken[other]
                    and length_a[i] == length_b[other]
                    and _same_alleles_jit(data_a, start_a, end_a, i, data_b, start_b, end_b, other)
                ):
                    taken[other] = True
                    row_b[n] = other
                    break
            i += 1
            n += 1
        for other in range(j, stop_j):
            if not taken[other]:
                row_a[n] = -1
                row_b[n] = other
                n += 1
        j = stop_j
    return n


_join_jit = jit(_join)


def join_sorted_sites(
    key_a: npt.NDArray[np.int64],
    length_a: npt.NDArray[np.int32],
    alleles_a: tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64], npt.NDArray[np.int64]],
    key_b: npt.NDArray[np.int64],
    length_b: npt.NDArray[np.int32],
    alleles_b: tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64], npt.NDArray[np.int64]],
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return the union of two lists of sites, as rows of each.

    Parameters
    ----------
    key_a, key_b
        int64[V], not descending: equal where contig and position are.
    length_a, length_b
        int32[V]: bases of the reference that the record speaks of.
    alleles_a, alleles_b
        A buffer of text uint8[N], and where each allele stands in it: start and end, int64[V, A], REF first, start ==
        end past the last allele.

    Returns
    -------
    rows of a and of b, int64[U], -1 where the site is not in that list. Within one position the records of a come
    first, in their order.

    Raises
    ------
    ValueError
        When a list is not sorted.
    """
    for key in (key_a, key_b):
        if key.size and (np.diff(key) < 0).any():
            raise ValueError("sites must be sorted by contig and position")
    total = key_a.size + key_b.size
    row_a, row_b = np.empty(total, dtype=np.int64), np.empty(total, dtype=np.int64)
    n = _join_jit(
        np.ascontiguousarray(key_a),
        np.ascontiguousarray(length_a, dtype=np.int32),
        *_plain(alleles_a),
        np.ascontiguousarray(key_b),
        np.ascontiguousarray(length_b, dtype=np.int32),
        *_plain(alleles_b),
        np.zeros(key_b.size, dtype=np.bool_),
        row_a,
        row_b,
    )
    return row_a[:n].copy(), row_b[:n].copy()


def _plain(
    alleles: tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64], npt.NDArray[np.int64]],
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    data, start, end = alleles
    if start.ndim != 2 or start.shape != end.shape:
        raise ValueError(f"places of alleles must be two arrays [V, A], not {start.shape} and {end.shape}")
    # a frozen buffer would be another type for the compiler
    writable = data if data.flags.writeable else data.copy()
    return np.ascontiguousarray(writable), np.ascontiguousarray(start), np.ascontiguousarray(end)
