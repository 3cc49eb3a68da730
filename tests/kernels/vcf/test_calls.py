import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genomics_dc.kernels import genotypes as dosage_kernels
from genomics_dc.kernels.vcf import calls
from genomics_dc.kernels.vcf.calls import CallField, CallReader
from tests.kernels.vcf import plain_calls
from tests.kernels.vcf.plain_calls import INT_FILL, INT_MISSING

DATA = Path(__file__).resolve().parents[4] / "shared" / "data"
GT = CallField("GT", calls.GENOTYPE, 2)
ALL = (
    CallField("GT", calls.GENOTYPE, 3),
    CallField("AD", calls.INTEGER, 3),
    CallField("DP", calls.INTEGER, 1),
    CallField("GL", calls.FLOAT, 2),
    CallField("FT", calls.STRING, 1, split=False),
    CallField("HQ", calls.STRING, 2),
    CallField("CH", calls.CHARACTER, 1),
)


def line(form, *samples):
    return b"\t".join([b"1", b"7", b"x", b"A", b"C", b"9", b"q", b"k", form.encode(), *(s.encode() for s in samples)])


def read(lines, fields, n_samples, n_alleles=2, **options):
    data, line_end, columns = plain_calls.index(lines)
    counts = np.broadcast_to(np.asarray(n_alleles), len(lines))
    return CallReader(fields, n_samples, **options).read(data, line_end, columns, counts)


def words(batch, key):
    """Return the strings of a field as nested lists."""
    spans = batch.strings[key]
    text = batch.data.tobytes()
    flat = [text[a:b].decode() for a, b in zip(spans.start.ravel(), spans.end.ravel(), strict=True)]
    return np.array(flat, dtype=object).reshape(spans.start.shape).tolist()


def reals(values):
    """Return floats with the two kinds of absent as words."""
    names = {0x7F800001: "missing", 0x7F800002: "fill"}
    flat = [
        names.get(int(bits), value) for bits, value in zip(values.view(np.uint32).ravel(), values.ravel(), strict=True)
    ]
    return np.array(flat, dtype=object).reshape(values.shape).tolist()


def check(lines, fields, n_samples, n_alleles, batch):
    """Hold a batch against the plain definition."""
    plain = plain_calls.read(lines, fields, n_samples, n_alleles)
    for wanted in fields:
        if wanted.kind == calls.GENOTYPE:
            assert batch.genotype.tolist() == plain.genotype
            assert batch.phased.tolist() == plain.phased
            dosage = np.array(plain.dosage, dtype=np.int8).reshape(len(lines), n_samples)
            np.testing.assert_array_equal(batch.packed, dosage_kernels.pack_dosage(dosage))
            assert batch.counts.tolist() == [[row.count(code) for code in (0, 1, 2, -1)] for row in plain.dosage]
            continue
        if wanted.kind == calls.INTEGER:
            assert batch.values[wanted.key].tolist() == plain.values[wanted.key]
            real = batch.values[wanted.key][batch.values[wanted.key] > INT_FILL]
            seen = batch.seen[wanted.key]
            assert plain.widths[wanted.key] > wanted.width or (seen.minimum, seen.maximum) == (
                (real.min(), real.max()) if real.size else (0, -1)
            )
            assert plain.widths[wanted.key] > wanted.width or seen.sentinel_value == bool(
                ((real == -1) | (real == -2)).any()
            )
            assert plain.widths[wanted.key] > wanted.width or seen.any_missing == bool(
                (batch.values[wanted.key] == INT_MISSING).any()
            )
            assert seen.any_fill == bool((batch.values[wanted.key] == INT_FILL).any())
        elif wanted.kind == calls.FLOAT:
            assert repr(reals(batch.values[wanted.key])) == repr(plain.values[wanted.key])
        else:
            assert words(batch, wanted.key) == plain.values[wanted.key]
        assert batch.seen[wanted.key].width == plain.widths[wanted.key]
    assert batch.faults.count.tolist() == plain.n_faults
    assert (batch.faults.status != 0).tolist() == [n > 0 for n in plain.n_faults]


