"""Association of traits with variants: one row per variant and trait, in the columns of GWAS-SSF.

Complete case, as PLINK 2 `--glm` has it: a sample without the trait or a covariate is left out of that trait, one
without a genotype out of that variant. Traits that are complete in the same samples are fitted together. A variant that
cannot be tested stays in the result with the reason in `status`.

X: males count as 0 or 2, sex is a covariate, samples of unknown sex are left out (`xchr_model` 1: 0 or 1; 0: X is left
out). Y: males. Y and MT: an estimate is of one copy. That is PLINK 2's way; X is taken as a whole, so give the
pseudoautosomal regions as a view of their own under another contig name.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from genomics_dc.analyses import association_groups as grouping
from genomics_dc.analyses import phenotypes as samples_by
from genomics_dc.analyses.association_models import SCORE_P_MAX, SPA_P_MAX, Coding, Model, Question
from genomics_dc.analyses.association_result import AssociationPlots, AssociationResult
from genomics_dc.analyses.association_table import Estimates, table_of
from genomics_dc.analyses.collinear import collinear_notes
from genomics_dc.analyses.genotype_blocks import Source, dosages_of, source_of
from genomics_dc.analyses.lineage import provenance_of
from genomics_dc.analyses.parallel import ordered_map
from genomics_dc.analyses.permutation import Permutations, Piece, permutation_p
from genomics_dc.analyses.sex import sex_of
from genomics_dc.analyses.site_columns import site_columns
from genomics_dc.errors import InputError, UsageError
from genomics_dc.kernels import linear, linear_terms, logistic, logistic_terms, spa, terms
from genomics_dc.kernels.carriers import frequency_of, recoded
from genomics_dc.provenance import JsonValue

if TYPE_CHECKING:
    from genomics_dc.store.read import StoreView

__all__ = ["AssociationPlots", "AssociationResult", "associate"]

# Variants that one task takes: small enough to share between threads, large enough to cost little. Each variant is
# fitted by itself, so this changes no number.
_VARIANTS_PER_TASK = {"linear": 1024, "logistic": 512, "firth": 128, "spa": 512}


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
        Path to a table, pandas or polars frame, or Arrow table: see `analyses.phenotypes`. An intercept is always in.
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
    """
    question = Question(model, coding, tuple(interaction), dosage, xchr_model, fit_all)
    wanted = _permutations(permutations, adaptive, seed, question)
    if not view.n_samples:
        raise InputError(f"no sample is left in the view of {view.path}; nothing can be tested")
    store = type(view).open(view.path)
    sample_ids = [str(name) for name in view.sample_ids]
    tables = [samples_by.read_samples(phenotypes, role="phenotypes")]
    if covariates is not None:
        tables.append(samples_by.read_samples(covariates, role="covariates"))
    aligned = samples_by.align(
        sample_ids,
        [str(name) for name in store.sample_ids],
        tables[0],
        traits=traits,
        covariates=tables[1] if covariates is not None else None,
        covariate_names=covariate_names,
        strict=strict,
    )
    question.check_covariates(aligned.covariate_names)
    n_variants = view.n_variants
    if not n_variants:
        raise InputError(f"no variant of {view.path} is left after region and filters; loosen them")
    if condition:
        aligned = replace(
            aligned,
            covariates=np.column_stack([aligned.covariates, dosages_of(view, store, list(condition), dosage)]),
            covariate_names=(*aligned.covariate_names, *condition),
        )
    scan = _Scan(view, store, question, aligned, sex_of(tables[::-1], sample_ids, sex), threads)
    estimates = scan.estimates(progress)
    more = scan.permutation_columns(estimates, wanted) if wanted is not None else {}
    provenance = provenance_of(
        "associate",
        view,
        {
            "model": model,
            "coding": coding,
            "tests": list(question.tests),
            "rule": question.rule,
            "traits": list(aligned.trait_names),
            "covariates": list(aligned.covariate_names),
            "dosage": dosage,
            "xchr_model": xchr_model,
            "permutations": None if wanted is None else wanted.rule,
            "samples_by_trait": scan.samples_by_trait(),
            "rows_without_sample": dict(aligned.unknown),
            "samples_without_row": dict(aligned.absent),
            "notes": scan.notes(estimates),
        },
        inputs=aligned.inputs,
        seed=None if wanted is None else wanted.seed,
    )
    return AssociationResult(table_of(site_columns(view), aligned.trait_names, estimates, more), provenance)


def _permutations(n: int | None, adaptive: bool, seed: int, question: Question) -> Permutations | None:
    if n is None:
        return None
    if question.model != "linear" or not question.packed(question.xchr_model):
        raise UsageError(
            "permutations are of the linear model on genotypes: leave out dosage, interaction and codings of two terms; "
            "a trait of 0 and 1 may be tested by the linear model"
        )
    return Permutations(n, seed, adaptive)


@dataclass(frozen=True)
class _Task:
    """Genotypes of some variants, of which the first is the view's number `start`, all on one kind of contig."""

    start: int
    block: npt.NDArray[Any]
    kind: str


