"""Combined estimates: plain formulas, statsmodels, and chi-squared tails in exact decimals."""

from __future__ import annotations

from decimal import Decimal, localcontext

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.meta_analysis import combine_effects

from genomics_dc.kernels.chi2_tail import neg_log10_p_chi2
from genomics_dc.kernels.meta import combine


@given(st.floats(0, 1400), st.integers(1, 60))
@settings(max_examples=200, deadline=None)
def test_chi_squared_tail_where_a_float_holds_it(x, df):
    assert neg_log10_p_chi2(x, df) == pytest.approx(-stats.chi2.logsf(x, df) / np.log(10), rel=1e-9, abs=1e-13)


def exact_neg_log10_tail(x, df):
    """The upper tail in 60 decimal digits: a finite sum for even df; for odd ones from erfc by its continued fraction.

    DLMF 8.8.2 and 7.9.1; the fraction is right for the large x that it is asked for here.
    """
    with localcontext() as context:
        context.prec = 60
        half = Decimal(x) / 2
        front = (-half).exp()
        if df % 2 == 0:
            terms, total = Decimal(1), Decimal(1)
            for j in range(1, df // 2):
                terms *= half / j
                total += terms
            return float(-(front * total).log10())
        pi = Decimal("3.14159265358979323846264338327950288419716939937510582097494459")
        root = half.sqrt()
        fraction = root
        for m in range(400, 0, -1):
            fraction = root + Decimal(m) / 2 / fraction
        tail = front / (fraction * pi.sqrt())
        term = front * root / (pi.sqrt() / 2)
        for j in range(1, (df + 1) // 2):
            tail += term
            term *= half / (Decimal(j) + Decimal("0.5"))
        return float(-tail.log10())


@pytest.mark.parametrize(
    ("x", "df"), [(3000.0, 4), (20_000.0, 1), (1e5, 9), (1e-9, 2), (6.0, 6), (49.0, 50), (900.0, 3)]
)
def test_chi_squared_tail_in_exact_decimals(x, df):
    assert float(neg_log10_p_chi2(x, df)) == pytest.approx(exact_neg_log10_tail(x, df), rel=1e-11, abs=1e-14)


def test_chi_squared_of_nothing():
    found = neg_log10_p_chi2(np.array([np.nan, 1.0, 0.0, np.inf, -1.0]), np.array([1, 0, 2, 2, 1]))
    np.testing.assert_array_equal(found, [np.nan, np.nan, 0.0, np.inf, 0.0])


@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")  # statsmodels takes the root of a negative variance
@given(st.integers(0, 2**32 - 1), st.integers(2, 7))
@settings(max_examples=40, deadline=None)
def test_statsmodels_agrees(seed, n_studies):
    random = np.random.default_rng(seed)
    beta = random.normal(0, 0.3, (n_studies, 5))
    error = random.uniform(0.02, 0.4, (n_studies, 5))
    n = random.integers(100, 9000, (n_studies, 5)).astype(float)
    found = combine(beta, error, n)
    for v in range(5):
        theirs = combine_effects(beta[:, v], error[:, v] ** 2, method_re="dl", use_t=False)
        frame = theirs.summary_frame()
        expected = {
            "beta": frame.loc["fixed effect", "eff"],
            "standard_error": frame.loc["fixed effect", "sd_eff"],
            "beta_random": frame.loc["random effect", "eff"],
            "standard_error_random": frame.loc["random effect", "sd_eff"],
            "q": theirs.q,
            "tau2": theirs.tau2,
            "i2": max(0.0, theirs.i2),
            "neg_log10_p_q": -np.log10(theirs.test_homogeneity().pvalue),
        }
        if theirs.tau2 < 0:  # statsmodels goes on with a negative variance; DerSimonian and Laird stop at none
            expected |= {"tau2": 0.0, "beta_random": found.beta[v], "standard_error_random": found.standard_error[v]}
        for name, value in expected.items():
            assert getattr(found, name)[v] == pytest.approx(value, rel=1e-9, abs=1e-12), name
        z = (np.sqrt(n[:, v]) * beta[:, v] / error[:, v]).sum() / np.sqrt(n[:, v].sum())
        assert found.z_weighted[v] == pytest.approx(z, rel=1e-12)
        p = 2 * stats.norm.sf(abs(found.beta[v] / found.standard_error[v]))
        assert 10 ** -found.neg_log10_p[v] == pytest.approx(p, rel=1e-10)


def test_what_one_study_says_stays_and_none_says_nothing():
    beta = np.array([[0.5, np.nan, 0.1], [np.nan, np.nan, 0.2], [np.inf, 1.0, 0.3]])
    error = np.array([[0.1, 0.2, 0.1], [0.3, 0.1, 0.0], [0.1, np.nan, 0.1]])
    found = combine(beta, error, np.full((3, 3), np.nan))
    assert found.n_studies.tolist() == [1, 0, 2]
    assert found.beta[0] == 0.5
    assert found.standard_error[0] == pytest.approx(0.1)
    assert np.isnan([found.q[0], found.i2[0], found.beta_random[0], found.beta[1], found.z_weighted[2]]).all()
    assert found.beta[2] == pytest.approx(0.2)


def test_a_signal_below_what_a_float_holds():
    found = combine(np.array([[1.0], [1.1]]), np.array([[0.01], [0.01]]), np.full((2, 1), 1e5))
    # z^2 of a normal is chi-squared with one degree of freedom
    assert found.neg_log10_p[0] == pytest.approx(exact_neg_log10_tail(105.0**2 * 2, 1), rel=1e-9)


def test_other_shapes_are_refused():
    with pytest.raises(ValueError, match=r"must be \[K, V\]"):
        combine(np.zeros((2, 3)), np.zeros((2, 2)), np.zeros((2, 3)))
