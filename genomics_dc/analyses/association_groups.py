"""Which samples are fitted together: traits that are complete in the same people, and the rules of X, Y and MT."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from genomics_dc.analyses import phenotypes as samples_by
from genomics_dc.analyses.association_models import Question
from genomics_dc.errors import InputError
from genomics_dc.kernels import linear, logistic
from genomics_dc.kernels.linear import DependentColumnError
from genomics_dc.reference import contigs as contig_names

_Floats = npt.NDArray[np.float64]
_Places = npt.NDArray[np.int64]
_SEX_NAME = "sex"
_MALE = 1.0


@dataclass(frozen=True)
class Group:
    """Traits that are complete in the same samples: `traits` are their numbers, `rows` the samples of the view.

    `design` is over these rows; `placed`, where packed genotypes are enough, has their places in the store.
    `modifiers` float64[I, rows] are the covariates of interactions.
    """

    traits: tuple[int, ...]
    rows: _Places
    design: linear.LinearDesign | logistic.LogisticDesign
    placed: linear.PlacedDesign | logistic.PlacedDesign | None
    modifiers: _Floats

    @property
    def n_samples(self) -> int:
        """Samples with all values."""
        return int(self.rows.size)


@dataclass(frozen=True)
class Part:
    """Variants that are treated alike: `kind` is X, Y, MT, or "" for all other contigs.

    `effect_scale` is what an estimate on stored dosages is multiplied by: Y and MT have one copy, which is stored as
    two. `filtered` says why no variant of the part is tested; `halved` are rows of the view whose dosages count half.
    """

    kind: str
    groups: tuple[Group, ...]
    effect_scale: float = 1.0
    filtered: str | None = None
    halved: _Places = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Run:
    """Variants `start` to `stop` of the view, neighbours of one kind."""

    start: int
    stop: int
    kind: str


def runs(contig_numbers: npt.NDArray[np.integer], contigs: tuple[str, ...]) -> list[Run]:
    """Return the view's variants cut where the kind of contig changes."""
    kinds = [_kind(name) for name in contigs]
    cuts = np.flatnonzero(np.diff(contig_numbers)) + 1
    found: list[Run] = []
    for start, stop in zip([0, *cuts.tolist()], [*cuts.tolist(), len(contig_numbers)], strict=True):
        if stop == start:
            continue
        kind = kinds[int(contig_numbers[start])]
        if found and found[-1].kind == kind:
            found[-1] = Run(found[-1].start, stop, kind)
        else:
            found.append(Run(start, stop, kind))
    return found


def _kind(contig: str) -> str:
    name = contig_names.canonical(contig)
    return name if name in ("X", "Y", "MT") else ""


def parts_of(
    kinds: set[str],
    aligned: samples_by.AlignedTraits,
    sex: _Floats | None,
    question: Question,
    columns: _Places,
    n_columns: int,
) -> dict[str, Part]:
    """Return how each kind of contig is fitted.

    Parameters
    ----------
    aligned
        Traits and covariates by sample of the view.
    sex
        float64[S] 1 male, 2 female, NaN not known; None when there is no such column.
    columns, n_columns
        Sample i of the view stands in column columns[i] of `n_columns` of the packed genotypes.
    """
    found = {}
    for kind in sorted(kinds):
        if kind == "X" and question.xchr_model == 0:
            found[kind] = Part(kind, (), filtered="X is left out by xchr_model 0")
        elif kind in ("X", "Y") and sex is None:
            found[kind] = Part(
                kind,
                (),
                filtered=f"{kind} needs the sex of the samples: name its column (sex=, --sex), 1 male, 2 female",
            )
        else:
            found[kind] = _part(kind, aligned, sex, question, columns, n_columns)
    return found


def _part(
    kind: str,
    aligned: samples_by.AlignedTraits,
    sex: _Floats | None,
    question: Question,
    columns: _Places,
    n_columns: int,
) -> Part:
    allowed = np.ones(len(aligned.traits), dtype=bool)
    extra: _Floats | None = None
    halved = np.empty(0, dtype=np.int64)
    if kind == "X":
        assert sex is not None
        allowed, extra = ~np.isnan(sex), sex
        if question.xchr_model == 1:
            halved = np.flatnonzero(sex == _MALE)
    elif kind == "Y":
        assert sex is not None
        allowed = sex == _MALE
    groups, notes = [], []
    by_samples: dict[bytes, tuple[_Places, list[int]]] = {}
    for trait in range(len(aligned.trait_names)):
        try:
            rows = samples_by.complete_samples(aligned, trait)
            if kind in ("X", "Y"):
                rows = samples_by.checked_rows(aligned, trait, rows[allowed[rows]])
        except InputError as error:
            if kind not in ("X", "Y"):
                raise
            notes.append(f"{kind} was not tested for trait {aligned.trait_names[trait]}: {error}")
            continue
        # A logistic fit takes one trait at a time.
        key = rows.tobytes() + (b"" if question.model == "linear" else trait.to_bytes(8, "little"))
        by_samples.setdefault(key, (rows, []))[1].append(trait)
    for rows, traits in by_samples.values():
        try:
            groups.append(_group(aligned, rows, traits, question, extra, columns, n_columns, kind))
        except InputError as error:
            if kind not in ("X", "Y"):
                raise
            names = ", ".join(aligned.trait_names[t] for t in traits)
            notes.append(f"{kind} was not tested for {names}: {error}")
    scale = 2.0 if kind in ("Y", "MT") else 1.0
    return Part(kind, tuple(groups), effect_scale=scale, halved=halved, notes=tuple(notes))


