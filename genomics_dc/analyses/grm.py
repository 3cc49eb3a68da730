"""The genetic relationship matrix of a cohort, as GCTA defines it, and its files."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from genomics_dc.analyses.lineage import provenance_of
from genomics_dc.analyses.packed_blocks import autosomal
from genomics_dc.analyses.parallel import default_threads, ordered_map
from genomics_dc.analyses.standardised_cohort import StandardisedCohort
from genomics_dc.errors import InputError, ResourceError
from genomics_dc.files import atomic_files, refuse_existing
from genomics_dc.kernels import grm as kernel
from genomics_dc.kernels.standardised import sample_order
from genomics_dc.provenance import Provenance

if TYPE_CHECKING:
    import pandas as pd

    from genomics_dc.store.read import StoreView

_Floats = npt.NDArray[np.float64]

_BAND_BYTES_MAX = 256 << 20
_MEMORY_SHARE_MAX = 0.8


@dataclass(frozen=True, repr=False)
class GRMResult:
    """The relationship of all pairs of samples, by GCTA's formula over the variants called in both.

    `matrix` float64[S, S], symmetric, NaN where two samples share no variant; `n` int32[S, S] the variants called in
    both; `n_variants` those that vary.
    """

    sample_ids: tuple[str, ...]
    matrix: _Floats
    n: npt.NDArray[np.int32]
    n_variants: int
    provenance: Provenance = field(repr=False)

    def __repr__(self) -> str:
        return f"GRMResult({len(self):,} x {len(self):,} samples, {self.n_variants:,} variants that vary)"

    def __len__(self) -> int:
        return len(self.sample_ids)

    def to_pandas(self) -> pd.DataFrame:
        """Return the matrix with the sample ids as index and columns."""
        import pandas

        ids = list(self.sample_ids)
        return pandas.DataFrame(self.matrix, index=ids, columns=ids)

    def write(self, prefix: Path | str, *, force: bool = False) -> list[Path]:
        """Write `prefix.grm.bin`, `.grm.N.bin`, `.grm.id` as GCTA and plink2 do, and `prefix.grm.provenance.json`.

        The lower triangle by rows, in float32; ids with the family 0, tab-separated. All or none is written.
        """
        paths = paths_of(prefix)
        for path in paths:
            refuse_existing(path, force=force)
        with atomic_files(paths, force=force) as temporary:
            squares: tuple[npt.NDArray[Any], ...] = (self.matrix, self.n)
            for path, square in zip(temporary[:2], squares, strict=True):
                with open(path, "wb") as handle:
                    for number, row in enumerate(square):
                        row[: number + 1].astype("<f4").tofile(handle)
            temporary[2].write_text("".join(f"0\t{name}\n" for name in self.sample_ids), encoding="utf-8")
            temporary[3].write_text(self.provenance.to_json() + "\n", encoding="utf-8")
        return paths


def paths_of(prefix: Path | str) -> list[Path]:
    """Return the files that `GRMResult.write` writes."""
    stem = str(prefix).removesuffix(".grm.bin").removesuffix(".grm")
    return [Path(f"{stem}.grm.{end}") for end in ("bin", "N.bin", "id", "provenance.json")]


def grm(
    view: StoreView,
    *,
    threads: int | None = None,
    progress: Callable[[str, float], None] | None = None,
) -> GRMResult:
    """Return the genetic relationship matrix of a view's samples over its autosomal variants that vary.

    A[j, k] is the mean, over the variants called in both, of (x_j - 2p)(x_k - 2p) / 2p(1 - p): GCTA's equation, also on
    the diagonal, as `plink2 --make-grm-bin` has it. Filter rare variants first (`maf=0.01`): each weighs as much as a
    common one.

    Parameters
    ----------
    threads
        All processors when None; the result has the same bytes for any number.
    progress
        Told what is being done and the share done, 0 to 1.

    Raises
    ------
    InputError
        When the view has no samples, or no autosomal variant that varies.
    ResourceError
        When the matrix does not fit into memory.

    Examples
    --------
    >>> open_store("cohort.vcz").variants(maf=0.01).grm().write("cohort")  # doctest: +SKIP
    """
    if view.n_samples == 0:
        raise InputError(f"{view.path} has no samples in this view; a relationship is of two samples")
    require_memory(view.n_samples)
    workers = default_threads(threads)
    cohort = StandardisedCohort(autosomal(view, "a GRM"), workers)
    if not cohort.n_variants:
        raise InputError(f"no autosomal variant of {view.path} varies in the view; loosen region and filters")
    matrix, shared = relationship(cohort, workers, progress)
    return GRMResult(
        tuple(str(name) for name in view.sample_ids),
        matrix,
        shared,
        cohort.n_variants,
        provenance_of("grm", view, {"n_variants_used": cohort.n_variants}),
    )


def relationship(
    cohort: StandardisedCohort,
    threads: int,
    progress: Callable[[str, float], None] | None = None,
    *,
    by_pairs: bool = True,
) -> tuple[_Floats, npt.NDArray[np.int32]]:
    """Return X' X over the shared calls, float64[S, S], and these, int32[S, S]; over V itself if not `by_pairs`."""
    tell = progress or (lambda _step, _share: None)
    n_samples = cohort.n_samples
    order = sample_order(n_samples, one_tile=True)
    place = order.place
    lower, shared_missing = np.empty((order.width, order.width)), np.zeros((order.width, order.width), dtype=np.int32)
    step = max(1, _BAND_BYTES_MAX // (16 * order.width) // kernel.ROW_BLOCK) * kernel.ROW_BLOCK
    for first in range(0, order.width, step):
        band = kernel.RelationshipBand(first, min(first + step, order.width), order)
        parts = band.parts(threads)
        for group in cohort.groups():
            done = ordered_map(partial(_add, band, group), parts, threads=threads)
            deque(done, maxlen=0)
        lower[first : band.last] = band.total
        shared_missing[first : band.last] = band.both
        tell("relating pairs", (band.last / order.width) ** 2)
    rows, columns = np.maximum.outer(place, place), np.minimum.outer(place, place)
    matrix, both = lower[rows, columns], shared_missing[rows, columns]
    del lower, shared_missing
    n_missing = np.diag(both)
    shared = (cohort.n_variants - n_missing[:, None] - n_missing[None, :] + both).astype(np.int32)
    if not by_pairs:
        matrix /= cohort.n_variants
        return matrix, shared
    return np.divide(matrix, shared, out=np.full_like(matrix, np.nan), where=shared > 0), shared


def _add(band: kernel.RelationshipBand, group: tuple[Any, _Floats, _Floats], part: tuple[int, int]) -> None:
    band.add(*group, *part)


def require_memory(n_samples: int) -> None:
    """Raise ResourceError, before anything is allocated, when the matrix would not fit."""
    needed = n_samples**2 * (8 + 4 + 8 + 4 + 16)
    available = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if needed > _MEMORY_SHARE_MAX * available:
        raise ResourceError(
            f"the relationship of all pairs of {n_samples:,} samples needs {needed / 2**30:,.1f} GiB of memory, and "
            f"this machine has {available / 2**30:,.1f} GiB; choose fewer samples with --keep"
        )
