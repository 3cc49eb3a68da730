"""Which bases of a sample can be judged: enough reads that map well enough."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from genomics_dc.errors import ToolError
from genomics_dc.files import atomic_path


@dataclass(frozen=True)
class CallableSummary:
    """What was asked for and what came: bases in the regions, bases that are callable, mean depth in reads."""

    region_bases: int
    callable_bases: int
    depth_mean_reads: float


def callable_regions(
    alignment: Path,
    output: Path,
    *,
    regions: Path,
    depth_min_reads: int,
    mapping_quality_min: int,
    base_quality_min: int,
    force: bool = False,
) -> CallableSummary:
    """Write the callable intervals of one alignment as BED (zero-based half-open) and return their sum.

    A base is callable when at least `depth_min_reads` reads cover it that are primary, not duplicates, pass the mapping
    quality, and whose base there passes the base quality; two overlapping mates count once. Memory does not grow with
    the genome.
    """
    command = ["samtools", "depth", "-a", "-s", "-Q", str(mapping_quality_min), "-q", str(base_quality_min)]
    command += ["-b", str(regions), str(alignment)]
    region_bases = callable_bases = depth_sum = 0
    with (
        atomic_path(output, force=force) as temporary,
        open(temporary, "w", newline="\n") as bed,
        subprocess.Popen(command, stdout=subprocess.PIPE) as process,
    ):
        assert process.stdout is not None
        open_contig, open_start, open_end = "", 0, 0
        for contig, position, depth in _depth_batches(process.stdout):
            region_bases += len(depth)
            depth_sum += int(depth.sum())
            start = position - 1
            for first, last in _runs(start, depth >= depth_min_reads):
                callable_bases += last - first
                if contig == open_contig and first == open_end:
                    open_end = last
                    continue
                if open_end > open_start:
                    bed.write(f"{open_contig}\t{open_start}\t{open_end}\n")
                open_contig, open_start, open_end = contig, first, last
        if open_end > open_start:
            bed.write(f"{open_contig}\t{open_start}\t{open_end}\n")
        if process.wait() != 0:
            raise ToolError(f"samtools depth could not read {alignment}; its words are above")
    return CallableSummary(region_bases, callable_bases, depth_sum / region_bases if region_bases else 0.0)


def _depth_batches(stream: object) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """Yield contig, one-based positions and depths from the text of samtools depth, one contig at a time."""
    import pyarrow as pa
    from pyarrow import csv

    names = ["contig", "position", "depth"]
    try:
        reader = csv.open_csv(
            stream,
            read_options=csv.ReadOptions(column_names=names, block_size=1 << 22),
            parse_options=csv.ParseOptions(delimiter="\t", quote_char=False),
            convert_options=csv.ConvertOptions(
                column_types={
                    "contig": pa.dictionary(pa.int32(), pa.string()),
                    "position": pa.int64(),
                    "depth": pa.int64(),
                }
            ),
        )
    except pa.ArrowInvalid:
        return  # nothing at all was printed: no bases in the regions, or a failure that the exit status tells
    for batch in reader:
        codes = batch.column(0).indices.to_numpy(zero_copy_only=False)
        labels = batch.column(0).dictionary.to_pylist()
        position = batch.column(1).to_numpy(zero_copy_only=False)
        depth = batch.column(2).to_numpy(zero_copy_only=False)
        edges = np.flatnonzero(np.diff(codes)) + 1
        for low, high in zip([0, *edges], [*edges, len(codes)], strict=True):
            if high > low:
                yield labels[codes[low]], position[low:high], depth[low:high]


def _runs(start: np.ndarray, passes: np.ndarray) -> Iterator[tuple[int, int]]:
    """Yield [first, last) of runs of passing bases that follow one another without a gap."""
    kept = start[passes]
    if len(kept) == 0:
        return
    breaks = np.flatnonzero(np.diff(kept) != 1) + 1
    for piece_low, piece_high in zip([0, *breaks], [*breaks, len(kept)], strict=True):
        yield int(kept[piece_low]), int(kept[piece_high - 1]) + 1
