"""How a forecast did: forecast against observed, coverage by level, and the PIT histogram."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from .style import FAINT, INK, PLAIN, axes_for, grid, legend_below, publication, rule_look


def forecast_against_observed(
    frame: pd.DataFrame,
    *,
    questions: int | None = None,
    level: float | None = None,
    title: str | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Every cell's forecast against what was observed, with its interval; the diagonal is a perfect forecast.

    Args:
        frame: a validation frame (``mean, lower, upper, observed``; ``inside`` where known).
        questions: number of observed questions, for the label; default: ``frame.attrs["questions"]``.
        level: nominal level of the intervals, for the legend; default: ``frame.attrs["level"]``.
        title: title of the axes.
        ax: axes to draw on; default: those of a new figure.
    Returns:
        The axes.
    """
    questions = questions if questions is not None else frame.attrs.get("questions")
    level = level if level is not None else frame.attrs.get("level")
    frame = frame.loc[frame["observed"].notna() & frame["mean"].notna()]
    rules = sorted(frame["rule"].unique(), key=lambda name: (name != "mux", name))
    with publication():
        ax = axes_for(ax, (5.4, 5.0))
        handles: list[Line2D] = []
        labels: list[str] = []
        for rule in reversed(rules):
            rows, look = frame[frame["rule"] == rule], rule_look(rule)
            x, y = 100 * rows["mean"], 100 * rows["observed"]
            if "lower" in rows and rows["lower"].notna().any():
                reach = [x - 100 * rows["lower"], 100 * rows["upper"] - x]
                spread = np.clip(np.nan_to_num(np.array(reach)), 0, None)
                ax.errorbar(x, y, xerr=spread, fmt="none", ecolor=look.colour, alpha=0.28, elinewidth=0.8)
            ax.scatter(x, y, s=15, marker=look.marker, color=look.colour, alpha=0.8, linewidths=0, zorder=3)
            handles.append(Line2D([], [], color=look.colour, marker=look.marker, linestyle="none", markersize=4))
            labels.append(f"{rule} ({len(rows):,} plans)")
        _diagonal(ax, frame)
        handles.append(Line2D([], [], color=INK, linewidth=0.9, linestyle=(0, (4, 3))))
        labels.append("forecast = observed")
        bars = f" and {100 * level:.0f} % interval" if level else " and interval"
        ax.set_xlabel(f"forecast accuracy (%){bars}")
        count = f", n = {questions:,} questions" if questions else ""
        ax.set_ylabel(f"observed accuracy (%){count}")
        if "inside" in frame and frame["inside"].notna().any():
            held = frame["inside"].astype(bool)
            ax.set_title(
                f"{held.sum():,} of {len(held):,} plans inside", loc="right", fontweight="normal", fontsize="medium"
            )
        if title:
            ax.set_title(title)
        grid(ax, "both")
        legend_below(ax, handles, labels)
    return ax


def _diagonal(ax: Axes, frame: pd.DataFrame) -> None:
    columns = [name for name in ("mean", "observed", "lower", "upper") if name in frame]
    values = 100 * frame[columns].to_numpy(float)
    values = values[np.isfinite(values)]
    if not len(values):
        return
    low, high = values.min() - 1, values.max() + 1
    ax.plot([low, high], [low, high], color=INK, linewidth=0.9, linestyle=(0, (4, 3)), zorder=1)
    ax.set_xlim(low, high)
    ax.set_ylim(low, high)
    ax.set_aspect("equal")
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))


def coverage(
    nominal: Sequence[float], share: Sequence[float], *, cells: int | None = None, ax: Axes | None = None
) -> Axes:
    """Share of cells inside their interval against the interval's nominal level.

    Args:
        nominal: levels, 0 to 1.
        share: for each, the share of cells whose observed accuracy the interval held.
        cells: how many cells, for the label.
        ax: axes to draw on; default: those of a new figure.
    Returns:
        The axes. Points above the diagonal are cautious intervals, below it overconfident ones.
    """
    with publication():
        ax = axes_for(ax, (5.4, 4.4))
        ax.plot([0, 100], [0, 100], color=INK, linewidth=0.9, linestyle=(0, (4, 3)))
        ax.plot(
            100 * np.asarray(nominal), 100 * np.asarray(share), color=PLAIN, marker="o", markersize=4, clip_on=False
        )
        ax.text(3, 96, "cautious", va="top")
        ax.text(97, 4, "overconfident", ha="right")
        ax.set(xlim=(0, 100), ylim=(0, 100), xlabel="nominal level of the interval (%)")
        ax.set_ylabel(f"plans inside (%){f', of {cells:,} plans' if cells else ''}")
        ax.set_aspect("equal")
        grid(ax, "both")
    return ax


def pit(
    values: Sequence[float] | Float[np.ndarray, " cell"],
    *,
    bins: int = 10,
    band: tuple[float, float] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Histogram of where the observations fell in their forecast distributions; flat when forecasts are calibrated.

    Args:
        values: one probability integral transform per cell, 0 to 1.
        bins: number of bars.
        band: cells a bar may hold under calibration (low, high), as the scoring found it.
        ax: axes to draw on; default: those of a new figure.
    Returns:
        The axes. A hump is overcautious, a valley overconfident, a slope biased. The cells of one pool share
        questions and models, so bars scatter more than those of independent forecasts.
    """
    values = np.asarray(values, float)
    with publication():
        ax = axes_for(ax, (5.4, 3.4))
        if band is not None:
            ax.axhspan(*band, color=FAINT, alpha=0.5, linewidth=0)
        ax.hist(
            values,
            bins=np.linspace(0, 1, bins + 1),
            color=PLAIN,
            alpha=0.75,
            edgecolor="white",
            linewidth=0.6,
        )
        ax.axhline(len(values) / bins, color=INK, linewidth=0.9, linestyle=(0, (4, 3)))
        ax.set(xlim=(0, 1), xlabel="place of the observation in its forecast (PIT, 0 to 1)")
        ax.set_ylabel(f"plans, of {len(values):,}")
        grid(ax)
    return ax
