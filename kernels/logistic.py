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

import numpy as np
import numpy.typing as npt

from genomics_dc.kernels import genotypes
from genomics_dc.kernels._jit import jit
from genomics_dc.kernels.bits import popcount
from genomics_dc.kernels.linear import (
    DependentColumnError,
    _add_carriers_jit,
    _count_jit,
    _list_missing_jit,
    checked_dosage,
    member_words,
    words_of_packed,
)
from genomics_dc.kernels.logistic_fast import fill_null_rows_jit, settle_jit
from genomics_dc.kernels.solve import (
    INDEPENDENT,
    cholesky_jit,
    covariate_basis,
    solve_lower_jit,
    solve_upper_jit,
)
from genomics_dc.kernels.status import COLLINEAR, FIRTH, MONOMORPHIC, NOT_CONVERGED, OK, SCORE, SEPARATED, TOO_FEW
from genomics_dc.kernels.tails import _neg_log10_p_normal_jit

_STEP_MIN = 1e-9
_STEP_MAX = 5.0
_NEWTON_TURNS_MAX = 40
_FIRTH_TURNS_MAX = 500
_HALVINGS_MAX = 30
# A linear predictor beyond this is a probability within 1e-13 of 0 or 1: the fit runs away.
_RUNAWAY = 30.0
_PIVOT_SHARE = 1e-6


@dataclass(frozen=True)
class LogisticDesign:
    """One case-control trait and its covariates, prepared once for all variants.

    `basis` float64[S, K + 1] orthonormal, intercept first; `cases` float64[S] of 0 and 1; `null` float64[K + 1] the
    coefficients on `basis` of the fit without a variant.
    """

    basis: npt.NDArray[np.float64]
    cases: npt.NDArray[np.float64]
    null: npt.NDArray[np.float64]

    @property
    def n_samples(self) -> int:
        """Samples with the trait and every covariate."""
        return int(self.basis.shape[0])


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


def _information(
    x: npt.NDArray[np.float64],
    trials: npt.NDArray[np.float64],
    n_rows: int,
    coefficients: npt.NDArray[np.float64],
    probability: npt.NDArray[np.float64],
    weight: npt.NDArray[np.float64],
    out: npt.NDArray[np.float64],
) -> None:
    """Fill probabilities, weights trials * p (1 - p), and the lower triangle of X' W X."""
    size = coefficients.size
    out[:] = 0.0
    for r in range(n_rows):
        eta = 0.0
        for i in range(size):
            eta += x[r, i] * coefficients[i]
        p = 1.0 / (1.0 + math.exp(-eta))
        q = 1.0 / (1.0 + math.exp(eta))  # not 1 - p, which is 0 for a large eta
        probability[r] = p
        weight[r] = trials[r] * p * q
        for i in range(size):
            scaled = weight[r] * x[r, i]
            for k in range(i + 1):
                out[i, k] += scaled * x[r, k]


_information_jit = jit(_information)


def _log_likelihood(
    x: npt.NDArray[np.float64],
    trials: npt.NDArray[np.float64],
    cases: npt.NDArray[np.float64],
    n_rows: int,
    coefficients: npt.NDArray[np.float64],
) -> float:
    """Return the binomial log-likelihood without its constant."""
    total = 0.0
    for r in range(n_rows):
        eta = 0.0
        for i in range(coefficients.size):
            eta += x[r, i] * coefficients[i]
        # ln(1 + e^eta), safe for large |eta|
        softplus = max(eta, 0.0) + math.log1p(math.exp(-abs(eta)))
        total += cases[r] * eta - trials[r] * softplus
    return total


_log_likelihood_jit = jit(_log_likelihood)


def _log_determinant(factor: npt.NDArray[np.float64], size: int) -> float:
    """Return ln |A| from the Cholesky factor of A."""
    total = 0.0
    for i in range(size):
        total += 2.0 * math.log(factor[i, i])
    return total


_log_determinant_jit = jit(_log_determinant)


