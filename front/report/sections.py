"""The sections of the report, each a string of HTML, empty where its results are absent."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import norm

from ..plots import (
    accuracy_by_cost,
    accuracy_by_samples,
    attribution,
    confidence_reliability,
    coverage,
    forecast_against_observed,
    frame_of,
    gain_decomposition,
    pit,
)
from .drawing import inline_figure
from .results import Document, Results
from .tables import facts, percent, plain_table, plan_table, signed

_LEVELS = np.array([0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95])


def verdict(results: Results) -> str:
    """The recommendation and the judgement, one sentence each."""
    said = []
    plan = _recommended(results)
    if plan:
        said.append(f'<p class="lede">{_recommendation(results, plan)}</p>')
        if plan.get("why"):
            said.append(f'<p class="soft">Why: {escape(str(plan["why"]).rstrip(". "))}.</p>')
    elif results.replay:
        best = frame_of(results.replay).sort_values("mean", ascending=False).iloc[0]
        pool = escape(best["models"].replace("+", " + "))
        said.append(
            f'<p class="lede">On these answers <span class="verdict">{escape(best["rule"])} of {pool} at '
            f"k = {best['samples']}</span> scores highest, {percent(best['mean'])} % (standard error "
            f"{percent(best['sd'])} points); the highest of many looks better than it is.</p>"
        )
    for document, name in ((results.validation, "The forecast"), (results.validation_new, "For new questions it")):
        if document:
            said.append(f'<p class="lede">{_judgement(document, name)}</p>')
    return "\n".join(said) + "\n"


def _recommendation(results: Results, plan: Mapping[str, Any]) -> str:
    pool = " + ".join(plan["models"])
    words = f"{plan['rule']} of {pool}" if len(plan["models"]) > 1 else f"{pool} alone, by {plan['rule']}"
    text = f'Recommended: <span class="verdict">{escape(words)}, {plan["samples"]} samples per model</span>'
    cell = _cell(results.forecast or results.plan, plan)
    if cell:
        found, gain = cell["accuracy"], cell.get("gain") or {}
        text += f": {percent(found['mean'])} % expected ({percent(found['lower'])} to {percent(found['upper'])})"
        if gain.get("mean") is not None and len(plan["models"]) > 1:
            text += (
                f", {signed(gain['mean'])} points over {escape(str(gain.get('model')))} alone "
                f"({signed(gain['lower'])} to {signed(gain['upper'])})"
            )
    return f"{text}."


def _judgement(document: Document, name: str) -> str:
    word = str(document.get("verdict", ""))
    style = "refuted" if "refuted" in word else "stands"
    shares = f"{percent(document.get('coverage'), 0)} % of {len(document['cells']):,} plans inside their intervals"
    return (
        f'{name} <span class="verdict {style}">{escape(word)}</span>: off by {percent(document.get("mae"), 2)} points '
        f'on average, {shares}.'
    )  # fmt: skip


def asked_section(results: Results) -> str:
    source = results.forecast or results.replay or results.validation
    assert source is not None
    pilot = source.get("pilot") or source.get("log") or {}
    target = source.get("target") or {}
    items = []
    if pilot:
        items.append(("questions asked", f"{pilot.get('questions', 0):,}", ", ".join(pilot.get("tasks", []))))
        drawn = pilot.get("samples") or {}
        counts = sorted({int(value) for value in drawn.values()}) if isinstance(drawn, Mapping) else [drawn]
        items.append(("samples per question and model", " to ".join(str(c) for c in _ends(counts)), ""))
        items.append(("models", f"{len(pilot.get('models', []))}", ""))
    if target:
        kinds = {"same": "the same questions", "new": "new questions"}
        kind = target.get("kind", "")
        items.append(("about", kinds.get(kind, kind), f"{target.get('questions') or 0:,} of them"))
    items.append(("plans compared", f"{len(source['cells']):,}", "a plan is a pool, a rule and k"))
    if source.get("level"):
        items.append(("intervals", f"{100 * source['level']:.0f} %", "of the expected accuracy"))
    text = facts(items)
    accuracies = source.get("tie_break_accuracy")
    if accuracies:
        drawn = pilot.get("samples") or {}
        rows = [(name, percent(value), drawn.get(name, "–")) for name, value in accuracies.items()]
        text += plain_table(
            "Models, in the order that breaks ties", ["model", "accuracy of one sample %", "samples per question"], rows
        )
    return text


def curves_section(results: Results) -> str:
    """Accuracy against samples, and against cost."""
    source = results.forecast or results.replay or results.validation
    assert source is not None
    frame = frame_of(source)
    seen = frame_of(results.validation) if results.validation else None
    note = "Open marks are what was observed, with one standard error." if seen is not None else ""
    figures = inline_figure(
        "figure-samples",
        "Accuracy against samples per model: every model alone, the best pools, and other rules on the best pool.",
        lambda ax: accuracy_by_samples(frame, observed=seen, ax=ax),
        (4.2, 4.6),
        note,
    )
    plan = _recommended(results)
    figures += inline_figure(
        "figure-cost",
        "Accuracy against cost: one point a plan, the Pareto front, and the recommended plan.",
        lambda ax: accuracy_by_cost(frame, recommended=plan, ax=ax),
        (4.2, 4.4),
        "Plans below the line are beaten by one that costs no more.",
    )
    return _grid(figures) + _break_even(results.plan)


def plans_section(results: Results) -> str:
    source = results.forecast or results.replay or results.validation
    assert source is not None
    frame = frame_of(source)
    if results.validation and source is not results.validation:
        key = ["rule", "models", "samples"]
        frame = frame.merge(frame_of(results.validation)[[*key, "observed", "inside"]], on=key, how="left")
    if results.plan:
        key = ["rule", "models", "samples"]
        costs = pd.DataFrame(
            [
                (row["rule"], "+".join(row["models"]), row["samples"], row.get("money_per_question"))
                for row in results.plan["cells"]
            ],
            columns=[*key, "money_per_question"],
        )
        frame = frame.merge(costs, on=key, how="left")
    return plan_table(frame, _recommended(results), source.get("level"))


def _break_even(plan: Document | None) -> str:
    rows = []
    for one in (plan or {}).get("break_even") or []:
        cell = one.get("cell")
        matched = f"{cell['rule']} of {' + '.join(cell['models'])}, k = {cell['samples']}" if cell else "no plan"
        chance = "–" if one.get("probability") is None else f"{100 * one['probability']:.0f} %"
        rows.append((one["larger_model"], percent(one["accuracy"]), matched, chance))
    if not rows:
        return ""
    heads = ["larger model", "its accuracy %", "cheapest plan that matches it", "probability"]
    return plain_table("Against larger models", heads, rows)


def judgement_section(results: Results) -> str:
    text = ""
    for document, name, kind in (
        (results.validation, "validation", "the same questions" if results.validation_new else ""),
        (results.validation_new, "validation-new", "new questions"),
    ):
        if document is None:
            continue
        frame = frame_of(document)
        text += f"<h3>On {escape(kind)}</h3>\n" if kind else ""
        text += facts(_scores(document))
        target = document.get("target") or {}
        count = target.get("questions")
        figures = inline_figure(
            f"figure-{name}",
            "Forecast against observed accuracy, one mark a plan; on the dashed line they agree.",
            lambda ax, frame=frame, count=count: forecast_against_observed(frame, questions=count, ax=ax),
            (3.9, 4.9),
            "Marks that lie close together share questions and models and are no independent evidence.",
        )
        figures += _calibration_figures(frame, name)
        text += _grid(figures)
    return text


def _scores(document: Document) -> list[tuple[str, str, str]]:
    level = document.get("level")
    nominal = f"{100 * level:.0f} % promised" if level else ""
    items = [
        ("mean absolute error", f"{percent(document.get('mae'), 2)} points", f"{len(document['cells']):,} plans"),
        ("bias", f"{signed(document.get('bias'))} points", "forecast minus observed"),
        ("inside the interval", f"{percent(document.get('coverage'), 0)} %", nominal),
        ("CRPS", f"{percent(document.get('crps'), 2)} points", "error and interval in one score; smaller is better"),
    ]
    if document.get("gain_mae") is not None:
        items.append(("error of gains", f"{percent(document['gain_mae'], 2)} points", "over the best single model"))
    if document.get("regret") is not None:
        items.append(("regret", f"{percent(document['regret'], 1)} points", "best observed minus recommended"))
    return items


def _calibration_figures(frame: pd.DataFrame, name: str) -> str:
    """Coverage by level and PIT, reading each forecast as normal with its mean and sd and adding the noise seen."""
    frame = frame.loc[frame["sd"].notna() & frame["observed"].notna()]
    if len(frame) < 10:
        return ""
    spread = np.sqrt(frame["sd"] ** 2 + frame["observed_se"].fillna(0.0) ** 2).clip(lower=1e-9)
    place = norm.cdf((frame["observed"] - frame["mean"]) / spread)
    share = [float((np.abs(place - 0.5) <= level / 2).mean()) for level in _LEVELS]
    return inline_figure(
        f"figure-{name}-coverage",
        "Coverage: share of plans inside the interval, against the interval's nominal level.",
        lambda ax: coverage(_LEVELS, share, cells=len(frame), ax=ax),
        (3.9, 4.1),
        "Forecast and sampling noise together, read as normal.",
    ) + inline_figure(
        f"figure-{name}-pit",
        "Where the observations fell in their forecast distributions (PIT); flat is calibrated.",
        lambda ax: pit(place, ax=ax),
        (3.9, 3.2),
        "Plans share questions and models, so the bars are not independent.",
    )


def pool_section(results: Results) -> str:
    found = results.evidence
    if not found:
        return ""
    count = found["questions"]
    pool = " + ".join(found["models"])
    text = (
        f"<p>Worked out exactly from {escape(found['source'])}: {escape(pool)}, "
        f"k = {found['samples']} samples per model, {count:,} questions.</p>\n"
    )
    figures = ""
    if found.get("steps"):
        steps = pd.DataFrame(found["steps"])
        figures += inline_figure(
            "figure-gain",
            "Where the accuracy comes from: one sample, voting, choosing among models, and what a perfect selector "
            "could still add.",
            lambda ax: gain_decomposition(steps, questions=count, ax=ax),
            (3.9, 1.3 + 0.42 * len(steps)),
        )
    if found.get("attribution"):
        shares = pd.DataFrame(found["attribution"])
        figures += inline_figure(
            "figure-attribution",
            "Which model's answer is given, and how often it is right.",
            lambda ax: attribution(shares, questions=count, ax=ax),
            (3.9, 1.6 + 0.34 * len(shares)),
        )
    if found.get("reliability"):
        points = pd.DataFrame(found["reliability"])
        figures += inline_figure(
            "figure-reliability",
            "Confidence of each model against how often it is right at that confidence.",
            lambda ax: confidence_reliability(points, samples=found["samples"], questions=count, ax=ax),
            (3.9, 4.3),
            "Larger marks: more questions. SLM-MUX compares confidences across models as if they meant the same; "
            "where the curves part, they do not.",
        )
    return text + _grid(figures)


def _recommended(results: Results) -> Mapping[str, Any] | None:
    for document in (results.plan, results.forecast):
        if document and document.get("recommended"):
            return document["recommended"]
    return None


def _cell(document: Document | None, plan: Mapping[str, Any]) -> Mapping[str, Any] | None:
    wanted = (plan["rule"], list(plan["models"]), plan["samples"])
    cells = (document or {}).get("cells") or []
    return next((cell for cell in cells if (cell["rule"], list(cell["models"]), cell["samples"]) == wanted), None)


def _grid(figures: str) -> str:
    return f'<div class="figures">\n{figures}</div>\n' if figures else ""


def _ends(counts: list[int]) -> list[int]:
    return counts if len(counts) < 2 else [counts[0], counts[-1]]