# ----------------------------------------------------------------------------------------------- hand-worked records


@pytest.mark.parametrize(
    ("call", "copies", "phased"),
    [
        ("0/0", [0, 0, -2], False),
        ("0|1", [0, 1, -2], True),
        ("1", [1, -2, -2], True),
        (".", [-1, -2, -2], True),
        ("./.", [-1, -1, -2], False),
        (".|1", [-1, 1, -2], True),
        ("1/.", [1, -1, -2], False),
        ("0|1|2", [0, 1, 2], True),
        ("0/1|2", [0, 1, 2], False),
        ("0|1/2", [0, 1, 2], False),
        ("|0/1", [0, 1, -2], False),
        ("/0|1", [0, 1, -2], False),
        ("|0|1", [0, 1, -2], True),
        ("/1", [1, -2, -2], False),
        ("|1", [1, -2, -2], True),
        ("00/01", [0, 1, -2], False),
        ("11/9", [11, 9, -2], False),
    ],
)
def test_a_call(call, copies, phased):
    batch = read([line("GT", call)], [CallField("GT", calls.GENOTYPE, 3)], 1, 12)
    assert batch.genotype.tolist() == [[copies]]
    assert batch.phased.tolist() == [[phased]]
    assert not batch.faults.any


@pytest.mark.parametrize(
    "call", ["", "a", "0//1", "1/", "-1/0", "0\\1", "0/1 ", "0,1", "|", "./", "0/1/", "+1/0", "\x00"]
)
def test_what_is_no_genotype_is_missing_and_said(call):
    for form, rest in (("GT", ""), ("GT:DP", ":7")):
        batch = read([line(form, "0/0" + rest, call + rest, "0/1" + rest)], [GT], 3)
        assert batch.genotype.tolist() == [[[0, 0], [-1, -1], [0, 1]]]
        assert batch.faults.status.tolist() == [calls.BAD_GENOTYPE]
        assert batch.faults.sample.tolist() == [1]
        assert batch.faults.field.tolist() == [0]
        assert batch.counts.tolist() == [[1, 1, 0, 1]]


def test_an_allele_past_alt_is_missing_and_said_with_its_place():
    text = line("GT", "0|0", "0|2", "1|1")
    batch = read([text, line("GT", "0|0", "0|1", "1|1")], [GT], 3)
    assert batch.faults.status.tolist() == [calls.ALLELE_BEYOND, calls.FINE]
    assert batch.faults.offset[0] == text.index(b"0|2")
    assert batch.genotype[0].tolist() == [[0, 0], [0, -1], [1, 1]]
    assert batch.counts.tolist() == [[1, 0, 1, 1], [1, 1, 1, 0]]
    assert batch.genotype_seen.greatest_allele == 1
    assert not read([text], [GT], 3, n_alleles=3).faults.any


def test_alleles_past_127_ask_for_int16_and_then_are_there():
    lines = [line("GT", "0/200", "127|128")]
    narrow = read(lines, [GT], 2, 300)
    assert narrow.genotype_seen.greatest_allele == 200
    assert not narrow.faults.any
    wide = read(lines, [GT], 2, 300, genotype_dtype=np.int16)
    assert wide.genotype.dtype == np.int16
    assert wide.genotype.tolist() == [[[0, 200], [127, 128]]]


def test_an_allele_number_of_many_digits_does_not_wrap():
    batch = read([line("GT", "0/18446744073709551617", "0/4294967296")], [GT], 2)
    assert batch.genotype.tolist() == [[[0, -1], [0, -1]]]
    assert batch.faults.count.tolist() == [2]


