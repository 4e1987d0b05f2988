"""Scaling: accuracy over models and samples, how to split a budget between them, and where more hurts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from jaxtyping import Float, Int

from ..theory.consistency import ModeLaw
from ..theory.tables import sweep_of_counts
from .answers import AnswerCounts, AnswerLog
from .beam import LawTable
from .cells import tie_break_order
from .errors import BadInput, unknown_name
from .json_rows import json_rows
from .observing import standard_error
from .search import sample_cost, tie_break_of


class Scaling(NamedTuple):
    """Accuracy of SLM-MUX as a pool and its samples grow."""

    grid: pd.DataFrame
    """One row per pool size and k: models, accuracy, sd, cost, and the change from one model or sample fewer
    (``from_models``, ``from_samples``), each split in questions gained and lost."""
    budget: pd.DataFrame
    """Per budget, the best cell of the grid that it pays for: size, samples, accuracy, cost."""
    uneven: pd.DataFrame
    """Per budget, the best samples per model found when models may differ."""
    order: list[str]
    """Models in the order they join the pool."""
    questions: int

    def to_json(self) -> dict[str, Any]:
        """The tables as a dictionary in the format ``muxcast-scaling``."""
        parts = {"grid": self.grid, "budget": self.budget, "uneven": self.uneven, "hurts": where_more_hurts(self)}
        rows = {name: json_rows(frame) for name, frame in parts.items()}
        head = {"format": "muxcast-scaling", "version": 1, "order": self.order, "questions": self.questions}
        return head | rows


def scaling(
    log: AnswerLog,
    samples: Sequence[int] | None = None,
    *,
    order: Sequence[str] | None = None,
    tie_break: Mapping[str, float] | None = None,
    costs: Mapping[str, float] | None = None,
) -> Scaling:
    """Exact accuracy for pools of 1, 2, ... models at every k, and the best use of every budget.

    Args:
        log: answers of every model.
        samples: sample counts; default 1 to 16 as far as the log reaches.
        order: models in the order they join; default greedily, each the one that helps most at the largest k.
        tie_break: validation accuracy per model; default the log's own.
        costs: cost of one sample per model; default 1 each, so that a budget is a number of samples.
    Raises:
        BadInput: unknown models, or more samples than logged.
    """
    for name in order or ():
        if name not in log.models:
            raise unknown_name("model", name, log.models)
        if list(order or ()).count(name) > 1:
            raise BadInput(f"--order: model {name!r} stands there twice; name each model once")
    counts = log.counts(list(order) if order else None)
    reach = int(counts.samples.min())
    wanted = sorted(set(samples or range(1, min(reach, 16) + 1)))
    if wanted[-1] > reach:
        raise BadInput(f"--samples {wanted[-1]}: the log holds only {reach} on some question; ask for fewer")
    share = (counts.correct / counts.samples).mean(0)
    own = dict(zip(counts.models, share.tolist(), strict=True))
    ranked = tie_break_order(own if tie_break is None else tie_break_of(tie_break, counts.models))
    cost = np.array([1.0 if costs is None else sample_cost(costs, name) for name in ranked])
    laws = _laws(counts, ranked, wanted)
    joining = [ranked.index(name) for name in order] if order else _greedy(LawTable(laws[wanted[-1]]))

    rows, scores = [], {}
    for size in range(1, len(joining) + 1):
        pool = tuple(sorted(joining[:size]))
        for k in wanted:
            scores[size, k] = LawTable(laws[k]).per_question(pool)
            row: dict[str, Any] = {
                "size": size,
                "samples": k,
                "models": tuple(ranked[i] for i in pool),
                "accuracy": scores[size, k].mean(),
                "sd": standard_error(scores[size, k]),
                "cost": k * cost[list(pool)].sum(),
            }
            fewer = wanted[wanted.index(k) - 1] if k != wanted[0] else None
            row |= _change("models", scores[size, k], scores.get((size - 1, k)))
            row |= _change("samples", scores[size, k], scores.get((size, fewer)) if fewer else None)
            rows.append(row)
    grid = pd.DataFrame(rows)
    return Scaling(
        grid,
        _split(grid),
        _uneven(counts, ranked, cost, wanted[-1], sorted(grid["cost"].unique())),
        [ranked[i] for i in joining],
        counts.classes.shape[0],
    )


def _laws(counts: AnswerCounts, ranked: list[str], wanted: Sequence[int]) -> dict[int, ModeLaw]:
    columns = [counts.models.index(name) for name in ranked]
    sweep = sweep_of_counts(counts.classes[:, columns], counts.blanks[:, columns], counts.right, max(wanted))
    found = {}
    for k in wanted:
        law = sweep.law(k)
        found[k] = ModeLaw(*(np.moveaxis(np.asarray(part), 1, 0) for part in law))
    return found


def _greedy(table: LawTable) -> list[int]:
    chosen: list[int] = []
    while len(chosen) < table.models:
        chosen.append(int(table.additions(tuple(sorted(chosen))).argmax()))
    return chosen


def _change(
    name: str, now: Float[np.ndarray, " question"], then: Float[np.ndarray, " question"] | None
) -> dict[str, float]:
    """Change of accuracy, its error, and its two parts: questions that gained and questions that lost."""
    keys = [f"from_{name}", f"from_{name}_sd", f"{name}_gained", f"{name}_lost"]
    if then is None:
        return dict.fromkeys(keys, np.nan)
    change = now - then
    n = len(change)
    values = (change.mean(), standard_error(change), np.maximum(change, 0).sum() / n, np.minimum(change, 0).sum() / n)
    return dict(zip(keys, map(float, values), strict=True))


def _split(grid: pd.DataFrame) -> pd.DataFrame:
    rows, best = [], -1.0
    for _, row in grid.sort_values(["cost", "accuracy"], ascending=[True, False]).iterrows():
        if row["accuracy"] > best:
            best = row["accuracy"]
            rows.append(row[["cost", "size", "samples", "models", "accuracy", "sd"]].to_dict())
    return pd.DataFrame(rows)


def where_more_hurts(found: Scaling, errors: float = 1.0) -> pd.DataFrame:
    """Cells that lose accuracy by one model or one step of samples more, by more than ``errors`` standard errors.

    Columns: size, samples, models, what ("models" or "samples"), change, sd, gained, lost: the change is what
    some questions gained plus what others lost. More samples hurt where a model's most probable answer is
    wrong; more models hurt where the newcomer is confidently wrong.
    """
    rows = []
    for name in ("models", "samples"):
        grid = found.grid.dropna(subset=[f"from_{name}"])
        worse = grid[grid[f"from_{name}"] < -errors * grid[f"from_{name}_sd"] - 1e-12]
        for _, row in worse.iterrows():
            rows.append(
                {
                    "size": row["size"],
                    "samples": row["samples"],
                    "models": row["models"],
                    "what": name,
                    "change": row[f"from_{name}"],
                    "sd": row[f"from_{name}_sd"],
                    "gained": row[f"{name}_gained"],
                    "lost": row[f"{name}_lost"],
                }
            )
    columns = ["size", "samples", "models", "what", "change", "sd", "gained", "lost"]
    return pd.DataFrame(rows, columns=columns).sort_values("change", ignore_index=True)


def _uneven(
    counts: AnswerCounts,
    ranked: list[str],
    cost: Float[np.ndarray, " model"],
    most: int,
    budgets: Sequence[float],
) -> pd.DataFrame:
    """Greedy samples per model: from nothing, the step up for one model that gains most per unit of cost."""
    columns = [counts.models.index(name) for name in ranked]
    sweep = sweep_of_counts(counts.classes[:, columns], counts.blanks[:, columns], counts.right, most)
    laws = {k: ModeLaw(*(np.moveaxis(np.asarray(part), 1, 0) for part in sweep.law(k))) for k in range(1, most + 1)}
    k = np.zeros(len(ranked), int)
    now, path = 0.0, []
    while True:
        steps = []
        for i in range(len(ranked)):
            for step in (1, 2, 4):
                if k[i] + step <= most:
                    tried = k.copy()
                    tried[i] += step
                    value = uneven_accuracy(laws, tried)
                    steps.append(((value - now) / max(step * cost[i], 1e-12), value, tried))
        if not steps:
            break
        rate, value, tried = max(steps, key=lambda item: item[0])
        if rate <= 1e-9:
            break
        k, now = tried, value
        path.append((float(k @ cost), value, k.copy()))
    rows = []
    for budget in budgets:
        within = [entry for entry in path if entry[0] <= budget + 1e-9]
        if within:
            spent, value, best = max(within, key=lambda entry: entry[1])
            plan = {ranked[i]: int(best[i]) for i in range(len(ranked)) if best[i]}
            rows.append({"budget": budget, "cost": spent, "accuracy": value, "samples": plan})
    return pd.DataFrame(rows)


def uneven_accuracy(laws: Mapping[int, ModeLaw], samples: Int[np.ndarray, " model"]) -> float:
    """Exact mean SLM-MUX accuracy when model i takes ``samples[i]`` samples; confidences m / k_i are compared.

    Args:
        laws: by k, laws [model, question, m], models in tie-break order.
        samples: k per model; 0 leaves the model out.
    """
    pool = np.flatnonzero(samples)
    total = 0.0
    for i in pool:
        k = int(samples[i])
        right = np.asarray(laws[k].correct)[i]
        m = np.arange(k + 1)
        for j in pool:
            if j == i:
                continue
            other = int(samples[j])
            upto = np.cumsum(np.asarray(laws[other].top)[j], -1)
            # largest count of j that does not pass m of k; a more preferred j may not draw level either
            limit = m * other // k
            if j < i:
                limit = limit - (limit * k == m * other)
            right = right * np.where(limit >= 0, upto[:, np.maximum(limit, 0)], 0.0)
        total += right[:, 1:].sum(-1).mean()
    return float(total)
