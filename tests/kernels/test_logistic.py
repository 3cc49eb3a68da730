"""Logistic regression: the plain definition (root of the score), statsmodels, separation, Firth, invariances, edges."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize

from genomics_dc.kernels import logistic
from genomics_dc.kernels.linear import DependentColumnError
from genomics_dc.kernels.status import COLLINEAR, FIRTH, MONOMORPHIC, OK, TOO_FEW


def random_problem(rng, n_samples=150, n_variants=20, n_covariates=2, missing=0.05):
    frequency = rng.uniform(0.1, 0.9, size=(n_variants, 1))
    dosage = rng.binomial(2, frequency, size=(n_variants, n_samples)).astype(np.int8)
    dosage[rng.random(dosage.shape) < missing] = -1
    covariates = (rng.normal(size=(n_samples, n_covariates)) + 5) * 10.0 ** rng.integers(-2, 3, size=n_covariates)
    eta = 0.5 * dosage[0] - 0.5 * dosage[1]
    cases = (rng.random(n_samples) < 1 / (1 + np.exp(-eta))).astype(float)
    cases[:2] = [0, 1]
    return dosage, cases, covariates


def matrix(dosage, covariates):
    """[1, standardised covariates, dosage] of the samples that are called."""
    called = dosage >= 0
    part = covariates[called]
    part = (part - part.mean(axis=0)) / part.std(axis=0) if part.size else part.reshape(called.sum(), -1)
    return np.column_stack([np.ones(called.sum()), part, dosage[called].astype(float)]), called


def score_root(x, y, firth):
    """The definition: coefficients where the score, Firth's modified one if asked, is zero; and their covariance."""

    def score(b):
        p = 1 / (1 + np.exp(-x @ b))
        w = p * (1 - p)
        rest = y - p
        if firth:
            root = x * np.sqrt(w)[:, None]
            hat = np.einsum("ij,ji->i", root, np.linalg.solve(root.T @ root, root.T))
            rest = rest + hat * (0.5 - p)
        return x.T @ rest

    start = np.zeros(x.shape[1])
    for _ in range(300):  # short steps first: the root finder alone gets lost where the data are separated
        p = 1 / (1 + np.exp(-x @ start))
        start = start + 0.2 * np.linalg.solve((x * (p * (1 - p))[:, None]).T @ x, score(start))
    found = optimize.root(score, start, tol=1e-13)
    assert np.abs(score(found.x)).max() < 1e-8
    p = 1 / (1 + np.exp(-x @ found.x))
    return found.x, np.linalg.inv((x * (p * (1 - p))[:, None]).T @ x)


@pytest.mark.parametrize("firth", [False, True])
@pytest.mark.parametrize("n_covariates", [0, 2])
@pytest.mark.parametrize("missing", [0.0, 0.2])
def test_equals_the_root_of_the_score(firth, n_covariates, missing):
    dosage, cases, covariates = random_problem(
        np.random.default_rng(5), n_covariates=n_covariates, missing=missing, n_variants=8
    )
    fitted = logistic.fit(dosage, logistic.design(cases, covariates), always_firth=firth)
    for v in range(dosage.shape[0]):
        x, called = matrix(dosage[v], covariates)
        beta, covariance = score_root(x, cases[called], firth)
        assert fitted.status[v] == (FIRTH if firth else OK)
        assert fitted.n[v] == called.sum()
        assert fitted.beta[v] == pytest.approx(beta[-1], rel=1e-7, abs=1e-9)
        assert fitted.standard_error[v] == pytest.approx(math.sqrt(covariance[-1, -1]), rel=1e-7)
        z = beta[-1] / math.sqrt(covariance[-1, -1])
        assert fitted.neg_log10_p[v] == pytest.approx(-math.log10(math.erfc(abs(z) / math.sqrt(2))), rel=1e-6, abs=1e-9)


