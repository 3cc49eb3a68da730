"""The largest unrelated set: every subset tried, hand-worked families, preference, the greedy way."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genomics_dc.kernels import independent_set
from genomics_dc.kernels.independent_set import largest_independent_set


def definition(n, pairs, preference):
    """The largest size, and the largest preference at that size, over all subsets."""
    best = (0, 0)
    for chosen in itertools.product((False, True), repeat=n):
        if not any(chosen[one] and chosen[other] for one, other in pairs):
            best = max(best, (sum(chosen), sum(p for p, here in zip(preference, chosen, strict=True) if here)))
    return best


graphs = st.integers(1, 9).flatmap(
    lambda n: st.tuples(
        st.just(n),
        st.lists(st.tuples(st.integers(0, n - 1), st.integers(0, n - 1)).filter(lambda e: e[0] != e[1]), max_size=16),
        st.lists(st.integers(0, 9), min_size=n, max_size=n),
    )
)


def run(n, pairs, preference):
    edges = np.array(pairs, dtype=np.int64).reshape(-1, 2)
    return largest_independent_set(n, edges[:, 0], edges[:, 1], np.array(preference))


@given(graphs)
@settings(deadline=None, max_examples=150)
def test_equals_trying_every_subset(graph):
    n, pairs, preference = graph
    kept = run(n, pairs, preference).kept
    assert not any(kept[one] and kept[other] for one, other in pairs)
    assert (kept.sum(), np.array(preference)[kept].sum()) == definition(n, pairs, preference)


@given(graphs)
@settings(deadline=None, max_examples=50)
def test_the_greedy_way_leaves_no_pair_and_nobody_who_could_stay(graph):
    n, pairs, preference = graph
    before = independent_set.EXACT_MAX
    independent_set.EXACT_MAX = 0
    try:
        found = run(n, pairs, preference)
    finally:
        independent_set.EXACT_MAX = before
    assert not any(found.kept[one] and found.kept[other] for one, other in pairs)
    assert found.exact.tolist() == (found.part < 0).tolist()


def test_families():
    # two parents and three children: the parents are unrelated, but the children's set is no larger than one
    trio = [(0, 2), (1, 2), (0, 3), (1, 3), (0, 4), (1, 4), (2, 3), (2, 4), (3, 4)]
    found = run(6, trio, [1] * 6)
    assert found.kept.tolist() == [True, True, False, False, False, True]
    assert found.part.tolist() == [0] * 5 + [-1]
    # of a pair the better covered stays
    assert run(2, [(0, 1)], [3, 4]).kept.tolist() == [False, True]


def test_a_large_family_is_solved_greedily():
    n = independent_set.EXACT_MAX + 2
    found = run(n, [(0, other) for other in range(1, n)], [9] + [1] * (n - 1))
    assert found.kept.tolist() == [False] + [True] * (n - 1)
    assert not found.exact.any()


def test_bad_input():
    with pytest.raises(ValueError, match=r"pairs must lie in 0\.\.1"):
        run(2, [(0, 2)], [0, 0])
    with pytest.raises(ValueError, match="0 or more"):
        run(2, [(0, 1)], [-1, 0])
