"""KING-robust kinship of all pairs of samples.

A. Manichaikul et al., "Robust relationship inference in genome-wide association studies", Bioinformatics 26:2867-2873
(2010), the estimator between families: with N the variants where both samples are called,

    kinship = 1/2 - (4 * ibs0 + het1_hom2 + het2_hom1) / (4 * min(het_1, het_2))

where het_1 = hethet + het1_hom2 and het_2 = hethet + het2_hom1 are the heterozygous calls of each sample within N. No
allele frequency enters, so ancestry need not be modelled.

Genotypes are cut into three bit planes by sample (het, hom_ref, hom_alt), 64 variants a word, and counted by popcount.
Pairs (i, j) with j < i stand at i * (i - 1) / 2 + j, which is the row order of `plink2 --make-king-table`. Counts are
integers, so blocks of variants can be added in any order.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from genomics_dc.kernels._jit import jit

PAIR_COLUMNS = ("hethet", "ibs0", "het1_hom2", "het2_hom1", "n")
"""Rows of the pair counts. 1 is the sample that comes later in the cohort, as in PLINK 2's table."""

_TILE_SAMPLES = 64  # of the inner loop; their planes stay in the second-level cache

_M1 = np.uint64(0x5555555555555555)
_M2 = np.uint64(0x3333333333333333)
_M4 = np.uint64(0x0F0F0F0F0F0F0F0F)
_H01 = np.uint64(0x0101010101010101)
_S1, _S2, _S4, _S56 = np.uint64(1), np.uint64(2), np.uint64(4), np.uint64(56)


class BitPlanes(NamedTuple):
    """Genotypes of one block by sample: `bits` uint64[3, S, W] (het, hom_ref, hom_alt), `n_variants` in the block."""

    bits: npt.NDArray[np.uint64]
    n_variants: int


def _popcount(word: np.uint64) -> np.uint64:
    """Return how many bits are set; LLVM turns this form into the machine's own instruction."""
    word = word - ((word >> _S1) & _M1)
    word = (word & _M2) + ((word >> _S2) & _M2)
    word = (word + (word >> _S4)) & _M4
    return (word * _H01) >> _S56


_popcount_jit = jit(_popcount)


def _fill_planes(dosage: npt.NDArray[np.int8], bits: npt.NDArray[np.uint64]) -> None:
    n_variants, n_samples = dosage.shape
    for v in range(n_variants):
        word = v >> 6
        shift = np.uint64(v & 63)
        for s in range(n_samples):
            d = dosage[v, s]
            bits[0, word, s] |= np.uint64(d == 1) << shift
            bits[1, word, s] |= np.uint64(d == 0) << shift
            bits[2, word, s] |= np.uint64(d == 2) << shift


def _add_pairs(
    bits: npt.NDArray[np.uint64], n_variants: int, first: int, last: int, counts: npt.NDArray[np.int32]
) -> None:
    """Add the counts of the pairs (i, j < i), first <= i < last, to `counts` int32[5, pairs]."""
    het, ref, alt = bits[0], bits[1], bits[2]
    n_samples, n_words = het.shape
    het_count = np.zeros(n_samples, dtype=np.int64)
    complete = np.zeros(n_samples, dtype=np.bool_)
    for s in range(last):
        hets = np.uint64(0)
        called = np.uint64(0)
        for w in range(n_words):
            hets += _popcount_jit(het[s, w])
            called += _popcount_jit(het[s, w] | ref[s, w] | alt[s, w])
        het_count[s] = np.int64(hets)
        complete[s] = np.int64(called) == n_variants
    for tile in range(0, last, _TILE_SAMPLES):
        for i in range(max(first, tile + 1), last):
            row = i * (i - 1) // 2
            for j in range(tile, min(i, tile + _TILE_SAMPLES)):
                both = np.uint64(0)
                opposite = np.uint64(0)
                for w in range(n_words):
                    both += _popcount_jit(het[i, w] & het[j, w])
                    opposite += _popcount_jit((ref[i, w] & alt[j, w]) | (alt[i, w] & ref[j, w]))
                hethet = np.int64(both)
                if complete[i] and complete[j]:
                    het1_hom2 = het_count[i] - hethet
                    het2_hom1 = het_count[j] - hethet
                    n = np.int64(n_variants)
                else:
                    first_only = np.uint64(0)
                    second_only = np.uint64(0)
                    called = np.uint64(0)
                    for w in range(n_words):
                        hom_i = ref[i, w] | alt[i, w]
                        hom_j = ref[j, w] | alt[j, w]
                        first_only += _popcount_jit(het[i, w] & hom_j)
                        second_only += _popcount_jit(het[j, w] & hom_i)
                        called += _popcount_jit((hom_i | het[i, w]) & (hom_j | het[j, w]))
                    het1_hom2 = np.int64(first_only)
                    het2_hom1 = np.int64(second_only)
                    n = np.int64(called)
                counts[0, row + j] += hethet
                counts[1, row + j] += np.int64(opposite)
                counts[2, row + j] += het1_hom2
                counts[3, row + j] += het2_hom1
                counts[4, row + j] += n


