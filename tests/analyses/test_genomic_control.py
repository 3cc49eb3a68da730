"""Inflation and p under genomic control: hand-worked, SciPy where a float holds p, exact where none does."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

import genomics_dc as gdc
from genomics_dc.analyses.genomic_control import CHI2_MEDIAN, controlled_strength, inflation, lambda_1000
from genomics_dc.errors import UsageError
from genomics_dc.kernels.tails import neg_log10_p_normal
from genomics_dc.store import build_store
from tests.builders import write_cohort_vcf


@given(st.lists(st.floats(0, 290), min_size=1, max_size=20), st.floats(1.001, 4))
@settings(max_examples=60, deadline=None)
def test_p_is_that_of_chi_squared_over_lambda(strength, inflated):
    chi2 = stats.chi2.isf(10.0 ** -np.array(strength), 1)
    expected = -stats.chi2.logsf(chi2 / inflated, 1) / np.log(10)
    np.testing.assert_allclose(controlled_strength(np.array(strength), inflated), expected, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("z", [36.0, 38.5, 60.0, 250.0])
def test_far_below_what_a_float_holds(z):
    found = controlled_strength(np.array([float(neg_log10_p_normal(z))]), 1.21)
    assert found[0] == pytest.approx(float(neg_log10_p_normal(z / 1.1)), rel=1e-10)


def test_no_test_stays_none_and_a_deflated_scan_is_left_alone():
    strength = np.array([np.nan, 3.0, np.inf])
    assert controlled_strength(strength, 0.9).tolist()[1:] == [3.0, np.inf]
    assert np.isnan(controlled_strength(strength, 1.5)[0])
    assert np.isinf(controlled_strength(strength, 1.5)[2])
    np.testing.assert_array_equal(controlled_strength(strength, np.nan), strength)


def test_inflation_of_a_thousand():
    assert inflation(np.array([0.1, 2 * CHI2_MEDIAN, 5.0])) == pytest.approx(2.0)
    assert np.isnan(inflation(np.empty(0)))
    assert lambda_1000(1.1, cases=5000, controls=5000) == pytest.approx(1.02)
    assert lambda_1000(1.2, cases=500, controls=500) == pytest.approx(1.4)
    assert lambda_1000(1.5, n=10_000) == pytest.approx(1.05)
    assert np.isnan(lambda_1000(1.5, n=0))
    with pytest.raises(UsageError, match="needs n, or cases and controls"):
        lambda_1000(1.1)


def test_columns_of_a_result(tmp_path):
    build_store(write_cohort_vcf(tmp_path / "c.vcf", n_samples=60, n_variants=150), tmp_path / "c.vcz")
    view = gdc.open_store(tmp_path / "c.vcz")
    random = np.random.default_rng(1)
    frame = pd.DataFrame({"IID": view.sample_ids.astype(str), "a": random.normal(size=60), "b": random.normal(size=60)})
    result = view.associate(frame, traits=["a", "b"])
    corrected = result.genomic_control()
    assert corrected.table.column_names[-2:] == ["p_value_gc", "neg_log_10_p_value_gc"]
    assert corrected.source is view
    for name, inflated in result.lambda_gc().items():
        one = corrected.of_trait(name).to_pandas()
        expected = controlled_strength(one["neg_log_10_p_value"].to_numpy(), inflated)
        np.testing.assert_array_equal(one["neg_log_10_p_value_gc"], expected)
        known = one["p_value_gc"].notna()
        np.testing.assert_allclose(one["p_value_gc"][known], 10.0 ** -expected[known])
    assert corrected.lambda_gc() == result.lambda_gc()
