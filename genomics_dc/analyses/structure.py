"""Structure of a cohort: principal components of its genotypes."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import chain, pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from genomics_dc.analyses.lineage import provenance_of
from genomics_dc.errors import InputError, UsageError
from genomics_dc.files import refuse_existing
from genomics_dc.kernels import pca as kernel
from genomics_dc.reference import contigs as contig_names
from genomics_dc.results import Result, dataset

if TYPE_CHECKING:
    from collections.abc import Mapping

    import xarray as xr
    from matplotlib.figure import Figure

    from genomics_dc.store.read import StoreView

_Floats = npt.NDArray[np.float64]
_Block = tuple[npt.NDArray[np.int8], _Floats, _Floats]

# Dosages up to this size stay in memory between the passes; larger cohorts are read again in each.
_HELD_BYTES_MAX = 1 << 30
_NOT_AUTOSOMES = frozenset({"X", "Y", "MT"})


@dataclass(frozen=True, repr=False)
class PCAResult(Result):
    """One row per sample: `sample_id`, `PC1`, `PC2`, …; a component has unit length, its largest entry is positive.

    `eigenvalues` float64[k] are of the relationship matrix X' X / V (as `plink2 --pca` prints them); `shares`
    float64[k] are their shares of its trace, which is the variance of all directions. `n_variants` is V, the
    variants that vary.
    """

    eigenvalues: _Floats = field(default_factory=lambda: np.empty(0))
    shares: _Floats = field(default_factory=lambda: np.empty(0))
    n_variants: int = 0

    @property
    def plot(self) -> PCAPlots:
        """Plots: `result.plot.scatter()`, `result.plot.scree()`."""
        return PCAPlots(self)

    def to_xarray(self) -> xr.Dataset:
        """Return `vectors` along `sample` and `component`, `eigenvalues` and `shares` along `component`."""
        return dataset(
            {
                "vectors": (("sample", "component"), self.vectors()),
                "eigenvalues": ("component", self.eigenvalues),
                "shares": ("component", self.shares),
            },
            {"sample": self.table["sample_id"].to_pylist(), "component": self.table.column_names[1:]},
            self.provenance,
        )

    def vectors(self) -> _Floats:
        """Return the components, float64[S, k]."""
        return np.column_stack([self.table[name].to_numpy() for name in self.table.column_names[1:]])

    def write(self, path: Path | str, *, force: bool = False) -> Path:
        """Write the components (see `Result.write`) and, beside them, `<path>.eigenvalues.tsv`; return `path`."""
        beside = Path(f"{path}.eigenvalues.tsv")
        refuse_existing(path, force=force)
        refuse_existing(beside, force=force)
        target = super().write(path, force=force)
        values = pa.table(
            {
                "component": self.table.column_names[1:],
                "eigenvalue": pa.array(self.eigenvalues),
                "share_of_variance": pa.array(self.shares, from_pandas=True),
            }
        )
        Result(values, self.provenance).write(beside, force=force)
        return target


@dataclass(frozen=True, repr=False)
class PCAPlots:
    """The plots of a PCA result; each returns a matplotlib figure."""

    result: PCAResult

    def scatter(self, x: int = 1, y: int = 2, *, groups: Mapping[str, str] | None = None) -> Figure:
        """Return one component against another (numbered from 1), coloured by the group of each sample id if given."""
        from genomics_dc.plots import structure

        k = len(self.result.eigenvalues)
        for number in (x, y):
            if not 1 <= number <= k:
                raise UsageError(f"component {number} is not there; this result has 1 to {k}")
        vectors = self.result.vectors()
        ids = self.result.table["sample_id"].to_pylist()
        labels = None if groups is None else [groups.get(name, "no group") for name in ids]
        return structure.scatter(
            vectors[:, x - 1],
            vectors[:, y - 1],
            axis_names=(f"PC{x}", f"PC{y}"),
            shares=(float(self.result.shares[x - 1]), float(self.result.shares[y - 1])),
            groups=labels,
            n_variants=self.result.n_variants,
        )

    def scree(self) -> Figure:
        """Return the eigenvalues in order."""
        from genomics_dc.plots import structure

        return structure.scree(self.result.eigenvalues, self.result.shares)

    def save(self, folder: Path | str, *, groups: Mapping[str, str] | None = None) -> list[Path]:
        """Write the plots as SVG and PNG into `folder`, made if need be; return the paths."""
        from genomics_dc.plots import style

        out = Path(folder)
        out.mkdir(parents=True, exist_ok=True)
        k = len(self.result.eigenvalues)
        written = [*style.save(self.scree(), out / "pca_scree")]
        for first in range(1, min(k, 4), 2):
            written += style.save(self.scatter(first, first + 1, groups=groups), out / f"pca_{first}_{first + 1}")
        return written


def pca(
    view: StoreView,
    k: int = 10,
    *,
    seed: int = 1,
    tolerance: float = 1e-8,
    threads: int | None = None,
    progress: Callable[[int, float], None] | None = None,
) -> PCAResult:
    """Return the first `k` principal components of a view's samples.

    Dosages are standardised by 2p and sqrt(2p(1 - p)), missing to the mean. X, Y and MT are left out, as they
    separate the sexes. Prune the view for linkage and rare variants first: a component may else be one long haplotype.

    Parameters
    ----------
    k
        Components; below the number of samples.
    seed
        Of the random start. It moves digits beyond the tolerance only.
    tolerance
        Passes over the data stop when A v - value * v is shorter than this share of the largest eigenvalue.
    threads
        All processors when None; the result has the same bytes for any number.
    progress
        Called after each pass with its number and the largest residual.

    Raises
    ------
    InputError
        When fewer than k + 1 samples, or no autosomal variant that varies, are in the view.

    Examples
    --------
    >>> components = open_store("cohort.vcz").ld_prune(r2=0.1, window_bp=500_000).pca(k=4, seed=1)
    >>> components.to_pandas()[["sample_id", "PC1", "PC2"]]
    """
    n_samples = view.n_samples
    if k < 1:
        raise UsageError(f"k must be 1 or more, not {k}")
    if k >= n_samples:
        raise InputError(f"{k} components need more than {k} samples, but the view has {n_samples}; give a smaller k")
    workers = threads or len(os.sched_getaffinity(0))
    with ThreadPoolExecutor(max_workers=workers) as pool:
        cohort = _Cohort(_autosomal(view), pool, workers)
        if not cohort.n_variants:
            raise InputError(f"no autosomal variant of {view.path} varies in the view; loosen region and filters")
        found = kernel.principal_components(
            cohort.multiply,
            n_samples,
            k,
            seed=seed,
            n_variants=cohort.n_variants,
            tolerance=tolerance,
            on_pass=progress,
        )
    if found.residual.max() >= tolerance and found.vectors.shape[1] == k and found.passes >= kernel.PASSES_MAX:
        raise InputError(
            f"the first {k} components did not settle in {found.passes} passes (residual {found.residual.max():.1e}); "
            "their eigenvalues are too alike: ask for fewer components"
        )
    columns: dict[str, Any] = {"sample_id": pa.array([str(name) for name in view.sample_ids], pa.string())}
    columns |= {f"PC{j + 1}": pa.array(np.ascontiguousarray(found.vectors[:, j])) for j in range(k)}
    parameters = {"k": k, "tolerance": tolerance, "n_variants_used": found.n_variants, "passes": found.passes}
    return PCAResult(
        table=pa.table(columns),
        provenance=provenance_of("pca", view, parameters, seed=seed),
        eigenvalues=found.values,
        shares=found.values / cohort.trace,
        n_variants=found.n_variants,
    )


def _autosomal(view: StoreView) -> StoreView:
    sites = view.sites()
    keep = np.array([contig_names.canonical(str(name)) not in _NOT_AUTOSOMES for name in sites.contig], dtype=bool)
    return view if keep.all() else view.variants(index=sites.index[keep])


class _Cohort:
    """The standardised dosages X of a view, of which only products are asked. Held in memory where they are small."""

    def __init__(self, view: StoreView, pool: ThreadPoolExecutor, workers: int) -> None:
        self._view = view
        self._pool = pool
        self._workers = workers
        self._scaling: list[tuple[_Floats, _Floats]] = []
        self._held: list[npt.NDArray[np.int8]] | None = []
        held_bytes = 0
        spreads: list[_Floats] = []
        for block in view.blocks("dosage"):
            dosage = block["dosage"]
            parts = list(self._pool.map(lambda span, d=dosage: _scaling_of(d[span]), self._spans(len(dosage))))
            self._scaling.append((np.concatenate([p[0] for p in parts]), np.concatenate([p[1] for p in parts])))
            spreads += [part[2] for part in parts]
            held_bytes += dosage.nbytes
            if self._held is not None:
                self._held.append(dosage)
                if held_bytes > _HELD_BYTES_MAX:
                    self._held = None
        self.n_variants = sum(int(np.count_nonzero(scale)) for _mean, scale in self._scaling)
        # fsum is exact, so the blocks do not matter
        self.trace = math.fsum(chain.from_iterable(spreads)) / max(self.n_variants, 1)

    def multiply(self, weights: _Floats) -> _Floats:
        """Return X' X weights / V, float64[S, L]: one pass over the blocks, in order."""
        n_samples = len(weights)
        product = np.zeros_like(weights)
        spans = self._spans(n_samples)
        commons = [np.zeros(weights.shape[1]) for _ in spans]
        for dosage, mean, scale in self._blocks():
            loadings = np.concatenate(
                list(
                    self._pool.map(
                        lambda span, d=dosage, m=mean, c=scale: kernel.scores(d[span], m[span], c[span], weights),
                        self._spans(len(dosage)),
                    )
                )
            )
            tasks = [
                self._pool.submit(kernel.accumulate, dosage, mean, scale, loadings, span, product, common)
                for span, common in zip(spans, commons, strict=True)
            ]
            for task in tasks:
                task.result()
        return (product + commons[0]) / self.n_variants

    def _blocks(self) -> Iterator[_Block]:
        dosages = self._held if self._held is not None else (block["dosage"] for block in self._view.blocks("dosage"))
        for dosage, (mean, scale) in zip(dosages, self._scaling, strict=True):
            yield dosage, mean, scale

    def _spans(self, length: int) -> list[slice]:
        cuts = np.linspace(0, length, min(self._workers, max(length, 1)) + 1).astype(int).tolist()
        return [slice(start, stop) for start, stop in pairwise(cuts)]


def _scaling_of(dosage: npt.NDArray[np.int8]) -> tuple[_Floats, _Floats, _Floats]:
    """Return mean, scale and the standardised sum of squares of each variant."""
    mean, scale = kernel.scaling(dosage)
    het, hom = np.count_nonzero(dosage == 1, axis=1), np.count_nonzero(dosage == 2, axis=1)
    called = np.count_nonzero(dosage >= 0, axis=1)
    return mean, scale, (het + 4.0 * hom - called * mean**2) * scale**2
