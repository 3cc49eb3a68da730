"""Mendelian errors against their definition, and the table of PLINK's codes."""

from __future__ import annotations

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genomics_dc.kernels import mendel
from genomics_dc.kernels.genotypes import pack_dosage
from genomics_dc.kernels.whole_counts import AUTOSOME, FEMALE, MALE, MT, UNKNOWN, X, Y

TRIO = np.array([[0, 1, 2]])
ALLELES = {0: (0, 0), 1: (0, 1), 2: (1, 1), -1: (-1, -1)}


@settings(deadline=None)
@given(hnp.arrays(np.int8, st.tuples(st.integers(0, 8), st.just(3)), elements=st.integers(-1, 2)))
def test_both_ways_agree_and_are_the_definition(dosage):
    genotype = np.array([[ALLELES[d] for d in row] for row in dosage.tolist()], dtype=np.int8).reshape(-1, 3, 2)
    errors, by_trio, complete = mendel.packed_errors(pack_dosage(dosage), TRIO)
    kind = np.full(len(dosage), AUTOSOME, dtype=np.int8)
    whole = mendel.whole_errors(genotype, kind, np.zeros(3, dtype=np.int8), TRIO)
    for one, other in zip((errors, by_trio, complete), whole, strict=True):
        np.testing.assert_array_equal(one, other)
    for row, error in zip(dosage.tolist(), errors.tolist(), strict=True):
        child, father, mother = row
        from_father = {0, 1} if father < 0 else set(ALLELES[father])
        from_mother = {0, 1} if mother < 0 else set(ALLELES[mother])
        possible = {tuple(sorted((a, b))) for a in from_father for b in from_mother}
        assert error == (child >= 0 and ALLELES[child] not in possible)
    assert by_trio.sum() == errors.sum()
    assert complete[0] == (dosage >= 0).all(axis=1).sum()


@pytest.mark.parametrize(
    ("child", "father", "mother", "error"),
    # PLINK 1.9's table of --mendel, "either" parent as missing
    [
        ("01", "00", "00", 1), ("01", "11", "11", 1), ("11", "00", "..", 1), ("11", "..", "00", 1),
        ("11", "00", "00", 1), ("00", "11", "..", 1), ("00", "..", "11", 1), ("00", "11", "11", 1),
        ("01", "..", "..", 0), ("01", "00", "..", 0),
    ],
)  # fmt: skip
def test_the_codes_of_plink(child, father, mother, error):
    genotype = np.array(
        [[[-1 if letter == "." else int(letter) for letter in call] for call in (child, father, mother)]], dtype=np.int8
    )
    found = mendel.whole_errors(genotype, np.array([AUTOSOME], np.int8), np.zeros(3, np.int8), TRIO)
    assert found[0].tolist() == [error]


def errors_on(kind, sex_of_child, *calls):
    genotype = np.array([calls], dtype=np.int8)
    sex = np.array([sex_of_child, MALE, FEMALE], dtype=np.int8)
    errors, _, complete = mendel.whole_errors(genotype, np.array([kind], np.int8), sex, TRIO)
    return int(errors[0]), int(complete[0])


def test_x_by_sex_many_alleles_and_what_is_left_out():
    # a son has his mother's allele, whatever his father has
    assert errors_on(X, MALE, (1, -2), (0, -2), (0, 1)) == (0, 1)
    assert errors_on(X, MALE, (1, 1), (1, 1), (0, 0)) == (1, 1)
    assert errors_on(X, MALE, (0, 1), (1, 1), (0, 0)) == (0, 0)  # a heterozygous male is missing
    # a daughter has one of each
    assert errors_on(X, FEMALE, (0, 1), (1, -2), (0, 0)) == (0, 1)
    assert errors_on(X, FEMALE, (0, 0), (1, -2), (0, 0)) == (1, 1)
    assert errors_on(X, FEMALE, (0, 0), (0, 1), (0, 0)) == (0, 0)  # her father's call is missing
    assert errors_on(X, UNKNOWN, (1, 1), (0, 0), (0, 0)) == (0, 0)
    for kind in (Y, MT):
        assert errors_on(kind, MALE, (1, 1), (0, 0), (0, 0)) == (0, 0)
    assert errors_on(AUTOSOME, MALE, (1, 2), (0, 1), (0, 2)) == (0, 1)
    assert errors_on(AUTOSOME, MALE, (1, 2), (0, 1), (0, 1)) == (1, 1)


def test_wrong_trios_are_refused():
    with pytest.raises(ValueError, match="samples 0 to 3"):
        mendel.packed_errors(np.zeros((1, 1), dtype=np.uint8), np.array([[0, 1, 9]]))
    with pytest.raises(ValueError, match=r"shape \(T, 3\)"):
        mendel.packed_errors(np.zeros((1, 1), dtype=np.uint8), np.array([[0, 1]]))