@pytest.mark.parametrize("dtype", [np.int8, np.int16])
@pytest.mark.parametrize("n_samples", [1, 2, 3, 4, 5, 63, 64, 65, 255, 1021])
def test_plain_records_of_any_width(n_samples, dtype):
    rng = np.random.default_rng(n_samples)
    rows = [
        [
            "".join(rng.choice(list("0123.")) + rng.choice(["/", "|"]) + rng.choice(list("0123.")))
            for _ in range(n_samples)
        ]
        for _ in range(3)
    ]
    lines = [line("GT", *row) for row in rows]
    batch = read(lines, [GT], n_samples, 4, genotype_dtype=dtype)
    check(lines, [GT], n_samples, [4] * 3, batch)
    # the same through the walk over any FORMAT
    longer = [line("GT:DP", *(call + ":1" for call in row)) for row in rows]
    other = read(longer, [GT], n_samples, 4, genotype_dtype=dtype)
    np.testing.assert_array_equal(other.genotype, batch.genotype)
    np.testing.assert_array_equal(other.packed, batch.packed)
    assert other.genotype_seen == batch.genotype_seen


def test_what_was_seen_of_genotypes():
    seen = read([line("GT", "0|1", "1|1")], [GT], 2).genotype_seen
    assert (seen.ploidy, seen.phase, seen.any_missing, seen.any_half, seen.any_fill) == (
        2,
        calls.PHASED,
        False,
        False,
        False,
    )
    seen = read([line("GT", "0|1", "./.")], [GT], 2).genotype_seen
    assert (seen.phase, seen.any_missing, seen.any_half) == (calls.MIXED, True, False)
    seen = read([line("GT", "0/1", "./1")], [GT], 2).genotype_seen
    assert (seen.phase, seen.any_missing, seen.any_half) == (calls.UNPHASED, True, True)
    seen = read([line("GT", "0/1", "1/1/1/0"), line("GT", "1", "0")], [GT], 2).genotype_seen
    assert (seen.ploidy, seen.any_fill) == (4, True)
    seen = read([line("GT", "0/1|1", "|0/1", "|0|1")], [GT], 3).genotype_seen
    assert (seen.irregular, seen.prefixed) == (2, 2)


def test_separators_tell_apart_what_phased_cannot():
    data, line_end, columns = plain_calls.index(
        [
            line("DP:GT", "1:0/1|2", "1:|0/1", "1:/0|1", "1"),
            line("DP", "1", "1", "1", "1"),
            line("GT", "1", "/1", "0|1", "."),
        ]
    )
    bits = calls.genotype_separators(data, line_end, columns, 4)
    first = 1 << 15
    assert bits.tolist() == [[4, first | 1, first | 2, 0], [0, 0, 0, 0], [1, first, 3, 1]]


def test_short_calls_end_in_missing_and_a_key_that_is_absent_is_missing_everywhere():
    fields = [
        GT,
        CallField("AD", calls.INTEGER, 3),
        CallField("FT", calls.STRING, 2),
        CallField("XX", calls.INTEGER, 2),
    ]
    batch = read([line("GT:AD:FT", "0/1:3,4:a,b", "0/1:.", ".")], fields, 3)
    assert batch.values["AD"].tolist() == [
        [[3, 4, INT_FILL], [INT_MISSING, INT_FILL, INT_FILL], [INT_MISSING, INT_FILL, INT_FILL]]
    ]
    assert words(batch, "FT") == [[["a", "b"], [".", ""], [".", ""]]]
    assert batch.values["XX"].tolist() == [[[INT_MISSING, INT_MISSING]] * 3]
    assert batch.genotype.tolist() == [[[0, 1], [0, 1], [-1, -2]]]
    assert batch.present.tolist() == [[True, True, True, False]]
    assert not batch.faults.any


