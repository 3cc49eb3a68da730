"""Fisher's exact test and the Hardy-Weinberg test on X, against their definitions in whole fractions, and SciPy."""

from __future__ import annotations

from fractions import Fraction
from math import factorial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from genomics_dc.kernels import fisher, hwe, hwe_x

# Logarithms of factorials hold 1e-11 of p at these sizes.
TOLERANCE = 1e-10


def p_on_x(aa, h, bb, male_a, male_b, *, midp):
    """The definition of Graffelman and Weir: all outcomes, one by one."""
    females, males = aa + h + bb, male_a + male_b
    a, b = 2 * aa + h + male_a, 2 * bb + h + male_b
    outcomes = {}
    for m in range(males + 1):
        for het in range(females + 1):
            if (a - m - het) % 2 or not 0 <= (a - m - het) // 2 <= females - het:
                continue
            homozygous = (a - m - het) // 2
            above = factorial(a) * factorial(b) * factorial(males) * factorial(females) * 2**het
            below = factorial(m) * factorial(males - m) * factorial(homozygous) * factorial(het)
            outcomes[m, het] = Fraction(above, below * factorial(females - homozygous - het) * factorial(a + b))
    assert sum(outcomes.values()) == 1
    seen = outcomes[male_a, h]
    p = sum(one for one in outcomes.values() if one <= seen)
    return float(p - sum(one for one in outcomes.values() if one == seen) / 2 if midp else p)


@settings(deadline=None, max_examples=60)
@given(st.lists(st.integers(0, 12), min_size=5, max_size=5), st.booleans())
def test_x_is_its_definition(counts, midp):
    if sum(counts) == 0:
        return
    found = 10.0 ** -hwe_x.exact_neg_log10_p(np.array([counts]), midp)[0]
    assert found == pytest.approx(p_on_x(*counts, midp=midp), rel=TOLERANCE)


def test_x_without_males_is_the_test_of_autosomes():
    rng = np.random.default_rng(3)
    counts = rng.integers(0, 400, (50, 3))
    with_none = np.concatenate([counts, np.zeros((50, 2), dtype=np.int64)], axis=1)
    for midp in (False, True):
        autosomal = hwe.exact_neg_log10_p(*counts.T, midp=midp)
        np.testing.assert_allclose(hwe_x.exact_neg_log10_p(with_none, midp), autosomal, rtol=1e-9, atol=1e-11)


def test_x_swapping_alleles_changes_nothing_and_far_tails_are_kept():
    counts = np.array([[5, 300, 8, 20, 500], [0, 2000, 0, 3000, 10]])
    swapped = counts[:, [2, 1, 0, 4, 3]]
    found = hwe_x.exact_neg_log10_p(counts)
    np.testing.assert_allclose(found, hwe_x.exact_neg_log10_p(swapped), rtol=1e-12)
    assert found[1] > 400
    assert np.isnan(hwe_x.exact_neg_log10_p(np.zeros((1, 5), dtype=np.int64)))[0]


@settings(deadline=None, max_examples=60)
@given(st.lists(st.integers(0, 80), min_size=4, max_size=4))
def test_fisher_is_scipys(cells):
    theirs = stats.fisher_exact(np.array(cells).reshape(2, 2))[1]
    assert 10.0 ** -fisher.exact_neg_log10_p(np.array([cells]))[0] == pytest.approx(theirs, rel=1e-6)


def test_fisher_midp_takes_half_of_ties_and_keeps_far_tails():
    # (3 1 / 1 3): outcomes 1, 16, 36, 16, 1 of 70; the one seen has 16, and so has its mirror
    assert 10.0 ** -fisher.exact_neg_log10_p(np.array([[3, 1, 1, 3]]))[0] == pytest.approx(34 / 70)
    assert 10.0 ** -fisher.exact_neg_log10_p(np.array([[3, 1, 1, 3]]), midp=True)[0] == pytest.approx(18 / 70)
    far = fisher.exact_neg_log10_p(np.array([[0, 5000, 5000, 0]]))[0]
    ways = (factorial(10000) // factorial(5000) ** 2) // 2  # of two equal outcomes
    assert far == pytest.approx(len(str(ways)), abs=1)
    assert fisher.exact_neg_log10_p(np.array([[0, 0, 5, 5]]))[0] == pytest.approx(0.0, abs=1e-12)


def test_wrong_arrays_are_refused():
    with pytest.raises(ValueError, match=r"shape \(V, 5\)"):
        hwe_x.exact_neg_log10_p(np.zeros((2, 4), dtype=np.int64))
    with pytest.raises(ValueError, match="must not be negative"):
        fisher.exact_neg_log10_p(np.array([[-1, 0, 0, 0]]))
