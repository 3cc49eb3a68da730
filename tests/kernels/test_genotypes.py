import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from genomics_dc.kernels import genotypes

dosages = hnp.arrays(np.int8, st.tuples(st.integers(0, 8), st.integers(0, 19)), elements=st.sampled_from([-1, 0, 1, 2]))


@settings(deadline=None)  # the first turn compiles
@given(dosages)
def test_packing_and_unpacking_gives_the_dosages_back(dosage):
    packed = genotypes.pack_dosage(dosage)
    assert packed.shape == (dosage.shape[0], -(-dosage.shape[1] // 4))
    np.testing.assert_array_equal(genotypes.unpack_dosage(packed, dosage.shape[1]), dosage)


@settings(deadline=None)  # the first turn compiles
@given(dosages, st.data())
def test_chosen_samples_come_in_the_order_asked(dosage, data):
    n_samples = dosage.shape[1]
    chosen = data.draw(st.lists(st.integers(0, max(n_samples - 1, 0)), max_size=6)) if n_samples else []
    samples = np.array(chosen, dtype=np.int64)
    got = genotypes.unpack_dosage(genotypes.pack_dosage(dosage), n_samples, samples)
    np.testing.assert_array_equal(got, dosage[:, samples])


@settings(deadline=None)  # the first turn compiles
@given(dosages)
def test_the_jitted_functions_equal_the_plain_ones(dosage):
    plain = np.empty((dosage.shape[0], genotypes.packed_width(dosage.shape[1])), dtype=np.uint8)
    assert genotypes._pack_dosage(dosage, plain) == 0
    np.testing.assert_array_equal(genotypes.pack_dosage(dosage), plain)
    back = np.empty_like(dosage)
    genotypes._unpack_dosage(plain, back)
    np.testing.assert_array_equal(back, dosage)


def test_the_layout_is_little_end_first_and_padding_is_missing():
    packed = genotypes.pack_dosage(np.array([[0, 1, 2, -1, 1]], dtype=np.int8))
    assert packed.tolist() == [[0b11_10_01_00, 0b11_11_11_01]]


@pytest.mark.parametrize(
    ("call", "dosage"),
    [
        ([0, 0], 0),
        ([0, 1], 1),
        ([1, 0], 1),
        ([1, 1], 2),
        ([0, 2], 0),
        ([1, 2], 1),
        ([2, 2], 0),
        ([-1, -1], -1),
        ([0, -1], -1),
        ([-1, 1], -1),
        ([0, -2], 0),
        ([1, -2], 2),
        ([-1, -2], -1),
        ([-2, -2], -1),
    ],
)
def test_dosage_of_one_call(call, dosage):
    for dtype in (np.int8, np.int16, np.int32):
        assert genotypes.genotype_dosage(np.array([[call]], dtype=dtype)).tolist() == [[dosage]]


def test_a_call_of_three_alleles_has_no_dosage():
    assert genotypes.genotype_dosage(np.array([[[0, 1, 1], [0, 1, -2]]], dtype=np.int8)).tolist() == [[-1, 1]]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: genotypes.pack_dosage(np.array([[3]], dtype=np.int8)), "must be -1"),
        (lambda: genotypes.pack_dosage(np.array([[0]], dtype=np.int16)), "must be int8"),
        (lambda: genotypes.pack_dosage(np.array([0], dtype=np.int8)), "two dimensions"),
        (lambda: genotypes.unpack_dosage(np.zeros((1, 2), dtype=np.uint8), 4), "take 1 bytes"),
        (lambda: genotypes.unpack_dosage(np.zeros((1, 1), dtype=np.uint8), 4, np.array([4])), "must lie in 0..3"),
        (lambda: genotypes.genotype_dosage(np.zeros((1, 1), dtype=np.int8)), "three dimensions"),
        (lambda: genotypes.genotype_dosage(np.zeros((1, 1, 2), dtype=np.uint8)), "must be int8"),
    ],
)
def test_wrong_arrays_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@st.composite
def whole_genotypes(draw):
    shape = draw(st.tuples(st.integers(0, 4), st.integers(0, 70), st.integers(1, 3)))
    dtype = draw(st.sampled_from([np.int8, np.int16, np.int32]))
    return draw(hnp.arrays(dtype, shape, elements=st.sampled_from([-2, -1, 0, 0, 1, 2, 127])))


@settings(deadline=None)  # the first turn compiles
@given(whole_genotypes())
def test_packing_whole_genotypes_is_packing_their_dosages(genotype):
    dosage = genotypes.genotype_dosage(genotype)
    packed, counts = genotypes.packed_genotypes(genotype)
    np.testing.assert_array_equal(packed, genotypes.pack_dosage(dosage))
    expected = np.stack([(dosage == code).sum(axis=1) for code in (0, 1, 2, -1)], axis=1)
    np.testing.assert_array_equal(counts, expected)


def test_packing_counts_many_samples_beyond_what_a_byte_holds():
    genotype = np.tile(np.array([[0, 1], [1, 1], [-1, -1], [1, 0]], dtype=np.int8), (1, 3000, 1))
    packed, counts = genotypes.packed_genotypes(genotype)
    assert counts.tolist() == [[0, 6000, 3000, 3000]]
    np.testing.assert_array_equal(packed, genotypes.pack_dosage(genotypes.genotype_dosage(genotype)))
    with pytest.raises(ValueError, match="three dimensions"):
        genotypes.packed_genotypes(genotype[0])
