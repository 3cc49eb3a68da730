"""Alleles and carriers in groups: against the definition over random genotypes, and the edges."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genomics_dc.kernels import group_counts
from genomics_dc.kernels.genotypes import pack_dosage
from genomics_dc.kernels.packed_counts import as_words, sample_mask


def words_of(dosage):
    return as_words(pack_dosage(np.array(dosage, dtype=np.int8)))


def masks_of(members):
    return np.stack([sample_mask(members.shape[1], np.flatnonzero(group)) for group in members])


@given(st.integers(0, 2**32 - 1), st.integers(1, 4), st.sampled_from([np.int8, np.int16, np.int32]))
@settings(max_examples=40, deadline=None)
def test_allele_counts_are_the_definition_for_any_ploidy(seed, ploidy, dtype):
    random = np.random.default_rng(seed)
    genotype = random.integers(-2, 4, (5, 20, ploidy)).astype(dtype)
    members = random.random((3, 20)) < 0.5
    copies, homozygous, hemizygous = group_counts.group_allele_counts(genotype, members, 4)
    for v in range(5):
        for g in range(3):
            calls = [[a for a in genotype[v, s] if a != -2] for s in range(20) if members[g, s]]
            whole = [call for call in calls if call and min(call) >= 0]
            for allele in range(4):
                assert copies[v, g, allele] == sum(call.count(allele) for call in whole)
                assert homozygous[v, g, allele] == sum(len(call) > 1 and set(call) == {allele} for call in whole)
                assert hemizygous[v, g, allele] == sum(call == [allele] for call in whole)


def test_an_allele_number_beyond_the_last_is_refused():
    with pytest.raises(ValueError, match="below 2; 1 are not"):
        group_counts.group_allele_counts(np.array([[[0, 2]]], dtype=np.int8), np.ones((1, 1), dtype=bool), 2)


@given(st.integers(0, 2**32 - 1), st.integers(1, 100))
@settings(max_examples=40, deadline=None)
def test_first_carriers_and_merged_carriers_are_the_definition(seed, n_samples):
    random = np.random.default_rng(seed)
    dosage = np.where(random.random((8, n_samples)) < 0.1, random.integers(-1, 3, (8, n_samples)), 0).astype(np.int8)
    members = random.random((2, n_samples)) < 0.7
    masks = masks_of(members)
    first = group_counts.first_carriers(words_of(dosage), masks[0])
    gene = random.integers(0, 3, 8)
    merged = np.zeros((3, masks.shape[1]), dtype=np.uint64)
    group_counts.merge_carriers(words_of(dosage), gene, merged)
    for v in range(8):
        carriers = np.flatnonzero((dosage[v] > 0) & members[0])[:2].tolist()
        assert first[v].tolist() == carriers + [-1] * (2 - len(carriers))
    carried = [[((dosage[gene == g] > 0).any(axis=0) & group).sum() for group in members] for g in range(3)]
    assert group_counts.group_sizes(merged, masks).tolist() == carried


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: group_counts.first_carriers(np.zeros((1, 2), np.uint64), np.zeros(3, np.uint64)),
            "of one width",
        ),
        (
            lambda: group_counts.group_allele_counts(np.zeros((1, 2)), np.ones((1, 2), dtype=bool), 2),
            "genotype must be int8",
        ),
        (
            lambda: group_counts.merge_carriers(
                np.zeros((1, 2), np.uint64), np.array([5]), np.zeros((2, 2), np.uint64)
            ),
            "below 2",
        ),
    ],
)
def test_wrong_shapes_and_types_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
