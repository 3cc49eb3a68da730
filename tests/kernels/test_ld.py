"""r, D' and LD scores against NumPy, against EM from many starts, and against their definitions."""

from __future__ import annotations

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genomics_dc.kernels import ld, ld_haplotypes, ld_pairs
from genomics_dc.kernels.genotypes import pack_dosage

dosages = hnp.arrays(np.int8, st.tuples(st.integers(2, 6), st.integers(1, 9)), elements=st.integers(-1, 2))


def planes_of(dosage):
    return ld.ld_planes(pack_dosage(dosage), dosage.shape[1])


def random_dosage(n_variants, n_samples, *, seed, rare=0.3, missing=0.05):
    """Neighbours that share haplotypes; some rare, some mostly ALT, some missing."""
    rng = np.random.default_rng(seed)
    haplotypes = rng.random((n_variants, 2 * n_samples)) < rng.beta(0.6, 1.2, n_variants)[:, None]
    for v in range(1, n_variants):
        copied = rng.random(2 * n_samples) < rng.choice([0.0, 0.5, 0.9, 1.0])
        haplotypes[v, copied] = haplotypes[v - 1, copied]
    dosage = haplotypes.reshape(n_variants, n_samples, 2).sum(axis=2).astype(np.int8)
    few = rng.random(n_variants) < rare
    dosage[few] = (rng.random((int(few.sum()), n_samples)) < 3 / n_samples).astype(np.int8)
    dosage[rng.random(dosage.shape) < missing * (rng.random(n_variants) < 0.6)[:, None]] = -1
    return dosage


def r_by_numpy(x, y):
    both = (x >= 0) & (y >= 0)
    x, y = x[both].astype(float), y[both].astype(float)
    return np.corrcoef(x, y)[0, 1] if both.any() and x.std() > 0 and y.std() > 0 else np.nan


def matrix_by_numpy(dosage):
    return np.array([[r_by_numpy(x, y) for y in dosage] for x in dosage])


def haplotypes_by_em(x, y):
    """D, D' and r2 by EM from 21 starts, the best of them: Excoffier and Slatkin 1995."""
    both = (x >= 0) & (y >= 0)
    table = np.zeros((3, 3))
    np.add.at(table, (x[both], y[both]), 1)
    counts = np.array(
        [
            2 * table[2, 2] + table[2, 1] + table[1, 2],
            2 * table[2, 0] + table[2, 1] + table[1, 0],
            2 * table[0, 2] + table[0, 1] + table[1, 2],
            2 * table[0, 0] + table[0, 1] + table[1, 0],
        ]
    )
    open_ = table[1, 1]
    best = (-np.inf, 0.0)
    for start in np.linspace(0, 1, 21):
        share = start
        for _ in range(100_000):
            ab, a, b, none = counts + open_ * np.array([share, 1 - share, 1 - share, share])
            total = ab * none + a * b
            following = ab * none / total if total else share
            if abs(following - share) < 1e-15:
                break
            share = following
        ab, a, b, none = now = counts + open_ * np.array([share, 1 - share, 1 - share, share])
        likelihood = sum(k * np.log(p) for k, p in zip(counts, now, strict=True) if k)
        likelihood += open_ * np.log(ab * none + a * b) if open_ and ab * none + a * b else 0
        if likelihood > best[0] + 1e-9:
            best = (likelihood, share)
    ab, a, b, none = counts + open_ * np.array([best[1], 1 - best[1], 1 - best[1], best[1]])
    total = ab + a + b + none
    if not total or min(ab + a, ab + b, a + none, b + none) <= 0:
        return np.nan, np.nan, np.nan
    p, q = (ab + a) / total, (ab + b) / total
    d = ab / total - p * q
    largest = min(p * (1 - q), (1 - p) * q) if d > 0 else min(p * q, (1 - p) * (1 - q))
    return d, abs(d) / largest, d * d / (p * (1 - p) * q * (1 - q))


@given(dosages)
@settings(deadline=None, max_examples=200)
def test_r_is_the_correlation_of_the_counts(dosage):
    planes = planes_of(dosage)
    np.testing.assert_allclose(ld.correlation_block(planes, planes), matrix_by_numpy(dosage), atol=1e-12)


