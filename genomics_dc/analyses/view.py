"""The view that a researcher holds: a store view with the analyses as methods."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from genomics_dc.analyses.method import Later, analysis
from genomics_dc.store.read import StoreView

if TYPE_CHECKING:
    from genomics_dc.analyses import (
        ancestry,
        association,
        clumping,
        consequence_counts,
        frequencies,
        fst,
        gene_counts,
        grm,
        linkage,
        pc_air,
        private_alleles,
        projection,
        qc,
        relatedness,
        spectrum,
        unrelated,
    )
    from genomics_dc.analyses.linkage_results import PruneResult
else:  # an analysis is imported when it is first used
    ancestry = Later("genomics_dc.analyses.ancestry")
    association = Later("genomics_dc.analyses.association")
    clumping = Later("genomics_dc.analyses.clumping")
    consequence_counts = Later("genomics_dc.analyses.consequence_counts")
    frequencies = Later("genomics_dc.analyses.frequencies")
    fst = Later("genomics_dc.analyses.fst")
    gene_counts = Later("genomics_dc.analyses.gene_counts")
    grm = Later("genomics_dc.analyses.grm")
    linkage = Later("genomics_dc.analyses.linkage")
    pc_air = Later("genomics_dc.analyses.pc_air")
    private_alleles = Later("genomics_dc.analyses.private_alleles")
    projection = Later("genomics_dc.analyses.projection")
    qc = Later("genomics_dc.analyses.qc")
    relatedness = Later("genomics_dc.analyses.relatedness")
    spectrum = Later("genomics_dc.analyses.spectrum")
    unrelated = Later("genomics_dc.analyses.unrelated")


def _kept(pruned: PruneResult) -> View:
    return pruned.view()


class View(StoreView):
    """An immutable, lazy view of a store, with the analyses of a cohort as methods."""

    qc = analysis(lambda: qc.quality)
    variant_qc = analysis(lambda: qc.variant_quality)
    sample_qc = analysis(lambda: qc.sample_quality)
    pca = analysis(lambda: pc_air.components)
    project = analysis(lambda: projection.project)
    grm = analysis(lambda: grm.grm)
    unrelated = analysis(lambda: unrelated.unrelated)
    fst = analysis(lambda: fst.fst)
    ancestry = analysis(lambda: ancestry.ancestry)
    kinship = analysis(lambda: relatedness.kinship)
    associate = analysis(lambda: association.associate)
    ld = analysis(lambda: linkage.ld)
    ld_matrix = analysis(lambda: linkage.ld_matrix)
    ld_prune = analysis(lambda: linkage.prune, then=_kept)
    ld_scores = analysis(lambda: linkage.ld_scores)
    clump = analysis(lambda: clumping.clump)
    frequencies = analysis(lambda: frequencies.frequencies)
    spectrum = analysis(lambda: spectrum.spectrum)
    private_alleles = analysis(lambda: private_alleles.private_alleles)
    consequence_counts = analysis(lambda: consequence_counts.consequence_counts)
    gene_counts = analysis(lambda: gene_counts.gene_counts)


def open_store(path: Path | str) -> View:
    """Open a VCF Zarr store, lazily and read-only; raise StoreError when it is damaged or not a store."""
    return View.open(path)
