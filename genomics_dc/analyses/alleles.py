"""The ALT alleles of a view, one row each: where they stand, and which need whole genotypes to be counted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from genomics_dc.analyses.site_columns import site_columns
from genomics_dc.analyses.tally import is_autosome

if TYPE_CHECKING:
    from genomics_dc.store.read import StoreView

Rows = npt.NDArray[np.int64]


@dataclass(frozen=True, repr=False)
class Alleles:
    """R rows, by variant and allele number.

    `index` int64[V] is the variant's row in the store; `n_alleles` int64[V] counts REF too; `site` int64[R] is the
    variant's number in the view, `number` int64[R] the allele's (1 is the first ALT). A variant without an ALT allele
    has one row, of number 1. `whole` bool[V] marks variants that two bits a sample do not describe: with several ALT
    alleles, or not on an autosome, where a haploid call is one copy.
    """

    index: Rows
    n_alleles: Rows
    site: Rows
    number: Rows
    whole: npt.NDArray[np.bool_]
    sites: dict[str, pa.ChunkedArray]

    def __len__(self) -> int:
        return len(self.site)

    @cached_property
    def columns(self) -> dict[str, pa.Array]:
        """chromosome, base_pair_location (one-based), variant_id, ref, alt (null where there is none), R rows each."""
        take = pa.array(self.site)
        shared = {name: _flat(column).take(take) for name, column in self.sites.items()}
        ref, alt = shared.pop("other_allele"), shared.pop("effect_allele")
        many = np.flatnonzero(self.n_alleles[self.site] > 2)
        if many.size:
            words = [text.split(",") for text in ref.take(pa.array(many)).to_pylist()]
            first = alt.take(pa.array(many)).to_pylist()
            numbers = self.number[many].tolist()
            mask = np.zeros(len(self), dtype=bool)
            mask[many] = True
            ref = pc.replace_with_mask(ref, pa.array(mask), pa.array([word[0] for word in words], pa.string()))
            chosen = [one if n == 1 else word[n - 1] for word, one, n in zip(words, first, numbers, strict=True)]
            alt = pc.replace_with_mask(alt, pa.array(mask), pa.array(chosen, pa.string()))
        names = ("chromosome", "base_pair_location", "variant_id")
        return {**{name: shared[name] for name in names}, "ref": ref, "alt": alt}


def alleles_of(view: StoreView) -> Alleles:
    """Return the ALT alleles of a view, which has at least one variant."""
    sites = site_columns(view)
    effect, other = _flat(sites["effect_allele"]), _flat(sites["other_allele"])
    commas = np.asarray(pc.count_substring(other, ",").to_numpy(zero_copy_only=False), dtype=np.int64)
    n_alleles = 1 + np.asarray(effect.is_valid().to_numpy(zero_copy_only=False)).astype(np.int64) + commas
    per_site = np.maximum(n_alleles - 1, 1)
    site = np.repeat(np.arange(len(n_alleles)), per_site)
    number = 1 + np.arange(len(site)) - np.repeat(np.cumsum(per_site) - per_site, per_site)
    autosome = _on_autosome(view.contigs, view.extents()[0])
    return Alleles(view.sites_index(), n_alleles, site, number, ~autosome | (n_alleles > 2), sites)


def _on_autosome(contigs: Sequence[str], number: Rows) -> npt.NDArray[np.bool_]:
    of_contig = is_autosome(np.array(contigs, dtype=object))
    on_autosome: npt.NDArray[np.bool_] = of_contig[number]
    return on_autosome


def _flat(column: pa.ChunkedArray) -> pa.Array:
    """Return a column as one array, text where it was a dictionary."""
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    return column.combine_chunks() if column.num_chunks != 1 else column.chunk(0)
