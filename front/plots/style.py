"""Colours, markers and publication defaults that all figures share."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from textwrap import fill
from typing import Any, NamedTuple

import matplotlib as mpl
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.font_manager import FontProperties
from matplotlib.transforms import ScaledTranslation

INK = "#1b1e23"
"""Text, axes and SLM-MUX itself. A report in dark mode replaces it by the page's text colour."""
FAINT = "#c9ced6"
"""Grid lines and reference lines."""
CHOSEN = "#c08f00"
"""What is recommended; no model and no rule has it."""
PLAIN = "#0a5d9c"
"""Figures that show neither models nor rules. A report in dark mode replaces it by a lighter one."""

BLUE = "#0173b2"
"""The first model's colour. A report in dark mode replaces it by a lighter one."""

# The "colorblind" set of seaborn (after Okabe and Ito) without those too pale on white or too dark on black;
# vermillion is kept for rules.
_MODEL_COLOURS = [BLUE, "#de8f05", "#029e73", "#cc78bc", "#56b4e9", "#ca9161", "#949494", "#b8a200"]
_MARKERS = ["o", "s", "^", "D", "v", "P", "X", "<", ">", "p"]


class Look(NamedTuple):
    """How one model or rule is drawn."""

    colour: str
    """A hexadecimal colour."""
    marker: str
    """Marker of matplotlib."""
    dash: Any
    """Line style of matplotlib."""


_RULES = {
    "mux": Look(INK, "o", "-"),
    "self-consistency": Look("#7f868f", "s", "-"),
    "agent-forest": Look("#d55e00", "^", (0, (4, 1.6))),
}
_MORE_RULES = [
    Look("#8a63b8", "D", (0, (5, 1.5, 1, 1.5))),
    Look("#179a9a", "v", (0, (1.2, 1.2))),
    Look("#b5446e", "P", (0, (7, 2))),
    Look("#6b8e23", "X", (0, (3, 1, 1, 1, 1, 1))),
    Look("#a9742b", "<", (0, (2, 2))),
]


def rule_look(rule: str) -> Look:
    """The look of a selection rule: the same in every figure and every run.

    Rules that the project does not know get one of a few further looks, chosen by their name.
    """
    if rule in _RULES:
        return _RULES[rule]
    return _MORE_RULES[sum(map(ord, rule)) % len(_MORE_RULES)]


def model_looks(models: Iterable[str]) -> dict[str, Look]:
    """One look for each model, by its place among the sorted names; colours repeat after 8, pairs after 40."""
    names = sorted(set(models))
    return {
        name: Look(_MODEL_COLOURS[i % len(_MODEL_COLOURS)], _MARKERS[i % len(_MARKERS)], "-")
        for i, name in enumerate(names)
    }


@contextmanager
def publication(size: float = 9.0) -> Iterator[None]:
    """Matplotlib settings for print: small sans-serif type, thin axes, no frame, fonts kept as text.

    Figures are drawn with it; call ``savefig`` inside ``with publication():`` for its resolution and font types too.

    Args:
        size: base font size in points.
    """
    settings = {
        **sns.axes_style("ticks"),
        **sns.plotting_context("paper"),
        "font.family": "sans-serif",
        "font.size": size,
        "axes.labelsize": size,
        "axes.titlesize": size + 1,
        "axes.titlelocation": "left",
        "axes.titleweight": "bold",
        "xtick.labelsize": size - 1,
        "ytick.labelsize": size - 1,
        "legend.fontsize": size - 1,
        "legend.frameon": False,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.linewidth": 0.8,
        "axes.edgecolor": INK,
        "axes.labelcolor": INK,
        "axes.titlecolor": INK,
        "axes.facecolor": "none",
        "text.color": INK,
        "xtick.color": INK,
        "ytick.color": INK,
        "grid.color": FAINT,
        "grid.linewidth": 0.6,
        "figure.figsize": (5.4, 3.8),
        "figure.dpi": 110,
        "savefig.dpi": 200,
        "pdf.fonttype": 42,
        "svg.fonttype": "none",
        # names come from users: a dollar sign in one is a dollar sign, not mathematics
        "text.parse_math": False,
        "text.usetex": False,
    }
    with mpl.rc_context(settings):
        yield
        # a notebook's backend switches this on when the first figure is made, and shows nothing without it
        interactive = mpl.is_interactive()
    mpl.interactive(interactive)


def axes_for(ax: Axes | None, figsize: tuple[float, float] = (5.4, 3.8)) -> Axes:
    """``ax``, or the axes of a new figure."""
    if ax is not None:
        return ax
    import matplotlib.pyplot as plt  # local: it chooses a display backend, which drawing on given axes need not

    return plt.subplots(figsize=figsize, layout="constrained")[1]


def grid(ax: Axes, axis: Any = "y") -> None:
    """Faint lines behind the data."""
    ax.set_axisbelow(True)
    ax.grid(True, axis=axis, color=FAINT, linewidth=0.6)


def legend_below(ax: Axes, handles: list[Any], labels: list[str], columns: int = 2) -> None:
    """A legend under the axes, so that it covers no data and a narrow page can hold it.

    Args:
        ax: the axes.
        handles, labels: what is drawn and what it is called.
        columns: at most this many side by side; one where labels are long, and then they are broken into lines.
    """
    columns = max(1, min(columns, len(handles)))
    if max((len(label) for label in labels), default=0) > _letters(ax, columns):
        columns = 1
        labels = [fill(label, _letters(ax, 1)) for label in labels]
    below_labels = ScaledTranslation(0, -38 / 72, ax.figure.dpi_scale_trans)
    ax.legend(
        handles,
        labels,
        loc="upper center",
        bbox_to_anchor=(0.5, 0.0),
        bbox_transform=ax.transAxes + below_labels,
        ncols=columns,
        borderaxespad=0.0,
        handlelength=2.2,
        columnspacing=1.4,
    )


def _letters(ax: Axes, columns: int) -> int:
    """How many letters of the legend's type fit beside its sign in one of so many columns of the figure."""
    type_size = FontProperties(size=mpl.rcParams["legend.fontsize"]).get_size_in_points()
    figure: Any = ax.figure
    room = 72 * figure.get_size_inches()[0] / columns - 4 * type_size
    return max(12, int(room / (0.53 * type_size)))


def shortened(text: str, most: int = 44) -> str:
    """``text`` with its middle left out when it is longer than ``most`` characters."""
    if len(text) <= most:
        return text
    head = (most - 1) // 2
    return f"{text[:head]}…{text[-(most - 1 - head) :]}"
