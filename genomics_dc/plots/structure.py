"""Plots of the structure of a cohort: samples on two axes, eigenvalues, groups against each other, ancestry."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure

from genomics_dc.plots import style

_Floats = npt.NDArray[np.float64]

_MARKERS = ("o", "^", "s", "D", "v", "P", "X", "*")


@style.applied()
def scatter(
    x: _Floats,
    y: _Floats,
    *,
    axis_names: tuple[str, str],
    shares: tuple[float, float],
    groups: Sequence[str] | None,
    n_variants: int,
) -> Figure:
    """Return samples on two components; `shares` are the shares of variance, `groups` one label a sample or None."""
    figure, grid = style.new_figure(6.8 if groups is not None else 5.6, 5.2)
    axes = grid[0, 0]
    style.title(
        axes,
        f"{axis_names[0]} and {axis_names[1]}",
        f"{style.count(len(x), 'sample')}, {style.count(n_variants, 'variant')}",
    )
    rasterized = len(x) > style.RASTERISE_ABOVE_POINTS
    if groups is None:
        axes.scatter(x, y, s=14, color=style.BLUE, alpha=0.7, linewidths=0, rasterized=rasterized)
    else:
        labels = np.array(groups, dtype=object)
        for number, name in enumerate(sorted(set(groups))):
            here = labels == name
            axes.scatter(
                x[here],
                y[here],
                s=16,
                color=style.PALETTE[number % len(style.PALETTE)],
                marker=_MARKERS[number // len(style.PALETTE) % len(_MARKERS)],
                alpha=0.75,
                linewidths=0,
                rasterized=rasterized,
                label=f"{name} ({here.sum():,})",
            )
        style.legend_outside(axes)
    axes.axhline(0, color=style.GREY, linewidth=0.6)
    axes.axvline(0, color=style.GREY, linewidth=0.6)
    axes.set_xlabel(f"{axis_names[0]} ({shares[0]:.2%} of variance)")
    axes.set_ylabel(f"{axis_names[1]} ({shares[1]:.2%} of variance)")
    return figure


@style.applied()
def scree(eigenvalues: _Floats, shares: _Floats) -> Figure:
    """Return the eigenvalues in order, each with its share of variance."""
    figure, grid = style.new_figure(5.6, 4.0)
    axes = grid[0, 0]
    axes.grid(False, axis="x")
    number = np.arange(1, len(eigenvalues) + 1)
    style.title(axes, "Eigenvalues", f"together {np.nansum(shares):.1%} of variance")
    axes.plot(number, eigenvalues, color=style.BLUE, marker="o", markersize=5, linewidth=1.2)
    axes.set_xticks(number if len(number) <= 20 else number[:: len(number) // 10])
    axes.set_ylim(0, max(float(eigenvalues.max()), 1e-9) * 1.1)
    axes.set_xlabel("Component")
    axes.set_ylabel("Eigenvalue")
    return figure


@style.applied()
def group_matrix(names: Sequence[str], square: _Floats, *, title: str, n_variants: int) -> Figure:
    """Return a symmetric measure of pairs of groups as a coloured square; NaN is left white."""
    size = max(4.2, 0.32 * len(names) + 2.4)
    figure, grid = style.new_figure(size + 0.8, size)
    axes = grid[0, 0]
    axes.grid(False)
    style.title(axes, title, style.count(n_variants, "variant"))
    shown = square.copy()
    np.fill_diagonal(shown, np.nan)
    picture = axes.imshow(shown, cmap=style.SEQUENTIAL, vmin=min(0.0, float(np.nanmin(square))))
    places = np.arange(len(names))
    axes.set_xticks(places, names, rotation=90 if len(names) > 6 else 0)
    axes.set_yticks(places, names)
    if len(names) <= 12:
        middle = 0.5 * float(np.nanmax(square))
        for i in places:
            for j in places:
                if i != j and np.isfinite(square[i, j]):
                    colour = "white" if square[i, j] < middle else style.INK
                    axes.text(j, i, f"{square[i, j]:.3f}", ha="center", va="center", fontsize=8, color=colour)
    figure.colorbar(picture, ax=axes, shrink=0.8)
    return figure


@style.applied()
def ancestry(probability: _Floats, names: Sequence[str], assigned: npt.NDArray[np.bool_], *, n_variants: int) -> Figure:
    """Return a bar for each sample, of its probabilities [S, G], by nearest group; those not assigned to the right."""
    figure, grid = style.new_figure(9.0, 4.0)
    axes = grid[0, 0]
    axes.grid(False)
    known = np.isfinite(probability).all(axis=1)
    style.title(
        axes,
        "Nearest reference group",
        f"{style.count(len(probability), 'sample')}, {int((~assigned).sum()):,} uncertain; "
        f"{style.count(n_variants, 'variant')}",
    )
    if not known.any():
        style.nothing_to_show(axes, "no sample has enough genotypes to be placed")
        return figure
    rows, sure = probability[known], assigned[known]
    best = rows.argmax(axis=1)
    order = np.lexsort((-rows.max(axis=1), best, ~sure))
    bottom = np.zeros(len(rows))
    for number, name in enumerate(names):
        height = rows[order, number]
        colour = style.PALETTE[number % len(style.PALETTE)]
        count = int(((best == number) & sure).sum())
        axes.bar(
            np.arange(len(rows)),
            height,
            bottom=bottom,
            width=1.0,
            color=colour,
            alpha=1.0 if number < len(style.PALETTE) else 0.5,
            linewidth=0,
            label=f"{name} ({count:,})",
            rasterized=True,
        )
        bottom += height
    if (~sure).any() and sure.any():
        axes.axvline(sure.sum() - 0.5, color=style.INK, linewidth=1.2)
        axes.annotate(
            "uncertain",
            xy=(sure.sum(), 1.0),
            xytext=(4, -5),
            textcoords="offset points",
            va="top",
            fontsize=8,
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 1.5},
        )
    axes.set_xlim(-0.5, len(rows) - 0.5)
    axes.set_ylim(0, 1)
    style.percent(axes.yaxis)
    axes.set_xlabel("samples")
    axes.set_ylabel("probability")
    style.legend_outside(axes)
    return figure
