"""KING-robust kinship of pairs of samples.

A. Manichaikul et al., "Robust relationship inference in genome-wide association studies", Bioinformatics 26:2867-2873
(2010), the estimator between families: with N the variants where both samples are called,

    kinship = 1/2 - (4 * ibs0 + het1_hom2 + het2_hom1) / (4 * min(het_1, het_2))

where het_1 = hethet + het1_hom2 and het_2 = hethet + het2_hom1 are the heterozygous calls of each sample within N. No
allele frequency enters, so ancestry need not be modelled.

The two bits of a packed genotype go into two planes by sample, 64 variants a word: `low` is set where a call is
heterozygous or missing, `high` where it is homozygous ALT or missing. So both are homozygous where neither has `low`,
and opposite where then `high` differs; what is heterozygous follows from the totals. Counts are integers, so blocks of
variants can be added in any order.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from genomics_dc.kernels._jit import borrowing_jit, jit, wide_vectors
from genomics_dc.kernels.bits import popcount
from genomics_dc.kernels.genotypes import pack_dosage, packed_width
from genomics_dc.kernels.lines import on_lines

PAIR_COLUMNS = ("hethet", "ibs0", "het1_hom2", "het2_hom1", "n")
"""Rows of the pair counts. 1 is the sample that comes later in the cohort, as in PLINK 2's table."""

_WORDS = 256  # of a sample in one turn of the comparison: the planes of two tiles stay in the second-level cache
_TILE_SAMPLES = 48
_ALL = np.uint64(0xFFFFFFFFFFFFFFFF)

_Planes = npt.NDArray[np.uint64]
_Counts = npt.NDArray[np.int32]


class BitPlanes(NamedTuple):
    """Genotypes of a block by sample: `low` and `high` uint64[S, W], and how many each sample has, int64[S, 3].

    `totals`: homozygous, heterozygous, missing. Places after the last variant are heterozygous in the planes, which
    counts for no pair; the totals leave them out.
    """

    low: _Planes
    high: _Planes
    totals: npt.NDArray[np.int64]
    n_variants: int

    @property
    def nbytes(self) -> int:
        """The memory that the planes take."""
        return self.low.nbytes + self.high.nbytes


def _fill_planes(packed: npt.NDArray[np.uint8], low: _Planes, high: _Planes) -> None:
    """Turn packed [V, B] into planes [S, W]."""
    n_variants, n_bytes = packed.shape
    n_samples, n_words = low.shape
    held = 8  # words: what is written to one sample is then one line of the cache
    lows = np.empty((held, 4, n_bytes), dtype=np.uint64)
    highs = np.empty((held, 4, n_bytes), dtype=np.uint64)
    one = np.uint64(1)
    for first in range(0, n_words, held):
        last = min(first + held, n_words)
        for word in range(first, last):
            lows[word - first] = 0
            highs[word - first] = 0
            for v in range(64 * word, min(64 * word + 64, n_variants)):
                bit = np.uint64(v - 64 * word)
                for place in range(4):
                    shift = np.uint64(2 * place)
                    to_low, to_high = lows[word - first, place], highs[word - first, place]
                    row = packed[v]
                    for b in range(n_bytes):
                        code = np.uint64(row[b]) >> shift
                        to_low[b] |= (code & one) << bit
                        to_high[b] |= ((code >> one) & one) << bit
            if 64 * word + 64 > n_variants:
                lows[word - first] |= _ALL << np.uint64(n_variants - 64 * word)
        for s in range(n_samples):
            for word in range(first, last):
                low[s, word] = lows[word - first, s & 3, s >> 2]
                high[s, word] = highs[word - first, s & 3, s >> 2]


def _fill_totals(low: _Planes, high: _Planes, n_variants: int, totals: npt.NDArray[np.int64]) -> None:
    n_samples, n_words = low.shape
    for s in range(n_samples):
        lows = np.uint64(0)
        missing = np.uint64(0)
        for w in range(n_words):
            lows += popcount(low[s, w])
            missing += popcount(low[s, w] & high[s, w])
        beyond = 64 * n_words - n_variants
        totals[s, 0] = 64 * n_words - np.int64(lows)
        totals[s, 1] = np.int64(lows) - np.int64(missing) - beyond
        totals[s, 2] = np.int64(missing)


