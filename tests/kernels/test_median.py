"""The median against NumPy's own, which sorts."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from genomics_dc.kernels.median import _median, median

_FLOATS = st.floats(width=64, allow_subnormal=True) | st.sampled_from([0.0, -0.0, 1.0, np.inf, -np.inf, np.nan])


@settings(deadline=None)
@given(arrays.arrays(np.float64, st.integers(0, 60), elements=_FLOATS))
def test_equals_numpy(values):
    known = values[~np.isnan(values)]
    with np.errstate(all="ignore"):
        wanted = np.median(known) if known.size else np.nan
        if known.size and np.isinf(known).any() and not np.isfinite(wanted):
            middle = np.sort(known)[[(known.size - 1) // 2, known.size // 2]]
            wanted = middle[0] if middle[0] == middle[1] else 0.5 * (middle[0] + middle[1])
        for found in (median(values), _median(values)):
            assert (
                found == wanted or (np.isnan(found) and np.isnan(wanted)) or abs(found - wanted) <= 1e-15 * abs(wanted)
            )


@pytest.mark.parametrize("n", [1, 2, 99_999, 100_000])
def test_many_values_of_many_sizes(n):
    values = np.random.default_rng(n).exponential(size=n) * 10.0 ** np.random.default_rng(1).integers(-5, 6, size=n)
    assert median(values) == np.median(values)


def test_other_shapes_are_refused():
    with pytest.raises(ValueError, match="float64"):
        median(np.zeros((2, 2)))
    with pytest.raises(ValueError, match="float64"):
        median(np.zeros(2, dtype=np.float32))
