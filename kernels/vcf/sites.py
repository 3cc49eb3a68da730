"""CHROM, POS, ID, REF, ALT, QUAL and FILTER of a batch of records, as arrays."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from genomics_dc.kernels.vcf.text import Names


@dataclass(frozen=True)
class Sites:
    """The first seven columns of V records. Spans are [start, end) places in the text that was read.

    contig
        int32[V]: the number of CHROM among the contigs, -1 when it is none of them.
    position
        int64[V]: POS, one-based; -1 when it is not a number.
    id
        int64[V, 2]: span of ID; of its "." when missing.
    allele_first
        int64[V + 1]: alleles of record v are rows allele_first[v] to allele_first[v + 1] of `allele`.
    allele
        int64[A, 2]: spans of REF and each ALT; an ALT of "." alone is no allele.
    quality
        float32[V]: QUAL, or the NaN that means missing.
    filters
        bool[V, F]: which of the filters FILTER names; none at all when it is ".".
    problems
        int64[V]: bits of `genomics_dc.kernels.vcf.problems`.
    """

    contig: npt.NDArray[np.int32]
    position: npt.NDArray[np.int64]
    id: npt.NDArray[np.int64]
    allele_first: npt.NDArray[np.int64]
    allele: npt.NDArray[np.int64]
    quality: npt.NDArray[np.float32]
    filters: npt.NDArray[np.bool_]
    problems: npt.NDArray[np.int64]

    @property
    def n_alleles(self) -> npt.NDArray[np.int64]:
        """int64[V]: REF and the ALT alleles of each record."""
        return np.diff(self.allele_first)


def read_sites(
    data: npt.NDArray[np.uint8], columns: npt.NDArray[np.int64], contigs: Names, filters: Names
) -> Sites:
    """Return the sites of records, given their text uint8[N] and columns int64[V, 10] (see `lines`).

    A record with fewer than eight columns, or an empty one, has whatever its columns have and must not be used.
    """
    raise NotImplementedError
