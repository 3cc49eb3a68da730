"""Clumps of an association result: by hand, from every kind of table, threads, traits, bad input."""

from __future__ import annotations

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from genomics_dc.errors import InputError, UsageError
from tests.analyses.test_linkage import write

CONSTANT = np.array([0, 1, 2, 1, 0, 0, 2, 1], dtype=np.int8)
OTHER = np.array([2, 0, 0, 1, 1, 2, 1, 0], dtype=np.int8)
P = [1e-3, 1e-9, 0.2, 1e-9, 0.004, 1e-6, 1e-5]


@pytest.fixture(scope="module")
def view(tmp_path_factory):
    """v1 and v2 are copies of v0, v3 of nothing; v4 stands at the edge of the window of v1, v5 and v6 far away."""
    dosage = np.stack([CONSTANT, CONSTANT, 2 - CONSTANT, OTHER, CONSTANT, CONSTANT, CONSTANT])
    return write(tmp_path_factory.mktemp("clump") / "c.vcz", dosage, [100, 200, 300, 350, 1200, 9000, 9001])


@pytest.fixture
def table():
    return pd.DataFrame({"variant_id": [f"v{number}" for number in range(7)], "p_value": P})


def test_by_hand(view, table):
    result = view.clump(table, window_bp=1000, r2=0.5)
    rows = result.table.to_pylist()
    # equal p: the earlier row first; a window is open, so v4, 1000 bases from v1, is in no clump
    assert [row["variant_id"] for row in rows] == ["v1", "v3", "v5"]
    assert rows[0]["members"] == ["v0"]
    assert (rows[0]["total"], rows[0]["nsig"], rows[0]["s001"], rows[0]["s01"]) == (2, 1, 0, 1)
    assert rows[0]["members_r2"] == [pytest.approx(1)]
    assert rows[1]["total"] == 0
    assert rows[2]["members"] == ["v6"]
    wider = view.clump(table, window_bp=1001, r2=0.5).table.to_pylist()
    assert wider[0]["members"] == ["v0", "v4"]
    assert result.to_plink()["SP2"].to_pylist() == ["v0(1)", "NONE", "v6(1)"]


def test_every_kind_of_table(view, table, tmp_path):
    expected = view.clump(table, window_bp=1000).table
    table.rename(columns={"variant_id": "ID", "p_value": "P"}).assign(TEST="ADD").to_csv(
        tmp_path / "a.glm.linear", sep="\t", index=False
    )
    table.to_parquet(tmp_path / "a.parquet")
    table.to_csv(tmp_path / "a.tsv", sep="\t", index=False)
    kinds = [pl.from_pandas(table), pa.Table.from_pandas(table), *(tmp_path / f"a.{end}" for end in ("parquet", "tsv"))]
    for kind in [*kinds, str(tmp_path / "a.glm.linear")]:
        assert view.clump(kind, window_bp=1000).table.equals(expected)
    inputs = view.clump(tmp_path / "a.tsv", window_bp=1000).provenance.inputs
    assert list(inputs) == [str(tmp_path / "a.tsv")]


def test_an_association_result_and_its_traits(view, tmp_path):
    rng = np.random.default_rng(1)
    rows = [f"S{i}\t{CONSTANT[i] + rng.normal(0, 1e-3)}\t{rng.normal()}" for i in range(8)]
    (tmp_path / "p.tsv").write_text("IID\ta\tb\n" + "\n".join(rows) + "\n")
    found = view.associate(tmp_path / "p.tsv", traits=["a", "b"])
    assert view.clump(found, trait="a", window_bp=1000).table["variant_id"].to_pylist()[0] == "v0"
    with pytest.raises(UsageError, match="has 2 traits; name one of a, b"):
        view.clump(found)
    with pytest.raises(UsageError, match="c is not a trait"):
        view.clump(found, trait="c")


def test_p_below_what_a_float_holds_is_ordered_by_its_logarithm(view, table):
    table["p_value"] = 0.0
    table["neg_log_10_p_value"] = [400.0, 900.0, 500.0, 350.0, 410.0, 1000.0, 999.0]
    result = view.clump(table, window_bp=1000).table.to_pylist()
    assert [row["variant_id"] for row in result] == ["v5", "v1", "v4", "v3"]


def test_threads_change_nothing(view, table):
    assert view.clump(table, threads=1).table.equals(view.clump(table, threads=3).table)


def test_nothing_significant_gives_an_empty_table_of_the_same_columns(view, table):
    empty = view.clump(table, p1=1e-20).table
    assert len(empty) == 0
    assert empty.schema.equals(view.clump(table).table.schema)


def test_missing_p_joins_no_clump_and_unknown_variants_are_counted(view, table):
    table.loc[0, "p_value"] = np.nan
    extra = pd.DataFrame({"variant_id": ["gone", "gone too"], "p_value": [1e-9, 0.5]})
    result = view.clump(pd.concat([table, extra]), window_bp=1000)
    assert result.table["members"].to_pylist()[0] == []
    assert result.unknown == 1


@pytest.mark.parametrize(
    ("change", "options", "error", "sentence"),
    [
        (lambda t: t, {"r2": 1.0}, UsageError, "r2 must lie between 0 and 1"),
        (lambda t: t, {"window_bp": 0}, UsageError, "1 or more bases, not 0"),
        (lambda t: t, {"p1": 0}, UsageError, "p1 must lie above 0"),
        (lambda t: t, {"p2": 2}, UsageError, "p2 must lie above 0"),
        (lambda t: t, {"trait": "a"}, UsageError, "has no column trait"),
        (lambda t: t.drop(columns="p_value"), {}, InputError, "no column of p values"),
        (lambda t: t.drop(columns="variant_id"), {}, InputError, "no column of variant ids"),
        (lambda t: pd.concat([t, t]), {}, InputError, "v0 stands more than once in the association result"),
        (lambda t: t.assign(variant_id="x" + t["variant_id"]), {}, InputError, "none of the 7 variants"),
        (lambda t: t.assign(p_value=1.5), {}, InputError, "row 1 of the association result has p 1.5"),
        (lambda t: t.assign(p_value="small"), {}, InputError, "is not a number"),
        (lambda t: 7, {}, UsageError, "a table or a file's path, not int"),
        (lambda t: "away.tsv", {}, InputError, r"away\.tsv does not exist"),
    ],
)
def test_bad_input_is_one_sentence(view, table, change, options, error, sentence):
    with pytest.raises(error, match=sentence) as caught:
        view.clump(change(table), **options)
    assert "\n" not in str(caught.value)
