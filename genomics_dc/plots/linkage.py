"""Plots of linkage: one locus as a triangle."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure

from genomics_dc.plots import style

_NAMES = {"r": "r", "r2": "r²", "d": "D", "d_prime": "D'"}


@style.applied()
def heatmap(
    values: npt.NDArray[np.float64],
    position: npt.NDArray[np.int64],
    *,
    measure: str,
    chromosomes: Sequence[str],
) -> Figure:
    """Return the upper triangle of a square of one measure, variants in the order of the genome."""
    figure, grid = style.new_figure(6.4, 5.6)
    axes = grid[0, 0]
    n = len(values)
    where = (
        f"{chromosomes[0]}:{int(position.min()):,}-{int(position.max()):,}"
        if len(chromosomes) == 1
        else f"{len(chromosomes)} chromosomes"
    )
    style.title(axes, f"Linkage ({_NAMES[measure]})", f"{style.count(n, 'variant')}, {where}")
    signed = measure in ("r", "d")
    limit = float(np.nanmax(np.abs(values))) if signed and np.isfinite(values).any() else 1.0
    shown = np.ma.masked_invalid(np.where(np.tri(n, k=-1, dtype=bool), np.nan, values))
    axes.grid(False)
    image = axes.imshow(
        shown,
        cmap="RdBu_r" if signed else "Reds",
        vmin=-limit if signed else 0.0,
        vmax=limit,
        interpolation="nearest",
        rasterized=True,
    )
    bar = figure.colorbar(image, ax=axes, fraction=0.04, pad=0.02)
    bar.set_label(_NAMES[measure])
    axes.set_xlabel("Variant")
    axes.set_ylabel("Variant")
    return figure
