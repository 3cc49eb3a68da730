"""Structure of a cohort: principal components of its genotypes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from genomics_dc.analyses.grm import relationship, require_memory
from genomics_dc.analyses.lineage import provenance_of
from genomics_dc.analyses.packed_blocks import autosomal
from genomics_dc.analyses.parallel import default_threads
from genomics_dc.analyses.projection import Loadings, loadings_of
from genomics_dc.analyses.standardised_cohort import StandardisedCohort
from genomics_dc.errors import InputError, UsageError
from genomics_dc.files import refuse_existing
from genomics_dc.kernels import pca as kernel
from genomics_dc.kernels.eigen import leading_eigenpairs
from genomics_dc.kernels.products import combinations
from genomics_dc.provenance import JsonValue
from genomics_dc.results import Result, dataset

if TYPE_CHECKING:
    from collections.abc import Mapping

    import xarray as xr
    from matplotlib.figure import Figure

    from genomics_dc.store.read import StoreView

_Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, repr=False)
class PCAResult(Result):
    """One row per sample: `sample_id`, `PC1`, `PC2`, …; a component has unit length, its largest entry is positive.

    `eigenvalues` float64[k] are of the relationship matrix X' X / V (as `plink2 --pca` prints them); `shares`
    float64[k] are their shares of its trace, which is the variance of all directions. `n_variants` is V, the
    variants that vary; `angle` bounds the sine of the angle between the space found and the exact one. `loadings` has
    one row per variant that varies, when asked for: what projects other samples on these components. `projected` are
    the samples that were placed on components of the others (`pca_with_relatives`).
    """

    eigenvalues: _Floats = field(default_factory=lambda: np.empty(0))
    shares: _Floats = field(default_factory=lambda: np.empty(0))
    n_variants: int = 0
    angle: float = 0.0
    loadings: Loadings | None = None
    projected: tuple[str, ...] = ()

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
        names = self.table.column_names[1:]
        return np.column_stack([self.table[name].to_numpy().astype(np.float64) for name in names])

    def write(self, path: Path | str, *, force: bool = False, threads: int | None = None) -> Path:
        """Write the components (see `Result.write`) and, beside them, what belongs to them; return `path`.

        `<path>.eigenvalues.tsv`, and `<path>.loadings.parquet` where there are loadings.
        """
        beside, weights = Path(f"{path}.eigenvalues.tsv"), Path(f"{path}.loadings.parquet")
        for one in (path, beside, *([weights] if self.loadings is not None else [])):
            refuse_existing(one, force=force)
        target = super().write(path, force=force, threads=threads)
        if self.loadings is not None:
            self.loadings.write(weights, force=force, threads=threads)
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
    tolerance: float = kernel.TOLERANCE,
    exact: bool = False,
    loadings: bool = False,
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
        Passes over the data stop when no direction of the space found is further than this from the exact one, as the
        sine of an angle; see `kernels.pca`.
    exact
        All eigenvalues of the relationship matrix, made in double precision: for some thousands of samples.
    loadings
        Keep what projects other samples on these components (`StoreView.project`, `analyses.projection`).
    threads
        All processors when None; the result has the same bytes for any number.
    progress
        Called after each pass with its number and the bound on the sine of the angle.

    Raises
    ------
    InputError
        When fewer than k + 1 samples, or no autosomal variant that varies, are in the view; or when the first k
        eigenvalues cannot be told from the next.

    Examples
    --------
    >>> components = open_store("cohort.vcz").ld_prune(r2=0.1, window_bp=500_000).pca(k=4, seed=1)
    >>> components.to_pandas()[["sample_id", "PC1", "PC2"]]
    """
    n_samples = view.n_samples
    if k < 1:
        raise UsageError(f"k must be 1 or more, not {k}")
    if not 0 < tolerance < 1:
        raise UsageError(f"tolerance is the sine of an angle, above 0 and below 1, not {tolerance}")
    if k >= n_samples:
        raise InputError(f"{k} components need more than {k} samples, but the view has {n_samples}; give a smaller k")
    part = autosomal(view, "PCA")
    cohort = StandardisedCohort(part, default_threads(threads))
    if not cohort.n_variants:
        raise InputError(f"no autosomal variant of {view.path} varies in the view; loosen region and filters")
    if exact:
        found = exact_components(cohort, k, default_threads(threads))
    else:
        found = kernel.principal_components(
            cohort.multiply,
            n_samples,
            k,
            seed=seed,
            n_variants=cohort.n_variants,
            tolerance=tolerance,
            on_pass=progress,
        )
    if found.passes >= kernel.PASSES_MAX:
        raise InputError(
            f"the first {k} components did not settle in {found.passes} passes (angle {found.angle:.1e}, wanted "
            f"{tolerance:.1e}); their eigenvalues are too alike: ask for fewer components"
        )
    columns: dict[str, Any] = {"sample_id": pa.array([str(name) for name in view.sample_ids], pa.string())}
    columns |= {f"PC{j + 1}": pa.array(np.ascontiguousarray(found.vectors[:, j])) for j in range(k)}
    parameters: dict[str, JsonValue] = {"k": k, "n_variants_used": found.n_variants}
    parameters |= {"exact": True} if exact else {"tolerance": tolerance, "passes": found.passes}
    return PCAResult(
        table=pa.table(columns),
        provenance=provenance_of("pca", view, parameters, seed=None if exact else seed),
        eigenvalues=found.values,
        shares=found.values / cohort.trace,
        n_variants=found.n_variants,
        angle=found.angle,
        loadings=loadings_of(part, cohort, found.vectors, found.values) if loadings else None,
    )


def exact_components(cohort: StandardisedCohort, k: int, threads: int) -> kernel.Components:
    """Return the k leading eigenvectors of the whole relationship matrix of a cohort, in double precision."""
    require_memory(cohort.n_samples)
    matrix, _ = relationship(cohort, threads, by_pairs=False)
    values, rows = leading_eigenpairs(matrix, k)
    gap = combinations(np.ascontiguousarray(rows.T), matrix) - rows * values[:, None]
    largest_entry = np.abs(rows).argmax(axis=1)
    rows *= np.where(rows[np.arange(k), largest_entry] < 0, -1.0, 1.0)[:, None]
    residual = np.sqrt((gap**2).sum(axis=1)) / max(float(values[0]), np.finfo(float).tiny)
    return kernel.Components(np.ascontiguousarray(rows.T), values, residual, 0.0, 1, cohort.n_variants)
