"""One look for every plot, and one way to write it: the same figure gives the same bytes.

A plot is a function that takes arrays and returns a `matplotlib.figure.Figure`; nothing goes through pyplot, so no
global figure list grows. The public names:

- `applied()`: context manager and decorator that sets fonts, lines and colours, whatever the user's matplotlibrc says.
- `new_figure(width_in, height_in, rows=1, columns=1, **grid)` -> (figure, axes array of shape [rows, columns]).
- `title(axes, text, note)`: a headline, and under it in grey what was counted, such as `count(2504, "sample")`.
- `count(n, noun)` -> "n = 2,504 samples".
- `nothing_to_show(axes, sentence)`: a sentence in place of an empty frame.
- `p_text(neg_log10_p)` -> "1.2×10⁻⁴⁰⁰".
- `thousands(axis)`: tick labels with thousands separators. `percent(axis)`: 0.05 is shown as 5%.
- `threshold_line(axes, value, text, orientation="vertical")`: a dashed line with its meaning beside it.
- `legend_outside(axes)`: the legend to the right of the frame, where it covers no point.
- `save(figure, path_stem)` -> (svg path, png path): writes `path_stem.svg` and `path_stem.png`, whole or not at all.
- `as_svg(figure)` -> bytes.
- `save_all(figures, folder)`: the same for figures by name.
- Colours: `BLUE ORANGE GREEN VERMILLION PURPLE SKY YELLOW INK GREY LIGHT`, `PALETTE` (categories, in this order),
  `DIVERGING` and `SEQUENTIAL` (names of colour maps). The palette can be told apart with any colour vision: M. Okabe
  and K. Ito, "Color Universal Design", https://jfly.uni-koeln.de/color/.

    @applied()
    def depth(depths):
        figure, axes = new_figure(6.0, 4.0)
        axes[0, 0].hist(depths, color=BLUE)
        title(axes[0, 0], "Mean depth", count(len(depths), "sample"))
        return figure

    save(depth(depths), "out/mean_depth")
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any, Literal

import matplotlib as mpl
import numpy as np
from cycler import cycler
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, PercentFormatter

from genomics_dc.files import atomic_path

BLUE = "#0072B2"
ORANGE = "#E69F00"
GREEN = "#009E73"
VERMILLION = "#D55E00"
PURPLE = "#CC79A7"
SKY = "#56B4E9"
YELLOW = "#F0E442"
INK = "#222222"
GREY = "#6B6B6B"
LIGHT = "#D9D9D9"
PALETTE = (BLUE, VERMILLION, GREEN, PURPLE, ORANGE, SKY, INK, YELLOW)
SEQUENTIAL = "viridis"
DIVERGING = "PuOr"

_RAISED = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")

PNG_DOTS_PER_INCH = 150
SHOWN_DOTS_PER_INCH = 72  # in a notebook, which keeps its pictures in its file
# Above this many points an SVG becomes slow to open; a plot then draws its points as one embedded picture.
RASTERISE_ABOVE_POINTS = 5_000

# Behind words that stand among bars and points.
_ON_WHITE = {"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 1.0}

_SETTINGS: dict[Any, Any] = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 10.0,
    "axes.titlesize": 12.0,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.labelsize": 10.0,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "axes.titlecolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.prop_cycle": cycler(color=list(PALETTE)),
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "grid.color": LIGHT,
    "grid.linewidth": 0.6,
    "legend.frameon": False,
    "figure.facecolor": "white",
    "figure.constrained_layout.use": True,
    "svg.fonttype": "path",  # looks the same on a machine without the font
    "svg.hashsalt": "genomics_dc",  # element ids are random without it
    "path.simplify": True,
}


@contextmanager
def applied() -> Iterator[None]:
    """Draw in the style of this module, on top of matplotlib's defaults and not of the user's own settings."""
    with mpl.rc_context():
        settings: dict[Any, Any] = {key: value for key, value in mpl.rcParamsDefault.items() if key != "backend"}
        settings.update(_SETTINGS)
        mpl.rcParams.update(settings)
        yield


class _ShownFigure(Figure):
    """A figure that a notebook shows when a cell ends with it."""

    def _repr_png_(self) -> bytes:
        drawn = BytesIO()
        self.savefig(drawn, format="png", dpi=SHOWN_DOTS_PER_INCH)
        return drawn.getvalue()


def new_figure(
    width_in: float = 6.4, height_in: float = 4.4, rows: int = 1, columns: int = 1, **grid: Any
) -> tuple[Figure, np.ndarray[Any, Any]]:
    """Return a figure on the Agg canvas and its axes, object array of shape [rows, columns].

    `grid` goes to `Figure.subplots` (`sharex`, `width_ratios`, ...).
    """
    figure = _ShownFigure(figsize=(width_in, height_in), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(rows, columns, squeeze=False, **grid)
    for one in axes.flat:
        one.grid(True, axis="both")
    return figure, axes


def title(axes: Axes, text: str, note: str = "") -> None:
    """Write a headline over the axes and, smaller and grey below it, what was counted."""
    if not note:
        axes.set_title(text)
        return
    axes.set_title(text, pad=20)
    axes.annotate(
        note,
        xy=(0, 1),
        xycoords="axes fraction",
        xytext=(0, 6),
        textcoords="offset points",
        fontsize=9,
        color=GREY,
        ha="left",
        va="bottom",
    )


def count(n: int, noun: str) -> str:
    """Return "n = 2,504 samples"; one is singular."""
    return f"n = {n:,} {noun}{'' if n == 1 else 's'}"


def nothing_to_show(axes: Axes, sentence: str) -> None:
    """Say in the middle of the axes why they are empty."""
    axes.grid(False)
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_visible(False)
    axes.text(0.5, 0.5, sentence, transform=axes.transAxes, ha="center", va="center", color=GREY, wrap=True)


def p_text(neg_log10_p: float) -> str:
    """Return p in two digits from -log10 p, "0.034" or "1.2×10⁻⁴⁰⁰"; also where no float holds it.

    Examples
    --------
    >>> p_text(1.4685), p_text(400.1)
    ('0.034', '7.9×10⁻⁴⁰¹')
    """
    if neg_log10_p < 3:
        return f"{10.0**-neg_log10_p:.2g}"
    if np.isinf(neg_log10_p):
        return "0"
    exponent = int(np.ceil(neg_log10_p))
    mantissa = f"{10.0 ** (exponent - neg_log10_p):.1f}"
    if mantissa == "10.0":
        exponent, mantissa = exponent - 1, "1.0"
    return f"{mantissa}×10⁻{str(exponent).translate(_RAISED)}"


def thousands(axis: Axis) -> None:
    """Print the ticks of an axis with thousands separators; whole numbers carry no decimals."""
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}" if value == int(value) else f"{value:,g}"))


def percent(axis: Axis, decimals: int | None = None) -> None:
    """Print the ticks of an axis that holds fractions as percentages."""
    axis.set_major_formatter(PercentFormatter(xmax=1.0, decimals=decimals))


def threshold_line(
    axes: Axes, value: float, text: str, orientation: Literal["vertical", "horizontal"] = "vertical"
) -> None:
    """Draw a dashed line at a threshold and write its meaning at the line's upper or right end."""
    if orientation == "vertical":
        axes.axvline(value, color=VERMILLION, linestyle="--", linewidth=1.2)
        axes.annotate(
            text,
            xy=(value, 1),
            xycoords=axes.get_xaxis_transform(),
            xytext=(-4, -4),
            textcoords="offset points",
            rotation=90,
            ha="right",
            va="top",
            fontsize=8,
            color=VERMILLION,
            bbox=_ON_WHITE,
        )
    else:
        axes.axhline(value, color=VERMILLION, linestyle="--", linewidth=1.2)
        axes.annotate(
            text,
            xy=(1, value),
            xycoords=axes.get_yaxis_transform(),
            xytext=(-4, 3),
            textcoords="offset points",
            ha="right",
            va="bottom",
            fontsize=8,
            color=VERMILLION,
            bbox=_ON_WHITE,
        )


