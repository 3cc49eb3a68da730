"""Counts over packed genotypes: by variant with popcount, by sample with bit-sliced adders; nothing is unpacked.

A word is 32 genotypes of two bits (see `genotypes`); with l and h the lower and upper bits of all of them, and m = l & h
the missing ones, het = l - m and hom_alt = h - m hold for sums of any kind. By variant the sums are popcounts. By
sample they are sums down a column of bits: eight rows go through a tree of full adders, seven per word, whose carries
stand in three words (ones, twos, fours) until the eighth row; W. Mula, N. Kurz and D. Lemire, "Faster population counts
using AVX2 instructions", Comput. J. 61:111-120 (2018), have the tree. All sums are of integers, so any split of the work
gives the same bytes.

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


def as_words(packed: npt.NDArray[np.uint8]) -> Words:
    """Return packed genotypes uint8[V, B] as uint64[V, W]; places past the bytes are missing genotypes."""
    if packed.dtype != np.uint8 or packed.ndim != 2:
        raise ValueError(f"packed must be uint8 with two dimensions (V, bytes), not {packed.dtype} with {packed.ndim}")
    n_variants, n_bytes = packed.shape
    width = (n_bytes + 7) // 8
    if n_bytes == 8 * width and packed.flags.c_contiguous and packed.ctypes.data % 8 == 0:
        return packed.view(np.uint64)
    padded = np.empty((n_variants, 8 * width), dtype=np.uint8)
    padded[:, :n_bytes] = packed
    padded[:, n_bytes:] = 0xFF
    return padded.view(np.uint64)


def sample_mask(n_samples: int, numbers: npt.NDArray[np.int64] | None = None) -> Words:
    """Return uint64[W] with the lower bit of each of these samples set, of all `n_samples` when `numbers` is None."""
    codes = np.zeros((n_samples + SAMPLES_PER_WORD - 1) // SAMPLES_PER_WORD * SAMPLES_PER_WORD, dtype=np.uint8)
    codes[slice(0, n_samples) if numbers is None else numbers] = 1
    by_byte = codes.reshape(-1, 4) << np.array([0, 2, 4, 6], dtype=np.uint8)
    return np.ascontiguousarray(by_byte.sum(axis=1, dtype=np.uint8)).view(np.uint64)


def _counts_by_mask(words: Words, masks: Words, sizes: npt.NDArray[np.int64], counts: npt.NDArray[np.int32]) -> None:
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
    sizes = np.array([sum(word.bit_count() for word in mask.tolist()) for mask in masks], dtype=np.int64)
    _counts_by_mask_jit(np.ascontiguousarray(words), np.ascontiguousarray(masks), sizes, counts)
    return counts


@borrowing_jit
def _add_eight(words: Words, rows: npt.NDArray[np.int64], first: int, planes: Words, eights: Words) -> None:
    """Add the bits of rows[first : first + 8] to `planes` [3, W]; fill `eights` [W] with what is carried out of them."""
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


def _position_sums(
    words: Words, rows: npt.NDArray[np.int64], planes: Words, lanes: Words, sums: npt.NDArray[np.int64]
) -> None:
    """Add to `sums` int64[64 W] how many of these rows have each bit set; `planes` and `lanes` begin and end as zero."""
    n_eights = rows.shape[0] // 8
    eights = np.empty(words.shape[1], dtype=np.uint64)
    held = 0
    for group in range(n_eights):
        _add_eight(words, rows, 8 * group, planes, eights)
        _add_lanes(eights, lanes)
        held += 1
        if held == _LANE_MAX:
            _empty_lanes(lanes, sums)
            held = 0
    _empty_lanes(lanes, sums)
    for w in range(words.shape[1]):
        for plane in range(3):
            word = planes[plane, w]
            planes[plane, w] = _NONE
            while word != _NONE:
                sums[64 * w + np.int64(trailing_zeros(word))] += 1 << plane
                word &= word - _ONE
    for i in range(8 * n_eights, rows.shape[0]):
        for w in range(words.shape[1]):
            word = words[rows[i], w]
            for bit in range(64):
                sums[64 * w + bit] += np.int64((word >> np.uint64(bit)) & _ONE)


def _missing_places(
    words: Words,
    mask: Words,
    rows: npt.NDArray[np.int64],
    kind: npt.NDArray[np.int8],
    weight: npt.NDArray[np.int64],
    number: npt.NDArray[np.int64],
    total: npt.NDArray[np.int64],
) -> None:
    """Add to `number` [kinds, 32 W] and `total` [32 W] 1 and the weight for each missing genotype of these rows."""
    for i in range(rows.shape[0]):
        v = rows[i]
        for w in range(words.shape[1]):
            missing = words[v, w] & (words[v, w] >> _ONE) & mask[w]
            while missing != _NONE:
                s = SAMPLES_PER_WORD * w + (np.int64(trailing_zeros(missing)) >> 1)
                number[kind[v], s] += 1
                total[s] += weight[v]
                missing &= missing - _ONE


def _lone_carriers(
    words: Words, mask: Words, rows: npt.NDArray[np.int64], singletons: npt.NDArray[np.int64]
) -> None:
    """Add 1 for the sample that alone carries the ALT allele of each of these rows."""
    for i in range(rows.shape[0]):
        v = rows[i]
        for w in range(words.shape[1]):
            carried = (words[v, w] ^ (words[v, w] >> _ONE)) & mask[w]
            if carried != _NONE:
                singletons[SAMPLES_PER_WORD * w + (np.int64(trailing_zeros(carried)) >> 1)] += 1
                break


_position_sums_jit = jit(_position_sums)
_missing_places_jit = jit(_missing_places)
_lone_carriers_jit = jit(_lone_carriers)


def sample_sums(
    words: Words,
    mask: Words,
    counts: npt.NDArray[np.int32],
    variant_class: npt.NDArray[np.int8],
    weight: npt.NDArray[np.int64],
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return what each sample carries over variants with one ALT allele, and the weights of what it misses.

    Parameters
    ----------
    words, mask
        uint64[V, W] of `as_words`, and uint64[W] of `sample_mask`: the cohort in which a singleton is one.
    counts
        int32[V, 4] as `genotypes.packed_genotypes` has them, of the samples in the mask.
    variant_class
        int8[V]: what the ALT allele is, TRANSITION to OTHER of `counts`; -1 for a variant that is not to be counted.
    weight
        int64[V], fixed point: a sum of floats would depend on how the variants were split.

    Returns
    -------
    int64[32 W, 10], columns `counts.SAMPLE_COLUMNS`, and int64[32 W]; rows of samples outside the mask mean nothing.
    250 million genotypes take 0.03 s, and 2 ns for each that is missing.
    """
    _check_words(words, mask[None, :])
    n_variants, width = words.shape
    if counts.shape != (n_variants, 4):
        raise ValueError(f"counts must have shape ({n_variants}, 4), not {counts.shape}")
    if variant_class.shape != (n_variants,) or variant_class.dtype != np.int8 or weight.shape != (n_variants,):
        raise ValueError(f"variant_class must be int8 and weight int64, both of shape ({n_variants},)")
    if n_variants and (variant_class.min() < -1 or variant_class.max() > OTHER):
        raise ValueError(f"classes must lie in -1..{OTHER}")
    words = np.ascontiguousarray(words)
    n_places = SAMPLES_PER_WORD * width
    used = variant_class >= 0
    missing = np.zeros((_N_KINDS, n_places), dtype=np.int64)
    weights = np.zeros(n_places, dtype=np.int64)
    rows = np.flatnonzero(used & (counts[:, 3] > 0))
    _missing_places_jit(words, mask, rows, np.ascontiguousarray(variant_class), weight, missing, weights)
    planes, lanes = np.zeros((3, width), dtype=np.uint64), np.zeros((8, width), dtype=np.uint64)
    columns = dict(zip(SAMPLE_COLUMNS, np.zeros((len(SAMPLE_COLUMNS), n_places), dtype=np.int64), strict=True))
    for kind in range(_N_KINDS):
        sums = np.zeros(2 * n_places, dtype=np.int64)
        _position_sums_jit(words, np.flatnonzero(variant_class == kind), planes, lanes, sums)
        # a place past the packed bytes is missing in all rows, without being in `missing`: its sums mean nothing
        het, hom_alt = sums[0::2] - missing[kind], sums[1::2] - missing[kind]
        columns["het"] += het
        columns["hom_alt"] += hom_alt
        columns["missing"] += missing[kind]
        columns[SAMPLE_COLUMNS[_FIRST_CLASS_COLUMN + kind]] += het + hom_alt
    columns["hom_ref"] += int(used.sum()) - columns["het"] - columns["hom_alt"] - columns["missing"]
    carriers = counts[:, 1] + counts[:, 2]
    _lone_carriers_jit(words, mask, np.flatnonzero(used & (carriers == 1)), columns["singletons"])
    return np.stack([columns[name] for name in SAMPLE_COLUMNS], axis=1), weights


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
    no_weight = np.zeros(len(packed), dtype=np.int64)
    sums, _ = sample_sums(as_words(packed), sample_mask(n_samples), counts, variant_class, no_weight)
    return sums[:n_samples]


def _check_words(words: Words, masks: Words) -> None:
    if words.dtype != np.uint64 or words.ndim != 2 or masks.dtype != np.uint64 or masks.ndim != 2:
        raise ValueError("words and masks must be uint64 with two dimensions")
    if words.shape[1] != masks.shape[1]:
        raise ValueError(f"masks have {masks.shape[1]} words, the genotypes {words.shape[1]}")
