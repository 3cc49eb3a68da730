"""Regressions on any terms: equal to the packed way where both speak, to statsmodels where not; SPA; sums of rows."""

from __future__ import annotations

import math

import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from genomics_dc.kernels import carriers, genotypes, linear, linear_terms, logistic, logistic_terms, spa, terms
from genomics_dc.kernels.lanes import plain_sum_rows, sum_rows
from genomics_dc.kernels.status import COLLINEAR, EXACT_FIT, MONOMORPHIC, OK, SPA, TOO_FEW


def problem(seed, n_samples=120, n_variants=12, missing=0.08):
    rng = np.random.default_rng(seed)
    dosage = rng.binomial(2, rng.uniform(0.1, 0.9, (n_variants, 1)), (n_variants, n_samples)).astype(np.int8)
    dosage[rng.random(dosage.shape) < missing] = -1
    covariates = rng.normal(size=(n_samples, 2)) * [1.0, 100.0] + [0.0, 2000.0]
    traits = rng.normal(size=(n_samples, 2)) + 0.3 * dosage[:2].T
    cases = (rng.random(n_samples) < 0.4).astype(float)
    return dosage, np.where(dosage < 0, np.nan, dosage), covariates, traits, cases


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), coding=st.sampled_from(["additive", "dominant", "recessive"]))
def test_terms_and_packed_genotypes_give_one_answer(seed, coding):
    dosage, floats, covariates, traits, cases = problem(seed)
    packed = carriers.recoded(genotypes.pack_dosage(dosage), coding)
    places = np.arange(dosage.shape[1])
    prepared = linear.design(traits, covariates)
    one = linear.fit_packed(packed, linear.place(prepared, places, dosage.shape[1]))
    other = linear_terms.fit_terms(terms.terms(floats, coding), prepared)
    assert one.status.tolist() == other.status.tolist()
    assert one.n.tolist() == other.n.tolist()
    np.testing.assert_allclose(one.beta, other.beta[:, :, 0], rtol=1e-8, atol=1e-12)
    np.testing.assert_allclose(one.standard_error, other.standard_error[:, :, 0], rtol=1e-9)
    np.testing.assert_allclose(one.neg_log10_p, other.neg_log10_p[:, :, 0], rtol=1e-7, atol=1e-9)
    trait = logistic.design(cases, covariates)
    hybrid = logistic.fit_packed(packed, logistic.place(trait, places, dosage.shape[1]))
    general = logistic_terms.fit_terms(terms.terms(floats, coding), trait)
    both = (hybrid.status == OK) & (general.status[:, 0] == OK)
    np.testing.assert_allclose(hybrid.beta[both], general.beta[both, 0, 0], rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(hybrid.standard_error[both], general.standard_error[both, 0, 0], rtol=1e-6)


@pytest.mark.parametrize("missing", [0.0, 0.2])
def test_interaction_equals_statsmodels(missing):
    api = pytest.importorskip("statsmodels.api")
    _dosage, floats, covariates, traits, cases = problem(3, missing=missing)
    rows = terms.terms(floats, "additive", covariates.T)
    fitted = linear_terms.fit_terms(rows, linear.design(traits, covariates))
    odds = logistic_terms.fit_terms(rows, logistic.design(cases, covariates))
    for v, g in enumerate(floats):
        there = ~np.isnan(g)
        x = np.column_stack([np.ones(there.sum()), covariates[there], g[there], g[there, None] * covariates[there]])
        for t in range(2):
            other = api.OLS(traits[there, t], x).fit()
            assert fitted.beta[v, t] == pytest.approx(other.params[3:], rel=1e-6, abs=1e-9)
            assert fitted.standard_error[v, t] == pytest.approx(other.bse[3:], rel=1e-6)
            assert fitted.neg_log10_p[v, t] == pytest.approx(-np.log10(other.pvalues[3:]), rel=1e-5, abs=1e-7)
        if odds.status[v, 0] == OK:
            centred = x / np.abs(x).max(axis=0)
            other = api.Logit(cases[there], centred).fit(disp=False, tol=1e-13, maxiter=100)
            assert odds.neg_log10_p[v, 0] == pytest.approx(-np.log10(other.pvalues[3:]), rel=1e-5, abs=1e-6)


def test_two_degrees_of_freedom_equal_statsmodels():
    api = pytest.importorskip("statsmodels.api")
    dosage, floats, covariates, traits, _cases = problem(5)
    fitted = linear_terms.fit_terms(terms.terms(floats, "genotypic"), linear.design(traits, covariates))
    for v, g in enumerate(dosage):
        there = g >= 0
        if fitted.status[v, 0] != OK:
            continue
        x = np.column_stack([np.ones(there.sum()), covariates[there], g[there], g[there] == 1])
        test = api.OLS(traits[there, 0], x).fit().f_test(np.eye(5)[3:])
        assert fitted.joint_neg_log10_p[v, 0] == pytest.approx(-math.log10(float(test.pvalue)), rel=1e-6)


def test_status_of_terms_that_cannot_be_tested():
    rng = np.random.default_rng(2)
    covariates = (np.arange(30.0) % 3)[:, None]
    few = np.full(30, np.nan)
    few[:3] = [0.0, 1.0, 2.0]
    rows = np.array([np.full(30, 0.3), np.full(30, np.nan), few, covariates[:, 0], rng.random(30)])[:, None, :]
    traits = rng.normal(size=(30, 1))
    expected = [MONOMORPHIC, TOO_FEW, TOO_FEW, COLLINEAR, OK]
    fitted = linear_terms.fit_terms(rows, linear.design(traits, covariates))
    assert fitted.status[:, 0].tolist() == expected
    assert np.isnan(fitted.beta[:4]).all()
    cases = (rng.random(30) < 0.5).astype(float)
    assert logistic_terms.fit_terms(rows, logistic.design(cases, covariates)).status[:, 0].tolist() == expected
    exact = linear_terms.fit_terms(rows[4:], linear.design(3.0 * rows[4].T + 1.0, np.empty((30, 0))))
    assert exact.status[0, 0] == EXACT_FIT
    with pytest.raises(ValueError, match=r"\[V, M, 30\]"):
        linear_terms.fit_terms(rows[:, :, :5], linear.design(traits, covariates))
    with pytest.raises(ValueError, match="coding must be one of"):
        terms.terms(few[None], "additiv")


@numba.njit
def _sum(tile, listed, begin, end, out):
    sum_rows(tile, listed, begin, end, out)


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), begin=st.integers(0, 20), length=st.integers(0, 60))
def test_sum_of_rows_is_its_definition_to_the_bit(seed, begin, length):
    rng = np.random.default_rng(seed)
    tile = rng.normal(size=(100, 8))
    listed = rng.integers(0, 100, 80).astype(np.int32)
    found, expected = np.empty(8), np.empty(8)
    _sum(tile, listed, begin, begin + length, found)
    plain_sum_rows(tile, listed, begin, begin + length, expected)
    assert found.tobytes() == expected.tobytes()


