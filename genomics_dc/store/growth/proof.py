"""The reference blocks of a store's samples, and what they prove at sites where a sample has no record.

A sample without a record at a site is missing there, unless its blocks cover every base of REF with enough depth and
quality: then it is 0/0, with the least depth of those bases. Nothing is proven about symbolic alleles and breakends,
which speak of more than their REF.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from genomics_dc.errors import InputError
from genomics_dc.kernels.reference_blocks import (
    DEPTH_BANDS_READS,
    QUALITY_BANDS,
    UNPROVEN,
    Blocks,
    proven_reference,
    without,
)
from genomics_dc.store import schema
from genomics_dc.store.access import StoreFiles
from genomics_dc.store.chunks import ArrayMeta
from genomics_dc.store.growth.sites import Rows, SiteTable
from genomics_dc.store.writer import StoreWriter

GROUP: Final = "reference_blocks"
OFFSET: Final = f"{GROUP}/offset"
COLUMNS: Final = (
    ("start", "int32", "First base of a block, zero-based"),
    ("end", "int32", "Base after the last of a block, zero-based"),
    ("depth", "int32", "Least depth of a block, in reads"),
    ("quality", "int32", "Least phred-scaled quality of the reference in a block"),
    ("copies", "int8", "Alleles of the genotype in a block"),
)
DIM_BLOCKS: Final = "reference_blocks"
DIM_CONTIG_EDGES: Final = "contig_edges"
OWN_THRESHOLDS: Final = "reference_proof"
_BLOCKS_PER_CHUNK: Final = 65_536


@dataclass(frozen=True)
class Thresholds:
    """What every base of REF must have for 0/0: depth in reads, and phred-scaled quality."""

    depth_min_reads: int = 8
    quality_min: int = 20

    def to_dict(self) -> dict[str, int]:
        """Return plain JSON values."""
        return {"depth_min_reads": self.depth_min_reads, "quality_min": self.quality_min}


@dataclass(frozen=True)
class Proven:
    """Where one sample, `column` of the whole, is proven to be reference.

    rows int64[N], counted from the first of the band; depth int32[N]; copies int8[N].
    """

    column: int
    rows: Rows
    depth: npt.NDArray[np.int32]
    copies: npt.NDArray[np.int8]


class BlockTable:
    """The blocks of some samples: `offsets[s, c]` to `offsets[s, c + 1]` are those of sample s on contig c."""

    def __init__(self, offsets: npt.NDArray[np.int64], columns: Sequence[npt.NDArray[Any]]) -> None:
        self.offsets = offsets
        self.columns = tuple(columns)

    def blocks(self, sample: int, contig: int) -> Blocks:
        """Return the blocks of a sample on a contig; none where the table does not know it."""
        if sample >= self.offsets.shape[0] or contig + 1 >= self.offsets.shape[1]:
            return Blocks.none()
        first, stop = self.offsets[sample, contig], self.offsets[sample, contig + 1]
        start, end, depth, quality, copies = (column[first:stop] for column in self.columns)
        return Blocks(start, end, depth, quality, copies)

    def has(self, sample: int) -> bool:
        """Whether a sample has any block."""
        return bool(self.offsets[sample, -1] > self.offsets[sample, 0])

    @property
    def greatest_depth(self) -> int:
        """The greatest depth of any block, in reads."""
        return int(self.columns[2].max(initial=0))


def read_blocks(files: StoreFiles, scratch: Path) -> BlockTable | None:
    """Return the blocks of a store's samples, held in files under `scratch`; None when it has none."""
    if OFFSET not in files:
        return None
    columns = []
    for name, dtype, _ in COLUMNS:
        reader = files.array(f"{GROUP}/{name}")
        n_blocks = reader.shape[0]
        column: npt.NDArray[Any] = np.empty(0, dtype=dtype)
        if n_blocks:
            column = np.memmap(scratch / f"blocks-{name}", dtype=dtype, mode="w+", shape=(n_blocks,))
        for number in range(reader.meta.grid[0]):
            column[reader.meta.extent((number,))] = reader.chunk(number)
        columns.append(column)
    return BlockTable(files.array(OFFSET).read(), columns)


def thresholds_of(files: StoreFiles) -> Thresholds | None:
    """Return the thresholds that a store keeps, or None."""
    told = files.own.get(OWN_THRESHOLDS)
    if not isinstance(told, dict):
        return None
    return Thresholds(int(told["depth_min_reads"]), int(told["quality_min"]))


def agreed_thresholds(stored: Thresholds | None, asked: Thresholds | None, where: str) -> Thresholds:
    """Return the thresholds to use; raise InputError when others are asked for than the store was filled with."""
    if stored is not None and asked is not None and stored != asked:
        raise InputError(
            f"{where} proves 0/0 by depth {stored.depth_min_reads} and quality {stored.quality_min}, but "
            f"{asked.depth_min_reads} and {asked.quality_min} were asked for; one store keeps one rule"
        )
    return stored or asked or Thresholds()


