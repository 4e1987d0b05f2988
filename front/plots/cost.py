"""Accuracy against cost: all plans, the Pareto front, and the plan recommended."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Bool
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from .style import CHOSEN, INK, axes_for, grid, legend_below, publication, rule_look, shortened

_UNITS = {
    "tokens_per_question": "tokens per question",
    "calls_per_question": "model calls per question",
    "usd_per_question": "US dollars per question",
}


def pareto_front(frame: pd.DataFrame, cost: str = "tokens_per_question") -> Bool[np.ndarray, " row"]:
    """Which rows no other row beats: nothing is both at most as dear and more accurate, or dearer at equal accuracy.

    Rows without a cost or an accuracy are not on the front. Of exact duplicates the first is kept.

    Args:
        frame: columns ``mean`` and ``cost``.
        cost: name of the cost column, any unit.
    """
    price, accuracy = frame[cost].to_numpy(float), frame["mean"].to_numpy(float)
    order = np.lexsort((np.arange(len(frame)), -accuracy, price))
    front = np.zeros(len(frame), bool)
    reached = -np.inf
    for row in order:
        if np.isfinite(price[row]) and accuracy[row] > reached:
            front[row], reached = True, accuracy[row]
    return front


def accuracy_by_cost(
    frame: pd.DataFrame,
    *,
    cost: str | None = None,
    recommended: Mapping[str, Any] | None = None,
    questions: int | None = None,
    title: str | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Accuracy against cost, one point a cell, with the Pareto front and the recommended plan.

    Args:
        frame: a forecast, replay or validation frame, with a cost column.
        cost: the cost column; default: ``tokens_per_question`` where it is known, else the number of model
            calls (models times samples), which this function works out.
        recommended: a mapping with ``rule``, ``models`` (list, or names joined by ``+``) and ``samples``;
            default: ``frame.attrs["recommended"]``.
        questions: number of questions, for the label; default: ``frame.attrs["questions"]``.
        title: title of the axes.
        ax: axes to draw on; default: those of a new figure.
    Returns:
        The axes.
    """
    questions = questions if questions is not None else frame.attrs.get("questions")
    recommended = recommended if recommended is not None else frame.attrs.get("recommended")
    cost = cost or cost_column(frame)
    if cost == "calls_per_question" and cost not in frame:
        frame = frame.assign(calls_per_question=frame["size"] * frame["samples"])
    frame = frame.loc[frame[cost].notna() & frame["mean"].notna()]
    rules = sorted(frame["rule"].unique(), key=lambda name: (name != "mux", name))
    with publication():
        ax = axes_for(ax, (5.4, 4.2))
        handles: list[Any] = []
        labels: list[str] = []
        for rule in reversed(rules):
            rows, look = _drawn(frame, rule), rule_look(rule)
            ax.scatter(
                rows[cost],
                100 * rows["mean"],
                s=16,
                marker=look.marker,
                color=look.colour,
                alpha=0.65,
                linewidths=0,
            )
            handles.append(Line2D([], [], color=look.colour, marker=look.marker, linestyle="none", markersize=4))
            labels.append(rule)
        front = frame[pareto_front(frame, cost)].sort_values(cost)
        (line,) = ax.step(front[cost], 100 * front["mean"], where="post", color=INK, linewidth=1.1)
        handles.append(line)
        labels.append(f"Pareto front ({len(front)} of {len(frame)} plans)")
        chosen = _find(frame, recommended)
        if chosen is not None:
            ring = ax.errorbar(
                [chosen[cost]],
                [100 * chosen["mean"]],
                yerr=_bar(chosen),
                fmt="*",
                color=CHOSEN,
                ecolor=CHOSEN,
                markersize=13,
                markeredgecolor=CHOSEN,
                markeredgewidth=0.7,
                elinewidth=2.2,
                zorder=5,
            )
            handles.append(ring)
            labels.append(f"recommended: {chosen['rule']}, {shortened(chosen['models'])}, k = {chosen['samples']}")
        if len(frame) and frame[cost].min() > 0 and frame[cost].max() / frame[cost].min() > 8:
            ax.set_xscale("log")
            _plain_log_ticks(ax)
        ax.set_xlabel(_UNITS.get(cost, cost.replace("_", " ")))
        count = f", n = {questions:,} questions" if questions else ""
        ax.set_ylabel(f"accuracy (%){count}")
        if title:
            ax.set_title(title)
        grid(ax, "both")
        legend_below(ax, handles, labels)
    return ax


def _drawn(frame: pd.DataFrame, rule: str) -> pd.DataFrame:
    """The rule's plans, less those of one model that self-consistency already shows: they are the same vote."""
    rows = frame[frame["rule"] == rule]
    if rule not in ("mux", "agent-forest"):
        return rows
    base = frame[(frame["rule"] == "self-consistency") & (frame["size"] == 1)]
    shown = set(zip(base["models"], base["samples"], strict=True))
    return rows[[at not in shown for at in zip(rows["models"], rows["samples"], strict=True)]]


def cost_column(frame: pd.DataFrame) -> str:
    """The cost a figure can show: tokens where every plan has them, else model calls."""
    known = "tokens_per_question" in frame and len(frame) > 0 and bool(frame["tokens_per_question"].notna().all())
    return "tokens_per_question" if known else "calls_per_question"


def _find(frame: pd.DataFrame, plan: Mapping[str, Any] | None) -> pd.Series | None:
    if not plan:
        return None
    models = plan["models"] if isinstance(plan["models"], str) else "+".join(plan["models"])
    rows = frame[(frame["rule"] == plan["rule"]) & (frame["models"] == models) & (frame["samples"] == plan["samples"])]
    return None if rows.empty else rows.iloc[0]


def _bar(row: pd.Series) -> Any:
    if "lower" not in row or pd.isna(row["lower"]) or pd.isna(row["upper"]):
        return None
    return [[max(0.0, 100 * (row["mean"] - row["lower"]))], [max(0.0, 100 * (row["upper"] - row["mean"]))]]


def _plain_log_ticks(ax: Axes) -> None:
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    ax.xaxis.set_major_locator(LogLocator(base=10, subs=(1.0, 2.0, 5.0)))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}" if value >= 1 else f"{value:g}"))
    ax.xaxis.set_minor_formatter(NullFormatter())