def test_values_past_the_width_are_counted_and_dropped():
    batch = read([line("AD", "1,2,3", "4")], [CallField("AD", calls.INTEGER, 2)], 2)
    assert batch.values["AD"].tolist() == [[[1, 2], [4, INT_FILL]]]
    assert batch.seen["AD"].width == 3


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("2147483648", calls.OUT_OF_RANGE),
        ("-2147483641", calls.OUT_OF_RANGE),
        ("99999999999999999999999999", calls.OUT_OF_RANGE),
        ("1.5", calls.NOT_A_NUMBER),
        ("x", calls.NOT_A_NUMBER),
        ("-", calls.NOT_A_NUMBER),
        ("1 ", calls.NOT_A_NUMBER),
        ("", calls.EMPTY_VALUE),
    ],
)
def test_an_integer_that_is_none_never_wraps(text, status):
    whole = line("DP:AD", "3:1", f"5:1,{text}", "7:2")
    batch = read([whole], [CallField("AD", calls.INTEGER, 2)], 3)
    assert batch.faults.status.tolist() == [status]
    assert batch.faults.sample.tolist() == [1]
    assert batch.faults.offset.tolist() == [whole.index(b"5:1,") + 4]
    assert batch.values["AD"].tolist() == [[[1, INT_FILL], [1, INT_MISSING], [2, INT_FILL]]]


def test_the_greatest_and_least_integers_stay():
    batch = read([line("DP", "2147483647", "-2147483640", "-1", "+5", "007")], [CallField("DP", calls.INTEGER)], 5)
    assert batch.values["DP"].ravel().tolist() == [2147483647, -2147483640, -1, 5, 7]
    seen = batch.seen["DP"]
    assert (seen.minimum, seen.maximum, seen.sentinel_value) == (-2147483640, 2147483647, True)
    assert not batch.faults.any


def test_floats_and_what_is_not_finite():
    field = CallField("GL", calls.FLOAT, 2)
    batch = read([line("GL", "-0.5,1e-3", ".,3", ".", "1e5")], [field], 4)
    assert reals(batch.values["GL"]) == [
        [
            [np.float32(-0.5), np.float32(1e-3)],
            ["missing", np.float32(3)],
            ["missing", "fill"],
            [np.float32(1e5), "fill"],
        ]
    ]
    assert not batch.seen["GL"].not_finite
    for text in ("nan", "inf", "-Inf", "NaN"):
        batch = read([line("GL", "1", text)], [field], 2)
        assert batch.seen["GL"].not_finite
        assert not batch.faults.any
        assert batch.values["GL"].view(np.uint32)[0, 1, 0] not in (0x7F800001, 0x7F800002)
    for text in ("x", "1.2.3", "", "--1", "1e", "0x10"):
        batch = read([line("GL", "1", text + ",2")], [field], 2)
        assert batch.faults.status[0] in (calls.NOT_A_NUMBER, calls.EMPTY_VALUE), text
        assert reals(batch.values["GL"])[0][1] == ["missing", np.float32(2)]


def test_a_character_is_one_character_also_in_chinese():
    field = CallField("CH", calls.CHARACTER, 2)
    batch = read([line("CH", "a", "甲", ".", "a,b", "ab", "")], [field], 6)
    assert words(batch, "CH")[0] == [["a", ""], ["甲", ""], [".", ""], ["a", "b"], ["ab", ""], [".", ""]]
    assert batch.faults.count.tolist() == [2]
    assert batch.faults.status.tolist() == [calls.NOT_ONE_CHARACTER]


def test_a_text_without_a_dot_gets_one():
    text = line("FT:DP", "a:3", "b")
    assert b"." not in text
    batch = read([text], [CallField("XX", calls.STRING), CallField("FT", calls.STRING)], 2)
    assert words(batch, "XX") == [[["."], ["."]]]
    assert words(batch, "FT") == [[["a"], ["b"]]]


