"""Inside a pool: which model answers, where the gain comes from, and whether confidence can be believed."""

from __future__ import annotations

from textwrap import fill

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from .style import INK, axes_for, grid, legend_below, model_looks, publication, shortened


def attribution(frame: pd.DataFrame, *, questions: int | None = None, ax: Axes | None = None) -> Axes:
    """How often each model of a pool gives the answer, and how often that answer is correct.

    Args:
        frame: columns ``model``, ``share`` (of questions this model's answer was selected on) and ``correct``
            (of questions it was selected on and right), both 0 to 1.
        questions: number of questions, for the label.
        ax: axes to draw on; default: those of a new figure.
    Returns:
        The axes: one bar a model, its full length the share selected, its solid part the share correct.
    """
    looks = model_looks(frame["model"])
    with publication():
        ax = axes_for(ax, (5.4, 1.6 + 0.34 * len(frame)))
        for place, row in enumerate(frame.itertuples()):
            colour = looks[str(row.model)].colour
            share, correct = 100 * float(row.share), 100 * float(row.correct)
            ax.barh(place, share, color=colour, alpha=0.35, height=0.62, edgecolor="none")
            ax.barh(place, correct, color=colour, height=0.62, edgecolor="none")
            right = 100 * correct / share if share else 0.0
            ax.text(share + 1, place, f"{share:.0f} %, {right:.0f} % of them right", va="center")
        ax.set_yticks(range(len(frame)), [shortened(str(name), 26) for name in frame["model"]])
        ax.invert_yaxis()
        ax.set_xlim(0, min(140, 100 * float(frame["share"].max()) * 1.6 + 4))
        count = f", n = {questions:,} questions" if questions else ""
        ax.set_xlabel(f"questions answered by this model (%){count}")
        grid(ax, "x")
        legend_below(ax, [Patch(color=INK), Patch(color=INK, alpha=0.35)], ["correct", "wrong"])
    return ax


def gain_decomposition(frame: pd.DataFrame, *, questions: int | None = None, ax: Axes | None = None) -> Axes:
    """From one sample of the best model to the pool's accuracy, step by step, and what is left to the best selector.

    Args:
        frame: columns ``step`` (what the step is) and ``accuracy`` (0 to 1, reached after it), in order.
        questions: number of questions, for the label.
        ax: axes to draw on; default: those of a new figure.
    Returns:
        The axes: a waterfall; the first bar starts at zero, each further one at the accuracy before it.
    """
    reached = 100 * frame["accuracy"].to_numpy(float)
    with publication():
        ax = axes_for(ax, (5.4, 1.3 + 0.42 * len(frame)))
        for place, (now, before) in enumerate(zip(reached, np.concatenate([[0.0], reached[:-1]]), strict=True)):
            colour = "#7f868f" if place == 0 else "#029e73" if now >= before else "#d55e00"
            last = place == len(reached) - 1
            alpha = 0.45 if last else 1.0
            ax.barh(place, now - before, left=before, color=colour, height=0.62, alpha=alpha, edgecolor="none")
            change = f"{now:.1f} %" if place == 0 else f"{now - before:+.1f} → {now:.1f} %"
            ax.text(max(now, before) + 0.6, place, change, va="center")
            if place:
                ax.plot([before, before], [place - 1.31, place + 0.31], color=INK, linewidth=0.7)
        ax.set_yticks(range(len(frame)), [fill(shortened(str(step), 40), 20) for step in frame["step"]])
        for label in ax.get_yticklabels():
            label.set_multialignment("right")
        ax.invert_yaxis()
        low = max(0.0, 10 * np.floor(reached.min() / 10) - 10)
        ax.set_xlim(low, reached.max() + 0.34 * (reached.max() - low))
        count = f", n = {questions:,} questions" if questions else ""
        ax.set_xlabel(f"accuracy (%){count}")
        grid(ax, "x")
    return ax


def confidence_reliability(
    frame: pd.DataFrame, *, samples: int | None = None, questions: int | None = None, ax: Axes | None = None
) -> Axes:
    """How often a model is right, given how many of its samples agree.

    SLM-MUX compares confidences across models as if they meant the same; where these curves part, they do not.

    Args:
        frame: columns ``model``, ``confidence`` (top count over k, 0 to 1), ``correct`` (share right at that
            confidence) and ``share`` (of questions at it), one row per model and confidence.
        samples: k, for the label.
        questions: number of questions, for the label.
        ax: axes to draw on; default: those of a new figure.
    Returns:
        The axes; the area of a marker grows with the share of questions.
    """
    looks = model_looks(frame["model"])
    with publication():
        ax = axes_for(ax, (5.4, 4.2))
        ax.plot([0, 100], [0, 100], color=INK, linewidth=0.9, linestyle=(0, (4, 3)))
        handles, labels = [], []
        for name, rows in frame.groupby("model", sort=True):
            rows, look = rows[rows["share"] > 0].sort_values("confidence"), looks[str(name)]
            x, y = 100 * rows["confidence"], 100 * rows["correct"]
            ax.plot(x, y, color=look.colour, linewidth=1.3)
            ax.scatter(
                x,
                y,
                s=8 + 160 * rows["share"],
                marker=look.marker,
                color=look.colour,
                alpha=0.8,
                linewidths=0,
            )
            handles.append(Line2D([], [], color=look.colour, marker=look.marker, markersize=4, linewidth=1.3))
            labels.append(shortened(str(name), 30))
        handles.append(Line2D([], [], color=INK, linewidth=0.9, linestyle=(0, (4, 3))))
        labels.append("confidence = share right")
        ax.set(xlim=(0, 103), ylim=(-3, 103))
        ax.set_xlabel(f"confidence: samples that agree (%){f', of k = {samples}' if samples else ''}")
        ax.set_ylabel(f"right at that confidence (%){f', n = {questions:,} questions' if questions else ''}")
        grid(ax, "both")
        legend_below(ax, handles, labels)
    return ax
