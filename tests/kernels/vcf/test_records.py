"""Lines of text from arrays, against their plain definition."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from genomics_dc.kernels.vcf import records as rec
from genomics_dc.kernels.vcf.number_text import float_lines
from genomics_dc.kernels.vcf.records import Records, Strings

quick = settings(max_examples=60, deadline=None)
FLOAT_MISSING, FLOAT_FILL = np.array([0x7F800001, 0x7F800002], dtype=np.uint32).view(np.float32)
WIDE_MISSING, WIDE_FILL = np.array([0x7FF0000000000001, 0x7FF0000000000002], dtype=np.uint64).view(np.float64)


def text_of(values):
    out = np.zeros(values.size * 14 + 14, dtype=np.uint8)
    return out[: float_lines(values, out)].tobytes().decode().splitlines()


def percent_g(value):
    return "-nan" if np.isnan(value) and np.signbit(value) else f"{float(value):g}"


@settings(max_examples=200, deadline=None)
@given(hnp.arrays(np.uint32, st.integers(1, 200)).map(lambda bits: bits.view(np.float32)))
def test_floats_of_any_bits_are_printed_as_c_prints_them(values):
    assert text_of(values) == [percent_g(value) for value in values]


@quick
@given(st.lists(st.integers(0, 2**24), min_size=1), st.sampled_from([1, 2, 4, 8, 10, 1000, 1e6, 1e9]))
def test_floats_that_people_write(numbers, divisor):
    values = (np.array(numbers) / divisor).astype(np.float32)
    assert text_of(values) == [percent_g(value) for value in values]


def test_ties_go_to_the_even_digit():
    values = np.array([100000.5, 100001.5, 999999.5, 1000005, 1000015, 16777215, 0.0, -0.0, 9.9999995e-5], np.float32)
    assert text_of(values) == ["100000", "100002", "1e+06", "1e+06", "1.00002e+06", "1.67772e+07", "0", "-0", "0.0001"]


def lines(records, program):
    found = b"".join(part.data.tobytes() for part in records.lines([*program, (rec.LITERAL, records.word("\n"))]))
    return found.decode().split("\n")[:-1]


def call_text(alleles, phased, bits=None):
    copies = [allele for allele in alleles.tolist() if allele != -2]
    out = ""
    for p, allele in enumerate(copies):
        if p:
            bar = phased if bits is None else bits >> p & 1
            out += "|" if bar else "/"
        elif bits is not None and bits >> 15:
            out += "|" if bits & 1 else "/"
        out += "." if allele == -1 else str(allele)
    return out or "."


@st.composite
def genotypes(draw):
    n, s, ploidy = draw(st.integers(1, 5)), draw(st.integers(0, 6)), draw(st.integers(1, 4))
    dtype = draw(st.sampled_from([np.int8, np.int16, np.int32]))
    limit = draw(st.sampled_from([1, 9, 10, 127]))
    calls = draw(hnp.arrays(dtype, (n, s, ploidy), elements=st.integers(-1, limit)))
    copies = draw(hnp.arrays(np.int8, (n, s), elements=st.integers(0 if ploidy > 1 else 1, ploidy)))
    calls[np.arange(ploidy) >= copies[:, :, None]] = -2
    return calls, draw(hnp.arrays(np.bool_, (n, s)))


@quick
@given(genotypes())
def test_calls_of_any_ploidy_and_phase(drawn):
    calls, phased = drawn
    records = Records(*calls.shape[:2])
    field = records.genotypes(calls, phased)
    records.set_calls([field], [field])
    expected = [
        "GT" + "".join("\t" + call_text(call, bar) for call, bar in zip(*row, strict=True))
        for row in zip(calls, phased, strict=True)
    ]
    assert lines(records, [(rec.KEYS, 1), (rec.CALLS, 1)]) == expected


@quick
@given(genotypes(), st.data())
def test_calls_whose_separators_differ(drawn, data):
    calls, phased = drawn
    joins = data.draw(hnp.arrays(np.uint16, calls.shape[:2]))
    records = Records(*calls.shape[:2])
    field = records.genotypes(calls, phased, joins)
    records.set_calls([field], [field])
    expected = [
        "".join("\t" + call_text(call, False, int(bits)) if call[0] != -2 else "\t" + call_text_of_none(int(bits))
                for call, bits in zip(*row, strict=True))
        for row in zip(calls, joins, strict=True)
    ]  # fmt: skip
    assert lines(records, [(rec.CALLS, 1)]) == expected


def call_text_of_none(bits):
    """A call without a copy: only the leading separator, when it is written."""
    return ("|" if bits & 1 else "/") if bits >> 15 else "."


def integer_text(row):
    values = row.tolist()
    values = values[: values.index(-2)] if -2 in values else values
    return ",".join("." if value == -1 else str(value) for value in values) or "."


@quick
@given(
    hnp.arrays(
        st.sampled_from([np.int8, np.int16, np.int32]),
        hnp.array_shapes(min_dims=3, max_dims=3, max_side=4),
        elements=st.integers(-2, 127),
    )
)
def test_integers(values):
    records = Records(*values.shape[:2])
    field = records.numbers("DP", rec.INTEGER, values, of_samples=True)
    program = [(rec.EACH_SAMPLE, 2), (rec.LITERAL, records.word(" ")), (rec.VALUE, field)]
    assert lines(records, program) == ["".join(" " + integer_text(call) for call in row) for row in values]
    for k in range(values.shape[2] + 1):
        program = [(rec.EACH_SAMPLE, 3), (rec.LITERAL, records.word(" ")), (rec.ITEM, field), (0, k)]
        expected = [
            "".join(" " + (integer_text(call[k : k + 1]) if k < len(call) else ".") for call in row) for row in values
        ]
        assert lines(records, program) == expected


@pytest.mark.parametrize("n", [0, 1, 9, 10, 99, 100, 999, 1000, 12345, 2**31 - 1, -3, -10, -999, -1000, -(2**31) + 8])
def test_integers_of_every_length(n):
    records = Records(1, 0)
    field = records.numbers("X", rec.INTEGER, np.array([n], dtype=np.int32))
    assert lines(records, [(rec.VALUE, field)]) == [str(n)]


def test_integers_that_are_sentinels_of_narrow_types():
    records = Records(4, 0)
    values = np.array([[-1, -2], [WIDE_MISSING, 5], [7, WIDE_FILL], [WIDE_FILL, WIDE_FILL]])
    field = records.numbers("X", rec.INTEGER, values)
    assert lines(records, [(rec.VALUE, field)]) == ["-1,-2", ".,5", "7", "."]
    wide = Records(2, 0)
    field = wide.numbers("X", rec.INTEGER, np.array([2**40, -1]))
    assert lines(wide, [(rec.VALUE, field)]) == [str(2**40), "."]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_floats_with_sentinels(dtype):
    missing, fill = (FLOAT_MISSING, FLOAT_FILL) if dtype == np.float32 else (WIDE_MISSING, WIDE_FILL)
    records = Records(3, 0)
    values = np.array([[0.1, 1e-8], [0.5, 1.0], [0.25, 1.0]], dtype=dtype)
    values[1, 0], values[1, 1] = missing, np.nan
    values[2, 1] = fill
    field = records.numbers("AF", rec.FLOAT, values)
    assert lines(records, [(rec.VALUE, field)]) == ["0.1,1e-08", ".,nan", "0.25"]


@quick
@given(st.lists(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\n.,"), max_size=3), min_size=3,
                         max_size=3), min_size=1, max_size=5))  # fmt: skip
def test_strings(rows):
    records = Records(len(rows), 0)
    field = records.strings("S", Strings.of(np.array(rows, dtype=object)))
    part = records.part(field, 1)
    expected = []
    for first in (0, 1):
        for row in rows:
            values = row[first:]
            values = values[: values.index("")] if "" in values else values
            expected.append(",".join(values) or ".")
    assert lines(records, [(rec.VALUE, field)]) + lines(records, [(rec.VALUE, part)]) == expected


def test_info_and_calls_leave_out_what_is_missing():
    records = Records(3, 2)
    depth = records.numbers("DP", rec.INTEGER, np.array([5, -1, 7], dtype=np.int8))
    flag = records.numbers("DB", rec.FLAG, np.array([True, False, False]))
    note = records.strings("N", Strings.of(np.array([["a", "."], [".", "."], [".", "."]], dtype=object)))
    records.set_info([depth, flag, note])
    call_depth = records.numbers(
        "DP", rec.INTEGER, np.array([[1, -1], [-1, -1], [-1, 300]], dtype=np.int16), of_samples=True
    )
    gt = records.genotypes(np.array([[[0, 1], [1, -2]], [[-1, -1]] * 2, [[-1, -1], [10, 0]]], dtype=np.int8), None)
    records.set_calls([gt, call_depth])
    program = [(rec.INFO, 3), (rec.LITERAL, records.word("\t")), (rec.KEYS, 2), (rec.CALLS, 2)]
    assert lines(records, program) == [
        "DP=5;DB;N=a,.\tGT:DP\t0/1:1\t1:.",
        ".\t.\t.\t.",
        "DP=7\tGT:DP\t./.:.\t10/0:300",
    ]
    order = np.array([[2, 0, -1], [1, -1, -1], [-1, -1, -1]], dtype=np.int32)
    records.set_info([depth, flag, note], order)
    assert lines(records, [(rec.INFO, 3)]) == ["N=a,.;DP=5", "DB", "."]


def test_bases_and_samples_and_columns_of_the_record_in_a_loop():
    records = Records(2, 2)
    alleles = records.strings("ALLELES", Strings.of(np.array([["A", "CT", ""], ["G", "T", "<DEL>"]], dtype=object)))
    sample = records.strings("SAMPLE", Strings.of(np.array([["S1", "Zoë"]], dtype=object)), of_samples=True)
    records.genotypes(np.array([[[0, 1], [1, -2]], [[-1, 2], [2, 2]]], dtype=np.int8), np.array([[0, 0], [1, 0]], bool))
    bases = records.bases(alleles)
    program = [
        (rec.EACH_SAMPLE, 6),
        (rec.LITERAL, records.word(" ")),
        (rec.VALUE, sample),
        (rec.LITERAL, records.word("=")),
        (rec.VALUE, bases),
        (rec.ITEM, alleles),
        (0, 0),
    ]
    assert lines(records, program) == [" S1=A/CTA Zoë=CTA", " S1=.|<DEL>G Zoë=<DEL>/<DEL>G"]


def test_a_record_longer_than_the_buffer(monkeypatch):
    monkeypatch.setattr(rec, "_BUFFER_BYTES", 64)
    rng = np.random.default_rng(3)
    calls = rng.integers(-1, 12, (7, 50, 2)).astype(np.int8)
    records = Records(7, 50)
    gt = records.genotypes(calls, np.zeros((7, 50), dtype=bool))
    name = records.strings("N", Strings.of(["x" * n for n in (0, 1, 500, 63, 64, 65, 2000)]))
    records.set_calls([gt], [gt])
    expected = [
        ("x" * n or ".") + "".join("\t" + call_text(call, False) for call in row)
        for n, row in zip((0, 1, 500, 63, 64, 65, 2000), calls, strict=True)
    ]
    assert lines(records, [(rec.VALUE, name), (rec.CALLS, 1)]) == expected
    some = b"".join(
        p.data.tobytes() for p in records.lines([(rec.VALUE, name), (rec.LITERAL, records.word("\n"))], 2, 5)
    )
    assert some.decode().splitlines() == ["x" * 500, "x" * 63, "x" * 64]


def test_strings_are_given_back():
    words = np.array([["", "a"], ["Zoë", "bcd"]], dtype=object)
    assert Strings.of(words).tolist() == words.tolist()
    assert Strings.of(words)[:, 1].tolist() == ["a", "bcd"]


def test_shapes_are_checked():
    with pytest.raises(ValueError, match="DP has shape"):
        Records(3, 2).numbers("DP", rec.INTEGER, np.zeros((3, 3), np.int8), of_samples=True)
