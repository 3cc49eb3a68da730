"""Sums of FORMAT numbers by sample against NumPy."""

from __future__ import annotations

import numpy as np
import pytest

from genomics_dc.kernels import sample_fields


def test_sums_by_kind_leave_out_what_is_missing():
    rng = np.random.default_rng(1)
    values = rng.integers(-2, 60, (40, 7)).astype(np.int16)
    kind = rng.integers(0, 4, 40).astype(np.int8)
    total, number = sample_fields.sums_by_kind(values, kind, 4, 1024.0)
    for k in range(4):
        rows = values[kind == k].astype(np.int64)
        np.testing.assert_array_equal(total[k], np.where(rows >= 0, rows, 0).sum(axis=0) * 1024)
        np.testing.assert_array_equal(number[k], (rows >= 0).sum(axis=0))
    floats = np.where(values < 0, np.nan, values).astype(np.float32)
    for one, other in zip(sample_fields.sums_by_kind(floats, kind, 4, 1024.0), (total, number), strict=True):
        np.testing.assert_array_equal(one, other)


def test_balance_of_heterozygous_calls():
    genotype = np.array([[[0, 1], [0, 1], [1, 1], [0, 2], [-1, 1]]], dtype=np.int8)
    depth = np.array([[[12, 8, 0], [18, 2, 0], [0, 20, 0], [6, 0, 3], [5, 5, 0]]], dtype=np.int16)
    calls, shares, off, outside = sample_fields.allele_balance(genotype, depth, 10, 0.2, 0.8)
    assert calls.tolist() == [1, 1, 0, 0, 0]  # the fourth has 9 reads
    np.testing.assert_allclose(shares[:2] / sample_fields.BALANCE_UNITS, [0.4, 0.1], atol=1e-4)
    np.testing.assert_allclose(off[:2] / sample_fields.BALANCE_UNITS, [0.1, 0.4], atol=1e-4)
    assert outside.tolist() == [0, 1, 0, 0, 0]
    haploid = np.zeros((1, 5, 1), dtype=np.int8)
    assert sample_fields.allele_balance(haploid, depth, 10, 0.2, 0.8).tolist() == [[0] * 5] * 4


def test_wrong_arrays_are_refused():
    with pytest.raises(ValueError, match="do not fit"):
        sample_fields.allele_balance(np.zeros((1, 2, 2), np.int8), np.zeros((1, 3, 2), np.int16), 1, 0.2, 0.8)
    with pytest.raises(ValueError, match=r"shape \(V, S\)"):
        sample_fields.sums_by_kind(np.zeros(3), np.zeros(3, np.int8), 1, 1.0)
