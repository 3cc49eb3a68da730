"""The allele that most have at a site of many alleles, and who has another."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from genomics_dc.kernels._jit import jit


def _minor_dosage(
    genotype: npt.NDArray[np.int8] | npt.NDArray[np.int16] | npt.NDArray[np.int32],
    counts: npt.NDArray[np.int64],
    dosage: npt.NDArray[np.int8],
    frequency: npt.NDArray[np.float64],
) -> None:
    n_variants, n_samples, ploidy = genotype.shape
    for v in range(n_variants):
        counts[:] = 0
        for again in range(2):
            major = np.argmax(counts)  # the first of those that are equally frequent
            for s in range(n_samples):
                alleles = 0
                others = 0
                missing = False
                for p in range(ploidy):
                    allele = genotype[v, s, p]
                    if allele == -2:
                        continue
                    if allele < 0:
                        missing = True
                        continue
                    alleles += 1
                    others += allele != major
                called = not missing and 0 < alleles < 3
                if again:
                    dosage[v, s] = (others * 2 if alleles == 1 else others) if called else -1
                elif called:
                    for p in range(ploidy):
                        if genotype[v, s, p] >= 0:
                            counts[genotype[v, s, p]] += 3 - alleles
        total = counts.sum()
        frequency[v] = counts.max() / total if total else 0.5


_minor_dosage_jit = jit(_minor_dosage)


def minor_dosage(genotype: npt.NDArray[np.integer]) -> tuple[npt.NDArray[np.int8], npt.NDArray[np.float64]]:
    """Return the copies of any allele but the commonest that each sample carries, and the commonest's frequency.

    This is how `plink2 --indep-pairwise` and `--r2` see a site of many alleles (before 10 January 2026 it mistook the
    commonest where that is the last allele). The lowest number wins between alleles that are equally common.

    Parameters
    ----------
    genotype
        int8, int16 or int32 [V, S, P] allele numbers; -1 missing allele, -2 fill (ploidy lower than P).

    Returns
    -------
    int8[V, S], -1 where a call is missing, half missing or of more than two alleles, a haploid call counts twice; and
    float64[V], 0.5 where no sample is called.

    Examples
    --------
    >>> import numpy as np
    >>> dosage, frequency = minor_dosage(np.array([[[0, 2], [2, 2], [1, -2], [0, -1]]], dtype=np.int8))
    >>> dosage.tolist(), frequency.tolist()
    ([[1, 0, 2, -1]], [0.5])
    """
    if genotype.ndim != 3 or genotype.dtype not in (np.int8, np.int16, np.int32):
        raise ValueError(
            "genotype must be int8, int16 or int32 with three dimensions (V, S, P), "
            f"not {genotype.dtype} with {genotype.ndim}"
        )
    counts = np.zeros(max(int(genotype.max(initial=0)) + 1, 1), dtype=np.int64)
    dosage = np.empty(genotype.shape[:2], dtype=np.int8)
    frequency = np.empty(len(genotype))
    _minor_dosage_jit(np.ascontiguousarray(genotype), counts, dosage, frequency)
    return dosage, frequency
