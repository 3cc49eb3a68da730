"""Ancestry of samples by the nearest of known reference groups, with a probability, or "uncertain" with the reason.

The axes are principal components of one half of the reference; where its groups lie on them is learnt from the other
half, which is projected as the new samples are. So what projection does to a sample, above all that it falls short of
the samples that made the axes, happens to both sides alike. Then the halves change places, and the two answers are
averaged. A group is a label of the reference, no more: nearness in a cohort's main axes says nothing else of a person.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from genomics_dc.analyses.lineage import provenance_of
from genomics_dc.analyses.nearest_groups import fit_groups
from genomics_dc.analyses.packed_blocks import autosomal
from genomics_dc.analyses.partition import partition_of
from genomics_dc.analyses.projection import project, variants_in_both
from genomics_dc.analyses.structure import pca
from genomics_dc.analyses.thresholds import Thresholds, load_thresholds
from genomics_dc.errors import InputError, UsageError
from genomics_dc.results import Result

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from genomics_dc.store.read import StoreView

_Floats = npt.NDArray[np.float64]

ASSIGNED, AMBIGUOUS, FAR, FEW = "assigned", "ambiguous", "far_from_all", "too_few_genotypes"
_GROUP_SIZE_MIN = 20
_PROBABILITY = "p:"


@dataclass(frozen=True, repr=False)
class AncestryResult(Result):
    """One row per sample: `sample_id`, `group`, `status`, `nearest`, `probability`, `typical`, `called`, `p:GROUP`, ….

    `nearest` is the likeliest group and `probability` its probability; `group` is the same where `status` is
    "assigned", and null ("uncertain") where it is "ambiguous" (probability under the threshold), "far_from_all" (hardly
    a member of any group is so far out: `typical` is that share) or "too_few_genotypes" (`called` is the share of the
    variants). `note` says what was shared, and which ids did not meet.
    """

    groups: tuple[str, ...] = ()
    thresholds: Thresholds = field(default_factory=load_thresholds)
    n_variants: int = 0
    note: str | None = None

    def probabilities(self) -> _Floats:
        """Return float64[S, G], NaN for a sample that could not be placed."""
        columns = [self.table[_PROBABILITY + name].to_numpy().astype(np.float64) for name in self.groups]
        return np.column_stack(columns)

    def counts(self) -> dict[str, int]:
        """Return how many samples each group has, and how many are uncertain."""
        found = self.table["group"].to_pylist()
        return {**{name: found.count(name) for name in self.groups}, "uncertain": found.count(None)}

    @property
    def plot(self) -> AncestryPlots:
        """The plot: `.bars()`."""
        return AncestryPlots(self)


@dataclass(frozen=True, repr=False)
class AncestryPlots:
    """The plot of an ancestry result."""

    result: AncestryResult

    def bars(self) -> Figure:
        """Return a bar for each sample, of its probabilities, sorted by its nearest group."""
        from genomics_dc.plots import structure

        return structure.ancestry(
            self.result.probabilities(),
            self.result.groups,
            np.array([status == ASSIGNED for status in self.result.table["status"].to_pylist()]),
            n_variants=self.result.n_variants,
        )


def ancestry(
    view: StoreView,
    reference: StoreView,
    groups: Any,
    *,
    column: str | None = None,
    k: int = 10,
    seed: int = 1,
    strict: bool = False,
    thresholds: Thresholds | Path | str | None = None,
    threads: int | None = None,
    progress: Callable[[str, float], None] | None = None,
) -> AncestryResult:
    """Return the nearest reference group of each sample of a view, with its probability.

    Parameters
    ----------
    view
        The samples to place. They should not be in the reference, whose own samples come out too sure.
    reference
        A view of a store whose samples have known groups; only variants that both have (by contig, position and
        alleles) are used. Prune it for linkage and rare variants first.
    groups, column, strict
        Of the reference's samples; see `analyses.partition.partition_of`. A group needs 20 samples.
    k
        Components. A few more than there are groups tell groups apart; many more add noise.
    seed
        Of the halves into which the reference is cut.
    thresholds
        A YAML file as `configs/qc_thresholds.yaml`: from which probability on a group is told.
    threads
        All processors when None; the result has the same bytes for any number.

    Raises
    ------
    InputError
        When a group is too small, there is one group only, no id meets, or the stores share no variant.

    Examples
    --------
    >>> view.ancestry(open_store("1kg.vcz"), "1kg.tsv", column="super_pop").counts()  # doctest: +SKIP
    """
    tell = progress or (lambda _step, _share: None)
    limits = load_thresholds(thresholds)
    if k < 1:
        raise UsageError(f"k must be 1 or more, not {k}")
    if view.n_samples == 0:
        raise InputError(f"{view.path} has no samples in this view; there is nobody to place")
    if reference.n_samples == 0:
        raise InputError(f"{reference.path} has no samples in this view; a reference has samples of known groups")
    known = partition_of(reference, groups, column=column, strict=strict, size_min=_GROUP_SIZE_MIN)
    if len(known.names) < 2:
        raise InputError(
            f"all samples of the reference are in {known.names[0]}; to tell groups apart, give two or more"
        )
    shared = variants_in_both(autosomal(reference, "ancestry"), view)
    number = np.asarray(known.number)
    halves = _halves(number, len(known.names), seed)
    ids = np.asarray(reference.sample_ids, dtype=object)
    smallest = min(len(half) for half in halves)
    if k >= smallest:
        raise InputError(f"{k} components need more than {k} samples in half of the reference, which has {smallest}")
    total, typical, called = np.zeros((view.n_samples, len(known.names))), np.zeros(view.n_samples), np.empty(0)
    for turn, (axes, learnt) in enumerate((halves, halves[::-1])):
        found = pca(shared.samples(ids[axes]), k, seed=seed, loadings=True, threads=threads)
        assert found.loadings is not None
        tell("placing samples", 0.5 * turn + 0.2)
        places = project(shared.samples(ids[learnt]), found.loadings, threads=threads).vectors()
        there = np.isfinite(places).all(axis=1)
        model = fit_groups(places[there], number[learnt][there], len(known.names))
        placed = project(view, found.loadings, threads=threads)
        total += model.probabilities(placed.vectors())
        typical = np.fmax(typical, model.typical(placed.vectors()))
        called = placed.called
        tell("placing samples", 0.5 * turn + 0.5)
    return _result(view, reference, shared.n_variants, known, total / 2, typical, called, limits, {"k": k}, seed)


def _halves(number: npt.NDArray[np.int64], n_groups: int, seed: int) -> list[npt.NDArray[np.int64]]:
    """Return two lists of samples, each with half of every group."""
    random = np.random.default_rng(seed)
    halves: list[list[int]] = [[], []]
    for group in range(n_groups):
        members = random.permutation(np.flatnonzero(number == group)).tolist()
        for side in (0, 1):
            halves[side] += members[side::2]
    return [np.array(sorted(half), dtype=np.int64) for half in halves]


def _result(
    view: StoreView,
    reference: StoreView,
    n_shared: int,
    known: Any,
    probability: _Floats,
    typical: _Floats,
    called: _Floats,
    limits: Thresholds,
    parameters: dict[str, Any],
    seed: int,
) -> AncestryResult:
    names = np.array(known.names, dtype=object)
    unplaced: npt.NDArray[np.bool_] = np.asarray(np.isnan(probability).any(axis=1))
    probability = np.where(unplaced[:, None], np.nan, probability)
    likely = np.where(unplaced[:, None], 0.0, probability)
    best = likely.argmax(axis=1)
    highest = likely[np.arange(len(best)), best]

    def below(values: _Floats, name: str) -> npt.NDArray[np.bool_]:
        limit = limits.value(f"ancestry.{name}")
        return np.zeros(len(values), dtype=np.bool_) if limit is None else np.asarray(values < limit, dtype=np.bool_)

    status = np.full(len(best), ASSIGNED, dtype=object)
    status[below(highest, "probability_min")] = AMBIGUOUS
    status[below(typical, "typical_min")] = FAR
    few: npt.NDArray[np.bool_] = below(called, "called_min") | unplaced
    status[few] = FEW
    columns: dict[str, Any] = {
        "sample_id": pa.array([str(name) for name in view.sample_ids], pa.string()),
        "group": pa.array(names[best], pa.string(), mask=status != ASSIGNED),
        "status": pa.array(status, pa.string()),
        "nearest": pa.array(names[best], pa.string(), mask=unplaced),
        "probability": pa.array(highest, mask=unplaced),
        "typical": pa.array(typical, mask=unplaced),
        "called": pa.array(called),
    }
    for j, name in enumerate(known.names):
        columns[_PROBABILITY + name] = pa.array(np.ascontiguousarray(probability[:, j]), mask=unplaced)
    note = f"{n_shared:,} variants in both stores" + (f"; {known.note}" if known.note else "")
    values = {f"ancestry.{name}": value for name, value in limits.values("ancestry").items()}
    inputs = {"groups": known.sha256, "reference": reference.store_hash}
    return AncestryResult(
        pa.table(columns),
        provenance_of("ancestry", view, {**parameters, **values, "n_shared": n_shared}, inputs=inputs, seed=seed),
        groups=known.names,
        thresholds=limits,
        n_variants=n_shared,
        note=note,
    )
