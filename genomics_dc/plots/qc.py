"""Plots of cohort quality. NaN means missing and is left out; the titles say how many were shown."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from scipy import stats

from genomics_dc.plots import style

Floats = npt.NDArray[np.float64]

# Beyond this many points a QQ plot keeps every point of its tail and a regular thinning of the rest.
_QQ_POINTS_MAX = 20_000
_FREQUENCY_EDGES = (0.001, 0.005, 0.01, 0.05, 0.1, 0.5)
_BAND = 0.95


@style.applied()
def missingness(
    variant_missing_rate: Floats,
    sample_missing_rate: Floats,
    variant_missing_rate_max: float | None,
    sample_call_rate_min: float | None,
) -> Figure:
    """Histograms of the share of missing genotypes by variant and by sample, with the thresholds."""
    figure, axes = style.new_figure(9.0, 4.0, columns=2)
    sample_max = None if sample_call_rate_min is None else 1.0 - sample_call_rate_min
    for one, rates, noun, limit in (
        (axes[0, 0], variant_missing_rate, "variant", variant_missing_rate_max),
        (axes[0, 1], sample_missing_rate, "sample", sample_max),
    ):
        rates = rates[np.isfinite(rates)]
        style.title(one, f"Missing genotypes by {noun}", style.count(rates.size, noun))
        if not rates.size:
            style.nothing_to_show(one, "no variants in this view")
            continue
        upper = max(float(rates.max()), 0.01 if limit is None else 1.2 * limit)
        one.hist(rates, bins=np.linspace(0, min(upper, 1.0), 41), color=style.BLUE)
        one.set_yscale("log")
        one.set_ylim(bottom=0.7)
        style.thousands(one.yaxis)
        style.percent(one.xaxis)
        one.set_xlabel("missing genotypes")
        one.set_ylabel(f"{noun}s (log scale)")
        if limit is not None:
            over = int((rates > limit).sum())
            style.threshold_line(one, limit, f"limit {limit:.3%}".rstrip("0%").rstrip(".") + f"%: {over:,} above")
    return figure


@style.applied()
def heterozygosity(het_rate: Floats, missing_rate: Floats, is_outlier: npt.NDArray[np.bool_]) -> Figure:
    """Each sample's share of heterozygous calls against its share of missing genotypes; outliers in F are marked."""
    figure, axes = style.new_figure(7.4, 4.6, columns=2, width_ratios=(4, 1), sharey=True)
    main, side = axes[0]
    known = np.isfinite(het_rate) & np.isfinite(missing_rate)
    het, missing, flagged = het_rate[known], missing_rate[known], is_outlier[known]
    style.title(main, "Heterozygosity of samples", style.count(het.size, "sample"))
    if not het.size:
        style.nothing_to_show(main, "no sample has a genotype")
        style.nothing_to_show(side, "")
        return figure
    for chosen, colour, marker, label in (
        (~flagged, style.BLUE, "o", "within the cohort"),
        (flagged, style.VERMILLION, "D", "outlier in F"),
    ):
        if chosen.any():
            main.scatter(
                missing[chosen],
                het[chosen],
                s=16,
                color=colour,
                marker=marker,
                alpha=0.7,
                linewidths=0,
                label=f"{label} ({int(chosen.sum()):,})",
                rasterized=het.size > style.RASTERISE_ABOVE_POINTS,
            )
    median = float(np.median(het))
    main.axhline(median, color=style.GREY, linewidth=1.0, linestyle=":", label=f"median {median:.3g}")
    main.set_xlim(left=-0.02 * max(float(missing.max()), 0.01), right=max(1.05 * float(missing.max()), 0.01))
    style.percent(main.xaxis)
    style.percent(main.yaxis)
    main.set_xlabel("missing genotypes")
    main.set_ylabel("heterozygous of called genotypes")
    main.legend(loc="best", fontsize=8, frameon=True, framealpha=0.85, edgecolor="none")
    side.hist(het, bins=40, orientation="horizontal", color=style.SKY)
    style.thousands(side.xaxis)
    side.xaxis.set_major_locator(MaxNLocator(nbins=3, integer=True))
    side.set_xlabel("samples")
    return figure


