"""Runs of equal text against plain comparison."""

from itertools import pairwise

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from genomics_dc.kernels.vcf.runs import changes


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(["GT", "GT:DP", "GT:AD", "", "G"]), min_size=1, max_size=9))
def test_changes(words):
    data = np.frombuffer(("." + "".join(words)).encode(), dtype=np.uint8)
    end = 1 + np.cumsum([len(word) for word in words], dtype=np.int64)
    start = end - np.array([len(word) for word in words], dtype=np.int64)
    expected = [True] + [a != b for a, b in pairwise(words)]
    assert changes(data, start, end).tolist() == expected
