"""Products of long rows against numpy, for every remainder of the unrolled loops."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genomics_dc.kernels import products

sizes = st.integers(0, 9)


@given(sizes, sizes, st.integers(1, 600), st.integers(0, 2**32 - 1))
@settings(deadline=None, max_examples=80)
def test_equals_numpy(m, n, length, seed):
    rng = np.random.default_rng(seed)
    left, right = rng.standard_normal((m, length)), rng.standard_normal((n, length))
    np.testing.assert_allclose(products.inner(left, right), left @ right.T, atol=1e-11)
    weights = rng.standard_normal((m, n))
    np.testing.assert_allclose(products.combinations(weights, left), weights.T @ left, atol=1e-11)


def test_places_inside_longer_rows():
    rng = np.random.default_rng(1)
    left, right = rng.standard_normal((5, 40)), rng.standard_normal((3, 50))
    out = np.ones((5, 3))
    products.inner_jit(left, 4, 30, right, 10, out)
    np.testing.assert_allclose(out[:4], 1 + left[:4, :30] @ right[:, 10:40].T)
    assert (out[4] == 1).all()
    into = np.zeros((2, 50))
    weights = rng.standard_normal((5, 2))
    products.add_combinations_jit(weights, left, 4, 30, into, 20)
    np.testing.assert_allclose(into[:, 20:], weights[:4].T @ left[:4, :30])
    assert not into[:, :20].any()


def test_missing_numbers_stay_missing():
    rows = np.array([[1.0, np.nan], [1.0, 1.0]])
    assert np.isnan(products.inner(rows, rows)).tolist() == [[True, True], [True, False]]
    assert np.isinf(products.combinations(np.array([[np.inf], [1.0]]), np.ones((2, 3)))).all()
    with pytest.raises(AssertionError):
        np.testing.assert_array_equal(products.inner(rows, rows), np.ones((2, 2)))
