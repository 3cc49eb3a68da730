"""A view's calls as pairs of alleles, batch by batch, read ahead of the writer."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from genomics_dc.errors import InputError
from genomics_dc.kernels.diploid import Diploid, diploid_calls
from genomics_dc.store import schema
from genomics_dc.store.blocks import Block
from genomics_dc.store.read import StoreView

_Item = TypeVar("_Item")

CALLS_PER_BATCH = 4_000_000
"""Bounds memory: a pair of int32 alleles, phase and ploidy take 10 bytes a call, and three batches are alive."""


@dataclass(frozen=True)
class Batch:
    """Some variants of a view: their pairs of alleles, their allele counts, and the arrays they were read from."""

    calls: Diploid
    n_alleles: npt.NDArray[np.int64]
    arrays: dict[str, npt.NDArray[Any]]

    def __len__(self) -> int:
        return len(self.n_alleles)


def require_calls(view: StoreView, kind: str) -> None:
    """Raise InputError when there is nothing that a genotype file could hold."""
    if schema.CALL_GENOTYPE not in view.fields:
        raise InputError(f"{view.path} has no genotypes (no FORMAT/GT), and {kind} holds nothing else; export VCF")
    if not view.n_samples or not view.n_variants:
        what = "samples" if not view.n_samples else "variants"
        raise InputError(f"the view has no {what}, and {kind} cannot be empty; widen the view")


def has_phase(view: StoreView) -> bool:
    """Tell whether the store keeps which calls are phased."""
    return schema.CALL_GENOTYPE_PHASED in view.fields


def parts(block: Block, n_samples: int) -> Iterator[tuple[npt.NDArray[np.int64], dict[str, npt.NDArray[Any]]]]:
    """Yield (rows in the store, arrays) of a block in slices of at most `CALLS_PER_BATCH` calls."""
    step = max(1, CALLS_PER_BATCH // max(n_samples, 1))
    for start in range(0, len(block), step):
        rows = slice(start, start + step)
        yield block.index[rows], {name: array[rows] for name, array in block.arrays.items()}


def batches(view: StoreView, kind: str, *fields: str) -> Iterator[Batch]:
    """Yield the calls of a view, with the arrays `fields`, read and turned into pairs in a thread of their own.

    Raises
    ------
    InputError
        When a call has more than two alleles.
    """
    return ahead(_batches(view, kind, *fields))


def _batches(view: StoreView, kind: str, *fields: str) -> Iterator[Batch]:
    wanted = [schema.CALL_GENOTYPE, schema.VARIANT_ALLELE, *fields]
    if has_phase(view):
        wanted.append(schema.CALL_GENOTYPE_PHASED)
    for block in view.blocks(*wanted):
        for index, arrays in parts(block, view.n_samples):
            calls = diploid_calls(arrays[schema.CALL_GENOTYPE], arrays.get(schema.CALL_GENOTYPE_PHASED))
            if calls.n_polyploid:
                refuse_polyploid(view, int(index[calls.first_polyploid]), kind)
            yield Batch(calls, count_alleles(arrays[schema.VARIANT_ALLELE]), arrays)


def count_alleles(alleles: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
    """Return int64[V]: REF and ALT alleles of each variant, from str[V, A] padded with ""."""
    return np.asarray(np.count_nonzero(alleles != "", axis=1), dtype=np.int64)


def refuse_polyploid(view: StoreView, row: int, kind: str) -> None:
    """Raise InputError naming the variant in store row `row`, where a sample has more than two alleles."""
    site = view.variants(index=[row]).sites()
    raise InputError(
        f"at {site.contig[0]}:{site.position[0]} a sample has more than two alleles, and {kind} holds at most two; "
        "leave the variant out with --extract or --region, or export VCF"
    )


def ahead(items: Iterator[_Item]) -> Iterator[_Item]:
    """Yield the items, each made in another thread while the one before is in use."""
    with ThreadPoolExecutor(1, thread_name_prefix="export-read") as reader:
        waiting = reader.submit(next, items, None)
        while (item := waiting.result()) is not None:
            waiting = reader.submit(next, items, None)
            yield item