@style.applied()
def allele_frequency(allele_count: Floats, allele_number: Floats, n_samples: int) -> Figure:
    """How many variants have how rare a rarer allele: one bar each for one and two copies, then by frequency."""
    figure, axes = style.new_figure(7.4, 4.4)
    one = axes[0, 0]
    called = allele_number > 0
    minor = np.minimum(allele_count[called], allele_number[called] - allele_count[called])
    frequency = minor / allele_number[called]
    style.title(
        one,
        "Allele-frequency spectrum",
        f"{style.count(minor.size, 'variant')} with a genotype; {n_samples:,} samples",
    )
    if not minor.size:
        style.nothing_to_show(one, "no variant has a genotype")
        return figure
    groups: list[tuple[str, int]] = [
        ("none", int((minor == 0).sum())),
        ("1 copy", int((minor == 1).sum())),
        ("2 copies", int((minor == 2).sum())),
    ]
    more = frequency[minor > 2]
    smallest = 3.0 / float(allele_number.max())
    lower = 0.0
    for upper in _FREQUENCY_EDGES:
        # a cohort too small for this frequency has no such bar
        if upper > smallest:
            inside = int(((more > lower) & (more <= upper)).sum())
            groups.append((f"to {upper:.1%}" if lower == 0 else f"{lower:.1%}–{upper:.1%}", inside))
        lower = upper if upper > smallest else 0.0
    colours = [style.LIGHT, style.SKY, style.SKY] + [style.BLUE] * (len(groups) - 3)
    places = np.arange(len(groups))
    heights = [number for _, number in groups]
    one.bar(places, heights, color=colours, width=0.8)
    for place, number in zip(places, heights, strict=True):
        one.annotate(
            f"{number:,}",
            xy=(place, number),
            xytext=(0, 2),
            textcoords="offset points",
            ha="center",
            va="bottom",
            fontsize=8,
        )
    one.set_xticks(places, [name.replace(".0%", "%") for name, _ in groups], rotation=30, ha="right")
    one.grid(False, axis="x")
    one.margins(y=0.12)
    style.thousands(one.yaxis)
    one.set_xlabel("copies, then frequency, of the rarer allele")
    one.set_ylabel("variants")
    return figure


@style.applied()
def hwe_qq(neg_log10_p: Floats, p_min: float | None, n_samples: int) -> Figure:
    """Observed against expected -log10 p of the Hardy-Weinberg test, with the 95 % band of equilibrium."""
    figure, axes = style.new_figure(5.6, 5.2)
    one = axes[0, 0]
    seen = np.sort(neg_log10_p[np.isfinite(neg_log10_p)])[::-1]
    style.title(
        one,
        "Hardy-Weinberg equilibrium",
        f"{style.count(seen.size, 'variant')}; {n_samples:,} samples; exact test, mid-p",
    )
    if not seen.size:
        style.nothing_to_show(one, "no variant could be tested:\neach has one allele only, or no genotype")
        return figure
    rank = np.arange(1, seen.size + 1)
    keep = _thinned(seen.size)
    expected = -np.log10((rank - 0.5) / seen.size)[keep]
    low = -np.log10(stats.beta.ppf(0.5 + _BAND / 2, rank[keep], seen.size - rank[keep] + 1))
    high = -np.log10(stats.beta.ppf(0.5 - _BAND / 2, rank[keep], seen.size - rank[keep] + 1))
    one.fill_between(expected, low, high, color=style.LIGHT, linewidth=0, label="95 % band")
    one.plot([0, expected[0]], [0, expected[0]], color=style.GREY, linewidth=1.0, label="as expected")
    one.scatter(
        expected,
        seen[keep],
        s=10,
        color=style.BLUE,
        linewidths=0,
        zorder=3,
        rasterized=keep.size > style.RASTERISE_ABOVE_POINTS,
    )
    if p_min:
        below = int((seen > -np.log10(p_min)).sum())
        style.threshold_line(one, -np.log10(p_min), f"p = {p_min:g}: {below:,} variants beyond", "horizontal")
    one.set_xlim(left=0)
    one.set_ylim(bottom=0)
    one.set_xlabel("expected −log10 p")
    one.set_ylabel("observed −log10 p")
    # no point lies there, whatever the scale
    one.legend(loc="upper left", bbox_to_anchor=(0.0, 0.92), fontsize=8)
    return figure


