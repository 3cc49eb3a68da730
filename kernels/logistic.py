"""Logistic regression of a case-control trait on each variant's dosage, with Firth's answer where the plain one fails.

Plain: Newton's method (iteratively reweighted least squares) from the fit without the variant. When cases and controls
are separated by the variant, no finite maximum exists; when Newton does not settle, none was found. Both then get the
penalised likelihood of Firth (1993, Biometrika 80:27) as Heinze and Schemper use it (2002, Stat. Med. 21:2409), whose
maximum is finite, with the Wald test from its information matrix, as PLINK 2's `firth-fallback` reports.
Converged means: the last step moved no sample's linear predictor by more than 1e-8.

A scan tests every variant by the score first (Rao 1948, Proc. Camb. Phil. Soc. 44:50), for which the null model is
fitted once and only carriers are visited, and fits those whose score p is below a bound.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from genomics_dc.kernels import genotypes
from genomics_dc.kernels._jit import jit
from genomics_dc.kernels.carriers import common_genotype_jit, member_words, words_of_packed
from genomics_dc.kernels.linear import DependentColumnError, checked_dosage
from genomics_dc.kernels.linear_packed import tiled
from genomics_dc.kernels.lines import floats_on_lines_jit
from genomics_dc.kernels.logistic_careful import apart_jit, fit_carefully_jit, fit_table_jit, maximise_jit
from genomics_dc.kernels.logistic_fast import in_blocks_jit, settle_firth_jit, settle_jit
from genomics_dc.kernels.logistic_near import DIRECTIONS_MAX, NearDesign, fit_near_jit, near_design, room_of
from genomics_dc.kernels.logistic_score import fill_null_rows_jit, score_jit
from genomics_dc.kernels.logistic_sparse import CARRIERS_MAX, firth_start_jit
from genomics_dc.kernels.logistic_sweep import WIDTH
from genomics_dc.kernels.solve import INDEPENDENT, covariate_basis
from genomics_dc.kernels.status import FIRTH, MONOMORPHIC, NOT_CONVERGED, OK, SCORE, SEPARATED, TOO_FEW
from genomics_dc.kernels.tails import _neg_log10_p_normal_jit


@dataclass(frozen=True)
class LogisticDesign:
    """One case-control trait and its covariates, prepared once for all variants.

    `cases` float64[S] of 0 and 1. `directions` float64[S, K + 1] span intercept and covariates, orthonormal under the
    weights of the fit without a variant; `null` float64[K + 1] are that fit's coefficients on them, `rest` and `weight`
    float64[S] its y - p and p (1 - p). `firth_null` and `firth_information` are of the penalised fit.
    """

    cases: npt.NDArray[np.float64]
    directions: npt.NDArray[np.float64]
    null: npt.NDArray[np.float64]
    rest: npt.NDArray[np.float64]
    weight: npt.NDArray[np.float64]
    firth_null: npt.NDArray[np.float64]
    firth_information: npt.NDArray[np.float64]

    @property
    def n_samples(self) -> int:
        """Samples with the trait and every covariate."""
        return int(self.cases.size)


@dataclass(frozen=True)
class LogisticFit:
    """Log odds ratios of the ALT allele. NaN where `status` is neither OK nor FIRTH (see `kernels.status`).

    `beta`, `standard_error`, `z`, `neg_log10_p`: float64[V]. `n` int32[V] samples used, `frequency` float64[V] of the
    ALT allele among them, `status` int8[V].
    """

    beta: npt.NDArray[np.float64]
    standard_error: npt.NDArray[np.float64]
    z: npt.NDArray[np.float64]
    neg_log10_p: npt.NDArray[np.float64]
    n: npt.NDArray[np.int32]
    frequency: npt.NDArray[np.float64]
    status: npt.NDArray[np.int8]


class SeparatedTraitError(ValueError):
    """The covariates alone tell cases from controls, so that no variant can be tested."""


def _fit(
    dosage: npt.NDArray[np.int8],
    samples: npt.NDArray[np.int64],
    directions: npt.NDArray[np.float64],
    cases: npt.NDArray[np.float64],
    null: npt.NDArray[np.float64],
    firth_null: npt.NDArray[np.float64],
    firth_information: npt.NDArray[np.float64],
    starts: npt.NDArray[np.float64],
    always_firth: bool,
    beta: npt.NDArray[np.float64],
    error: npt.NDArray[np.float64],
    z: npt.NDArray[np.float64],
    neg_log10_p: npt.NDArray[np.float64],
    n_used: npt.NDArray[np.int32],
    frequency: npt.NDArray[np.float64],
    status: npt.NDArray[np.int8],
) -> None:
    """Fill the outputs of `fit`; sample s of the design is column samples[s] of `dosage`.

    `starts` float64[V, K + 2] is where Newton's method begins, of the variant as it is counted here: from the
    commonest genotype; no rows for none.
    """
    n_samples, n_basis = directions.shape
    size = n_basis + 1
    x = in_blocks_jit(directions, 1)
    present = floats_on_lines_jit(x.shape[0] * WIDTH)
    padded_cases = floats_on_lines_jit(present.size)
    padded_cases[:n_samples] = cases
    carriers = np.empty(n_samples, dtype=np.int32)
    coefficients = np.empty(size)
    factor = np.empty((size, size))
    counts = np.empty((2, 3))
    for v in range(dosage.shape[0]):
        row = dosage[v]
        counts[:] = 0.0
        for s in range(n_samples):
            g = row[samples[s]]
            if g >= 0:
                counts[int(cases[s]), g] += 1.0
        n_controls = int(counts[0].sum())
        n_cases = int(counts[1].sum())
        n = n_controls + n_cases
        het = counts[0, 1] + counts[1, 1]
        hom = counts[0, 2] + counts[1, 2]
        n_used[v] = n
        frequency[v] = (het + 2.0 * hom) / (2.0 * n) if n > 0 else np.nan
        beta[v] = error[v] = z[v] = neg_log10_p[v] = np.nan
        if n <= size or n_cases == 0 or n_controls == 0:
            status[v] = TOO_FEW
            continue
        if het == n or hom == n or het + hom == 0:
            status[v] = MONOMORPHIC
            continue
        code = SEPARATED if apart_jit(counts) else OK
        sign = 1.0
        if n_basis == 1:
            code = fit_table_jit(counts, directions[0, 0], always_firth, null, coefficients, factor)
        else:
            common = common_genotype_jit(int(n - het - hom), int(het), int(hom))
            sign = -1.0 if common == 2 else 1.0
            n_carriers = 0
            for s in range(n_samples):
                g = row[samples[s]]
                present[s] = 1.0 if g >= 0 else 0.0
                value = 0.0 if g < 0 else sign * (float(g) - common)
                x[s // WIDTH, n_basis, s % WIDTH] = value
                if value != 0.0:
                    carriers[n_carriers] = s
                    n_carriers += 1
            penalised = always_firth or code == SEPARATED
            settled = False
            if not penalised:
                if starts.shape[0] > 0:
                    coefficients[:] = starts[v]
                else:
                    coefficients[:n_basis] = null
                    coefficients[n_basis] = 0.0
                settled = settle_jit(x, present, padded_cases, coefficients, factor)
                if not settled:
                    code = fit_carefully_jit(x, present, padded_cases, OK, False, null, coefficients, factor)
                    settled = code == OK
            elif n_carriers <= CARRIERS_MAX and n == n_samples:
                firth_start_jit(x, cases, carriers, n_carriers, firth_null, firth_information, coefficients)
                settled = settle_firth_jit(x, present, padded_cases, 1, coefficients, factor)
            else:
                coefficients[:n_basis] = firth_null
                coefficients[n_basis] = 0.0
                settled = settle_firth_jit(x, present, padded_cases, 1, coefficients, factor)
            if penalised:
                code = FIRTH
                if not settled:
                    code = fit_carefully_jit(
                        x, present, padded_cases, SEPARATED, always_firth, firth_null, coefficients, factor
                    )
        status[v] = code
        if code in (OK, FIRTH):
            beta[v] = sign * coefficients[n_basis]
            # The variant is the last column: its variance is 1 / (last pivot)^2.
            error[v] = 1.0 / factor[n_basis, n_basis]
            z[v] = beta[v] / error[v]
            neg_log10_p[v] = _neg_log10_p_normal_jit(z[v])


_fit_jit = jit(_fit)


def design(cases: npt.NDArray[np.float64], covariates: npt.NDArray[np.float64]) -> LogisticDesign:
    """Return what every variant needs of a trait of 0 and 1, float64[S], and covariates float64[S, K] (no intercept).

    Raises
    ------
    ValueError
        When a value is not finite, the trait is not 0 and 1 with both present, or K + 2 >= S.
    DependentColumnError
        When a covariate is constant or a linear combination of those before it.
    SeparatedTraitError
        When the covariates alone separate cases from controls.
    """
    y = np.ascontiguousarray(cases, dtype=np.float64)
    covariate_values = np.asarray(covariates, dtype=np.float64)
    if y.ndim != 1 or covariate_values.ndim != 2 or y.shape[0] != covariate_values.shape[0]:
        raise ValueError(f"cases {y.shape} must be [S] and covariates {covariate_values.shape} [S, K] with the same S")
    if not np.isfinite(covariate_values).all():
        raise ValueError("covariates must be finite: leave out samples with missing values")
    if not np.array_equal(np.unique(y), [0.0, 1.0]):
        raise ValueError("cases must be 0 (control) and 1 (case), both present")
    if covariate_values.shape[1] + 2 >= y.size:
        raise ValueError(
            f"{covariate_values.shape[1]} covariates, an intercept and a variant need more than {y.size} samples"
        )
    basis, dependent = covariate_basis(covariate_values)
    if dependent != INDEPENDENT:
        raise DependentColumnError("covariate", dependent)
    n_basis = basis.shape[1]
    null = np.zeros(n_basis)
    factor = np.empty((n_basis, n_basis))
    ones = np.ones(y.size)
    if maximise_jit(basis, ones, y, y.size, False, null, factor) != OK:
        raise SeparatedTraitError("the covariates alone separate cases from controls")
    directions, rest, weight, start = np.empty_like(basis), np.empty(y.size), np.empty(y.size), np.empty(n_basis)
    if not fill_null_rows_jit(basis, y, null, directions, rest, weight, start):
        raise SeparatedTraitError("the covariates alone separate cases from controls")
    firth_null = start.copy()
    maximise_jit(directions, ones, y, y.size, True, firth_null, factor)
    lower = np.tril(factor)
    return LogisticDesign(y, directions, start, rest, weight, firth_null, lower @ lower.T)


def fit(
    dosage: npt.NDArray[np.int8],
    prepared: LogisticDesign,
    samples: npt.NDArray[np.int64] | None = None,
    *,
    always_firth: bool = False,
) -> LogisticFit:
    """Return the log odds ratio of every variant.

    Parameters
    ----------
    dosage
        int8[V, D]; 0, 1, 2 copies of ALT, -1 missing. A missing sample is left out of that variant.
    prepared
        From `design`, with S samples.
    samples
        int64[S] columns of `dosage` that the design's samples are, in its order; all columns when None.
    always_firth
        Penalise every variant, not only where the plain likelihood has no maximum.

    Returns
    -------
    LogisticFit
        `status` says OK, FIRTH, or why a variant has no estimate.

    Examples
    --------
    >>> import numpy as np
    >>> prepared = design(np.array([0, 0, 0, 1, 1, 1.0]), np.empty((6, 0)))
    >>> fitted = fit(np.array([[0, 0, 1, 0, 1, 2], [0, 0, 0, 1, 1, 2]], dtype=np.int8), prepared)
    >>> fitted.status.tolist(), fitted.beta.round(4).tolist()
    ([0, 1], [1.4094, 3.306])
    """
    calls, columns = checked_dosage(dosage, prepared.n_samples, samples)
    return _fitted(calls, columns, prepared, np.empty((0, 0)), always_firth)


def _fitted(
    calls: npt.NDArray[np.int8],
    columns: npt.NDArray[np.int64],
    prepared: LogisticDesign,
    starts: npt.NDArray[np.float64],
    always_firth: bool,
) -> LogisticFit:
    found = _empty_fit(calls.shape[0])
    _fit_jit(
        calls,
        columns,
        prepared.directions,
        prepared.cases,
        prepared.null,
        prepared.firth_null,
        prepared.firth_information,
        starts,
        always_firth,
        *_outputs(found),
    )
    return found


@dataclass(frozen=True)
class PlacedDesign:
    """A design whose samples have their places in a store; sample i of `prepared` is column columns[i].

    `members` and `case_members` uint64[W] have a bit at twice the number of each sample, and of each case; `tiles`
    float64[ceil((K + 2) / 8), 32 W, 8] is what the score test adds up (weight times direction, y - p), by sample of the
    store, `weight` float64[32 W] and `directions` float64[32 W, K + 1] as the design has them. Zero for other samples.
    `near` is None where the covariates are none or too many for the quick way.
    """

    prepared: LogisticDesign
    columns: npt.NDArray[np.int64]
    n_store_samples: int
    members: npt.NDArray[np.uint64]
    case_members: npt.NDArray[np.uint64]
    tiles: npt.NDArray[np.float64]
    weight: npt.NDArray[np.float64]
    directions: npt.NDArray[np.float64]
    near: NearDesign | None


def place(prepared: LogisticDesign, samples: npt.NDArray[np.int64], n_store_samples: int) -> PlacedDesign:
    """Return a design for packed genotypes of `n_store_samples`, of which sample i of the design is `samples[i]`.

    Raises
    ------
    ValueError
        When the numbers are not as many as the design's samples, outside the store, or named twice.
    """
    columns = np.ascontiguousarray(samples, dtype=np.int64)
    members = member_words(columns, prepared.n_samples, n_store_samples)
    n_rows, n_basis = 32 * members.size, prepared.directions.shape[1]
    sums = np.zeros((n_rows, n_basis + 1))
    weight, directions = np.zeros(n_rows), np.zeros((n_rows, n_basis))
    weight[columns], directions[columns] = prepared.weight, prepared.directions
    sums[:, :n_basis] = weight[:, None] * directions
    sums[columns, n_basis] = prepared.rest
    cases = columns[prepared.cases == 1.0]
    case_members = member_words(cases, cases.size, n_store_samples)
    near = None
    if 1 < n_basis <= DIRECTIONS_MAX:
        near = near_design(
            prepared.directions, prepared.null, prepared.cases, prepared.weight, prepared.rest, columns, members.size
        )
    return PlacedDesign(
        prepared, columns, n_store_samples, members, case_members, tiled(sums), weight, directions, near
    )


def scored_packed(packed: npt.NDArray[np.uint8], placed: PlacedDesign) -> LogisticFit:
    """Return the score test of every variant, status SCORE; NOT_CONVERGED where it says nothing."""
    return _scored(words_of_packed(packed, placed.members.size), placed)[0]


def _scored(words: npt.NDArray[np.uint64], placed: PlacedDesign) -> tuple[LogisticFit, npt.NDArray[np.float64]]:
    """Return the score test of every variant, and where a fit may begin as `logistic_score` has it."""
    prepared = placed.prepared
    found = _empty_fit(words.shape[0])
    starts = np.empty((words.shape[0], 2 * prepared.null.size + 1))
    score_jit(
        words,
        placed.members,
        placed.case_members,
        prepared.n_samples,
        int(prepared.cases.sum()),
        placed.tiles,
        placed.weight,
        placed.directions,
        prepared.null,
        starts,
        *_outputs(found),
    )
    return found, starts


def fit_packed(
    packed: npt.NDArray[np.uint8],
    placed: PlacedDesign,
    *,
    always_firth: bool = False,
    score_p_max: float | None = None,
) -> LogisticFit:
    """Return the log odds ratio of every variant of packed genotypes.

    Parameters
    ----------
    packed
        uint8[V, B] as `kernels.genotypes` packs the ALT dosages of all samples of a store.
    placed
        From `place`.
    always_firth
        As `fit` has it.
    score_p_max
        Fit only variants whose score test has p at most this. The others keep the score test: status SCORE, with the
        estimate after one Newton step from the fit without the variant and its standard error there. None fits all.

    Returns
    -------
    LogisticFit
        As `fit` has it, and SCORE.

    Raises
    ------
    ValueError
        When the width of `packed` is not that of the store.
    """
    if always_firth:
        dosage = genotypes.unpack_dosage(packed, placed.n_store_samples, placed.columns)
        return fit(dosage, placed.prepared, always_firth=always_firth)
    prepared = placed.prepared
    words = words_of_packed(packed, placed.members.size)
    found, starts = _scored(words, placed)
    again = (found.status == NOT_CONVERGED) | (
        (found.status == SCORE) & (found.neg_log10_p >= -math.log10(1.0 if score_p_max is None else score_p_max))
    )
    chosen = np.flatnonzero(again)
    if placed.near is not None:
        scored = found.status[chosen] == SCORE
        settled = np.zeros(chosen.size, dtype=np.bool_)
        settled[scored] = _fitted_near(words, placed, placed.near, starts, chosen[scored], found)
        chosen = chosen[~settled]
    if chosen.size:
        dosage = genotypes.unpack_dosage(packed[chosen], placed.n_store_samples, placed.columns)
        everyone = np.arange(prepared.n_samples, dtype=np.int64)
        fitted = _fitted(dosage, everyone, prepared, starts[chosen, : prepared.null.size + 1], False)
        for name in ("beta", "standard_error", "z", "neg_log10_p", "status"):
            getattr(found, name)[chosen] = getattr(fitted, name)
    return found


def _fitted_near(
    words: npt.NDArray[np.uint64],
    placed: PlacedDesign,
    near: NearDesign,
    starts: npt.NDArray[np.float64],
    chosen: npt.NDArray[np.int64],
    found: LogisticFit,
) -> npt.NDArray[np.bool_]:
    """Fit chosen variants the quick way into `found`; return which of them were."""
    settled = np.zeros(chosen.size, dtype=np.bool_)
    fit_near_jit(
        words,
        placed.members,
        placed.case_members,
        placed.prepared.n_samples,
        int(placed.prepared.cases.sum()),
        near.index,
        near.rows,
        near.directions,
        near.present,
        near.cases,
        near.eta,
        near.weight,
        near.rest,
        near.slope,
        near.tensor,
        placed.prepared.null,
        starts,
        chosen,
        *room_of(near),
        found.beta,
        found.standard_error,
        found.z,
        found.neg_log10_p,
        found.status,
        settled,
    )
    return settled


def _outputs(found: LogisticFit) -> tuple[Any, ...]:
    return (
        found.beta,
        found.standard_error,
        found.z,
        found.neg_log10_p,
        found.n,
        found.frequency,
        found.status,
    )


def _empty_fit(n_variants: int) -> LogisticFit:
    return LogisticFit(
        beta=np.full(n_variants, np.nan),
        standard_error=np.full(n_variants, np.nan),
        z=np.full(n_variants, np.nan),
        neg_log10_p=np.full(n_variants, np.nan),
        n=np.zeros(n_variants, dtype=np.int32),
        frequency=np.full(n_variants, np.nan),
        status=np.zeros(n_variants, dtype=np.int8),
    )
