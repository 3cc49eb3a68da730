"""Counts over packed genotypes against counts of dosages, which other tests hold against counting in plain Python."""

from __future__ import annotations

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genomics_dc.kernels import counts, packed_counts
from genomics_dc.kernels.genotypes import pack_dosage

dosages = hnp.arrays(
    np.int8, st.tuples(st.integers(0, 20), st.integers(0, 70)), elements=st.sampled_from([-1, 0, 0, 1, 2])
)


@settings(deadline=None)  # the first turn compiles
@given(dosages, st.data())
def test_by_sample_is_what_dosages_give(dosage, data):
    classes = data.draw(hnp.arrays(np.int8, len(dosage), elements=st.integers(-1, counts.OTHER)))
    kept = classes >= 0
    by_variant = counts.genotype_counts(dosage)
    found = packed_counts.sample_counts_packed(pack_dosage(dosage), by_variant, dosage.shape[1], classes)
    np.testing.assert_array_equal(found, counts.sample_counts(dosage[kept], classes[kept]))


@settings(deadline=None)
@given(dosages, st.data())
def test_some_samples_are_counted_as_if_alone(dosage, data):
    n_samples = dosage.shape[1]
    chosen = np.array(sorted(data.draw(st.sets(st.integers(0, max(n_samples - 1, 0)), max_size=n_samples))), np.int64)
    words, mask = packed_counts.as_words(pack_dosage(dosage)), packed_counts.sample_mask(n_samples, chosen)
    alone = dosage[:, chosen]
    found = packed_counts.counts_by_mask(words, np.stack([mask, packed_counts.sample_mask(n_samples)]))
    np.testing.assert_array_equal(found[:, 0], counts.genotype_counts(alone))
    np.testing.assert_array_equal(found[:, 1], counts.genotype_counts(dosage))
    classes = np.zeros(len(dosage), dtype=np.int8)
    sums = packed_counts.SampleSums(mask, 1024.0)
    for part in (slice(0, 7), slice(7, None)):  # blocks add up
        sums.add(words[part], np.ascontiguousarray(found[part, 0]), classes[part])
    np.testing.assert_array_equal(sums.by_sample()[chosen], counts.sample_counts(alone, classes))
    expected = packed_counts.expected_het(np.ascontiguousarray(found[:, 0]), 1024.0)
    weights = ((alone < 0) * expected[:, None]).sum(axis=0)
    np.testing.assert_array_equal(sums.missing_het()[chosen], weights)


def test_expected_heterozygotes_of_worked_counts():
    by_hand = packed_counts.expected_het(np.array([[1, 2, 1, 5], [4, 0, 0, 0], [0, 0, 0, 3]], dtype=np.int32), 1000.0)
    assert by_hand.tolist() == [500, 0, 0]


def test_many_variants_of_one_class_do_not_overflow_a_byte():
    rng = np.random.default_rng(2)
    dosage = rng.choice(np.array([-1, 0, 1, 2], dtype=np.int8), (4200, 9), p=[0.02, 0.03, 0.05, 0.9])
    classes = np.zeros(len(dosage), dtype=np.int8)
    packed, by_variant = pack_dosage(dosage), counts.genotype_counts(dosage)
    found = packed_counts.sample_counts_packed(packed, by_variant, 9, classes)
    np.testing.assert_array_equal(found, counts.sample_counts(dosage, classes))


def test_wrong_arrays_are_refused():
    packed = pack_dosage(np.zeros((4, 9), dtype=np.int8))
    by_variant = np.zeros((4, 4), dtype=np.int32)
    with pytest.raises(ValueError, match="3 columns for 9 samples"):
        packed_counts.sample_counts_packed(packed[:, :2], by_variant, 9, np.zeros(4, dtype=np.int8))
    with pytest.raises(ValueError, match="counts must be int32 of shape"):
        packed_counts.sample_counts_packed(packed, by_variant[:3], 9, np.zeros(4, dtype=np.int8))
    with pytest.raises(ValueError, match=r"classes must lie in -1\.\.4"):
        packed_counts.sample_counts_packed(packed, by_variant, 9, np.full(4, 5, dtype=np.int8))
    with pytest.raises(ValueError, match="masks have 2 words, the genotypes 1"):
        packed_counts.counts_by_mask(packed_counts.as_words(packed), packed_counts.sample_mask(40)[None, :])
