"""Clumps of an association result: the strongest variant of each locus, and what stands there only for its sake.

As `plink --clump` (1.9): index variants from the smallest p on, r2 by haplotype frequencies, an open window.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from genomics_dc.analyses.lineage import provenance_of
from genomics_dc.analyses.linkage_batches import Variants, batches, variants_of
from genomics_dc.analyses.parallel import default_threads
from genomics_dc.analyses.summary_tables import (
    ID_COLUMNS,
    P_COLUMNS,
    STRENGTH_COLUMN,
    numbers,
    of_trait,
    read_association,
    required_column,
)
from genomics_dc.errors import InputError, UsageError
from genomics_dc.kernels.ld import LdPlanes
from genomics_dc.kernels.ld_clump import clump_rows
from genomics_dc.results import Result

if TYPE_CHECKING:
    from genomics_dc.analyses.view import View

_Floats = npt.NDArray[np.float64]
_Integers = npt.NDArray[np.int64]

# As PLINK prints them: how many members have p at or above 0.05, then below each limit and not below the next.
_BINS = (("nsig", 0.05), ("s05", 0.01), ("s01", 0.001), ("s001", 0.0001), ("s0001", 0.0))


@dataclass(frozen=True, repr=False)
class ClumpResult(Result):
    """One row per clump, the smallest p first.

    `chromosome`, `base_pair_location`, `variant_id` and `p_value` of the index variant, `neg_log_10_p_value` where the
    result had it; `total` other variants of the clump, and of them `nsig` (p >= 0.05), `s05`, `s01`, `s001`, `s0001`
    (p below 0.05, 0.01, 0.001, 0.0001 and not below the next); `members`: ids of those with p < p2; `members_r2`.
    `unknown` counts the rows with p <= p1 whose variant is not in the view.
    """

    unknown: int = 0

    def to_plink(self) -> pa.Table:
        """Return the columns of `plink --clump` by its names; SP2 lists the members, NONE where there is none."""
        table = self.table
        listed = [",".join(f"{name}(1)" for name in names) or "NONE" for names in table["members"].to_pylist()]
        names = {
            "chromosome": "CHR",
            "variant_id": "SNP",
            "base_pair_location": "BP",
            "p_value": "P",
            "total": "TOTAL",
            **{name: name.upper() for name, _ in _BINS},
        }
        return table.select(list(names)).rename_columns(list(names.values())).append_column("SP2", pa.array(listed))


def clump(
    view: View,
    association: Any,
    *,
    trait: str | None = None,
    p1: float = 1e-4,
    p2: float = 0.01,
    r2: float = 0.5,
    window_bp: int = 250_000,
    threads: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> ClumpResult:
    """Return the clumps of an association result, by the linkage in this view.

    Parameters
    ----------
    view
        The samples that linkage is taken from; best those of the association.
    association
        A result of `associate`, a pandas, polars or Arrow table, or a .parquet, .tsv or PLINK .glm file: variant ids
        (variant_id, ID or SNP) and p values (p_value or P). A variant without a p joins no clump.
    trait
        Which trait, where the table has more than one.
    p1, p2
        Largest p of an index variant; members are listed below p2.
    r2, window_bp
        A variant joins above this r2 and nearer than this distance.
    threads, progress
        All processors when None; called with variants read and in all.

    Raises
    ------
    UsageError
        When a limit is out of range, or a trait must be named.
    InputError
        When the table lacks a column, an id stands twice, or no variant of it is in the view.

    Examples
    --------
    >>> view.clump(view.associate("traits.tsv", traits=["hba1c"]), r2=0.1)
    """
    for name, limit in (("p1", p1), ("p2", p2)):
        if not 0 < limit <= 1:
            raise UsageError(f"{name} must lie above 0 and at most at 1, not {limit}")
    if not 0 <= r2 < 1:
        raise UsageError(f"r2 must lie between 0 and 1 (1 itself excluded), not {r2}")
    if window_bp < 1:
        raise UsageError(f"a window must be 1 or more bases, not {window_bp}")
    table, inputs = read_association(association)
    table = of_trait(table, trait)
    variants = variants_of(view)
    p_value, strength, unknown = _p_by_row(table, variants, view, p1)
    order_key = np.where(np.isnan(strength), -np.log10(np.maximum(p_value, 1e-323)), strength)
    index_of = np.full(len(variants), -1, dtype=np.int64)
    r2_with = np.full(len(variants), np.nan)
    done = 0
    chosen = np.flatnonzero(np.nan_to_num(p_value, nan=2.0) <= p1)
    spans = _spans(variants, chosen, window_bp)
    in_all = int(sum(stop - start for start, stop in spans))
    for (start, stop), planes in _planes_of(view, variants, spans, default_threads(threads)):
        own = chosen[(chosen >= start) & (chosen < stop)]
        own = own[np.lexsort((own, -order_key[own]))]
        span = slice(start, stop)
        found, value = clump_rows(
            planes,
            variants.position[span],
            variants.contig[span],
            own - start,
            ~np.isnan(p_value[span]),
            r2=r2,
            window_bp=window_bp,
        )
        index_of[span] = np.where(found >= 0, found + start, -1)
        r2_with[span] = value
        done += stop - start
        if progress:
            progress(done, in_all)
    parameters = {"p1": p1, "p2": p2, "r2": r2, "window_bp": window_bp, "trait": trait}
    return ClumpResult(
        _clumps(variants, index_of, r2_with, p_value, strength, order_key, p2),
        provenance_of("clump", view, parameters, inputs=inputs),
        unknown=unknown,
    )


def _clumps(
    variants: Variants,
    index_of: _Integers,
    r2_with: _Floats,
    p_value: _Floats,
    strength: _Floats,
    order_key: _Floats,
    p2: float,
) -> pa.Table:
    rows = np.arange(len(index_of))
    indices = np.flatnonzero(index_of == rows)
    indices = indices[np.lexsort((indices, -order_key[indices]))]
    ids = variants.ids
    joined = np.flatnonzero((index_of >= 0) & (index_of != rows))
    joined = joined[np.argsort(index_of[joined], kind="stable")]
    begin = np.searchsorted(index_of[joined], indices, side="left")
    end = np.searchsorted(index_of[joined], indices, side="right")
    of_clump = [joined[a:b] for a, b in zip(begin, end, strict=True)]
    counts: dict[str, list[int]] = {"total": [len(members) for members in of_clump]}
    above = np.inf
    for name, lowest in _BINS:
        counts[name] = [int(((p_value[members] >= lowest) & (p_value[members] < above)).sum()) for members in of_clump]
        above = lowest
    listed = [members[p_value[members] < p2] for members in of_clump]
    return pa.table(
        {
            "chromosome": pa.array([variants.view.contigs[variants.contig[row]] for row in indices], pa.string()),
            "base_pair_location": pa.array(variants.position[indices]),
            "variant_id": pa.array([str(ids[row]) for row in indices], pa.string()),
            "p_value": pa.array(p_value[indices]),
            "neg_log_10_p_value": pa.array(strength[indices], from_pandas=True),
            **{name: pa.array(values, pa.int32()) for name, values in counts.items()},
            "members": pa.array([[str(ids[row]) for row in members] for members in listed], pa.list_(pa.string())),
            "members_r2": pa.array([r2_with[members].tolist() for members in listed], pa.list_(pa.float64())),
        }
    )


def _spans(variants: Variants, chosen: _Integers, window_bp: int) -> list[tuple[int, int]]:
    """Return ranges of rows that no window of a possible index variant leaves: each can be clumped by itself."""
    if not chosen.size:
        return []
    spans: list[tuple[int, int]] = []
    bounds = np.concatenate([[0], np.flatnonzero(np.diff(variants.contig)) + 1, [len(variants)]])
    contig = np.searchsorted(bounds, chosen, side="right") - 1
    for row, number in zip(chosen.tolist(), contig.tolist(), strict=True):
        first, last = int(bounds[number]), int(bounds[number + 1])
        place = variants.position[first:last]
        start = first + int(np.searchsorted(place, variants.position[row] - window_bp, side="right"))
        stop = first + int(np.searchsorted(place, variants.position[row] + window_bp, side="left"))
        if spans and start < spans[-1][1]:
            spans[-1] = (spans[-1][0], max(stop, spans[-1][1]))
        else:
            spans.append((start, stop))
    return spans


def _planes_of(
    view: View, variants: Variants, spans: list[tuple[int, int]], threads: int
) -> Iterator[tuple[tuple[int, int], LdPlanes]]:
    """Yield each range of rows with its planes; one range is in memory."""
    for start, stop in spans:
        part = view.variants(index=variants.index[start:stop])
        parts = [batch.planes for batch in batches(part, variants_of(part), threads=threads)]
        yield (
            (start, stop),
            LdPlanes(
                np.concatenate([planes.bits for planes in parts]),
                np.concatenate([planes.summary for planes in parts]),
                np.concatenate([planes.stats for planes in parts]),
                view.n_samples,
            ),
        )


def _p_by_row(table: pa.Table, variants: Variants, view: View, p1: float) -> tuple[_Floats, _Floats, int]:
    """Return p and -log10 p of each variant of the view, NaN where it has none, and how many with p <= p1 it lacks."""
    ids = required_column(table, ID_COLUMNS, "variant ids").cast(pa.string())
    p = numbers(required_column(table, P_COLUMNS, "p values"), "a p value")
    strong = (
        numbers(table[STRENGTH_COLUMN], "a -log10 p")
        if STRENGTH_COLUMN in table.column_names
        else np.full(len(p), np.nan)
    )
    if bool(((p < 0) | (p > 1)).any()):
        row = int(np.flatnonzero((p < 0) | (p > 1))[0])
        raise InputError(f"row {row + 1:,} of the association result has p {p[row]}, which is not between 0 and 1")
    known = pa.array(variants.ids, pa.string())
    for what, names in (("the association result", ids), (str(view.path), known)):
        if pc.count_distinct(names).as_py() < len(names):
            counted = pc.value_counts(names)
            twice = counted.filter(pc.greater(counted.field("counts"), 1))[0]["values"].as_py()
            raise InputError(f"variant {twice} stands more than once in {what}; clumps need ids that are unique")
    row_of = pc.index_in(pc.cast(ids, pa.string()), value_set=known).to_numpy().astype(np.float64)
    there = ~np.isnan(row_of)
    if not there.any():
        raise InputError(f"none of the {len(p):,} variants of the association result is in this view of {view.path}")
    p_value, strength = np.full(len(variants), np.nan), np.full(len(variants), np.nan)
    rows = row_of[there].astype(np.int64)
    p_value[rows], strength[rows] = p[there], strong[there]
    return p_value, strength, int((~there & (p <= p1)).sum())
