import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genomics_dc.kernels.vcf import problems as bits
from genomics_dc.kernels.vcf.info import (
    read_info_flags,
    read_info_floats,
    read_info_integers,
    read_info_spans,
    read_info_strings,
)
from genomics_dc.kernels.vcf.numbers import INT_FILL, INT_MISSING
from genomics_dc.kernels.vcf.text import Names
from tests.kernels.vcf.test_sites import indexed, words

KEYS = ["DP", "AF", "DB", "D", "ANN"]
MISSING_BITS, FILL_BITS = 0x7F800001, 0x7F800002


def spans_of(*infos, keys=KEYS, **options):
    data, _, _, columns, _ = indexed([f"1\t5\t.\tA\tC\t.\t.\t{info}" for info in infos])
    return data, read_info_spans(data, columns, Names.of(keys), **options)


def one_key(values, key="DP"):
    """Each value (None: no such key; True: the key alone) as the spans of one key."""
    infos = [
        "." if value is None else f"D=x;{key};DB" if value is True else f"D=x;{key}={value};DB" for value in values
    ]
    data, spans = spans_of(*infos)
    return data, spans.span[:, KEYS.index(key)]


text = st.text("aA=,.:| é", max_size=8)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.one_of(
            st.none(),
            st.dictionaries(
                st.sampled_from([*KEYS, "unknown"]), st.one_of(st.none(), text), min_size=1
            ),
        ),
        min_size=1,
        max_size=15,
    ),
    st.booleans(),
)  # fmt: skip
def test_spans_are_what_splitting_gives(records, with_samples):
    infos = [
        "." if record is None else ";".join(key if value is None else f"{key}={value}" for key, value in record.items())
        for record in records
    ]
    data, spans = spans_of(*(info + "\tGT\t0" * with_samples for info in infos), with_order=True)
    for row, record in enumerate(records):
        known = [key for key in record or {} if key in KEYS]
        assert bool(spans.problems[row] & bits.UNKNOWN_INFO_KEY) == ("unknown" in (record or {}))
        assert [KEYS[number] for number in spans.order[row] if number >= 0] == known
        for number, key in enumerate(KEYS):
            start, end = spans.span[row, number]
            if key in known:
                assert bytes(data[start:end]).decode() == (record[key] or "")
                assert (data[start - 1] == ord("=")) == (record[key] is not None)
            else:
                assert start == -1
    flags, _ = read_info_flags(data, spans.span[:, KEYS.index("DB")])
    assert flags.tolist() == ["DB" in (record or {}) for record in records]


@pytest.mark.parametrize(
    ("info", "problem"),
    [
        ("DP=1;AF=2", 0),
        (".", 0),
        ("DP=1;", bits.EMPTY_INFO_KEY),
        (";DP=1", bits.EMPTY_INFO_KEY),
        ("DP=1;;AF=2", bits.EMPTY_INFO_KEY),
        ("=5", bits.EMPTY_INFO_KEY),
        ("", bits.EMPTY_INFO_KEY),
        ("DP=1;DP=2", bits.REPEATED_INFO_KEY),
        ("DPX=1", bits.UNKNOWN_INFO_KEY),
        ("dp=1", bits.UNKNOWN_INFO_KEY),
        (".;DP=1", bits.UNKNOWN_INFO_KEY),
    ],
)
def test_problems_of_keys(info, problem):
    data, spans = spans_of("DP=7", info)
    assert spans.problems.tolist() == [0, problem]
    if "DP=1" in info:
        assert words(data, spans.span[1:, 0]) == ["1"]


