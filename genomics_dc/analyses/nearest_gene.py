"""The gene nearest to a position: how far, and on which side of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from genomics_dc.reference import contigs
from genomics_dc.reference.genes import GeneModels


@dataclass(frozen=True)
class NearestGene:
    """`name` of the gene, of several that hold the position comma-separated; `distance_bp` is 0 within.

    `side`: within, or upstream or downstream in the gene's own direction.
    """

    name: str
    distance_bp: int
    side: str


@dataclass(frozen=True)
class GeneSpans:
    """The genes of gene models, each from the start of its first transcript to the end of its last one."""

    models: GeneModels

    @cached_property
    def _by_contig(self) -> dict[str, tuple[np.ndarray, np.ndarray, np.ndarray, list[str]]]:
        spans: dict[tuple[str, str], list[int]] = {}
        names: dict[tuple[str, str], str] = {}
        for one in self.models.transcripts:
            key = (contigs.canonical(one.contig), one.gene_id)
            held = spans.setdefault(key, [one.start, one.end, one.strand])
            held[0], held[1] = min(held[0], one.start), max(held[1], one.end)
            names[key] = one.gene
        table: dict[str, list[tuple[int, int, int, str]]] = {}
        for key, (start, end, strand) in spans.items():
            table.setdefault(key[0], []).append((start, end, strand, names[key]))
        found = {}
        for contig, rows in table.items():
            rows.sort()
            numbers = np.array([row[:3] for row in rows], dtype=np.int64)
            found[contig] = (numbers[:, 0], numbers[:, 1], numbers[:, 2], [row[3] for row in rows])
        return found

    def nearest(self, contig: str, position: int) -> NearestGene | None:
        """Return the gene nearest to a one-based position, None where the contig has none.

        Of genes equally near the first along the genome is taken.
        """
        held = self._by_contig.get(contigs.canonical(contig))
        if held is None:
            return None
        start, end, strand, names = held
        base = position - 1
        left, right = start - base, base - (end - 1)
        distance = np.maximum(np.maximum(left, right), 0)
        within = np.flatnonzero(distance == 0)
        if within.size:
            return NearestGene(",".join(dict.fromkeys(names[k] for k in within)), 0, "within")
        best = int(np.argmin(distance))
        before = bool(left[best] > 0)
        side = "upstream" if before == (strand[best] == 1) else "downstream"
        return NearestGene(names[best], int(distance[best]), side)

    def columns(self, places: Iterable[tuple[str, int]]) -> dict[str, list[object]]:
        """Return the columns nearest_gene, gene_distance_bp and gene_side of (contig, one-based position)."""
        found = [self.nearest(contig, position) for contig, position in places]
        return {
            "nearest_gene": [None if one is None else one.name for one in found],
            "gene_distance_bp": [None if one is None else one.distance_bp for one in found],
            "gene_side": [None if one is None else one.side for one in found],
        }
