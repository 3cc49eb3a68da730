"""Pruning against PLINK 2's own loop written out plainly: windows, passes, each pair once, major allele frequencies."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genomics_dc.kernels import ld_prune, ld_windows
from genomics_dc.kernels.genotypes import pack_dosage
from genomics_dc.kernels.ld import ld_planes
from tests.kernels.test_ld import random_dosage

SMALL = 2.0**-44


def linked(x, y, r2):
    """r2 of whole numbers above the threshold, as plink2_ld.cc compares it."""
    both = (x >= 0) & (y >= 0)
    x, y = x[both].astype(int), y[both].astype(int)
    n = len(x)
    covariance = float(n * (x * y).sum() - x.sum() * y.sum())
    first, second = float(n * (x * x).sum() - x.sum() ** 2), float(n * (y * y).sum() - y.sum() ** 2)
    return covariance * covariance > r2 * (1 + SMALL) * first * second


def major(x):
    x = x[x >= 0]
    return max(x.sum(), 2 * len(x) - x.sum()) / (2 * len(x)) if len(x) else 0.5


def pieces_of(position, contig, size, by_position):
    cuts = [0, *[v for v in range(1, len(position)) if contig[v] != contig[v - 1]], len(position)]
    for start, stop in pairwise(cuts):
        first = start
        for v in range(start + 1, stop):
            if by_position and position[v] - position[v - 1] > size:
                yield first, v
                first = v
        yield first, stop


def plink2_prune(dosage, position, contig, *, r2, window_bp=None, window_variants=None, step=1):
    """IndepPairwiseThread and LdPruneNextWindow of plink2_ld.cc, line by line and without any haste."""
    by_position = window_bp is not None
    size = window_bp if by_position else window_variants
    keep = np.ones(len(dosage), dtype=bool)
    for start, stop in pieces_of(position, contig, size, by_position):
        if stop - start < 2:
            continue
        first, loaded, window, unchecked = start, start, [], {}
        while True:
            end = loaded
            if by_position:
                while end < stop and position[end] <= position[first] + size:
                    end += 1
            else:
                end = min(first + size, stop)
            for v in range(loaded, end):
                calls = dosage[v][dosage[v] >= 0]
                if (calls == 1).all() or (calls == 0).all() or (calls == 2).all():
                    keep[v] = False
                else:
                    window.append(v)
                    unchecked[v] = v + 1
            loaded = end
            again = True
            while again:
                again = False
                for i in window:
                    if not keep[i]:
                        continue
                    for j in [v for v in window if v > i and v >= unchecked[i] and keep[v]]:
                        if linked(dosage[i], dosage[j], r2):
                            again = True
                            if major(dosage[i]) > major(dosage[j]) * (1 + SMALL):
                                keep[i] = False
                            else:
                                keep[j] = False
                                unchecked[i] = j + 1
                            break
                    else:
                        unchecked[i] = loaded
            if loaded == stop:
                break
            if by_position:
                first += 1
                while position[first] < position[loaded] - size:
                    first += 1
            else:
                first += step
            window = [v for v in window if keep[v] and v >= first]
    return keep


def ours(dosage, position, contig, *, batch=None, **options):
    batch = batch or max(len(dosage), 1)
    batches = [ld_planes(pack_dosage(dosage[v : v + batch]), dosage.shape[1]) for v in range(0, len(dosage), batch)]
    return ld_prune.indep_pairwise(batches, position, contig, **options)


@st.composite
def cohorts(draw):
    n_variants = draw(st.integers(1, 40))
    dosage = random_dosage(n_variants, draw(st.integers(2, 40)), seed=draw(st.integers(0, 10**6)), missing=0.15)
    for row in draw(st.lists(st.integers(0, n_variants - 1), max_size=4)):
        dosage[row] = draw(st.integers(-1, 2))
    position = (
        np.cumsum(draw(st.lists(st.sampled_from([0, 1, 2, 9, 40]), min_size=n_variants, max_size=n_variants))) + 1
    )
    contig = np.sort(np.array(draw(st.lists(st.integers(0, 2), min_size=n_variants, max_size=n_variants))))
    return dosage, position, contig


windows = st.one_of(
    st.fixed_dictionaries({"window_bp": st.integers(2, 30)}),
    st.integers(2, 12).flatmap(
        lambda size: st.fixed_dictionaries({"window_variants": st.just(size), "step": st.integers(1, size)})
    ),
)


@given(cohorts(), windows, st.sampled_from([0.0, 0.05, 0.2, 0.5, 0.99]), st.integers(1, 41))
@settings(deadline=None, max_examples=150)
def test_keeps_what_plink2_keeps_whatever_the_batches(cohort, window, r2, batch):
    expected = plink2_prune(*cohort, r2=r2, **window)
    assert ours(*cohort, r2=r2, batch=batch, **window).tolist() == expected.tolist()


@pytest.mark.parametrize("run_variants", [1, 7, 128])
@pytest.mark.parametrize("threads", [1, 3])
def test_runs_and_threads_change_nothing(monkeypatch, run_variants, threads):
    dosage = random_dosage(400, 150, seed=4)
    position = np.sort(np.random.default_rng(4).integers(1, 4_000, 400))
    contig = np.repeat([0, 1], 200)
    position[200:] = np.sort(position[200:])
    monkeypatch.setattr(ld_prune, "_RUN_VARIANTS", run_variants)
    expected = plink2_prune(dosage, position, contig, r2=0.2, window_bp=600)
    with ThreadPoolExecutor(threads) as pool:

        def begin(calls):
            jobs = [pool.submit(call) for call in calls]
            return lambda: [job.result() for job in jobs]

        found = ld_windows.prune_windows(position, contig, window_bp=600)
        pruner = ld_prune.Pruner(400, found, r2=0.2, begin=begin, parts=threads)
        for start in range(0, 400, 90):
            pruner.add(ld_planes(pack_dosage(dosage[start : start + 90]), 150))
    assert pruner.keep.tolist() == expected.tolist()
    assert 0 < expected.sum() < 400


@pytest.mark.parametrize("run_variants", [1, 2, 5, 30])
@pytest.mark.parametrize("r2", [0.01, 0.1, 0.6])
@pytest.mark.parametrize("window", [{"window_bp": 300}, {"window_variants": 40, "step": 7}, {"window_variants": 25}])
def test_what_was_left_out_of_the_comparisons_is_made_up_for(monkeypatch, run_variants, r2, window):
    # blocks of variants that resemble each other, so that chains form: one that would remove a variant goes itself
    rng = np.random.default_rng(run_variants)
    blocks = rng.integers(0, 3, (12, 60)).repeat(20, axis=0)
    dosage = np.where(rng.random((240, 60)) < 0.25, rng.integers(-1, 3, (240, 60)), blocks).astype(np.int8)
    monkeypatch.setattr(ld_prune, "_RUN_VARIANTS", run_variants)
    made_up = []
    settle = ld_prune._settle_jit

    def counted(*arguments):
        left_out, removed = arguments[6], arguments[-1]
        made_up.append(int((left_out & ~removed).sum()))
        settle(*arguments)

    monkeypatch.setattr(ld_prune, "_settle_jit", counted)
    position, contig = np.sort(rng.integers(1, 3000, 240)), np.zeros(240, dtype=int)
    expected = plink2_prune(dosage, position, contig, r2=r2, **window)
    assert ours(dosage, position, contig, r2=r2, batch=70, **window).tolist() == expected.tolist()
    if r2 == 0.1 and run_variants == 5:
        assert sum(made_up) > 0


def test_ties_keep_the_earlier_and_copies_leave_one():
    x = np.array([0, 1, 2, 1, 0, 0], dtype=np.int8)
    copies = np.stack([x, x, 2 - x, x])
    assert (
        ours(copies, np.arange(4), np.zeros(4, dtype=int), r2=0.5, window_variants=4).tolist() == [True] + [False] * 3
    )


def test_duplicated_positions_and_monomorphic_variants():
    x = np.array([0, 1, 2, 1, 0, 0], dtype=np.int8)
    dosage = np.stack([np.zeros_like(x), x, x, np.full_like(x, -1), np.ones_like(x)])
    position, contig = np.full(5, 7), np.zeros(5, dtype=int)
    assert ours(dosage, position, contig, r2=0.2, window_bp=100).tolist() == [False, True, False, False, False]
    # alone in its piece, nothing is compared, and so nothing is removed: as PLINK 2, also between pieces of more
    places = np.array([1, 1, 1000, 2000, 2000, 2000])
    pieces = np.stack([np.zeros_like(x), x, np.zeros_like(x), x, np.full_like(x, -1), np.ones_like(x)])
    found = ours(pieces, places, np.zeros(6, dtype=int), r2=0.2, window_bp=100)
    assert found.tolist() == [False, True, True, True, False, False]
    alone = ours(dosage, np.arange(5) * 1000, contig, r2=0.2, window_bp=100)
    assert alone.all()


def test_no_variant_at_all():
    empty = np.zeros((0, 4), dtype=np.int8)
    assert ours(empty, np.array([], dtype=int), np.array([], dtype=int), r2=0.2, window_bp=100).tolist() == []


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({}, "one of the two"),
        ({"window_bp": 9, "window_variants": 9}, "one of the two"),
        ({"window_bp": 0}, "2 bases or more, not 0"),
        ({"window_variants": 1}, "2 variants or more, not 1"),
        ({"window_bp": 9, "step": 2}, "must be 1, not 2"),
        ({"window_variants": 4, "step": 5}, "must be 1 to 4, not 5"),
        ({"window_variants": 4, "step": 0}, "must be 1 to 4, not 0"),
    ],
)
def test_windows_out_of_range_are_refused(options, sentence):
    with pytest.raises(ValueError, match=sentence):
        ld_windows.prune_windows(np.array([1, 2]), np.array([0, 0]), **options)


def test_unsorted_variants_and_thresholds_out_of_range_are_refused():
    with pytest.raises(ValueError, match="variant 2 at 1 follows 2"):
        ld_windows.prune_windows(np.array([2, 1]), np.array([0, 0]), window_bp=9)
    with pytest.raises(ValueError, match="stand together"):
        ld_windows.prune_windows(np.array([1, 2, 3]), np.array([0, 1, 0]), window_bp=9)
    found = ld_windows.prune_windows(np.array([1, 2]), np.array([0, 0]), window_bp=9)
    for r2 in (-0.1, 1.0, 1.5, float("nan")):
        with pytest.raises(ValueError, match="between 0 and 1"):
            ld_prune.Pruner(2, found, r2=r2)