def _group(
    aligned: samples_by.AlignedTraits,
    rows: _Places,
    traits: list[int],
    question: Question,
    extra: _Floats | None,
    columns: _Places,
    n_columns: int,
    kind: str,
) -> Group:
    values = aligned.traits[rows][:, traits]
    covariates = aligned.covariates[rows]
    names = list(aligned.covariate_names)
    modifiers = np.array([covariates[:, names.index(name)] for name in question.interaction])
    if extra is not None and _adds(covariates, extra[rows]):
        covariates = np.column_stack([covariates, extra[rows]])
        names.append(_SEX_NAME)
    if kind in ("X", "Y"):  # a covariate that says nothing about the samples that are left is no fault here
        covariates, names = _independent(covariates, names)
    design = _design(values, covariates, aligned, traits, names, question)
    placed: linear.PlacedDesign | logistic.PlacedDesign | None = None
    if question.packed(question.xchr_model if kind == "X" else 2):
        if isinstance(design, linear.LinearDesign):
            placed = linear.place(design, columns[rows], n_columns)
        else:
            placed = logistic.place(design, columns[rows], n_columns)
    return Group(tuple(traits), rows, design, placed, modifiers.reshape(len(question.interaction), len(rows)))


def _adds(covariates: _Floats, column: _Floats) -> bool:
    """Tell whether a column is neither constant nor the sum of the covariates."""
    from genomics_dc.kernels.solve import INDEPENDENT, covariate_basis

    return covariate_basis(np.column_stack([covariates, column]))[1] == INDEPENDENT


def _independent(covariates: _Floats, names: list[str]) -> tuple[_Floats, list[str]]:
    from genomics_dc.kernels.solve import INDEPENDENT, covariate_basis

    while True:
        dependent = covariate_basis(covariates)[1]
        if dependent == INDEPENDENT:
            return covariates, names
        covariates = np.delete(covariates, dependent, axis=1)
        names = [name for j, name in enumerate(names) if j != dependent]


def _design(
    values: _Floats,
    covariates: _Floats,
    aligned: samples_by.AlignedTraits,
    traits: list[int],
    covariate_names: list[str],
    question: Question,
) -> linear.LinearDesign | logistic.LogisticDesign:
    names = [aligned.trait_names[t] for t in traits]
    try:
        if question.model == "linear":
            return linear.design(values, covariates)
        return logistic.design(samples_by.case_control(values[:, 0], names[0], aligned.source), covariates)
    except DependentColumnError as error:
        guilty, labels = (values, names) if error.kind == "trait" else (covariates, covariate_names)
        raise samples_by.explain_dependent(error, guilty, labels, covariates, covariate_names) from None
    except logistic.SeparatedTraitError:
        raise _explain_separated(names[0], values[:, 0], covariates, covariate_names) from None


def _explain_separated(trait: str, values: _Floats, covariates: _Floats, names: list[str]) -> InputError:
    cases, controls = covariates[values == values.max()], covariates[values == values.min()]
    apart = (cases.min(axis=0) >= controls.max(axis=0)) | (cases.max(axis=0) <= controls.min(axis=0))
    guilty = [names[j] for j in np.flatnonzero(apart)] or names
    word = "covariate" if len(guilty) == 1 else "covariates"
    alone = "alone tells" if len(guilty) == 1 else "tell"
    return InputError(
        f"{word} {', '.join(guilty)} {alone} cases from controls of trait {trait} (collinear with the trait); "
        "leave it out, or no variant can be tested"
    )


def cut(run_list: list[Run], start: int, stop: int) -> Iterator[tuple[int, int, str]]:
    """Yield the pieces of variants `start` to `stop` that lie in one run each, with its kind."""
    for run in run_list:
        first, last = max(start, run.start), min(stop, run.stop)
        if first < last:
            yield first, last, run.kind
