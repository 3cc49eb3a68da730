"""The view that a researcher holds: a store view with the analyses as methods."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from genomics_dc.store.read import StoreView

if TYPE_CHECKING:
    from genomics_dc.analyses.association import AssociationResult
    from genomics_dc.analyses.clumping import ClumpResult
    from genomics_dc.analyses.consequence_counts import ConsequenceCounts
    from genomics_dc.analyses.frequencies import FrequencyResult
    from genomics_dc.analyses.gene_counts import GeneCounts
    from genomics_dc.analyses.linkage_results import LDMatrix, LDResult, LDScoreResult
    from genomics_dc.analyses.private_alleles import PrivateAlleles
    from genomics_dc.analyses.qc import QCResult, SampleQC, VariantQC
    from genomics_dc.analyses.relatedness import KinshipResult
    from genomics_dc.analyses.spectrum import SpectrumResult
    from genomics_dc.analyses.structure import PCAResult


class View(StoreView):
    """An immutable, lazy view of a store, with the analyses of a cohort as methods."""

    def qc(self, **options: Any) -> QCResult:
        """Return sample and variant quality; see `analyses.qc.quality`."""
        from genomics_dc.analyses.qc import quality

        return quality(self, **options)

    def variant_qc(self, **options: Any) -> VariantQC:
        """Return the variants of `qc` alone, faster; see `analyses.qc.variant_quality`."""
        from genomics_dc.analyses.qc import variant_quality

        return variant_quality(self, **options)

    def sample_qc(self, **options: Any) -> SampleQC:
        """Return the samples of `qc` alone; see `analyses.qc.sample_quality`."""
        from genomics_dc.analyses.qc import sample_quality

        return sample_quality(self, **options)

    def pca(self, k: int = 10, *, seed: int = 1, **options: Any) -> PCAResult:
        """Return the first `k` principal components; see `analyses.structure.pca`."""
        from genomics_dc.analyses.structure import pca

        return pca(self, k, seed=seed, **options)

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

    def frequencies(self, **options: Any) -> FrequencyResult:
        """Return allele counts and frequencies by group of samples; see `analyses.frequencies.frequencies`."""
        from genomics_dc.analyses.frequencies import frequencies

        return frequencies(self, **options)

    def spectrum(self, **options: Any) -> SpectrumResult:
        """Return the site-frequency spectrum by group; see `analyses.spectrum.spectrum`."""
        from genomics_dc.analyses.spectrum import spectrum

        return spectrum(self, **options)

    def private_alleles(self, **options: Any) -> PrivateAlleles:
        """Return private alleles, singletons and doubletons; see `analyses.private_alleles.private_alleles`."""
        from genomics_dc.analyses.private_alleles import private_alleles

        return private_alleles(self, **options)

    def consequence_counts(self, annotation: Any, **options: Any) -> ConsequenceCounts:
        """Return how many alleles have which consequence; see `analyses.consequence_counts.consequence_counts`."""
        from genomics_dc.analyses.consequence_counts import consequence_counts

        return consequence_counts(self, annotation, **options)

    def gene_counts(self, annotation: Any, phenotypes: Any, *, trait: str, **options: Any) -> GeneCounts:
        """Return carriers of rare damaging alleles by gene; see `analyses.gene_counts.gene_counts`."""
        from genomics_dc.analyses.gene_counts import gene_counts

        return gene_counts(self, annotation, phenotypes, trait=trait, **options)


def open_store(path: Path | str) -> View:
    """Open a VCF Zarr store, lazily and read-only; raise StoreError when it is damaged or not a store."""
    return View.open(path)
