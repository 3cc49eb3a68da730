"""KING-robust kinship against counting pair by pair and against the estimator as its paper writes it."""

from __future__ import annotations

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genomics_dc.kernels import kinship
from genomics_dc.kernels.genotypes import pack_dosage

dosages = hnp.arrays(np.int8, st.tuples(st.integers(0, 140), st.integers(1, 7)), elements=st.integers(-1, 2))


def definition(dosage):
    """Counts and kinship pair by pair; kinship from equation 11 of Manichaikul 2010 in its own form."""
    n_samples = dosage.shape[1]
    counts, values = [], []
    for i in range(n_samples):
        for j in range(i):
            x, y = dosage[:, i], dosage[:, j]
            called = (x >= 0) & (y >= 0)
            x, y = x[called], y[called]
            hethet, ibs0 = int(((x == 1) & (y == 1)).sum()), int((np.abs(x - y) == 2).sum())
            het_x, het_y = int((x == 1).sum()), int((y == 1).sum())
            counts.append([hethet, ibs0, het_x - hethet, het_y - hethet, len(x)])
            fewer = min(het_x, het_y)
            values.append((hethet - 2 * ibs0) / (2 * fewer) + 0.5 - 0.25 * (het_x + het_y) / fewer if fewer else np.nan)
    return np.array(counts, dtype=np.int32).reshape(-1, 5).T, np.array(values)


@given(dosages)
@settings(deadline=None, max_examples=200)
def test_equals_the_definition(dosage):
    counts, values = kinship.king_robust(dosage)
    expected_counts, expected_values = definition(dosage)
    np.testing.assert_array_equal(counts, expected_counts)
    np.testing.assert_allclose(values, expected_values, rtol=0, atol=1e-12)


@given(dosages, st.integers(0, 140), st.integers(0, 7))
@settings(deadline=None)
def test_blocks_of_variants_and_bands_of_samples_add_up(dosage, cut, row):
    whole, values = kinship.king_robust(dosage)
    n_samples = dosage.shape[1]
    row = min(row, n_samples)
    parts = []
    for first, last in ((0, row), (row, n_samples)):
        band = kinship.PairBand(first, last, n_samples)
        totals = np.zeros((n_samples, 3), dtype=np.int64)
        for block in (dosage[cut:], dosage[:cut]):
            planes = kinship.bit_planes(pack_dosage(block), n_samples)
            totals += planes.totals
            for start, stop in band.parts():
                band.add(planes, start, stop)
        parts.append(band.pairs(totals, len(dosage), start=first, stop=last))
    np.testing.assert_array_equal(whole, np.concatenate([part.counts for part in parts], axis=1))
    np.testing.assert_array_equal(values, np.concatenate([part.kinship for part in parts]))
    i, j = kinship.pair_index(n_samples)
    np.testing.assert_array_equal(np.concatenate([part.who for part in parts], axis=1), [i, j])


@given(dosages)
@settings(deadline=None)
def test_swapping_the_alleles_changes_nothing(dosage):
    swapped = np.where(dosage < 0, dosage, 2 - dosage).astype(np.int8)
    np.testing.assert_array_equal(kinship.king_robust(dosage)[0], kinship.king_robust(swapped)[0])


def test_more_samples_than_one_tile_with_missing_genotypes():
    rng = np.random.default_rng(7)
    dosage = rng.integers(0, 3, (130, 150)).astype(np.int8)
    dosage[rng.random(dosage.shape) < 0.02] = -1
    dosage[:, ::3] = np.abs(dosage[:, ::3])  # complete samples take the short way
    counts, values = kinship.king_robust(dosage)
    expected_counts, expected_values = definition(dosage)
    np.testing.assert_array_equal(counts, expected_counts)
    np.testing.assert_allclose(values, expected_values, atol=1e-12)


def test_only_close_pairs_are_kept():
    dosage = np.random.default_rng(4).integers(0, 3, (200, 60)).astype(np.int8)
    dosage[:, 30] = dosage[:, 3]
    planes = kinship.bit_planes(pack_dosage(dosage), 60)
    band = kinship.PairBand(0, 60, 60)
    for part in band.parts():
        band.add(planes, *part)
    close = band.pairs(planes.totals, 200, start=0, stop=60, kinship_min=0.4)
    assert close.who.tolist() == [[30], [3]]
    assert close.kinship.tolist() == [0.5]


def test_known_relations():
    rng = np.random.default_rng(3)
    frequency = rng.uniform(0.1, 0.9, 40_000)
    mother, father, other = (rng.random((2, 40_000)) < frequency for _ in range(3))
    child = np.stack([np.where(rng.random(40_000) < 0.5, *parent) for parent in (mother, father)])
    dosage = np.stack([person.sum(axis=0) for person in (mother, father, child, child, other)], axis=1).astype(np.int8)
    i, j = kinship.pair_index(5)
    found = dict(zip(zip(i.tolist(), j.tolist(), strict=True), kinship.king_robust(dosage)[1].tolist(), strict=True))
    assert found[3, 2] == 0.5  # the same genotypes twice
    assert found[2, 0] == pytest.approx(0.25, abs=0.01)  # four standard errors at 40,000 variants are below this
    assert found[1, 0] == pytest.approx(0.0, abs=0.02)
    assert found[4, 2] == pytest.approx(0.0, abs=0.02)


def test_edges():
    assert kinship.king_robust(np.zeros((3, 1), dtype=np.int8))[1].shape == (0,)
    assert kinship.king_robust(np.zeros((3, 0), dtype=np.int8))[1].shape == (0,)
    counts, values = kinship.king_robust(np.zeros((0, 3), dtype=np.int8))
    assert not counts.any()
    assert np.isnan(values).all()
    assert np.isnan(kinship.king_robust(np.full((4, 2), -1, dtype=np.int8))[1]).all()
    with pytest.raises(ValueError, match=r"uint8\[V, 1\] for 3 samples"):
        kinship.bit_planes(np.zeros((3, 2), dtype=np.uint8), 3)
    with pytest.raises(ValueError, match=r"0\.\.3"):
        kinship.PairBand(0, 4, 3)