_fill_planes_jit = jit(_fill_planes)
_add_pairs_jit = jit(_add_pairs)


def n_pairs(n_samples: int) -> int:
    """Return the number of unordered pairs."""
    return n_samples * (n_samples - 1) // 2


def pair_index(n_samples: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return (i, j), int64[pairs] each: the two sample numbers of every pair, in the order of the counts."""
    i, j = np.tril_indices(n_samples, k=-1)
    return i.astype(np.int64), j.astype(np.int64)


def bit_planes(dosage: npt.NDArray[np.int8]) -> BitPlanes:
    """Return the bit planes of a block, from dosages int8[V, S] (anything but 0, 1, 2 is missing)."""
    if dosage.dtype != np.int8 or dosage.ndim != 2:
        raise ValueError(f"dosage must be int8 with two dimensions (V, S), not {dosage.dtype} with {dosage.ndim}")
    n_variants, n_samples = dosage.shape
    by_word = np.zeros((3, (n_variants + 63) // 64, n_samples), dtype=np.uint64)
    _fill_planes_jit(np.ascontiguousarray(dosage), by_word)
    return BitPlanes(np.ascontiguousarray(by_word.transpose(0, 2, 1)), n_variants)


def add_pair_counts(planes: BitPlanes, counts: npt.NDArray[np.int32], first: int = 0, last: int | None = None) -> None:
    """Add a block to the pair counts, in place.

    Parameters
    ----------
    planes
        Of the block; S samples.
    counts
        int32[5, S (S - 1) / 2], rows `PAIR_COLUMNS`; proportions are the counts over row n.
    first, last
        Only pairs whose later sample is in first..last - 1: threads take ranges that do not overlap.

    Raises
    ------
    ValueError
        When shapes do not fit.
    """
    n_samples = planes.bits.shape[1]
    stop = n_samples if last is None else last
    if counts.shape != (len(PAIR_COLUMNS), n_pairs(n_samples)) or counts.dtype != np.int32:
        wanted = (len(PAIR_COLUMNS), n_pairs(n_samples))
        raise ValueError(f"counts must be int32 of shape {wanted}, not {counts.dtype} {counts.shape}")
    if not 0 <= first <= stop <= n_samples:
        raise ValueError(f"first and last must lie in 0..{n_samples}, not {first} and {stop}")
    _add_pairs_jit(planes.bits, planes.n_variants, first, stop, counts)


def kinship_from_counts(counts: npt.NDArray[np.int32]) -> npt.NDArray[np.float64]:
    """Return float64[pairs], NaN where one of the two has no heterozygous call (the estimator divides by it).

    0.5 is the same genotype everywhere, 0.25 a parent and child or full siblings, 0 unrelated; it falls below 0 for
    people of different ancestry.
    """
    hethet, ibs0, het1_hom2, het2_hom1 = (counts[row].astype(np.float64) for row in range(4))
    fewer_hets = hethet + np.minimum(het1_hom2, het2_hom1)
    kinship = np.full(counts.shape[1], np.nan)
    some = fewer_hets > 0
    kinship[some] = 0.5 - 0.25 * (4.0 * ibs0[some] + het1_hom2[some] + het2_hom1[some]) / fewer_hets[some]
    return kinship


def king_robust(dosage: npt.NDArray[np.int8]) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.float64]]:
    """Return pair counts int32[5, pairs] and kinship float64[pairs] of dosages int8[V, S] held in memory.

    Examples
    --------
    >>> import numpy as np
    >>> counts, kinship = king_robust(np.array([[0, 0], [1, 1], [1, 0]], dtype=np.int8))
    >>> counts[:, 0].tolist(), kinship.tolist()
    ([1, 0, 0, 1, 3], [0.25])
    """
    planes = bit_planes(dosage)
    counts = np.zeros((len(PAIR_COLUMNS), n_pairs(dosage.shape[1])), dtype=np.int32)
    add_pair_counts(planes, counts)
    return counts, kinship_from_counts(counts)
