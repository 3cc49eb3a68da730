"""Genotypes of a view as two bits each, in groups of variants that no chunk of the store decides."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from genomics_dc.analyses.contig_kinds import is_autosome
from genomics_dc.errors import InputError
from genomics_dc.kernels.counts import nonreference_dosage
from genomics_dc.kernels.genotypes import pack_dosage
from genomics_dc.kernels.vcf.records import Strings

if TYPE_CHECKING:
    from genomics_dc.store.blocks import Block, Blocks
    from genomics_dc.store.read import StoreView

Packed = npt.NDArray[np.uint8]

# Cohorts up to this size, packed, stay in memory between passes; larger ones are read again in each.
HELD_BYTES_MAX = 1 << 30


def packed_source(view: StoreView) -> Blocks:
    """Return the blocks that `packed_of` takes: two bits a genotype as they are stored, or dosages of some samples."""
    return view.blocks("packed" if view.sample_numbers() is None else "dosage")


def packed_of(block: Block) -> Packed:
    """Return uint8[V, ceil(S / 4)] of the first ALT allele, as `kernels.genotypes` packs it."""
    packed: Packed = block["packed"] if "packed" in block.arrays else pack_dosage(block["dosage"])
    return packed


def packed_blocks(view: StoreView) -> Iterator[Packed]:
    """Yield the same of each block of a view."""
    return map(packed_of, packed_source(view))


def n_alleles(view: StoreView) -> npt.NDArray[np.int64]:
    """Return how many alleles each variant has, int64[V], without reading what they are."""
    loader = view.loader("variant_allele")
    counts = [np.empty(0, dtype=np.int64)]
    for rows in loader.parts(view.sites_index()):
        part = loader.load(rows)["variant_allele"]
        assert isinstance(part, Strings)
        counts.append(np.count_nonzero(part.end > part.start, axis=1))
    return np.concatenate(counts).astype(np.int64)


def packed_nonreference(view: StoreView) -> Iterator[Packed]:
    """Yield the same of any ALT allele against the reference; sites of many alleles come last."""
    many = n_alleles(view) > 2
    index = view.sites_index()
    if not many.all():
        yield from packed_blocks(view if not many.any() else view.variants(index=index[~many]))
    if many.any():
        for block in view.variants(index=index[many]).blocks("call_genotype"):
            yield pack_dosage(nonreference_dosage(block["call_genotype"]))


def grouped(blocks: Iterable[Packed], size: int) -> Iterator[Packed]:
    """Yield the rows of blocks in groups of `size`, the last one shorter: the same groups for any blocks."""
    waiting: list[Packed] = []
    n = 0
    for block in blocks:
        start = 0
        while n + len(block) - start >= size:
            stop = start + size - n
            yield np.concatenate([*waiting, block[start:stop]]) if waiting else block[start:stop]
            waiting, n, start = [], 0, stop
        if start < len(block):
            waiting.append(block[start:])
            n += len(block) - start
    if waiting:
        yield np.concatenate(waiting)


def autosomal(view: StoreView, what: str) -> StoreView:
    """Return the view of the autosomal variants; raise InputError, naming `what` needs them, when there is none."""
    contig = view.contig_numbers()
    names = np.asarray(view.contigs, dtype=object)
    keep = is_autosome(names)[contig] if len(contig) else np.zeros(0, dtype=bool)
    if not keep.any():
        raise InputError(
            f"{view.path} has no autosomal variant in this view, of {len(keep):,} in all; {what} needs autosomes"
        )
    return view if keep.all() else view.variants(index=view.sites_index()[keep])