def test_equals_statsmodels():
    api = pytest.importorskip("statsmodels.api")
    dosage, cases, covariates = random_problem(np.random.default_rng(6), n_variants=4)
    fitted = logistic.fit(dosage, logistic.design(cases, covariates))
    for v in range(4):
        x, called = matrix(dosage[v], covariates)
        other = api.Logit(cases[called], x).fit(disp=False, tol=1e-14, maxiter=100)
        assert fitted.beta[v] == pytest.approx(other.params[-1], rel=1e-8)
        assert fitted.standard_error[v] == pytest.approx(other.bse[-1], rel=1e-8)
        assert fitted.neg_log10_p[v] == pytest.approx(-math.log10(other.pvalues[-1]), rel=1e-7)


def test_by_hand_two_by_two():
    # Carriers: 30 cases, 10 controls; others: 20 cases, 40 controls. Odds ratio 6, variance of its log: sum of 1/cell.
    dosage = np.array([[1] * 40 + [0] * 60], dtype=np.int8)
    cases = np.array([1.0] * 30 + [0.0] * 10 + [1.0] * 20 + [0.0] * 40)
    fitted = logistic.fit(dosage, logistic.design(cases, np.empty((100, 0))))
    assert fitted.beta[0] == pytest.approx(math.log(6), rel=1e-12)
    assert fitted.standard_error[0] == pytest.approx(math.sqrt(1 / 30 + 1 / 10 + 1 / 20 + 1 / 40), rel=1e-12)
    # Firth's answer in a saturated table is the odds ratio with a half added to each cell.
    penalised = logistic.fit(dosage, logistic.design(cases, np.empty((100, 0))), always_firth=True)
    assert penalised.beta[0] == pytest.approx(math.log(30.5 * 40.5 / (10.5 * 20.5)), rel=1e-9)


def test_separation_gets_the_penalised_answer_and_says_so():
    # All five carriers are cases: the plain likelihood has no maximum.
    dosage = np.array([[1] * 5 + [0] * 45], dtype=np.int8)
    cases = np.array([1.0] * 15 + [0.0] * 35)
    fitted = logistic.fit(dosage, logistic.design(cases, np.empty((50, 0))))
    assert fitted.status[0] == FIRTH
    assert fitted.beta[0] == pytest.approx(math.log(5.5 * 35.5 / (0.5 * 10.5)), rel=1e-9)


@settings(max_examples=60, deadline=None)
@given(
    carriers=st.tuples(st.integers(0, 4), st.integers(0, 4)).filter(lambda pair: sum(pair) > 0),
    others=st.tuples(st.integers(3, 400), st.integers(3, 400)),
    dose=st.sampled_from([1, 2]),
)
def test_firth_of_few_carriers_is_the_table_with_halves(carriers, others, dose):
    # A 2 x 2 table is saturated: a half is added to every cell, whatever the counts. One carrier has leverage 1.
    cells = [*carriers, *others]
    dosage = np.repeat(np.array([dose, dose, 0, 0], dtype=np.int8), cells)[None]
    cases = np.repeat([1.0, 0.0, 1.0, 0.0], cells)
    fitted = logistic.fit(dosage, logistic.design(cases, np.empty((cases.size, 0))), always_firth=True)
    a, b, c, d = (cell + 0.5 for cell in cells)
    assert fitted.status[0] == FIRTH
    assert fitted.beta[0] == pytest.approx(math.log(a * d / (b * c)) / dose, rel=1e-7, abs=1e-8)


def test_separation_by_variant_and_covariate_together():
    # Neither alone separates; dosage + covariate does.
    rng = np.random.default_rng(7)
    dosage = rng.integers(0, 3, size=(1, 40)).astype(np.int8)
    covariate = rng.normal(size=40)
    cases = (dosage[0] + covariate > 1).astype(float)
    fitted = logistic.fit(dosage, logistic.design(cases, covariate[:, None]))
    assert fitted.status[0] == FIRTH
    x, called = matrix(dosage[0], covariate[:, None])
    beta, covariance = score_root(x, cases[called], True)
    assert fitted.beta[0] == pytest.approx(beta[-1], rel=1e-6)
    assert fitted.standard_error[0] == pytest.approx(math.sqrt(covariance[-1, -1]), rel=1e-6)


