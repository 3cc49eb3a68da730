import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genomics_dc.kernels.site_join import join_sorted_sites
from genomics_dc.kernels.vcf.records import Strings

sites = st.lists(
    st.tuples(
        st.integers(0, 3),
        st.integers(1, 2),
        st.lists(st.sampled_from(["A", "C", "AC", "<DEL>"]), min_size=1, max_size=3),
    ),
    max_size=8,
).map(lambda listed: sorted(listed, key=lambda site: site[0]))


def _columns(listed):
    width = max((len(alleles) for _, _, alleles in listed), default=1)
    words = np.full((len(listed), width), "", dtype=object)
    for row, (_, _, alleles) in enumerate(listed):
        words[row, : len(alleles)] = alleles
    text = Strings.of(words)
    key = np.array([key for key, _, _ in listed], dtype=np.int64)
    length = np.array([length for _, length, _ in listed], dtype=np.int32)
    return key, length, (text.data, text.start, text.end)


def _plain_join(first, second):
    """Every site of the first list takes the earliest equal one of the second; the others follow at their place."""
    free = list(range(len(second)))
    rows = []
    for i, site in enumerate(first):
        j = next((j for j in free if second[j] == site), -1)
        if j >= 0:
            free.remove(j)
        rows.append((site[0], 0, i, j))
    rows += [(second[j][0], 1, -1, j) for j in free]
    rows.sort(key=lambda row: row[:2])
    return [row[2] for row in rows], [row[3] for row in rows]


@settings(deadline=None)  # the first turn compiles
@given(sites, sites)
def test_the_union_is_that_of_the_plain_definition(first, second):
    rows_a, rows_b = join_sorted_sites(*_columns(first), *_columns(second))
    assert (rows_a.tolist(), rows_b.tolist()) == _plain_join(first, second)


def test_the_same_alleles_in_another_order_are_another_variant():
    rows_a, rows_b = join_sorted_sites(*_columns([(5, 1, ["A", "C", "G"])]), *_columns([(5, 1, ["A", "G", "C"])]))
    assert (rows_a.tolist(), rows_b.tolist()) == ([0, -1], [-1, 0])


def test_a_deletion_of_another_length_is_another_variant():
    rows_a, rows_b = join_sorted_sites(*_columns([(5, 100, ["A", "<DEL>"])]), *_columns([(5, 200, ["A", "<DEL>"])]))
    assert (rows_a.tolist(), rows_b.tolist()) == ([0, -1], [-1, 0])


def test_lists_that_are_not_sorted_are_refused():
    with pytest.raises(ValueError, match="sorted"):
        join_sorted_sites(*_columns([(2, 1, ["A"]), (1, 1, ["A"])]), *_columns([]))
