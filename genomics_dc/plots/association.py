"""Manhattan and QQ plots of an association scan."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure

from genomics_dc.plots import style

_Floats = npt.NDArray[np.float64]

# 5e-8, the threshold of the field: Pe'er et al. 2008, Genet. Epidemiol. 32:381.
GENOME_WIDE_NEG_LOG10_P = 7.30103
_GAP_SHARE = 0.01  # between chromosomes, of the whole length
_LABEL_DISTANCE_BP = 250_000
_QQ_POINTS_MAX = 20_000


@style.applied()
def manhattan(
    chromosomes: Sequence[str],
    positions: npt.NDArray[np.int64],
    neg_log10_p: _Floats,
    names: Sequence[str],
    *,
    trait: str,
    n_samples: int,
    label_top: int = 3,
) -> Figure:
    """Return -log10 p along the genome.

    Chromosomes stand in the order in which they come. A single one gets its position in Mb as axis. NaN (no test) is
    left out, infinite p is drawn at the top edge. `label_top` strongest variants at least 250 kb apart are named.
    """
    figure, grid = style.new_figure(9.0, 4.4)
    axes = grid[0, 0]
    axes.grid(False, axis="x")
    tested = np.flatnonzero(~np.isnan(neg_log10_p))
    style.title(
        axes,
        f"Association with {trait}",
        f"{style.count(len(tested), 'variant')} tested, {style.count(n_samples, 'sample')}",
    )
    if not tested.size:
        style.nothing_to_show(axes, "No variant could be tested; the column `status` says why.")
        return figure
    finite = neg_log10_p[tested][np.isfinite(neg_log10_p[tested])]
    highest = float(finite.max()) if finite.size else GENOME_WIDE_NEG_LOG10_P
    top = max(highest, GENOME_WIDE_NEG_LOG10_P) * 1.16
    heights = np.minimum(neg_log10_p[tested], top * 0.96)
    order = list(dict.fromkeys(chromosomes))
    number = {name: i for i, name in enumerate(order)}
    which = np.array([number[chromosomes[i]] for i in tested.tolist()])
    x = _lay_out(axes, order, which, positions[tested])
    for i in range(len(order)):
        here = which == i
        axes.scatter(
            x[here],
            heights[here],
            s=7,
            linewidths=0,
            color=style.BLUE if i % 2 == 0 else style.SKY,
            rasterized=len(tested) > style.RASTERISE_ABOVE_POINTS,
        )
    axes.set_ylim(0, top)
    axes.set_ylabel("−log₁₀ p")
    axes.axhline(GENOME_WIDE_NEG_LOG10_P, color=style.VERMILLION, linestyle="--", linewidth=1.0)
    axes.annotate(
        "p = 5×10⁻⁸",
        xy=(1, GENOME_WIDE_NEG_LOG10_P),
        xycoords=axes.get_yaxis_transform(),
        xytext=(4, 0),
        textcoords="offset points",
        va="center",
        fontsize=8,
        color=style.VERMILLION,
        annotation_clip=False,
    )
    _name_the_strongest(axes, x, heights, which, positions[tested], [names[i] for i in tested.tolist()], label_top)
    return figure


def _lay_out(axes: Any, order: Sequence[str], which: npt.NDArray[Any], positions: npt.NDArray[np.int64]) -> _Floats:
    """Label the genome axis and return each variant's place on it."""
    if len(order) == 1:
        axes.set_xlabel(f"Position on chromosome {order[0].removeprefix('chr')} (Mb)")
        return np.asarray(positions / 1e6, dtype=np.float64)
    lengths = np.array([positions[which == i].max(initial=0) for i in range(len(order))], dtype=np.float64)
    gap = lengths.sum() * _GAP_SHARE
    starts = np.concatenate([[0.0], np.cumsum(lengths + gap)[:-1]])
    axes.set_xticks(starts + lengths / 2)
    axes.set_xticklabels([name.removeprefix("chr") for name in order], fontsize=8)
    axes.tick_params(axis="x", length=0)
    axes.set_xlabel("Chromosome")
    axes.margins(x=0.01)
    return np.asarray(starts[which] + positions, dtype=np.float64)