_fill_planes_jit = jit(_fill_planes)
_fill_totals_jit = jit(_fill_totals)


@borrowing_jit
def _two_by_two(
    low: _Planes, high: _Planes, i: int, j: int, first: int, last: int, out: npt.NDArray[np.uint64]
) -> None:
    """Fill `out` [8] with how often both are homozygous, and opposite, of (i, j), (i, j+1), (i+1, j), (i+1, j+1)."""
    wide_vectors()
    low_i, low_k = low[i, first:last], low[i + 1, first:last]
    low_j, low_l = low[j, first:last], low[j + 1, first:last]
    high_i, high_k = high[i, first:last], high[i + 1, first:last]
    high_j, high_l = high[j, first:last], high[j + 1, first:last]
    zero = np.uint64(0)
    hom_ij = hom_il = hom_kj = hom_kl = zero
    opposite_ij = opposite_il = opposite_kj = opposite_kl = zero
    for w in range(last - first):
        li, lk, lj, ll = low_i[w], low_k[w], low_j[w], low_l[w]
        hi, hk, hj, hl = high_i[w], high_k[w], high_j[w], high_l[w]
        ij, il, kj, kl = ~(li | lj), ~(li | ll), ~(lk | lj), ~(lk | ll)
        hom_ij += popcount(ij)
        hom_il += popcount(il)
        hom_kj += popcount(kj)
        hom_kl += popcount(kl)
        opposite_ij += popcount(ij & (hi ^ hj))
        opposite_il += popcount(il & (hi ^ hl))
        opposite_kj += popcount(kj & (hk ^ hj))
        opposite_kl += popcount(kl & (hk ^ hl))
    out[0], out[1], out[2], out[3] = hom_ij, hom_il, hom_kj, hom_kl
    out[4], out[5], out[6], out[7] = opposite_ij, opposite_il, opposite_kj, opposite_kl


@borrowing_jit
def _one_by_one(
    low: _Planes, high: _Planes, i: int, j: int, first: int, last: int, out: npt.NDArray[np.uint64]
) -> None:
    low_i, low_j = low[i, first:last], low[j, first:last]
    high_i, high_j = high[i, first:last], high[j, first:last]
    hom = np.uint64(0)
    opposite = np.uint64(0)
    for w in range(last - first):
        both = ~(low_i[w] | low_j[w])
        hom += popcount(both)
        opposite += popcount(both & (high_i[w] ^ high_j[w]))
    out[0] = hom
    out[4] = opposite


@borrowing_jit
def _where_missing(
    low: _Planes, high: _Planes, i: int, j: int, first: int, last: int, out: npt.NDArray[np.uint64]
) -> None:
    """Fill `out`: how often i is homozygous where j is missing, j where i is, and both are missing."""
    low_i, low_j = low[i, first:last], low[j, first:last]
    high_i, high_j = high[i, first:last], high[j, first:last]
    hom_i = np.uint64(0)
    hom_j = np.uint64(0)
    neither = np.uint64(0)
    for w in range(last - first):
        missing_i, missing_j = low_i[w] & high_i[w], low_j[w] & high_j[w]
        hom_i += popcount(~low_i[w] & missing_j)
        hom_j += popcount(~low_j[w] & missing_i)
        neither += popcount(missing_i & missing_j)
    out[0], out[1], out[2] = hom_i, hom_j, neither


