"""The view that a researcher holds: a store view with the analyses as methods."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from genomics_dc.analyses.method import Later, analysis
from genomics_dc.store.read import StoreView

if TYPE_CHECKING:
    from genomics_dc.analyses import association, clumping, linkage, qc, relatedness, structure
    from genomics_dc.analyses.linkage_results import PruneResult
else:  # an analysis is imported when it is first used
    association, clumping, linkage, qc, relatedness, structure = (
        Later(f"genomics_dc.analyses.{name}")
        for name in ("association", "clumping", "linkage", "qc", "relatedness", "structure")
    )


def _kept(pruned: PruneResult) -> View:
    return pruned.view()


class View(StoreView):
    """An immutable, lazy view of a store, with the analyses of a cohort as methods."""

    qc = analysis(lambda: qc.quality)
    pca = analysis(lambda: structure.pca)
    kinship = analysis(lambda: relatedness.kinship)
    associate = analysis(lambda: association.associate)
    ld = analysis(lambda: linkage.ld)
    ld_matrix = analysis(lambda: linkage.ld_matrix)
    ld_prune = analysis(lambda: linkage.prune, then=_kept)
    ld_scores = analysis(lambda: linkage.ld_scores)
    clump = analysis(lambda: clumping.clump)


def open_store(path: Path | str) -> View:
    """Open a VCF Zarr store, lazily and read-only; raise StoreError when it is damaged or not a store."""
    return View.open(path)