def _maximise(
    x: npt.NDArray[np.float64],
    trials: npt.NDArray[np.float64],
    cases: npt.NDArray[np.float64],
    n_rows: int,
    penalised: bool,
    coefficients: npt.NDArray[np.float64],
    factor: npt.NDArray[np.float64],
) -> int:
    """Move `coefficients` to the maximum of the (penalised) likelihood; leave the information's Cholesky in `factor`.

    Row r of `x` stands for trials[r] samples, of which cases[r] are cases. Returns OK, SEPARATED, NOT_CONVERGED or
    COLLINEAR.
    """
    size = coefficients.size
    probability = np.empty(n_rows)
    weight = np.empty(n_rows)
    trial = np.empty((size, size))
    step = np.empty(size)
    column = np.empty(size)
    proposal = np.empty(size)
    _information_jit(x, trials, n_rows, coefficients, probability, weight, factor)
    if not cholesky_jit(factor, size, _PIVOT_SHARE):
        return COLLINEAR
    objective = _log_likelihood_jit(x, trials, cases, n_rows, coefficients)
    if penalised:
        objective += 0.5 * _log_determinant_jit(factor, size)
    turns = _FIRTH_TURNS_MAX if penalised else _NEWTON_TURNS_MAX
    for _turn in range(turns):
        step[:] = 0.0
        trial[:] = 0.0
        for r in range(n_rows):
            rest = cases[r] - trials[r] * probability[r]
            if penalised:
                # The hat diagonal: weight * x' (X' W X)^-1 x
                for i in range(size):
                    column[i] = x[r, i]
                solve_lower_jit(factor, size, column)
                leverage = 0.0
                for i in range(size):
                    leverage += column[i] * column[i]
                leverage *= weight[r]
                rest += leverage * (0.5 - probability[r])
                # The penalty acts like `leverage` more trials, half of them cases. Without them in the step's matrix,
                # a lone carrier (leverage 1) makes the steps swing for ever.
                larger = weight[r] * (1.0 + leverage / trials[r])
                for i in range(size):
                    for k in range(i + 1):
                        trial[i, k] += larger * x[r, i] * x[r, k]
            for i in range(size):
                step[i] += rest * x[r, i]
        if penalised:
            if not cholesky_jit(trial, size, 1e-13):
                return NOT_CONVERGED
            solve_lower_jit(trial, size, step)
            solve_upper_jit(trial, size, step)
        else:
            solve_lower_jit(factor, size, step)
            solve_upper_jit(factor, size, step)
        largest = 0.0
        for r in range(n_rows):
            move = 0.0
            for i in range(size):
                move += x[r, i] * step[i]
            largest = max(largest, abs(move))
        scale = _STEP_MAX / largest if largest > _STEP_MAX else 1.0
        accepted = False
        for _halving in range(_HALVINGS_MAX):
            for i in range(size):
                proposal[i] = coefficients[i] + scale * step[i]
            _information_jit(x, trials, n_rows, proposal, probability, weight, trial)
            if cholesky_jit(trial, size, 1e-13):
                value = _log_likelihood_jit(x, trials, cases, n_rows, proposal)
                if penalised:
                    value += 0.5 * _log_determinant_jit(trial, size)
                # Near the maximum the likelihood is flat: rounding must not refuse a step.
                if value >= objective - 1e-12 * (1.0 + abs(objective)):
                    accepted = True
                    objective = value
                    break
            scale *= 0.5
        if not accepted:
            return NOT_CONVERGED if penalised else SEPARATED
        coefficients[:] = proposal
        factor[:] = trial
        if scale * largest < _STEP_MIN:
            return OK
        if not penalised:
            for r in range(n_rows):
                eta = 0.0
                for i in range(size):
                    eta += x[r, i] * coefficients[i]
                if abs(eta) > _RUNAWAY:
                    return SEPARATED
    return NOT_CONVERGED


_maximise_jit = jit(_maximise)