def legend_outside(axes: Axes, heading: str | None = None) -> None:
    """Put the legend to the right of the frame."""
    axes.legend(title=heading, loc="upper left", bbox_to_anchor=(1.01, 1.0), borderaxespad=0.0, fontsize=9)


def save(figure: Figure, path_stem: Path | str) -> tuple[Path, Path]:
    """Write `path_stem.svg` and `path_stem.png`, replacing what was there; return both paths.

    The files carry no date. Raises ResourceError when the disk is full or the folder cannot be written.
    """
    stem = Path(path_stem)
    svg, png = stem.with_name(stem.name + ".svg"), stem.with_name(stem.name + ".png")
    with applied():
        with atomic_path(svg, force=True) as temporary:
            figure.savefig(temporary, format="svg", metadata={"Date": None, "Creator": None}, dpi=PNG_DOTS_PER_INCH)
        with atomic_path(png, force=True) as temporary:
            figure.savefig(temporary, format="png", metadata={"Software": None}, dpi=PNG_DOTS_PER_INCH)
    return svg, png


def as_svg(figure: Figure) -> bytes:
    """Return what `save` writes as SVG, for a page that holds its pictures itself."""
    sink = BytesIO()
    with applied():
        figure.savefig(sink, format="svg", metadata={"Date": None, "Creator": None}, dpi=PNG_DOTS_PER_INCH)
    return sink.getvalue()


def save_all(figures: Mapping[str, Figure], folder: Path | str) -> list[Path]:
    """Write each figure under its name into `folder`, made if need be, as SVG and PNG; return the paths."""
    out = Path(folder)
    out.mkdir(parents=True, exist_ok=True)
    return [path for name, figure in figures.items() for path in save(figure, out / name)]
