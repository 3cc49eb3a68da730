"""The spectrum: hand-worked, scikit-allel, exact hypergeometric fractions, and the ancestral allele."""

from __future__ import annotations

from fractions import Fraction
from math import comb

import allel
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import genomics_dc as gdc
from genomics_dc.analyses.spectrum import fold, projected
from genomics_dc.errors import InputError, UsageError
from genomics_dc.store import build_store
from tests.builders import write_cohort_vcf, write_vcf


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    folder = tmp_path_factory.mktemp("spectrum")
    vcf = write_cohort_vcf(folder / "c.vcf", n_samples=40, n_variants=300, many_alleles=20, seed=5, missing_rate=0.02)
    build_store(vcf, folder / "c.vcz")
    return gdc.open_store(folder / "c.vcz")


def groups_of(view):
    ids = [str(name) for name in view.sample_ids]
    return {"a": ids[:15], "b": ids[15:40]}


@pytest.mark.parametrize("folded", [True, False])
def test_scikit_allel_agrees(cohort, folded):
    view = cohort.variants(missing=0.0).region("20")
    result = view.spectrum(groups=groups_of(view), folded=folded)
    copies = view.frequencies(groups=groups_of(view))
    for name, size in copies.groups.items():
        counts = copies.of_group(name, "AC").astype(int)
        if folded:
            theirs = allel.sfs_folded(np.stack([2 * size - counts, counts], axis=1), n=2 * size)
        else:
            theirs = allel.sfs(counts, n=2 * size)
        np.testing.assert_array_equal(result.of_group(name)[: len(theirs)], theirs)
        assert not result.of_group(name)[len(theirs) :].any()
        assert len(result.of_group(name)) == (size + 1 if folded else 2 * size + 1)


def test_incomplete_variants_and_those_of_many_alleles_are_counted_and_left_out(cohort):
    result = cohort.spectrum(groups=groups_of(cohort))
    copies = cohort.region("20").frequencies(groups=groups_of(cohort))
    for name, size in copies.groups.items():
        complete = copies.of_group(name, "AN") == 2 * size
        assert result.used[name] == complete.sum() == result.of_group(name).sum()
        assert result.incomplete[name] == (~complete).sum()
    assert result.provenance.parameters["several_alt_alleles"] == 20


@given(st.integers(2, 60), st.data())
@settings(max_examples=40, deadline=None)
def test_projection_is_the_hypergeometric_distribution(n, data):
    size = data.draw(st.integers(2, n))
    derived = data.draw(st.lists(st.integers(0, n), min_size=1, max_size=6))
    found = projected(np.full(len(derived), n), np.array(derived), size)
    for j in range(size + 1):
        exact = sum(Fraction(comb(k, j) * comb(n - k, size - j), comb(n, size)) for k in derived)
        assert found[j] == pytest.approx(float(exact), rel=1e-9, abs=1e-12)


def test_projection_to_all_chromosomes_is_the_spectrum_itself(cohort):
    view = cohort.variants(missing=0.0).region("20")
    whole = view.spectrum(folded=False).of_group()
    same = view.spectrum(folded=False, project=80)
    np.testing.assert_allclose(same.of_group(), whole, atol=1e-9)
    assert same.chromosomes == {"all": 80}


def test_folding_puts_both_ends_together():
    assert fold(np.array([1.0, 4.0, 2.0, 1.0, 0.0])).tolist() == [1.0, 5.0, 2.0]
    assert fold(np.array([1.0, 4.0, 2.0, 3.0])).tolist() == [4.0, 6.0]


def test_the_order_of_variants_and_threads_change_no_byte(cohort):
    one = cohort.spectrum(project=30, groups=groups_of(cohort), threads=1)
    assert one.table.equals(cohort.spectrum(project=30, groups=groups_of(cohort), threads=3).table)
    total = projected(np.array([10, 12, 10]), np.array([1, 5, 3]), 8)
    assert total.tolist() == projected(np.array([10, 10, 12]), np.array([3, 1, 5]), 8).tolist()


@pytest.fixture
def polarised(tmp_path):
    aa = '##INFO=<ID=AA,Number=1,Type=String,Description="Ancestral allele">'
    gt = '##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">'
    records = [
        "1 10 . A G . . AA=A GT 0/1 0/0",
        "1 20 . A G . . AA=g||| GT 0/1 0/0",
        "1 30 . A G . . AA=T GT 0/1 1/1",
        "1 40 . A G . . . GT 1/1 1/1",
    ]
    build_store(write_vcf(tmp_path / "a.vcf", records, declarations=(aa, gt)), tmp_path / "a.vcz")
    return gdc.open_store(tmp_path / "a.vcz")


def test_the_ancestral_allele_turns_a_variant_and_an_unknown_one_leaves_it_out(polarised):
    result = polarised.spectrum(folded=False, ancestral="AA")
    assert result.of_group().tolist() == [0, 1, 0, 1, 0]
    assert result.provenance.parameters["ancestral_unknown"] == 2
    assert polarised.spectrum(folded=False).of_group().tolist() == [0, 2, 0, 1, 1]


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"project": 1}, UsageError, "projected to 2 chromosomes or more, not 1"),
        ({"project": 99}, UsageError, "group all has 4 chromosomes called at most; project to so many or fewer"),
        ({"ancestral": "AA"}, UsageError, "a folded spectrum needs no ancestral allele"),
        ({"folded": False, "ancestral": "ZZ"}, InputError, "has no INFO field ZZ"),
    ],
)
def test_wrong_questions_are_one_sentence(polarised, options, error, message):
    with pytest.raises(error, match=message):
        polarised.spectrum(**options)


def test_a_spectrum_without_a_variant_and_its_plot(polarised, cohort, tmp_path):
    with pytest.raises(InputError, match="has no variant"):
        polarised.variants(extract=["none"]).spectrum()
    with pytest.raises(UsageError, match="c is not a group of this spectrum; it has all"):
        polarised.spectrum().of_group("c")
    written = cohort.spectrum(groups=groups_of(cohort)).plot.save(tmp_path / "p")
    assert [path.name for path in written] == ["spectrum.svg", "spectrum.png"]
    assert polarised.variants(index=[3]).spectrum().plot.spectrum() is not None