@pytest.mark.parametrize("n_samples", [63, 64, 65, 700, 5000])
def test_r_over_words_and_groups_of_words(n_samples):
    dosage = random_dosage(24, n_samples, seed=n_samples)
    planes = planes_of(dosage)
    np.testing.assert_allclose(ld.correlation_block(planes, planes), matrix_by_numpy(dosage), atol=1e-12)


@given(dosages, st.integers(0, 5))
@settings(deadline=None)
def test_swapping_alleles_turns_the_sign_and_nothing_else(dosage, row):
    row = min(row, len(dosage) - 1)
    swapped = dosage.copy()
    swapped[row] = np.where(dosage[row] < 0, -1, 2 - dosage[row])
    turned = np.ones(len(dosage))
    turned[row] = -1
    before = ld.correlation_block(planes_of(dosage), planes_of(dosage))
    after = ld.correlation_block(planes_of(swapped), planes_of(swapped))
    np.testing.assert_allclose(after, before * np.outer(turned, turned), atol=1e-15)


@given(dosages, st.randoms(use_true_random=False))
@settings(deadline=None)
def test_the_order_of_samples_changes_no_bit(dosage, random):
    order = list(range(dosage.shape[1]))
    random.shuffle(order)
    first, second = planes_of(dosage), planes_of(dosage[:, order])
    assert ld.correlation_block(first, first).tobytes() == ld.correlation_block(second, second).tobytes()


@given(dosages)
@settings(deadline=None, max_examples=60)
def test_haplotypes_are_those_of_em_from_many_starts(dosage):
    planes = planes_of(dosage)
    found = ld_haplotypes.haplotype_block(planes, planes)
    for i in range(len(dosage)):
        for j in range(len(dosage)):
            expected = haplotypes_by_em(dosage[i], dosage[j])
            values = [part[i, j] for part in found]
            if np.isnan(expected[0]):
                assert np.isnan(values).all()
                continue
            # two maxima of one height (only double heterozygotes, say) are both right: D' and r2 may differ then
            symmetric = np.isclose(values[0], -expected[0], atol=1e-6)
            np.testing.assert_allclose(
                values[1:], expected[1:], atol=2e-6 if not symmetric else 1.0, err_msg=str((dosage[i], dosage[j]))
            )


def test_haplotypes_of_a_larger_cohort():
    dosage = random_dosage(10, 300, seed=8)
    planes = planes_of(dosage)
    d, d_prime, r2 = ld_haplotypes.haplotype_block(planes, planes)
    expected = np.array([[haplotypes_by_em(x, y) for y in dosage] for x in dosage])
    np.testing.assert_allclose(d, expected[:, :, 0], atol=1e-7)
    np.testing.assert_allclose(d_prime, expected[:, :, 1], atol=1e-6)
    np.testing.assert_allclose(r2, expected[:, :, 2], atol=1e-6)


def test_complete_linkage_and_none():
    x = np.array([0, 1, 2, 2, 1, 0], dtype=np.int8)
    d, d_prime, r2 = ld_haplotypes.haplotype_block(planes_of(np.stack([x, 2 - x])), planes_of(np.stack([x, 2 - x])))
    np.testing.assert_allclose(d_prime, 1, atol=1e-12)
    np.testing.assert_allclose(r2, 1, atol=1e-12)
    np.testing.assert_allclose(d, [[0.25, -0.25], [-0.25, 0.25]], atol=1e-12)
    independent = np.repeat(np.arange(3), 3).astype(np.int8), np.tile(np.arange(3), 3).astype(np.int8)
    planes = planes_of(np.stack(independent))
    assert ld.correlation_block(planes, planes)[0, 1] == 0


def scores_by_definition(dosage, position, window_bp):
    """Every pair, both sides, by NumPy: Bulik-Sullivan 2015."""
    scores = np.ones(len(dosage))
    for i in range(len(dosage)):
        for j in range(len(dosage)):
            if i != j and abs(int(position[i]) - int(position[j])) <= window_bp:
                n = int(((dosage[i] >= 0) & (dosage[j] >= 0)).sum())
                r2 = r_by_numpy(dosage[i], dosage[j]) ** 2
                if n > 2 and not np.isnan(r2):
                    scores[i] += r2 - (1 - r2) / (n - 2)
    return scores