@pytest.mark.parametrize(
    ("samples", "n_samples", "sample"),
    [(("0/0",), 2, 1), (("0/0", "0/1", "1/1"), 2, 2), ((), 1, 0), (("0/0",), 0, 0)],
)
def test_a_wrong_number_of_samples(samples, n_samples, sample):
    for form in ("GT", "GT:DP"):
        batch = read([line(form, *samples)], [GT, CallField("DP", calls.INTEGER)], n_samples)
        assert batch.faults.status.tolist() == [calls.WRONG_SAMPLE_COUNT]
        assert batch.faults.sample.tolist() == [sample]
        known = min(len(samples), n_samples)
        assert (batch.genotype[0, known:, 0] == -1).all()
        assert (batch.values["DP"][0, known:] == INT_MISSING).all()


def test_a_record_that_ends_before_its_format():
    batch = read([b"1\t7\t.\tA\tC\t.\t.\t."], [GT], 2)
    assert batch.faults.status.tolist() == [calls.WRONG_SAMPLE_COUNT]
    assert batch.genotype.tolist() == [[[-1, -1], [-1, -1]]]
    assert not read([b"1\t7\t.\tA\tC\t.\t.\t."], [GT], 0).faults.any


@pytest.mark.parametrize(
    ("form", "status"),
    [
        ("GT:GT", calls.GENOTYPE_NOT_FIRST),
        ("DP:GT", calls.GENOTYPE_NOT_FIRST),
        ("GT:DP:DP", calls.REPEATED_KEY),
        ("GT::DP", calls.EMPTY_KEY),
        ("GT:", calls.EMPTY_KEY),
        (":", calls.EMPTY_KEY),
        ("", calls.EMPTY_KEY),
    ],
)
def test_a_wrong_format_is_said_for_each_record(form, status):
    lines = [line(form, "0")] * 3 + [line("GT", "0/1")]
    batch = read(lines, [GT], 1)
    expected = calls.REPEATED_KEY if form == "GT:GT" else status
    assert batch.faults.status.tolist() == [expected] * 3 + [calls.FINE]
    assert batch.faults.sample.tolist()[:3] == [-1] * 3


def test_more_values_than_keys():
    text = line("GT:DP", "0/1:3:4:5", "0/0:7")
    batch = read([text], [GT, CallField("DP", calls.INTEGER)], 2)
    assert batch.faults.status.tolist() == [calls.TOO_MANY_VALUES]
    assert text[batch.faults.offset[0] :].startswith(b":4:5")
    assert batch.values["DP"].tolist() == [[[3], [7]]]


def test_a_reader_writes_over_its_last_batch_unless_told_not_to():
    data, line_end, columns = plain_calls.index([line("GT", "0/1"), line("GT", "1/1")])
    for reuse, expected in ((True, [1, 1]), (False, [0, 1])):
        reader = CallReader([GT], 1, reuse=reuse)
        first = reader.read(data, line_end[:1], columns[:1], np.array([2])).genotype
        reader.read(data, line_end[1:], columns[1:], np.array([2]))
        assert first[0, 0].tolist() == expected


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ([GT, GT], "read once"),
        ([CallField("GT", calls.STRING)], "read as genotypes"),
        ([CallField("X", calls.GENOTYPE)], "read as genotypes"),
        ([CallField("X", calls.INTEGER, 0)], "1 or more"),
    ],
)
def test_wrong_questions_are_refused(fields, message):
    with pytest.raises(ValueError, match=message):
        CallReader(fields, 1)


# ------------------------------------------------------------------------------------------- against plain definitions

