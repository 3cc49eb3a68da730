"""What is wrong with a record, in words."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from genomics_dc.store.vcf.header import VcfHeader
from genomics_dc.store.vcf.source import TextBatch


def sentence(problem: int, batch: TextBatch, row: int, header: VcfHeader, *, key: str = "") -> str:
    """Return the lowest bit of `problem` as one sentence with file, line, what was expected and what came.

    `key` is the INFO field whose values were read, for the bits of values.
    """
    raise NotImplementedError


def raise_first(problems: npt.NDArray[np.int64], batch: TextBatch, header: VcfHeader, *, key: str = "") -> None:
    """Raise InputError for the first record of a batch that has a problem; the SUSPECT bits are none."""
    raise NotImplementedError
