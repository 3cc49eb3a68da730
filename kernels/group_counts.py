"""Alleles of several groups of samples, from whole genotypes; and who carries an allele, from packed ones.

Letters: V variants, S samples, P ploidy, A alleles, G groups, W words. Words and masks are those of `packed_counts`: 32
samples a word, 00, 01, 10 copies of the allele, 11 missing; a mask has the lower bit of each of its samples. A sample
may stand in any number of groups. Missing is never counted as reference. All sums are of integers.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from genomics_dc.kernels._jit import jit
from genomics_dc.kernels.packed_counts import SAMPLES_PER_WORD

_LOW = np.uint64(0x5555555555555555)
_Genotypes = npt.NDArray[np.int8] | npt.NDArray[np.int16] | npt.NDArray[np.int32]


def _group_allele_counts(
    genotype: _Genotypes,
    first: npt.NDArray[np.int64],
    group_of: npt.NDArray[np.int64],
    alleles: npt.NDArray[np.int32],
    homozygous: npt.NDArray[np.int32],
    hemizygous: npt.NDArray[np.int32],
) -> int:
    """Fill the counts [V, G, A]; sample s is in groups group_of[first[s]:first[s + 1]]; return alleles beyond A."""
    n_variants, n_samples, ploidy = genotype.shape
    n_alleles = alleles.shape[2]
    beyond = 0
    for v in range(n_variants):
        for s in range(n_samples):
            if first[s] == first[s + 1]:
                continue
            copies = 0
            same = True
            missing = False
            leading = -1
            for p in range(ploidy):
                allele = genotype[v, s, p]
                if allele == -2:
                    continue
                if allele < 0:
                    missing = True
                elif allele >= n_alleles:
                    beyond += 1
                    missing = True
                else:
                    if leading < 0:
                        leading = allele
                    elif allele != leading:
                        same = False
                    copies += 1
            if missing or copies == 0:
                continue
            for k in range(first[s], first[s + 1]):
                g = group_of[k]
                for p in range(ploidy):
                    allele = genotype[v, s, p]
                    if allele >= 0:
                        alleles[v, g, allele] += 1
                if copies == 1:
                    hemizygous[v, g, leading] += 1
                elif same:
                    homozygous[v, g, leading] += 1
    return beyond


_group_allele_counts_jit = jit(_group_allele_counts)


def _carriers(
    words: npt.NDArray[np.uint64], mask: npt.NDArray[np.uint64], most: int, out: npt.NDArray[np.int64]
) -> None:
    """Fill `out` [V, most] with the first carriers of each row inside the mask, -1 where there is none."""
    one = np.uint64(1)
    for v in range(words.shape[0]):
        found = 0
        for i in range(words.shape[1]):
            word = words[v, i]
            if word == 0:
                continue
            carried = ((word ^ (word >> one)) & _LOW) & mask[i]  # 01 and 10, not 00 or 11
            if carried == 0:
                continue
            for place in range(SAMPLES_PER_WORD):
                if (carried >> np.uint64(2 * place)) & one and found < most:
                    out[v, found] = SAMPLES_PER_WORD * i + place
                    found += 1
            if found == most:
                break


def _merge_carriers(words: npt.NDArray[np.uint64], gene: npt.NDArray[np.int64], merged: npt.NDArray[np.uint64]) -> None:
    """Set in `merged` [genes, W] the lower bit of each sample that carries the allele of row v, for gene[v]."""
    one = np.uint64(1)
    for v in range(words.shape[0]):
        g = gene[v]
        for i in range(words.shape[1]):
            word = words[v, i]
            if word != 0:
                merged[g, i] |= (word ^ (word >> one)) & _LOW


_carriers_jit = jit(_carriers)
_merge_carriers_jit = jit(_merge_carriers)


def group_allele_counts(
    genotype: npt.NDArray[np.integer], members: npt.NDArray[np.bool_], n_alleles: int
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32], npt.NDArray[np.int32]]:
    """Return copies of every allele, its homozygotes and its haploid carriers, int32[V, G, A] each.

    Parameters
    ----------
    genotype
        int8, int16 or int32 [V, S, P] allele numbers of any ploidy; -1 missing, -2 no such chromosome copy. A call of
        which a part is missing counts nothing. A haploid call counts one copy.
    members
        bool[G, S].
    n_alleles
        A, with the reference.

    Raises
    ------
    ValueError
        When an allele number is A or larger, or a shape or type is another one.

    Examples
    --------
    >>> import numpy as np
    >>> calls = np.array([[[0, 2], [1, -2], [2, 2]]], dtype=np.int8)
    >>> copies, homozygous, hemizygous = group_allele_counts(calls, np.ones((1, 3), dtype=bool), 3)
    >>> copies.tolist(), homozygous.tolist(), hemizygous.tolist()
    ([[[1, 1, 3]]], [[[0, 0, 1]]], [[[0, 1, 0]]])
    """
    if genotype.ndim != 3 or genotype.dtype not in (np.int8, np.int16, np.int32):
        raise ValueError(
            f"genotype must be int8, int16 or int32 [V, S, P], not {genotype.dtype} with {genotype.ndim} dimensions"
        )
    if members.dtype != np.bool_ or members.ndim != 2 or members.shape[1] != genotype.shape[1]:
        raise ValueError(f"members must be bool [G, {genotype.shape[1]}], not {members.dtype} {members.shape}")
    sample, group_of = np.nonzero(members.T)
    first = np.searchsorted(sample, np.arange(members.shape[1] + 1)).astype(np.int64)
    shape = (genotype.shape[0], members.shape[0], n_alleles)
    copies, homozygous, hemizygous = (np.zeros(shape, dtype=np.int32) for _ in range(3))
    beyond = _group_allele_counts_jit(
        np.ascontiguousarray(genotype), first, group_of.astype(np.int64), copies, homozygous, hemizygous
    )
    if beyond:
        raise ValueError(f"allele numbers must be below {n_alleles}; {beyond} are not")
    return copies, homozygous, hemizygous


def first_carriers(words: npt.NDArray[np.uint64], mask: npt.NDArray[np.uint64], most: int = 2) -> npt.NDArray[np.int64]:
    """Return int64[V, most]: the first samples of a group that carry the allele, -1 where there are fewer.

    Examples
    --------
    >>> import numpy as np
    >>> from genomics_dc.kernels.packed_counts import as_words, sample_mask
    >>> words = as_words(np.array([[0b11100100]], dtype=np.uint8))  # samples with 0, 1, 2 copies and no call
    >>> first_carriers(words, sample_mask(4)).tolist()
    [[1, 2]]
    """
    _check_words(words, mask[None])
    out = np.full((len(words), most), -1, dtype=np.int64)
    _carriers_jit(np.ascontiguousarray(words), np.ascontiguousarray(mask), most, out)
    return out


def merge_carriers(words: npt.NDArray[np.uint64], gene: npt.NDArray[np.int64], merged: npt.NDArray[np.uint64]) -> None:
    """Add to `merged` uint64[genes, W] the carriers of each row's allele: row v belongs to gene[v].

    A sample's lower bit is set when it carries an allele of the gene, however many; popcount with a group's mask then
    says how many samples do.
    """
    _check_words(words, merged)
    if gene.shape != (len(words),) or (gene.size and (gene.min() < 0 or gene.max() >= len(merged))):
        raise ValueError(f"gene must hold {len(words)} numbers below {len(merged)}")
    _merge_carriers_jit(np.ascontiguousarray(words), np.ascontiguousarray(gene, dtype=np.int64), merged)


def group_sizes(merged: npt.NDArray[np.uint64], masks: npt.NDArray[np.uint64]) -> npt.NDArray[np.int64]:
    """Return int64[rows, G]: how many samples marked in `merged` uint64[rows, W] belong to each group."""
    _check_words(merged, masks)
    columns = [np.bitwise_count(merged & mask).sum(axis=1, dtype=np.int64) for mask in masks]
    return np.stack(columns, axis=1) if columns else np.empty((len(merged), 0), dtype=np.int64)


def _check_words(words: npt.NDArray[np.uint64], masks: npt.NDArray[np.uint64]) -> None:
    if words.dtype != np.uint64 or masks.dtype != np.uint64 or words.ndim != 2 or masks.shape[1:] != words.shape[1:]:
        raise ValueError(
            f"words and masks must be uint64 of one width, not {words.dtype} {words.shape} and "
            f"{masks.dtype} {masks.shape}"
        )
