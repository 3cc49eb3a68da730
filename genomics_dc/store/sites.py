"""The variants of a view without genotypes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from genomics_dc.kernels.vcf.records import Strings
from genomics_dc.store import schema
from genomics_dc.store.opened import Opened, Rows, Words, words_of


@dataclass(frozen=True)
class Sites:
    """The variants of a view, without genotypes.

    `index` int64[V] is the row in the store; `position` int32[V] is one-based; `identifier` is "." where there is none;
    `alt` joins the ALT alleles by commas ("." when there is none); `filters` joins by ";", "PASS" when all passed and
    "." when none was applied; `quality` float32[V] is NaN where missing.
    """

    index: Rows
    contig: Words
    position: npt.NDArray[np.int32]
    identifier: Words
    ref: Words
    alt: Words
    n_alleles: npt.NDArray[np.int16]
    filters: Words
    quality: npt.NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.index)

    def __repr__(self) -> str:
        return f"Sites({len(self):,} variants)"

    @property
    def variant_id(self) -> Words:
        """str[V]: the identifier, or "contig:position:ref:alt" where there is none."""
        made = [
            name if name != "." else f"{contig}:{position}:{ref}:{alt}"
            for name, contig, position, ref, alt in zip(
                self.identifier, self.contig, self.position, self.ref, self.alt, strict=True
            )
        ]
        return words_of(made)


def sites_of(shared: Opened, rows: Rows) -> Sites:
    """Return the sites at some rows of a store."""
    alleles = shared.sites(schema.VARIANT_ALLELE, rows)
    assert isinstance(alleles, Strings)
    there = alleles.end > alleles.start
    n_alleles = np.count_nonzero(there, axis=1).astype(np.int16)
    alt = words_of(alleles[:, 1]) if alleles.shape[1] > 1 else words_of(["."] * len(rows))
    alt[n_alleles < 2] = "."
    for row in np.flatnonzero(n_alleles > 2):
        alt[row] = ",".join(alleles[row, 1 : n_alleles[row]].flat())
    names = words_of(shared.contigs)
    return Sites(
        index=rows,
        contig=names[shared.numbers(schema.VARIANT_CONTIG, rows)] if rows.size else words_of([]),
        position=shared.numbers(schema.VARIANT_POSITION, rows).astype(np.int32),
        identifier=shared.words(schema.VARIANT_ID, rows),
        ref=words_of(alleles[:, 0]),
        alt=alt,
        n_alleles=n_alleles,
        filters=filter_names(shared, rows) if rows.size else words_of([]),
        quality=shared.numbers(schema.VARIANT_QUALITY, rows).astype(np.float32),
    )


def filter_names(shared: Opened, rows: Rows) -> Words:
    """Return the FILTERs at some rows of a store, joined by ";"."""
    ids = shared.filters
    table = shared.numbers(schema.VARIANT_FILTER, rows)
    patterns, which = np.unique(table, axis=0, return_inverse=True)
    names = words_of(";".join(ids[j] for j in np.flatnonzero(pattern)) or "." for pattern in patterns)
    return names[which.reshape(-1)]