alleles = st.sampled_from(["0", "1", "2", "3", "10", ".", "", "x", "01"])
separator = st.sampled_from(["/", "|"])
genotype_text = st.one_of(
    st.sampled_from(["0/0", "0|1", "./.", "1", ".", "0/1/2", "|0|1", "/1", "", "0/1|2", "0|12"]),
    st.builds(lambda a, b, c: a + b + c, alleles, separator, alleles),
    st.builds(lambda a, b, c, d, e: a + b + c + d + e, separator, alleles, separator, alleles, separator),
)
integer_text = st.one_of(
    st.integers(-5, 300).map(str),
    st.sampled_from([".", "", "-", "+3", "2147483647", "2147483648", "-2147483641", "1e3"]),
)
float_text = st.one_of(
    st.floats(width=32, allow_nan=False).map(repr),
    st.sampled_from([".", "1", "-0.0", "1e-46", "3.4028236e38", "", "a"]),
)
string_text = st.text(st.characters(codec="utf-8", exclude_characters="\t\n\r:,"), max_size=3)
vectors = {
    "GT": genotype_text,
    "AD": st.lists(integer_text, min_size=1, max_size=4).map(",".join),
    "DP": integer_text,
    "GL": st.lists(float_text, min_size=1, max_size=3).map(",".join),
    "FT": st.lists(string_text, min_size=1, max_size=2).map(",".join),
    "HQ": st.lists(string_text, min_size=1, max_size=3).map(",".join),
    "CH": string_text,
    "ZZ": string_text,
}


@st.composite
def records(draw):
    n_samples = draw(st.integers(0, 5))
    lines = []
    for _ in range(draw(st.integers(0, 4))):
        keys = draw(
            st.lists(st.sampled_from(list(vectors)), min_size=1, max_size=8, unique=draw(st.integers(0, 5)) > 0)
        )
        n_columns = n_samples + draw(st.sampled_from([0] * 8 + [-1, 1]))
        samples = []
        for _ in range(max(n_columns, 0)):
            values = [draw(vectors[key]) for key in keys[: draw(st.integers(1, len(keys)))]]
            if draw(st.integers(0, 20)) == 0:
                values.append("more")
            samples.append(":".join(values))
        lines.append(line(":".join(keys), *samples))
    counts = draw(st.lists(st.integers(1, 12), min_size=len(lines), max_size=len(lines)))
    return lines, n_samples, counts


@settings(max_examples=300, deadline=None)
@given(records())
def test_any_record_reads_as_the_definition_has_it(case):
    lines, n_samples, n_alleles = case
    batch = read(lines, ALL, n_samples, np.array(n_alleles, dtype=np.int64))
    check(lines, ALL, n_samples, n_alleles, batch)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.binary(max_size=60).map(lambda raw: raw.replace(b"\n", b"")), max_size=4), st.integers(0, 3))
def test_no_bytes_raise_or_reach_past_the_text(raw, n_samples):
    lines = [b"1\t7\t.\tA\tC\t.\t.\t.\tGT:AD:GL:FT\t" + text for text in raw] + raw
    data, line_end, columns = plain_calls.index(lines)
    batch = CallReader(ALL, n_samples).read(data, line_end, columns, np.full(len(lines), 3))
    for spans in batch.strings.values():
        assert ((spans.start >= 0) & (spans.start <= spans.end) & (spans.end <= batch.data.size)).all()
    assert ((batch.genotype >= -2) & (batch.genotype < 3)).all()


# ------------------------------------------------------------------------------------- other programs on real files


def real_files():
    if not DATA.is_dir():
        return []
    folders = [
        "cohort_small",
        "cohort_1kg_chr20",
        "conformance_bcftools/norm_view_query_stats",
        "gvcf",
        "gvcf_ashkenazi_trio",
    ]
    found = [p for folder in folders for p in sorted((DATA / folder).glob("*.vcf*")) if p.suffix in (".vcf", ".gz")]
    return found[:60]


