"""How often each genotype and allele occurs, by variant and by sample; missing is never counted as reference.

Letters: V variants, S samples, P ploidy, A alleles. A dosage is the copies of the ALT allele: 0, 1, 2, or -1 for
missing; a haploid call stands as 0 or 2, as in PLINK. All sums are of integers, so any split of the work gives the same
bytes.
"""

from __future__ import annotations

from typing import TypeAlias, cast

import numpy as np
import numpy.typing as npt

from genomics_dc.kernels._jit import jit

Genotypes: TypeAlias = npt.NDArray[np.int8] | npt.NDArray[np.int16] | npt.NDArray[np.int32]

HOM_REF, HET, HOM_ALT, MISSING = range(4)
"""Columns of `genotype_counts`."""

TRANSITION, TRANSVERSION, INSERTION, DELETION, OTHER = range(5)
"""What an ALT allele is. OTHER: symbolic alleles, `*`, and substitutions of more than one base."""

SAMPLE_COLUMNS = (
    "hom_ref",
    "het",
    "hom_alt",
    "missing",
    "transitions",
    "transversions",
    "insertions",
    "deletions",
    "other_alts",
    "singletons",
)
"""Columns of `sample_counts`, and of all other counts by sample."""

_FIRST_CLASS_COLUMN = 4
_SINGLETON_COLUMN = 9


def _genotype_counts(dosage: npt.NDArray[np.int8], counts: npt.NDArray[np.int32]) -> None:
    for v in range(dosage.shape[0]):
        zero = 0
        one = 0
        two = 0
        for s in range(dosage.shape[1]):
            d = dosage[v, s]
            zero += d == 0
            one += d == 1
            two += d == 2
        counts[v, 0] = zero
        counts[v, 1] = one
        counts[v, 2] = two
        counts[v, 3] = dosage.shape[1] - zero - one - two


def _allele_counts(genotype: Genotypes, counts: npt.NDArray[np.int32]) -> int:
    """Fill `counts`; return how many alleles had a number beyond its columns."""
    beyond = 0
    for v in range(genotype.shape[0]):
        for s in range(genotype.shape[1]):
            for p in range(genotype.shape[2]):
                allele = genotype[v, s, p]
                if allele >= counts.shape[1]:
                    beyond += 1
                elif allele >= 0:
                    counts[v, allele] += 1
    return beyond


def _sample_histogram(
    dosage: npt.NDArray[np.int8],
    variant_class: npt.NDArray[np.int8],
    histogram: npt.NDArray[np.int64],
    singletons: npt.NDArray[np.int64],
) -> None:
    """Add to `histogram` [class, dosage & 3, S] and `singletons` [S]; code 3 is missing (-1 & 3)."""
    for v in range(dosage.shape[0]):
        rows = histogram[variant_class[v]]
        carriers = 0
        carrier = 0
        for s in range(dosage.shape[1]):
            code = dosage[v, s] & 3
            rows[code, s] += 1
            if code == 1 or code == 2:
                carriers += 1
                carrier = s
        if carriers == 1:
            singletons[carrier] += 1


def _nonreference_dosage(genotype: Genotypes, dosage: npt.NDArray[np.int8]) -> None:
    n_variants, n_samples, ploidy = genotype.shape
    for v in range(n_variants):
        for s in range(n_samples):
            called = 0
            copies = 0
            missing = False
            for p in range(ploidy):
                allele = genotype[v, s, p]
                if allele == -2:
                    continue
                if allele < 0:
                    missing = True
                    continue
                called += 1
                copies += allele > 0
            if missing or called == 0 or called > 2:
                dosage[v, s] = -1
            elif called == 1:
                dosage[v, s] = 2 * copies
            else:
                dosage[v, s] = copies


_genotype_counts_jit = jit(_genotype_counts)
_allele_counts_jit = jit(_allele_counts)
_sample_histogram_jit = jit(_sample_histogram)
_nonreference_dosage_jit = jit(_nonreference_dosage)


def genotype_counts(dosage: npt.NDArray[np.int8]) -> npt.NDArray[np.int32]:
    """Return how many samples have each genotype, by variant.

    Parameters
    ----------
    dosage
        int8[V, S]; anything but 0, 1, 2 is missing.

    Returns
    -------
    int32[V, 4]: hom_ref, het, hom_alt, missing; each row sums to S.

    Examples
    --------
    >>> import numpy as np
    >>> genotype_counts(np.array([[0, 1, 1, -1]], dtype=np.int8))
    array([[1, 2, 0, 1]], dtype=int32)
    """
    dosage = _dosages(dosage)
    counts = np.empty((dosage.shape[0], 4), dtype=np.int32)
    _genotype_counts_jit(dosage, counts)
    return counts


