"""Where a sample's own reads show the reference: intervals with depth and quality, for one sample on one contig.

Blocks are zero-based half-open, sorted, and do not overlap. Depth is in reads, the least of any base in the block;
quality is phred-scaled: by how much 0/0 beats every other genotype, the least in the block. Copies are how many
alleles the genotype there has. Five arrays of one length: start, end, depth, quality int32, copies int8.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from genomics_dc.kernels._jit import jit

UNPROVEN: Final = -1

DEPTH_BANDS_READS: Final = (0, 1, 2, 3, 4, 5, 6, 8, 10, 12, 15, 20, 25, 30, 40, 50, 60, 80, 100, 150, 200, 500, 1000)
QUALITY_BANDS: Final = (0, 1, 5, 10, 15, 20, 30, 40, 50, 60, 70, 80, 90, 99)
"""Lower edges. Blocks that touch are one when both their depths and their qualities lie in one band."""


@dataclass(frozen=True)
class Blocks:
    """The blocks of one sample on one contig; see the module. `B` of each array."""

    start: npt.NDArray[np.int32]
    end: npt.NDArray[np.int32]
    depth: npt.NDArray[np.int32]
    quality: npt.NDArray[np.int32]
    copies: npt.NDArray[np.int8]

    def __len__(self) -> int:
        return len(self.start)

    @classmethod
    def none(cls) -> Blocks:
        """Return no blocks at all."""
        empty = np.empty(0, dtype=np.int32)
        return cls(empty, empty, empty, empty, np.empty(0, dtype=np.int8))


def _least_of_each(
    start: npt.NDArray[np.int64],
    end: npt.NDArray[np.int64],
    depth: npt.NDArray[np.int64],
    quality: npt.NDArray[np.int64],
    copies: npt.NDArray[np.int64],
    depth_edges: npt.NDArray[np.int64],
    quality_edges: npt.NDArray[np.int64],
    out: npt.NDArray[np.int64],
) -> int:
    """Fill `out` int64[2 B, 5] with the blocks of records sorted by start; return how many there are."""
    n = start.shape[0]
    active = np.empty(n, dtype=np.int64)
    n_active, k, at, n_out = 0, 0, 0, 0
    while k < n or n_active > 0:
        if n_active == 0:
            at = start[k]
        while k < n and start[k] <= at:
            active[n_active] = k
            n_active += 1
            k += 1
        stop = end[active[0]]
        for place in range(1, n_active):
            stop = min(stop, end[active[place]])
        if k < n:
            stop = min(stop, start[k])
        if stop > at:
            first = active[0]
            least_depth, least_quality, n_copies = depth[first], quality[first], copies[first]
            for place in range(1, n_active):
                other = active[place]
                least_depth = min(least_depth, depth[other])
                least_quality = min(least_quality, quality[other])
                if copies[other] != n_copies:
                    least_quality = 0  # two records that do not agree on the copies prove neither
            depth_band = np.searchsorted(depth_edges, least_depth, side="right")
            quality_band = np.searchsorted(quality_edges, least_quality, side="right")
            last = n_out - 1
            if (
                n_out
                and out[last, 1] == at
                and out[last, 4] == n_copies
                and np.searchsorted(depth_edges, out[last, 2], side="right") == depth_band
                and np.searchsorted(quality_edges, out[last, 3], side="right") == quality_band
            ):
                out[last, 1] = stop
                out[last, 2] = min(out[last, 2], least_depth)
                out[last, 3] = min(out[last, 3], least_quality)
            else:
                out[n_out, 0] = at
                out[n_out, 1] = stop
                out[n_out, 2] = least_depth
                out[n_out, 3] = least_quality
                out[n_out, 4] = n_copies
                n_out += 1
        at = stop
        kept = 0
        for place in range(n_active):
            if end[active[place]] > at:
                active[kept] = active[place]
                kept += 1
        n_active = kept
    return n_out


def _cut_out(
    start: npt.NDArray[np.int32],
    end: npt.NDArray[np.int32],
    hole_start: npt.NDArray[np.int64],
    hole_end: npt.NDArray[np.int64],
    source: npt.NDArray[np.int64],
    out_start: npt.NDArray[np.int32],
    out_end: npt.NDArray[np.int32],
) -> int:
    """Fill `out_*` with what is left of the blocks, and `source` with the block each is of; return how many."""
    n, first_hole = 0, 0
    for block in range(start.shape[0]):
        at = start[block]
        while first_hole < hole_start.shape[0] and hole_end[first_hole] <= at:
            first_hole += 1
        hole = first_hole
        while at < end[block]:
            if hole >= hole_start.shape[0] or hole_start[hole] >= end[block]:
                stop, after = end[block], end[block]
            else:
                stop, after = max(at, np.int32(hole_start[hole])), np.int32(min(hole_end[hole], end[block]))
            if stop > at:
                out_start[n] = at
                out_end[n] = stop
                source[n] = block
                n += 1
            at = max(after, at)
            hole += 1
    return n


def _proven(
    start: npt.NDArray[np.int32],
    end: npt.NDArray[np.int32],
    depth: npt.NDArray[np.int32],
    quality: npt.NDArray[np.int32],
    copies: npt.NDArray[np.int8],
    site_start: npt.NDArray[np.int64],
    site_end: npt.NDArray[np.int64],
    depth_min_reads: int,
    quality_min: int,
    out_depth: npt.NDArray[np.int32],
    out_copies: npt.NDArray[np.int8],
) -> None:
    for site in range(site_start.shape[0]):
        out_depth[site] = UNPROVEN
        out_copies[site] = 0
        block = np.searchsorted(end, site_start[site], side="right")
        covered_to = site_start[site]
        if block >= start.shape[0]:
            continue
        least, n_copies = depth[block], copies[block]
        while block < start.shape[0] and covered_to < site_end[site] and start[block] <= covered_to:
            if depth[block] < depth_min_reads or quality[block] < quality_min or copies[block] != n_copies:
                break
            least = min(least, depth[block])
            covered_to = np.int64(end[block])
            block += 1
        if covered_to >= site_end[site] and site_end[site] > site_start[site]:
            out_depth[site] = least
            out_copies[site] = n_copies


_least_of_each_jit = jit(_least_of_each)
_cut_out_jit = jit(_cut_out)
_proven_jit = jit(_proven)


def make_blocks(
    start: npt.NDArray[np.int64],
    end: npt.NDArray[np.int64],
    depth: npt.NDArray[np.int64],
    quality: npt.NDArray[np.int64],
    copies: npt.NDArray[np.int64],
    *,
    depth_bands: tuple[int, ...] = DEPTH_BANDS_READS,
    quality_bands: tuple[int, ...] = QUALITY_BANDS,
) -> Blocks:
    """Return the blocks that records of one sample on one contig give.

    Parameters
    ----------
    start, end
        int64[R], zero-based half-open, in any order; they may overlap: a base has the least depth and the least
        quality of the records that speak of it.
    depth, quality, copies
        int64[R]; see the module.
    depth_bands, quality_bands
        Lower edges of the bands; a merged block has the least of both, so it never claims more than its records.
    """
    order = np.argsort(start, kind="stable")
    first, last, reads, phred, carried = (
        np.ascontiguousarray(values[order], dtype=np.int64) for values in (start, end, depth, quality, copies)
    )
    if len(order) and (first > last).any():
        raise ValueError("a block ends before it starts")
    out = np.empty((2 * len(order), 5), dtype=np.int64)
    bands = np.array(depth_bands, dtype=np.int64), np.array(quality_bands, dtype=np.int64)
    n = _least_of_each_jit(first, last, reads, phred, carried, *bands, out)
    start_, end_, depth_, quality_ = (np.ascontiguousarray(out[:n, i], dtype=np.int32) for i in range(4))
    return Blocks(start_, end_, depth_, quality_, np.ascontiguousarray(out[:n, 4], dtype=np.int8))


def without(blocks: Blocks, hole_start: npt.NDArray[np.int64], hole_end: npt.NDArray[np.int64]) -> Blocks:
    """Return the blocks without some intervals int64[H], zero-based half-open, in any order."""
    if not len(blocks) or not len(hole_start):
        return blocks
    order = np.argsort(hole_start, kind="stable")
    starts = np.ascontiguousarray(hole_start[order], dtype=np.int64)
    # ends that never fall: a long hole hides the end of a short one inside it
    ends = np.maximum.accumulate(np.asarray(hole_end[order], dtype=np.int64))
    size = len(blocks) + len(starts)
    source = np.empty(size, dtype=np.int64)
    out_start, out_end = np.empty(size, dtype=np.int32), np.empty(size, dtype=np.int32)
    n = _cut_out_jit(blocks.start, blocks.end, starts, ends, source, out_start, out_end)
    kept = source[:n]
    return Blocks(
        out_start[:n].copy(), out_end[:n].copy(), blocks.depth[kept], blocks.quality[kept], blocks.copies[kept]
    )


def proven_reference(
    blocks: Blocks,
    site_start: npt.NDArray[np.int64],
    site_end: npt.NDArray[np.int64],
    *,
    depth_min_reads: int,
    quality_min: int,
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int8]]:
    """Return where the blocks prove the reference over whole sites.

    Parameters
    ----------
    site_start, site_end
        int64[V], zero-based half-open: the bases of REF.
    depth_min_reads, quality_min
        What every base must have.

    Returns
    -------
    int32[V]: the least depth over the site, UNPROVEN (-1) where a base is not covered well enough; int8[V]: copies.
    """
    depth = np.full(len(site_start), UNPROVEN, dtype=np.int32)
    copies = np.zeros(len(site_start), dtype=np.int8)
    if len(blocks):
        _proven_jit(
            blocks.start, blocks.end, blocks.depth, blocks.quality, blocks.copies,
            np.ascontiguousarray(site_start, dtype=np.int64), np.ascontiguousarray(site_end, dtype=np.int64),
            depth_min_reads, quality_min, depth, copies,
        )  # fmt: skip
    return depth, copies
