"""The largest eigenvalues of a symmetric matrix: LAPACK, equal values, rank, scale."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genomics_dc.kernels.eigen import leading_eigenpairs


def check(matrix, k):
    values, vectors = leading_eigenpairs(matrix, k)
    size = max(np.abs(matrix).max(initial=0.0), 1e-300)
    np.testing.assert_allclose(values, np.linalg.eigvalsh(matrix)[::-1][:k], atol=1e-12 * size * len(matrix))
    np.testing.assert_allclose(vectors @ vectors.T, np.eye(k), atol=1e-11)
    np.testing.assert_allclose(matrix @ vectors.T, vectors.T * values, atol=1e-11 * size * len(matrix))


@given(st.integers(1, 40), st.integers(1, 60), st.integers(0, 2**32 - 1), st.sampled_from([1e-200, 1e-3, 1.0, 1e8]))
@settings(deadline=None, max_examples=60)
def test_equals_lapack_at_any_rank_and_scale(n, rank, seed, scale):
    x = np.random.default_rng(seed).standard_normal((n, rank))
    check(x @ x.T * scale, min(n, 12))


@pytest.mark.parametrize(
    "matrix", [np.eye(9), np.zeros((6, 6)), np.ones((30, 30)), -np.eye(4), np.diag([5.0] * 4 + [1] * 4)]
)
def test_equal_values(matrix):
    check(matrix, min(len(matrix), 8))


def test_only_the_lower_triangle_is_read_and_the_matrix_stays():
    matrix = np.array([[2.0, np.nan], [1.0, 2.0]])
    assert leading_eigenpairs(matrix, 2)[0] == pytest.approx([3, 1])
    assert np.isnan(matrix[0, 1])


def test_bad_input():
    with pytest.raises(ValueError, match=r"k must lie in 0\.\.N"):
        leading_eigenpairs(np.eye(3), 4)
    with pytest.raises(ValueError, match="square"):
        leading_eigenpairs(np.ones((2, 3)), 1)
    assert leading_eigenpairs(np.eye(3), 0)[1].shape == (0, 3)
