"""Counts over whole genotypes against their definition, one call at a time; scikit-allel; a worked site of PLINK 2."""

from __future__ import annotations

from collections import Counter

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genomics_dc.kernels import counts
from genomics_dc.kernels.genotype_table import genotype_texts
from genomics_dc.kernels.whole_counts import AUTOSOME, FEMALE, MALE, MT, UNKNOWN, X, Y, whole_counts

UNITS = float(1 << 20)
ALLELES = 4


@st.composite
def blocks(draw):
    """Whole genotypes of any ploidy up to 3: the fill (-2) stands only after the called copies, as in a store."""
    n_variants, n_samples, ploidy = draw(st.integers(0, 5)), draw(st.integers(1, 6)), draw(st.integers(1, 3))
    genotype = draw(hnp.arrays(np.int8, (n_variants, n_samples, ploidy), elements=st.integers(-1, ALLELES - 1)))
    copies = draw(hnp.arrays(np.int8, (n_variants, n_samples), elements=st.integers(0, ploidy)))
    genotype[np.arange(ploidy) >= copies[:, :, None]] = -2
    kind = draw(hnp.arrays(np.int8, n_variants, elements=st.sampled_from([AUTOSOME, X, Y, MT])))
    sex = draw(hnp.arrays(np.int8, n_samples, elements=st.sampled_from([UNKNOWN, MALE, FEMALE])))
    classes = draw(hnp.arrays(np.int8, (n_variants, ALLELES), elements=st.integers(0, 4)))
    masks = draw(hnp.arrays(np.bool_, (2, n_samples)))
    return genotype, kind, sex, classes, masks


def call_of(alleles, kind, sex):
    """What a call means: None for no call at all, () for missing, else its copies."""
    if kind == Y and sex == FEMALE:
        return None
    there = [a for a in alleles if a != -2]
    if not there or -1 in there or len(there) > 2:
        return ()
    if kind in (X, Y) and sex == MALE:
        return (there[0],) if len(set(there)) == 1 else ()
    if len(there) == 1:
        return (there[0],) * (2 if kind == AUTOSOME else 1)
    return tuple(there)


@settings(deadline=None)
@given(blocks())
def test_every_count_is_its_definition(block):
    genotype, kind, sex, classes, masks = block
    found = whole_counts(genotype, kind, sex, classes, masks, UNITS)
    by_sample = [Counter() for _ in range(genotype.shape[1])]
    for v in range(len(genotype)):
        calls = [call_of(genotype[v, s].tolist(), kind[v], sex[s]) for s in range(genotype.shape[1])]
        known = [(s, call) for s, call in enumerate(calls) if call]
        missing = [s for s, call in enumerate(calls) if call == ()]
        names = ["het" if len(set(call)) > 1 else "hom_ref" if call[0] == 0 else "hom_alt" for _, call in known]
        assert found.genotypes[v].tolist() == [
            *(names.count(name) for name in ("hom_ref", "het", "hom_alt")),
            len(missing),
        ]
        copies = Counter(a for _, call in known for a in call)
        assert found.copies[v].tolist() == [copies[a] for a in range(ALLELES)]
        assert found.missing_by_mask[v].tolist() == [sum(mask[s] for s in missing) for mask in masks]
        eligible = [
            call for s, call in known if len(call) == 2 and (kind[v] == AUTOSOME or (kind[v] == X and sex[s] == FEMALE))
        ]
        assert found.n_diploid[v] == len(eligible)
        for a in range(ALLELES):
            assert found.homozygous[v, a] == sum(call == (a, a) for call in eligible)
            assert found.heterozygous[v, a] == sum(a in call and call != (a, a) for call in eligible)
            males = [call for s, call in known if kind[v] == X and sex[s] == MALE]
            assert found.male_copies[v, a] == males.count((a,))
        carriers = {a: [s for s, call in known if a in call] for a in range(1, ALLELES)}
        for (s, call), name in zip(known, names, strict=True):
            by_sample[s][name] += 1
            for a in set(call) - {0}:
                by_sample[s][counts.SAMPLE_COLUMNS[4 + classes[v, a]]] += 1
        for s in missing:
            by_sample[s]["missing"] += 1
        for samples in carriers.values():
            if len(samples) == 1:
                by_sample[samples[0]]["singletons"] += 1
    expected = [[row[name] for name in counts.SAMPLE_COLUMNS] for row in by_sample]
    np.testing.assert_array_equal(found.samples, np.array(expected).reshape(-1, len(counts.SAMPLE_COLUMNS)))


