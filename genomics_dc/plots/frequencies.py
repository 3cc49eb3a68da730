"""Plots of allele frequencies by group of samples."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure

from genomics_dc.plots import style

_Floats = npt.NDArray[np.float64]
_GROUPS_SHOWN_MAX = 8


@style.applied()
def bins(
    counts: npt.NDArray[np.int64], labels: Sequence[str], names: Sequence[str], sizes: Sequence[int], n_alleles: int
) -> Figure:
    """Return how many alleles each group carries in each bin of frequency; `counts` int64[G, B].

    More groups than there are colours are not drawn: the note says how many.
    """
    figure, grid = style.new_figure(8.4, 4.4)
    axes = grid[0, 0]
    shown = min(len(names), _GROUPS_SHOWN_MAX)
    note = style.count(n_alleles, "allele")
    note += f"; the first {shown} of {len(names)} groups" if shown < len(names) else ""
    style.title(axes, "Alleles carried, by their frequency in the group", note)
    if not counts.any():
        style.nothing_to_show(axes, "No group carries an ALT allele.")
        return figure
    width = 0.8 / shown
    for g in range(shown):
        x = np.arange(len(labels)) + (g - (shown - 1) / 2) * width
        axes.bar(x, counts[g], width=width, color=style.PALETTE[g], label=f"{names[g]} ({sizes[g]:,})")
    axes.set_xticks(np.arange(len(labels)), labels)
    axes.grid(False, axis="x")
    axes.tick_params(axis="x", length=0)
    axes.set_xlabel("Frequency of the ALT allele in the group")
    axes.set_ylabel("Alleles")
    style.thousands(axes.yaxis)
    style.legend_outside(axes, "Group (samples)")
    return figure


@style.applied()
def compare(first: _Floats, second: _Floats, names: tuple[str, str], sizes: tuple[int, int]) -> Figure:
    """Return the frequencies of two groups against each other, as a density; NaN is left out."""
    figure, grid = style.new_figure(6.0, 5.2)
    axes = grid[0, 0]
    known = ~np.isnan(first) & ~np.isnan(second) & ((first > 0) | (second > 0))
    style.title(
        axes,
        f"Allele frequencies: {names[0]} and {names[1]}",
        f"{style.count(int(known.sum()), 'allele')} seen in either",
    )
    if not known.any():
        style.nothing_to_show(axes, "No allele is seen in either group.")
        return figure
    image = axes.hexbin(
        first[known],
        second[known],
        gridsize=60,
        extent=(0, 1, 0, 1),
        mincnt=1,
        norm=LogNorm(),
        cmap=style.SEQUENTIAL,
        linewidths=0,
    )
    axes.plot([0, 1], [0, 1], color=style.GREY, linewidth=0.8, linestyle=":")
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1)
    axes.set_aspect("equal")
    axes.set_xlabel(f"Frequency in {names[0]} ({sizes[0]:,} samples)")
    axes.set_ylabel(f"Frequency in {names[1]} ({sizes[1]:,} samples)")
    bar = figure.colorbar(image, ax=axes, fraction=0.045, pad=0.03)
    bar.set_label("Alleles")
    return figure
