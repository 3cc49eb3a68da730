"""Correlation of pairs of variants from unphased genotype counts, on bit planes of 64 samples a word.

With x and y the copies of one allele at two variants, over the n samples called at both,

    r = (n * sum(xy) - sum(x) sum(y)) / sqrt((n * sum(x^2) - sum(x)^2) (n * sum(y^2) - sum(y)^2))

which is what `plink --r` and `plink2 --r-unphased` give (Weir 1979, Biometrics 35:235-254, the composite measure). All
sums are whole numbers, so a result depends neither on the order of the samples nor on threads or blocks.

A variant is three planes: het, hom (of its minor allele) and missing. A missing genotype counts as x = 0 in sum(xy),
and what it took part in is subtracted from the other variant's sums. sum(xy) needs two counts a word: with u the words
of `het_i | het_j` and v of `hom_i ^ hom_j` outside u, it is sum(x) + sum(y) - |u| - 2 |v|. Rare alleles need not even
that: a summary word says where a variant has a carrier at all, and only the words that both have are looked at.
"""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from genomics_dc.kernels._jit import borrowing_jit, jit, wide_vectors
from genomics_dc.kernels.bits import popcount, trailing_zeros
from genomics_dc.kernels.genotypes import packed_width

Whole: TypeAlias = int | np.int64

HET, HOM, MISSING = 0, 1, 2
"""The planes of `LdPlanes.bits`."""
CALLED, HETS, HOMS, FLIPPED = 0, 1, 2, 3
"""The columns of `LdPlanes.stats`."""

_ONE = np.uint64(1)
_EVEN = np.uint64(0x5555555555555555)
_PAIRS = np.uint64(0x3333333333333333)
_NIBBLES = np.uint64(0x0F0F0F0F0F0F0F0F)
_BYTES = np.uint64(0x00FF00FF00FF00FF)
_SHORTS = np.uint64(0x0000FFFF0000FFFF)
_HALF = np.uint64(0x00000000FFFFFFFF)
_S1, _S2, _S4, _S8, _S16, _S32 = (np.uint64(shift) for shift in (1, 2, 4, 8, 16, 32))
_ALL = np.uint64(0xFFFFFFFFFFFFFFFF)
_NONE = np.uint64(0)


class UnsortedError(ValueError):
    """Variants that must come in the order of their positions do not."""


class LdPlanes(NamedTuple):
    """Genotypes of V variants as planes of bits, with what is needed of each variant alone.

    `bits` uint64[V, 3, W] (het, hom of the minor allele, missing), 64 samples a word; `summary` uint64[V, 2]: bit g
    says whether the g-th group of ceil(W / 64) words has a carrier (0), a missing genotype (1); `stats` int64[V, 4]:
    samples called, het, hom, and whether the minor allele is the reference (1) or the first ALT (0). `n_samples` is S.
    """

    bits: npt.NDArray[np.uint64]
    summary: npt.NDArray[np.uint64]
    stats: npt.NDArray[np.int64]
    n_samples: int

    def __len__(self) -> int:
        return int(self.bits.shape[0])

    def take(self, rows: npt.NDArray[np.int64] | slice) -> LdPlanes:
        """Return the planes of some variants."""
        return LdPlanes(self.bits[rows], self.summary[rows], self.stats[rows], self.n_samples)


def n_words(n_samples: int) -> int:
    """Return the words of a plane of `n_samples` samples."""
    return (n_samples + 63) // 64


def plane_bytes(n_samples: int) -> int:
    """Return the bytes that one variant's planes take."""
    return 24 * n_words(n_samples) + 48


@borrowing_jit
def _even_bits(word: np.uint64) -> np.uint64:
    """Return the 32 bits at even places, side by side."""
    word &= _EVEN
    word = (word | (word >> _S1)) & _PAIRS
    word = (word | (word >> _S2)) & _NIBBLES
    word = (word | (word >> _S4)) & _BYTES
    word = (word | (word >> _S8)) & _SHORTS
    return (word | (word >> _S16)) & _HALF


