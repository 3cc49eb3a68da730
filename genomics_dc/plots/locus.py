"""The plot of one locus: p along the chromosome, coloured by linkage with the strongest variant, genes below."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from genomics_dc.plots import style
from genomics_dc.plots.association import GENOME_WIDE_NEG_LOG10_P
from genomics_dc.reference.genes import Transcript

_Floats = npt.NDArray[np.float64]

_EDGES = (0.2, 0.4, 0.6, 0.8)
_COLOURS = ("#3B4CC0", "#6FA8DC", "#3D9A50", style.ORANGE, "#C0392B")
_LABELS = ("below 0.2", "0.2 to 0.4", "0.4 to 0.6", "0.6 to 0.8", "0.8 and above")
_LANES_MAX = 8
_LETTER_SHARE = 0.0105  # of the width, of one letter of a gene's name


@style.applied()
def locus(
    position: npt.NDArray[np.int64],
    strength: _Floats,
    r2: _Floats,
    *,
    lead: int,
    lead_id: str,
    chromosome: str,
    span: tuple[int, int],
    transcripts: Sequence[Transcript],
    trait: str,
) -> Figure:
    """Return the plot; `position` one-based, `span` zero-based half-open. NaN strength (no test) is left out.

    A variant whose r2 is NaN, because linkage is not known, is grey. Genes beyond eight lanes are counted, not drawn.
    """
    lanes, left_out = _lanes(transcripts, span)
    n_lanes = max((lane for lane, _ in lanes), default=-1) + 1
    gene_height = 0.42 * n_lanes + 0.25 if n_lanes else 0.0
    two: dict[str, Any] = {"rows": 2, "sharex": True, "height_ratios": (3.4, gene_height)} if n_lanes else {}
    figure, grid = style.new_figure(8.6, 4.0 + gene_height, **two)
    axes = grid[0, 0]
    axes.grid(False, axis="x")
    tested = ~np.isnan(strength)
    style.title(axes, f"{lead_id}: {trait}", f"{style.count(int(tested.sum()), 'variant')} tested")
    finite = strength[np.isfinite(strength)]
    top = max(float(finite.max(initial=0.0)), GENOME_WIDE_NEG_LOG10_P) * 1.14
    heights = np.minimum(strength, top * 0.97)
    x = position / 1e6
    groups = [(np.isnan(r2), style.LIGHT, "not known")]
    bins = np.searchsorted(_EDGES, np.nan_to_num(r2), side="right")
    groups += [(~np.isnan(r2) & (bins == k), _COLOURS[k], _LABELS[k]) for k in range(len(_COLOURS))]
    for chosen, colour, label in groups:  # the strongest linkage last, on top
        shown = chosen & tested & (np.arange(len(r2)) != lead)
        if shown.any():
            axes.scatter(
                x[shown],
                heights[shown],
                s=16,
                color=colour,
                linewidths=0.3,
                edgecolors="white",
                label=label,
                rasterized=int(tested.sum()) > style.RASTERISE_ABOVE_POINTS,
            )
    if tested[lead]:
        axes.scatter(
            [x[lead]],
            [heights[lead]],
            s=64,
            marker="D",
            color=style.PURPLE,
            edgecolors=style.INK,
            linewidths=0.8,
            zorder=4,
        )
        right = position[lead] < span[0] + 0.72 * (span[1] - span[0])
        axes.annotate(
            lead_id if len(lead_id) <= 28 else lead_id[:27] + "…",
            xy=(x[lead], heights[lead]),
            xytext=(8 if right else -8, 2),
            textcoords="offset points",
            ha="left" if right else "right",
            fontsize=9,
        )
    if top > GENOME_WIDE_NEG_LOG10_P:
        axes.axhline(GENOME_WIDE_NEG_LOG10_P, color=style.VERMILLION, linestyle="--", linewidth=0.9)
    axes.set_ylim(0, top)
    axes.set_xlim(span[0] / 1e6, span[1] / 1e6)
    axes.set_ylabel("−log₁₀ p")
    _legend(axes)
    last = axes
    if n_lanes:
        last = grid[1, 0]
        _draw_genes(last, lanes, n_lanes, span)
    note = f"; {left_out} more genes are not drawn" if left_out else ""
    last.set_xlabel(f"Position on chromosome {chromosome.removeprefix('chr')} (Mb){note}")
    return figure


def _legend(axes: Any) -> None:
    handles, labels = axes.get_legend_handles_labels()
    axes.legend(
        handles[::-1],
        labels[::-1],
        title="r² with the strongest",
        loc="upper left",
        bbox_to_anchor=(1.01, 1.0),
        borderaxespad=0.0,
        fontsize=8,
        title_fontsize=9,
        alignment="left",
    )


def _lanes(transcripts: Sequence[Transcript], span: tuple[int, int]) -> tuple[list[tuple[int, Transcript]], int]:
    """Return each transcript with its lane, so that neither genes nor their names overlap; and how many had no room."""
    width = span[1] - span[0]
    ends: list[float] = []
    placed: list[tuple[int, Transcript]] = []
    left_out = 0
    for one in sorted(transcripts, key=lambda transcript: (transcript.start, transcript.identifier)):
        start, end = max(one.start, span[0]), min(one.end, span[1])
        half = 0.5 * _LETTER_SHARE * width * (len(one.gene) + 3)
        middle = min(max((start + end) / 2, span[0] + half), span[1] - half)
        begin, stop = min(start, middle - half), max(end, middle + half)
        lane = next((k for k, taken in enumerate(ends) if taken < begin), len(ends))
        if lane >= _LANES_MAX:
            left_out += 1
            continue
        if lane == len(ends):
            ends.append(stop)
        ends[lane] = stop
        placed.append((lane, one))
    return placed, left_out


def _draw_genes(axes: Any, lanes: Sequence[tuple[int, Transcript]], n_lanes: int, span: tuple[int, int]) -> None:
    axes.grid(False)
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    axes.set_ylim(-(n_lanes - 1) - 0.45, 0.95)
    width = span[1] - span[0]
    for lane, one in lanes:
        y = -float(lane)
        start, end = max(one.start, span[0]), min(one.end, span[1])
        colour = style.BLUE if one.is_coding else style.GREY
        axes.hlines(y, start / 1e6, end / 1e6, color=colour, linewidth=1.0)
        for parts, height in ((one.exons, 0.22), (one.cds, 0.44)):
            for first, last in parts:
                if last > span[0] and first < span[1]:
                    box = Rectangle(
                        (first / 1e6, y - height / 2), (last - first) / 1e6, height, color=colour, linewidth=0.6
                    )
                    axes.add_patch(box)
        half = 0.5 * _LETTER_SHARE * width * (len(one.gene) + 3)
        middle = min(max((start + end) / 2, span[0] + half), span[1] - half)
        name = f"{one.gene} →" if one.strand == 1 else f"← {one.gene}"
        axes.text(middle / 1e6, y + 0.34, name, ha="center", va="bottom", fontsize=8, style="italic", color=colour)
