"""Tables of traits and covariates: what is read from each source, and one sentence for each thing wrong."""

from __future__ import annotations

import gzip

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from genomics_dc.analyses import phenotypes as by_sample
from genomics_dc.analyses.sample_table import read_samples
from genomics_dc.errors import InputError, UsageError

IDS = ("S1", "S2", "S3", "S4")


def write(path, text):
    path.write_bytes(text.encode())
    return path


def aligned(source, traits=("a",), ids=IDS, store_ids=None, **options):
    return by_sample.align(ids, store_ids or ids, source, traits=traits, **options)


@pytest.mark.parametrize("header", ["IID\ta\tb", "#IID\ta\tb", "sample_id\ta\tb"])
def test_reads_a_tab_separated_file(tmp_path, header):
    path = write(tmp_path / "p.tsv", f"{header}\nS2\t1.5\tx\nS1\tNA\ty\nS4\t\tz\nS3\t-8\tx\n")
    found = aligned(path)
    np.testing.assert_array_equal(found.traits[:, 0], [np.nan, 1.5, -8.0, np.nan])
    assert found.trait_names == ("a",)
    assert len(found.inputs["phenotypes"]) == 64


def test_reads_what_people_save(tmp_path):
    plain = "IID\ta\nS1\t1\nS2\t2e3\nS3\t.\n"
    expected = aligned(write(tmp_path / "plain.tsv", plain)).traits
    windows = write(tmp_path / "windows.tsv", "\ufeff" + plain.replace("\n", "\r\n") + "\r\n\r\n")
    spaces = write(tmp_path / "plink.txt", "FID IID a\nF S1 1\nF  S2 2e3\nF S3 nan\n")
    packed = tmp_path / "p.tsv.gz"
    packed.write_bytes(gzip.compress(plain.encode()))
    for path in (windows, spaces, packed):
        np.testing.assert_array_equal(aligned(path).traits, expected)


def test_frames_give_what_the_file_gives(tmp_path):
    path = write(tmp_path / "p.tsv", "IID\ta\tword\nS3\t3.25\tx\nS1\t1\ty\nS2\tNA\tz\n")
    expected = aligned(path).traits
    frame = pd.DataFrame({"IID": ["S3", "S1", "S2"], "a": [3.25, 1.0, np.nan], "word": list("xyz")})
    sources = [
        frame,
        frame.set_index("IID"),
        frame.set_index("IID").rename_axis(None),
        pl.DataFrame({"IID": ["S3", "S1", "S2"], "a": [3.25, 1.0, None]}),
        pa.table({"sample_id": ["S3", "S1", "S2"], "a": pa.array([3.25, 1.0, None])}),
        read_samples(path, role="phenotypes"),
    ]
    for source in sources:
        np.testing.assert_array_equal(aligned(source).traits, expected)


def test_whole_numbers_and_truth_values_are_numbers():
    frame = pd.DataFrame({"IID": ["S1", "S2"], "a": pd.array([1, None], dtype="Int64"), "b": [True, False]})
    found = aligned(frame, ("a", "b"))
    np.testing.assert_array_equal(found.traits[:2], [[1, 1], [np.nan, 0]])


def test_covariates_from_their_own_table_or_the_same(tmp_path):
    path = write(tmp_path / "p.tsv", "IID\ta\tage\nS1\t1\t50\nS2\t2\t60\n")
    other = write(tmp_path / "c.tsv", "IID\tpc1\tpc2\nS2\t0.2\t2\nS1\t0.1\t1\n")
    own = aligned(path, covariates=other)
    assert own.covariate_names == ("pc1", "pc2")
    np.testing.assert_array_equal(own.covariates[:2], [[0.1, 1], [0.2, 2]])
    same = aligned(path, covariate_names=["age"])
    np.testing.assert_array_equal(same.covariates[:2, 0], [50, 60])
    assert aligned(path).covariates.shape == (4, 0)
    assert aligned(path, covariates=other, covariate_names=["pc2"]).covariates[1, 0] == 2
    assert aligned(path, traits=None).trait_names == ("a", "age")


def test_a_row_about_a_sample_outside_the_view_is_left_aside(tmp_path):
    path = write(tmp_path / "p.tsv", "IID\ta\nS1\t1\nS2\t2\n")
    np.testing.assert_array_equal(aligned(path, ids=("S2",), store_ids=IDS).traits, [[2.0]])


