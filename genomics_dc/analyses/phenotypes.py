"""Traits and covariates in the order of a view's samples, checked before any variant is read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from genomics_dc.analyses.sample_table import SHOWN_MAX, SampleTable, listed, read_samples
from genomics_dc.errors import InputError, UsageError
from genomics_dc.kernels.linear import DependentColumnError

_Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, repr=False)
class AlignedTraits:
    """Traits and covariates in the order of a view's samples; NaN where a sample has no value.

    `traits` float64[S, T], `covariates` float64[S, K]; `inputs` maps a role to the SHA-256 of what was read, `unknown`
    to how many rows are about samples that the store does not have, `absent` to how many of the view's samples have no
    row.
    """

    trait_names: tuple[str, ...]
    covariate_names: tuple[str, ...]
    traits: _Floats
    covariates: _Floats
    source: str
    covariate_source: str
    inputs: Mapping[str, str]
    unknown: Mapping[str, int] = field(default_factory=dict)
    absent: Mapping[str, int] = field(default_factory=dict)


def align(
    sample_ids: Sequence[str],
    store_sample_ids: Sequence[str],
    phenotypes: Any,
    *,
    traits: Sequence[str] | None,
    covariates: Any = None,
    covariate_names: Sequence[str] | None = None,
    strict: bool = False,
) -> AlignedTraits:
    """Return the chosen traits and covariates of a view's samples.

    Parameters
    ----------
    sample_ids, store_sample_ids
        The samples of the view, and of its whole store: rows about samples that the store does not know are counted
        and left aside, and so are those about samples that the view leaves out.
    phenotypes, covariates
        See `read_samples`.
    traits
        Columns of `phenotypes`; None takes all.
    covariate_names
        Columns of `covariates`, or of `phenotypes` where no covariates are given; None takes all of `covariates`.
    strict
        Refuse a table with a row that the store has no sample for, or without a row for a sample of the view.

    Raises
    ------
    InputError, UsageError
        For each thing wrong with the tables, as one sentence.
    """
    table = read_samples(phenotypes, role="phenotypes")
    inputs = {"phenotypes": table.sha256}
    covariate_table = table
    if covariates is not None:
        covariate_table = read_samples(covariates, role="covariates")
        inputs["covariates"] = covariate_table.sha256
        chosen = tuple(covariate_table.names if covariate_names is None else covariate_names)
    else:
        chosen = tuple(covariate_names or ())
    wanted = tuple(table.names if traits is None else traits)
    if not wanted:
        raise UsageError(f"name at least one trait of {table.source}; it has {listed(table.names)}")
    for kind, names in (("trait", wanted), ("covariate", chosen)):
        for name in names:
            if names.count(name) > 1:
                raise UsageError(f"{kind} {name} is asked for twice; name it once")
    if covariate_table is table:
        for name in wanted:
            if name in chosen:
                raise UsageError(f"{name} is asked for as trait and as covariate; it can be one of them")
    position = {name: row for row, name in enumerate(sample_ids)}
    known = set(store_sample_ids)
    unknown: dict[str, int] = {}
    absent: dict[str, int] = {}
    for role, one in {"phenotypes": table, "covariates": covariate_table}.items():
        if one is table and role == "covariates":
            continue
        unknown[role], absent[role] = meeting(one, position, known, strict=strict)
    return AlignedTraits(
        trait_names=wanted,
        covariate_names=chosen,
        traits=_columns(table, wanted, position),
        covariates=_columns(covariate_table, chosen, position),
        source=table.source,
        covariate_source=covariate_table.source,
        inputs=inputs,
        unknown=unknown,
        absent=absent,
    )


def meeting(table: SampleTable, position: Mapping[str, int], known: set[str], *, strict: bool) -> tuple[int, int]:
    """Return how many rows the store has no sample for, and how many of the view's samples have no row."""
    unknown = [name for name in table.sample_ids if name not in known]
    if unknown and (strict or len(unknown) == len(table.sample_ids)):
        raise InputError(
            f"{table.source} names {len(unknown)} of {len(table.sample_ids)} samples that the store does not have: "
            f"{listed(unknown)}; remove these rows or mend the ids"
        )
    given = set(table.sample_ids)
    absent = [name for name in position if name not in given]
    if absent and strict:
        raise InputError(
            f"{table.source} has no row for {len(absent)} of the {len(position)} samples asked for: {listed(absent)}; "
            "add their rows, or leave the samples out of the view"
        )
    return len(unknown), len(absent)