def allele_counts(genotype: Genotypes, n_alleles: int) -> npt.NDArray[np.int32]:
    """Return how often each allele was called, by variant. An allele of a half-call (0/.) counts, as in bcftools' AC.

    Parameters
    ----------
    genotype
        int8, int16 or int32 [V, S, P] allele numbers of any ploidy; -1 missing, -2 no such chromosome copy.
    n_alleles
        A, with the reference; the largest over the variants.

    Returns
    -------
    int32[V, A]; the row sum is AN.

    Raises
    ------
    ValueError
        When an allele number is A or larger.

    Examples
    --------
    >>> import numpy as np
    >>> allele_counts(np.array([[[0, 2], [1, -1], [1, -2]]], dtype=np.int8), 3)
    array([[1, 2, 1]], dtype=int32)
    """
    genotype = checked_genotypes(genotype)
    counts = np.zeros((genotype.shape[0], n_alleles), dtype=np.int32)
    beyond = _allele_counts_jit(genotype, counts)
    if beyond:
        raise ValueError(f"allele numbers must be below {n_alleles}; {beyond} are not")
    return counts


def sample_counts(dosage: npt.NDArray[np.int8], variant_class: npt.NDArray[np.int8]) -> npt.NDArray[np.int64]:
    """Return what each sample carries, over variants with one ALT allele.

    Parameters
    ----------
    dosage
        int8[V, S], all samples of the cohort, so that a singleton can be known.
    variant_class
        int8[V]: TRANSITION, TRANSVERSION, INSERTION, DELETION or OTHER.

    Returns
    -------
    int64[S, 10], columns `SAMPLE_COLUMNS`; the counts of other blocks of variants may be added to it. hom_ref, het,
    hom_alt and missing count genotypes. transitions, transversions, insertions, deletions and other_alts count ALT
    alleles that the sample carries, a homozygous one once. singletons counts ALT alleles that no other sample carries,
    in one copy or two. These are HOM_REF_CT, HET_CT, HOM_ALT_CT, MISSING_CT, DIPLOID_TRANSITION_CT,
    DIPLOID_TRANSVERSION_CT and DIPLOID_SINGLETON_CT of `plink2 --sample-counts`.

    Examples
    --------
    >>> import numpy as np
    >>> counts = sample_counts(np.array([[0, 1, 0]], dtype=np.int8), np.array([TRANSITION], dtype=np.int8))
    >>> dict(zip(SAMPLE_COLUMNS, counts[1].tolist()))["singletons"]
    1
    """
    dosage = _dosages(dosage)
    classes = _classes(variant_class, (dosage.shape[0],))
    n_samples = dosage.shape[1]
    histogram = np.zeros((OTHER + 1, 4, n_samples), dtype=np.int64)
    counts = np.zeros((n_samples, len(SAMPLE_COLUMNS)), dtype=np.int64)
    singletons = np.zeros(n_samples, dtype=np.int64)
    _sample_histogram_jit(dosage, classes, histogram, singletons)
    counts[:, :4] = histogram.sum(axis=0).T
    counts[:, _FIRST_CLASS_COLUMN:_SINGLETON_COLUMN] = (histogram[:, 1] + histogram[:, 2]).T
    counts[:, _SINGLETON_COLUMN] = singletons
    return counts


def nonreference_dosage(genotype: Genotypes) -> npt.NDArray[np.int8]:
    """Return int8[V, S]: copies of any ALT allele, so that 1/2 is 2; the reference against the rest.

    From allele numbers [V, S, P]; a haploid call is 0 or 2; a half-call, no call, or more than two alleles is -1.
    """
    genotype = checked_genotypes(genotype)
    dosage = np.empty(genotype.shape[:2], dtype=np.int8)
    _nonreference_dosage_jit(genotype, dosage)
    return dosage


def _dosages(dosage: npt.NDArray[np.int8]) -> npt.NDArray[np.int8]:
    if dosage.dtype != np.int8 or dosage.ndim != 2:
        raise ValueError(f"dosage must be int8 with two dimensions (V, S), not {dosage.dtype} with {dosage.ndim}")
    return np.ascontiguousarray(dosage)


def checked_genotypes(genotype: Genotypes) -> Genotypes:
    """Return whole genotypes in one piece; ValueError when they are not whole numbers [V, S, P]."""
    if genotype.dtype not in (np.int8, np.int16, np.int32) or genotype.ndim != 3:
        raise ValueError(
            "genotype must be int8, int16 or int32 with three dimensions (V, S, P), "
            f"not {genotype.dtype} with {genotype.ndim}"
        )
    return cast(Genotypes, np.ascontiguousarray(genotype))


def _classes(classes: npt.NDArray[np.int8], shape: tuple[int, ...]) -> npt.NDArray[np.int8]:
    if classes.dtype != np.int8 or classes.shape != shape:
        raise ValueError(f"classes must be int8 of shape {shape}, not {classes.dtype} {classes.shape}")
    if classes.size and (classes.min() < 0 or classes.max() > OTHER):
        raise ValueError(f"classes must lie in 0..{OTHER}")
    return np.ascontiguousarray(classes)
