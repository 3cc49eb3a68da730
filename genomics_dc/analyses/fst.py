"""How far groups of samples have drifted apart: the fixation index, by pair of groups and by variant."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from genomics_dc.analyses.lineage import provenance_of
from genomics_dc.analyses.packed_blocks import autosomal, grouped, packed_blocks
from genomics_dc.analyses.parallel import default_threads, ordered_map
from genomics_dc.analyses.partition import partition_of
from genomics_dc.analyses.site_columns import site_columns
from genomics_dc.errors import InputError, UsageError
from genomics_dc.kernels import fst as kernel
from genomics_dc.results import Result

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from genomics_dc.store.read import StoreView

_Floats = npt.NDArray[np.float64]
Method = Literal["hudson", "wc"]

# Added up together, whatever the chunks of the store.
_GROUP_VARIANTS = 2048


@dataclass(frozen=True, repr=False)
class FstResult(Result):
    """One row per pair of groups: `group_1`, `group_2`, `n_1`, `n_2` samples, `n_variants`, `fst`, `standard_error`.

    `fst` is the ratio of sums over the variants that vary in the pair, null where none does; the error is by a
    jackknife over blocks of neighbouring variants, null with fewer than two blocks. `overall` (method "wc") is index
    and error of all groups together. `variants` has one row per variant and a column per pair ("fst:A:B"), when asked
    for. `note` says which ids did not meet.
    """

    method: Method = "hudson"
    overall: tuple[float, float] | None = None
    variants: Result | None = None
    note: str | None = None

    def matrix(self) -> tuple[list[str], _Floats]:
        """Return the names of the groups and the index of all pairs, float64[G, G], zero on the diagonal."""
        first, second = self.table["group_1"].to_pylist(), self.table["group_2"].to_pylist()
        names = sorted({*first, *second})
        square = np.zeros((len(names), len(names)))
        values = self.table["fst"].to_numpy().astype(np.float64)
        for one, other, value in zip(first, second, values, strict=True):
            i, j = names.index(one), names.index(other)
            square[i, j] = square[j, i] = value
        return names, square

    @property
    def plot(self) -> FstPlots:
        """The plot: `.heatmap()`."""
        return FstPlots(self)


@dataclass(frozen=True, repr=False)
class FstPlots:
    """The plot of an Fst result."""

    result: FstResult

    def heatmap(self) -> Figure:
        """Return the index of all pairs of groups as a coloured square."""
        from genomics_dc.plots import structure

        names, square = self.result.matrix()
        n_variants = max(self.result.table["n_variants"].to_pylist(), default=0)
        title = {"hudson": "Hudson's FST", "wc": "FST of Weir and Cockerham"}[self.result.method]
        return structure.group_matrix(names, square, title=title, n_variants=int(n_variants))


def fst(
    view: StoreView,
    groups: Any,
    *,
    column: str | None = None,
    method: Method = "hudson",
    block_variants: int = 1000,
    by_variant: bool = False,
    strict: bool = False,
    threads: int | None = None,
    progress: Callable[[str, float], None] | None = None,
) -> FstResult:
    """Return the fixation index of all pairs of groups over the autosomal variants of a view.

    Parameters
    ----------
    view
        At sites of many alleles the first ALT is set against the rest.
    groups, column, strict
        Of the samples; see `analyses.partition.partition_of`. Samples in no group do not take part.
    method
        "hudson" (Bhatia et al. 2013), which does not depend on the sizes of the groups, or "wc" (Weir and Cockerham
        1984).
    block_variants
        Variants that vary in a pair, of a block of the jackknife: more than linkage reaches.
    by_variant
        Keep the index of each variant.
    threads
        All processors when None; the result has the same bytes for any number.

    Raises
    ------
    InputError
        When there are fewer than two groups, a group has one sample, no id meets, or no autosomal variant is left.

    Examples
    --------
    >>> open_store("cohort.vcz").fst("populations.tsv", column="super_pop").to_pandas()  # doctest: +SKIP
    """
    if method not in get_args(Method):
        raise UsageError(f"method must be hudson or wc, not {method}")
    if block_variants < 1:
        raise UsageError(f"a block must hold 1 variant or more, not {block_variants}")
    if view.n_samples == 0:
        raise InputError(f"{view.path} has no samples in this view; groups are of samples")
    found = partition_of(view, groups, column=column, strict=strict, size_min=2)
    n_groups = len(found.names)
    if n_groups < 2:
        raise InputError(f"FST is between two groups or more, but all samples are in {found.names[0]}")
    part = autosomal(view, "FST")
    pairs = np.array(list(combinations(range(n_groups), 2)), dtype=np.int64)
    tell = progress or (lambda _step, _share: None)

    def block(packed: npt.NDArray[np.uint8]) -> tuple[int, _Floats, _Floats]:
        counts = kernel.group_counts(packed, found.number, n_groups)
        if method == "hudson":
            return len(packed), *kernel.hudson(counts, pairs[:, 0], pairs[:, 1])
        columns = [kernel.weir_cockerham(counts[:, [one, other]]) for one, other in pairs]
        columns.append(kernel.weir_cockerham(counts))
        return len(packed), np.stack([a for a, _ in columns], axis=1), np.stack([b for _, b in columns], axis=1)

    n_columns = len(pairs) + (method == "wc")
    n_blocks = -(-part.n_variants // block_variants)
    sums = np.zeros((n_blocks, n_columns)), np.zeros((n_blocks, n_columns))
    n_known = np.zeros(n_columns, dtype=np.int64)
    ratios: list[_Floats] = []
    done = 0
    groups_of_variants = grouped(packed_blocks(part), _GROUP_VARIANTS)
    for n, above, below in ordered_map(block, groups_of_variants, threads=default_threads(threads)):
        kernel.add_blocks(above, below, block_variants, n_known, sums)
        if by_variant:
            ratios.append(above / below)
        done += n
        tell("comparing groups", done / part.n_variants)
    start = block_variants * np.arange(n_blocks)[:, None]
    ratio, error = kernel.jackknife(*sums, np.clip(n_known[None, :] - start, 0, block_variants))
    sizes = found.sizes()
    n_pairs = len(pairs)
    table = pa.table(
        {
            "group_1": pa.array([found.names[i] for i in pairs[:, 0]], pa.string()),
            "group_2": pa.array([found.names[j] for j in pairs[:, 1]], pa.string()),
            "n_1": pa.array(sizes[pairs[:, 0]]),
            "n_2": pa.array(sizes[pairs[:, 1]]),
            "n_variants": pa.array(n_known[:n_pairs]),
            "fst": pa.array(ratio[:n_pairs], mask=np.isnan(ratio[:n_pairs])),
            "standard_error": pa.array(error[:n_pairs], mask=np.isnan(error[:n_pairs])),
        }
    )
    parameters = {"method": method, "block_variants": block_variants, "n_groups": n_groups}
    provenance = provenance_of("fst", view, parameters, inputs={"groups": found.sha256})
    variants = None
    if by_variant:
        values = np.concatenate(ratios)
        names = [f"fst:{found.names[i]}:{found.names[j]}" for i, j in pairs] + (["fst:all"] if method == "wc" else [])
        columns: dict[str, Any] = dict(site_columns(part))
        for number, name in enumerate(names):
            one = np.ascontiguousarray(values[:, number])
            columns[name] = pa.array(one, mask=np.isnan(one))
        variants = Result(pa.table(columns), provenance)
    overall = (float(ratio[n_pairs]), float(error[n_pairs])) if method == "wc" else None
    return FstResult(table, provenance, method=method, overall=overall, variants=variants, note=found.note)