def _name_the_strongest(
    axes: Any,
    x: _Floats,
    heights: _Floats,
    which: npt.NDArray[Any],
    positions: npt.NDArray[np.int64],
    names: Sequence[str],
    label_top: int,
) -> None:
    """Write the names of the strongest variants above the threshold, one a locus, beside their points."""
    chosen: list[int] = []
    for i in np.argsort(-heights, kind="stable").tolist():
        if len(chosen) == label_top or heights[i] < GENOME_WIDE_NEG_LOG10_P:
            break
        if all(which[i] != which[j] or abs(positions[i] - positions[j]) > _LABEL_DISTANCE_BP for j in chosen):
            chosen.append(i)
    low, high = float(x.min()), float(x.max())
    for i in chosen:
        right = x[i] < low + 0.75 * (high - low)
        name = names[i] if len(names[i]) <= 28 else names[i][:27] + "…"
        axes.scatter([x[i]], [heights[i]], s=26, facecolors="none", edgecolors=style.VERMILLION, linewidths=1.2)
        axes.annotate(
            name,
            xy=(x[i], heights[i]),
            xytext=(7 if right else -7, 3),
            textcoords="offset points",
            ha="left" if right else "right",
            fontsize=8,
        )


@style.applied()
def qq(neg_log10_p: _Floats, *, trait: str, lambda_gc: float, n_samples: int) -> Figure:
    """Return observed against expected -log10 p, with the 95% band of no association at all.

    Order statistics of independent tests are beta distributed; variants in linkage are not independent, so that the
    band is a guide. NaN is left out, infinite p is drawn at the top edge.
    """
    from scipy import stats

    figure, grid = style.new_figure(5.2, 5.2)
    axes = grid[0, 0]
    strength = np.sort(neg_log10_p[~np.isnan(neg_log10_p)])[::-1]
    n = strength.size
    note = f"{style.count(n, 'variant')}, {style.count(n_samples, 'sample')}"
    style.title(axes, f"Expected and observed p: {trait}" if len(trait) <= 20 else "Expected and observed p", note)
    if not n:
        style.nothing_to_show(axes, "No variant could be tested; the column `status` says why.")
        return figure
    rank = np.arange(1, n + 1)
    # All of the small p values are drawn; of the many large ones, evenly spaced ones on the log scale.
    shown = np.unique(
        np.concatenate([np.arange(min(n, _QQ_POINTS_MAX // 2)), np.geomspace(1, n, _QQ_POINTS_MAX // 2) - 1])
    )
    shown = np.unique(shown.astype(np.int64))
    expected = -np.log10((rank[shown] - 0.5) / n)
    band = np.unique(np.geomspace(1, n, 300).astype(np.int64))
    place = -np.log10((band - 0.5) / n)
    axes.fill_between(
        place,
        -np.log10(stats.beta.ppf(0.975, band, n - band + 1)),
        -np.log10(stats.beta.ppf(0.025, band, n - band + 1)),
        color=style.LIGHT,
        linewidth=0,
        label="95% if nothing is associated",
    )
    finite = strength[np.isfinite(strength)]
    top = max(float(finite[0]) if finite.size else 0.0, float(expected[0])) * 1.06 + 0.1
    axes.plot([0, expected[0]], [0, expected[0]], color=style.GREY, linewidth=1.0)
    axes.scatter(
        expected,
        np.minimum(strength[shown], top * 0.99),
        s=9,
        linewidths=0,
        color=style.BLUE,
        rasterized=shown.size > style.RASTERISE_ABOVE_POINTS,
        zorder=3,
    )
    axes.set_xlim(0, float(expected[0]) * 1.05)
    axes.set_ylim(0, top)
    axes.set_xlabel("Expected −log₁₀ p")
    axes.set_ylabel("Observed −log₁₀ p")
    axes.legend(loc="upper left", fontsize=8, title=f"λGC = {lambda_gc:.3f}", title_fontsize=10, alignment="left")
    return figure
