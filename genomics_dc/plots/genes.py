"""The plot of genes whose rare alleles cases carry more, or less, often than controls."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure

from genomics_dc.plots import style


@style.applied()
def carriers(
    names: Sequence[str], columns: Mapping[str, npt.NDArray[np.float64]], *, trait: str, n_tested: int
) -> Figure:
    """Return one line a gene, strongest first: the share of cases and of controls that carry, and p.

    `columns` has carriers_cases, carriers_controls, cases, controls and neg_log_10_p_value, float64[N].
    """
    figure, grid = style.new_figure(7.8, 1.7 + 0.3 * max(len(names), 3))
    axes = grid[0, 0]
    style.title(
        axes, f"Carriers of rare alleles: {trait}", f"{style.count(n_tested, 'gene')} tested, the strongest shown"
    )
    if not names:
        style.nothing_to_show(axes, "No gene has a rare allele that a case or control carries.")
        return figure
    y = np.arange(len(names))[::-1]
    case = columns["carriers_cases"] / np.maximum(columns["cases"], 1)
    control = columns["carriers_controls"] / np.maximum(columns["controls"], 1)
    axes.hlines(y, np.minimum(case, control), np.maximum(case, control), color=style.LIGHT, linewidth=2.5, zorder=1)
    axes.scatter(control, y, color=style.BLUE, s=34, label=f"controls ({int(columns['controls'][0]):,})", zorder=2)
    axes.scatter(
        case, y, color=style.VERMILLION, s=34, marker="D", label=f"cases ({int(columns['cases'][0]):,})", zorder=3
    )
    axes.set_yticks(y, names)
    axes.tick_params(axis="y", length=0)
    axes.set_ylim(-0.7, len(names) - 0.3)
    axes.set_xlim(left=-0.02 * max(float(case.max()), float(control.max()), 1e-6))
    style.percent(axes.xaxis)
    axes.set_xlabel("Samples that carry a rare allele")
    for place, strength in zip(y.tolist(), columns["neg_log_10_p_value"].tolist(), strict=True):
        axes.annotate(
            f"p {style.p_text(strength)}",
            xy=(1, place),
            xycoords=axes.get_yaxis_transform(),
            xytext=(6, 0),
            textcoords="offset points",
            va="center",
            fontsize=8,
            color=style.GREY,
            annotation_clip=False,
        )
    axes.legend(loc="upper left", bbox_to_anchor=(1.16, 1.0), borderaxespad=0.0, fontsize=9)
    return figure
