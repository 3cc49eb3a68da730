"""Which rows of a store a view has: regions and criteria, one after the other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from genomics_dc.errors import InputError
from genomics_dc.store.opened import Opened, Rows
from genomics_dc.store.sites import filter_names, sites_of

# A frequency that equals the threshold is kept, although 0.07 * 100 is more than 7 in floating point.
_ROUNDING = 2.0**-44


@dataclass(frozen=True)
class Region:
    """The variants that overlap a region, zero-based half-open; to the end of the contig where `end` is None."""

    contig: str
    start: int
    end: int | None


@dataclass(frozen=True)
class Filters:
    """The variants that pass every criterion given; see `StoreView.variants`."""

    maf: float | None = None
    hwe: float | None = None
    missing: float | None = None
    filters: frozenset[str] | None = None
    extract: frozenset[str] | None = None
    index: tuple[int, ...] | None = None


def rows_in_region(shared: Opened, rows: Rows, region: Region) -> Rows:
    """Return those of some rows that a region has."""
    if not rows.size:
        return rows
    inside = shared.rows_in(shared.contigs.index(region.contig), region.start, region.end)
    if len(rows) == shared.n_variants:
        return inside
    return rows[np.isin(rows, inside, assume_unique=True)]


def check_filters(shared: Opened, names: frozenset[str]) -> None:
    """Raise InputError when a store declares no FILTER of some name."""
    known = {*shared.filters, "PASS", "."}
    unknown = sorted(names - known)
    if unknown:
        raise InputError(
            f"{shared.files.path} declares no FILTER {', '.join(unknown)}; it has {', '.join(sorted(known))}"
        )


def rows_passing(
    shared: Opened,
    rows: Rows,
    step: Filters,
    *,
    n_samples: int,
    counts_of: Callable[[Rows], npt.NDArray[np.int32]],
) -> Rows:
    """Return those of some rows that pass; `counts_of` gives int32[V, 4] of them, over the view's `n_samples`."""
    if step.index is not None:
        rows = rows[np.isin(rows, np.array(step.index, dtype=np.int64), assume_unique=True)]
    if step.filters is not None and rows.size:
        allowed = step.filters
        named = filter_names(shared, rows)
        rows = rows[np.array([set(text.split(";")) <= allowed for text in named], dtype=bool)]
    if step.extract is not None and rows.size:
        sites = sites_of(shared, rows)
        wanted = step.extract
        keep = [
            name in wanted or f"{contig}:{position}:{ref}:{alt}" in wanted
            for name, contig, position, ref, alt in zip(
                sites.identifier, sites.contig, sites.position, sites.ref, sites.alt, strict=True
            )
        ]
        rows = rows[np.array(keep, dtype=bool)]
    if (step.maf is None and step.hwe is None and step.missing is None) or not rows.size:
        return rows
    counts = counts_of(rows).astype(np.int64)
    hom_ref, het, hom_alt, no_call = counts.T
    called = hom_ref + het + hom_alt
    keep_rows = np.ones(len(rows), dtype=bool)
    if step.missing is not None:
        keep_rows &= no_call <= step.missing * max(n_samples, 1) * (1 + _ROUNDING)
    if step.maf is not None:
        alt_alleles = het + 2 * hom_alt
        minor = np.minimum(alt_alleles, 2 * called - alt_alleles)
        keep_rows &= (called > 0) & (minor >= step.maf * 2 * called * (1 - _ROUNDING))
    if step.hwe is not None:
        from genomics_dc.kernels.hwe import exact_p

        keep_rows &= exact_p(hom_ref, het, hom_alt) >= step.hwe
    return rows[keep_rows]
