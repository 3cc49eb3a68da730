import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genomics_dc.kernels.reference_blocks import Blocks, make_blocks, proven_reference, without

LENGTH = 24
records = st.lists(
    st.tuples(st.integers(0, LENGTH - 1), st.integers(1, 6), st.integers(0, 40), st.integers(0, 99), st.integers(1, 2)),
    max_size=8,
)
intervals = st.lists(st.tuples(st.integers(0, LENGTH - 1), st.integers(0, 6)), max_size=5)


def _made(listed, **bands):
    columns = [np.array([row[i] for row in listed], dtype=np.int64) for i in range(5)]
    columns[1] = columns[0] + columns[1]
    return make_blocks(*columns, **bands)


def _by_base(listed):
    """Depth, quality, copies of each base, as the module says: the least of the records that speak of it."""
    bases = {}
    for start, length, depth, quality, copies in listed:
        for base in range(start, start + length):
            held = bases.get(base)
            if held is None:
                bases[base] = (depth, quality, copies)
            else:
                agreed = min(held[1], quality) if held[2] == copies and held[2] else 0
                bases[base] = (min(held[0], depth), agreed, held[2])
    return bases


@settings(deadline=None)  # the first turn compiles
@given(records)
def test_without_bands_every_base_has_the_least_of_its_records(listed):
    every = tuple(range(100))
    blocks = _made(listed, depth_bands=every, quality_bands=every)
    got = {}
    for start, end, depth, quality, copies in zip(
        blocks.start, blocks.end, blocks.depth, blocks.quality, blocks.copies, strict=True
    ):
        for base in range(start, end):
            assert base not in got
            got[base] = (depth, quality, copies)
    expected = _by_base(listed)
    assert got.keys() == expected.keys()
    assert {base: value[:2] for base, value in got.items()} == {base: value[:2] for base, value in expected.items()}
    assert (blocks.start[1:] >= blocks.end[:-1]).all()


@settings(deadline=None)  # the first turn compiles
@given(records)
def test_bands_never_claim_more_than_the_records(listed):
    blocks = _made(listed)
    expected = _by_base(listed)
    covered = 0
    for start, end, depth, quality in zip(blocks.start, blocks.end, blocks.depth, blocks.quality, strict=True):
        for base in range(start, end):
            covered += 1
            assert depth <= expected[base][0]
            assert quality <= expected[base][1]
    assert covered == len(expected)


@settings(deadline=None)  # the first turn compiles
@given(records, intervals, st.integers(0, 20), st.integers(0, 50))
def test_a_site_is_proven_where_every_base_is(listed, sites, depth_min, quality_min):
    every = tuple(range(100))
    one_ploidy = [(*row[:4], 2) for row in listed]
    blocks = _made(one_ploidy, depth_bands=every, quality_bands=every)
    bases = _by_base(one_ploidy)
    start = np.array([site[0] for site in sites], dtype=np.int64)
    end = start + np.array([site[1] for site in sites], dtype=np.int64)
    depth, copies = proven_reference(blocks, start, end, depth_min_reads=depth_min, quality_min=quality_min)
    for (first, length), got, n_copies in zip(sites, depth, copies, strict=True):
        span = [bases.get(base, (-1, -1, 0)) for base in range(first, first + length)]
        good = bool(span) and all(d >= depth_min and q >= quality_min for d, q, _ in span)
        assert got == (min(d for d, _, _ in span) if good else -1)
        assert n_copies == (2 if good else 0)


@settings(deadline=None)  # the first turn compiles
@given(records, intervals)
def test_cut_out_intervals_are_no_longer_covered(listed, holes):
    blocks = _made(listed)
    start = np.array([hole[0] for hole in holes], dtype=np.int64)
    end = start + np.array([hole[1] for hole in holes], dtype=np.int64)
    left = without(blocks, start, end)
    gone = {base for first, last in zip(start, end, strict=True) for base in range(first, last)}
    before = {base for first, last in zip(blocks.start, blocks.end, strict=True) for base in range(first, last)}
    after = [base for first, last in zip(left.start, left.end, strict=True) for base in range(first, last)]
    assert after == sorted(before - gone)
    assert (left.end > left.start).all()


def test_blocks_that_touch_but_differ_in_copies_prove_nothing_across():
    blocks = _made([(0, 5, 30, 50, 2), (5, 5, 30, 50, 1)])
    site = np.array([4], dtype=np.int64)
    assert proven_reference(blocks, site, site + 2, depth_min_reads=1, quality_min=1)[0].tolist() == [-1]
    assert proven_reference(blocks, site, site + 1, depth_min_reads=1, quality_min=1)[0].tolist() == [30]


def test_no_blocks_prove_nothing():
    site = np.array([4], dtype=np.int64)
    assert proven_reference(Blocks.none(), site, site + 1, depth_min_reads=0, quality_min=0)[0].tolist() == [-1]


def test_a_block_that_ends_before_it_starts_is_refused():
    one = np.array([5], dtype=np.int64)
    with pytest.raises(ValueError, match="ends before"):
        make_blocks(one, one - 1, one, one, one)