def test_ids_that_do_not_meet_are_counted_and_strict_refuses_them(tmp_path):
    path = write(tmp_path / "p.tsv", "IID\ta\nS1\t1\nS9\t2\nS8\t2\nS2\t3\nS3\t4\n")
    covariates = write(tmp_path / "c.tsv", "IID\tage\nS1\t1\nS2\t2\nS3\t2\nS4\t3\n")
    found = aligned(path, covariates=covariates)
    np.testing.assert_array_equal(found.traits[:, 0], [1, 3, 4, np.nan])
    assert found.unknown == {"phenotypes": 2, "covariates": 0}
    assert found.absent == {"phenotypes": 1, "covariates": 0}
    with pytest.raises(InputError, match="2 of 5 samples that the store does not have: S9, S8"):
        aligned(path, strict=True)
    few = write(tmp_path / "few.tsv", "IID\ta\nS1\t1\nS2\t2\n")
    with pytest.raises(InputError, match=r"no row for 2 of the 4 samples asked for: S3, S4; add"):
        aligned(few, strict=True)
    assert aligned(covariates, ("age",), strict=True).absent == {"phenotypes": 0}


def test_a_large_table_reads_as_its_lines_do(tmp_path):
    rng = np.random.default_rng(1)
    ids = [f"P{number}" for number in range(300)]
    values = rng.normal(size=(300, 5)) * 10.0 ** rng.integers(-300, 300, size=(300, 5))
    lines = ["\t".join([name, *map(repr, row.tolist())]) for name, row in zip(ids, values, strict=True)]
    tabs = write(tmp_path / "t.tsv", "\n".join(["IID\ta\tb\tc\td\te", *lines]))
    spaces = write(tmp_path / "s.txt", tabs.read_text().replace("\t", "  "))
    for path in (tabs, spaces):
        np.testing.assert_array_equal(aligned(path, tuple("abcde"), ids=ids).traits, values)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("IID\ta\nS7\t1\nS9\t2\nS8\t2\n", r"3 of 3 samples that the store does not have: S7, S9, S8"),
        ("IID\ta\nS1\t1\nS2\ttall\n", r"p\.tsv line 3, column a: expected a number, found text"),
        ("IID\ta\nS1\t1\nS2\t1,5\n", r"line 3, column a: .*a comma; write a decimal point"),
        ("IID\ta\nS1\tinf\n", r"line 2, column a: .*infinity"),
        ("IID\ta\nS1\t1\nS2\t1\nS1\t2\n", r"line 4: sample S1 stands there already \(line 2\)"),
        ("IID\ta\nS1\t1\n\t2\n", r"line 3: the sample id is empty"),
        ("IID\ta\tb\nS1\t1\n", r"line 2 has 2 cells, the header line has 3"),
        ("IID\ta\ta\nS1\t1\t2\n", r"line 1: column a stands there twice"),
        ("IID\ta\t\nS1\t1\t2\n", r"line 1: a column has no name"),
        ("person\ta\nS1\t1\n", r"line 1: the first column must be the sample id, .* is called person"),
        ("IID\tb\nS1\t1\n", r"has no column a; it has b"),
        ("", r"is empty; expected a header line"),
    ],
)
def test_what_is_wrong_in_a_file_is_said_with_its_place(tmp_path, text, words):
    with pytest.raises(InputError, match=words) as caught:
        aligned(write(tmp_path / "p.tsv", text))
    assert "\n" not in str(caught.value)
    assert "tall" not in str(caught.value)  # what a stray cell holds may be about a person