def test_plink2_sample_counts_of_a_worked_site():
    """What `plink2 --sample-counts` (v2.00a3.5) printed for A>C,AT,<DEL> with genotypes 1/2, 2/2, 0/3, 1/1."""
    genotype = np.array([[[1, 2], [2, 2], [0, 3], [1, 1]]], dtype=np.int8)
    classes = np.array([[0, counts.TRANSVERSION, counts.INSERTION, counts.OTHER]], dtype=np.int8)
    nobody = np.zeros((0, 4), dtype=bool)
    found = whole_counts(genotype, np.array([AUTOSOME], np.int8), np.zeros(4, np.int8), classes, nobody, UNITS).samples
    by_name = dict(zip(counts.SAMPLE_COLUMNS, found.T.tolist(), strict=True))
    assert by_name["het"] == [1, 0, 1, 0]
    assert by_name["hom_alt"] == [0, 1, 0, 1]
    assert by_name["transversions"] == [1, 0, 0, 1]
    assert by_name["insertions"] == [1, 1, 0, 0]
    assert by_name["other_alts"] == [0, 0, 1, 0]


def test_a_site_with_sixty_alleles():
    genotype = np.arange(60, dtype=np.int8).reshape(1, 30, 2)
    arguments = (np.array([AUTOSOME], np.int8), np.zeros(30, np.int8), np.zeros((1, 60), np.int8))
    nobody = np.zeros((0, 30), dtype=bool)
    found = whole_counts(genotype, *arguments, nobody, UNITS)
    assert found.copies.tolist() == [[1] * 60]
    assert found.samples[:, 9].tolist() == [1] + [2] * 29
    assert genotype_texts(genotype, np.array([60]))[0].startswith("0/1:1,2/3:1,4/5:1")
    with pytest.raises(ValueError, match="below 59; the largest is 59"):
        whole_counts(genotype, *arguments[:2], arguments[2][:, :59], nobody, UNITS)


def test_scikit_allel_counts_the_same():
    allel = pytest.importorskip("allel")
    rng = np.random.default_rng(8)
    genotype = rng.integers(-1, 4, (200, 50, 2)).astype(np.int8)
    whole = np.where((genotype < 0).any(axis=2)[:, :, None], -1, genotype).astype(np.int8)
    theirs = allel.GenotypeArray(whole)
    nobody = np.zeros((0, 50), dtype=bool)
    found = whole_counts(
        genotype, np.zeros(200, np.int8), np.zeros(50, np.int8), np.zeros((200, 4), np.int8), nobody, UNITS
    )
    np.testing.assert_array_equal(found.copies, theirs.count_alleles(max_allele=3))
    np.testing.assert_array_equal(found.genotypes[:, 0], theirs.is_hom_ref().sum(axis=1))
    np.testing.assert_array_equal(found.genotypes[:, 3], theirs.is_missing().sum(axis=1))
    np.testing.assert_array_equal(found.samples[:, 1], theirs.is_het().sum(axis=0))
    np.testing.assert_array_equal(found.samples[:, 2], theirs.is_hom_alt().sum(axis=0))
    frequencies = theirs.count_alleles(max_allele=3).to_frequencies()
    shares = allel.heterozygosity_expected(frequencies, ploidy=2)
    known = np.isfinite(shares)  # theirs is NaN where shares do not add up to 1 in floating point
    assert known.mean() > 0.8
    np.testing.assert_allclose(found.expected_het[known] / UNITS, shares[known], atol=1 / UNITS)


@pytest.mark.parametrize(
    ("calls", "n_alleles", "expected"),
    [
        ([[0, 1], [1, 1], [-1, -1]], 2, None),
        ([[0, -2], [1, -2], [1, 0]], 2, "0/1:1,0:1,1:1"),
        ([[2, 1], [1, 2], [0, -1]], 3, "1/2:2"),
        ([[-1, -1]], 3, ""),
    ],
)
def test_genotypes_as_text(calls, n_alleles, expected):
    assert genotype_texts(np.array([calls], dtype=np.int8), np.array([n_alleles])) == [expected]


def test_triploid_calls_are_missing():
    genotype = np.array([[[0, 1, 1], [0, 1, -2]]], dtype=np.int8)
    found = whole_counts(
        genotype, np.zeros(1, np.int8), np.zeros(2, np.int8), np.zeros((1, 2), np.int8), np.zeros((0, 2), bool), UNITS
    )
    assert found.genotypes.tolist() == [[0, 1, 0, 1]]
