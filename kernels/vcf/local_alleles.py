"""Local alleles of VCF 4.5: of each call only the ALT alleles that it carries, and of AD and PL only their values.

At a site of 200 alleles PL has 20,301 values for each diploid call, and LPL at most 6. What the call's alleles do not
need is dropped, for good: of a call without alleles (`./.`) only the values of REF stay. Numbers as VCF 4.5 has them:
LAA by ALT allele (1 is the first), LAD of REF and those (Number=LR), LPL of the genotypes of these (Number=LG).
Integers have BCF's sentinels.
"""

from __future__ import annotations

from math import comb
from typing import Any

import numpy as np
import numpy.typing as npt

from genomics_dc.kernels._jit import borrowing_jit, jit
from genomics_dc.kernels.vcf.numbers import INT_FILL, INT_MISSING


def _local_alleles(genotype: npt.NDArray[Any], laa: npt.NDArray[np.int32]) -> None:
    width = genotype.shape[2]
    for v in range(genotype.shape[0]):
        for s in range(genotype.shape[1]):
            n = 0
            for p in range(width):
                allele = genotype[v, s, p]
                if allele <= 0:
                    continue
                place = 0
                while place < n and laa[v, s, place] < allele:
                    place += 1
                if place < n and laa[v, s, place] == allele:
                    continue
                for i in range(n, place, -1):
                    laa[v, s, i] = laa[v, s, i - 1]
                laa[v, s, place] = allele
                n += 1
            if n == 0:
                laa[v, s, 0] = INT_MISSING
                n = 1
            for i in range(n, width):
                laa[v, s, i] = INT_FILL


@borrowing_jit
def _absent(values: npt.NDArray[np.int32]) -> bool:
    """Whether a record's values [S, G] are all missing, as they are when FORMAT does not have the key."""
    for s in range(values.shape[0]):
        for g in range(values.shape[1]):
            if values[s, g] != INT_MISSING:
                return False
    return True


@borrowing_jit
def _nothing(values: npt.NDArray[np.int32], out: npt.NDArray[np.int32]) -> bool:
    """Whether a call's values are "."; then `out` is too."""
    if values[0] != INT_MISSING or (values.shape[0] > 1 and values[1] != INT_FILL):
        return False
    out[0] = INT_MISSING
    out[1:] = INT_FILL
    return True


def _local_depths(
    depth: npt.NDArray[np.int32], laa: npt.NDArray[np.int32], out: npt.NDArray[np.int32], past: npt.NDArray[np.int32]
) -> None:
    for v in range(depth.shape[0]):
        if _absent(depth[v]):
            out[v] = INT_MISSING
            continue
        for s in range(depth.shape[1]):
            if _nothing(depth[v, s], out[v, s]):
                continue
            for k in range(out.shape[2]):
                allele = 0 if k == 0 else laa[v, s, k - 1]
                if allele < 0:
                    out[v, s, k] = INT_FILL
                elif allele >= depth.shape[2] or depth[v, s, allele] == INT_FILL:
                    out[v, s, k] = INT_MISSING
                    past[v] += 1
                else:
                    out[v, s, k] = depth[v, s, allele]


def _local_likelihoods(
    likelihood: npt.NDArray[np.int32],
    laa: npt.NDArray[np.int32],
    genotype: npt.NDArray[Any],
    binomial: npt.NDArray[np.int64],
    alleles: npt.NDArray[np.int64],
    out: npt.NDArray[np.int32],
    past: npt.NDArray[np.int32],
) -> None:
    """Fill `out`; `binomial` [n, k] is "n over k", and `alleles` [P] room for one genotype in local numbers."""
    n_values = likelihood.shape[2]
    for v in range(likelihood.shape[0]):
        if _absent(likelihood[v]):
            out[v] = INT_MISSING
            continue
        for s in range(likelihood.shape[1]):
            if _nothing(likelihood[v, s], out[v, s]):
                continue
            copies = 0
            for p in range(genotype.shape[2]):
                copies += genotype[v, s, p] != -2
            n_local = 1
            while n_local - 1 < laa.shape[2] and laa[v, s, n_local - 1] > 0:
                n_local += 1
            alleles[:] = 0
            k = 0
            more = copies > 0
            while more:
                # the place of a genotype a1 <= ... <= aP is the sum of "a_m + m - 1 over m" (VCF 4.5, section 1.6.2)
                place = 0
                for m in range(copies):
                    allele = 0 if alleles[m] == 0 else int(laa[v, s, alleles[m] - 1])
                    if allele + m >= binomial.shape[0]:
                        place = n_values
                    else:
                        place += binomial[allele + m, m + 1]
                    place = min(place, n_values)
                if place >= n_values or likelihood[v, s, place] == INT_FILL:
                    out[v, s, k] = INT_MISSING
                    past[v] += 1
                else:
                    out[v, s, k] = likelihood[v, s, place]
                k += 1
                more = False
                for m in range(copies):
                    highest = n_local - 1 if m == copies - 1 else alleles[m + 1]
                    if alleles[m] < highest:
                        alleles[m] += 1
                        alleles[:m] = 0
                        more = True
                        break
            if k == 0:
                out[v, s, 0] = INT_MISSING
                k = 1
            for i in range(k, out.shape[2]):
                out[v, s, i] = INT_FILL


