"""Linkage disequilibrium of a cohort: pruning, pairs in linkage, matrices and LD scores.

r and r2 are from unphased genotype counts, as `plink --r2` and `plink2 --r2-unphased` have them; D and D' from the
haplotype frequencies of largest likelihood (see kernels.ld_haplotypes). Only samples called at both variants count.
Sums are whole numbers and tiles are put together in order, so a result has the same bytes for any number of threads.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from genomics_dc.analyses.lineage import provenance_of
from genomics_dc.analyses.linkage_batches import Batch, Variants, batches, variants_of
from genomics_dc.analyses.linkage_results import (
    MEASURES,
    LDMatrix,
    LDResult,
    LDScoreResult,
    Measure,
    PruneResult,
)
from genomics_dc.analyses.parallel import default_threads, ordered_map
from genomics_dc.errors import InputError, ResourceError, UsageError
from genomics_dc.kernels import ld_pairs, ld_prune, ld_windows
from genomics_dc.kernels.ld import UnsortedError, correlation_block
from genomics_dc.kernels.ld_haplotypes import haplotype_block

if TYPE_CHECKING:
    from genomics_dc.analyses.view import View

_Answer = TypeVar("_Answer")
Progress = Callable[[int, int], None]

_TILE_VARIANTS = 512
_MATRIX_BYTES_MAX = 2 << 30


def prune(
    view: View,
    *,
    r2: float = 0.2,
    window_bp: int | None = None,
    window_variants: int | None = None,
    step: int = 1,
    threads: int | None = None,
    progress: Progress | None = None,
) -> PruneResult:
    """Return which variants `plink2 --indep-pairwise` keeps: no pair of a window stays in linkage.

    Parameters
    ----------
    view
        On X every sample counts as one with two copies, as PLINK 2 has it where nobody's sex is known.
    r2
        A pair above this is in linkage; 0 or more, below 1.
    window_bp, window_variants
        The window, one of the two: a largest distance in bases (`200kb` is 200_000), or a number of variants.
    step
        By how many variants a window of variants moves.
    threads
        All processors when None; the set is the same for any number.
    progress
        Called with variants done and in all.

    Raises
    ------
    UsageError
        When r2, window or step are out of range.
    InputError
        When the view has no variant or fewer than two samples, or is not sorted.

    Examples
    --------
    >>> open_store("cohort.vcz").ld_prune(r2=0.1, window_bp=500_000).pca(k=10)
    """
    if not 0 <= r2 < 1:
        raise UsageError(f"r2 must lie between 0 and 1 (1 itself excluded), not {r2}")
    variants = variants_of(view)
    with _explained():
        windows = ld_windows.prune_windows(
            variants.position, variants.contig, window_bp=window_bp, window_variants=window_variants, step=step
        )
    workers = default_threads(threads)
    with ThreadPoolExecutor(max_workers=max(workers - 1, 1)) as pool:

        def begin(calls: list[Callable[[], Any]]) -> Callable[[], None]:
            left = deque(calls)
            helpers = [pool.submit(_do_all, left) for _ in range(workers - 1)]

            def finish() -> None:
                _do_all(left)
                for helper in helpers:
                    helper.result()

            return finish

        begin_or_do = begin if workers > 1 else None
        pruner = ld_prune.Pruner(len(variants), windows, r2=r2, begin=begin_or_do, parts=2 * workers)
        for batch in batches(view, variants, threads=workers):
            pruner.add(batch.planes, batch.major)
            if progress:
                progress(batch.start + len(batch.planes), len(variants))
    table = pa.table({**variants.places(), "kept": pa.array(pruner.keep)})
    parameters = {"r2": r2, "window_bp": window_bp, "window_variants": window_variants, "step": step}
    return PruneResult(table, provenance_of("ld_prune", view, parameters), source=view)


def _do_all(left: deque[Callable[[], Any]]) -> None:
    """Make the calls that are left, which other threads make too."""
    while True:
        try:
            call = left.popleft()
        except IndexError:
            return
        call()


def ld(
    view: View,
    *,
    r2_min: float = 0.2,
    window_bp: int | None = 1_000_000,
    window_variants: int | None = None,
    d_prime: bool = False,
    threads: int | None = None,
    progress: Progress | None = None,
) -> LDResult:
    """Return the pairs of variants within a window whose r2 is `r2_min` or more.

    Parameters
    ----------
    r2_min
        0 to 1; 0 gives every pair in which both vary.
    window_bp, window_variants
        Largest distance in bases, and most variants from the first to the second, both included; None for no limit.
    d_prime
        Find D and D' of these pairs too.
    threads, progress
        As in `prune`.

    Raises
    ------
    UsageError
        When r2_min or a window is out of range.
    InputError
        When the view has no variant or fewer than two samples, or is not sorted.

    Examples
    --------
    >>> open_store("cohort.vcz").region("20:1,000,000-2,000,000").ld(r2_min=0.8).to_pandas()
    """
    if not 0 <= r2_min <= 1:
        raise UsageError(f"r2_min must lie between 0 and 1, not {r2_min}")
    variants = variants_of(view)
    last = _last(variants, window_bp, window_variants)

    def pairs_of(tile: tuple[Batch, Batch]) -> ld_pairs.Linked:
        first, second = tile
        return ld_pairs.linked_pairs(
            first.planes, first.start, second.planes, second.start, last, r2_min=r2_min, haplotypes=d_prime
        )

    parts = list(_over_tiles(view, variants, last, pairs_of, threads, progress))
    first, second, n, r, d, prime = (np.concatenate([part[column] for part in parts]) for column in range(6))
    order = np.lexsort((second, first))
    place, rows = variants.places(), (pa.array(first[order]), pa.array(second[order]))
    columns = {
        "chromosome": place["chromosome"].take(rows[0]),
        "base_pair_location_1": place["base_pair_location"].take(rows[0]),
        "variant_id_1": place["variant_id"].take(rows[0]),
        "base_pair_location_2": place["base_pair_location"].take(rows[1]),
        "variant_id_2": place["variant_id"].take(rows[1]),
        "n": pa.array(n[order], pa.int32()),
        "r": pa.array(r[order]),
        "r2": pa.array(r[order] ** 2),
    }
    if d_prime:
        columns |= {"d": pa.array(d[order], from_pandas=True), "d_prime": pa.array(prime[order], from_pandas=True)}
    parameters = {"r2_min": r2_min, "window_bp": window_bp, "window_variants": window_variants, "d_prime": d_prime}
    return LDResult(pa.table(columns), provenance_of("ld", view, parameters))


def ld_matrix(
    view: View,
    *,
    measure: Measure = "r2",
    window_bp: int | None = None,
    threads: int | None = None,
    progress: Progress | None = None,
) -> LDMatrix:
    """Return one measure of all pairs of a view as a square: for a locus, up to some ten thousand variants.

    Parameters
    ----------
    measure
        r, r2, d or d_prime.
    window_bp
        Largest distance; pairs further apart, or on two contigs, are NaN. No limit within a contig when None.
    threads, progress
        As in `prune`.

    Raises
    ------
    ResourceError
        When the square would take more than 2 GiB: use `ld_blocks`, which gives it tile by tile.
    UsageError, InputError
        As `ld`.

    Examples
    --------
    >>> square = open_store("cohort.vcz").region("20:1,000,000-1,000,500").ld_matrix(measure="d_prime")
    >>> square.to_xarray()["d_prime"].shape == square.values.shape
    True
    """
    if measure not in MEASURES:
        raise UsageError(f"measure must be one of {', '.join(MEASURES)}, not {measure}")
    variants = variants_of(view)
    n = len(variants)
    if 8 * n * n > _MATRIX_BYTES_MAX:
        raise ResourceError(
            f"a square of {n:,} variants takes {8 * n * n / 2**30:,.1f} GiB, more than 2 GiB; choose a region, or ask "
            "ld_blocks for it tile by tile"
        )
    values = np.full((n, n), np.nan)
    for first, second, tile in ld_blocks(
        view, measure=measure, window_bp=window_bp, threads=threads, progress=progress, variants=variants
    ):
        values[first, second] = tile
        values[second, first] = np.where(np.isnan(values[second, first]), tile.T, values[second, first])
    parameters = {"measure": measure, "window_bp": window_bp}
    return LDMatrix(
        pa.table(variants.places()), provenance_of("ld_matrix", view, parameters), values=values, measure=measure
    )


def ld_blocks(
    view: View,
    *,
    measure: Measure = "r2",
    window_bp: int | None = None,
    threads: int | None = None,
    progress: Progress | None = None,
    variants: Variants | None = None,
) -> Iterator[tuple[slice, slice, npt.NDArray[np.float64]]]:
    """Yield the upper triangle of a windowed matrix tile by tile: rows, columns, float64[rows, columns].

    A tile on the diagonal is whole. NaN as in `ld_matrix`. Memory is that of the window's planes and a few tiles.
    """
    if measure not in MEASURES:
        raise UsageError(f"measure must be one of {', '.join(MEASURES)}, not {measure}")
    found = variants or variants_of(view)
    last = _last(found, window_bp, None)

    def values_of(tile: tuple[Batch, Batch]) -> tuple[slice, slice, npt.NDArray[np.float64]]:
        first, second = tile
        if measure in ("r", "r2"):
            values = correlation_block(first.planes, second.planes)
            if measure == "r2":
                values *= values
        else:
            d, prime, _ = haplotype_block(first.planes, second.planes)
            values = d if measure == "d" else prime
        rows = np.arange(first.start, first.start + len(first.planes))[:, None]
        columns = np.arange(second.start, second.start + len(second.planes))[None, :]
        values[np.maximum(rows, columns) >= last[np.minimum(rows, columns)]] = np.nan
        return slice(rows[0, 0], rows[-1, 0] + 1), slice(columns[0, 0], columns[0, -1] + 1), values

    yield from _over_tiles(view, found, last, values_of, threads, progress)


def ld_scores(
    view: View,
    *,
    window_bp: int | None = 1_000_000,
    window_variants: int | None = None,
    threads: int | None = None,
    progress: Progress | None = None,
) -> LDScoreResult:
    """Return the LD score of each variant: the sum over its window of r2 - (1 - r2) / (n - 2), itself included.

    Bulik-Sullivan et al. 2015 (LDSC) and GCTA `--ld-score`; the subtraction takes away what r2 is above 0 by chance. n
    counts the samples called at both variants.

    Parameters
    ----------
    window_bp, window_variants
        Largest distance to either side, and largest difference of rows plus one; None for no limit.
    threads, progress
        As in `prune`.

    Raises
    ------
    UsageError, InputError
        As `ld`.

    Examples
    --------
    >>> open_store("cohort.vcz").ld_scores(window_bp=100_000).to_ldsc().to_pandas()
    """
    variants = variants_of(view)
    last = _last(variants, window_bp, window_variants)
    total = np.zeros(len(variants), dtype=np.int64)
    varies = np.zeros(len(variants), dtype=bool)

    def sums_of(
        tile: tuple[Batch, Batch],
    ) -> tuple[tuple[Batch, Batch], tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]]:
        first, second = tile
        return tile, ld_pairs.score_sums(first.planes, first.start, second.planes, second.start, last)

    for (first, second), (one, other) in _over_tiles(view, variants, last, sums_of, threads, progress):
        total[first.start : first.start + len(one)] += one
        total[second.start : second.start + len(other)] += other
        if first is second:
            called, hets, homs, _ = first.planes.stats.T
            varies[first.start : first.start + len(one)] = (hets < called) & (hets + homs > 0) & (homs < called)
    rows = np.arange(len(variants))
    before = rows - np.searchsorted(last, rows, side="right")
    table = pa.table(
        {
            **variants.places(),
            "n_window": pa.array(before + last - rows, pa.int32()),
            "ld_score": pa.array(1 + total * ld_pairs.SCORE_UNIT, mask=~varies),
            "status": pa.DictionaryArray.from_arrays(
                pa.array((~varies).astype(np.int8)), pa.array(["ok", "monomorphic"])
            ),
        }
    )
    parameters = {"window_bp": window_bp, "window_variants": window_variants}
    return LDScoreResult(table, provenance_of("ld_scores", view, parameters))


def _over_tiles(
    view: View,
    variants: Variants,
    last: npt.NDArray[np.int64],
    function: Callable[[tuple[Batch, Batch]], _Answer],
    threads: int | None,
    progress: Progress | None,
) -> Iterator[_Answer]:
    """Yield `function` of every tile that holds a pair of a window, in order."""
    workers = default_threads(threads)

    def tiles() -> Iterator[tuple[Batch, Batch]]:
        held: deque[Batch] = deque()
        for batch in batches(view, variants, threads=1, variants_max=_TILE_VARIANTS):
            while held and last[held[0].start + len(held[0].planes) - 1] <= batch.start:
                held.popleft()
            held.append(batch)
            for earlier in held:
                yield earlier, batch
            if progress:
                progress(batch.start + len(batch.planes), len(variants))

    yield from ordered_map(function, tiles(), threads=workers)


def _last(variants: Variants, window_bp: int | None, window_variants: int | None) -> npt.NDArray[np.int64]:
    with _explained():
        return ld_pairs.neighbours(
            variants.position, variants.contig, window_bp=window_bp, window_variants=window_variants
        )


@contextmanager
def _explained() -> Iterator[None]:
    """Tell a kernel's refusal as a problem of the input or of the call."""
    try:
        yield
    except UnsortedError as error:
        raise InputError(f"{error}; sort the VCF (bcftools sort) and build the store again") from error
    except ValueError as error:
        raise UsageError(str(error)) from error
