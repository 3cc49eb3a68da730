"""Results as frames and arrays of other libraries, with nothing lost."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from genomics_dc.analyses.view import open_store
from genomics_dc.errors import MissingExtraError
from genomics_dc.provenance import Provenance
from genomics_dc.results import Result, described, elapsed, took
from genomics_dc.store import build_store
from tests.builders import write_cohort_vcf

xarray = pytest.importorskip("xarray", reason="xarray is not installed: genomics_dc[xarray]")


@pytest.fixture(scope="module")
def view(tmp_path_factory):
    folder = tmp_path_factory.mktemp("results")
    build_store(write_cohort_vcf(folder / "c.vcf", n_samples=20, n_variants=80, seed=6), folder / "c.vcz")
    return open_store(folder / "c.vcz")


@pytest.fixture(scope="module")
def people(view):
    rng = np.random.default_rng(1)
    ids = [str(name) for name in view.sample_ids]
    return pd.DataFrame({"sample_id": ids, "a": rng.normal(size=20), "b": rng.normal(size=20)})


def test_a_table_becomes_variables_along_its_rows():
    table = pa.table({"name": ["x", None], "n": pa.array([1, None]), "p": [0.5, None]})
    made = Result(table, Provenance("test", {"k": 3})).to_xarray()
    assert made.sizes == {"row": 2}
    assert made["name"].values[0] == "x"
    assert pd.isna(made["name"].values[1])
    assert np.isnan(made["n"].values[1])
    assert made["p"].values[0] == 0.5
    assert json.loads(made.attrs["provenance"])["parameters"]["k"] == 3


def test_association_stands_by_trait_and_variant(view, people):
    result = view.associate(people, traits=["a", "b"])
    made = result.to_xarray()
    assert dict(made.sizes) == {"trait": 2, "variant": 80}
    second = result.of_trait("b").to_pandas()
    np.testing.assert_array_equal(made["beta"].sel(trait="b").values, second["beta"].to_numpy())
    assert made["effect_allele"].dims == ("variant",)
    assert made["effect_allele"].values.tolist() == second["effect_allele"].tolist()
    assert made["variant"].values.tolist() == second["variant_id"].tolist()
    assert result.top(3).to_xarray().sizes == {"row": 3}
    assert "traits a, b" in repr(result)
    assert repr(result).count("0/1") == 0


def test_components_and_squares(view):
    components = view.pca(3)
    made = components.to_xarray()
    np.testing.assert_array_equal(made["vectors"].values, components.vectors())
    assert made["eigenvalues"].sel(component="PC2").item() == components.eigenvalues[1]
    square = view.ld_matrix()
    made = square.to_xarray()
    np.testing.assert_array_equal(made["r2"].values, square.values)
    assert dict(made.sizes) == {"variant": 80, "other_variant": 80}


def test_without_xarray_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "xarray", None)
    with pytest.raises(MissingExtraError, match=r"install genomics_dc\[xarray\]"):
        Result(pa.table({"a": [1]}), Provenance("test")).to_xarray()


def test_many_traits_are_counted():
    names = [f"t{number}" for number in range(9)]
    shown = repr(Result(pa.table({"a": [1]}), Provenance("test", {"traits": names, "n_samples": 2504})))
    assert shown == "Result(1 rows x 1 columns: a; samples 2,504; traits t0, t1, t2, t3, t4 and 4 more)"


def test_time_is_for_who_looks_and_changes_nothing(tmp_path):
    one, other = (Result(pa.table({"a": [1]}), Provenance("test")) for _ in range(2))
    took(one, 0.1234)
    took(other, 83.4)
    assert (elapsed(one), elapsed(other)) == ({"time": "0.12 s"}, {"time": "83 s"})
    assert one == other
    first, second = (result.write(tmp_path / f"{n}.parquet") for n, result in enumerate((one, other)))
    assert first.read_bytes() == second.read_bytes()
    took(3, 1.0)  # an answer that cannot remember it
    assert described(one, {"": "x"}) == "Result(x)"
