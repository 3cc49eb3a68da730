"""The exact Hardy-Weinberg test against exact fractions and PLINK 2."""

from __future__ import annotations

import csv
import gzip
import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genomics_dc.kernels import hwe

few = st.integers(0, 40)


def exact(hom_ref, het, hom_alt, midp):
    """The definition in exact fractions: every number of heterozygotes with its probability."""
    n, a = hom_ref + het + hom_alt, 2 * hom_ref + het
    b = 2 * n - a
    weight = {
        h: Fraction(
            2**h * math.factorial(n), math.factorial((a - h) // 2) * math.factorial(h) * math.factorial((b - h) // 2)
        )
        for h in range(a % 2, min(a, b) + 1, 2)
    }
    seen = weight[het]
    extreme = sum(w for w in weight.values() if w < seen)
    ties = sum(w for w in weight.values() if w == seen)
    return (extreme + (ties / 2 if midp else ties)) / sum(weight.values())


def minus_log10(fraction):
    """-log10 of a fraction too small for a double."""
    return math.log10(fraction.denominator) - math.log10(fraction.numerator)


def one(hom_ref, het, hom_alt, midp=False):
    return float(hwe.exact_p(np.array([hom_ref]), np.array([het]), np.array([hom_alt]), midp)[0])


@given(few, few, few, st.booleans())
@settings(deadline=None, max_examples=300)
def test_equals_the_definition_in_exact_fractions(hom_ref, het, hom_alt, midp):
    if hom_ref + het + hom_alt == 0:
        assert math.isnan(one(0, 0, 0, midp))
        return
    expected = exact(hom_ref, het, hom_alt, midp)
    # At most a few dozen terms, each with one rounding a step: 1e-13 leaves a margin of a hundred.
    assert one(hom_ref, het, hom_alt, midp) == pytest.approx(float(expected), rel=1e-13)
    assert one(hom_alt, het, hom_ref, midp) == pytest.approx(one(hom_ref, het, hom_alt, midp), rel=1e-13)


@pytest.mark.parametrize("midp", [False, True])
@pytest.mark.parametrize(
    "genotypes", [(500, 0, 500), (0, 1000, 0), (900, 0, 900), (1800, 6, 700), (30, 2, 5000), (1200, 3, 1300)]
)
def test_digits_do_not_fade_where_p_is_tiny(genotypes, midp):
    fraction = exact(*genotypes, midp)
    found = float(hwe.exact_neg_log10_p(*(np.array([count]) for count in genotypes), midp)[0])
    # 1e-13 of the logarithm is 1e-10 of p at p = 1e-300.
    assert found == pytest.approx(minus_log10(fraction), rel=1e-13)
    if float(fraction) > 1e-300:
        assert one(*genotypes, midp) == pytest.approx(float(fraction), rel=1e-10)


def test_one_allele_has_p_one_and_mid_p_one_half():
    assert one(10, 0, 0) == 1.0
    assert one(10, 0, 0, midp=True) == 0.5


def test_the_plain_function_and_the_compiled_one_agree():
    for genotypes in ((3, 5, 7), (0, 9, 1), (400, 0, 400)):
        assert hwe._exact_ln_p(*genotypes, True) == pytest.approx(hwe._exact_ln_p_jit(*genotypes, True), rel=1e-14)


def test_rescaling_loses_nothing_at_its_borders(monkeypatch):
    """The plain function with a small unit, so that walks cross its borders at every place of a step."""
    monkeypatch.setattr(hwe, "_BIG", 1e12)  # what is dropped beyond a border is then at most 1e-12 of the sum
    for n in range(60, 140, 2):
        for genotypes in ((n // 2, 0, n - n // 2), (0, n, 0), (n, 1, n // 3)):
            fraction = exact(*genotypes, True)
            expected = -minus_log10(fraction) * math.log(10)
            assert hwe._exact_ln_p(*genotypes, True) == pytest.approx(expected, rel=1e-11)


def test_no_variants_and_bad_counts():
    none = np.array([], dtype=np.int64)
    assert hwe.exact_p(none, none, none).shape == (0,)
    with pytest.raises(ValueError, match="negative"):
        one(-1, 2, 3)
    with pytest.raises(ValueError, match="one length"):
        hwe.exact_p(np.array([1, 2]), np.array([1]), np.array([1]))


def test_a_million_people_take_no_underflow():
    found = hwe.exact_neg_log10_p(np.array([500_000]), np.array([0]), np.array([500_000]))
    # Only one outcome is as unlikely: p = n! / ((n/2)!)^2 / C(2n, n), by Stirling's lgamma.
    n = 1_000_000
    ln_p = math.lgamma(n + 1) - 2 * math.lgamma(n / 2 + 1) - (math.lgamma(2 * n + 1) - 2 * math.lgamma(n + 1))
    assert found[0] == pytest.approx(-ln_p / math.log(10), rel=1e-11)


def test_plink2_mid_p_of_2504_people(shared_data):
    path = shared_data / "cohort_1kg_chr20" / "expected.plink2_1kg.hardy_midp.tsv.gz"
    with gzip.open(path, "rt") as handle:
        rows = list(csv.DictReader(handle, delimiter="\t"))
    counted = [np.array([int(row[name]) for row in rows]) for name in ("HOM_A1_CT", "HET_A1_CT", "TWO_AX_CT")]
    printed = np.array([float(row["MIDP"]) for row in rows])
    assert len(rows) > 3000
    # PLINK prints six significant digits: half a unit in the last is 5e-6 relative at most.
    np.testing.assert_allclose(hwe.exact_p(*counted, midp=True), printed, rtol=5.1e-6)
