"""Frequencies of the haplotypes of two variants from unphased genotypes, and D, D' and r2 from them.

Only the samples that are heterozygous at both variants leave their phase open. With AB, Ab, aB and ab the haplotypes
that the others show, and h double heterozygotes of which a share t is AB/ab and the rest Ab/aB, the EM algorithm
(Excoffier and Slatkin 1995, Mol Biol Evol 12:921-927) steps from t to AB ab / (AB ab + Ab aB), the h counted in. Its
fixed points are the roots in [0, 1] of the cubic of Gaunt, Rodriguez and Day 2007 (BMC Bioinformatics 8:428),

    t (Ab + h (1 - t)) (aB + h (1 - t)) - (1 - t) (AB + h t) (ab + h t) = 0

and the one of largest likelihood is the answer, where EM alone can end at the smaller of two maxima. PLINK 1.9
(`--r2 dprime`, `--clump`) and PLINK 2 (`--ld`) solve the same cubic.

D = p(AB) - p(A) p(B); D' = |D| / its largest value at these frequencies (Lewontin 1964, Genetics 49:49-67);
r2 = D^2 / (p(A) p(a) p(B) p(b)).
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from genomics_dc.kernels._jit import borrowing_jit, jit
from genomics_dc.kernels.bits import popcount
from genomics_dc.kernels.ld import LdPlanes, Whole

_NONE = np.uint64(0)
_HALVINGS = 60  # an interval of 1 becomes shorter than the spacing of doubles at 1/64


@borrowing_jit
def _cubic(t: float, ab: float, a: float, b: float, none: float, open_: float) -> float:
    """Return the cubic of the module's text at t, for known AB, Ab, aB, ab and open double heterozygotes."""
    other = open_ * (1 - t)
    return t * (a + other) * (b + other) - (1 - t) * (ab + open_ * t) * (none + open_ * t)


@borrowing_jit
def _log_likelihood(t: float, ab: float, a: float, b: float, none: float, open_: float) -> float:
    """Return the log-likelihood of the genotypes at t, but for a constant."""
    other = open_ * (1 - t)
    total = 0.0
    both = (ab + open_ * t) * (none + open_ * t) + (a + other) * (b + other)
    if open_ > 0:
        total += open_ * math.log(both) if both > 0 else -math.inf
    if ab > 0:
        total += ab * math.log(ab + open_ * t)
    if none > 0:
        total += none * math.log(none + open_ * t)
    if a > 0:
        total += a * math.log(a + other)
    if b > 0:
        total += b * math.log(b + other)
    return total


@borrowing_jit
def _root_between(low: float, high: float, ab: float, a: float, b: float, none: float, open_: float) -> float:
    """Return the root in an interval at whose ends the cubic has two signs."""
    negative = _cubic(low, ab, a, b, none, open_) < 0
    for _ in range(_HALVINGS):
        middle = 0.5 * (low + high)
        value = _cubic(middle, ab, a, b, none, open_)
        if value == 0:
            return middle
        if (value < 0) == negative:
            low = middle
        else:
            high = middle
    return 0.5 * (low + high)


@borrowing_jit
def _best_share(ab: float, a: float, b: float, none: float, open_: float) -> float:
    """Return the share of double heterozygotes that are AB/ab, at the largest likelihood."""
    # coefficients of the cubic's derivative, for the two places where it turns
    third = 2 * open_ * open_
    second = open_ * (ab + none - a - b) - 3 * open_ * open_
    first = (a + open_) * (b + open_) + ab * none - open_ * (ab + none)
    square = 4 * second * second - 12 * third * first
    turn_1, turn_2 = 0.0, 1.0
    if square > 0:
        width = math.sqrt(square)
        turn_1 = min(max((-2 * second - width) / (6 * third), 0.0), 1.0)
        turn_2 = min(max((-2 * second + width) / (6 * third), 0.0), 1.0)
    best = -1.0
    best_likelihood = -math.inf
    low = 0.0
    for number in range(4):
        high = turn_1 if number == 0 else (turn_2 if number == 1 else 1.0)
        value_low = _cubic(low, ab, a, b, none, open_)
        if number == 3:
            candidate = 1.0
            found = _cubic(1.0, ab, a, b, none, open_) == 0
        elif value_low == 0:
            candidate = low
            found = True
        else:
            value_high = _cubic(high, ab, a, b, none, open_)
            found = (value_low < 0) != (value_high < 0) and value_high != 0
            candidate = _root_between(low, high, ab, a, b, none, open_) if found else low
        if found:
            likelihood = _log_likelihood(candidate, ab, a, b, none, open_)
            if best < 0 or likelihood > best_likelihood + 1e-9:
                best = candidate
                best_likelihood = likelihood
        low = high
    return best


