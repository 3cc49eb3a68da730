"""Products with genotypes in registers: the plain definitions, over random panels, parts of rows and columns."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genomics_dc.kernels import panels
from genomics_dc.kernels._jit import jit
from genomics_dc.kernels.panels import add_images_of_panel, add_scores_of_panel

if not panels.HAS_PANELS:
    pytest.skip("this processor has no AVX-512, and kernels.standardised uses tiles", allow_module_level=True)


def _scores(panel, row, start, stop, values, weights, column, first, out):
    add_scores_of_panel(panel, row, start, stop, values, weights, column, first, out)


def _images(panel, n_rows, start, stop, values, loadings, column, first, out):
    add_images_of_panel(panel, n_rows, start, stop, values, loadings, column, first, out)


_scores_jit, _images_jit = jit(_scores), jit(_images)
_chunks = st.tuples(st.integers(0, 3), st.integers(1, 3))


def _panel(rng, n_rows, n_chunks):
    panel = rng.integers(0, 256, (n_rows, 16 * n_chunks), dtype=np.uint8)
    return panel, np.tile(rng.standard_normal((n_rows, 4)), 4).astype(np.float32)


@given(_chunks, st.sampled_from([0, 4, 8]), st.sampled_from([0, 4]), st.integers(0, 2**32 - 1))
@settings(deadline=None, max_examples=40)
def test_scores(chunks, row, column, seed):
    rng = np.random.default_rng(seed)
    start, stop = 16 * chunks[0], 16 * sum(chunks)
    panel, values = _panel(rng, 12, sum(chunks) + 1)
    weights = rng.standard_normal((8, 4 * panel.shape[1])).astype(np.float32)
    wanted = rng.standard_normal((12, 8)).astype(np.float32)
    found = wanted.copy()
    arguments = (panel, row, start, stop, values, weights, column, 4 * start)
    panels.plain_add_scores_of_panel(*arguments, wanted)
    _scores_jit(*arguments, found)
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-4)  # sums of at most 192 floats of size 1


@given(_chunks, st.integers(0, 12), st.sampled_from([0, 4]), st.integers(0, 2**32 - 1))
@settings(deadline=None, max_examples=40)
def test_images(chunks, n_rows, column, seed):
    rng = np.random.default_rng(seed)
    start, stop = 16 * chunks[0], 16 * sum(chunks)
    panel, values = _panel(rng, 12, sum(chunks) + 1)
    loadings = rng.standard_normal((12, 8)).astype(np.float32)
    wanted = rng.standard_normal((8, 4 * panel.shape[1])).astype(np.float32)
    found = wanted.copy()
    arguments = (panel, n_rows, start, stop, values, loadings, column, 4 * start)
    panels.plain_add_images_of_panel(*arguments, wanted)
    _images_jit(*arguments, found)
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-4)