def _fit(
    dosage: npt.NDArray[np.int8],
    samples: npt.NDArray[np.int64],
    basis: npt.NDArray[np.float64],
    cases: npt.NDArray[np.float64],
    null: npt.NDArray[np.float64],
    always_firth: bool,
    beta: npt.NDArray[np.float64],
    error: npt.NDArray[np.float64],
    z: npt.NDArray[np.float64],
    neg_log10_p: npt.NDArray[np.float64],
    n_used: npt.NDArray[np.int32],
    frequency: npt.NDArray[np.float64],
    status: npt.NDArray[np.int8],
) -> None:
    """Fill the outputs of `fit`; sample s of the design is column samples[s] of `dosage`."""
    n_samples, n_basis = basis.shape
    size = n_basis + 1
    columns = np.empty((size, n_samples))
    for s in range(n_samples):
        for i in range(n_basis):
            columns[i, s] = basis[s, i]
    present = np.empty(n_samples)
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
        if n <= size or n_cases == 0 or n_controls == 0:
            status[v] = TOO_FEW
            continue
        if het == n or hom == n or het + hom == 0:
            status[v] = MONOMORPHIC
            continue
        mean = (het + 2.0 * hom) / n
        code = SEPARATED if _apart_jit(counts) else OK
        settled = False
        penalised_first = always_firth or code == SEPARATED
        if n_basis > 1:
            # The rarer allele is counted, so that few samples have a place in the last row.
            flipped = mean > 1.0
            for s in range(n_samples):
                g = row[samples[s]]
                present[s] = 1.0 if g >= 0 else 0.0
                columns[n_basis, s] = 0.0 if g < 0 else (2.0 - g if flipped else float(g))
            coefficients[:n_basis] = null
            coefficients[n_basis] = 0.0
            settled = settle_jit(columns, present, cases, penalised_first, coefficients, factor)
            if settled:
                code = FIRTH if penalised_first else OK
                if flipped:
                    coefficients[n_basis] = -coefficients[n_basis]
        if not settled:
            code = _fit_carefully_jit(row, samples, basis, cases, null, counts, always_firth, coefficients, factor)
        status[v] = code
        if code in (OK, FIRTH):
            beta[v] = coefficients[n_basis]
            # The variant is the last column: its variance is 1 / (last pivot)^2.
            error[v] = 1.0 / factor[n_basis, n_basis]
            z[v] = beta[v] / error[v]
            neg_log10_p[v] = _neg_log10_p_normal_jit(z[v])


def _fit_carefully(
    row: npt.NDArray[np.int8],
    samples: npt.NDArray[np.int64],
    basis: npt.NDArray[np.float64],
    cases: npt.NDArray[np.float64],
    null: npt.NDArray[np.float64],
    counts: npt.NDArray[np.float64],
    always_firth: bool,
    coefficients: npt.NDArray[np.float64],
    factor: npt.NDArray[np.float64],
) -> int:
    """Fit one variant, asking for the likelihood at each step; return its status."""
    n_samples, n_basis = basis.shape
    size = n_basis + 1
    x = np.empty((n_samples, size))
    x_cases = np.empty(n_samples)
    x_trials = np.empty(n_samples)
    mean = 0.0
    for g in range(3):
        mean += g * (counts[0, g] + counts[1, g])
    mean /= counts.sum()
    n_rows = 0
    if n_basis == 1:
        # Without covariates, samples of one genotype are alike: three rows stand for all.
        for g in range(3):
            if counts[0, g] + counts[1, g] > 0:
                x[n_rows, 0] = basis[0, 0]
                x[n_rows, 1] = g - mean
                x_trials[n_rows] = counts[0, g] + counts[1, g]
                x_cases[n_rows] = counts[1, g]
                n_rows += 1
    else:
        for s in range(n_samples):
            dose = row[samples[s]]
            if dose >= 0:
                for i in range(n_basis):
                    x[n_rows, i] = basis[s, i]
                x[n_rows, n_basis] = dose - mean
                x_trials[n_rows] = 1.0
                x_cases[n_rows] = cases[s]
                n_rows += 1
    coefficients[:n_basis] = null
    coefficients[n_basis] = 0.0
    code = SEPARATED if _apart_jit(counts) else OK
    if code == OK and not always_firth:
        code = _maximise_jit(x, x_trials, x_cases, n_rows, False, coefficients, factor)
    if always_firth or code in (SEPARATED, NOT_CONVERGED):
        coefficients[:n_basis] = null
        coefficients[n_basis] = 0.0
        penalised = _maximise_jit(x, x_trials, x_cases, n_rows, True, coefficients, factor)
        if penalised == OK:
            code = FIRTH
        elif penalised == COLLINEAR or code == OK:
            code = penalised
    return code