def test_status_of_variants_that_cannot_be_tested():
    rng = np.random.default_rng(8)
    cases = np.array([0.0, 1.0] * 15)
    covariate = np.arange(30) % 3
    only_cases = np.where(cases == 1, rng.integers(0, 3, 30), -1)
    few = np.full(30, -1)
    few[:3] = [0, 1, 2]
    rows = [np.zeros(30), np.full(30, 2), np.ones(30), np.full(30, -1), only_cases, few, covariate]
    fitted = logistic.fit(np.array(rows, dtype=np.int8), logistic.design(cases, covariate[:, None].astype(float)))
    assert fitted.status.tolist() == [MONOMORPHIC, MONOMORPHIC, MONOMORPHIC, TOO_FEW, TOO_FEW, TOO_FEW, COLLINEAR]
    assert np.isnan(fitted.beta).all()
    assert np.isnan(fitted.neg_log10_p).all()


def test_large_cohort_strong_effect_keeps_p_in_log_space():
    rng = np.random.default_rng(9)
    dosage = rng.binomial(2, 0.5, size=(1, 20_000)).astype(np.int8)
    cases = (rng.random(20_000) < 1 / (1 + np.exp(3 - 3.0 * dosage[0]))).astype(float)
    fitted = logistic.fit(dosage, logistic.design(cases, np.empty((20_000, 0))))
    assert fitted.status[0] == OK
    assert fitted.neg_log10_p[0] > 400


@pytest.mark.parametrize(
    ("cases", "covariates", "error", "words"),
    [
        ([0, 1, 2, 1, 0, 1], np.empty((6, 0)), ValueError, "0 .control. and 1"),
        ([0, 0, 0, 0, 0, 0], np.empty((6, 0)), ValueError, "both present"),
        ([0, 1, 0, 1, 0, 1], np.full((6, 1), np.nan), ValueError, "finite"),
        ([0, 1, 0, 1, 0, 1], np.eye(6)[:, :5], ValueError, "more than 6 samples"),
        ([0, 1, 0, 1, 0, 1], np.full((6, 1), 3.3), DependentColumnError, "covariate 0"),
        ([0, 0, 0, 1, 1, 1], np.arange(6.0)[:, None], logistic.SeparatedTraitError, "separate"),
        ([0, 1, 0, 1], np.empty((6, 0)), ValueError, "same S"),
    ],
)
def test_design_refuses(cases, covariates, error, words):
    with pytest.raises(error, match=words):
        logistic.design(np.array(cases, dtype=float), covariates)


def bits(fitted):
    return [getattr(fitted, name).tobytes() for name in ("beta", "standard_error", "z", "neg_log10_p", "status")]


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), cut=st.integers(0, 20))
def test_chunks_change_no_bit(seed, cut):
    dosage, cases, covariates = random_problem(np.random.default_rng(seed))
    prepared = logistic.design(cases, covariates)
    parts = [logistic.fit(dosage[:cut], prepared), logistic.fit(dosage[cut:], prepared)]
    assert bits(logistic.fit(dosage, prepared)) == [a + b for a, b in zip(*(bits(p) for p in parts), strict=True)]


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), firth=st.booleans())
def test_invariances(seed, firth):
    rng = np.random.default_rng(seed)
    dosage, cases, covariates = random_problem(rng)
    base = logistic.fit(dosage, logistic.design(cases, covariates), always_firth=firth)
    assert np.isin(base.status, [OK, FIRTH]).all()

    swapped = np.where(dosage < 0, dosage, 2 - dosage).astype(np.int8)
    swap = logistic.fit(swapped, logistic.design(cases, covariates), always_firth=firth)
    assert swap.beta == pytest.approx(-base.beta, rel=1e-6, abs=1e-8)
    assert swap.standard_error == pytest.approx(base.standard_error, rel=1e-6)

    opposite = logistic.fit(dosage, logistic.design(1 - cases, covariates), always_firth=firth)
    assert opposite.beta == pytest.approx(-base.beta, rel=1e-6, abs=1e-8)

    order = rng.permutation(dosage.shape[1])
    shuffled = logistic.fit(dosage, logistic.design(cases[order], covariates[order]), order, always_firth=firth)
    assert shuffled.beta == pytest.approx(base.beta, rel=1e-6, abs=1e-8)

    moved = logistic.fit(dosage, logistic.design(cases, covariates * -2 + 7), always_firth=firth)
    assert moved.beta == pytest.approx(base.beta, rel=1e-6, abs=1e-8)