numbers = st.one_of(st.none(), st.integers(-(2**31) + 8, 2**31 - 1), st.integers(-3, 3))


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.one_of(st.none(), st.lists(numbers, min_size=1, max_size=6)), min_size=1, max_size=12),
    st.integers(1, 5),
)
def test_integers(records, width):
    values = [
        None if record is None else ",".join("." if number is None else str(number) for number in record)
        for record in records
    ]
    got = read_info_integers(*one_key(values), width)
    want = [
        [INT_MISSING] * width
        if record is None
        else ([INT_MISSING if number is None else number for number in record] + [INT_FILL] * width)[:width]
        for record in records
    ]
    assert got.values.tolist() == want
    assert got.count.tolist() == [len(record or []) for record in records]
    assert not got.problems.any()
    present = [number for record in records for number in record or [] if number is not None]
    seen = got.seen
    assert seen.width == max(len(record or []) for record in records)
    assert (seen.minimum, seen.maximum) == ((min(present), max(present)) if present else (0, -1))
    assert seen.sentinel_value == any(number in (-1, -2) for number in present)
    assert seen.any_missing == any(record is None or None in record for record in records)
    assert seen.any_fill == any(record is not None and len(record) < width for record in records)


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ("x", bits.NOT_A_NUMBER),
        ("1.5", bits.NOT_A_NUMBER),
        ("1,x", bits.NOT_A_NUMBER),
        ("", bits.EMPTY_VALUE),
        (True, bits.EMPTY_VALUE),
        ("1,", bits.EMPTY_VALUE),
        ("1,,2", bits.EMPTY_VALUE),
        (str(2**31), bits.OUT_OF_RANGE),
        (str(-(2**31)), bits.OUT_OF_RANGE),
        ("1,2,3,4,99999999999", bits.OUT_OF_RANGE),
        (".", 0),
    ],
)
def test_problems_of_integers(value, problem):
    got = read_info_integers(*one_key(["1", value, "2"]), 2)
    assert got.problems.tolist() == [0, problem, 0]
    assert got.values[[0, 2], 0].tolist() == [1, 2]
    assert got.seen.any_missing


@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.one_of(
            st.none(), st.lists(st.one_of(st.none(), st.floats(width=32)), min_size=1, max_size=5)
        ),
        min_size=1,
        max_size=10,
    ),
    st.integers(1, 4),
)  # fmt: skip
def test_floats(records, width):
    values = [
        None if record is None else ",".join("." if number is None else f"{number:.9g}" for number in record)
        for record in records
    ]
    got = read_info_floats(*one_key(values, "AF"), width)
    for row, record in enumerate(records):
        for place in range(width):
            if record is None or (place < len(record) and record[place] is None):
                assert got.values.view(np.uint32)[row, place] == MISSING_BITS
            elif place >= len(record):
                assert got.values.view(np.uint32)[row, place] == FILL_BITS
            elif np.isnan(record[place]):
                assert np.isnan(got.values[row, place])
                assert got.values.view(np.uint32)[row, place] not in (MISSING_BITS, FILL_BITS)
            else:
                assert got.values[row, place] == np.float32(record[place])
    assert not got.problems.any()
    present = [number for record in records for number in record or [] if number is not None]
    assert got.seen.not_finite == any(not np.isfinite(number) for number in present)


@pytest.mark.parametrize(
    ("value", "problem"),
    [("x", bits.NOT_A_NUMBER), ("", bits.EMPTY_VALUE), ("1e39", bits.OUT_OF_RANGE), ("-1e400", bits.OUT_OF_RANGE)],
)
def test_problems_of_floats(value, problem):
    got = read_info_floats(*one_key(["1", value], "AF"), 1)
    assert got.problems.tolist() == [0, problem]
    assert got.values.view(np.uint32)[1, 0] == MISSING_BITS


@pytest.mark.parametrize("split", [True, False])
def test_strings(split):
    values = ["a,b", None, ".", "", "é|中,x,y", True, ",b"]
    data, span = one_key(values, "ANN")
    got = read_info_strings(data, span, 2, split=split)
    flat = np.stack([got.start, got.end], axis=2)
    shown = [words(data, row) for row in flat]
    if split:
        assert shown == [["a", "b"], [".", "."], [".", ""], [".", ""], ["é|中", "x"], [".", ""], [".", "b"]]
        assert got.count.tolist() == [2, 0, 1, 1, 3, 1, 2]
        assert got.seen.width == 3
    else:
        assert shown == [["a,b", ""], [".", "."], [".", ""], [".", ""], ["é|中,x,y", ""], [".", ""], [",b", ""]]
        assert got.seen.width == 1
    empty = [0, 0, 0, bits.EMPTY_VALUE, 0, bits.EMPTY_VALUE, bits.EMPTY_VALUE if split else 0]
    assert got.problems.tolist() == empty


def test_characters():
    data, span = one_key(["a,é", "ab", "."], "ANN")
    got = read_info_strings(data, span, 2, one_character=True)
    assert got.problems.tolist() == [0, bits.NOT_ONE_CHARACTER, 0]


def test_flags():
    data, span = one_key(["1", True, None, ""], "DB")
    present, problems = read_info_flags(data, span)
    assert present.tolist() == [True, True, False, True]
    assert problems.tolist() == [bits.FLAG_WITH_VALUE, 0, 0, bits.FLAG_WITH_VALUE]