def _apart(counts: npt.NDArray[np.float64]) -> bool:
    """Tell whether dosage alone separates cases from controls, touching at one dosage at most.

    `counts` float64[2, 3]: controls and cases by dosage. Covariates can only separate them further.
    """
    low = np.empty(2)
    high = np.empty(2)
    for i in range(2):
        low[i] = 3.0
        high[i] = -1.0
        for g in range(3):
            if counts[i, g] > 0:
                low[i] = min(low[i], g)
                high[i] = max(high[i], g)
    return bool(low[0] >= high[1] or low[1] >= high[0])


_apart_jit = jit(_apart)
_fit_carefully_jit = jit(_fit_carefully)
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
    null = np.zeros(basis.shape[1])
    factor = np.empty((null.size, null.size))
    if _maximise_jit(basis, np.ones(y.size), y, y.size, False, null, factor) != OK:
        raise SeparatedTraitError("the covariates alone separate cases from controls")
    return LogisticDesign(basis, y, null)


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
    found = _empty_fit(calls.shape[0])
    _fit_jit(
        calls,
        columns,
        np.ascontiguousarray(prepared.basis),
        prepared.cases,
        prepared.null,
        always_firth,
        found.beta,
        found.standard_error,
        found.z,
        found.neg_log10_p,
        found.n,
        found.frequency,
        found.status,
    )
    return found


@dataclass(frozen=True)
class PlacedDesign:
    """A design whose samples have their places in a store; sample i of `prepared` is column columns[i].

    `members` and `case_members` uint64[W] have a bit at twice the number of each sample, and of each case; `rows`
    float64[32 W, K + 3] is what the score test adds up (weight times basis, y - p, weight), by sample of the store, and
    `directions` float64[32 W, K + 1] the basis, orthonormal under the null model's weights. Zero for other samples.
    """

    prepared: LogisticDesign
    columns: npt.NDArray[np.int64]
    n_store_samples: int
    members: npt.NDArray[np.uint64]
    case_members: npt.NDArray[np.uint64]
    rows: npt.NDArray[np.float64]
    directions: npt.NDArray[np.float64]


def place(prepared: LogisticDesign, samples: npt.NDArray[np.int64], n_store_samples: int) -> PlacedDesign:
    """Return a design for packed genotypes of `n_store_samples`, of which sample i of the design is `samples[i]`.

    Raises
    ------
    ValueError
        When the numbers are not as many as the design's samples, outside the store, or named twice.
    """
    columns = np.ascontiguousarray(samples, dtype=np.int64)
    members = member_words(columns, prepared.n_samples, n_store_samples)
    n_basis = prepared.basis.shape[1]
    of_design = np.zeros((prepared.n_samples, 2 * n_basis + 2))
    if not fill_null_rows_jit(prepared.basis, prepared.cases, prepared.null, of_design):
        raise SeparatedTraitError("the covariates alone separate cases from controls")
    placed = np.zeros((32 * members.size, 2 * n_basis + 2))
    placed[columns] = of_design
    cases = columns[prepared.cases == 1.0]
    return PlacedDesign(
        prepared,
        columns,
        n_store_samples,
        members,
        member_words(cases, cases.size, n_store_samples),
        np.ascontiguousarray(placed[:, : n_basis + 2]),
        np.ascontiguousarray(placed[:, n_basis + 2 :]),
    )