@pytest.mark.parametrize("cuts", [(40,), (7, 9, 30, 40), tuple(range(1, 41))])
def test_scores_are_their_definition_and_blocks_change_no_bit(cuts):
    dosage = random_dosage(40, 90, seed=5)
    position = np.sort(np.random.default_rng(5).integers(1, 400, 40))
    last = ld_pairs.neighbours(position, np.zeros(40, dtype=int), window_bp=100)
    starts = [0, *cuts[:-1]]
    blocks = [planes_of(dosage[a:b]) for a, b in zip(starts, cuts, strict=True)]
    total = np.zeros(40, dtype=np.int64)
    for first, a in zip(blocks, starts, strict=True):
        for second, b in zip(blocks, starts, strict=True):
            if b >= a:
                one, other = ld_pairs.score_sums(first, a, second, b, last)
                total[a : a + len(first)] += one
                total[b : b + len(second)] += other
    np.testing.assert_allclose(1 + total * ld_pairs.SCORE_UNIT, scores_by_definition(dosage, position, 100), atol=1e-9)
    whole = planes_of(dosage)
    assert np.array_equal(total, sum(ld_pairs.score_sums(whole, 0, whole, 0, last)))


def test_linked_pairs_are_those_of_the_matrix():
    dosage = random_dosage(30, 120, seed=6, rare=0.0)
    position = np.arange(30) * 10
    last = ld_pairs.neighbours(position, np.repeat([0, 1], 15), window_bp=80)
    planes = planes_of(dosage)
    found = ld_pairs.linked_pairs(planes, 0, planes, 0, last, r2_min=0.1, haplotypes=True)
    r = matrix_by_numpy(dosage)
    expected = [
        (i, j)
        for i in range(30)
        for j in range(i + 1, 30)
        if j - i <= 8 and (i < 15) == (j < 15) and r[i, j] ** 2 >= 0.1
    ]
    assert list(zip(found.first.tolist(), found.second.tolist(), strict=True)) == expected
    assert len(expected) > 10
    np.testing.assert_allclose(found.r, [r[pair] for pair in expected], atol=1e-12)
    d, d_prime, _ = ld_haplotypes.haplotype_block(planes, planes)
    assert found.d.tolist() == [d[pair] for pair in expected]
    assert found.d_prime.tolist() == [d_prime[pair] for pair in expected]


def test_a_window_of_variants_and_of_bases():
    position, contig = np.array([1, 2, 3, 4, 50, 51, 1]), np.array([0, 0, 0, 0, 0, 0, 1])
    assert ld_pairs.neighbours(position, contig, window_variants=2).tolist() == [2, 3, 4, 5, 6, 6, 7]
    assert ld_pairs.neighbours(position, contig, window_bp=2, window_variants=2).tolist() == [2, 3, 4, 4, 6, 6, 7]
    assert ld_pairs.neighbours(position[:0], contig[:0], window_bp=2).tolist() == []


def test_bad_input_is_refused():
    with pytest.raises(ValueError, match="there is none"):
        ld.ld_planes(np.zeros((3, 0), dtype=np.uint8), 0)
    with pytest.raises(ValueError, match=r"uint8\[V, 2\], not uint8\[3, 1\]"):
        ld.ld_planes(np.zeros((3, 1), dtype=np.uint8), 5)
    few, many = planes_of(np.zeros((1, 3), dtype=np.int8)), planes_of(np.zeros((1, 4), dtype=np.int8))
    with pytest.raises(ValueError, match="3 and 4 samples"):
        ld.correlation_block(few, many)
    with pytest.raises(ValueError, match="3 and 4 samples"):
        ld_haplotypes.haplotype_block(few, many)
    with pytest.raises(ValueError, match="1 or more bases, not 0"):
        ld_pairs.neighbours(np.array([1]), np.array([0]), window_bp=0)
    with pytest.raises(ValueError, match="variant 2 at 3 follows 5"):
        ld_pairs.neighbours(np.array([5, 3]), np.array([0, 0]), window_bp=9)
