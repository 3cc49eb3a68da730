"""Values put into tiles: against plain NumPy, over types, widths and parts of a batch."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genomics_dc.kernels import tiles
from genomics_dc.kernels.vcf.call_numbers import INT_FILL, INT_MISSING


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_integers_are_what_numpy_would_make_of_them(data):
    dtype = np.dtype(data.draw(st.sampled_from(["int8", "int16", "int32", "float64"])))
    n_records, n_samples, width = (data.draw(st.integers(1, 4)) for _ in range(3))
    tile_width = width + data.draw(st.integers(0, 2))
    limits = np.iinfo(dtype) if dtype.kind == "i" else np.iinfo(np.int32)
    least = max(limits.min, -(2**31) + 8)
    random = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    values = random.integers(least, limits.max, (n_records, n_samples, width), endpoint=True).astype(np.int32)
    chosen = random.integers(0, 4, values.shape)
    values[chosen == 0], values[chosen == 1] = INT_MISSING, INT_FILL
    first = data.draw(st.integers(0, n_samples - 1))
    some = data.draw(st.integers(1, n_samples - first))
    tile = np.full((n_records + 1, some + 1, tile_width), 77, dtype=dtype)
    tiles.put_integers(values, first, some, tile, -1, -2)
    part = values[:, first : first + some]
    expected = np.full((n_records, some, tile_width), -2, dtype=dtype)
    expected[..., :width] = np.where(part == INT_MISSING, -1, np.where(part == INT_FILL, -2, part))
    np.testing.assert_array_equal(tile[:n_records, :some], expected)
    assert (tile[n_records:] == 77).all()
    assert (tile[:, some:] == 77).all()


def test_a_tile_that_is_too_small_is_refused():
    with pytest.raises(ValueError, match=r"a tile of \(1, 1, 1\) cannot take 2 x 1 x 1 values"):
        tiles.put_integers(np.zeros((2, 1, 1), dtype=np.int32), 0, 1, np.zeros((1, 1, 1), dtype=np.int8), -1, -2)
