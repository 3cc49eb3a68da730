"""Who carries what, from genotypes packed 32 to a word: counts, lists of carriers, lists of the missing.

A sum over samples of weight times dosage needs few visits when the dosage is counted from the genotype that most
samples have: all others are listed, with what their dosage differs by. Codes 0, 1, 2 are copies of ALT, 3 is missing;
sample s of the store stands in word s // 32 at bits 2 * (s % 32), and `members` uint64[W] has a bit at the lower of the
two for each sample that takes part.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from genomics_dc.kernels._jit import jit
from genomics_dc.kernels.bits import popcount, trailing_zeros


def _count(words: npt.NDArray[np.uint64], members: npt.NDArray[np.uint64]) -> tuple[int, int, int]:
    """Return how many members are het, hom_alt and missing."""
    het = np.uint64(0)
    hom = np.uint64(0)
    missing = np.uint64(0)
    for w in range(words.size):
        low = words[w] & members[w]
        high = (words[w] >> np.uint64(1)) & members[w]
        het += popcount(low & ~high)
        hom += popcount(high & ~low)
        missing += popcount(low & high)
    return np.int64(het), np.int64(hom), np.int64(missing)  # type: ignore[return-value]  # int() would keep uint64


count_jit = jit(_count)


def _common_genotype(hom_ref: int, het: int, hom_alt: int) -> int:
    """Return the genotype that most have, the lower number when two are as frequent."""
    if hom_ref >= het and hom_ref >= hom_alt:
        return 0
    return 1 if het >= hom_alt else 2


common_genotype_jit = jit(_common_genotype)


def _list_code(
    words: npt.NDArray[np.uint64],
    members: npt.NDArray[np.uint64],
    code: int,
    out: npt.NDArray[np.int32],
    first: int,
) -> int:
    """Write the store numbers of the members with this code (0 to 3) from place `first` on; return the end."""
    one = np.uint64(1)
    found = first
    low_mask = np.uint64(0) if code & 1 else ~np.uint64(0)
    high_mask = np.uint64(0) if code & 2 else ~np.uint64(0)
    for w in range(words.size):
        bits = (words[w] ^ low_mask) & ((words[w] >> one) ^ high_mask) & members[w]
        while bits:
            out[found] = 32 * w + np.int64(trailing_zeros(bits) >> one)
            found += 1
            bits &= bits - one
    return found


list_code_jit = jit(_list_code)


def member_words(columns: npt.NDArray[np.int64], n_samples: int, n_store_samples: int) -> npt.NDArray[np.uint64]:
    """Return uint64[W] with a bit at twice the number of each sample, 32 samples of the store a word.

    Raises
    ------
    ValueError
        When the numbers are not `n_samples`, outside the store, or named twice.
    """
    if columns.shape != (n_samples,):
        raise ValueError(f"the design has {n_samples} samples, {columns.size} places are given")
    if columns.size and (columns.min() < 0 or columns.max() >= n_store_samples):
        raise ValueError(f"sample numbers must lie in 0..{n_store_samples - 1}")
    if np.unique(columns).size != columns.size:
        raise ValueError("a sample has two places in the design; each sample counts once")
    members = np.zeros((n_store_samples + 31) // 32, dtype=np.uint64)
    np.bitwise_or.at(members, columns >> 5, np.uint64(1) << (2 * (columns & 31)).astype(np.uint64))
    return members


def check_width(packed: npt.NDArray[np.uint8], n_words: int) -> None:
    """Refuse packed genotypes uint8[V, B] whose width is not that of `n_words` words."""
    if packed.dtype != np.uint8 or packed.ndim != 2 or not 8 * (n_words - 1) < packed.shape[1] <= 8 * n_words:
        raise ValueError(f"packed genotypes must be uint8[V, B], B at most {8 * n_words}, not {packed.dtype}")


def words_of_packed(packed: npt.NDArray[np.uint8], n_words: int) -> npt.NDArray[np.uint64]:
    """Return packed genotypes uint8[V, B] as uint64[V, W], missing in unused places.

    Raises
    ------
    ValueError
        When the width of `packed` is not that of `n_words` words.
    """
    check_width(packed, n_words)
    words = np.full((packed.shape[0], 8 * n_words), 0xFF, dtype=np.uint8)
    words[:, : packed.shape[1]] = packed
    return words.view("<u8")


def _fill_words(packed: npt.NDArray[np.uint8], words: npt.NDArray[np.uint64]) -> None:
    """Fill `words` [W] from one variant's bytes [B], missing in unused places.

    Row by row into one small buffer: a second copy of a whole block costs more than the score test of its variants.
    """
    whole = packed.size // 8
    for w in range(whole):
        value = np.uint64(0)
        for k in range(8):
            value |= np.uint64(packed[8 * w + k]) << np.uint64(8 * k)
        words[w] = value
    for w in range(whole, words.size):
        value = np.uint64(0)
        for k in range(8):
            byte = np.uint64(packed[8 * w + k]) if 8 * w + k < packed.size else np.uint64(0xFF)
            value |= byte << np.uint64(8 * k)
        words[w] = value


fill_words_jit = jit(_fill_words)


def recoded(packed: npt.NDArray[np.uint8], coding: str) -> npt.NDArray[np.uint8]:
    """Return packed genotypes under another coding: "dominant" 0, 1, 1 or "recessive" 0, 0, 1; missing stays missing.

    Raises
    ------
    ValueError
        When there is no such coding.

    Examples
    --------
    >>> recoded(np.array([[0b11_10_01_00]], dtype=np.uint8), "dominant").tolist() == [[0b11_01_01_00]]
    True
    """
    if coding == "additive":
        return packed
    if coding not in ("dominant", "recessive"):
        raise ValueError(f"coding must be additive, dominant or recessive, not {coding}")
    low_places = np.uint8(0x55)
    low = packed & low_places
    high = (packed >> np.uint8(1)) & low_places
    one = low | high if coding == "dominant" else high
    return one | ((low & high) << np.uint8(1))


def _fill_frequency(
    words: npt.NDArray[np.uint64],
    members: npt.NDArray[np.uint64],
    n_members: int,
    frequency: npt.NDArray[np.float64],
) -> None:
    """Fill the frequency of ALT among the members that are called; NaN where none is."""
    for v in range(words.shape[0]):
        het, hom, n_absent = count_jit(words[v], members)
        n = n_members - n_absent
        frequency[v] = (het + 2 * hom) / (2.0 * n) if n > 0 else np.nan


_fill_frequency_jit = jit(_fill_frequency)


def frequency_of(
    packed: npt.NDArray[np.uint8], members: npt.NDArray[np.uint64], n_members: int
) -> npt.NDArray[np.float64]:
    """Return float64[V], the frequency of ALT among the members with a genotype; NaN where none has one."""
    frequency = np.empty(packed.shape[0])
    _fill_frequency_jit(words_of_packed(packed, members.size), members, n_members, frequency)
    return frequency
