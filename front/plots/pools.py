"""Search as a picture: the best pool of each size, against pools drawn at random."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from .style import INK, axes_for, grid, legend_below, publication

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ..simulate.search import Search

_LINES = (
    ("union", "union accuracy", "#029e73", "--"),
    ("accuracy", "SLM-MUX accuracy", INK, "-"),
    ("score", "objective", "#d55e00", ":"),
    ("contradiction", "contradiction", "#7f868f", "-."),
)


def search_curves(curves: pd.DataFrame, *, questions: int | None = None, ax: Axes | None = None) -> Axes:
    """Objective, accuracy, union and contradiction of the best pool of each size.

    Args:
        curves: ``curves`` of a search; the band, where it has ``random_accuracy`` and ``random_sd``, is the
            mean and standard deviation over all pools of a size.
        questions: number of questions, for the label.
        ax: where to draw; default a new figure.
    """
    with publication():
        ax = axes_for(ax)
        size = curves["size"]
        if "random_accuracy" in curves:
            mean, sd = 100 * curves["random_accuracy"], 100 * curves["random_sd"]
            ax.fill_between(size, mean - sd, mean + sd, color=INK, alpha=0.12, linewidth=0, label="random pools ± sd")
        for column, label, colour, style in _LINES:
            ax.plot(size, 100 * curves[column], style, color=colour, marker="o", markersize=3, label=label)
        ax.set_xticks(size.tolist())
        ax.set_xlabel("models in the pool")
        count = f", n = {questions:,}" if questions else ""
        ax.set_ylabel(f"share of questions (%){count}")
        grid(ax)
        handles, labels = ax.get_legend_handles_labels()
        legend_below(ax, handles, labels)
    return ax


def draw_search(result: Search, target: str) -> None:
    """Draw the curves of a search into a file.

    Raises:
        BadInput: a file type that cannot be drawn.
    """
    from pathlib import Path

    import matplotlib.pyplot as plt

    from ..simulate.atomic import whole_file
    from ..simulate.errors import BadInput

    kind = Path(target).suffix.lstrip(".").lower()
    if kind not in ("png", "svg", "pdf"):
        raise BadInput(f"--plot {target}: cannot draw a file of this type; end the name in .png, .svg or .pdf")
    ax = search_curves(result.curves, questions=result.questions)
    figure = ax.figure
    with publication(), whole_file(target) as part:
        figure.savefig(part, format=kind, bbox_inches="tight")
    plt.close(figure)
