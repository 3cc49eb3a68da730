"""Counts over packed genotypes: by variant with popcount, by sample with bit-sliced adders; nothing is unpacked.

A word is 32 genotypes of two bits (see `genotypes`). With l and h the lower and upper bits of all, and m = l & h the
missing ones, het = l - m and hom_alt = h - m hold for sums of any kind. By variant the sums are popcounts. By
sample they are sums down a column of bits: eight rows go through a tree of full adders, seven for each word, whose
carries stand in three words (ones, twos, fours) until the eighth row; the tree is that of W. Mula, N. Kurz and
D. Lemire, "Faster population counts using AVX2 instructions", Comput. J. 61:111-120 (2018). All sums are of integers,
so any split of the work gives the same bytes.

Letters: V variants, S samples, W = ceil(S / 32) words, M masks.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from genomics_dc.kernels._jit import borrowing_jit, jit
from genomics_dc.kernels.bits import popcount, trailing_zeros
from genomics_dc.kernels.counts import OTHER, SAMPLE_COLUMNS
from genomics_dc.kernels.genotypes import packed_width

Words: TypeAlias = npt.NDArray[np.uint64]

SAMPLES_PER_WORD = 32
_EVEN = np.uint64(0x5555555555555555)
_BYTES = np.uint64(0x0101010101010101)
_BYTE = np.uint64(255)
_ONE = np.uint64(1)
_NONE = np.uint64(0)
_LANE_MAX = 255  # eights that a byte of a lane holds
_N_KINDS = OTHER + 1
_FIRST_CLASS_COLUMN = SAMPLE_COLUMNS.index("transitions")
_SINGLETON_COLUMN = SAMPLE_COLUMNS.index("singletons")


def as_words(packed: npt.NDArray[np.uint8]) -> Words:
    """Return packed genotypes uint8[V, B] as uint64[V, W]; places past the bytes are missing genotypes.

    Rows that have room after them, as `with_room_for_words` makes it, are not copied.
    """
    if packed.dtype != np.uint8 or packed.ndim != 2:
        raise ValueError(f"packed must be uint8 with two dimensions (V, bytes), not {packed.dtype} with {packed.ndim}")
    n_variants, n_bytes = packed.shape
    width = (n_bytes + 7) // 8
    rows = _rows_with_room(packed, 8 * width)
    if rows is None:
        copy = with_room_for_words(n_variants, n_bytes)
        copy[:] = packed
        rows = copy.base
    assert rows is not None
    return rows.view(np.uint64)


def with_room_for_words(n_variants: int, n_bytes: int) -> npt.NDArray[np.uint8]:
    """Return uint8[V, B], not filled, whose rows begin at whole words; what lies after each says "missing"."""
    room = np.empty((n_variants, (n_bytes + 7) // 8 * 8), dtype=np.uint8)
    room[:, n_bytes:] = 0xFF
    return room[:, :n_bytes]


def _rows_with_room(packed: npt.NDArray[np.uint8], width: int) -> npt.NDArray[np.uint8] | None:
    """Return the same rows with the bytes after each, uint8[V, width], or None when these are not there or not set."""
    whole = packed if packed.base is None else packed.base
    if not isinstance(whole, np.ndarray) or whole.dtype != np.uint8 or whole.shape[1:] != (width,):
        return None
    begin = packed.ctypes.data - whole.ctypes.data
    if not whole.flags.c_contiguous or packed.strides != (width, 1) or begin % width or whole.ctypes.data % 8:
        return None
    rows = whole[begin // width : begin // width + len(packed)]
    used = 8 * (packed.shape[1] - width + 8)  # bits of the last word
    unset = ~rows.view("<u8")[:, -1] >> np.uint64(used) if used < 64 else np.zeros(1, dtype=np.uint64)
    return None if unset.any() else rows


def sample_mask(n_samples: int, numbers: npt.NDArray[np.int64] | None = None) -> Words:
    """Return uint64[W] with the lower bit of each of these samples set, of all `n_samples` when `numbers` is None."""
    codes = np.zeros((n_samples + SAMPLES_PER_WORD - 1) // SAMPLES_PER_WORD * SAMPLES_PER_WORD, dtype=np.uint8)
    codes[slice(0, n_samples) if numbers is None else numbers] = 1
    by_byte = codes.reshape(-1, 4) << np.array([0, 2, 4, 6], dtype=np.uint8)
    return np.ascontiguousarray(by_byte.sum(axis=1, dtype=np.uint8)).view(np.uint64)


def _counts_by_mask(words: Words, masks: Words, counts: npt.NDArray[np.int32]) -> None:
    sizes = np.zeros(masks.shape[0], dtype=np.int64)
    for m in range(masks.shape[0]):
        for w in range(masks.shape[1]):
            sizes[m] += np.int64(popcount(masks[m, w]))
    for v in range(words.shape[0]):
        for m in range(masks.shape[0]):
            low = _NONE
            high = _NONE
            both = _NONE
            for w in range(words.shape[1]):
                lower = words[v, w] & masks[m, w]
                upper = (words[v, w] >> _ONE) & masks[m, w]
                low += popcount(lower)
                high += popcount(upper)
                both += popcount(lower & upper)
            counts[v, m, 0] = sizes[m] - np.int64(low) - np.int64(high) + np.int64(both)
            counts[v, m, 1] = low - both
            counts[v, m, 2] = high - both
            counts[v, m, 3] = both


_counts_by_mask_jit = jit(_counts_by_mask)


def counts_by_mask(words: Words, masks: Words) -> npt.NDArray[np.int32]:
    """Return how many samples of each mask have each genotype, by variant.

    Parameters
    ----------
    words, masks
        uint64[V, W] of `as_words` and uint64[M, W] of `sample_mask`.

    Returns
    -------
    int32[V, M, 4]: hom_ref, het, hom_alt, missing.

    Examples
    --------
    >>> import numpy as np
    >>> from genomics_dc.kernels.genotypes import pack_dosage
    >>> words = as_words(pack_dosage(np.array([[0, 1, 1, -1, 2]], dtype=np.int8)))
    >>> counts_by_mask(words, np.stack([sample_mask(5), sample_mask(5, np.array([1, 3]))])).tolist()
    [[[1, 2, 1, 1], [0, 1, 0, 1]]]
    """
    _check_words(words, masks)
    counts = np.empty((words.shape[0], masks.shape[0], 4), dtype=np.int32)
    _counts_by_mask_jit(np.ascontiguousarray(words), np.ascontiguousarray(masks), counts)
    return counts


@borrowing_jit
def _add_eight(words: Words, rows: npt.NDArray[np.int64], first: int, planes: Words, eights: Words) -> None:
    """Add the bits of rows[first : first + 8] to `planes` [3, W]; fill `eights` [W] with what is carried out."""
    r0, r1, r2, r3 = rows[first], rows[first + 1], rows[first + 2], rows[first + 3]
    r4, r5, r6, r7 = rows[first + 4], rows[first + 5], rows[first + 6], rows[first + 7]
    for w in range(words.shape[1]):
        one, two, four = planes[0, w], planes[1, w], planes[2, w]
        a, b = words[r0, w], words[r1, w]
        odd = one ^ a
        twos_a = (one & a) | (odd & b)
        one = odd ^ b
        a, b = words[r2, w], words[r3, w]
        odd = one ^ a
        twos_b = (one & a) | (odd & b)
        one = odd ^ b
        odd = two ^ twos_a
        fours_a = (two & twos_a) | (odd & twos_b)
        two = odd ^ twos_b
        a, b = words[r4, w], words[r5, w]
        odd = one ^ a
        twos_a = (one & a) | (odd & b)
        one = odd ^ b
        a, b = words[r6, w], words[r7, w]
        odd = one ^ a
        twos_b = (one & a) | (odd & b)
        planes[0, w] = odd ^ b
        odd = two ^ twos_a
        fours_b = (two & twos_a) | (odd & twos_b)
        planes[1, w] = odd ^ twos_b
        odd = four ^ fours_a
        eights[w] = (four & fours_a) | (odd & fours_b)
        planes[2, w] = odd ^ fours_b


@borrowing_jit
def _add_lanes(eights: Words, lanes: Words) -> None:
    """Add each bit of `eights` [W] to its byte of `lanes` [8, W]: bit 8 b + j to byte b of lane j."""
    for j in range(8):
        lane = lanes[j]
        for w in range(eights.shape[0]):
            lane[w] += (eights[w] >> np.uint64(j)) & _BYTES


@borrowing_jit
def _empty_lanes(lanes: Words, sums: npt.NDArray[np.int64]) -> None:
    for w in range(lanes.shape[1]):
        for j in range(8):
            lane = lanes[j, w]
            for byte in range(8):
                sums[64 * w + 8 * byte + j] += 8 * np.int64((lane >> np.uint64(8 * byte)) & _BYTE)
            lanes[j, w] = _NONE


@borrowing_jit
def _add_one(words: Words, v: int, planes: Words, eights: Words) -> None:
    """Add the bits of one row to `planes`; fill `eights` with what is carried out of them."""
    for w in range(words.shape[1]):
        carry = words[v, w]
        for plane in range(3):
            bits = planes[plane, w]
            planes[plane, w] = bits ^ carry
            carry &= bits
        eights[w] = carry


def expected_het_units(hom_ref: int, het: int, hom_alt: int, units: float) -> int:
    """Return the expected share of heterozygotes, 2 p (1 - p), in whole units; 0 without a genotype."""
    copies = 2 * (hom_ref + het + hom_alt)
    if copies == 0:
        return 0
    frequency = (het + 2 * hom_alt) / copies
    return int(np.rint(2.0 * frequency * (1.0 - frequency) * units))


_expected_het_units_jit = jit(expected_het_units)


def _fill_expected(counts: npt.NDArray[np.int32], units: float, expected: npt.NDArray[np.int64]) -> None:
    for v in range(counts.shape[0]):
        expected[v] = _expected_het_units_jit(counts[v, 0], counts[v, 1], counts[v, 2], units)


def _add_rows(
    words: Words,
    mask: Words,
    counts: npt.NDArray[np.int32],
    kind: npt.NDArray[np.int8],
    units: float,
    planes: npt.NDArray[np.uint64],
    lanes: npt.NDArray[np.uint64],
    held: npt.NDArray[np.int64],
    sums: npt.NDArray[np.int64],
    missing: npt.NDArray[np.int64],
    weights: npt.NDArray[np.int64],
    singletons: npt.NDArray[np.int64],
) -> int:
    """Add a block to the sums of its kinds of variants; return how many variants it had."""
    n_kinds = planes.shape[0]
    waiting = np.empty((n_kinds, 8), dtype=np.int64)
    n_waiting = np.zeros(n_kinds, dtype=np.int64)
    eights = np.empty(words.shape[1], dtype=np.uint64)
    rows = 0
    for v in range(words.shape[0]):
        k = kind[v]
        if k < 0:
            continue
        rows += 1
        waiting[k, n_waiting[k]] = v
        n_waiting[k] += 1
        if n_waiting[k] == 8:
            n_waiting[k] = 0
            _add_eight(words, waiting[k], 0, planes[k], eights)
            _add_lanes(eights, lanes[k])
            held[k] += 1
        if held[k] == _LANE_MAX:
            _empty_lanes(lanes[k], sums[k])
            held[k] = 0
        if counts[v, 3] > 0:
            weight = _expected_het_units_jit(counts[v, 0], counts[v, 1], counts[v, 2], units)
            for w in range(words.shape[1]):
                both = words[v, w] & (words[v, w] >> _ONE) & mask[w]
                while both != _NONE:
                    s = SAMPLES_PER_WORD * w + (np.int64(trailing_zeros(both)) >> 1)
                    missing[k, s] += 1
                    weights[s] += weight
                    both &= both - _ONE
        if counts[v, 1] + counts[v, 2] == 1:
            for w in range(words.shape[1]):
                carried = (words[v, w] ^ (words[v, w] >> _ONE)) & mask[w]
                if carried != _NONE:
                    singletons[SAMPLES_PER_WORD * w + (np.int64(trailing_zeros(carried)) >> 1)] += 1
                    break
    for k in range(n_kinds):
        for i in range(n_waiting[k]):
            _add_one(words, waiting[k, i], planes[k], eights)
            _add_lanes(eights, lanes[k])
            held[k] += 1
            if held[k] == _LANE_MAX:
                _empty_lanes(lanes[k], sums[k])
                held[k] = 0
    return rows


def _empty_planes(planes: Words, lanes: Words, sums: npt.NDArray[np.int64]) -> None:
    """Add what planes and lanes hold to `sums` int64[64 W], and leave them empty."""
    _empty_lanes(lanes, sums)
    for w in range(planes.shape[1]):
        for plane in range(3):
            word = planes[plane, w]
            planes[plane, w] = _NONE
            while word != _NONE:
                sums[64 * w + np.int64(trailing_zeros(word))] += 1 << plane
                word &= word - _ONE


_fill_expected_jit = jit(_fill_expected)
_add_rows_jit = jit(_add_rows)
_empty_planes_jit = jit(_empty_planes)


def expected_het(counts: npt.NDArray[np.int32], units: float) -> npt.NDArray[np.int64]:
    """Return int64[V]: the expected share of heterozygotes, 2 p (1 - p), in whole units.

    Fixed point, because a sum of floats would depend on how the variants were split.

    Examples
    --------
    >>> import numpy as np
    >>> expected_het(np.array([[1, 2, 1, 7]], dtype=np.int32), 1000.0).tolist()
    [500]
    """
    expected = np.empty(len(counts), dtype=np.int64)
    _fill_expected_jit(np.ascontiguousarray(counts), units, expected)
    return expected


class SampleSums:
    """What each sample carries, summed over blocks of variants with one ALT allele.

    One for each thread; sums of integers can be added up in any order. `mask` uint64[W] of `sample_mask` is the cohort
    in which a singleton is one; `units` is the fixed point of `expected_het`.
    """

    def __init__(self, mask: Words, units: float) -> None:
        self._mask = np.ascontiguousarray(mask)
        self._units = units
        width = len(mask)
        self._rows = 0
        self._planes = np.zeros((_N_KINDS, 3, width), dtype=np.uint64)
        self._lanes = np.zeros((_N_KINDS, 8, width), dtype=np.uint64)
        self._held = np.zeros(_N_KINDS, dtype=np.int64)
        self._sums = np.zeros((_N_KINDS, 64 * width), dtype=np.int64)
        self._missing = np.zeros((_N_KINDS, SAMPLES_PER_WORD * width), dtype=np.int64)
        self._weights = np.zeros(SAMPLES_PER_WORD * width, dtype=np.int64)
        self._singletons = np.zeros(SAMPLES_PER_WORD * width, dtype=np.int64)

    def add(self, words: Words, counts: npt.NDArray[np.int32], variant_class: npt.NDArray[np.int8]) -> None:
        """Add a block.

        Parameters
        ----------
        words
            uint64[V, W] of `as_words`.
        counts
            int32[V, 4] hom_ref, het, hom_alt, missing, of the samples in the mask.
        variant_class
            int8[V]: what the ALT allele is, TRANSITION to OTHER of `counts`; -1 for a variant that is not to be
            counted.
        """
        _check_words(words, self._mask[None, :])
        n_variants = len(words)
        if counts.shape != (n_variants, 4) or counts.dtype != np.int32:
            raise ValueError(f"counts must be int32 of shape ({n_variants}, 4), not {counts.dtype} {counts.shape}")
        if variant_class.shape != (n_variants,) or variant_class.dtype != np.int8:
            raise ValueError(f"variant_class must be int8 of shape ({n_variants},)")
        if n_variants and (variant_class.min() < -1 or variant_class.max() > OTHER):
            raise ValueError(f"classes must lie in -1..{OTHER}")
        self._rows += _add_rows_jit(
            np.ascontiguousarray(words),
            self._mask,
            np.ascontiguousarray(counts),
            np.ascontiguousarray(variant_class),
            self._units,
            self._planes,
            self._lanes,
            self._held,
            self._sums,
            self._missing,
            self._weights,
            self._singletons,
        )

    def by_sample(self) -> npt.NDArray[np.int64]:
        """Return int64[32 W, 10], columns `counts.SAMPLE_COLUMNS`; rows of samples outside the mask mean nothing."""
        for kind in range(_N_KINDS):
            _empty_planes_jit(self._planes[kind], self._lanes[kind], self._sums[kind])
            self._held[kind] = 0
        het = self._sums[:, 0::2] - self._missing
        hom_alt = self._sums[:, 1::2] - self._missing
        table = np.empty((self._missing.shape[1], len(SAMPLE_COLUMNS)), dtype=np.int64)
        table[:, 1], table[:, 2], table[:, 3] = het.sum(axis=0), hom_alt.sum(axis=0), self._missing.sum(axis=0)
        table[:, 0] = self._rows - table[:, 1:4].sum(axis=1)
        table[:, _FIRST_CLASS_COLUMN : _FIRST_CLASS_COLUMN + _N_KINDS] = (het + hom_alt).T
        table[:, _SINGLETON_COLUMN] = self._singletons
        return table

    def missing_het(self) -> npt.NDArray[np.int64]:
        """Return int64[32 W]: `expected_het` summed over the variants where a sample's genotype is missing."""
        return self._weights


