"""Accuracy against samples per model: every model alone, the best pools, and the rules on the best pool."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import NullFormatter, NullLocator

from .style import INK, Look, axes_for, grid, legend_below, model_looks, publication, rule_look, shortened

# the best pools share a colour, the rule's; dashes and markers tell them apart
_BEST_DASHES = ["-", (0, (6, 1.5, 1, 1.5)), (0, (1.5, 1.2)), (0, (8, 2))]
_BEST_MARKERS = ["o", "D", "v", "P"]


class Curve(NamedTuple):
    """One line of the figure."""

    rule: str
    models: str
    label: str
    look: Look
    width: float


def accuracy_by_samples(
    frame: pd.DataFrame,
    *,
    observed: pd.DataFrame | None = None,
    pools: Sequence[str] | None = None,
    rules: Sequence[str] | None = None,
    best: int = 2,
    singles: int = 8,
    band: bool = True,
    questions: int | None = None,
    level: float | None = None,
    title: str | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Accuracy against samples per model, with interval bands and, where known, what was observed.

    Single models are drawn under self-consistency in their own colours, the best pools under SLM-MUX in
    ink, and the other rules on the best of those pools in the rules' colours.

    Args:
        frame: a forecast, replay or validation frame.
        observed: a validation frame (column ``observed``) or a replay frame (column ``mean``) whose points
            are drawn over the curves with bars of one standard error; default: the columns of ``frame``.
        pools: pools to draw, as in column ``models``; default: the ``best`` ones of more than one model by
            mean accuracy of the first rule at the largest k.
        rules: rules to draw on pools; default: every rule of the frame but self-consistency, SLM-MUX first.
        best: how many pools, where ``pools`` is not given.
        singles: at most this many single models, the best first.
        band: draw the intervals of the pools' curves, ``lower`` to ``upper``.
        questions: number of questions, for the label; default: ``frame.attrs["questions"]``.
        level: nominal level of the intervals, for the label; default: ``frame.attrs["level"]``.
        title: title of the axes.
        ax: axes to draw on; default: those of a new figure.
    Returns:
        The axes.
    """
    questions = questions if questions is not None else frame.attrs.get("questions")
    level = level if level is not None else frame.attrs.get("level")
    if observed is None and "observed" in frame:
        observed = frame
    curves = _curves(frame, pools, rules, best, singles)
    with publication():
        ax = axes_for(ax, (5.4, 3.4 + 0.16 * len(curves)))
        handles: list[Line2D] = []
        for curve in curves:
            handles.append(_draw(ax, frame, curve, band=band and curve.width > 1.5))
        seen = False
        for curve in curves:
            seen |= observed is not None and _points(ax, observed, curve)
        labels = [curve.label for curve in curves]
        if seen:
            handles.append(Line2D([], [], color=INK, marker="o", mfc="none", linestyle="none", markersize=4.5))
            labels.append("observed ± 1 standard error")
        _sample_axis(ax, frame["samples"])
        count = f", n = {questions:,} questions" if questions else ""
        ax.set_ylabel(f"accuracy (%){count}")
        bands = f"   (bands: {100 * level:.0f} % intervals)" if level and band and _has_interval(frame) else ""
        ax.set_xlabel(f"samples per model and question, k{bands}")
        if title:
            ax.set_title(title)
        grid(ax)
        legend_below(ax, handles, labels)
    return ax


def _curves(
    frame: pd.DataFrame, pools: Sequence[str] | None, rules: Sequence[str] | None, best: int, singles: int
) -> list[Curve]:
    alone = frame[frame["size"] == 1]
    looks = model_looks(alone["models"])
    base = "self-consistency" if (alone["rule"] == "self-consistency").any() else "mux"
    names = _ranked(alone[alone["rule"] == base])[:singles]
    curves = [Curve(base, name, shortened(name), looks[name], 1.2) for name in names]

    joint = frame[(frame["size"] > 1) & (frame["rule"] != "self-consistency")]
    if pools is not None:
        joint = frame[frame["models"].isin(list(pools))]
    offered = list(dict.fromkeys(joint["rule"]))
    order = list(rules) if rules is not None else sorted(offered, key=lambda name: (name != "mux", offered.index(name)))
    if not order:
        return curves
    first = joint[joint["rule"] == order[0]]
    chosen = list(pools) if pools is not None else _ranked(first)[:best]
    for place, pool in enumerate(chosen):
        at = place % len(_BEST_DASHES)
        look = rule_look(order[0])._replace(dash=_BEST_DASHES[at], marker=_BEST_MARKERS[at])
        curves.append(Curve(order[0], pool, f"{order[0]}: {shortened(pool, 76)}", look, 2.0 if place == 0 else 1.6))
    for rule in order[1:]:
        if chosen and ((joint["rule"] == rule) & (joint["models"] == chosen[0])).any():
            curves.append(Curve(rule, chosen[0], f"{rule}: {shortened(chosen[0], 76)}", rule_look(rule), 1.6))
    return curves


def _ranked(rows: pd.DataFrame) -> list[str]:
    """Pools by mean accuracy at the largest number of samples, the best first; equal ones by name."""
    last = rows[rows["samples"] == rows["samples"].max()]
    return list(last.sort_values(["mean", "models"], ascending=[False, True])["models"])


def _has_interval(frame: pd.DataFrame) -> bool:
    return "lower" in frame and bool(frame["lower"].notna().any())


def _rows(frame: pd.DataFrame, curve: Curve) -> pd.DataFrame:
    return frame[(frame["rule"] == curve.rule) & (frame["models"] == curve.models)].sort_values("samples")


def _draw(ax: Axes, frame: pd.DataFrame, curve: Curve, band: bool) -> Line2D:
    rows = _rows(frame, curve)
    x, look = rows["samples"].to_numpy(), curve.look
    if band and _has_interval(rows):
        ax.fill_between(x, 100 * rows["lower"], 100 * rows["upper"], color=look.colour, alpha=0.11, linewidth=0)
    (line,) = ax.plot(
        x,
        100 * rows["mean"],
        color=look.colour,
        linestyle=look.dash,
        linewidth=curve.width,
        marker=look.marker,
        markersize=3.2,
        markeredgewidth=0,
    )
    return line


def _points(ax: Axes, observed: pd.DataFrame, curve: Curve) -> bool:
    rows = _rows(observed, curve)
    value, error = ("observed", "observed_se") if "observed" in rows else ("mean", "sd")
    rows = rows[rows[value].notna()]
    if rows.empty:
        return False
    spread = 100 * rows[error].fillna(0.0) if error in rows else None
    ax.errorbar(
        rows["samples"],
        100 * rows[value],
        yerr=spread,
        fmt=curve.look.marker,
        color=curve.look.colour,
        markerfacecolor="none",
        markersize=6,
        markeredgewidth=1.1,
        elinewidth=0.9,
        zorder=4,
    )
    return True


def _sample_axis(ax: Axes, samples: pd.Series) -> None:
    ticks = np.unique(samples)
    ax.set_xscale("log", base=2)
    shown = ticks if len(ticks) <= 8 else [k for k in ticks if (k & (k - 1)) == 0 or k == ticks[-1]]
    ax.set_xticks(shown, [str(k) for k in shown])
    ax.xaxis.set_minor_locator(NullLocator())
    ax.xaxis.set_minor_formatter(NullFormatter())
