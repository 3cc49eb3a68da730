"""Local alleles of VCF 4.5: of each call only the ALT alleles that it carries, and of AD and PL only their values."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt


def local_alleles(genotype: npt.NDArray[np.integer[Any]]) -> npt.NDArray[np.int32]:
    """Return LAA int32[V, S, W]: the ALT allele numbers (1 is the first) that a call carries, rising.

    From genotype integer[V, S, P] (-1 missing, -2 fill); W is the most alleles that a call carries, at least 1. A call
    that carries none is INT_MISSING, and behind the last allele is INT_FILL.
    """
    raise NotImplementedError


def local_depths(depth: npt.NDArray[np.int32], laa: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
    """Return LAD int32[V, S, W + 1]: of AD int32[V, S, A] the value of REF and of each allele in `laa`.

    A missing AD is missing followed by fill. An allele past AD's values is INT_MISSING.
    """
    raise NotImplementedError


def local_likelihoods(
    likelihood: npt.NDArray[np.int32], laa: npt.NDArray[np.int32], genotype: npt.NDArray[np.integer[Any]]
) -> npt.NDArray[np.int32]:
    """Return LPL int32[V, S, L]: of PL int32[V, S, G] the genotypes made of REF and the alleles in `laa` only.

    In the order of the VCF specification for the ploidy of each call (genotype integer[V, S, P], which counts copies).
    """
    raise NotImplementedError