def test_files_that_cannot_be_read(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        aligned(tmp_path / "absent.tsv")
    with pytest.raises(InputError, match="is a folder"):
        aligned(tmp_path)
    with pytest.raises(InputError, match="not UTF-8"):
        aligned(_bytes(tmp_path / "latin.tsv", b"IID\ta\nS1\t\xe9\n"))
    with pytest.raises(InputError, match="not whole gzip"):
        aligned(_bytes(tmp_path / "cut.tsv.gz", gzip.compress(b"IID\ta\nS1\t1\n" * 50)[:-10]))
    with pytest.raises(InputError, match="not whole gzip"):
        aligned(_bytes(tmp_path / "not.tsv.gz", b"IID\ta\nS1\t1\n"))


def _bytes(path, data):
    path.write_bytes(data)
    return path


def test_frames_that_cannot_be_used():
    with pytest.raises(InputError, match="one column of sample ids"):
        aligned(pa.table({"a": [1.0]}))
    with pytest.raises(InputError, match="row 2: sample S1 stands there already"):
        aligned(pa.table({"IID": ["S1", "S1"], "a": [1.0, 2.0]}))
    with pytest.raises(InputError, match="row 1, column a: expected a number, found text"):
        aligned(pa.table({"IID": ["S1"], "a": ["tall"]}))
    with pytest.raises(InputError, match="row 1, column a: expected a number, found list"):
        aligned(pa.table({"IID": ["S1"], "a": [[1.0]]}))
    with pytest.raises(UsageError, match="not dict"):
        aligned({"IID": ["S1"]})


def test_traits_and_covariates_are_asked_for_once():
    table = pa.table({"IID": ["S1", "S2"], "a": [1.0, 2.0], "b": [1.0, 2.0]})
    with pytest.raises(UsageError, match="trait a is asked for twice"):
        aligned(table, ("a", "a"))
    with pytest.raises(UsageError, match="a is asked for as trait and as covariate"):
        aligned(table, ("a",), covariate_names=["b", "a"])
    with pytest.raises(UsageError, match="at least one trait"):
        aligned(table, ())


@pytest.mark.parametrize(
    ("trait", "covariates", "words"),
    [
        ([np.nan] * 6, [], r"trait a is missing in all 6 samples"),
        ([3.0] * 6, [], r"trait a has the same value in all 6 samples"),
        (
            [1.0, np.nan, 2.0, np.nan, 3.0, np.nan],
            [[np.nan, 1, np.nan, 2, np.nan, 3.0]],
            r"no sample has trait a and all",
        ),
        ([1.0, 2, 3, 4, 5, 6], [[np.nan] * 6], r"covariate c0 is missing in all samples"),
        ([1.0, 2, 3, 4, 5, 6], np.eye(6)[:4], r"6 samples with all values, but 4 covariates, .* need at least 7"),
        ([1.0, 1, 1, 1, 5, 6], [[1.0, 2, 3, 4, np.nan, np.nan]], r"same value in all 4 samples"),
    ],
)
def test_a_trait_that_cannot_be_fitted(trait, covariates, words):
    data = by_sample.AlignedTraits(
        trait_names=("a",),
        covariate_names=tuple(f"c{j}" for j in range(len(covariates))),
        traits=np.array(trait)[:, None],
        covariates=np.array(covariates, dtype=float).reshape(len(covariates), 6).T,
        source="p.tsv",
        covariate_source="c.tsv",
        inputs={},
    )
    with pytest.raises(InputError, match=words):
        by_sample.complete_samples(data, 0)


def test_codings_of_cases():
    zero_one = np.array([0.0, 1, 1, 0])
    assert by_sample.case_control(zero_one, "a", "p").tolist() == [0, 1, 1, 0]
    assert by_sample.case_control(zero_one + 1, "a", "p").tolist() == [0, 1, 1, 0]
    for values, shown in (([0.0, 1, 2], "3 values .0, 1, 2."), ([0.0, 2], "2 values .0, 2."), ([1.5, 2], "1.5, 2")):
        with pytest.raises(InputError, match=shown):
            by_sample.case_control(np.array(values), "a", "p")


@pytest.mark.parametrize(("third", "refused"), [("-9", True), ("-9.0", True), ("-9.5", False), ("-3", False)])
def test_a_lone_minus_nine_is_not_guessed_at(tmp_path, third, refused):
    path = write(tmp_path / "p.tsv", f"IID\tx\nS1\t1.5\nS2\t2.5\nS3\t{third}\n")
    table = read_samples(path, role="phenotypes")
    if refused:
        with pytest.raises(InputError, match="line 4, column x: -9 is the only negative value"):
            table.numbers("x")
    else:
        assert table.numbers("x")[2] == float(third)


def test_columns_are_taken_when_they_are_asked_for(tmp_path):
    path = tmp_path / "t.tsv"
    path.write_bytes(b"\xef\xbb\xbf#IID\ta\tb\tnote\r\ns1\t1\tNA\tx\r\ns2\t2.5\t-4\t\r\n\r\n")
    every = read_samples(path, role="phenotypes")
    some = read_samples(path, role="phenotypes", wanted=["a", "absent"])
    assert some.names == every.names == ("a", "b", "note")
    assert some.sample_ids == ("s1", "s2")
    for table in (every, some):
        assert table.numbers("a").tolist() == [1.0, 2.5]
        assert np.isnan(table.numbers("b")[0])
        assert table.numbers("b")[1] == -4.0
        assert [str(word) for word in table.cells["note"]] == ["x", ""]
    with pytest.raises(InputError, match="has no column absent; it has a, b, note"):
        some.numbers("absent")
