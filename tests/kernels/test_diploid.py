"""Pairs of alleles against the plain reading of a call."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from genomics_dc.kernels.diploid import allele_dosage, call_probabilities, diploid_calls

shapes = st.tuples(st.integers(0, 4), st.integers(0, 5), st.integers(1, 4))


def calls_of(dtype):
    return shapes.flatmap(lambda shape: arrays(dtype, shape, elements=st.integers(-2, 4)))


@settings(max_examples=200, deadline=None)
@given(st.sampled_from([np.int8, np.int16, np.int32]).flatmap(calls_of), st.randoms(use_true_random=False))
def test_pairs_are_the_plain_reading(genotype, random):
    together = np.array([[random.random() < 0.5 for _ in row] for row in genotype], dtype=bool)
    together = together.reshape(genotype.shape[:2])
    found = diploid_calls(genotype, together)
    half = haploid = polyploid = 0
    first = -1
    for v, row in enumerate(genotype):
        for s, call in enumerate(row):
            alleles = [int(allele) for allele in call if allele != -2]
            called = [allele for allele in alleles if allele >= 0]
            pair, phased, ploidy = [-9, -9], False, 1 if len(alleles) == 1 else 2
            if len(alleles) > 2 and called:
                polyploid += 1
                first = v if first < 0 else first
            elif len(alleles) == 2 and len(called) == 1:
                half += 1
            elif len(called) == 1 == len(alleles):
                haploid += 1
                pair = called * 2
            elif len(called) == 2:
                pair = called
                phased = bool(together[v, s]) and called[0] != called[1]
            assert found.alleles[v, 2 * s : 2 * s + 2].tolist() == pair
            assert found.phased[v, s] == phased
            assert found.ploidy[v, s] == ploidy
    assert (found.n_half, found.n_haploid, found.n_polyploid, found.first_polyploid) == (
        half,
        haploid,
        polyploid,
        first,
    )


@settings(max_examples=100, deadline=None)
@given(calls_of(np.int8), st.integers(1, 4))
def test_dosage_of_an_allele_is_the_plain_count(genotype, allele):
    dosage = allele_dosage(genotype, np.full(len(genotype), allele))
    for row, counted in zip(genotype, dosage, strict=True):
        for call, copies in zip(row, counted, strict=True):
            alleles = [int(number) for number in call if number != -2]
            expected = -1
            if alleles and min(alleles) >= 0 and len(alleles) <= 2:
                expected = alleles.count(allele) * (2 if len(alleles) == 1 else 1)
            assert copies == expected


def test_probabilities_by_genotype_and_by_haplotype():
    alleles = np.array([0, 0, 2, 1, -9, -9, 2, 2], dtype=np.int32)
    ploidy = np.array([2, 2, 2, 1], dtype=np.uint8)
    by_genotype = call_probabilities(alleles, ploidy, 3, by_haplotype=False)
    assert by_genotype[[0, 1, 3]].tolist() == [[1, 0, 0, 0, 0, 0], [0, 0, 0, 0, 1, 0], [0, 0, 1, 0, 0, 0]]
    assert np.isnan(by_genotype[2]).all()
    by_haplotype = call_probabilities(alleles, ploidy, 3, by_haplotype=True)
    assert by_haplotype[[0, 1, 3]].tolist() == [[1, 0, 0, 1, 0, 0], [0, 0, 1, 0, 1, 0], [0, 0, 1, 0, 0, 0]]
    with pytest.raises(ValueError, match="an allele number is 2"):
        call_probabilities(alleles, ploidy, 2, by_haplotype=False)


def test_shapes_and_types_are_checked():
    genotype = np.zeros((2, 3, 2), dtype=np.int8)
    with pytest.raises(ValueError, match="three dimensions"):
        diploid_calls(genotype[0], None)
    with pytest.raises(ValueError, match="int8, int16 or int32"):
        diploid_calls(genotype.astype(np.int64), None)
    with pytest.raises(ValueError, match="together must be bool"):
        diploid_calls(genotype, np.zeros((2, 2), dtype=bool))
    with pytest.raises(ValueError, match="allele must have 2 numbers"):
        allele_dosage(genotype, np.zeros(3, dtype=np.int64))