def sample_counts_packed(
    packed: npt.NDArray[np.uint8],
    counts: npt.NDArray[np.int32],
    n_samples: int,
    variant_class: npt.NDArray[np.int8],
) -> npt.NDArray[np.int64]:
    """Return what each sample carries, as `counts.sample_counts`, from packed genotypes and without their unpacking.

    Parameters
    ----------
    packed, counts
        uint8[V, ceil(S / 4)] as `genotypes.pack_dosage` has it, and int32[V, 4] as `counts.genotype_counts` has it.
    n_samples
        S; all samples of the cohort, so that a singleton can be known.
    variant_class
        int8[V]: TRANSITION, TRANSVERSION, INSERTION, DELETION or OTHER; -1 for a variant that is not to be counted
        (one with several ALT alleles, which `whole_counts` counts).

    Returns
    -------
    int64[S, 10], columns `counts.SAMPLE_COLUMNS`.
    """
    if packed.dtype != np.uint8 or packed.ndim != 2 or packed.shape[1] != packed_width(n_samples):
        raise ValueError(
            f"packed must be uint8 of {packed_width(n_samples)} columns for {n_samples} samples, "
            f"not {packed.dtype} {packed.shape}"
        )
    sums = SampleSums(sample_mask(n_samples), 1.0)
    sums.add(as_words(packed), counts, variant_class)
    return sums.by_sample()[:n_samples]


def _check_words(words: Words, masks: Words) -> None:
    if words.dtype != np.uint64 or words.ndim != 2 or masks.dtype != np.uint64 or masks.ndim != 2:
        raise ValueError("words and masks must be uint64 with two dimensions")
    if words.shape[1] != masks.shape[1]:
        raise ValueError(f"masks have {masks.shape[1]} words, the genotypes {words.shape[1]}")