def _columns(table: SampleTable, names: Sequence[str], position: Mapping[str, int]) -> _Floats:
    rows = np.array([position.get(name, -1) for name in table.sample_ids], dtype=np.int64)
    values = np.full((len(position), len(names)), np.nan)
    for j, name in enumerate(names):
        values[rows[rows >= 0], j] = table.numbers(name)[rows >= 0]
    return values


def complete_samples(aligned: AlignedTraits, trait: int) -> npt.NDArray[np.int64]:
    """Return the rows that have the trait and every covariate; InputError when there are none or too few.

    Too few: no more samples than intercept, covariates and a variant take.
    """
    name = aligned.trait_names[trait]
    has_trait = ~np.isnan(aligned.traits[:, trait])
    if not has_trait.any():
        raise InputError(f"{aligned.source}: trait {name} is missing in all {len(has_trait):,} samples of the view")
    has_covariates = ~np.isnan(aligned.covariates).any(axis=1)
    rows = np.flatnonzero(has_trait & has_covariates)
    if not rows.size:
        empty = [
            covariate for j, covariate in enumerate(aligned.covariate_names) if np.isnan(aligned.covariates[:, j]).all()
        ]
        because = f"covariate {empty[0]} is missing in all samples" if empty else "they are missing in turn"
        raise InputError(f"no sample has trait {name} and all covariates: {because}; leave a covariate out")
    return checked_rows(aligned, trait, rows)


def checked_rows(aligned: AlignedTraits, trait: int, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return rows that are enough to fit a trait; InputError where they are too few or the trait is constant there."""
    name = aligned.trait_names[trait]
    n_covariates = len(aligned.covariate_names)
    if rows.size <= n_covariates + 2:
        raise InputError(
            f"trait {name} has {rows.size} samples with all values, but {n_covariates} covariates, an intercept and a "
            f"variant need at least {n_covariates + 3}; leave covariates out"
        )
    values = aligned.traits[rows, trait]
    if np.ptp(values) == 0:
        raise InputError(
            f"{aligned.source}: trait {name} has the same value in all {rows.size:,} samples with all values; "
            "a constant trait cannot be tested"
        )
    return rows


def case_control(values: _Floats, name: str, source: str) -> _Floats:
    """Return a trait coded 0 and 1 from one coded 0 and 1, or 1 and 2 as PLINK has it (2 is case).

    `values` float64[S] without NaN. Raises InputError for any other coding.
    """
    codes = np.unique(values)
    if np.array_equal(codes, [0.0, 1.0]):
        return values
    if np.array_equal(codes, [1.0, 2.0]):
        return values - 1.0
    shown = ", ".join(f"{code:g}" for code in codes[:SHOWN_MAX]) + (", …" if codes.size > SHOWN_MAX else "")
    raise InputError(
        f"{source}: trait {name} has {codes.size:,} values ({shown}), but a logistic model needs two: 0 (control) and "
        "1 (case), or 1 and 2; write missing values as NA, or use the linear model"
    )


def explain_dependent(
    error: DependentColumnError,
    values: _Floats,
    names: Sequence[str],
    covariates: _Floats,
    covariate_names: Sequence[str],
) -> InputError:
    """Return the error that names the dependent covariate or trait and the covariates that make it up.

    `values` float64[S, columns] and `names` are of the columns that `error` counts: traits, or the covariates again.
    """
    column = error.column
    name, target = names[column], values[:, column]
    n_samples = len(target)
    if np.ptp(target) <= 1e-12 * np.abs(target).max():
        return InputError(
            f"{error.kind} {name} has the same value in all {n_samples:,} samples with all values; leave it out"
        )
    before = column if error.kind == "covariate" else covariates.shape[1]
    others = covariates[:, :before]
    centred = others - others.mean(axis=0)
    scaled = centred / np.sqrt((centred**2).sum(axis=0))
    wanted = target - target.mean()
    shares = np.linalg.lstsq(scaled, wanted / np.sqrt((wanted**2).sum()), rcond=None)[0]
    makers = [covariate_names[j] for j in np.flatnonzero(np.abs(shares) > 1e-4).tolist()]
    kind = "covariate" if len(makers) == 1 else "covariates"
    return InputError(
        f"{error.kind} {name} is collinear with {kind} {', '.join(makers)} over the {n_samples:,} samples with all "
        "values; leave one of them out"
    )