@pytest.mark.skipif(not DATA.is_dir(), reason="the shared data sets are not here")
def test_real_files_read_as_htslib_reads_them():
    import gzip

    cyvcf2 = pytest.importorskip("cyvcf2")
    pytest.importorskip("pysam")
    compared = 0
    for path in real_files():
        with gzip.open(path, "rb") if path.suffix == ".gz" else open(path, "rb") as handle:
            text = [raw.rstrip(b"\r\n") for raw in handle]
        records_text = [raw for raw in text if raw and not raw.startswith(b"#")][:400]
        try:
            opened = cyvcf2.VCF(str(path))
            theirs = [_htslib_record(record) for _, record in zip(records_text, opened, strict=False)]
        except Exception:  # htslib refuses the file: nothing to compare
            continue
        samples = opened.samples
        if not samples or len(theirs) != len(records_text) or not records_text:
            continue
        declared = _format_types(text)
        batch, fields = _read_wide_enough(records_text, declared, len(samples))
        for v, record in enumerate(theirs):
            if batch.faults.status[v] not in (calls.FINE, calls.GENOTYPE_NOT_FIRST):
                continue
            compared += _compare(batch, fields, v, record, path)
    assert compared > 10_000


def _htslib_record(record):
    values = {}
    for key in record.FORMAT:
        if key == "GT":
            values[key] = record.genotype.array().copy()
        else:
            try:
                found = record.format(key)
            except Exception:  # a key that the header does not declare
                found = None
            values[key] = None if found is None else found.copy()
    return values


def _format_types(text):
    kinds = {"Integer": calls.INTEGER, "Float": calls.FLOAT}
    found = {}
    for raw in text:
        match = re.match(rb"##FORMAT=<ID=([^,]+),Number=([^,]+),Type=(Integer|Float)", raw)
        if match and match[1] != b"GT":
            found[match[1].decode()] = kinds[match[3].decode()]
    return found


def _read_wide_enough(lines, declared, n_samples):
    widths = {"GT": 2} | dict.fromkeys(declared, 1)
    data, line_end, columns = plain_calls.index(lines)
    n_alleles = np.array([2 + raw.split(b"\t")[4].count(b",") for raw in lines])
    while True:
        fields = [CallField(key, declared.get(key, calls.GENOTYPE), width) for key, width in widths.items()]
        batch = CallReader(fields, n_samples).read(data, line_end, columns, n_alleles)
        needed = {key: seen.width for key, seen in batch.seen.items()} | {"GT": batch.genotype_seen.ploidy}
        if all(needed[key] <= widths[key] for key in widths):
            return batch, fields
        widths = {key: max(needed[key], widths[key]) for key in widths}


def _compare(batch, fields, v, record, path):
    compared = 0
    for wanted in fields:
        theirs = record.get(wanted.key)
        if theirs is None or not batch.present[v, fields.index(wanted)]:
            continue
        if wanted.kind == calls.GENOTYPE:
            ours = batch.genotype[v]
            n = theirs.shape[1] - 1
            np.testing.assert_array_equal(ours[:, : min(n, ours.shape[1])], theirs[:, :n], err_msg=f"{path} {v}")
            assert (ours[:, n:] == -2).all()
            # of a haploid call, and of one with both separators, htslib's "phased" depends on the rest of the record
            several = (ours != -2).sum(axis=1) == 2
            np.testing.assert_array_equal(batch.phased[v][several], theirs[several, n] == 1, err_msg=f"{path} {v}")
        elif wanted.kind == calls.INTEGER:
            ours = batch.values[wanted.key][v]
            n = theirs.shape[1]
            np.testing.assert_array_equal(ours[:, :n], theirs, err_msg=f"{path} {v} {wanted.key}")
            assert (ours[:, n:] == INT_FILL).all()
        else:
            ours = np.ascontiguousarray(batch.values[wanted.key][v])
            n = theirs.shape[1]
            expected = theirs.astype(np.float32)
            np.testing.assert_array_equal(
                np.ascontiguousarray(ours[:, :n]).view(np.uint32),
                np.ascontiguousarray(expected).view(np.uint32),
                err_msg=f"{path} {v} {wanted.key}",
            )
        compared += ours.size
    return compared
