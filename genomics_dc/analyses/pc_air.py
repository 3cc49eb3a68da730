"""Principal components of a cohort with relatives: axes from an unrelated set, the others placed on them.

After PC-AiR (Conomos, Miller and Thornton 2015, Genet. Epidemiol. 39:276): a family would else make an axis of its own.
The set is the largest one without relatives; ancestry divergence is not weighed, as PC-AiR does when sets are equal.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from genomics_dc.analyses.lineage import provenance_of
from genomics_dc.analyses.projection import project
from genomics_dc.analyses.structure import PCAResult, pca
from genomics_dc.analyses.unrelated import unrelated as largest_unrelated
from genomics_dc.errors import InputError
from genomics_dc.kernels.pca import TOLERANCE

if TYPE_CHECKING:
    from genomics_dc.store.read import StoreView


def components(
    view: StoreView,
    k: int = 10,
    *,
    seed: int = 1,
    unrelated: bool | Iterable[str] = False,
    degree: int = 3,
    tolerance: float = TOLERANCE,
    exact: bool = False,
    loadings: bool = False,
    threads: int | None = None,
    progress: Callable[[int, float], None] | None = None,
) -> PCAResult:
    """Return the first `k` principal components of a view's samples.

    Parameters
    ----------
    unrelated
        Find them in samples without relatives, the ids given or the largest such set when True, and place the others
        on them: see `pca_with_relatives`.
    degree
        Up to which relatives are taken for such.
    k, seed, tolerance, exact, loadings, threads, progress
        As `analyses.structure.pca` takes them, which says what is raised.

    Examples
    --------
    >>> open_store("cohort.vcz").variants(maf=0.05).pca(k=4, seed=1)  # doctest: +SKIP
    """
    if unrelated is False:
        return pca(
            view,
            k,
            seed=seed,
            tolerance=tolerance,
            exact=exact,
            loadings=loadings,
            threads=threads,
            progress=progress,
        )
    ids = None if unrelated is True else list(unrelated)
    return pca_with_relatives(
        view,
        k,
        unrelated=ids,
        degree=degree,
        threads=threads,
        seed=seed,
        tolerance=tolerance,
        exact=exact,
        progress=progress,
    )


def pca_with_relatives(
    view: StoreView,
    k: int = 10,
    *,
    unrelated: Iterable[str] | None = None,
    degree: int = 3,
    loadings: bool = False,
    threads: int | None = None,
    **options: Any,
) -> PCAResult:
    """Return components of all samples of a view, found in those without relatives.

    Parameters
    ----------
    unrelated
        The samples that make the axes; the largest set without relatives up to `degree` when None.
    options
        As `analyses.structure.pca` takes them.

    Returns
    -------
    As `pca` gives it, in the order of the view: those that made the axes have unit length together, `projected` names
    the others. Null where one has too few genotypes to be placed.

    Raises
    ------
    InputError
        When a sample is unknown or named twice, or too few samples are unrelated.
    """
    ids = [str(name) for name in view.sample_ids]
    kept = list(unrelated) if unrelated is not None else largest_unrelated(view, degree=degree, threads=threads).kept
    if k >= len(kept):
        raise InputError(
            f"{k} components need more than {k} unrelated samples, but the view has {len(kept)} of "
            f"{len(ids)}; give a smaller k or a lower degree"
        )
    axes = pca(view.samples(kept), k, loadings=True, threads=threads, **options)
    assert axes.loadings is not None
    inside = set(kept)
    others = [name for name in ids if name not in inside]
    places = np.full((len(ids), k), np.nan)
    row = {name: number for number, name in enumerate(ids)}
    places[[row[name] for name in kept]] = axes.vectors()
    if others:
        places[[row[name] for name in others]] = project(view.samples(others), axes.loadings, threads=threads).vectors()
    columns: dict[str, Any] = {"sample_id": pa.array(ids, pa.string())}
    for j, name in enumerate(axes.loadings.names):
        columns[name] = pa.array(places[:, j], mask=np.isnan(places[:, j]))
    parameters = {**axes.provenance.parameters, "degree": degree if unrelated is None else None}
    parameters["n_projected"] = len(others)
    return replace(
        axes,
        table=pa.table(columns),
        projected=tuple(others),
        loadings=axes.loadings if loadings else None,
        provenance=provenance_of("pca", view, parameters, seed=axes.provenance.seed),
    )
