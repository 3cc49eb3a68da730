"""Counts over whole genotypes: sites of many alleles, and X, Y and the mitochondrion, where sex says what a call means.

Which calls count. A half-call (0/.) and a call of more than two alleles are missing genotypes. On autosomes a haploid
call counts as two copies, as PLINK has it; elsewhere it is one. Of a male known as such, X and Y are haploid: a
homozygous call is one copy, a heterozygous one missing. Y of a known female is no call at all.

Letters: V variants, S samples, P ploidy, A alleles, M masks.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from genomics_dc.kernels._jit import jit
from genomics_dc.kernels.counts import SAMPLE_COLUMNS, Genotypes, checked_genotypes

AUTOSOME, X, Y, MT = range(4)
"""What a contig is. The pseudoautosomal regions of X and Y count as autosomes."""
UNKNOWN, MALE, FEMALE = range(3)
"""The sex of a sample."""

_FIRST_CLASS_COLUMN = SAMPLE_COLUMNS.index("transitions")
_SINGLETON_COLUMN = SAMPLE_COLUMNS.index("singletons")
_MISSING_COLUMN = SAMPLE_COLUMNS.index("missing")
_NO_CALL = -1
_NOT_THERE = -2


@dataclass(frozen=True)
class WholeCounts:
    """Counts of one block.

    By variant: `genotypes` int32[V, 4] hom_ref, het, hom_alt (two different ALT alleles are het), missing; `copies`
    int32[V, A]; for Hardy-Weinberg, of diploid calls (on X of known females): `n_diploid` int32[V], `homozygous` and
    `heterozygous` int32[V, A] samples with two copies and one copy of the allele; `male_copies` int32[V, A] of known
    males on X; `missing_by_mask` int32[V, M]; `expected_het` int64[V], fixed point, on autosomes and X.

    By sample: `samples` int64[S, 10], columns `counts.SAMPLE_COLUMNS`; `homozygous_by_sample`, `called_by_sample`
    int64[2, S] on autosomes and X, and `missing_het` int64[2, S], `expected_het` summed where the call is missing, X as
    it was called, whatever the sex; `y_called` int64[S].
    """

    genotypes: npt.NDArray[np.int32]
    copies: npt.NDArray[np.int32]
    n_diploid: npt.NDArray[np.int32]
    homozygous: npt.NDArray[np.int32]
    heterozygous: npt.NDArray[np.int32]
    male_copies: npt.NDArray[np.int32]
    missing_by_mask: npt.NDArray[np.int32]
    expected_het: npt.NDArray[np.int64]
    samples: npt.NDArray[np.int64]
    homozygous_by_sample: npt.NDArray[np.int64]
    called_by_sample: npt.NDArray[np.int64]
    missing_het: npt.NDArray[np.int64]
    y_called: npt.NDArray[np.int64]


def _two_alleles(genotype: Genotypes, v: int, s: int) -> tuple[int, int]:
    """Return the two alleles of a call; the second -2 when it is haploid, the first -1 when it is missing."""
    first = _NOT_THERE
    second = _NOT_THERE
    for p in range(genotype.shape[2]):
        allele = int(genotype[v, s, p])
        if allele == _NOT_THERE:
            continue
        if allele < 0:
            return _NO_CALL, _NO_CALL
        if first == _NOT_THERE:
            first = allele
        elif second == _NOT_THERE:
            second = allele
        else:
            return _NO_CALL, _NO_CALL
    if first == _NOT_THERE:
        return _NO_CALL, _NO_CALL
    return first, second


_two_alleles_jit = jit(_two_alleles)


def _count_variant(
    genotype: Genotypes,
    v: int,
    kind: int,
    sex: npt.NDArray[np.int8],
    classes: npt.NDArray[np.int8],
    masks: npt.NDArray[np.bool_],
    genotypes: npt.NDArray[np.int32],
    copies: npt.NDArray[np.int32],
    homozygous: npt.NDArray[np.int32],
    heterozygous: npt.NDArray[np.int32],
    male_copies: npt.NDArray[np.int32],
    missing_by_mask: npt.NDArray[np.int32],
    samples: npt.NDArray[np.int64],
    carriers: npt.NDArray[np.int64],
) -> int:
    """Count variant `v`; all arrays but `samples` are its own. Return how many calls are diploid for Hardy-Weinberg."""
    n_diploid = 0
    n_alleles = copies.shape[0]
    for s in range(genotype.shape[1]):
        if kind == Y and sex[s] == FEMALE:
            continue
        a, b = _two_alleles_jit(genotype, v, s)
        haploid = b == _NOT_THERE
        if haploid:
            b = a
        one_copy = kind in (X, Y) and sex[s] == MALE
        if a < 0 or (one_copy and a != b):
            genotypes[3] += 1
            samples[s, _MISSING_COLUMN] += 1
            for m in range(masks.shape[0]):
                missing_by_mask[m] += masks[m, s]
            continue
        column = 1 if a != b else 0 if a == 0 else 2
        genotypes[column] += 1
        samples[s, column] += 1
        if one_copy or (haploid and kind != AUTOSOME):
            copies[a] += 1
            if kind == X and sex[s] == MALE:
                male_copies[a] += 1
        else:
            copies[a] += 1
            copies[b] += 1
            if kind == AUTOSOME or (kind == X and sex[s] == FEMALE):
                n_diploid += 1
                if a == b:
                    homozygous[a] += 1
                else:
                    heterozygous[a] += 1
                    heterozygous[b] += 1
        for turn in range(2):
            allele = a if turn == 0 else b
            if allele == 0 or (turn == 1 and a == b):
                continue
            samples[s, _FIRST_CLASS_COLUMN + classes[allele]] += 1
            carriers[allele] = s if carriers[allele] == -1 else -2
    for allele in range(1, n_alleles):
        if carriers[allele] >= 0:
            samples[carriers[allele], _SINGLETON_COLUMN] += 1
    return n_diploid


_count_variant_jit = jit(_count_variant)


def _count_all(
    genotype: Genotypes,
    kind: npt.NDArray[np.int8],
    sex: npt.NDArray[np.int8],
    classes: npt.NDArray[np.int8],
    masks: npt.NDArray[np.bool_],
    fixed_point: float,
    genotypes: npt.NDArray[np.int32],
    copies: npt.NDArray[np.int32],
    n_diploid: npt.NDArray[np.int32],
    homozygous: npt.NDArray[np.int32],
    heterozygous: npt.NDArray[np.int32],
    male_copies: npt.NDArray[np.int32],
    missing_by_mask: npt.NDArray[np.int32],
    expected_het: npt.NDArray[np.int64],
    samples: npt.NDArray[np.int64],
    homozygous_by_sample: npt.NDArray[np.int64],
    called_by_sample: npt.NDArray[np.int64],
    missing_het: npt.NDArray[np.int64],
    y_called: npt.NDArray[np.int64],
) -> None:
    carriers = np.empty(copies.shape[1], dtype=np.int64)
    for v in range(genotype.shape[0]):
        carriers[:] = -1
        n_diploid[v] = _count_variant_jit(
            genotype,
            v,
            kind[v],
            sex,
            classes[v],
            masks,
            genotypes[v],
            copies[v],
            homozygous[v],
            heterozygous[v],
            male_copies[v],
            missing_by_mask[v],
            samples,
            carriers,
        )
        if kind[v] == Y:
            for s in range(genotype.shape[1]):
                a, _ = _two_alleles_jit(genotype, v, s)
                y_called[s] += a >= 0
        if kind[v] not in (AUTOSOME, X):
            continue
        total = 0
        for allele in range(copies.shape[1]):
            total += copies[v, allele]
        if total == 0:
            continue
        same = 0.0
        for allele in range(copies.shape[1]):
            share = copies[v, allele] / total
            same += share * share
        expected_het[v] = np.int64(np.rint((1.0 - same) * fixed_point))
        row = 1 if kind[v] == X else 0
        for s in range(genotype.shape[1]):
            a, b = _two_alleles_jit(genotype, v, s)
            if a < 0:
                missing_het[row, s] += expected_het[v]
            else:
                called_by_sample[row, s] += 1
                homozygous_by_sample[row, s] += a == b or b == _NOT_THERE


_count_all_jit = jit(_count_all)


def whole_counts(
    genotype: Genotypes,
    kind: npt.NDArray[np.int8],
    sex: npt.NDArray[np.int8],
    classes: npt.NDArray[np.int8],
    masks: npt.NDArray[np.bool_],
    fixed_point: float,
) -> WholeCounts:
    """Return the counts of a block of whole genotypes.

    Parameters
    ----------
    genotype
        int8, int16 or int32 [V, S, P] allele numbers; -1 missing, -2 no such chromosome copy.
    kind
        int8[V]: AUTOSOME, X, Y or MT.
    sex
        int8[S]: UNKNOWN, MALE or FEMALE.
    classes
        int8[V, A]: what each ALT allele is; column 0 is not read.
    masks
        bool[M, S]: samples whose missing genotypes are counted apart.
    fixed_point
        How many units one expected heterozygote is.

    Raises
    ------
    ValueError
        When shapes do not fit, or an allele number is A or larger.
    """
    genotype = checked_genotypes(genotype)
    n_variants, n_samples, _ = genotype.shape
    if kind.shape != (n_variants,) or sex.shape != (n_samples,) or masks.shape[1:] != (n_samples,):
        raise ValueError(f"kind, sex and masks must fit genotypes of shape {genotype.shape}")
    if classes.ndim != 2 or classes.shape[0] != n_variants:
        raise ValueError(f"classes must have shape ({n_variants}, A), not {classes.shape}")
    n_alleles = classes.shape[1]
    if genotype.size and genotype.max() >= n_alleles:
        raise ValueError(f"allele numbers must be below {n_alleles}; the largest is {genotype.max()}")
    by_allele = [np.zeros((n_variants, n_alleles), dtype=np.int32) for _ in range(4)]
    counts = WholeCounts(
        genotypes=np.zeros((n_variants, 4), dtype=np.int32),
        copies=by_allele[0],
        n_diploid=np.zeros(n_variants, dtype=np.int32),
        homozygous=by_allele[1],
        heterozygous=by_allele[2],
        male_copies=by_allele[3],
        missing_by_mask=np.zeros((n_variants, len(masks)), dtype=np.int32),
        expected_het=np.zeros(n_variants, dtype=np.int64),
        samples=np.zeros((n_samples, len(SAMPLE_COLUMNS)), dtype=np.int64),
        homozygous_by_sample=np.zeros((2, n_samples), dtype=np.int64),
        called_by_sample=np.zeros((2, n_samples), dtype=np.int64),
        missing_het=np.zeros((2, n_samples), dtype=np.int64),
        y_called=np.zeros(n_samples, dtype=np.int64),
    )
    _count_all_jit(
        genotype,
        np.ascontiguousarray(kind),
        np.ascontiguousarray(sex),
        np.ascontiguousarray(np.maximum(classes, np.int8(0))),
        np.ascontiguousarray(masks),
        fixed_point,
        *vars(counts).values(),
    )
    return counts
