"""How much of each panel gene's coding sequence could be judged in one sample."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from genomics_dc.errors import InputError
from genomics_dc.reference import contigs
from genomics_dc.reference.genes import Transcript
from genomics_dc.screening.model import GeneCoverage
from genomics_dc.screening.panels import Panel

Intervals = list[tuple[int, int]]


def read_bed(path: Path | str) -> dict[str, Intervals]:
    """Return zero-based half-open intervals by canonical contig name, merged and ascending.

    Raises InputError with the line for a row that is not BED.
    """
    source = Path(path)
    raw: dict[str, Intervals] = {}
    try:
        with open(source, encoding="utf-8") as handle:
            for number, line in enumerate(handle, 1):
                text = line.rstrip("\r\n")
                if not text or text.startswith(("#", "track", "browser")):
                    continue
                columns = text.split("\t")
                try:
                    contig, start, end = columns[0], int(columns[1]), int(columns[2])
                except (IndexError, ValueError):
                    raise InputError(
                        f"{source}, line {number}: expected contig, start and end separated by tabs, came {text!r}"
                    ) from None
                if start < 0 or end < start:
                    raise InputError(
                        f"{source}, line {number}: start must be 0 or more and end not before it: {text!r}"
                    )
                raw.setdefault(contigs.canonical(contig), []).append((start, end))
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"the callable regions {source} cannot be read: {error}") from error
    return {contig: merged(intervals) for contig, intervals in raw.items()}


def merged(intervals: Iterable[tuple[int, int]]) -> Intervals:
    """Return intervals ascending, those that touch or overlap joined, empty ones left out."""
    out: Intervals = []
    for start, end in sorted(intervals):
        if start == end:
            continue
        if out and start <= out[-1][1]:
            out[-1] = (out[-1][0], max(out[-1][1], end))
        else:
            out.append((start, end))
    return out


def gaps(wanted: Iterable[tuple[int, int]], present: Iterable[tuple[int, int]]) -> Intervals:
    """Return the parts of `wanted` that no interval of `present` covers; zero-based half-open, ascending."""
    have = merged(present)
    out: Intervals = []
    for start, end in merged(wanted):
        at = start
        for low, high in have:
            if high <= at or low >= end:
                continue
            if low > at:
                out.append((at, low))
            at = max(at, high)
        if at < end:
            out.append((at, end))
    return out


def gene_coverage(
    panel: Panel,
    transcripts: Mapping[str, Transcript],
    callable_regions: Mapping[str, Intervals],
    *,
    callable_fraction_min: float,
    undecided: Mapping[str, Intervals] | None = None,
    language: str = "en",
) -> tuple[GeneCoverage, ...]:
    """Return the coverage of every panel gene, in the order of the panel; a gene without a callable base has 0.

    `undecided` are the reference bases of sites at which the sample has no genotype, as `callable_regions` are given:
    deep enough, and still not known, so they do not count as callable.
    `callable_regions` are zero-based by canonical contig name; what comes out is one-based inclusive on the contig name
    of the gene models.
    """
    rows = []
    for gene in panel.genes:
        transcript = transcripts[gene.symbol]
        contig = contigs.canonical(transcript.contig)
        judged = gaps(callable_regions.get(contig, ()), (undecided or {}).get(contig, ()))
        missing = gaps(transcript.cds, judged)
        rows.append(
            GeneCoverage(
                gene=gene.symbol,
                transcript=transcript.identifier,
                inheritance=gene.inheritance,
                condition=gene.condition.get(language),
                condition_by_language=gene.condition,
                coding_bases=transcript.coding_bases,
                callable_bases=transcript.coding_bases - sum(end - start for start, end in missing),
                callable_fraction_min=callable_fraction_min,
                not_callable=tuple((transcript.contig, start + 1, end) for start, end in missing),
            )
        )
    return tuple(rows)