@style.applied()
def ti_tv(allele_class: npt.NDArray[np.object_], allele_frequency: Floats, sample_ti_tv: Floats) -> Figure:
    """Transitions per transversion: of the variants by frequency of the rarer allele, and of each sample."""
    figure, axes = style.new_figure(9.0, 4.2, columns=2)
    left, right = axes[0]
    transition, transversion = allele_class == "transition", allele_class == "transversion"
    minor = np.minimum(allele_frequency, 1.0 - allele_frequency)
    substitution = (transition | transversion) & np.isfinite(minor) & (minor > 0)
    style.title(left, "Ti/Tv by frequency", style.count(int(substitution.sum()), "single-base variant"))
    _ti_tv_by_frequency(left, transition[substitution], minor[substitution])
    known = sample_ti_tv[np.isfinite(sample_ti_tv)]
    style.title(right, "Ti/Tv by sample", style.count(known.size, "sample"))
    if known.size:
        right.hist(known, bins=min(40, max(10, known.size // 10)), color=style.BLUE)
        median = float(np.median(known))
        right.axvline(median, color=style.GREY, linestyle=":", linewidth=1.2, label=f"median {median:.2f}")
        right.legend(loc="upper right", fontsize=8)
        right.set_xlabel("transitions per transversion carried")
        right.set_ylabel("samples")
        style.thousands(right.yaxis)
    else:
        style.nothing_to_show(right, "no sample carries a transversion")
    return figure


def _ti_tv_by_frequency(axes: Axes, is_transition: npt.NDArray[np.bool_], minor: Floats) -> None:
    lower = 0.0
    places: list[int] = []
    names: list[str] = []
    for upper in _FREQUENCY_EDGES:
        inside = (minor > lower) & (minor <= upper)
        transitions, transversions = int(is_transition[inside].sum()), int((~is_transition[inside]).sum())
        if transversions:
            ratio = transitions / transversions
            # the logarithm of a ratio of two counts has a variance of about 1/a + 1/b
            factor = np.exp(1.96 * np.sqrt(1 / transversions + 1 / max(transitions, 1)))
            x = len(places)
            axes.errorbar(
                x,
                ratio,
                yerr=[[ratio - ratio / factor], [ratio * factor - ratio]],
                fmt="o",
                color=style.BLUE,
                capsize=3,
                markersize=6,
            )
            places.append(x)
            names.append(f"{lower:.1%}–{upper:.1%}".replace(".0%", "%") + f"\n{transitions + transversions:,}")
        lower = upper
    if not places:
        style.nothing_to_show(axes, "no transversions in this view")
        return
    axes.set_xticks(places, names, fontsize=8)
    axes.set_xlim(-0.5, len(places) - 0.5)
    axes.set_ylim(bottom=0)
    axes.set_xlabel("frequency of the rarer allele; below: variants")
    axes.set_ylabel("transitions per transversion, 95 % interval")


def _thinned(n: int) -> npt.NDArray[Any]:
    """Return the ranks (0 = smallest p) to draw: all of the tail, then evenly in the logarithm of rank."""
    if n <= _QQ_POINTS_MAX:
        return np.arange(n)
    half = _QQ_POINTS_MAX // 2
    rest = np.geomspace(half, n - 1, half).astype(np.int64)
    return np.unique(np.concatenate([np.arange(half), rest]))
