"""Vector steps against their plain definitions."""

from __future__ import annotations

import numpy as np
import pytest

from genomics_dc.kernels import lanes
from genomics_dc.kernels._jit import jit


@jit
def sum_rows(tile, listed, begin, end, out):
    lanes.sum_rows(tile, listed, begin, end, out)


@jit
def unpack_word(word, doses, row):
    lanes.unpack_word(word, doses, row)


@jit
def add_products(tiles, tile, other, row, doses, sums):
    lanes.add_products(tiles, tile, other, row, doses, sums)


@pytest.mark.parametrize(("begin", "end"), [(0, 0), (3, 4), (0, 17), (5, 64)])
def test_rows_are_summed(begin, end):
    rng = np.random.default_rng(1)
    tile, listed = rng.normal(size=(90, 8)), rng.integers(0, 90, size=64).astype(np.int32)
    found, wanted = np.empty(8), np.empty(8)
    sum_rows(tile, listed, begin, end, found)
    lanes.plain_sum_rows(tile, listed, begin, end, wanted)
    assert found.tobytes() == wanted.tobytes()


def test_words_are_unpacked():
    rng = np.random.default_rng(2)
    for row, word in enumerate(rng.integers(0, 2**64 - 1, size=8, dtype=np.uint64)):
        found, wanted = np.full((8, 32), 9.0), np.full((8, 32), 9.0)
        unpack_word(word, found, row)
        lanes.plain_unpack_word(int(word), wanted, row)
        assert found.tobytes() == wanted.tobytes()


@pytest.mark.parametrize(("tile", "other", "row"), [(0, 1, 0), (2, 2, 32), (1, 0, 7)])
def test_products_are_added(tile, other, row):
    rng = np.random.default_rng(3)
    tiles, doses = rng.normal(size=(3, 64, 8)), rng.integers(0, 3, size=(8, 32)).astype(float)
    found = rng.normal(size=(2, 8, 8))
    wanted = found.copy()
    add_products(tiles, tile, other, row, doses, found)
    lanes.plain_add_products(tiles, tile, other, row, doses, wanted)
    assert found == pytest.approx(wanted, rel=1e-12, abs=1e-12)