def _add_pairs(
    low: _Planes,
    high: _Planes,
    missing: npt.NDArray[np.int64],
    first: int,
    tile_i: int,
    end_i: int,
    raw: _Counts,
) -> None:
    """Add to raw [5, rows, S] what pairs (i, j) share, tile_i <= i < end_i, j up to i; row 0 is sample `first`."""
    n_words = low.shape[1]
    out = np.zeros(8, dtype=np.uint64)
    for word in range(0, n_words, _WORDS):
        stop = min(word + _WORDS, n_words)
        for tile_j in range(0, end_i, _TILE_SAMPLES):
            end_j = min(tile_j + _TILE_SAMPLES, end_i)
            for i in range(tile_i, end_i, 2):
                for j in range(tile_j, end_j, 2):
                    if i + 1 < end_i and j + 1 < end_j:
                        _two_by_two(low, high, i, j, word, stop, out)
                        for n in range(4):
                            raw[0, i + n // 2 - first, j + n % 2] += np.int32(out[n])
                            raw[1, i + n // 2 - first, j + n % 2] += np.int32(out[4 + n])
                    else:
                        for one in range(i, min(i + 2, end_i)):
                            for other in range(j, min(j + 2, end_j)):
                                _one_by_one(low, high, one, other, word, stop, out)
                                raw[0, one - first, other] += np.int32(out[0])
                                raw[1, one - first, other] += np.int32(out[4])
            for i in range(tile_i, end_i):
                for j in range(tile_j, min(end_j, i)):
                    if missing[i] or missing[j]:
                        _where_missing(low, high, i, j, word, stop, out)
                        for n in range(3):
                            raw[2 + n, i - first, j] += np.int32(out[n])


def _finish(
    raw: _Counts,
    totals: npt.NDArray[np.int64],
    n_variants: int,
    first: int,
    start: int,
    stop: int,
    kinship_min: float,
    offset: int,
    counts: _Counts,
    kinship: npt.NDArray[np.float64],
    who: npt.NDArray[np.int32],
) -> int:
    """Write, from `offset` on, the pairs of samples start..stop - 1 of kinship `kinship_min` or more; return how many.

    `raw` is of the band of rows that begins with sample `first`.
    """
    n = offset
    for i in range(start, stop):
        for j in range(i):
            hom_hom = np.int64(raw[0, i - first, j])
            ibs0 = np.int64(raw[1, i - first, j])
            neither = np.int64(raw[4, i - first, j])
            # homozygous calls of one where the other is called
            hom_i = totals[i, 0] - np.int64(raw[2, i - first, j])
            hom_j = totals[j, 0] - np.int64(raw[3, i - first, j])
            called = n_variants - totals[i, 2] - totals[j, 2] + neither
            het1_hom2 = hom_j - hom_hom
            het2_hom1 = hom_i - hom_hom
            hethet = called - hom_i - hom_j + hom_hom
            fewer = hethet + min(het1_hom2, het2_hom1)
            value = np.nan
            if fewer > 0:
                value = 0.5 - 0.25 * (4.0 * ibs0 + het1_hom2 + het2_hom1) / fewer
            if kinship_min > -np.inf and not value >= kinship_min:
                continue
            counts[0, n], counts[1, n], counts[2, n], counts[3, n] = hethet, ibs0, het1_hom2, het2_hom1
            counts[4, n] = called
            kinship[n] = value
            who[0, n], who[1, n] = i, j
            n += 1
    return n - offset


_add_pairs_jit = jit(_add_pairs)
_finish_jit = jit(_finish)


def n_pairs(n_samples: int) -> int:
    """Return the number of unordered pairs."""
    return n_samples * (n_samples - 1) // 2


def pair_index(n_samples: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return (i, j), int64[pairs] each: the two sample numbers of every pair, in the order of `king_robust`."""
    i, j = np.tril_indices(n_samples, k=-1)
    return i.astype(np.int64), j.astype(np.int64)


def bit_planes(packed: npt.NDArray[np.uint8], n_samples: int) -> BitPlanes:
    """Return the bit planes of a block, from packed genotypes uint8[V, ceil(S / 4)] (see `kernels.genotypes`)."""
    if packed.dtype != np.uint8 or packed.ndim != 2 or packed.shape[1] != packed_width(n_samples):
        wanted = f"uint8[V, {packed_width(n_samples)}] for {n_samples} samples"
        raise ValueError(f"packed must be {wanted}, not {packed.dtype}{list(packed.shape)}")
    shape = (n_samples, (len(packed) + 63) // 64)
    low, high = on_lines(shape, np.uint64), on_lines(shape, np.uint64)
    totals = np.empty((n_samples, 3), dtype=np.int64)
    _fill_planes_jit(np.ascontiguousarray(packed), low, high)
    _fill_totals_jit(low, high, len(packed), totals)
    return BitPlanes(low, high, totals, len(packed))


class PairBand:
    """What the samples `first`..`last` - 1 share with all samples before them, added up block by block.

    Threads may call `add` for parts of the band at once, each part by one of them. It takes 20 bytes a pair.
    """

    def __init__(self, first: int, last: int, n_samples: int) -> None:
        if not 0 <= first <= last <= n_samples:
            raise ValueError(f"first and last must lie in 0..{n_samples}, not {first} and {last}")
        self.first, self.last = first, last
        self._raw = np.zeros((5, last - first, last + 1), dtype=np.int32)

    def parts(self) -> list[tuple[int, int]]:
        """Return the parts of the band, as first and last sample, that threads may take."""
        edges = range(self.first, self.last, _TILE_SAMPLES)
        return [(start, min(start + _TILE_SAMPLES, self.last)) for start in edges]

    def add(self, planes: BitPlanes, start: int, stop: int) -> None:
        """Add a block for the samples start..stop - 1 of the band."""
        if planes.low.size:
            _add_pairs_jit(planes.low, planes.high, planes.totals[:, 2], self.first, start, stop, self._raw)

    def pairs(
        self,
        totals: npt.NDArray[np.int64],
        n_variants: int,
        *,
        start: int,
        stop: int,
        kinship_min: float | None = None,
        into: Pairs | None = None,
    ) -> Pairs:
        """Return the pairs of samples start..stop - 1, in the order of the later sample, then of the earlier.

        `totals` int64[S, 3] and `n_variants` are the sums over all blocks. With `kinship_min` only the pairs of that
        kinship or more are kept. Without it they are written to their places in `into`, the pairs of all samples, where
        that is given.
        """
        size = n_pairs(stop) - n_pairs(start)
        whole = into if into is not None and kinship_min is None else empty_pairs(size)
        offset = n_pairs(start) if whole is into else 0
        limit = -np.inf if kinship_min is None else float(kinship_min)
        n = _finish_jit(self._raw, totals, n_variants, self.first, start, stop, limit, offset, *whole)
        span = slice(offset, offset + n)
        return Pairs(whole.counts[:, span], whole.kinship[span], whole.who[:, span])


class Pairs(NamedTuple):
    """Pairs of samples: counts int32[5, N] in rows `PAIR_COLUMNS`, kinship float64[N], sample numbers int32[2, N].

    Kinship is NaN where one of the two has no heterozygous call (the estimator divides by it). 0.5 is the same genotype
    everywhere, 0.25 a parent and child or full siblings, 0 unrelated; it is below 0 for people of different ancestry.
    """

    counts: _Counts
    kinship: npt.NDArray[np.float64]
    who: npt.NDArray[np.int32]


def empty_pairs(n: int) -> Pairs:
    """Return room for n pairs."""
    return Pairs(np.empty((5, n), dtype=np.int32), np.empty(n), np.empty((2, n), dtype=np.int32))


def king_robust(dosage: npt.NDArray[np.int8]) -> tuple[_Counts, npt.NDArray[np.float64]]:
    """Return pair counts int32[5, pairs] and kinship float64[pairs] of dosages int8[V, S] held in memory.

    Pairs (i, j) with j < i stand at i * (i - 1) / 2 + j, which is the row order of `plink2 --make-king-table`.

    Examples
    --------
    >>> import numpy as np
    >>> counts, kinship = king_robust(np.array([[0, 0], [1, 1], [1, 0]], dtype=np.int8))
    >>> counts[:, 0].tolist(), kinship.tolist()
    ([1, 0, 0, 1, 3], [0.25])
    """
    n_variants, n_samples = dosage.shape
    planes = bit_planes(pack_dosage(dosage), n_samples)
    band = PairBand(0, n_samples, n_samples)
    for start, stop in band.parts():
        band.add(planes, start, stop)
    pairs = band.pairs(planes.totals, n_variants, start=0, stop=n_samples)
    return pairs.counts, pairs.kinship
