"""The forest plot of one variant in several studies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure

from genomics_dc.plots import style

_Floats = npt.NDArray[np.float64]
_INTERVAL = 1.959963984540054  # 97.5% point of the normal distribution


@style.applied()
def forest(names: Sequence[str], beta: _Floats, error: _Floats, combined: Mapping[str, Any], variant_id: str) -> Figure:
    """Return estimates with 95% intervals, a square as large as a study's weight, and the combined ones as diamonds.

    `combined` is a row of the result: beta, standard_error, beta_random, …; a study without an estimate keeps its line.
    """
    figure, grid = style.new_figure(7.6, 1.9 + 0.34 * (len(names) + 2))
    axes = grid[0, 0]
    axes.grid(False)
    note = f"effect of {combined['effect_allele']}, 95% intervals"
    if combined["i_squared"] is not None:
        note += f"; I² = {combined['i_squared']:.0%}, heterogeneity p = "
        note += style.p_text(combined["neg_log_10_p_heterogeneity"])
    style.title(axes, f"{variant_id} in {len(names)} studies", note)
    known = ~np.isnan(beta) & (error > 0)
    if not known.any():
        style.nothing_to_show(axes, "No study has an estimate of this variant.")
        return figure
    y = np.arange(len(names), 0, -1) + 1.0
    weight = np.where(known, 1 / np.where(known, error, 1.0) ** 2, 0.0)
    axes.axvline(0, color=style.GREY, linewidth=0.8)
    axes.hlines(
        y[known], (beta - _INTERVAL * error)[known], (beta + _INTERVAL * error)[known], color=style.INK, linewidth=1.2
    )
    axes.scatter(
        beta[known],
        y[known],
        s=25 + 130 * weight[known] / weight.max(),
        marker="s",
        color=style.BLUE,
        linewidths=0,
        zorder=3,
    )
    texts = [_text(b, e) if there else "no estimate" for b, e, there in zip(beta, error, known, strict=True)]
    labels, places = list(names), y.tolist()
    for label, place, suffix, colour in (
        ("fixed", 1.0, "", style.VERMILLION),
        ("random", 0.0, "_random", style.ORANGE),
    ):
        middle, spread = combined[f"beta{suffix}"], combined[f"standard_error{suffix}"]
        labels.append(f"combined, {label}")
        places.append(place)
        if middle is None:
            texts.append("none")
            continue
        half = _INTERVAL * spread
        axes.fill(
            [middle - half, middle, middle + half, middle],
            [place, place + 0.25, place, place - 0.25],
            color=colour,
            linewidth=0,
        )
        strength = combined[f"neg_log_10_p_value{suffix}"]
        texts.append(f"{_text(middle, spread)}, p {style.p_text(strength)}")
    axes.set_yticks(places, labels)
    axes.tick_params(axis="y", length=0)
    axes.set_ylim(-0.6, len(names) + 1.6)
    axes.axhline(1.5, color=style.LIGHT, linewidth=0.8)
    for place, text in zip(places, texts, strict=True):
        axes.annotate(
            text,
            xy=(1, place),
            xycoords=axes.get_yaxis_transform(),
            xytext=(8, 0),
            textcoords="offset points",
            va="center",
            fontsize=8.5,
            annotation_clip=False,
        )
    axes.set_xlabel("Effect (beta, or log odds ratio)")
    return figure


def _text(beta: float, error: float) -> str:
    text = f"{beta:.3g} ({beta - _INTERVAL * error:.3g} to {beta + _INTERVAL * error:.3g})"
    return text.replace("-", "−")
