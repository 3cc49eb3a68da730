from fractions import Fraction

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from genomics_dc.kernels.vcf.numbers import (
    FINE,
    GREATEST_INT,
    LEAST_INT,
    NOT_NUMBER,
    TOO_LARGE,
    read_float,
    read_integer,
)


def buffer(text):
    return np.frombuffer(f"x{text}y".encode(), dtype=np.uint8).copy(), 1, 1 + len(text.encode())


def float_of(text):
    value, status = read_float(*buffer(text))
    return np.float32(value), status


GREATEST = Fraction(float(np.finfo(np.float32).max))
FIRST_TOO_LARGE = GREATEST + Fraction(2) ** 103  # half a step past it; a tie goes to the even one, which is 2^128


def nearest(text):
    """The plain definition: of all float32, the one next to the exact number, half to even; None past the greatest."""
    exact = Fraction(text)
    if abs(exact) >= FIRST_TOO_LARGE:
        return None
    middle = np.float32(float(max(min(exact, GREATEST), -GREATEST)))
    with np.errstate(over="ignore"):
        around = [np.nextafter(middle, np.float32(-np.inf)), middle, np.nextafter(middle, np.float32(np.inf))]
    around = [value for value in around if np.isfinite(value)]
    return min(
        around, key=lambda value: (abs(Fraction(float(value)) - exact), int(np.float32(value).view(np.uint32)) & 1)
    )


def same_as_defined(text):
    want = nearest(text)
    value, status = float_of(text)
    if want is None:
        assert status == TOO_LARGE
        assert np.isinf(value)
    else:
        assert status == FINE
        assert value == want, text


decimals = st.builds(
    lambda sign, whole, part, exponent: f"{sign}{whole}{part}{exponent}",
    st.sampled_from(["", "-", "+"]),
    st.text("0123456789", min_size=1, max_size=30),
    st.one_of(st.just(""), st.text("0123456789", min_size=1, max_size=60).map(lambda text: "." + text)),
    st.one_of(st.just(""), st.integers(-70, 50).map(lambda power: f"e{power}"), st.just("E+07")),
)


@settings(max_examples=2000, deadline=None)
@given(decimals)
@example("16777217")
@example("16777219")
@example("340282356779733661637539395458142568447")
@example("340282356779733661637539395458142568448")
@example("1.00000005960464477539062500000001")
@example("1.00000005960464477539062499999999")
@example("1.000000059604644775390625")
@example("0.00000000000000000000000000000000000000000000000000000000000001e62")
@example("1e-400")
@example("1e400")
def test_floats_are_next_to_the_number(text):
    same_as_defined(text)


@settings(max_examples=1000, deadline=None)
@given(
    st.integers(0, 0x7F7FFFFE).map(lambda bits: np.array(bits, dtype=np.uint32).view(np.float32)),
    st.sampled_from([-1, 0, 1]),
    st.integers(0, 40),
)
def test_floats_at_and_beside_the_middle_of_two(value, side, further):
    """Every digit of the middle between two neighbours, and the same with one more digit up or down, far behind."""
    middle = (Fraction(float(value)) + Fraction(float(np.nextafter(value, np.float32(np.inf))))) / 2
    scale = 200
    digits = int(middle * 10**scale)
    assert Fraction(digits, 10**scale) == middle
    digits = digits * 10**further + side
    same_as_defined(f"{digits}e-{scale + further}")
    text = str(digits).rjust(scale + further + 1, "0")
    same_as_defined(f"{text[: -scale - further]}.{text[-scale - further :]}")


@settings(max_examples=500, deadline=None)
@given(st.integers(0, 0x7F7FFFFF), st.sampled_from([6, 8, 9, 17]))
def test_floats_as_programs_print_them(bits, digits):
    value = np.array(bits, dtype=np.uint32).view(np.float32)
    text = f"{float(value):.{digits}g}"
    same_as_defined(text)
    if digits >= 9:
        assert float_of(text)[0] == value


@pytest.mark.parametrize("text", ["inf", "+Inf", "-INF", "infinity", "-Infinity"])
def test_infinities(text):
    value, status = float_of(text)
    assert status == FINE
    assert value == (-np.inf if text[0] == "-" else np.inf)


@pytest.mark.parametrize("text", ["nan", "NaN", "-nan", "+NAN"])
def test_not_a_number_is_a_number(text):
    value, status = float_of(text)
    assert status == FINE
    assert np.isnan(value)
    assert value.view(np.uint32) & 0x7FFFFFFF not in (0x7F800001, 0x7F800002)  # what says missing and fill


@pytest.mark.parametrize(
    "text",
    ["", "-", "+", ".", "-.", "e5", ".e5", "1e", "1e+", "1e5.0", "1.2.3", "1_0", " 1", "1 ", "0x10", "1f", "infin",
     "na", "nano", "--1", "1-", "٣", "i.f", "\x0en\x06"],
)  # fmt: skip
def test_what_is_no_float(text):
    assert float_of(text)[1] == NOT_NUMBER


@pytest.mark.parametrize("text", ["0", "-0", "0.000", "-0e5", "-1e-60", "0e999999999999", "-1e-99999999999999999999"])
def test_zeros_keep_their_sign(text):
    value, status = float_of(text)
    assert status == FINE
    assert value == 0
    assert np.signbit(value) == text.startswith("-")


@settings(max_examples=500, deadline=None)
@given(st.one_of(st.integers(-(2**33), 2**33), st.integers(-(10**40), 10**40)), st.sampled_from(["", "+", "000"]))
@example(LEAST_INT, "")
@example(LEAST_INT - 1, "")
@example(GREATEST_INT, "")
@example(GREATEST_INT + 1, "")
def test_integers(number, lead):
    text = f"-{lead.strip('+')}{-number}" if number < 0 else f"{lead}{number}"
    value, status = read_integer(*buffer(text))
    if LEAST_INT <= number <= GREATEST_INT:
        assert (value, status) == (number, FINE)
    else:
        assert status == TOO_LARGE


@pytest.mark.parametrize("text", ["", "-", "+", "1.0", "1e3", " 1", "1 ", "0x1", "--1", "."])
def test_what_is_no_integer(text):
    assert read_integer(*buffer(text))[1] == NOT_NUMBER
