"""Genotypes as pairs of allele numbers, the form in which PLINK's and Oxford's files hold them.

Both hold at most two alleles a person. What does not fit is counted, so that the caller can say it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from genomics_dc.kernels._jit import jit

MISSING_PAIR = -9
"""Either allele of a call that is missing, as pgenlib has it."""

_Genotypes = npt.NDArray[np.int8] | npt.NDArray[np.int16] | npt.NDArray[np.int32]


@dataclass(frozen=True)
class Diploid:
    """Calls as pairs: `alleles` int32[V, 2 * S], `phased` bool[V, S] (true only where the two alleles differ).

    `ploidy` uint8[V, S] is 1 where one allele was called and 2 elsewhere. `n_half` calls had one of two alleles
    missing, and are missing here; `n_haploid` calls had one allele, which stands twice here; `n_polyploid` calls had
    more than two alleles, the first of them in row `first_polyploid` (-1 when there is none).
    """

    alleles: npt.NDArray[np.int32]
    phased: npt.NDArray[np.bool_]
    ploidy: npt.NDArray[np.uint8]
    n_half: int
    n_haploid: int
    n_polyploid: int
    first_polyploid: int


def _diploid_calls(
    genotype: _Genotypes,
    together: npt.NDArray[np.bool_],
    alleles: npt.NDArray[np.int32],
    phased: npt.NDArray[np.bool_],
    ploidy: npt.NDArray[np.uint8],
    tally: npt.NDArray[np.int64],
) -> None:
    """Fill `alleles`, `phased`, `ploidy` and `tally` (half, haploid, polyploid, first polyploid row)."""
    n_variants, n_samples, width = genotype.shape
    half = haploid = polyploid = 0
    first = -1
    for v in range(n_variants):
        for s in range(n_samples):
            if width == 2 and genotype[v, s, 0] >= 0 and genotype[v, s, 1] >= 0:  # nearly every call: 2.5 times as fast
                alleles[v, 2 * s] = genotype[v, s, 0]
                alleles[v, 2 * s + 1] = genotype[v, s, 1]
                phased[v, s] = together[v, s] and genotype[v, s, 0] != genotype[v, s, 1]
                ploidy[v, s] = 2
                continue
            a = b = -1
            present = 0
            missing = 0
            for p in range(width):
                allele = int(genotype[v, s, p])
                if allele == -2:
                    continue
                if present == 0:
                    a = allele
                else:
                    b = allele
                present += 1
                if allele < 0:
                    missing += 1
            is_phased = False
            copies = 2
            if present > 2 and missing < present:
                polyploid += 1
                if first < 0:
                    first = v
                a = b = -9
            elif missing == present:
                a = b = -9
                if present == 1:
                    copies = 1
            elif missing:
                half += 1
                a = b = -9
            elif present == 1:
                haploid += 1
                copies = 1
                b = a
            else:
                is_phased = together[v, s] and a != b
            alleles[v, 2 * s] = a
            alleles[v, 2 * s + 1] = b
            phased[v, s] = is_phased
            ploidy[v, s] = copies
    tally[0] = half
    tally[1] = haploid
    tally[2] = polyploid
    tally[3] = first


def _allele_dosage(genotype: _Genotypes, allele: npt.NDArray[np.int64], dosage: npt.NDArray[np.int8]) -> None:
    """Fill `dosage` with copies of allele `allele[v]`; -1 missing, half missing or more than two alleles."""
    n_variants, n_samples, width = genotype.shape
    for v in range(n_variants):
        wanted = allele[v]
        for s in range(n_samples):
            present = 0
            copies = 0
            missing = False
            for p in range(width):
                found = genotype[v, s, p]
                if found == -2:
                    continue
                present += 1
                if found < 0:
                    missing = True
                elif found == wanted:
                    copies += 1
            if missing or present == 0 or present > 2:
                dosage[v, s] = -1
            elif present == 1:
                dosage[v, s] = 2 * copies
            else:
                dosage[v, s] = copies


def _call_probabilities(
    alleles: npt.NDArray[np.int32],
    ploidy: npt.NDArray[np.uint8],
    n_alleles: int,
    by_haplotype: bool,
    probability: npt.NDArray[np.float64],
) -> None:
    """Fill `probability` with 1 at each sample's call and 0 elsewhere; NaN through where the call is missing."""
    n_samples, n_columns = probability.shape
    for s in range(n_samples):
        a = alleles[2 * s]
        b = alleles[2 * s + 1]
        for column in range(n_columns):
            probability[s, column] = np.nan if a < 0 else 0.0
        if a < 0:
            continue
        if ploidy[s] == 1:
            probability[s, a] = 1.0
        elif by_haplotype:
            probability[s, a] = 1.0
            probability[s, n_alleles + b] = 1.0
        else:
            low, high = min(a, b), max(a, b)
            probability[s, high * (high + 1) // 2 + low] = 1.0


_call_probabilities_jit = jit(_call_probabilities)
_diploid_calls_jit = jit(_diploid_calls)
_allele_dosage_jit = jit(_allele_dosage)


def diploid_calls(genotype: npt.NDArray[np.integer], together: npt.NDArray[np.bool_] | None) -> Diploid:
    """Return calls as pairs of alleles.

    Parameters
    ----------
    genotype
        integer[V, S, P] allele numbers; -1 missing allele, -2 fill (ploidy lower than P).
    together
        bool[V, S], true where the call is phased; None when no call is.

    Raises
    ------
    ValueError
        When a shape or a type is another one.

    Examples
    --------
    >>> import numpy as np
    >>> diploid_calls(np.array([[[0, 1], [1, -2], [-1, 0]]], dtype=np.int8), None).alleles
    array([[ 0,  1,  1,  1, -9, -9]], dtype=int32)
    """
    genotype = _checked(genotype)
    n_variants, n_samples = genotype.shape[:2]
    if together is None:
        together = np.zeros((n_variants, n_samples), dtype=np.bool_)
    if together.shape != (n_variants, n_samples) or together.dtype != np.bool_:
        raise ValueError(f"together must be bool[{n_variants}, {n_samples}], not {together.dtype}{together.shape}")
    alleles = np.empty((n_variants, 2 * n_samples), dtype=np.int32)
    phased = np.empty((n_variants, n_samples), dtype=np.bool_)
    ploidy = np.empty((n_variants, n_samples), dtype=np.uint8)
    tally = np.zeros(4, dtype=np.int64)
    _diploid_calls_jit(genotype, np.ascontiguousarray(together), alleles, phased, ploidy, tally)
    n_half, n_haploid, n_polyploid, first = (int(number) for number in tally)
    return Diploid(alleles, phased, ploidy, n_half, n_haploid, n_polyploid, first)


def allele_dosage(genotype: npt.NDArray[np.integer], allele: npt.NDArray[np.int64]) -> npt.NDArray[np.int8]:
    """Return int8[V, S], the copies that each sample carries of allele number `allele[v]`.

    Every other allele, the reference or not, counts as "not this one", as `bcftools norm -m-` has it. A haploid call
    counts twice; a half-call, a call of more than two alleles and no call are -1.

    Examples
    --------
    >>> import numpy as np
    >>> allele_dosage(np.array([[[1, 2], [2, 2], [0, -1]]], dtype=np.int8), np.array([2]))
    array([[ 1,  2, -1]], dtype=int8)
    """
    genotype = _checked(genotype)
    if allele.shape != genotype.shape[:1]:
        raise ValueError(f"allele must have {genotype.shape[0]} numbers, not {allele.shape}")
    dosage = np.empty(genotype.shape[:2], dtype=np.int8)
    _allele_dosage_jit(genotype, np.ascontiguousarray(allele, dtype=np.int64), dosage)
    return dosage


def call_probabilities(
    alleles: npt.NDArray[np.int32], ploidy: npt.NDArray[np.uint8], n_alleles: int, *, by_haplotype: bool
) -> npt.NDArray[np.float64]:
    """Return the hard calls of one variant as probabilities, in the order of BGEN 1.2, layout 2.

    Parameters
    ----------
    alleles, ploidy
        One row of `Diploid`: int32[2 * S] and uint8[S].
    n_alleles
        REF and ALT alleles of the variant, at least 2.
    by_haplotype
        Columns are the alleles of the first haplotype, then those of the second; else the unordered genotypes
        0/0, 0/1, 1/1, 0/2, 1/2, 2/2, … A haploid call uses the first `n_alleles` columns.

    Returns
    -------
    float64[S, 2 * n_alleles] or float64[S, n_alleles * (n_alleles + 1) / 2]; NaN where missing.
    """
    n_columns = 2 * n_alleles if by_haplotype else n_alleles * (n_alleles + 1) // 2
    if int(alleles.max(initial=0)) >= n_alleles:
        raise ValueError(f"an allele number is {int(alleles.max())}, but the variant has {n_alleles} alleles")
    probability = np.empty((len(ploidy), n_columns), dtype=np.float64)
    _call_probabilities_jit(np.ascontiguousarray(alleles), ploidy, n_alleles, by_haplotype, probability)
    return probability


def _checked(genotype: npt.NDArray[np.integer]) -> _Genotypes:
    if genotype.ndim != 3:
        raise ValueError(f"genotype must have three dimensions (V, S, P), not {genotype.ndim}")
    if genotype.dtype not in (np.int8, np.int16, np.int32):
        raise ValueError(f"genotype must be int8, int16 or int32, not {genotype.dtype}")
    return np.ascontiguousarray(genotype)
