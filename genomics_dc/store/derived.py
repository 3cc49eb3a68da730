"""What is derived from genotypes: made when they are written, made again to be compared."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from genomics_dc.kernels import genotypes


def derive_block(genotype: npt.NDArray[Any]) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int32]]:
    """Return packed dosages uint8[V, ceil(S/4)] and counts int32[V, 4] of genotypes [V, S, P].

    The counts are of samples with 0, 1, 2 copies of the first ALT allele, and with no call.
    """
    dosage = genotypes.genotype_dosage(genotype)
    counts = np.stack([np.count_nonzero(dosage == code, axis=1) for code in (0, 1, 2, -1)], axis=1).astype(np.int32)
    return genotypes.pack_dosage(dosage), counts
