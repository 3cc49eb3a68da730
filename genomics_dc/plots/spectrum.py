"""The plot of site-frequency spectra."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, NullFormatter

from genomics_dc.plots import style

_COPIES_APART_MAX = 40  # more lie too close for a linear axis
_DECADES_FROM = 30  # largest over smallest count from which the counts' axis is logarithmic
_GROUPS_SHOWN_MAX = 8


@style.applied()
def spectrum(values: Mapping[str, npt.NDArray[np.float64]], chromosomes: Mapping[str, int], *, folded: bool) -> Figure:
    """Return spectra of groups, on logarithmic axes where they are wide, with what a neutral population would have.

    Monomorphic counts (no copy, or all) are left out. Neutral, of constant size: theta / i for i derived copies, and
    theta (1 / i + 1 / (n - i)) folded (Fu 1995, Theor. Popul. Biol. 48:172), scaled to the variants of the first group.
    """
    figure, grid = style.new_figure(7.6, 4.6)
    axes = grid[0, 0]
    kind = "Folded" if folded else "Unfolded"
    names = list(values)[:_GROUPS_SHOWN_MAX]
    varying = {name: _varying(values[name], chromosomes[name], folded) for name in names}
    first = names[0]
    note = f"{style.count(round(float(varying[first].sum())), 'variant')} that vary in {first}"
    style.title(axes, f"{kind} site-frequency spectrum", note)
    if not any(part.sum() > 0 for part in varying.values()):
        style.nothing_to_show(axes, "No variant varies among samples called in full.")
        return figure
    for g, name in enumerate(names):
        copies = np.arange(1, len(varying[name]) + 1)
        there = varying[name] > 0
        axes.plot(
            copies[there],
            varying[name][there],
            color=style.PALETTE[g],
            linewidth=1.2,
            marker="o" if len(copies) <= _COPIES_APART_MAX else ".",
            markersize=4 if len(copies) <= _COPIES_APART_MAX else 2,
            label=f"{name} ({chromosomes[name]:,})",
        )
    n = chromosomes[first]
    copies = np.arange(1, len(varying[first]) + 1)
    expected = 1 / copies + (1 / (n - copies) if folded else 0)
    if folded and n % 2 == 0:
        expected[-1] /= 2
    total = varying[first].sum()
    if total > 0:
        scaled = expected * total / expected.sum()
        axes.plot(copies, scaled, color=style.GREY, linestyle="--", linewidth=1, label="neutral, constant size")
    drawn = np.concatenate([part[part > 0] for part in varying.values()])
    few = max(len(part) for part in varying.values()) <= _COPIES_APART_MAX
    for axis, wide in ((axes.xaxis, not few), (axes.yaxis, float(drawn.max()) > _DECADES_FROM * float(drawn.min()))):
        (axes.set_xscale if axis is axes.xaxis else axes.set_yscale)("log" if wide else "linear")
        axis.set_minor_formatter(NullFormatter())
        if not wide:
            axis.set_major_locator(MaxNLocator(integer=True))
        style.thousands(axis)
    if axes.get_yscale() == "linear":
        axes.set_ylim(bottom=0)
    axes.set_xlabel(f"Copies of the {'rarer' if folded else 'derived'} allele")
    axes.set_ylabel("Variants")
    style.legend_outside(axes, "Group (chromosomes)")
    return figure


def _varying(values: npt.NDArray[np.float64], n: int, folded: bool) -> npt.NDArray[np.float64]:
    return values[1:] if folded else values[1:n]
