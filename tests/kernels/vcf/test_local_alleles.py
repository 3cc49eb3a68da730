from itertools import combinations_with_replacement

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genomics_dc.kernels.vcf.local_alleles import likelihood_width, local_alleles, local_depths, local_likelihoods

M, F = -(2**31), -(2**31) + 1


def genotype_order(n_alleles, ploidy):
    """All genotypes in the order of the VCF specification: by the last copy, then the one before it."""
    every = combinations_with_replacement(range(n_alleles), ploidy)
    return sorted(every, key=lambda copies: copies[::-1])


def test_the_order_is_the_specifications():
    assert genotype_order(3, 2) == [(0, 0), (0, 1), (1, 1), (0, 2), (1, 2), (2, 2)]
    assert genotype_order(2, 3) == [(0, 0, 0), (0, 0, 1), (0, 1, 1), (1, 1, 1)]


def test_a_hand_worked_record_of_five_alleles():
    genotype = np.array([[[0, 2], [4, 3], [0, 0], [-1, -1], [3, -2], [1, 1]]], dtype=np.int8)
    laa = local_alleles(genotype)
    assert laa.tolist() == [[[2, F], [3, 4], [M, F], [M, F], [3, F], [1, F]]]
    depth = np.tile(np.arange(5, dtype=np.int32) * 10, (1, 6, 1))
    lad, past = local_depths(depth, laa)
    assert lad.tolist() == [[[0, 20, F], [0, 30, 40], [0, F, F], [0, F, F], [0, 30, F], [0, 10, F]]]
    assert past.tolist() == [0]
    likelihood = np.tile(np.arange(15, dtype=np.int32), (1, 6, 1))  # each value is its own place
    lpl, past = local_likelihoods(likelihood, laa, genotype)
    assert lpl.tolist() == [
        [
            [0, 3, 5, F, F, F],
            [0, 6, 9, 10, 13, 14],
            [0, F, F, F, F, F],
            [0, F, F, F, F, F],
            [0, 3, F, F, F, F],
            [0, 1, 2, F, F, F],
        ]
    ]
    assert past.tolist() == [0]


def test_missing_stays_missing_and_what_lacks_is_counted():
    genotype = np.array([[[0, 2], [0, 1]], [[0, 2], [0, 1]]], dtype=np.int8)
    laa = local_alleles(genotype)
    depth = np.array([[[M, F, F], [7, 8, F]], [[M, M, M], [M, M, M]]], dtype=np.int32)
    lad, past = local_depths(depth, laa)
    assert lad.tolist() == [[[M, F, F], [7, 8, F]], [[M, M, M], [M, M, M]]]
    assert past.tolist() == [0, 0]
    lad, past = local_depths(np.array([[[5, F], [7, 8]], [[1, 2], [1, 2]]], dtype=np.int32), laa)
    assert lad.tolist() == [[[5, M, F], [7, 8, F]], [[1, M, F], [1, 2, F]]]
    assert past.tolist() == [1, 1]
    lpl, past = local_likelihoods(np.array([[[M, F, F], [1, 2, 3]]] * 2, dtype=np.int32), laa, genotype)
    assert lpl.tolist() == [[[M, F, F, F, F, F], [1, 2, 3, F, F, F]]] * 2
    assert past.tolist() == [0, 0]


@st.composite
def sites(draw):
    ploidy = draw(st.integers(1, 4))
    n_alleles = draw(st.integers(1, 6))
    call = st.tuples(
        st.integers(1, ploidy), st.lists(st.integers(-1, n_alleles - 1), min_size=ploidy, max_size=ploidy)
    ).map(lambda drawn: drawn[1][: drawn[0]] + [-2] * (ploidy - drawn[0]))
    return n_alleles, draw(st.lists(call, min_size=1, max_size=4))


@settings(deadline=None)
@given(sites())
def test_local_values_are_those_of_the_named_alleles(case):
    n_alleles, calls = case
    genotype = np.array([calls], dtype=np.int16)
    ploidy = genotype.shape[2]
    laa = local_alleles(genotype)
    width = len(genotype_order(n_alleles, ploidy))
    likelihood = np.full((1, len(calls), width), F, dtype=np.int32)
    named = []
    for s, copies in enumerate(calls):
        order = genotype_order(n_alleles, sum(allele != -2 for allele in copies))
        likelihood[0, s, : len(order)] = np.arange(len(order)) + 100 * s
        named.append(order)
    lpl, past = local_likelihoods(likelihood, laa, genotype)
    assert lpl.shape[2] == likelihood_width(ploidy)
    assert past.tolist() == [0]
    for s, copies in enumerate(calls):
        carried = sorted({allele for allele in copies if allele > 0})
        assert [x for x in laa[0, s].tolist() if x > 0] == carried
        local = [0, *carried]
        n = sum(allele != -2 for allele in copies)
        expected = [
            named[s].index(tuple(local[a] for a in copies_)) + 100 * s for copies_ in genotype_order(len(local), n)
        ]
        assert lpl[0, s].tolist() == expected + [F] * (lpl.shape[2] - len(expected))


def test_calls_with_ref_and_one_alt_agree_with_bio2zarr():
    pytest.importorskip("bio2zarr")
    from bio2zarr import vcz

    rng = np.random.default_rng(4)
    genotype = rng.integers(0, 4, (1, 50, 2)).astype(np.int8)
    likelihood = rng.integers(0, 200, (1, 50, 10)).astype(np.int32)
    lpl, _ = local_likelihoods(likelihood, local_alleles(genotype), genotype)
    observed = vcz.compute_la_field(genotype[0].copy())
    theirs = vcz.compute_lpl_field(likelihood[0], observed)
    compared = 0
    for s, alleles in enumerate(observed):
        if alleles[0] == 0 and alleles[1] > 0:  # bio2zarr names REF only where the call has it
            assert theirs[s].tolist() == lpl[0, s, :3].tolist()
            compared += 1
    assert compared > 5