def _fill_planes(
    packed: npt.NDArray[np.uint8],
    n_samples: int,
    bits: npt.NDArray[np.uint64],
    summary: npt.NDArray[np.uint64],
    stats: npt.NDArray[np.int64],
) -> None:
    """Fill planes, summaries and counts from genotypes of two bits each."""
    width = bits.shape[2]
    group = max(1, (width + 63) // 64)
    padded = np.zeros(16 * width, dtype=np.uint8)
    words = padded.view(np.uint64)
    rest = n_samples - 64 * (width - 1)
    last = _ALL if rest == 64 else (_ONE << np.uint64(rest)) - _ONE
    for v in range(packed.shape[0]):
        for byte in range(packed.shape[1]):
            padded[byte] = packed[v, byte]
        hets = homs = absent = np.int64(0)
        for w in range(width):
            first = words[2 * w]
            second = words[2 * w + 1]
            low = _even_bits(first) | (_even_bits(second) << _S32)
            high = _even_bits(first >> _S1) | (_even_bits(second >> _S1) << _S32)
            real = last if w == width - 1 else _ALL
            bits[v, 0, w] = low & ~high & real
            bits[v, 1, w] = high & ~low & real
            bits[v, 2, w] = low & high & real
            hets += np.int64(popcount(bits[v, 0, w]))
            homs += np.int64(popcount(bits[v, 1, w]))
            absent += np.int64(popcount(bits[v, 2, w]))
        called = n_samples - absent
        flipped = hets + 2 * homs > called
        if flipped:
            homs = called - hets - homs
            for w in range(width):
                real = last if w == width - 1 else _ALL
                bits[v, 1, w] = ~(bits[v, 0, w] | bits[v, 1, w] | bits[v, 2, w]) & real
        carriers = _NONE
        gaps = _NONE
        for w in range(width):
            place = np.uint64(w // group)
            if bits[v, 0, w] | bits[v, 1, w]:
                carriers |= _ONE << place
            if bits[v, 2, w]:
                gaps |= _ONE << place
        summary[v, 0] = carriers
        summary[v, 1] = gaps
        stats[v, 0] = called
        stats[v, 1] = hets
        stats[v, 2] = homs
        stats[v, 3] = np.int64(flipped)


@borrowing_jit
def product_sum(
    bits_i: npt.NDArray[np.uint64],
    i: Whole,
    bits_j: npt.NDArray[np.uint64],
    j: Whole,
    common: np.uint64,
    group: int,
    sum_i: Whole,
    sum_j: Whole,
) -> Whole:
    """Return the sum of x y over all samples, missing as 0; `common` is the `&` of the summaries of carriers."""
    wide_vectors()
    if common == _NONE:
        return 0
    width = bits_i.shape[2]
    if 8 * np.int64(popcount(common)) * group <= width:
        total = np.int64(0)
        while common:
            start = np.int64(trailing_zeros(common)) * group
            common &= common - _ONE
            for w in range(start, min(start + group, width)):
                het_i, hom_i = bits_i[i, 0, w], bits_i[i, 1, w]
                het_j, hom_j = bits_j[j, 0, w], bits_j[j, 1, w]
                total += np.int64(
                    popcount(het_i & het_j)
                    + ((popcount(het_i & hom_j) + popcount(hom_i & het_j)) << _S1)
                    + (popcount(hom_i & hom_j) << _S2)
                )
        return total
    some = _NONE
    other = _NONE
    for w in range(width):
        het = bits_i[i, 0, w] | bits_j[j, 0, w]
        some += popcount(het)
        other += popcount((bits_i[i, 1, w] ^ bits_j[j, 1, w]) & ~het)
    return sum_i + sum_j - np.int64(some) - 2 * np.int64(other)


@borrowing_jit
def sums_without(
    bits_i: npt.NDArray[np.uint64],
    i: Whole,
    bits_j: npt.NDArray[np.uint64],
    j: Whole,
    common: np.uint64,
    group: int,
) -> tuple[Whole, Whole]:
    """Return the sum of x and of x^2 at i over the samples that are missing at j.

    `common` is the `&` of the summary of carriers of i and that of gaps of j.
    """
    width = bits_i.shape[2]
    hets = _NONE
    homs = _NONE
    if 8 * np.int64(popcount(common)) * group <= width:
        while common:
            start = np.int64(trailing_zeros(common)) * group
            common &= common - _ONE
            for w in range(start, min(start + group, width)):
                gap = bits_j[j, 2, w]
                hets += popcount(bits_i[i, 0, w] & gap)
                homs += popcount(bits_i[i, 1, w] & gap)
    else:
        for w in range(width):
            gap = bits_j[j, 2, w]
            hets += popcount(bits_i[i, 0, w] & gap)
            homs += popcount(bits_i[i, 1, w] & gap)
    one, two = np.int64(hets), np.int64(homs)
    return one + 2 * two, one + 4 * two


@borrowing_jit
def missing_at_both(
    bits_i: npt.NDArray[np.uint64],
    i: Whole,
    bits_j: npt.NDArray[np.uint64],
    j: Whole,
    common: np.uint64,
    group: int,
) -> Whole:
    """Return how many samples are missing at both; `common` is the `&` of the summaries of gaps."""
    width = bits_i.shape[2]
    total = _NONE
    if 8 * np.int64(popcount(common)) * group <= width:
        while common:
            start = np.int64(trailing_zeros(common)) * group
            common &= common - _ONE
            for w in range(start, min(start + group, width)):
                total += popcount(bits_i[i, 2, w] & bits_j[j, 2, w])
    else:
        for w in range(width):
            total += popcount(bits_i[i, 2, w] & bits_j[j, 2, w])
    return np.int64(total)


@borrowing_jit
def pair_sums(
    bits_i: npt.NDArray[np.uint64],
    summary_i: npt.NDArray[np.uint64],
    stats_i: npt.NDArray[np.int64],
    i: Whole,
    bits_j: npt.NDArray[np.uint64],
    summary_j: npt.NDArray[np.uint64],
    stats_j: npt.NDArray[np.int64],
    j: Whole,
    n_samples: int,
    group: int,
) -> tuple[Whole, Whole, Whole, Whole]:
    """Return n, n^2 times the covariance, and n^2 times both variances of a pair, as whole numbers."""
    hets, homs = stats_i[i, 1], stats_i[i, 2]
    sum_i, square_i, whole_i = hets + 2 * homs, hets + 4 * homs, hets + 2 * homs
    hets, homs = stats_j[j, 1], stats_j[j, 2]
    sum_j, square_j, whole_j = hets + 2 * homs, hets + 4 * homs, hets + 2 * homs
    n = stats_i[i, 0] + stats_j[j, 0] - n_samples
    if summary_j[j, 1]:
        one, two = sums_without(bits_i, i, bits_j, j, summary_i[i, 0] & summary_j[j, 1], group)
        sum_i -= one
        square_i -= two
    if summary_i[i, 1]:
        one, two = sums_without(bits_j, j, bits_i, i, summary_j[j, 0] & summary_i[i, 1], group)
        sum_j -= one
        square_j -= two
        n += missing_at_both(bits_i, i, bits_j, j, summary_i[i, 1] & summary_j[j, 1], group)
    product = product_sum(bits_i, i, bits_j, j, summary_i[i, 0] & summary_j[j, 0], group, whole_i, whole_j)
    return n, n * product - sum_i * sum_j, n * square_i - sum_i * sum_i, n * square_j - sum_j * sum_j


def _correlation_block(
    bits_i: npt.NDArray[np.uint64],
    summary_i: npt.NDArray[np.uint64],
    stats_i: npt.NDArray[np.int64],
    bits_j: npt.NDArray[np.uint64],
    summary_j: npt.NDArray[np.uint64],
    stats_j: npt.NDArray[np.int64],
    n_samples: int,
    r: npt.NDArray[np.float64],
) -> None:
    group = max(1, (bits_i.shape[2] + 63) // 64)
    for i in range(bits_i.shape[0]):
        for j in range(bits_j.shape[0]):
            _, covariance, variance_i, variance_j = pair_sums(
                bits_i, summary_i, stats_i, i, bits_j, summary_j, stats_j, j, n_samples, group
            )
            if variance_i == 0 or variance_j == 0:
                r[i, j] = np.nan
            else:
                value = covariance / np.sqrt(np.float64(variance_i) * np.float64(variance_j))
                value = min(max(value, -1.0), 1.0)
                r[i, j] = -value if stats_i[i, 3] != stats_j[j, 3] else value


_fill_planes_jit = jit(_fill_planes)
_correlation_block_jit = jit(_correlation_block)


def ld_planes(packed: npt.NDArray[np.uint8], n_samples: int) -> LdPlanes:
    """Return the bit planes of packed genotypes (see kernels.genotypes); 250 million take 0.2 s of one thread.

    Parameters
    ----------
    packed
        uint8[V, ceil(n_samples / 4)].
    n_samples
        How many samples were packed; one or more.

    Raises
    ------
    ValueError
        When the width does not fit `n_samples`, or there is no sample.

    Examples
    --------
    >>> import numpy as np
    >>> from genomics_dc.kernels.genotypes import pack_dosage
    >>> planes = ld_planes(pack_dosage(np.array([[0, 1, 2, -1]], dtype=np.int8)), 4)
    >>> planes.bits[0, :, 0].tolist(), planes.stats[0].tolist()
    ([2, 4, 8], [3, 1, 1, 0])
    """
    if n_samples < 1:
        raise ValueError("linkage needs genotypes of samples, and there is none")
    if packed.ndim != 2 or packed.dtype != np.uint8 or packed.shape[1] != packed_width(n_samples):
        raise ValueError(
            f"packed genotypes of {n_samples} samples are uint8[V, {packed_width(n_samples)}], "
            f"not {packed.dtype}{list(packed.shape)}"
        )
    n_variants = packed.shape[0]
    bits = np.empty((n_variants, 3, n_words(n_samples)), dtype=np.uint64)
    summary = np.empty((n_variants, 2), dtype=np.uint64)
    stats = np.empty((n_variants, 4), dtype=np.int64)
    _fill_planes_jit(np.ascontiguousarray(packed), n_samples, bits, summary, stats)
    return LdPlanes(bits, summary, stats, n_samples)


def correlation_block(first: LdPlanes, second: LdPlanes) -> npt.NDArray[np.float64]:
    """Return r of every variant of one block with every variant of another, from unphased genotype counts.

    Parameters
    ----------
    first, second
        Planes of the same S samples.

    Returns
    -------
    float64[V_first, V_second], -1 to 1, positive where the first ALT alleles go together. NaN where one of the two does
    not vary among the samples that are called at both, or where no sample is.

    Raises
    ------
    ValueError
        When the blocks are not of the same samples.

    Examples
    --------
    >>> import numpy as np
    >>> from genomics_dc.kernels.genotypes import pack_dosage
    >>> planes = ld_planes(pack_dosage(np.array([[0, 1, 2, 0], [2, 1, 0, 2]], dtype=np.int8)), 4)
    >>> correlation_block(planes, planes).tolist()
    [[1.0, -1.0], [-1.0, 1.0]]
    """
    if first.n_samples != second.n_samples:
        raise ValueError(f"two blocks of {first.n_samples} and {second.n_samples} samples have no pairs")
    r = np.empty((len(first), len(second)))
    _correlation_block_jit(*first[:3], *second[:3], first.n_samples, r)
    return r
