"""The plot of relatedness."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure

from genomics_dc.plots import style

Floats = npt.NDArray[np.float64]

# Pairs of different ancestry, or few variants, give estimates far below zero; what matters is above.
_LOWEST_DRAWN = -0.5
_COLOURS = (style.VERMILLION, style.ORANGE, style.GREEN, style.PURPLE)


@style.applied()
def kinship(
    kinship_coefficient: Floats,
    ibs0: Floats,
    relationship: npt.NDArray[np.object_],
    degrees: Sequence[tuple[str, float | None]],
    n_samples: int,
    remark: str | None = None,
) -> Figure:
    """Kinship of pairs against the share of variants at which they have no allele in common.

    `degrees` are (name, lowest kinship) from close to far; pairs named otherwise are drawn as density. A full sibling
    and a parent have the same kinship, but a parent shares an allele nearly everywhere (IBS0 near 0). `remark` is a
    sentence written under the plot.
    """
    figure, axes = style.new_figure(7.4, 4.8)
    one = axes[0, 0]
    known = np.isfinite(kinship_coefficient) & np.isfinite(ibs0)
    below = int((known & (kinship_coefficient < _LOWEST_DRAWN)).sum())
    note = f"{style.count(int(known.sum()), 'pair')} of {n_samples:,} samples; KING-robust"
    style.title(one, "Relatedness", note + (f"; {below:,} below {_LOWEST_DRAWN:g} not drawn" if below else ""))
    any_known = known.any()
    known &= kinship_coefficient >= _LOWEST_DRAWN
    if any_known and not known.any():
        style.nothing_to_show(one, f"every pair has a kinship below {_LOWEST_DRAWN:g}: unrelated")
        return figure
    if not known.any():
        style.nothing_to_show(one, "no pair of samples with heterozygous calls in common")
        return figure
    close = {name for name, _ in degrees}
    far = known & np.array([name not in close for name in relationship], dtype=bool)
    if far.sum() > style.RASTERISE_ABOVE_POINTS:
        cells = one.hexbin(
            ibs0[far], kinship_coefficient[far], gridsize=60, bins="log", cmap="Greys", mincnt=1, linewidths=0.1
        )
        cells.set_rasterized(True)
        figure.colorbar(cells, ax=one, label="unrelated pairs in a cell", shrink=0.8, pad=0.02)
    elif far.any():
        one.scatter(
            ibs0[far],
            kinship_coefficient[far],
            s=12,
            color=style.GREY,
            alpha=0.6,
            linewidths=0,
            label=f"unrelated ({int(far.sum()):,})",
        )
    for (name, lowest), colour in zip(degrees, _COLOURS, strict=True):
        chosen = known & (relationship == name)
        if chosen.any():
            one.scatter(
                ibs0[chosen],
                kinship_coefficient[chosen],
                s=26,
                color=colour,
                edgecolors="white",
                linewidths=0.5,
                label=f"{name} ({int(chosen.sum()):,})",
                zorder=3,
                rasterized=chosen.sum() > style.RASTERISE_ABOVE_POINTS,
            )
        if lowest is not None:
            one.axhline(lowest, color=colour, linewidth=0.9, linestyle="--", zorder=1)
            one.annotate(
                f"{name}: from {lowest:g}",
                xy=(1, lowest),
                xycoords=one.get_yaxis_transform(),
                xytext=(-2, 2),
                textcoords="offset points",
                ha="right",
                va="bottom",
                fontsize=7.5,
                color=style.GREY,
            )
    one.set_ylim(top=0.55)
    one.set_xlim(left=-0.02 * max(float(ibs0[known].max()), 0.01))
    style.percent(one.xaxis)
    one.set_xlabel("variants with no allele in common (IBS0)" + (f"\n{remark}" if remark else ""))
    one.set_ylabel("kinship coefficient")
    if one.get_legend_handles_labels()[0]:
        one.legend(loc="lower left", fontsize=8, frameon=True, framealpha=0.85, edgecolor="none")
    return figure
