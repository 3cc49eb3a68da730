"""Counts by variant and by sample against counting in plain Python."""

from __future__ import annotations

from collections import Counter

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genomics_dc.kernels import counts

dosages = hnp.arrays(np.int8, st.tuples(st.integers(0, 9), st.integers(0, 9)), elements=st.integers(-1, 2))


@st.composite
def genotypes(draw, alleles_max=4):
    """Whole genotypes of any ploidy up to 3: the fill (-2) stands only after the called copies, as in a store."""
    n_variants, n_samples, ploidy = draw(st.integers(0, 5)), draw(st.integers(0, 6)), draw(st.integers(1, 3))
    genotype = draw(hnp.arrays(np.int8, (n_variants, n_samples, ploidy), elements=st.integers(-1, alleles_max - 1)))
    copies = draw(hnp.arrays(np.int8, (n_variants, n_samples), elements=st.integers(0, ploidy)))
    genotype[np.arange(ploidy) >= copies[:, :, None]] = -2
    return genotype


def definition_by_sample(genotype, allele_class):
    """Columns of SAMPLE_COLUMNS, counted one genotype at a time."""
    n_variants, n_samples, _ = genotype.shape
    rows = [Counter() for _ in range(n_samples)]
    names = ("transitions", "transversions", "insertions", "deletions", "other_alts")
    for v in range(n_variants):
        carriers = {}
        for s in range(n_samples):
            called = [a for a in genotype[v, s].tolist() if a != -2]
            if not called or -1 in called:
                rows[s]["missing"] += 1
                continue
            rows[s]["het" if len(set(called)) > 1 else "hom_ref" if called[0] == 0 else "hom_alt"] += 1
            for allele in set(called) - {0}:
                rows[s][names[allele_class[v, allele]]] += 1
                carriers.setdefault(allele, []).append(s)
        for samples in carriers.values():
            if len(samples) == 1:
                rows[samples[0]]["singletons"] += 1
    return np.array([[row[name] for name in counts.SAMPLE_COLUMNS] for row in rows], dtype=np.int64).reshape(-1, 10)


def as_genotype(dosage):
    """Diploid genotypes of these dosages."""
    return np.array([[-1, -1], [0, 0], [0, 1], [1, 1]], dtype=np.int8)[dosage + 1]


@given(dosages)
@settings(deadline=None)
def test_genotype_counts_are_counts(dosage):
    found = counts.genotype_counts(dosage)
    assert found.dtype == np.int32
    expected = [[int((row == code).sum()) for code in (0, 1, 2, -1)] for row in dosage]
    np.testing.assert_array_equal(found, np.array(expected).reshape(-1, 4))
    plain = np.empty_like(found)
    counts._genotype_counts(dosage, plain)
    np.testing.assert_array_equal(found, plain)


@given(genotypes())
@settings(deadline=None)
def test_allele_counts_are_counts(genotype):
    found = counts.allele_counts(genotype, 4)
    expected = [[int((row == allele).sum()) for allele in range(4)] for row in genotype]
    np.testing.assert_array_equal(found, np.array(expected).reshape(-1, 4))


@given(dosages, st.data())
@settings(deadline=None)
def test_sample_counts_are_counts(dosage, data):
    classes = data.draw(hnp.arrays(np.int8, dosage.shape[0], elements=st.integers(0, 4)))
    by_allele = np.stack([np.zeros_like(classes), classes], axis=1)
    expected = definition_by_sample(as_genotype(dosage), by_allele)
    np.testing.assert_array_equal(counts.sample_counts(dosage, classes), expected)


@given(dosages, st.integers(0, 9), st.data())
@settings(deadline=None)
def test_blocks_of_variants_add_up(dosage, cut, data):
    classes = data.draw(hnp.arrays(np.int8, dosage.shape[0], elements=st.integers(0, 4)))
    whole = counts.sample_counts(dosage, classes)
    parts = counts.sample_counts(dosage[:cut], classes[:cut]) + counts.sample_counts(dosage[cut:], classes[cut:])
    np.testing.assert_array_equal(whole, parts)


def test_nonreference_dosage_sets_the_reference_against_the_rest():
    genotype = np.array([[[0, 0], [0, 2], [1, 2], [2, 2], [0, -1], [2, -2], [-2, -2]]], dtype=np.int8)
    assert counts.nonreference_dosage(genotype).tolist() == [[0, 1, 2, 2, -1, 2, -1]]


def test_a_site_with_sixty_alleles():
    genotype = np.arange(60, dtype=np.int8).reshape(1, 30, 2)
    assert counts.allele_counts(genotype, 60).tolist() == [[1] * 60]
    with pytest.raises(ValueError, match="below 59; 1 are not"):
        counts.allele_counts(genotype, 59)


def test_wrong_arrays_are_refused():
    with pytest.raises(ValueError, match="dosage must be int8 with two dimensions"):
        counts.genotype_counts(np.zeros((2, 2), dtype=np.int64))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="classes must lie in"):
        counts.sample_counts(np.zeros((1, 2), dtype=np.int8), np.array([5], dtype=np.int8))


def test_scikit_allel_counts_the_same():
    allel = pytest.importorskip("allel")
    rng = np.random.default_rng(8)
    genotype = rng.integers(-1, 4, (200, 50, 2)).astype(np.int8)
    whole = np.where((genotype < 0).any(axis=2)[:, :, None], -1, genotype).astype(np.int8)
    theirs = allel.GenotypeArray(whole)
    np.testing.assert_array_equal(counts.allele_counts(whole, 4), theirs.count_alleles(max_allele=3))
    dosage = counts.nonreference_dosage(whole)
    found = counts.genotype_counts(dosage)
    np.testing.assert_array_equal(found[:, counts.HOM_REF], theirs.is_hom_ref().sum(axis=1))
    np.testing.assert_array_equal(found[:, counts.MISSING], theirs.is_missing().sum(axis=1))