@borrowing_jit
def from_counts(ab: Whole, a: Whole, b: Whole, none: Whole, open_: Whole) -> tuple[float, float, float]:
    """Return D, D' and r2 from the known AB, Ab, aB, ab and the double heterozygotes; NaN without variation."""
    total = np.float64(ab + a + b + none + 2 * open_)
    if total == 0:
        return math.nan, math.nan, math.nan
    p_a = (ab + a + open_) / total
    p_b = (ab + b + open_) / total
    if ab + a + open_ == 0 or ab + b + open_ == 0 or b + none + open_ == 0 or a + none + open_ == 0:
        return math.nan, math.nan, math.nan
    share = 0.0
    if open_ > 0:
        share = _best_share(np.float64(ab), np.float64(a), np.float64(b), np.float64(none), np.float64(open_))
    d = (ab + open_ * share) / total - p_a * p_b
    largest = min(p_a * (1 - p_b), (1 - p_a) * p_b) if d > 0 else min(p_a * p_b, (1 - p_a) * (1 - p_b))
    return d, min(abs(d) / largest, 1.0), min(d * d / (p_a * (1 - p_a) * p_b * (1 - p_b)), 1.0)


@borrowing_jit
def of_pair(
    bits_i: npt.NDArray[np.uint64],
    stats_i: npt.NDArray[np.int64],
    i: int,
    bits_j: npt.NDArray[np.uint64],
    stats_j: npt.NDArray[np.int64],
    j: int,
    n_samples: int,
) -> tuple[float, float, float]:
    """Return D of the two first ALT alleles, D' and r2 of a pair of variants."""
    hom_hom = het_hom = hom_het = open_ = _NONE
    one_i = one_j = two_i = two_j = called = _NONE
    for w in range(bits_i.shape[2]):
        het_i, hom_i, gap_i = bits_i[i, 0, w], bits_i[i, 1, w], bits_i[i, 2, w]
        het_j, hom_j, gap_j = bits_j[j, 0, w], bits_j[j, 1, w], bits_j[j, 2, w]
        hom_hom += popcount(hom_i & hom_j)
        het_hom += popcount(het_i & hom_j)
        hom_het += popcount(hom_i & het_j)
        open_ += popcount(het_i & het_j)
        one_i += popcount(het_i & ~gap_j)
        two_i += popcount(hom_i & ~gap_j)
        one_j += popcount(het_j & ~gap_i)
        two_j += popcount(hom_j & ~gap_i)
        called += popcount(gap_i | gap_j)
    n = n_samples - np.int64(called)
    doubly = np.int64(open_)
    # the minor alleles: both, only the first, only the second, neither
    both = 2 * np.int64(hom_hom) + np.int64(het_hom) + np.int64(hom_het)
    first = np.int64(one_i) + 2 * np.int64(two_i) - both - doubly
    second = np.int64(one_j) + 2 * np.int64(two_j) - both - doubly
    neither = 2 * n - both - first - second - 2 * doubly
    d, d_prime, r2 = from_counts(both, first, second, neither, doubly)
    return (-d if stats_i[i, 3] != stats_j[j, 3] else d), d_prime, r2


def _haplotype_block(
    bits_i: npt.NDArray[np.uint64],
    stats_i: npt.NDArray[np.int64],
    bits_j: npt.NDArray[np.uint64],
    stats_j: npt.NDArray[np.int64],
    n_samples: int,
    d: npt.NDArray[np.float64],
    d_prime: npt.NDArray[np.float64],
    r2: npt.NDArray[np.float64],
) -> None:
    for i in range(bits_i.shape[0]):
        for j in range(bits_j.shape[0]):
            d[i, j], d_prime[i, j], r2[i, j] = of_pair(bits_i, stats_i, i, bits_j, stats_j, j, n_samples)


_haplotype_block_jit = jit(_haplotype_block)


def haplotype_block(
    first: LdPlanes, second: LdPlanes
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return D, D' and r2 by haplotype frequencies of every variant of one block with every variant of another.

    Parameters
    ----------
    first, second
        Planes of the same S samples.

    Returns
    -------
    Three of float64[V_first, V_second]. D is positive where the first ALT alleles go together; D' and r2 lie between 0
    and 1. Only samples called at both count. NaN where one of the two does not vary among them.

    Raises
    ------
    ValueError
        When the blocks are not of the same samples.

    Examples
    --------
    >>> import numpy as np
    >>> from genomics_dc.kernels.genotypes import pack_dosage
    >>> from genomics_dc.kernels.ld import ld_planes
    >>> planes = ld_planes(pack_dosage(np.array([[0, 1, 2, 0], [0, 1, 1, 0]], dtype=np.int8)), 4)
    >>> d, d_prime, r2 = haplotype_block(planes.take(slice(0, 1)), planes.take(slice(1, 2)))
    >>> round(float(d[0, 0]), 5), float(d_prime[0, 0]), round(float(r2[0, 0]), 4)
    (0.15625, 1.0, 0.5556)
    """
    if first.n_samples != second.n_samples:
        raise ValueError(f"two blocks of {first.n_samples} and {second.n_samples} samples have no pairs")
    shape = (len(first), len(second))
    d, d_prime, r2 = np.empty(shape), np.empty(shape), np.empty(shape)
    _haplotype_block_jit(first.bits, first.stats, second.bits, second.stats, first.n_samples, d, d_prime, r2)
    return d, d_prime, r2