def _score(
    words: npt.NDArray[np.uint64],
    members: npt.NDArray[np.uint64],
    case_members: npt.NDArray[np.uint64],
    rows: npt.NDArray[np.float64],
    directions: npt.NDArray[np.float64],
    beta: npt.NDArray[np.float64],
    error: npt.NDArray[np.float64],
    z: npt.NDArray[np.float64],
    neg_log10_p: npt.NDArray[np.float64],
    n_used: npt.NDArray[np.int32],
    frequency: npt.NDArray[np.float64],
    status: npt.NDArray[np.int8],
) -> None:
    """Fill the outputs with the score test of each variant; NOT_CONVERGED where it has no spread to judge by.

    A missing sample leaves the sums; the coefficients of the covariates follow by one Newton step.
    """
    n_basis = directions.shape[1]
    n_samples = np.int64(0)
    for w in range(members.size):
        n_samples += np.int64(popcount(members[w]))
    sums = np.empty(n_basis + 2)
    twice = np.empty(n_basis + 2)
    absent = np.empty(n_samples, dtype=np.int64)
    gram = np.empty((n_basis, n_basis))
    lift = np.empty(n_basis)
    along = np.empty(n_basis)
    for v in range(words.shape[0]):
        row = words[v]
        het, hom, n_absent = _count_jit(row, members)
        case_absent = _count_jit(row, case_members)[2]
        n_all_cases = np.int64(0)
        for w in range(members.size):
            n_all_cases += np.int64(popcount(case_members[w]))
        n = n_samples - n_absent
        n_cases = n_all_cases - case_absent
        n_used[v] = n
        frequency[v] = (het + 2 * hom) / (2.0 * n) if n > 0 else np.nan
        if n <= n_basis + 1 or n_cases == 0 or n_cases == n:
            status[v] = TOO_FEW
            continue
        if het == n or hom == n or het + hom == 0:
            status[v] = MONOMORPHIC
            continue
        flipped = bool(het + 2 * hom > n)
        sums[:] = 0.0
        twice[:] = 0.0
        _add_carriers_jit(row, members, flipped, rows, sums, twice)
        spread = sums[n_basis + 1] + 4.0 * twice[n_basis + 1]
        for j in range(n_basis + 1):
            sums[j] += 2.0 * twice[j]
        score = sums[n_basis]
        for i in range(n_basis):
            along[i] = sums[i]
        status[v] = NOT_CONVERGED
        if n_absent > 0:
            _list_missing_jit(row, members, absent)
            gram[:] = 0.0
            lift[:] = 0.0
            for i in range(n_basis):
                gram[i, i] = 1.0
            for m in range(n_absent):
                s = absent[m]
                for i in range(n_basis):
                    lift[i] -= directions[s, i] * rows[s, n_basis]
                    for k in range(i + 1):
                        gram[i, k] -= rows[s, i] * directions[s, k]
            if not cholesky_jit(gram, n_basis, 1e-8):
                continue
            solve_lower_jit(gram, n_basis, along)
            solve_lower_jit(gram, n_basis, lift)
            for i in range(n_basis):
                score -= along[i] * lift[i]
        rest = spread
        for i in range(n_basis):
            rest -= along[i] * along[i]
        if not rest > 1e-5 * spread:
            continue
        status[v] = SCORE
        beta[v] = -score / rest if flipped else score / rest
        error[v] = 1.0 / math.sqrt(rest)
        z[v] = beta[v] / error[v]
        neg_log10_p[v] = _neg_log10_p_normal_jit(z[v])


_score_jit = jit(_score)


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
    if always_firth or score_p_max is None:
        dosage = genotypes.unpack_dosage(packed, placed.n_store_samples, placed.columns)
        return fit(dosage, placed.prepared, always_firth=always_firth)
    found = _empty_fit(packed.shape[0])
    _score_jit(
        words_of_packed(packed, placed.members.size),
        placed.members,
        placed.case_members,
        placed.rows,
        placed.directions,
        found.beta,
        found.standard_error,
        found.z,
        found.neg_log10_p,
        found.n,
        found.frequency,
        found.status,
    )
    again = (found.status == NOT_CONVERGED) | (
        (found.status == SCORE) & (found.neg_log10_p >= -math.log10(score_p_max))
    )
    chosen = np.flatnonzero(again)
    if chosen.size:
        dosage = genotypes.unpack_dosage(packed[chosen], placed.n_store_samples, placed.columns)
        fitted = fit(dosage, placed.prepared)
        for name in ("beta", "standard_error", "z", "neg_log10_p", "status"):
            getattr(found, name)[chosen] = getattr(fitted, name)
    return found


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
