"""One pass over the variants of a view: what is asked, who is fitted together, the tasks that threads share."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from genomics_dc.analyses import association_groups as grouping
from genomics_dc.analyses import phenotypes as samples_by
from genomics_dc.analyses.association_models import SCORE_P_MAX, SPA_P_MAX, Question
from genomics_dc.analyses.association_result import AssociationResult
from genomics_dc.analyses.association_table import Estimates, table_of
from genomics_dc.analyses.cluster import cluster_in_use
from genomics_dc.analyses.collinear import collinear_notes
from genomics_dc.analyses.genotype_blocks import Source, dosages_of, source_of
from genomics_dc.analyses.lineage import provenance_of
from genomics_dc.analyses.packed_blocks import HELD_BYTES_MAX
from genomics_dc.analyses.parallel import default_threads, ordered_map
from genomics_dc.analyses.permutation import Permutations, Piece, permutation_p
from genomics_dc.analyses.sample_table import read_samples
from genomics_dc.analyses.sex import sex_of
from genomics_dc.analyses.site_columns import site_columns
from genomics_dc.analyses.view import View
from genomics_dc.errors import InputError, UsageError
from genomics_dc.kernels import linear, linear_terms, logistic, logistic_terms, spa, terms
from genomics_dc.kernels.carriers import frequency_of, recoded
from genomics_dc.provenance import JsonValue, Provenance
from genomics_dc.store.blocks import has_memory_ceiling

if TYPE_CHECKING:
    from genomics_dc.store.blocks import Block
    from genomics_dc.store.read import StoreView

_Fit = linear.LinearFit | logistic.LogisticFit | linear_terms.TermsFit
# Variants that one task takes: small enough to share between threads, large enough to cost little. Each variant is
# fitted by itself, so this changes no number.
_VARIANTS_PER_TASK = {"linear": 1024, "logistic": 512, "firth": 128, "spa": 512}


def prepare(
    view: StoreView,
    phenotypes: Any,
    question: Question,
    *,
    traits: Sequence[str] | None,
    covariates: Any = None,
    covariate_names: Sequence[str] | None = None,
    condition: Sequence[str] = (),
    sex: str | None = None,
    permutations: Permutations | None = None,
    strict: bool = False,
    threads: int | None = None,
) -> Scan:
    """Return the scan that `analyses.association.associate` describes, everything checked that can be before it."""
    if permutations is not None and (question.model != "linear" or not question.packed(question.xchr_model)):
        raise UsageError(
            "permutations are of the linear model on genotypes: leave out dosage, interaction and codings of two "
            "terms; a trait of 0 and 1 may be tested by the linear model"
        )
    if not view.n_samples:
        raise InputError(f"no sample is left in the view of {view.path}; nothing can be tested")
    store = type(view).open(view.path)
    sample_ids = [str(name) for name in view.sample_ids]
    in_phenotypes = None if traits is None else [*traits, *((covariate_names or ()) if covariates is None else ())]
    tables = [read_samples(phenotypes, role="phenotypes", wanted=in_phenotypes)]
    if covariates is not None:
        tables.append(read_samples(covariates, role="covariates", wanted=covariate_names))
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
    if not view.n_variants:
        raise InputError(f"no variant of {view.path} is left after region and filters; loosen them")
    if condition:
        values = dosages_of(view, store, list(condition), question.dosage)
        aligned = replace(
            aligned,
            covariates=np.column_stack([aligned.covariates, values]),
            covariate_names=(*aligned.covariate_names, *condition),
        )
    sexes = sex_of(tables[::-1], sample_ids, sex)
    return Scan(view, store, question, aligned, sexes, permutations, default_threads(threads))


@dataclass(frozen=True)
class _Task:
    """Genotypes of some variants, of which the first is the view's number `start`, all on one kind of contig."""

    start: int
    block: npt.NDArray[Any]
    kind: str