def exact_score_p(n_carriers, n_others, share, score):
    """P(|S| >= |score|) of the carriers' score by all pairs of binomials, the covariates being an intercept."""
    mean = n_carriers / (n_carriers + n_others)
    k = np.arange(n_carriers + 1)[:, None]
    rest = np.arange(n_others + 1)[None, :]
    outcome = (1 - mean) * (k - n_carriers * share) - mean * (rest - n_others * share)
    weight = stats.binom.pmf(k, n_carriers, share) * stats.binom.pmf(rest, n_others, share)
    return weight[np.abs(outcome) >= abs(score) * (1 - 1e-9)].sum()


@pytest.mark.parametrize(("n_cases", "carrier_cases"), [(20, 4), (20, 6), (40, 5), (40, 9)])
def test_saddlepoint_is_near_the_exact_tail_where_the_normal_law_is_not(n_cases, carrier_cases):
    n, n_carriers = 1000, 30
    cases = np.zeros(n)
    cases[:carrier_cases] = 1.0
    cases[n_carriers : n_carriers + n_cases - carrier_cases] = 1.0
    dosage = np.array([[1] * n_carriers + [0] * (n - n_carriers)], dtype=np.int8)
    prepared = logistic.design(cases, np.empty((n, 0)))
    share = n_cases / n
    score = (carrier_cases - n_carriers * share) * 1.0
    exact = -math.log10(exact_score_p(n_carriers, n - n_carriers, share, score))
    found = float(spa.neg_log10_p_spa(dosage, prepared)[0])
    placed = logistic.place(prepared, np.arange(n), n)
    normal = float(logistic.scored_packed(genotypes.pack_dosage(dosage), placed).neg_log10_p[0])
    assert found == pytest.approx(exact, abs=0.25)  # outcomes are whole numbers, the saddlepoint is smooth
    assert abs(normal - exact) > 2 * abs(found - exact)


def test_saddlepoint_equals_its_formula_in_fifty_digits():
    mpmath = pytest.importorskip("mpmath")
    dosage, _floats, covariates, _traits, cases = problem(8, n_variants=3, missing=0.05)
    prepared = logistic.design(cases, covariates)
    found = spa.neg_log10_p_spa(dosage, prepared)
    p_of = cases - prepared.rest
    with mpmath.workdps(50):
        for v, row in enumerate(dosage):
            there = row >= 0
            w = prepared.weight[there]
            q = prepared.directions[there]
            g = row[there] - q @ np.linalg.solve(q.T @ (w[:, None] * q), q.T @ (w * row[there]))
            score = abs(float(g @ prepared.rest[there]))
            total = mpmath.mpf(0)
            for sign in (1, -1):
                a = [mpmath.mpf(sign * float(value)) for value in g]
                p = [mpmath.mpf(float(value)) for value in p_of[there]]
                pairs = list(zip(a, p, strict=True))
                slope = lambda t, pairs=pairs: sum(  # noqa: E731
                    x * (y * mpmath.e ** (x * t) / (1 - y + y * mpmath.e ** (x * t)) - y) for x, y in pairs
                )
                t = mpmath.findroot(lambda t, slope=slope, score=score: slope(t) - score, 0.1)
                value = sum(mpmath.log(1 - y + y * mpmath.e ** (x * t)) - x * t * y for x, y in pairs)
                bend = mpmath.diff(slope, t)
                w_root = mpmath.sqrt(2 * (t * score - value))
                z = w_root + mpmath.log(t * mpmath.sqrt(bend) / w_root) / w_root
                total += mpmath.erfc(z / mpmath.sqrt(2)) / 2
            if not math.isnan(found[v]):
                assert found[v] == pytest.approx(float(-mpmath.log10(total)), rel=1e-7)
    assert np.isfinite(found).any()


def test_saddlepoint_only_below_its_bound():
    dosage, _floats, covariates, _traits, cases = problem(9, n_variants=40)
    dosage[0] = np.where(cases == 1, 2, dosage[0])
    placed = logistic.place(logistic.design(cases, covariates), np.arange(120), 120)
    packed = genotypes.pack_dosage(dosage)
    score = logistic.scored_packed(packed, placed)
    found = spa.fit_packed(packed, placed, p_max=0.05)
    small = score.neg_log10_p > -math.log10(0.05)
    assert ((found.status == SPA) == small).all()
    np.testing.assert_array_equal(found.neg_log10_p[~small], score.neg_log10_p[~small])
    np.testing.assert_array_equal(found.beta, score.beta)
