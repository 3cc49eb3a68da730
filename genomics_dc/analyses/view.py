"""The view that a researcher holds: a store view with the analyses as methods."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from genomics_dc.store.read import StoreView

if TYPE_CHECKING:
    from genomics_dc.analyses.ancestry import AncestryResult
    from genomics_dc.analyses.association import AssociationResult
    from genomics_dc.analyses.clumping import ClumpResult
    from genomics_dc.analyses.fst import FstResult
    from genomics_dc.analyses.grm import GRMResult
    from genomics_dc.analyses.linkage_results import LDMatrix, LDResult, LDScoreResult
    from genomics_dc.analyses.projection import ProjectionResult
    from genomics_dc.analyses.qc import QCResult
    from genomics_dc.analyses.relatedness import KinshipResult
    from genomics_dc.analyses.structure import PCAResult
    from genomics_dc.analyses.unrelated import UnrelatedResult


class View(StoreView):
    """An immutable, lazy view of a store, with the analyses of a cohort as methods."""

    def qc(self, **options: Any) -> QCResult:
        """Return sample and variant quality; see `analyses.qc.quality`."""
        from genomics_dc.analyses.qc import quality

        return quality(self, **options)

    def pca(self, k: int = 10, *, seed: int = 1, unrelated: bool | Sequence[str] = False, **options: Any) -> PCAResult:
        """Return the first `k` principal components; see `analyses.structure.pca`.

        `unrelated`: find them in samples without relatives, the ids given or the largest such set when True, and place
        the others on them; see `analyses.pc_air`.
        """
        from genomics_dc.analyses.pc_air import pca_with_relatives
        from genomics_dc.analyses.structure import pca

        if unrelated is False:
            return pca(self, k, seed=seed, **options)
        ids = None if unrelated is True else list(unrelated)
        return pca_with_relatives(self, k, seed=seed, unrelated=ids, **options)

    def project(self, loadings: Any, **options: Any) -> ProjectionResult:
        """Return the samples on components found before; see `analyses.projection.project`."""
        from genomics_dc.analyses.projection import project

        return project(self, loadings, **options)

    def grm(self, **options: Any) -> GRMResult:
        """Return the genetic relationship matrix; see `analyses.grm.grm`."""
        from genomics_dc.analyses.grm import grm

        return grm(self, **options)

    def unrelated(self, **options: Any) -> UnrelatedResult:
        """Return the largest set of samples without relatives; see `analyses.unrelated.unrelated`."""
        from genomics_dc.analyses.unrelated import unrelated

        return unrelated(self, **options)

    def fst(self, groups: Any, **options: Any) -> FstResult:
        """Return the fixation index of groups of samples; see `analyses.fst.fst`."""
        from genomics_dc.analyses.fst import fst

        return fst(self, groups, **options)

    def ancestry(self, reference: Any, groups: Any, **options: Any) -> AncestryResult:
        """Return the nearest reference group of each sample; see `analyses.ancestry.ancestry`."""
        from genomics_dc.analyses.ancestry import ancestry

        return ancestry(self, reference, groups, **options)

    def kinship(self, **options: Any) -> KinshipResult:
        """Return KING-robust kinship of all pairs; see `analyses.relatedness.kinship`."""
        from genomics_dc.analyses.relatedness import kinship

        return kinship(self, **options)

    def associate(self, phenotypes: Any, *, traits: Sequence[str], **options: Any) -> AssociationResult:
        """Return one row per variant and trait; see `analyses.association.associate`."""
        from genomics_dc.analyses.association import associate

        return associate(self, phenotypes, traits=traits, **options)

    def ld(self, **options: Any) -> LDResult:
        """Return the pairs of variants in linkage; see `analyses.linkage.ld`."""
        from genomics_dc.analyses.linkage import ld

        return ld(self, **options)

    def ld_matrix(self, **options: Any) -> LDMatrix:
        """Return r, r2, D or D' of all pairs of a locus as a square; see `analyses.linkage.ld_matrix`."""
        from genomics_dc.analyses.linkage import ld_matrix

        return ld_matrix(self, **options)

    def ld_prune(self, **options: Any) -> View:
        """Return the view of the variants that pruning for linkage keeps; see `analyses.linkage.prune`."""
        from genomics_dc.analyses.linkage import prune

        return prune(self, **options).view()

    def ld_scores(self, **options: Any) -> LDScoreResult:
        """Return the LD score of each variant; see `analyses.linkage.ld_scores`."""
        from genomics_dc.analyses.linkage import ld_scores

        return ld_scores(self, **options)

    def clump(self, association: Any, **options: Any) -> ClumpResult:
        """Return the clumps of an association result; see `analyses.clumping.clump`."""
        from genomics_dc.analyses.clumping import clump

        return clump(self, association, **options)


def open_store(path: Path | str) -> View:
    """Open a VCF Zarr store, lazily and read-only; raise StoreError when it is damaged or not a store."""
    return View.open(path)
