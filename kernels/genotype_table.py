"""How often each genotype occurs, whatever its alleles and ploidy, as text: "0/0:12,0/2:3,1:4".

Letters: V variants, S samples, P ploidy.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from genomics_dc.kernels._jit import jit
from genomics_dc.kernels.counts import Genotypes, checked_genotypes

_PLACES_MAX = 1 << 22  # counts of a block of rows; a site of 60 alleles has 1,890 genotypes


def _fill_table(genotype: Genotypes, first: int, table: npt.NDArray[np.int32], n_alleles: int) -> None:
    """Count pairs a <= b at b (b + 1) / 2 + a, and haploid calls after all pairs; other calls are left out."""
    pairs = n_alleles * (n_alleles + 1) // 2
    for row in range(table.shape[0]):
        v = first + row
        for s in range(genotype.shape[1]):
            a = -1
            b = -1
            n = 0
            for p in range(genotype.shape[2]):
                allele = int(genotype[v, s, p])
                if allele == -2:
                    continue
                n = 3 if allele < 0 else n + 1
                if n == 1:
                    a = allele
                else:
                    b = allele
                if n > 2:
                    break
            if n == 1:
                table[row, pairs + a] += 1
            elif n == 2:
                table[row, max(a, b) * (max(a, b) + 1) // 2 + min(a, b)] += 1


_fill_table_jit = jit(_fill_table)


def genotype_texts(genotype: Genotypes, n_alleles: npt.NDArray[np.integer]) -> list[str | None]:
    """Return the counts of each genotype as text, by variant.

    Parameters
    ----------
    genotype
        int8, int16 or int32 [V, S, P]; a half-call, or a call of more than two alleles, is left out.
    n_alleles
        integer[V]: alleles of each variant, with the reference.

    Returns
    -------
    None where there are two alleles and all calls are diploid: hom_ref, het and hom_alt then say it all.

    Examples
    --------
    >>> import numpy as np
    >>> genotype_texts(np.array([[[0, 2], [2, 0], [1, -2]]], dtype=np.int8), np.array([3]))
    ['0/2:2,1:1']
    """
    genotype = checked_genotypes(genotype)
    width = int(n_alleles.max()) if len(n_alleles) else 1
    pairs = width * (width + 1) // 2
    names = [f"{a}/{b}" for b in range(width) for a in range(b + 1)] + [str(a) for a in range(width)]
    # by pair of alleles in the order of VCF's likelihoods, haploid calls last
    texts: list[str | None] = [None] * len(genotype)
    step = max(1, _PLACES_MAX // len(names))
    for first in range(0, len(genotype), step):
        table = np.zeros((min(step, len(genotype) - first), len(names)), dtype=np.int32)
        _fill_table_jit(genotype, first, table, width)
        wanted = (n_alleles[first : first + len(table)] > 2) | (table[:, pairs:] > 0).any(axis=1)
        for row in np.flatnonzero(wanted).tolist():
            places = np.flatnonzero(table[row]).tolist()
            texts[first + row] = ",".join(
                f"{names[place]}:{number}" for place, number in zip(places, table[row, places].tolist(), strict=True)
            )
    return texts
