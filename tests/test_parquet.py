"""Parquet with shared columns: other programs read it whole, what repeats lies there once, the bytes are fixed."""

from __future__ import annotations

import numpy as np
import pandas as pd
import polars
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from genomics_dc.parquet import RepeatingWriter, write_repeating


def repeating(n_rows, n_chunks, seed, missing):
    """A table whose position, name and class are the same memory in each chunk, with its own floats and labels."""
    rng = np.random.default_rng(seed)
    position = pa.array(np.arange(n_rows))
    name = pa.array([f"rs{number}" for number in range(n_rows)], pa.string())
    kind = pa.array([("A", None, "long text")[number % 3] for number in range(n_rows)], pa.string()).dictionary_encode()
    values = rng.normal(size=(n_chunks, n_rows))
    values[rng.random(values.shape) < missing] = np.nan
    return pa.table(
        {
            "position": pa.chunked_array([position] * n_chunks, type=pa.int64()),
            "name": pa.chunked_array([name] * n_chunks, type=pa.string()),
            "kind": pa.chunked_array([kind] * n_chunks, type=kind.type),
            "beta": pa.chunked_array(
                [pa.array(row, pa.float64(), from_pandas=True) for row in values], type=pa.float64()
            ),
            "n": pa.chunked_array([pa.array(np.full(n_rows, k, np.int32)) for k in range(n_chunks)], type=pa.int32()),
            "label": labels(n_rows, n_chunks),
        }
    ).replace_schema_metadata({b"made by": b"a test"})


def labels(n_rows, n_chunks):
    """One word in each chunk, of the few or many that any chunk has."""
    words = pa.array([f"label {number}" for number in range(max(3 * n_chunks, 1))], pa.string())
    parts = [pa.DictionaryArray.from_arrays(pa.array(np.full(n_rows, 3 * k, np.int16)), words) for k in range(n_chunks)]
    return pa.chunked_array(parts, type=pa.dictionary(pa.int16(), pa.string()))


@settings(max_examples=40, deadline=None)
@given(
    n_rows=st.integers(0, 50),
    n_chunks=st.integers(0, 4),
    seed=st.integers(0, 2**32 - 1),
    missing=st.sampled_from([0.0, 0.3, 0.97, 1.0]),
)
def test_what_is_read_is_what_was_written(tmp_path_factory, n_rows, n_chunks, seed, missing):
    table = repeating(n_rows, n_chunks, seed, missing)
    path = tmp_path_factory.mktemp("p") / "r.parquet"
    with open(path, "wb") as handle:
        writer = RepeatingWriter(handle, table.schema)
        writer.write(table)
        writer.close()
    again = parquet.read_table(path)
    assert again.schema.equals(table.schema, check_metadata=True)
    assert again.cast(again.schema).to_pydict() == table.to_pydict()
    assert polars.read_parquet(path).shape == (n_rows * n_chunks, 6)


def test_row_groups_share_what_repeats_and_other_programs_see_it_all(tmp_path):
    table = repeating(40_000, 6, 1, 0.0)
    path = tmp_path / "r.parquet"
    write_repeating(table, path)
    file = parquet.ParquetFile(path)
    assert file.metadata.num_row_groups == 6
    places = {
        name: {file.metadata.row_group(g).column(at).data_page_offset for g in range(6)}
        for at, name in enumerate(table.column_names)
    }
    assert {name: len(found) for name, found in places.items()} == {
        "position": 1,
        "name": 1,
        "kind": 1,
        "beta": 6,
        "n": 6,
        "label": 6,
    }
    whole = tmp_path / "w.parquet"
    parquet.write_table(
        table, whole, compression={"beta": "none", "name": "zstd"}, use_dictionary=["name", "kind", "label"]
    )
    assert path.stat().st_size < 0.7 * whole.stat().st_size
    words = {"label": str}  # a part of one word has no other in its dictionary
    pd.testing.assert_frame_equal(pd.read_parquet(path).astype(words), pd.read_parquet(whole).astype(words))
    assert polars.read_parquet(path).equals(polars.read_parquet(whole))
    some = polars.scan_parquet(path).filter(polars.col("position") == 17).select("beta", "n").collect()
    assert some["n"].to_list() == [0, 1, 2, 3, 4, 5]
    assert some["beta"].to_list() == table["beta"].to_numpy()[17::40_000].tolist()
    for group in range(6):
        part = table.slice(40_000 * group, 40_000)
        found = file.read_row_group(group)
        assert found.drop(["label"]).equals(part.drop(["label"]))
        assert found["label"].cast(pa.string()).equals(part["label"].cast(pa.string()))


def test_same_bytes_on_any_threads_and_by_parts(tmp_path):
    table = repeating(40_000, 4, 2, 0.01)
    write_repeating(table, tmp_path / "a", threads=1)
    write_repeating(table, tmp_path / "b", threads=3)
    with open(tmp_path / "c", "wb") as handle:
        writer = RepeatingWriter(handle, table.schema)
        writer.write(table.slice(0, 80_000))
        writer.write(table.slice(80_000))
        writer.close()
    first = (tmp_path / "a").read_bytes()
    assert first == (tmp_path / "b").read_bytes() == (tmp_path / "c").read_bytes()


def test_metadata_may_come_last(tmp_path):
    table = repeating(10, 1, 3, 0.0)
    with open(tmp_path / "m", "wb") as handle:
        writer = RepeatingWriter(handle, table.schema)
        writer.write(table)
        writer.close({b"said": b"at the end"})
    assert parquet.read_schema(tmp_path / "m").metadata == {b"said": b"at the end"}


@pytest.mark.parametrize("program", ["fastparquet", "duckdb"])
def test_programs_that_may_be_here(tmp_path, program):
    library = pytest.importorskip(program)
    table = repeating(40_000, 3, 4, 0.1)
    write_repeating(table, tmp_path / "r.parquet")
    if program == "duckdb":
        found = library.sql(f"select count(*), sum(n) from '{tmp_path / 'r.parquet'}'").fetchone()
        assert found == (120_000, 120_000)
    else:
        assert len(library.ParquetFile(str(tmp_path / "r.parquet")).to_pandas()) == 120_000
