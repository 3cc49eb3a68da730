"""Genotypes of a child that its parents' genotypes do not explain.

An allele can come from a parent that carries it, or whose genotype is missing. A child's diploid genotype is an error
when its alleles cannot be told apart into one of the father and one of the mother. On X a son's one allele comes from
the mother; a daughter's from both, and the father has one. A heterozygous genotype of a male on X is missing, as
`plink --mendel` has it.

Letters: V variants, T trios, S samples, P ploidy.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from genomics_dc.kernels._jit import jit
from genomics_dc.kernels.counts import Genotypes, checked_genotypes
from genomics_dc.kernels.whole_counts import AUTOSOME, FEMALE, MALE, X, _two_alleles_jit

CHILD, FATHER, MOTHER = range(3)
"""Columns of a trio."""

_NOT_THERE = -2


def _explained(a: int, b: int, father: tuple[int, int], mother: tuple[int, int]) -> bool:
    """Tell whether alleles a and b can be one of each parent; a parent whose first allele is negative has any."""
    any_father = father[0] < 0
    any_mother = mother[0] < 0
    a_father = any_father or a in father
    b_father = any_father or b in father
    a_mother = any_mother or a in mother
    b_mother = any_mother or b in mother
    return (a_father and b_mother) or (b_father and a_mother)


_explained_jit = jit(_explained)


def _table() -> npt.NDArray[np.uint8]:
    """Return uint8[4, 4, 4]: 1 where codes of child, father and mother (0, 1, 2 copies; 3 missing) are an error."""
    alleles = ((0, 0), (0, 1), (1, 1), (-1, -1))
    table = np.zeros((4, 4, 4), dtype=np.uint8)
    for child, (a, b) in enumerate(alleles[:3]):
        for father in range(4):
            for mother in range(4):
                table[child, father, mother] = not _explained(a, b, alleles[father], alleles[mother])
    return table


_ERRORS = _table().reshape(-1)


def _packed_errors(
    packed: npt.NDArray[np.uint8],
    places: npt.NDArray[np.int64],
    table: npt.NDArray[np.uint8],
    by_variant: npt.NDArray[np.int32],
    by_trio: npt.NDArray[np.int64],
    assessed: npt.NDArray[np.int64],
) -> None:
    for v in range(packed.shape[0]):
        row = packed[v]
        errors = 0
        for t in range(places.shape[0]):
            child = (row[places[t, 0] >> 2] >> (2 * (places[t, 0] & 3))) & 3
            father = (row[places[t, 1] >> 2] >> (2 * (places[t, 1] & 3))) & 3
            mother = (row[places[t, 2] >> 2] >> (2 * (places[t, 2] & 3))) & 3
            error = table[16 * child + 4 * father + mother]
            errors += error
            by_trio[t] += error
            assessed[t] += (child != 3) & (father != 3) & (mother != 3)
        by_variant[v] = errors


def _whole_errors(
    genotype: Genotypes,
    kind: npt.NDArray[np.int8],
    sex: npt.NDArray[np.int8],
    trios: npt.NDArray[np.int64],
    by_variant: npt.NDArray[np.int32],
    by_trio: npt.NDArray[np.int64],
    assessed: npt.NDArray[np.int64],
) -> None:
    for v in range(genotype.shape[0]):
        on_x = kind[v] == X
        if not on_x and kind[v] != AUTOSOME:
            continue
        for t in range(trios.shape[0]):
            a, b = _two_alleles_jit(genotype, v, trios[t, CHILD])
            father = _two_alleles_jit(genotype, v, trios[t, FATHER])
            mother = _two_alleles_jit(genotype, v, trios[t, MOTHER])
            b = a if b == _NOT_THERE else b
            father = (father[0], father[0] if father[1] == _NOT_THERE else father[1])
            mother = (mother[0], mother[0] if mother[1] == _NOT_THERE else mother[1])
            if on_x and father[0] != father[1]:
                father = (-1, -1)
            son = on_x and sex[trios[t, CHILD]] == MALE
            if on_x and sex[trios[t, CHILD]] not in (MALE, FEMALE):
                continue
            if a < 0 or (son and a != b):
                continue
            if son:
                error = mother[0] >= 0 and a not in mother
                complete = mother[0] >= 0
            else:
                error = not _explained_jit(a, b, father, mother)
                complete = father[0] >= 0 and mother[0] >= 0
            by_variant[v] += error
            by_trio[t] += error
            assessed[t] += complete


_packed_errors_jit = jit(_packed_errors)
_whole_errors_jit = jit(_whole_errors)


def packed_errors(
    packed: npt.NDArray[np.uint8], places: npt.NDArray[np.int64]
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return errors by variant and by trio, and how many variants were complete in each trio.

    Parameters
    ----------
    packed
        uint8[V, B] as `genotypes.pack_dosage` has it, of autosomal variants with one ALT allele.
    places
        int64[T, 3]: where child, father and mother stand in the packed genotypes.

    Returns
    -------
    int32[V], int64[T], int64[T]. A trio of which one parent is missing at a variant can still show an error there.

    Examples
    --------
    >>> import numpy as np
    >>> from genomics_dc.kernels.genotypes import pack_dosage
    >>> errors, by_trio, complete = packed_errors(
    ...     pack_dosage(np.array([[1, 0, 0], [1, 0, 1]], dtype=np.int8)), np.array([[0, 1, 2]])
    ... )
    >>> errors.tolist(), by_trio.tolist(), complete.tolist()
    ([1, 0], [1], [2])
    """
    if packed.dtype != np.uint8 or packed.ndim != 2:
        raise ValueError(f"packed must be uint8 with two dimensions (V, bytes), not {packed.dtype} with {packed.ndim}")
    places = _checked(places, 4 * packed.shape[1])
    by_variant = np.zeros(len(packed), dtype=np.int32)
    by_trio, assessed = np.zeros(len(places), dtype=np.int64), np.zeros(len(places), dtype=np.int64)
    _packed_errors_jit(np.ascontiguousarray(packed), places, _ERRORS, by_variant, by_trio, assessed)
    return by_variant, by_trio, assessed