_local_alleles_jit = jit(_local_alleles)
_local_depths_jit = jit(_local_depths)
_local_likelihoods_jit = jit(_local_likelihoods)


def likelihood_width(ploidy: int) -> int:
    """Return how many values LPL has at most: genotypes of `ploidy` copies of as many ALT alleles and REF.

    Examples
    --------
    >>> likelihood_width(2)
    6
    """
    return comb(2 * ploidy, ploidy)


def local_alleles(genotype: npt.NDArray[np.integer[Any]]) -> npt.NDArray[np.int32]:
    """Return LAA int32[V, S, P]: the numbers of the ALT alleles that a call carries, rising.

    Parameters
    ----------
    genotype
        int8 or int16 [V, S, P]; -1 missing, -2 no such copy.

    Returns
    -------
    INT_MISSING where a call carries none (VCF's "."); INT_FILL behind the last.

    Examples
    --------
    >>> import numpy as np
    >>> local_alleles(np.array([[[3, 1], [0, 2]]], dtype=np.int8))[0, 0].tolist()
    [1, 3]
    """
    laa = np.empty(genotype.shape, dtype=np.int32)
    _local_alleles_jit(np.ascontiguousarray(genotype), laa)
    return laa


def local_depths(
    depth: npt.NDArray[np.int32], laa: npt.NDArray[np.int32]
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]]:
    """Return LAD int32[V, S, P + 1], the depths of REF and of each allele in LAA, and how many AD did not have.

    Parameters
    ----------
    depth, laa
        AD int32[V, S, A] and LAA int32[V, S, P].

    Returns
    -------
    LAD, and int32[V]: alleles without a value in AD, which are missing in LAD. A missing AD stays missing.
    """
    out = np.empty((*laa.shape[:2], laa.shape[2] + 1), dtype=np.int32)
    past = np.zeros(laa.shape[0], dtype=np.int32)
    _local_depths_jit(np.ascontiguousarray(depth), laa, out, past)
    return out, past


def local_likelihoods(
    likelihood: npt.NDArray[np.int32], laa: npt.NDArray[np.int32], genotype: npt.NDArray[np.integer[Any]]
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]]:
    """Return LPL int32[V, S, likelihood_width(P)]: PL of the genotypes made of REF and LAA; and how many PL lacked.

    Parameters
    ----------
    likelihood, laa, genotype
        PL int32[V, S, G], LAA int32[V, S, P], GT int8 or int16 [V, S, P], which says how many copies a call has.

    Returns
    -------
    LPL in the order of the VCF specification, and int32[V]: genotypes without a value in PL, which are missing in LPL.
    """
    ploidy = genotype.shape[2]
    most = int(laa.max(initial=0)) + ploidy
    # past the width of PL only "at least as great" is asked for
    binomial = np.array(
        [[min(comb(n, k), 2**60) for k in range(ploidy + 1)] for n in range(most + 1)], dtype=np.int64
    ).reshape(most + 1, ploidy + 1)
    out = np.empty((*laa.shape[:2], likelihood_width(ploidy)), dtype=np.int32)
    past = np.zeros(laa.shape[0], dtype=np.int32)
    _local_likelihoods_jit(
        np.ascontiguousarray(likelihood),
        laa,
        np.ascontiguousarray(genotype),
        binomial,
        np.empty(ploidy, dtype=np.int64),
        out,
        past,
    )
    return out, past
