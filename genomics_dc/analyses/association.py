"""Association of traits with variants: one row per variant and trait, in the columns of GWAS-SSF.

Complete case, as PLINK 2 `--glm` has it: a sample without the trait or a covariate is left out of that trait, one
without a genotype out of that variant. Traits that are complete in the same samples are fitted together. A variant that
cannot be tested stays in the result with the reason in `status`.

X: males count as 0 or 2, sex is a covariate, samples of unknown sex are left out (`xchr_model` 1: 0 or 1; 0: X is left
out). Y: males. Y and MT: an estimate is of one copy. That is PLINK 2's way; X is taken as a whole, so give the
pseudoautosomal regions as a view of their own under another contig name.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from genomics_dc.analyses.association_file import write_by_batches
from genomics_dc.analyses.association_models import Coding, Model, Question
from genomics_dc.analyses.association_result import AssociationFile, AssociationPlots, AssociationResult
from genomics_dc.analyses.association_scan import prepare
from genomics_dc.analyses.permutation import Permutations

if TYPE_CHECKING:
    from genomics_dc.store.read import StoreView

__all__ = ["AssociationFile", "AssociationPlots", "AssociationResult", "associate", "associate_to_file"]


def associate(
    view: StoreView,
    phenotypes: Any,
    *,
    traits: Sequence[str] | None,
    covariates: Any = None,
    covariate_names: Sequence[str] | None = None,
    model: Model = "linear",
    coding: Coding = "additive",
    interaction: Sequence[str] = (),
    condition: Sequence[str] = (),
    dosage: str = "GT",
    sex: str | None = None,
    xchr_model: int = 2,
    permutations: int | None = None,
    adaptive: bool = False,
    seed: int = 1,
    fit_all: bool = False,
    strict: bool = False,
    threads: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> AssociationResult:
    """Test every variant of a view against every trait.

    Parameters
    ----------
    view
        Variants and samples; the numbers do not depend on how its chunks lie.
    phenotypes, covariates
        Path to a table, pandas or polars frame, or Arrow table: see `analyses.sample_table`. An intercept is always in.
    traits
        Columns of `phenotypes`; None takes all.
    covariate_names
        Columns of `covariates` (of `phenotypes` where no covariates are given); None takes all of `covariates`.
    model
        "linear"; "logistic" (0 and 1, or 1 and 2), with Firth's answer where the plain one has no maximum; "firth";
        "spa", the score test with a saddlepoint where its p is below 0.05, for few cases among many controls.
    coding
        "additive"; "dominant"; "recessive"; "genotypic" (ADD and DOMDEV, and both together); "hethom" (HOM and HET).
    interaction
        Covariates whose product with the genotype is in the model too, a row each.
    condition
        Ids of variants whose dosages are covariates: what is left of a locus beside them.
    dosage
        "GT", or the field with imputed dosages: "DS", or "GP" with genotype probabilities.
    sex
        Column with the sex, in the covariates or the phenotypes; one called sex when None. X and Y need it.
    xchr_model
        As PLINK 2's --xchr-model: males of X count 0 or 2 (2), 0 or 1 (1), or X is left out (0).
    permutations, adaptive, seed
        So many permutations of each trait of a linear model, and columns with what they say: see
        `analyses.permutation`. The seed decides them, not the threads.
    fit_all
        Fit the logistic model to every variant, also where the score test has p above 0.1.
    strict
        Refuse tables with a row for which the store has no sample, or without a row for a sample of the view. Otherwise
        such rows are left aside, such samples take no part, and the provenance has the counts.
    threads
        All processors when None. The result has the same bytes for any number.
    progress
        Called with (variants done, variants of all).

    Raises
    ------
    InputError, UsageError
        As one sentence: an unknown or duplicated sample, a trait that is absent, constant, missing everywhere or not of
        the model, text among numbers, dependent covariates, more covariates than samples, a view without variants.

    Examples
    --------
    >>> view = open_store("cohort.vcz").variants(maf=0.01)
    >>> gwas = view.associate("traits.tsv", traits=["hba1c", "bmi"], covariates="covariates.tsv")
    >>> gwas.top(5).to_pandas()[["trait", "variant_id", "beta", "p_value"]]
    """
    scan = prepare(
        view,
        phenotypes,
        Question(model, coding, tuple(interaction), dosage, xchr_model, fit_all),
        traits=traits,
        covariates=covariates,
        covariate_names=covariate_names,
        condition=condition,
        sex=sex,
        permutations=None if permutations is None else Permutations(permutations, seed, adaptive),
        strict=strict,
        threads=threads,
    )
    return scan.result(progress)


def associate_to_file(
    view: StoreView,
    phenotypes: Any,
    output: Path | str,
    *,
    traits: Sequence[str] | None,
    model: Model = "linear",
    coding: Coding = "additive",
    interaction: Sequence[str] = (),
    dosage: str = "GT",
    xchr_model: int = 2,
    permutations: int | None = None,
    adaptive: bool = False,
    seed: int = 1,
    fit_all: bool = False,
    force: bool = False,
    traits_at_once: int | None = None,
    progress: Callable[[int, int], None] | None = None,
    **tables: Any,
) -> AssociationFile:
    """Test every variant against every trait as `associate` does, and write Parquet while the next traits are tested.

    Memory holds some traits at a time, whatever their number: as many as take half a gigabyte, or `traits_at_once`. The
    rows are those of `associate(...).write(output)`.

    Parameters
    ----------
    output
        Ends with .parquet; whole or not at all. An existing file is refused unless `force`.
    progress
        Called with (variants by traits done, of all).
    **tables
        covariates, covariate_names, condition, sex, strict, threads: as `associate` has them.
    """
    scan = prepare(
        view,
        phenotypes,
        Question(model, coding, tuple(interaction), dosage, xchr_model, fit_all),
        traits=traits,
        permutations=None if permutations is None else Permutations(permutations, seed, adaptive),
        **tables,
    )
    return write_by_batches(scan, Path(output), force=force, traits_at_once=traits_at_once, progress=progress)