@dataclass(frozen=True)
class Scan:
    """A question about the variants of a view, ready to run."""

    view: StoreView
    store: StoreView
    question: Question
    aligned: samples_by.AlignedTraits
    sex: npt.NDArray[np.float64] | None
    permutations: Permutations | None
    threads: int
    held: dict[int, Block] | None = None

    @property
    def in_order(self) -> Callable[..., Iterator[Any]]:
        """How blocks are worked on."""
        return partial(ordered_map, threads=self.threads)

    @cached_property
    def sites(self) -> dict[str, pa.ChunkedArray]:
        """The columns that all traits share."""
        return site_columns(self.view, threads=self.threads)

    @cached_property
    def runs(self) -> list[grouping.Run]:
        """The variants cut where the kind of contig changes."""
        return grouping.runs(self.view.contig_numbers(), self.view.contigs)

    @cached_property
    def parts(self) -> dict[str, grouping.Part]:
        """How each kind of contig is fitted."""
        source = self._source()
        return grouping.parts_of(
            {run.kind for run in self.runs}, self.aligned, self.sex, self.question, source.columns, source.n_columns
        )

    def of_traits(self, first: int, last: int) -> Scan:
        """Return the scan of some of the traits, by number."""
        some = replace(
            self.aligned,
            trait_names=self.aligned.trait_names[first:last],
            traits=np.ascontiguousarray(self.aligned.traits[:, first:last]),
        )
        scan = replace(self, aligned=some)
        scan.__dict__["sites"] = self.sites  # one and the same memory, so that a file holds it once
        scan.__dict__["runs"] = self.runs
        return scan

    def holding(self) -> Scan:
        """Return the scan that keeps the genotypes it has read, where they are few, for its next traits."""
        n_bytes = self.view.n_variants * (-(-self.store.n_samples // 4))
        few = self.question.dosage == "GT" and n_bytes <= HELD_BYTES_MAX // 4 and not has_memory_ceiling()
        return replace(self, held={} if few else None)

    def room(self, n_traits: int) -> linear.Columns:
        """Return room for the estimates of so many traits."""
        return linear.Columns.empty(n_traits * len(self.question.tests), self.view.n_variants)

    def result(self, progress: Callable[[int, int], None] | None = None) -> AssociationResult:
        """Fit every variant."""
        return self.result_of(self.estimates(progress))

    def result_of(self, estimates: Estimates) -> AssociationResult:
        """Return what was found as a table."""
        more = self._permutation_columns(estimates)
        table = table_of(self.sites, self.aligned.trait_names, estimates, more)
        provenance = self.provenance(self._samples_by_trait(), self._notes(estimates))
        return AssociationResult(table, provenance, self.view if isinstance(self.view, View) else None)

    def provenance(self, samples_by_trait: dict[str, JsonValue], notes: Sequence[JsonValue]) -> Provenance:
        """Return what made the result."""
        question, aligned, wanted = self.question, self.aligned, self.permutations
        return provenance_of(
            "associate",
            self.view,
            {
                "model": question.model,
                "coding": question.coding,
                "tests": list(question.tests),
                "rule": question.rule,
                "traits": list(aligned.trait_names),
                "covariates": list(aligned.covariate_names),
                "dosage": question.dosage,
                "xchr_model": question.xchr_model,
                "permutations": None if wanted is None else wanted.rule,
                "samples_by_trait": samples_by_trait,
                "rows_without_sample": dict(aligned.unknown),
                "samples_without_row": dict(aligned.absent),
                "notes": list(notes),
            },
            inputs=aligned.inputs,
            seed=None if wanted is None else wanted.seed,
        )

    def _source(self) -> Source:
        return source_of(self.view, self.store, self.question.dosage)

    def _tasks(self, source: Source) -> Iterator[_Task]:
        done = 0
        for block in source.blocks:
            yield from _tasks_of(block, done, self.runs, _VARIANTS_PER_TASK[self.question.model])
            done += len(block)

    def estimates(
        self, progress: Callable[[int, int], None] | None = None, room: linear.Columns | None = None
    ) -> Estimates:
        """Fit every variant; the estimates lie in `room` where it is given."""
        n_traits, n_variants = len(self.aligned.trait_names), self.view.n_variants
        found = Estimates(n_traits, self.question.tests, self.parts, n_variants, room)
        source, rows = self._source(), self.view.sites_index()
        if cluster_in_use() is None:
            blocks = self._held_blocks() or source.stored
            by_block = self.in_order(partial(self._fit_block, found, source, rows), blocks)
        else:
            # the workers read and fit
            unread = replace(source, stored=source.stored.without_rows())
            fitter = _Fitter(unread, self.parts, self.question, self.runs, rows)
            fitted = self.in_order(partial(_fitted_block, fitter), source.stored)
            by_block = (max(self._keep(found, one) for one in many) for many in fitted)
        for done in by_block:
            if progress is not None:
                progress(done, n_variants)
        return found

    def _fit_block(self, found: Estimates, source: Source, rows: npt.NDArray[np.int64], block: Block) -> int:
        """Fit the variants of a block of the store, in place; return the number after the last."""
        first = int(np.searchsorted(rows, block.index[0]))
        if self.held is not None:
            self.held[first] = block
        for task in _tasks_of(source.read(block), first, self.runs, _VARIANTS_PER_TASK[self.question.model]):
            part = self.parts[task.kind]
            in_place = [
                group
                for group in part.groups
                if isinstance(group.placed, linear.PlacedDesign) and part.effect_scale == 1.0
            ]
            if len(in_place) != len(part.groups) or self.question.coding != "additive":
                self._keep(found, _fitted(source, self.parts, self.question, task))
                continue
            for group in in_place:
                assert isinstance(group.placed, linear.PlacedDesign)
                found.fit(group, group.placed, task.block, task.start)
            self._leave_out(found, part, slice(task.start, task.start + len(task.block)))
        return first + len(block)

    def _held_blocks(self) -> list[Block]:
        """Return all blocks of the view when they were read already, in order; else none."""
        blocks = [self.held[first] for first in sorted(self.held)] if self.held else []
        return blocks if sum(map(len, blocks)) == self.view.n_variants else []

    def _keep(self, found: Estimates, fitted: _Fitted) -> int:
        """Store the fits of some variants; return the number after the last."""
        part = self.parts[fitted.kind]
        span = slice(fitted.start, fitted.stop)
        for group, fit in zip(part.groups, fitted.fits, strict=True):
            found.put(group, span, fit, part.effect_scale if fitted.packed else 1.0)
        self._leave_out(found, part, span)
        return fitted.stop

    def _leave_out(self, found: Estimates, part: grouping.Part, span: slice) -> None:
        tested = {trait for group in part.groups for trait in group.traits}
        rest = [trait for trait in range(len(self.aligned.trait_names)) if trait not in tested]
        if rest:
            found.leave_out(rest, span)

    def _permutation_columns(self, estimates: Estimates) -> dict[str, npt.NDArray[np.float64]]:
        """Return the columns of permutation p values, float64[T, V]; none when none are asked for."""
        wanted = self.permutations
        if wanted is None:
            return {}
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

    def _samples_by_trait(self) -> dict[str, JsonValue]:
        """Return how many samples have each trait and all covariates."""
        return {
            name: int(samples_by.complete_samples(self.aligned, trait).size)
            for trait, name in enumerate(self.aligned.trait_names)
        }

    def _notes(self, estimates: Estimates) -> list[JsonValue]:
        """Return sentences on variants that were not tested."""
        lines: list[JsonValue] = []
        for kind, part in self.parts.items():
            if part.filtered is not None:
                count = sum(run.stop - run.start for run in self.runs if run.kind == kind)
                lines.append(f"{count:,} variants of {kind} were not tested: {part.filtered}")
            lines += part.notes
        groups = [(kind, group) for kind, part in self.parts.items() for group in part.groups]
        return [*lines, *collinear_notes(self.view, self.store, self.aligned, self.runs, groups, estimates.status)]


@dataclass(frozen=True)
class _Fitted:
    """The fits of variants `start` to `stop` of the view, one for each group of the part `kind`."""

    start: int
    stop: int
    kind: str
    packed: bool
    fits: list[_Fit]


@dataclass(frozen=True)
class _Fitter:
    """What a worker needs to fit a block: `rows` of the store are the variants of the view."""

    source: Source
    parts: dict[str, grouping.Part]
    question: Question
    runs: list[grouping.Run]
    rows: npt.NDArray[np.int64]


def _fitted_block(fitter: _Fitter, block: Block) -> list[_Fitted]:
    """Return the fits of a block of the store; on a cluster this runs on a worker."""
    first = int(np.searchsorted(fitter.rows, block.index[0]))
    size = _VARIANTS_PER_TASK[fitter.question.model]
    return [
        _fitted(fitter.source, fitter.parts, fitter.question, task)
        for task in _tasks_of(fitter.source.read(block), first, fitter.runs, size)
    ]


def _tasks_of(block: npt.NDArray[Any], first_of_block: int, runs: list[grouping.Run], size: int) -> Iterator[_Task]:
    """Yield the tasks of a block whose first variant is the view's number `first_of_block`."""
    for at in range(0, len(block), size):
        piece, first = block[at : at + size], first_of_block + at
        for start, stop, kind in grouping.cut(runs, first, first + len(piece)):
            yield _Task(start, piece[start - first : stop - first], kind)


def _fitted(source: Source, parts: dict[str, grouping.Part], question: Question, task: _Task) -> _Fitted:
    part = parts[task.kind]
    fits = [_fit(task.block, source, group, part, question) for group in part.groups]
    return _Fitted(task.start, task.start + len(task.block), task.kind, task.block.dtype == np.uint8, fits)


def _fit(
    block: npt.NDArray[Any], source: Source, group: grouping.Group, part: grouping.Part, question: Question
) -> _Fit:
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