def whole_errors(
    genotype: Genotypes,
    kind: npt.NDArray[np.int8],
    sex: npt.NDArray[np.int8],
    trios: npt.NDArray[np.int64],
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return what `packed_errors` returns, for any alleles, and for X.

    `genotype` [V, S, P], `kind` int8[V] and `sex` int8[S] are as `whole_counts.whole_counts` takes them; `trios`
    int64[T, 3] are columns of the genotypes. Y and the mitochondrion are left out, and X of a child of unknown sex.
    """
    genotype = checked_genotypes(genotype)
    if kind.shape != genotype.shape[:1] or sex.shape != genotype.shape[1:2]:
        raise ValueError(f"kind and sex must fit genotypes (V, S, P), not {genotype.shape}")
    trios = _checked(trios, genotype.shape[1])
    by_variant = np.zeros(len(genotype), dtype=np.int32)
    by_trio, assessed = np.zeros(len(trios), dtype=np.int64), np.zeros(len(trios), dtype=np.int64)
    _whole_errors_jit(genotype, kind, sex, trios, by_variant, by_trio, assessed)
    return by_variant, by_trio, assessed


def _checked(trios: npt.NDArray[np.int64], n_samples: int) -> npt.NDArray[np.int64]:
    if trios.ndim != 2 or trios.shape[1] != 3 or trios.dtype != np.int64:
        raise ValueError(f"trios must be int64 of shape (T, 3), not {trios.dtype} {trios.shape}")
    if trios.size and (trios.min() < 0 or trios.max() >= n_samples):
        raise ValueError(f"trios must name samples 0 to {n_samples - 1}")
    return np.ascontiguousarray(trios)