class _Scan:
    """One pass over the variants of a view, and what was decided before it."""

    def __init__(
        self,
        view: StoreView,
        store: StoreView,
        question: Question,
        aligned: samples_by.AlignedTraits,
        sex: npt.NDArray[np.float64] | None,
        threads: int | None,
    ) -> None:
        self.view, self.store, self.question, self.aligned = view, store, question, aligned
        self.in_order = partial(ordered_map, threads=threads or len(os.sched_getaffinity(0)))
        self.runs = grouping.runs(view.extents()[0], view.contigs)
        source = self._source()
        self.parts = grouping.parts_of(
            {run.kind for run in self.runs}, aligned, sex, question, source.columns, source.n_columns
        )

    def _source(self) -> Source:
        return source_of(self.view, self.store, self.question.dosage)

    def _tasks(self, source: Source) -> Iterator[_Task]:
        size = _VARIANTS_PER_TASK[self.question.model]
        done = 0
        for block in source.blocks:
            for first in range(0, len(block), size):
                piece = block[first : first + size]
                for start, stop, kind in grouping.cut(self.runs, done + first, done + first + len(piece)):
                    yield _Task(start, piece[start - done - first : stop - done - first], kind)
            done += len(block)

    def estimates(self, progress: Callable[[int, int], None] | None) -> Estimates:
        """Fit every variant."""
        n_traits, n_variants = len(self.aligned.trait_names), self.view.n_variants
        found = Estimates(n_traits, self.question.tests, self.parts, n_variants)
        source = self._source()

        def work(task: _Task) -> int:
            part = self.parts[task.kind]
            span = slice(task.start, task.start + len(task.block))
            for group in part.groups:
                whole = task.block.dtype == np.uint8
                scale = part.effect_scale if whole else 1.0
                found.put(group, span, _fit(task.block, source, group, part, self.question), scale)
            fitted = {trait for group in part.groups for trait in group.traits}
            rest = [trait for trait in range(n_traits) if trait not in fitted]
            if rest:
                found.leave_out(rest, span)
            return span.stop

        for done in self.in_order(work, self._tasks(source)):
            if progress is not None:
                progress(done, n_variants)
        return found

    def permutation_columns(self, estimates: Estimates, wanted: Permutations) -> dict[str, npt.NDArray[np.float64]]:
        """Return the columns of permutation p values, float64[T, V]."""
        shape = estimates.strength.shape
        pointwise, of_best = np.full(shape, np.nan), np.full(shape, np.nan)
        for trait in range(shape[0]):
            groups = {
                kind: group for kind, part in self.parts.items() for group in part.groups if trait in group.traits
            }

            def pieces(groups: dict[str, grouping.Group] = groups) -> Iterator[Piece]:
                source = self._source()
                for task in self._tasks(source):
                    group = groups.get(task.kind)
                    if group is None:
                        continue
                    assert isinstance(group.design, linear.LinearDesign)
                    block = recoded(task.block, self.question.coding)
                    yield Piece(task.start, block, group.design, source.columns[group.rows], source.n_columns)

            def number(piece: Piece, trait: int = trait, groups: dict[str, grouping.Group] = groups) -> int:
                return next(g.traits.index(trait) for g in groups.values() if g.design is piece.design)

            pointwise[trait], of_best[trait] = permutation_p(
                pieces, number, estimates.strength[trait], wanted, self.in_order
            )
        columns = {"p_permutation": pointwise}
        if not wanted.adaptive:
            columns["p_max_t"] = of_best
        return columns

    def samples_by_trait(self) -> dict[str, JsonValue]:
        """Return how many samples have each trait and all covariates."""
        return {
            name: int(samples_by.complete_samples(self.aligned, trait).size)
            for trait, name in enumerate(self.aligned.trait_names)
        }

    def notes(self, estimates: Estimates) -> list[JsonValue]:
        """Return sentences on variants that were not tested."""
        lines: list[JsonValue] = []
        for kind, part in self.parts.items():
            if part.filtered is not None:
                count = sum(run.stop - run.start for run in self.runs if run.kind == kind)
                lines.append(f"{count:,} variants of {kind} were not tested: {part.filtered}")
            lines += part.notes
        groups = [(kind, group) for kind, part in self.parts.items() for group in part.groups]
        return [*lines, *collinear_notes(self.view, self.store, self.aligned, self.runs, groups, estimates.status)]


def _fit(
    block: npt.NDArray[Any], source: Source, group: grouping.Group, part: grouping.Part, question: Question
) -> linear.LinearFit | logistic.LogisticFit | linear_terms.TermsFit:
    firth = question.model == "firth"
    if group.placed is None:
        dosage = source.dosage(block, group.rows)
        if part.halved.size:
            dosage[:, np.isin(group.rows, part.halved)] *= 0.5
        rows = terms.terms(dosage, question.coding, group.modifiers if question.interaction else None)
        if isinstance(group.design, linear.LinearDesign):
            return linear_terms.fit_terms(rows, group.design)
        return logistic_terms.fit_terms(rows, group.design, always_firth=firth)
    packed = recoded(block, question.coding)
    found: linear.LinearFit | logistic.LogisticFit
    if isinstance(group.placed, linear.PlacedDesign):
        found = linear.fit_packed(packed, group.placed)
    elif question.model == "spa":
        found = spa.fit_packed(packed, group.placed, p_max=SPA_P_MAX)
    else:
        score_p_max = None if firth or question.fit_all else SCORE_P_MAX
        found = logistic.fit_packed(packed, group.placed, always_firth=firth, score_p_max=score_p_max)
    if question.coding != "additive":
        found = replace(found, frequency=frequency_of(block, group.placed.members, group.n_samples))
    return found
