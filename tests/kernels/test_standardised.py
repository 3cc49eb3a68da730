"""Standardised genotypes from two bits each: the definition, both precisions, order of samples, blocks."""

from __future__ import annotations

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genomics_dc.kernels import standardised
from genomics_dc.kernels.genotypes import pack_dosage

dosages = hnp.arrays(np.int8, st.tuples(st.integers(0, 70), st.integers(1, 30)), elements=st.integers(-1, 2))


def definition(dosage):
    """Standardised genotypes float64[V, S], those of variants that do not vary zero."""
    rows = np.zeros(dosage.shape)
    for row, calls in zip(rows, dosage, strict=True):
        called = calls[calls >= 0]
        if called.size and called.min() != called.max():
            p = called.mean() / 2
            row[:] = np.where(calls < 0, 0.0, (calls - 2 * p) / np.sqrt(2 * p * (1 - p)))
    return rows


def products(dosage, weights, dtype):
    packed, order = pack_dosage(dosage), standardised.sample_order(dosage.shape[1])
    mean, scale = standardised.scaling(standardised.scaling_counts(packed, dosage.shape[1]))
    rows = order.spread(weights, dtype)
    scores = standardised.scores(packed, mean, scale, order, rows)
    images, both = np.zeros((len(weights), order.width)), np.zeros((len(weights), order.width))
    standardised.add_images(packed, mean, scale, order, scores.astype(dtype), images)
    standardised.add_product(packed, mean, scale, order, rows, both)
    return scores, order.gather(images), order.gather(both)


@given(dosages, st.integers(1, 9), st.sampled_from([np.float32, np.float64]))
@settings(deadline=None, max_examples=60)
def test_equals_the_definition(dosage, width, dtype):
    weights = np.random.default_rng(1).standard_normal((width, dosage.shape[1]))
    x = definition(dosage)
    scores, images, both = products(dosage, weights, dtype)
    near = {"rtol": 1e-12, "atol": 1e-10} if dtype is np.float64 else {"rtol": 1e-4, "atol": 2e-4}
    np.testing.assert_allclose(scores, x @ weights.T, **near)
    np.testing.assert_allclose(images, (x @ weights.T).T @ x, **near)
    np.testing.assert_allclose(both, images, **near)


@given(dosages, st.integers(1, 9))
@settings(deadline=None, max_examples=30)
def test_registers_and_tiles_give_the_same(dosage, width):
    weights = np.random.default_rng(4).standard_normal((width, dosage.shape[1]))
    found = []
    for in_registers in (standardised.HAS_PANELS, False):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(standardised, "HAS_PANELS", in_registers)
            found.append(products(dosage, weights, np.float32)[2])
    np.testing.assert_allclose(*found, rtol=1e-4, atol=2e-4)


@pytest.mark.parametrize("n_samples", [1, 5, 64, 2500, 2561, 6001])
def test_rows_of_a_product_begin_on_a_line_of_the_cache(n_samples):
    order = standardised.sample_order(n_samples)
    assert order.tile_bytes % 16 == 0
    assert order.width >= n_samples
    assert len(np.unique(order.place)) == n_samples
    assert order.place.max() < order.width
    rows = order.spread(np.ones((3, n_samples)), np.float32)
    assert [row.ctypes.data % 64 for row in rows] == [0, 0, 0]
    assert rows.sum() == 3 * n_samples


def test_counts():
    dosage = np.random.default_rng(2).integers(-1, 3, (50, 37)).astype(np.int8)
    counts = standardised.scaling_counts(pack_dosage(dosage), 37)
    np.testing.assert_array_equal(counts, [[np.sum(row == code) for code in (0, 1, 2, -1)] for row in dosage])


def test_more_samples_than_one_tile_and_more_variants_than_one_sum():
    rng = np.random.default_rng(3)
    dosage = rng.binomial(2, 0.3, (700, 6001)).astype(np.int8)
    dosage[rng.random(dosage.shape) < 0.01] = -1
    weights = rng.standard_normal((5, 6001))
    x = definition(dosage)
    exact = (x @ weights.T).T @ x
    for dtype, tolerance in ((np.float32, 1e-6), (np.float64, 1e-14)):
        _, images, both = products(dosage, weights, dtype)
        size = np.abs(exact).max()
        assert np.abs(images - exact).max() < tolerance * size
        assert np.abs(both - exact).max() < tolerance * size
    order = standardised.sample_order(6001)
    assert order.tile_bytes * 4 < 6001
    np.testing.assert_array_equal(np.sort(order.place), np.unique(order.place))
    np.testing.assert_array_equal(order.gather(order.spread(weights, np.float64)), weights)


def test_a_variant_that_does_not_vary_adds_nothing():
    dosage = np.array([[1, 1, 1, 1], [2, 2, -1, 2], [-1, -1, -1, -1], [0, 1, 2, 1]], dtype=np.int8)
    mean, scale = standardised.scaling(standardised.scaling_counts(pack_dosage(dosage), 4))
    assert mean.tolist() == [1.0, 2.0, 0.0, 1.0]
    assert scale[:3].tolist() == [0.0, 0.0, 0.0]
    assert scale[3] == pytest.approx(1 / np.sqrt(0.5))
