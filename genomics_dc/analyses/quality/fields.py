"""What FORMAT numbers say of each sample: depth, genotype quality, and how reads fall at heterozygous calls."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from genomics_dc.analyses.parallel import ordered_map
from genomics_dc.analyses.quality.arithmetic import Floats, ratio
from genomics_dc.errors import InputError
from genomics_dc.kernels import sample_fields
from genomics_dc.kernels.whole_counts import AUTOSOME, X, Y
from genomics_dc.store import schema

if TYPE_CHECKING:
    from genomics_dc.store.blocks import Block
    from genomics_dc.store.read import StoreView

Integers = npt.NDArray[np.int64]

DEPTH, QUALITY, ALLELE_DEPTH = "call_DP", "call_GQ", "call_AD"
_N_KINDS = 4
_UNITS = 1024.0  # a depth or quality needs no more than a thousandth


@dataclass(frozen=True)
class SampleFields:
    """float64[S] each, NaN where the store has no such field or a sample no such call.

    `mean_depth` reads and `mean_gq` over all calls with the field; `depth_x` and `depth_y` mean depth on X and Y over
    that on autosomes. Of heterozygous calls on autosomes: `het_allele_balance` mean share of reads of the later allele,
    `het_imbalance` mean distance of that share from a half, `het_unbalanced_rate` calls with one outside the bounds.
    """

    mean_depth: Floats
    mean_gq: Floats
    depth_x: Floats
    depth_y: Floats
    het_allele_balance: Floats
    het_imbalance: Floats
    het_unbalanced_rate: Floats


def sample_field_means(
    view: StoreView,
    kinds: npt.NDArray[np.int8],
    *,
    reads_min: float | None,
    share_min: float | None,
    share_max: float | None,
    threads: int,
) -> SampleFields:
    """Return what the FORMAT numbers of a view say; `kinds` int8[V] as `contig_kinds` has them."""
    depth, depth_calls = _sums(view, DEPTH, kinds, threads)
    quality, quality_calls = _sums(view, QUALITY, kinds, threads)
    autosomal = ratio(depth[AUTOSOME], depth_calls[AUTOSOME])
    nothing = np.full(view.n_samples, np.nan)
    balance, imbalance, unbalanced = nothing, nothing, nothing
    on_autosomes = view.sites_index()[kinds == AUTOSOME]
    if on_autosomes.size and ALLELE_DEPTH in view.fields and None not in (reads_min, share_min, share_max):
        calls, shares, off, outside = _balance(view, on_autosomes, (reads_min, share_min, share_max), threads)
        balance = ratio(shares, calls * sample_fields.BALANCE_UNITS)
        imbalance = ratio(off, calls * sample_fields.BALANCE_UNITS)
        unbalanced = ratio(outside, calls)
    return SampleFields(
        mean_depth=ratio(depth.sum(axis=0), depth_calls.sum(axis=0) * _UNITS),
        mean_gq=ratio(quality.sum(axis=0), quality_calls.sum(axis=0) * _UNITS),
        depth_x=ratio(ratio(depth[X], depth_calls[X]), autosomal),
        depth_y=ratio(ratio(depth[Y], depth_calls[Y]), autosomal),
        het_allele_balance=balance,
        het_imbalance=imbalance,
        het_unbalanced_rate=unbalanced,
    )


def _sums(view: StoreView, name: str, kinds: npt.NDArray[np.int8], threads: int) -> tuple[Integers, Integers]:
    total, number = (np.zeros((_N_KINDS, view.n_samples), dtype=np.int64) for _ in range(2))
    if name not in view.fields or not len(kinds):
        return total, number
    dimensions = len(view.field_shape(name))
    if dimensions != 2:
        raise InputError(f"{view.path}: {name} has {dimensions - 1} dimensions a variant, expected one value a call")
    sums = partial(_sums_of, name, view.sites_index(), kinds)
    for part_total, part_number in ordered_map(sums, view.blocks(name), threads=threads):
        total += part_total
        number += part_number
    return total, number


def _balance(
    view: StoreView, rows: Integers, limits: tuple[float | None, float | None, float | None], threads: int
) -> Integers:
    reads_min, share_min, share_max = (float(limit or 0.0) for limit in limits)
    blocks = view.variants(index=rows).blocks(schema.CALL_GENOTYPE, ALLELE_DEPTH)
    sums = partial(_balance_of, int(reads_min), share_min, share_max)
    total = np.zeros((4, view.n_samples), dtype=np.int64)
    for part in ordered_map(sums, blocks, threads=threads):
        total += part
    return total


def _sums_of(name: str, rows: Integers, kinds: npt.NDArray[np.int8], block: Block) -> tuple[Integers, Integers]:
    place = int(np.searchsorted(rows, block.index[0]))
    return sample_fields.sums_by_kind(block[name], kinds[place : place + len(block)], _N_KINDS, _UNITS)


def _balance_of(reads_min: int, share_min: float, share_max: float, block: Block) -> Integers:
    genotype, depth = block[schema.CALL_GENOTYPE], block[ALLELE_DEPTH]
    if depth.ndim != 3:
        return np.zeros((4, genotype.shape[1]), dtype=np.int64)
    return sample_fields.allele_balance(genotype, depth, reads_min, share_min, share_max)
