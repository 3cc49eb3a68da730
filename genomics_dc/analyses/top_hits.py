"""The strongest variants of a trait, one a locus, with the gene nearest to each; and one locus in full."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from genomics_dc.analyses.clumping import clump
from genomics_dc.analyses.linkage_batches import batches, variants_of
from genomics_dc.analyses.nearest_gene import GeneSpans
from genomics_dc.analyses.parallel import default_threads
from genomics_dc.errors import InputError, UsageError
from genomics_dc.kernels.ld import correlation_block
from genomics_dc.provenance import Provenance
from genomics_dc.reference import contigs
from genomics_dc.reference.genes import GeneModels, Transcript, read_genes
from genomics_dc.results import Result

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from genomics_dc.analyses.association_result import AssociationResult
    from genomics_dc.analyses.view import View

SUGGESTIVE_P = 1e-5
"""Lander and Kruglyak 1995 spoke of suggestive linkage; 1e-5 is what readers of scans look at below 5e-8."""


class TopHits(Result):
    """One row per clump, the smallest p first: the columns of the association, then of the clump and the gene.

    `clumped`: variants that stand in this locus for its sake; `clumped_strong` of them with p below 0.01;
    `nearest_gene` (of several that hold the variant, comma-separated), `gene_distance_bp` (0 within), `gene_side`
    (within, upstream or downstream in the gene's own direction): null without gene models.
    """


def top_hits(
    result: AssociationResult,
    view: View | None,
    *,
    trait: str | None = None,
    genes: GeneModels | Path | str | None = None,
    p1: float = SUGGESTIVE_P,
    r2: float = 0.1,
    window_bp: int = 250_000,
    threads: int | None = None,
) -> TopHits:
    """Return the clumps of one trait, each with its strongest variant and the gene nearest to it.

    Parameters
    ----------
    view
        The samples that linkage is taken from; best those of the association.
    genes
        Gene models (GFF3, or as `reference.genes.read_genes` gives them).
    p1, r2, window_bp, threads
        See `analyses.clumping.clump`.

    Raises
    ------
    UsageError, InputError
        As `clump`; also when the result is of another store than the view.

    Examples
    --------
    >>> view.associate("traits.tsv", traits=["hba1c"]).top_hits(p1=0.01)
    """
    if view is None:
        raise UsageError("clumps need linkage; give the view that the result was made from")
    if result.provenance.store_hash not in (None, view.store_hash):
        raise InputError(
            f"the result was made from another store than {view.path}; give the view that it was made from"
        )
    one = result._main(trait)
    clumps = clump(
        view, one.table, trait=None, p1=p1, p2=min(max(p1, 0.01), 1.0), r2=r2, window_bp=window_bp, threads=threads
    )
    ids = one.table["variant_id"].combine_chunks()
    rows = pc.index_in(clumps.table["variant_id"].combine_chunks(), value_set=ids)
    table = one.table.take(rows)
    table = table.append_column("clumped", clumps.table["total"])
    below = pc.list_value_length(clumps.table["members"])
    table = table.append_column("clumped_strong", below)
    models = gene_models(genes)
    places = list(
        zip(table["chromosome"].cast(pa.string()).to_pylist(), table["base_pair_location"].to_pylist(), strict=True)
    )
    nearest = (
        GeneSpans(models).columns(places)
        if models is not None
        else {name: [None] * len(places) for name in _GENE_TYPES}
    )
    for name, kind in _GENE_TYPES.items():
        table = table.append_column(name, pa.array(nearest[name], kind))
    parameters = {**clumps.provenance.parameters, "trait": result.traits[0] if trait is None else trait}
    provenance = Provenance(
        "top_hits",
        parameters=parameters,
        inputs={} if models is None else {"genes": models.sha256},
        store_hash=view.store_hash,
        cohort_hash=clumps.provenance.cohort_hash,
    )
    return TopHits(table, provenance)


_GENE_TYPES = {"nearest_gene": pa.string(), "gene_distance_bp": pa.int64(), "gene_side": pa.string()}


def gene_models(genes: GeneModels | Path | str | None) -> GeneModels | None:
    """Return gene models, read where a path is given."""
    return genes if genes is None or isinstance(genes, GeneModels) else read_genes(genes)


@dataclass(frozen=True, repr=False)
class Locus:
    """The variants around one: `position` int64[V], `strength` -log10 p and `r2` with it, float64[V], NaN where none.

    `lead` is its place among them; `transcripts` are the canonical ones of the genes there.
    """

    chromosome: str
    position: npt.NDArray[np.int64]
    strength: npt.NDArray[np.float64]
    r2: npt.NDArray[np.float64]
    lead: int
    lead_id: str
    start: int
    end: int
    transcripts: tuple[Transcript, ...]

    def plot(self, *, trait: str) -> Figure:
        """Return the locus plot."""
        from genomics_dc.plots import locus

        return locus.locus(
            self.position,
            self.strength,
            self.r2,
            lead=self.lead,
            lead_id=self.lead_id,
            chromosome=self.chromosome,
            span=(self.start, self.end),
            transcripts=self.transcripts,
            trait=trait,
        )


def locus(
    result: AssociationResult,
    view: View | None,
    variant_id: str,
    *,
    trait: str | None = None,
    genes: GeneModels | Path | str | None = None,
    window_bp: int = 250_000,
    threads: int | None = None,
) -> Locus:
    """Return the variants of a trait within `window_bp` of one, with their linkage to it.

    Without a view, or where the variant is not in it, r2 is NaN.

    Raises
    ------
    InputError
        When the result has no such variant, or has it more than once.
    """
    one = result._main(trait)
    found = np.flatnonzero(np.asarray(pc.equal(one.table["variant_id"], variant_id).to_numpy()))
    if len(found) != 1:
        raise InputError(
            f"variant {variant_id} stands {len(found)} times in the result; give the id of one of its rows"
        )
    names = one.table["chromosome"].cast(pa.string())
    chromosome = names[int(found[0])].as_py()
    position = np.asarray(one.table["base_pair_location"].to_numpy(), dtype=np.int64)
    middle = int(position[found[0]])
    same = np.asarray(pc.equal(names, chromosome).to_numpy(), dtype=bool)
    rows = np.flatnonzero(same & (np.abs(position - middle) <= window_bp))
    near = one.table.take(pa.array(rows))
    r2 = np.full(len(rows), np.nan)
    if view is not None:
        found_r2 = _linkage(view, variant_id, chromosome, middle, window_bp, threads)
        r2 = np.array([found_r2.get(name, np.nan) for name in near["variant_id"].to_pylist()], dtype=np.float64)
    models = gene_models(genes)
    start, end = max(middle - window_bp - 1, 0), middle + window_bp
    contig = None if models is None else contigs.resolve(chromosome, models.contigs)
    there = () if models is None or contig is None else models.overlapping(contig, start, end)
    return Locus(
        chromosome=chromosome,
        position=position[rows],
        strength=np.asarray(near["neg_log_10_p_value"].to_numpy(), dtype=np.float64),
        r2=r2,
        lead=int(np.searchsorted(rows, found[0])),
        lead_id=variant_id,
        start=start,
        end=end,
        transcripts=tuple(transcript for transcript in there if transcript.canonical),
    )


def _linkage(
    view: View, variant_id: str, chromosome: str, middle: int, window_bp: int, threads: int | None
) -> dict[str, float]:
    """Return r2 with one variant of each variant near it, by id."""
    near = view.region(chromosome, max(middle - window_bp - 1, 0), middle + window_bp)
    if view.n_samples < 2 or not near.n_variants:
        return {}
    variants = variants_of(near)
    lead = np.flatnonzero(variants.ids == variant_id)
    if len(lead) != 1:
        return {}
    alone = near.variants(index=variants.index[lead])
    planes = next(batches(alone, variants_of(alone), threads=1)).planes
    r2 = [
        correlation_block(planes, batch.planes)[0] ** 2
        for batch in batches(near, variants, threads=default_threads(threads))
    ]
    return dict(zip(variants.ids.tolist(), np.concatenate(r2).tolist(), strict=True))
