"""Genotypes as ALT dosages, and dosages packed in two bits each.

Packing, little end first: sample s stands in byte s // 4 at bits 2 * (s % 4). Codes 0, 1, 2 are copies of the first
ALT allele, 3 is missing. Unused places in the last byte hold 3, so that a stray read is missing and never reference.
"""

from __future__ import annotations

from typing import TypeVar

import numpy as np
import numpy.typing as npt

from genomics_dc.kernels._jit import jit

_Scalar = TypeVar("_Scalar", bound=np.generic)

MISSING_DOSAGE = -1
MISSING_CODE = 3
SAMPLES_PER_BYTE = 4


def packed_width(n_samples: int) -> int:
    """Return the bytes that one variant's packed genotypes of `n_samples` samples take."""
    return (n_samples + SAMPLES_PER_BYTE - 1) // SAMPLES_PER_BYTE


def _pack_dosage(dosage: npt.NDArray[np.int8], packed: npt.NDArray[np.uint8]) -> int:
    """Fill `packed` from `dosage`; return how many dosages were outside -1..2."""
    n_variants, n_samples = dosage.shape
    bad = 0
    for v in range(n_variants):
        for byte in range(packed.shape[1]):
            value = 0
            for place in range(4):
                s = byte * 4 + place
                code = 3
                if s < n_samples:
                    d = dosage[v, s]
                    if d > 2 or d < -1:
                        bad += 1
                    elif d >= 0:
                        code = int(d)
                value |= code << (2 * place)
            packed[v, byte] = value
    return bad


def _unpack_dosage(packed: npt.NDArray[np.uint8], dosage: npt.NDArray[np.int8]) -> None:
    """Fill `dosage` from `packed`; code 3 becomes -1."""
    n_variants, n_samples = dosage.shape
    for v in range(n_variants):
        for s in range(n_samples):
            code = (packed[v, s >> 2] >> (2 * (s & 3))) & 3
            dosage[v, s] = -1 if code == 3 else code


def _unpack_samples(
    packed: npt.NDArray[np.uint8], samples: npt.NDArray[np.int64], dosage: npt.NDArray[np.int8]
) -> None:
    """Fill column j of `dosage` from packed sample `samples[j]`."""
    n_variants, n_samples = dosage.shape
    for v in range(n_variants):
        for j in range(n_samples):
            s = samples[j]
            code = (packed[v, s >> 2] >> (2 * (s & 3))) & 3
            dosage[v, j] = -1 if code == 3 else code


def _genotype_dosage(
    genotype: npt.NDArray[np.int8] | npt.NDArray[np.int16] | npt.NDArray[np.int32], dosage: npt.NDArray[np.int8]
) -> None:
    """Fill `dosage` with copies of allele 1; -1 where any allele is missing, or where ploidy is not 1 or 2."""
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
                if allele == 1:
                    copies += 1
            if missing or called == 0 or called > 2:
                dosage[v, s] = -1
            elif called == 1:
                dosage[v, s] = 2 * copies
            else:
                dosage[v, s] = copies


_pack_dosage_jit = jit(_pack_dosage)
_unpack_dosage_jit = jit(_unpack_dosage)
_unpack_samples_jit = jit(_unpack_samples)
_genotype_dosage_jit = jit(_genotype_dosage)


def pack_dosage(dosage: npt.NDArray[np.int8]) -> npt.NDArray[np.uint8]:
    """Return dosages packed in two bits each.

    Parameters
    ----------
    dosage
        int8[V, S]; 0, 1, 2 copies of the first ALT allele, -1 missing.

    Returns
    -------
    uint8[V, ceil(S / 4)]

    Raises
    ------
    ValueError
        When a dosage is not -1, 0, 1 or 2.

    Examples
    --------
    >>> import numpy as np
    >>> pack_dosage(np.array([[0, 1, 2, -1]], dtype=np.int8))
    array([[228]], dtype=uint8)
    """
    dosage = _checked(dosage, np.int8, "dosage")
    packed = np.empty((dosage.shape[0], packed_width(dosage.shape[1])), dtype=np.uint8)
    bad = _pack_dosage_jit(dosage, packed)
    if bad:
        raise ValueError(f"dosages must be -1 (missing), 0, 1 or 2; {bad} are not")
    return packed


def unpack_dosage(
    packed: npt.NDArray[np.uint8], n_samples: int, samples: npt.NDArray[np.int64] | None = None
) -> npt.NDArray[np.int8]:
    """Return dosages from their packed form.

    Parameters
    ----------
    packed
        uint8[V, ceil(n_samples / 4)].
    n_samples
        How many samples were packed.
    samples
        int64[J] sample numbers to give, in this order; all when None.

    Returns
    -------
    int8[V, n_samples] or int8[V, J]; 0, 1, 2, or -1 for missing.

    Raises
    ------
    ValueError
        When the width does not fit `n_samples`, or a sample number is outside it.

    Examples
    --------
    >>> import numpy as np
    >>> unpack_dosage(np.array([[228]], dtype=np.uint8), 4)
    array([[ 0,  1,  2, -1]], dtype=int8)
    """
    packed = _checked(packed, np.uint8, "packed")
    if packed.shape[1] != packed_width(n_samples):
        raise ValueError(
            f"packed genotypes of {n_samples} samples take {packed_width(n_samples)} bytes a variant, "
            f"not {packed.shape[1]}"
        )
    if samples is None:
        dosage = np.empty((packed.shape[0], n_samples), dtype=np.int8)
        _unpack_dosage_jit(packed, dosage)
        return dosage
    numbers = np.ascontiguousarray(samples, dtype=np.int64)
    if numbers.ndim != 1:
        raise ValueError(f"samples must have one dimension, not {numbers.ndim}")
    if numbers.size and (numbers.min() < 0 or numbers.max() >= n_samples):
        raise ValueError(f"sample numbers must lie in 0..{n_samples - 1}")
    dosage = np.empty((packed.shape[0], numbers.size), dtype=np.int8)
    _unpack_samples_jit(packed, numbers, dosage)
    return dosage


def genotype_dosage(genotype: npt.NDArray[np.integer]) -> npt.NDArray[np.int8]:
    """Return the copies of the first ALT allele that each sample carries.

    Parameters
    ----------
    genotype
        integer[V, S, P] allele numbers; -1 missing allele, -2 fill (ploidy lower than P).

    Returns
    -------
    int8[V, S]. A haploid call counts twice (0 or 2), as PLINK does. Other ALT alleles count as not-first, so 1/2 is 1
    and 2/2 is 0: ask `call_genotype` at sites with many alleles. A half-call (0/.), a call of more than two alleles
    and no call at all are -1.
    """
    if genotype.ndim != 3:
        raise ValueError(f"genotype must have three dimensions (V, S, P), not {genotype.ndim}")
    if genotype.dtype not in (np.int8, np.int16, np.int32):
        raise ValueError(f"genotype must be int8, int16 or int32, not {genotype.dtype}")
    dosage = np.empty(genotype.shape[:2], dtype=np.int8)
    _genotype_dosage_jit(np.ascontiguousarray(genotype), dosage)
    return dosage


def _checked(array: npt.NDArray[_Scalar], dtype: type[np.generic], name: str) -> npt.NDArray[_Scalar]:
    if array.dtype != dtype:
        raise ValueError(f"{name} must be {np.dtype(dtype).name}, not {array.dtype}")
    if array.ndim != 2:
        raise ValueError(f"{name} must have two dimensions, not {array.ndim}")
    return np.ascontiguousarray(array)
