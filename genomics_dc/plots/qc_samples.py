"""Plots of samples: sex from X and Y, outliers in every measure, batches. NaN means missing and is left out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure

from genomics_dc.plots import style

Floats = npt.NDArray[np.float64]

_SPREAD = 0.32  # of the points of one row, up and down
_SHOWN_MADS = 12.0  # further out, a point is drawn at the edge


@style.applied()
def sex(
    f_x: Floats,
    y_call_rate: Floats,
    given: npt.NDArray[np.object_],
    mismatch: npt.NDArray[np.bool_],
    female_max: float | None,
    male_min: float | None,
) -> Figure:
    """F of X of each sample against its call rate on Y, by the sex given; the store may have no Y."""
    figure, axes = style.new_figure(7.4, 4.6)
    one = axes[0, 0]
    known = np.isfinite(f_x)
    style.title(one, "Sex from X and Y", style.count(int(known.sum()), "sample"))
    has_y = bool(np.isfinite(y_call_rate[known]).any())
    height = y_call_rate if has_y else _spread(len(f_x))
    for word, colour, marker in (
        ("female", style.VERMILLION, "o"),
        ("male", style.BLUE, "s"),
        (None, style.GREY, "^"),
    ):
        chosen = known & ~mismatch & (given == word)
        if chosen.any():
            one.scatter(
                f_x[chosen], height[chosen], s=18, color=colour, marker=marker, alpha=0.7, linewidths=0,
                label=f"{word or 'sex not given'} ({int(chosen.sum()):,})",
                rasterized=len(f_x) > style.RASTERISE_ABOVE_POINTS,
            )  # fmt: skip
    wrong = known & mismatch
    if wrong.any():
        one.scatter(
            f_x[wrong], height[wrong], s=48, facecolors="none", edgecolors=style.INK, marker="D", linewidths=1.4,
            label=f"not the sex given ({int(wrong.sum()):,})",
        )  # fmt: skip
    for limit, text in ((female_max, "two X"), (male_min, "one X")):
        if limit is not None:
            style.threshold_line(one, limit, f"{text}: F {'at most' if limit == female_max else 'at least'} {limit:g}")
    one.set_xlabel("F of X (inbreeding coefficient)")
    if has_y:
        style.percent(one.yaxis)
        one.set_ylabel("variants on Y with a genotype")
        one.set_ylim(-0.05, 1.05)
    else:
        one.set_yticks([])
        one.set_ylim(-1, 1)
        one.grid(False, axis="y")
        one.set_ylabel("spread for sight only: no variants on Y")
    style.legend_outside(one)
    return figure


@style.applied()
def outliers(deviations: Mapping[str, Floats], limit: float | None) -> Figure:
    """How far each sample lies from the median of its group, in every measure; one row a measure."""
    shown = {name: values for name, values in deviations.items() if np.isfinite(values).any()}
    figure, axes = style.new_figure(7.4, 1.6 + 0.42 * max(len(shown), 2))
    one = axes[0, 0]
    n_samples = max((len(values) for values in deviations.values()), default=0)
    style.title(one, "Outliers among samples", style.count(n_samples, "sample"))
    if not shown:
        style.nothing_to_show(one, "no measure could be assessed:\ntoo few samples, or all alike")
        return figure
    for row, values in enumerate(shown.values()):
        values = values[np.isfinite(values)]
        out = np.abs(values) > (np.inf if limit is None else limit)
        place = row + _spread(len(values)) * _SPREAD
        drawn = np.clip(values, -_SHOWN_MADS, _SHOWN_MADS)
        for chosen, colour, size, marker in ((~out, style.SKY, 8, "o"), (out, style.VERMILLION, 22, "D")):
            one.scatter(
                drawn[chosen], place[chosen], s=size, color=colour, marker=marker, alpha=0.75, linewidths=0,
                rasterized=n_samples > style.RASTERISE_ABOVE_POINTS // 4,
            )  # fmt: skip
        one.annotate(
            f"{int(out.sum()):,}", xy=(1.01, row), xycoords=one.get_yaxis_transform(), va="center", fontsize=9,
            color=style.VERMILLION if out.any() else style.GREY, annotation_clip=False,
        )  # fmt: skip
    one.annotate(
        "outliers", xy=(1.01, len(shown) - 0.3), xycoords=one.get_yaxis_transform(), fontsize=8, color=style.GREY,
        annotation_clip=False,
    )  # fmt: skip
    if limit is not None:
        for value in (-limit, limit):
            one.axvline(value, color=style.VERMILLION, linestyle="--", linewidth=1.0)
    one.axvline(0, color=style.GREY, linewidth=0.8)
    one.set_yticks(range(len(shown)), list(shown))
    one.grid(False, axis="y")
    one.set_ylim(-0.6, len(shown) - 0.4)
    one.set_xlim(-_SHOWN_MADS - 0.6, _SHOWN_MADS + 0.6)
    one.set_xlabel("scaled median absolute deviations from the median of the group")
    return figure


@style.applied()
def batches(names: Sequence[str], call_rates: Sequence[Floats], limit: float | None) -> Figure:
    """Call rates of the samples of each batch: the median, the middle half, and every sample."""
    figure, axes = style.new_figure(7.4, 1.6 + 0.42 * max(len(names), 2))
    one = axes[0, 0]
    style.title(one, "Call rate by batch", style.count(sum(len(rates) for rates in call_rates), "sample"))
    for row, rates in enumerate(call_rates):
        rates = rates[np.isfinite(rates)]
        if not rates.size:
            continue
        one.scatter(
            rates, row + _spread(len(rates)) * _SPREAD, s=10, color=style.SKY, linewidths=0, alpha=0.8,
            rasterized=len(rates) > style.RASTERISE_ABOVE_POINTS // 4,
        )  # fmt: skip
        low, middle, high = np.quantile(rates, [0.25, 0.5, 0.75])
        one.plot([low, high], [row, row], color=style.BLUE, linewidth=4, solid_capstyle="butt")
        one.scatter([middle], [row], s=60, color=style.BLUE, marker="|", linewidths=2.5, zorder=3)
    if limit is not None:
        style.threshold_line(one, limit, f"limit {limit:.0%}")
    style.percent(one.xaxis)
    one.set_yticks(
        range(len(names)), [f"{name} ({len(rates):,})" for name, rates in zip(names, call_rates, strict=True)]
    )
    one.grid(False, axis="y")
    one.set_ylim(-0.6, max(len(names), 1) - 0.4)
    one.set_xlabel("variants with a genotype")
    return figure


def _spread(n: int) -> Floats:
    """Return n places in -1..1 that fill it evenly and do not follow the order: by the golden section."""
    places: Floats = 2.0 * ((np.arange(n) * (np.sqrt(5.0) - 1.0) / 2.0) % 1.0) - 1.0
    return places
