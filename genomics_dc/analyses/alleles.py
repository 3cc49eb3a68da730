"""The ALT alleles of a view, one row each: where they stand, and which need whole genotypes to be counted."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from genomics_dc.analyses.contig_kinds import contig_kinds
from genomics_dc.analyses.site_columns import VariantColumns, variant_columns
from genomics_dc.kernels.whole_counts import AUTOSOME

if TYPE_CHECKING:
    from genomics_dc.store.read import StoreView

Rows = npt.NDArray[np.int64]


@dataclass(frozen=True, repr=False)
class Alleles:
    """R rows, by variant and allele number.

    `index` int64[V] is the variant's row in the store; `site` int64[R] is the variant's number in the view, `number`
    int64[R] the allele's (1 is the first ALT). A variant without an ALT allele has one row, of number 1. `whole`
    bool[V] marks variants that two bits a sample do not describe: with several ALT alleles, or where a haploid call is
    one copy (X outside its pseudoautosomal regions, Y, the mitochondrion).
    """

    index: Rows
    variants: VariantColumns
    site: Rows
    number: Rows
    whole: npt.NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.site)

    @property
    def n_alleles(self) -> Rows:
        """int64[V], the reference included."""
        return self.variants.n_alleles.astype(np.int64)

    @cached_property
    def classes(self) -> npt.NDArray[np.int8]:
        """int8[R]: what the allele is, as `kernels.allele_class` has it; negative where there is none."""
        classes = self.variants.classes
        if classes.shape[1] < 2:
            return np.full(len(self), -1, dtype=np.int8)
        found: npt.NDArray[np.int8] = classes[self.site, self.number]
        return found

    @cached_property
    def columns(self) -> dict[str, pa.Array]:
        """chromosome, base_pair_location (one-based), variant_id, ref, alt (null where there is none), R rows each."""
        take = pa.array(self.site)
        found = {name: _flat(column).take(take) for name, column in self.variants.columns.items()}
        many = np.flatnonzero(self.n_alleles[self.site] > 2)
        if many.size:
            alts = found["alt"].take(pa.array(many)).to_pylist()
            own = [words.split(",")[n - 1] for words, n in zip(alts, self.number[many].tolist(), strict=True)]
            mask = np.zeros(len(self), dtype=bool)
            mask[many] = True
            found["alt"] = pc.replace_with_mask(found["alt"], pa.array(mask), pa.array(own, pa.string()))
        return found


def alleles_of(view: StoreView, *, words: bool = True) -> Alleles:
    """Return the ALT alleles of a view, which has at least one variant; without `words` there are no columns."""
    variants = variant_columns(view, words=words)
    per_site = np.maximum(variants.n_alleles.astype(np.int64) - 1, 1)
    site = np.repeat(np.arange(len(variants)), per_site)
    number = 1 + np.arange(len(site)) - np.repeat(np.cumsum(per_site) - per_site, per_site)
    kinds = contig_kinds(view, variants.contig, variants.position)
    return Alleles(view.sites_index(), variants, site, number, (kinds != AUTOSOME) | (variants.n_alleles > 2))


def _flat(column: pa.ChunkedArray) -> pa.Array:
    """Return a column as one array, text where it was a dictionary."""
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    return column.combine_chunks() if column.num_chunks != 1 else column.chunk(0)
