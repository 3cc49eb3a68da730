"""Fisher's exact test: SciPy where a float holds p, exact fractions where none does."""

from __future__ import annotations

from decimal import Decimal, localcontext
from math import comb

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from genomics_dc.kernels.fisher import exact_neg_log10_p


def by_definition(a, b, c, d):
    """Return -log10 p in whole numbers; a table counts when it is no likelier than the one seen."""
    row, column, n = a + b, a + c, a + b + c + d
    ways = {
        k: comb(column, k) * comb(n - column, row - k) for k in range(max(0, row + column - n), min(row, column) + 1)
    }
    tail = sum(number for number in ways.values() if number <= ways[a])
    with localcontext() as context:
        context.prec = 30
        return float(-(Decimal(tail) / Decimal(comb(n, row))).log10())


@given(st.tuples(*[st.integers(0, 80)] * 4))
@settings(max_examples=200, deadline=None)
def test_scipy_agrees(table):
    theirs = stats.fisher_exact(np.array(table).reshape(2, 2)).pvalue
    # SciPy's own p is right to some 1e-9
    assert exact_neg_log10_p(np.array([table]))[0] == pytest.approx(-np.log10(theirs), abs=1e-8)


@pytest.mark.parametrize(
    "table",
    [
        (1000, 0, 0, 1000),
        (3000, 20, 15, 4000),
        (500, 1500, 100, 9000),
        (0, 700, 900, 3),
        (5, 2, 2490, 2500),
        (1, 0, 0, 1),
    ],
)
def test_far_below_what_a_float_holds(table):
    assert exact_neg_log10_p(np.array([table]))[0] == pytest.approx(
        by_definition(*table), rel=1e-11, abs=1e-12
    )  # sums of logarithms of factorials


def test_turning_the_table_changes_nothing():
    table = (12, 5, 29, 2)
    turned = [table, (5, 12, 2, 29), (29, 2, 12, 5), (12, 29, 5, 2)]
    np.testing.assert_allclose(exact_neg_log10_p(np.array(turned)), by_definition(*table), rtol=1e-12)


def test_an_empty_margin_says_nothing():
    np.testing.assert_allclose(exact_neg_log10_p(np.array([[0, 0, 3, 4], [0, 5, 0, 9], [0, 0, 0, 0]])), 0.0, atol=1e-12)
    assert exact_neg_log10_p(np.empty((0, 4), dtype=np.int64)).shape == (0,)


@pytest.mark.parametrize("table", [[[1, 2, 3]], [[1, 2, 3, -1]]])
def test_other_tables_are_refused(table):
    with pytest.raises(ValueError, match=r"shape|negative"):
        exact_neg_log10_p(np.array(table))
