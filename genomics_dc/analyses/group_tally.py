"""Counting alleles in groups of samples, block by block and in one pass over the packed genotypes.

Which calls count is as in the quality report (`analyses.qc`): a half-call is missing; on autosomes a haploid call of a
biallelic variant counts as two copies, as in PLINK; on X, Y and the mitochondrion, and at several ALT alleles, whole
genotypes of any ploidy are read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from genomics_dc.analyses.alleles import Alleles
from genomics_dc.analyses.parallel import default_threads, ordered_map
from genomics_dc.errors import InputError
from genomics_dc.kernels.diploid import allele_dosage
from genomics_dc.kernels.genotypes import pack_dosage
from genomics_dc.kernels.group_counts import group_allele_counts
from genomics_dc.kernels.packed_counts import as_words, counts_by_mask, sample_mask

if TYPE_CHECKING:
    from genomics_dc.store.blocks import Block
    from genomics_dc.store.read import StoreView

Rows = npt.NDArray[np.int64]
Counts = npt.NDArray[np.int32]
Progress = Callable[[int, int], None]


@dataclass(frozen=True, repr=False)
class CountedBlock:
    """The alleles `rows` int64[r] with their counts, int32[r, G]: copies, called copies, homozygotes, haploid carriers.

    `words` uint64[r, W] are the packed genotypes of each allele, when asked for, with sample s of the view in place
    `Layout.columns[s]`; haploid carriers have code 2.
    """

    rows: Rows
    allele_count: Counts
    allele_number: Counts
    homozygotes: Counts
    hemizygotes: Counts
    words: npt.NDArray[np.uint64] | None


@dataclass(frozen=True, repr=False)
class Layout:
    """Where the samples of a view stand in the packed genotypes: sample s in place columns[s] of `n_columns`.

    `whole_store` is set where the genotypes of all samples are read, and None where the view's are packed anew.
    """

    columns: Rows
    n_columns: int
    whole_store: StoreView | None

    def masks(self, members: npt.NDArray[np.bool_]) -> npt.NDArray[np.uint64]:
        """Return the masks uint64[G, W] of groups bool[G, S]."""
        masks = [sample_mask(self.n_columns, self.columns[group]) for group in members]
        return np.stack(masks) if masks else np.empty((0, len(sample_mask(self.n_columns))), dtype=np.uint64)


def layout_of(view: StoreView) -> Layout:
    """Return where the samples of a view stand. To read those of all samples is faster than to choose from them."""
    numbers, store = view.sample_numbers(), type(view).open(view.path)
    if store.sample_numbers() is not None:  # a store that hides samples gives packed genotypes of none
        return Layout(np.arange(view.n_samples, dtype=np.int64), view.n_samples, None)
    if numbers is None:
        return Layout(np.arange(view.n_samples, dtype=np.int64), view.n_samples, store)
    return Layout(numbers, store.n_samples, store)


def counted_blocks(
    view: StoreView,
    alleles: Alleles,
    members: npt.NDArray[np.bool_],
    *,
    layout: Layout,
    words: bool = False,
    threads: int | None = None,
    progress: Progress | None = None,
) -> Iterator[CountedBlock]:
    """Yield the counts of a view's alleles in groups bool[G, S]; first two-bit variants, then those read whole.

    Rows ascend within each of the two parts. `progress` is called with variants done and in all.
    """
    n_variants = len(alleles.index)
    if not n_variants:
        raise InputError(f"this view of {view.path} has no variant; loosen region and filters")
    masks = layout.masks(members)
    first_row = np.searchsorted(alleles.site, np.arange(n_variants + 1))
    of_packed = partial(_of_packed, alleles, first_row, masks, members.sum(axis=1), words)
    of_whole = partial(_of_whole, alleles, first_row, members, layout, words)
    done = 0

    def counts(chosen: npt.NDArray[np.bool_], whole: bool) -> Iterator[CountedBlock]:
        if not chosen.any():
            return
        part = view if chosen.all() else view.variants(index=alleles.index[chosen])
        blocks = part.blocks("call_genotype") if whole else _packed_blocks(part, layout)
        function: Callable[[Block], CountedBlock] = of_whole if whole else of_packed
        yield from ordered_map(function, blocks, threads=default_threads(threads))

    for counted in chain(counts(~alleles.whole, False), counts(alleles.whole, True)):
        yield counted
        done += len(np.unique(alleles.site[counted.rows]))
        if progress:
            progress(done, n_variants)


def tally_groups(
    view: StoreView,
    alleles: Alleles,
    members: npt.NDArray[np.bool_],
    *,
    threads: int | None = None,
    progress: Progress | None = None,
) -> CountedBlock:
    """Return the counts of all alleles of a view at once."""
    shape = (len(alleles), len(members))
    copies, called, homozygotes, hemizygotes = (np.zeros(shape, dtype=np.int32) for _ in range(4))
    layout = layout_of(view)
    for block in counted_blocks(view, alleles, members, layout=layout, threads=threads, progress=progress):
        copies[block.rows] = block.allele_count
        called[block.rows] = block.allele_number
        homozygotes[block.rows] = block.homozygotes
        hemizygotes[block.rows] = block.hemizygotes
    return CountedBlock(np.arange(len(alleles)), copies, called, homozygotes, hemizygotes, None)


def _packed_blocks(view: StoreView, layout: Layout) -> Iterator[Block]:
    if layout.whole_store is None:
        return view.blocks("dosage")
    whole = view if view.sample_numbers() is None else layout.whole_store.variants(index=view.sites_index())
    return whole.blocks("packed")


def _of_packed(
    alleles: Alleles,
    first_row: Rows,
    masks: npt.NDArray[np.uint64],
    sizes: npt.NDArray[np.integer],
    words: bool,
    block: Block,
) -> CountedBlock:
    rows = first_row[np.searchsorted(alleles.index, block.index)]
    packed = block.arrays["packed"] if "packed" in block.arrays else pack_dosage(block["dosage"])
    filled = as_words(packed)
    counts = counts_by_mask(filled, masks)
    het, homozygous, missing = counts[:, :, 1], counts[:, :, 2], counts[:, :, 3]
    return CountedBlock(
        rows,
        het + 2 * homozygous,
        (2 * (sizes.astype(np.int32) - missing)).astype(np.int32),
        homozygous,
        np.zeros_like(homozygous),
        filled if words else None,
    )


def _of_whole(
    alleles: Alleles, first_row: Rows, members: npt.NDArray[np.bool_], layout: Layout, words: bool, block: Block
) -> CountedBlock:
    sites = np.searchsorted(alleles.index, block.index)
    genotype = block["call_genotype"]
    copies, homozygous, hemizygous = group_allele_counts(genotype, members, int(alleles.n_alleles[sites].max()))
    rows = np.concatenate([np.arange(first_row[site], first_row[site + 1]) for site in sites])
    of_block = np.searchsorted(sites, alleles.site[rows])
    number = np.minimum(alleles.number[rows], copies.shape[2] - 1)
    absent = (alleles.n_alleles[alleles.site[rows]] < 2)[:, None]  # no ALT allele: no copies of it

    def of_rows(counts: Counts) -> Counts:
        return np.where(absent, np.int32(0), counts[of_block, :, number])

    filled = None
    if words:
        dosage = np.full((len(rows), layout.n_columns), -1, dtype=np.int8)
        dosage[:, layout.columns] = allele_dosage(genotype[of_block], alleles.number[rows])
        filled = as_words(pack_dosage(dosage))
    called = copies.sum(axis=2, dtype=np.int32)[of_block]
    return CountedBlock(rows, of_rows(copies), called, of_rows(homozygous), of_rows(hemizygous), filled)
