"""FST: hand-worked, scikit-allel, no and one allele, the jackknife."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genomics_dc.kernels import fst
from genomics_dc.kernels.genotypes import pack_dosage


def cohort(seed, missing=0.05, n_variants=60, n_samples=40):
    rng = np.random.default_rng(seed)
    group = np.arange(n_samples) % 3
    frequency = rng.uniform(0, 1, (3, n_variants)) ** 2
    dosage = rng.binomial(2, frequency[group]).T.astype(np.int8)
    dosage[rng.random(dosage.shape) < missing] = -1
    return dosage, group


def genotypes(dosage):
    """Dosages as scikit-allel's [V, S, 2]."""
    pairs = np.stack([(dosage == 2).astype(int), (dosage >= 1).astype(int)], axis=2)
    pairs[dosage < 0] = -1
    return pairs


def test_hand_worked():
    # group 0: 0/1 1/1 (p = 3/4 of 4 alleles); group 1: 0/0 0/1 (1/4)
    counts = np.array([[[0, 1, 1, 0], [1, 1, 0, 0]]], dtype=np.int32)
    above, below = fst.hudson(counts, np.array([0]), np.array([1]))
    assert above[0, 0] == pytest.approx(0.25 - 2 * (3 / 16) / 3)
    assert below[0, 0] == pytest.approx(0.75 * 0.75 + 0.25 * 0.25)
    # Weir and Cockerham: n = 2 each, p = 1/2, s2 = 2 * 2 * (1/4)^2 / 2, h = 1/2
    a, abc = fst.weir_cockerham(counts)
    s2, h = 0.125, 0.5
    inside = 0.25 - s2 / 2
    b = 2 * (inside - 3 / 8 * h)
    assert a[0] == pytest.approx(s2 - (inside - h / 4))
    assert abc[0] == pytest.approx(a[0] + b + h / 2)


@given(st.integers(0, 10_000), st.sampled_from([0.0, 0.1]))
@settings(deadline=None, max_examples=25)
def test_equals_scikit_allel(seed, missing):
    allel = pytest.importorskip("allel")
    dosage, group = cohort(seed, missing)
    counts = fst.group_counts(pack_dosage(dosage), group, 3)
    alleles = allel.GenotypeArray(genotypes(dosage))
    own = [alleles.count_alleles(subpop=np.flatnonzero(group == g).tolist(), max_allele=1) for g in range(3)]
    above, below = fst.hudson(counts, np.array([0]), np.array([1]))
    num, den = allel.hudson_fst(own[0], own[1])
    known = np.isfinite(below[:, 0])
    np.testing.assert_allclose(above[known, 0], num[known], atol=1e-12)
    np.testing.assert_allclose(below[known, 0], den[known], atol=1e-12)
    a, abc = fst.weir_cockerham(counts)
    subpops = [np.flatnonzero(group == g).tolist() for g in range(3)]
    va, vb, vc = (part[:, 1] for part in allel.weir_cockerham_fst(alleles, subpops))
    known = np.isfinite(abc)
    np.testing.assert_allclose(a[known], va[known], atol=1e-10)
    np.testing.assert_allclose(abc[known], (va + vb + vc)[known], atol=1e-10)


def test_what_does_not_vary_or_is_not_called_is_missing():
    dosage = np.array([[0, 0, 0, 0], [-1, -1, 1, 2], [2, 2, 2, 2], [0, -1, -1, 2]], dtype=np.int8)
    counts = fst.group_counts(pack_dosage(dosage), np.array([0, 0, 1, 1]), 2)
    assert np.isnan(fst.hudson(counts, np.array([0]), np.array([1]))[1][:3, 0]).all()
    assert np.isnan(fst.weir_cockerham(counts)[1]).all()
    assert fst.group_counts(pack_dosage(dosage), np.array([-1, -1, -1, -1]), 2).sum() == 0
    with pytest.raises(ValueError, match="group 2 is not below 2"):
        fst.group_counts(pack_dosage(dosage), np.array([0, 0, 1, 2]), 2)
    with pytest.raises(ValueError, match="does not fit 9 samples"):
        fst.group_counts(pack_dosage(dosage), np.zeros(9, dtype=int), 2)


@given(st.integers(0, 1000))
@settings(deadline=None, max_examples=20)
def test_swapping_alleles_changes_nothing(seed):
    dosage, group = cohort(seed)
    swapped = np.where(dosage < 0, dosage, 2 - dosage).astype(np.int8)
    one, two = (fst.group_counts(pack_dosage(calls), group, 3) for calls in (dosage, swapped))
    for first, second in zip(fst.weir_cockerham(one), fst.weir_cockerham(two), strict=True):
        np.testing.assert_allclose(first, second, atol=1e-12)


def test_jackknife():
    rng = np.random.default_rng(1)
    above, below = rng.uniform(0, 1, (9, 2)), rng.uniform(1, 2, (9, 2))
    ratio, error = fst.jackknife(above, below, np.full((9, 2), 50))
    left = np.array([np.delete(above, b, 0).sum(0) / np.delete(below, b, 0).sum(0) for b in range(9)])
    np.testing.assert_allclose(ratio, above.sum(0) / below.sum(0))
    np.testing.assert_allclose(error, np.sqrt(8 / 9 * ((left - left.mean(0)) ** 2).sum(0)))
    assert np.isnan(fst.jackknife(above[:1], below[:1], np.ones((1, 2), dtype=int))[1]).all()
    assert np.isnan(fst.jackknife(np.zeros((3, 1)), np.zeros((3, 1)), np.zeros((3, 1), dtype=int))[0]).all()


def test_blocks_hold_known_variants_only():
    above = np.array([[1.0, np.nan], [2.0, np.nan], [np.nan, 4.0], [8.0, 16.0]])
    sums, n_known = (np.zeros((2, 2)), np.zeros((2, 2))), np.zeros(2, dtype=np.int64)
    for rows in (slice(0, 1), slice(1, 4)):
        fst.add_blocks(above[rows], above[rows], 2, n_known, sums)
    assert sums[0].tolist() == [[3.0, 20.0], [8.0, 0.0]]
    assert n_known.tolist() == [3, 2]