class Proofs:
    """What the blocks of the samples of a whole prove, band by band of its records.

    `blocks_of` gives, by column of the whole, the sample's blocks on each contig that has any; `has_record` which
    records each column has: bool[U] shared by the columns that have the same.
    """

    def __init__(
        self,
        table: SiteTable,
        thresholds: Thresholds,
        blocks_of: Mapping[int, Mapping[int, Blocks]],
        has_record: Mapping[int, npt.NDArray[np.bool_]],
    ) -> None:
        self._table = table
        self._thresholds = thresholds
        self._blocks_of = blocks_of
        self._has_record = has_record
        self._speaks = ~table.is_symbolic & (table.end > table.start)[:, 1:].any(axis=1)

    @property
    def greatest_depth(self) -> int:
        """The greatest depth of any block, in reads."""
        depths = [int(b.depth.max(initial=0)) for blocks in self._blocks_of.values() for b in blocks.values()]
        return max(depths, default=0)

    def band(self, first: int, stop: int) -> list[Proven]:
        """Return what is proven in the records `first` to `stop` of samples that have no record there."""
        contig = self._table.contig[first:stop]
        start = self._table.position[first:stop] - 1
        end = start + self._table.ref_length[first:stop]
        found = []
        for column, by_contig in self._blocks_of.items():
            asked = np.flatnonzero(~self._has_record[column][first:stop] & self._speaks[first:stop])
            for number in np.unique(contig[asked]):
                blocks = by_contig.get(int(number))
                if blocks is None:
                    continue
                rows = asked[contig[asked] == number]
                depth, copies = proven_reference(
                    blocks,
                    start[rows],
                    end[rows],
                    depth_min_reads=self._thresholds.depth_min_reads,
                    quality_min=self._thresholds.quality_min,
                )
                good = depth != UNPROVEN
                if good.any():
                    found.append(Proven(column, rows[good], depth[good], copies[good]))
        return found


def write_blocks(
    writer: StoreWriter,
    blocks_of: Mapping[int, Mapping[int, Blocks]],
    *,
    n_samples: int,
    n_contigs: int,
    samples_per_chunk: int,
) -> None:
    """Write the blocks of a store's samples into their own group."""
    offsets = np.zeros((n_samples, n_contigs + 1), dtype=np.int64)
    total = 0
    for sample in range(n_samples):
        by_contig = blocks_of.get(sample, {})
        for contig in range(n_contigs):
            offsets[sample, contig] = total
            total += len(by_contig[contig]) if contig in by_contig else 0
        offsets[sample, n_contigs] = total
    writer.put_small(
        OFFSET,
        offsets,
        (schema.DIM_SAMPLES, DIM_CONTIG_EDGES),
        "Where the blocks of each sample on each contig begin",
        chunk=max(1, min(samples_per_chunk, n_samples)),
    )
    for place, (name, dtype, description) in enumerate(COLUMNS):
        size = max(1, min(_BLOCKS_PER_CHUNK, total))
        meta = ArrayMeta(
            name=f"{GROUP}/{name}",
            shape=(total,),
            dtype=np.dtype(dtype),
            dimensions=(DIM_BLOCKS,),
            inner=(size,),
            outer=(size,),
            fill=-1,
            description=description,
        )
        array = writer.array(meta)
        for number, chunk in enumerate(_pieces(blocks_of, n_samples, n_contigs, place, size)):
            array.put_array((number,), chunk.astype(dtype))


def _pieces(
    blocks_of: Mapping[int, Mapping[int, Blocks]], n_samples: int, n_contigs: int, place: int, size: int
) -> Iterator[npt.NDArray[Any]]:
    """Yield one column of all blocks in pieces of `size`."""
    waiting: list[npt.NDArray[Any]] = []
    n_waiting = 0
    for sample in range(n_samples):
        by_contig = blocks_of.get(sample, {})
        for contig in range(n_contigs):
            blocks = by_contig.get(contig)
            if blocks is None:
                continue
            column = (blocks.start, blocks.end, blocks.depth, blocks.quality, blocks.copies)[place]
            waiting.append(np.asarray(column))
            n_waiting += len(column)
            while n_waiting >= size:
                joined = np.concatenate(waiting)
                yield joined[:size]
                waiting, n_waiting = [joined[size:]], n_waiting - size
    if n_waiting:
        yield np.concatenate(waiting)


def without_carried(
    blocks: Mapping[int, Blocks], contig: npt.NDArray[np.int64], start: Rows, end: Rows
) -> dict[int, Blocks]:
    """Return the blocks of a sample, by contig, without the sites where it is known to differ from the reference.

    contig, start, end: int64[N] of those sites, zero-based half-open. A callable base may well hold a variant.
    """
    left = {}
    for number, held in blocks.items():
        here = contig == number
        left[number] = without(held, start[here], end[here]) if here.any() else held
    return left


__all__ = [
    "DEPTH_BANDS_READS",
    "QUALITY_BANDS",
    "BlockTable",
    "Proofs",
    "Proven",
    "Thresholds",
    "agreed_thresholds",
    "read_blocks",
    "thresholds_of",
    "without_carried",
    "write_blocks",
]
