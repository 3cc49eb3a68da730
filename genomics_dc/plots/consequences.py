"""The plot of consequences by frequency."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from matplotlib import colormaps
from matplotlib.figure import Figure

from genomics_dc.plots import style


@style.applied()
def by_frequency(
    counts: npt.NDArray[np.int64], terms: Sequence[str], impacts: Sequence[str], bins: Sequence[str]
) -> Figure:
    """Return, for each consequence, how its alleles divide between bins of frequency; `counts` int64[terms, bins]."""
    figure, grid = style.new_figure(9.0, 1.9 + 0.3 * max(len(terms), 3))
    axes = grid[0, 0]
    style.title(axes, "Consequences by frequency of the allele", style.count(int(counts.sum()), "allele"))
    if not counts.any():
        style.nothing_to_show(axes, "The view has no ALT allele.")
        return figure
    totals = counts.sum(axis=1)
    shares = counts / np.maximum(totals, 1)[:, None]
    y = np.arange(len(terms))[::-1]
    colours = colormaps[style.SEQUENTIAL](np.linspace(0.95, 0.05, len(bins)))
    left = np.zeros(len(terms))
    for k, name in enumerate(bins):
        colour = style.LIGHT if k == 0 else colours[k]
        axes.barh(y, shares[:, k], left=left, height=0.72, color=colour, label=name)
        left += shares[:, k]
    labels = [
        f"{term.replace('_', ' ').removesuffix(' variant')} ({kind.lower()})"
        for term, kind in zip(terms, impacts, strict=True)
    ]
    axes.set_yticks(y, labels)
    axes.tick_params(axis="y", length=0)
    axes.grid(False)
    axes.set_xlim(0, 1)
    axes.set_ylim(-0.7, len(terms) - 0.3)
    style.percent(axes.xaxis)
    axes.set_xlabel("Share of the consequence's alleles")
    for place, total in zip(y.tolist(), totals.tolist(), strict=True):
        axes.annotate(
            f"{total:,}",
            xy=(1, place),
            xytext=(5, 0),
            textcoords="offset points",
            va="center",
            fontsize=8,
            color=style.GREY,
        )
    axes.legend(title="Frequency", loc="upper left", bbox_to_anchor=(1.1, 1.0), borderaxespad=0.0, fontsize=9)
    return figure
