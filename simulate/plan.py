"""Plans: which pool at how many samples is worth its cost, against the honest alternatives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float

from .cells import SINGLE, Cell, address_columns
from .cost import Cost, Usage, cost_of, larger_cost, unit_of
from .errors import BadInput
from .prices import Prices


class Baseline(NamedTuple):
    """What the same compute buys otherwise."""

    model: str | None
    """The single model, or None for random pools."""
    samples: int
    """Samples of it (or of each model of a random pool) for one question."""
    accuracy: float
    """Forecast accuracy."""
    interpolated: bool
    """The forecast has no cell at this sample count, so its curve was interpolated (or its end was taken)."""


class BreakEven(NamedTuple):
    """A pool against one larger model."""

    name: str
    """The larger model."""
    accuracy: float
    """Its stated accuracy."""
    cost: float | None
    """Its cost per question in the plan's unit; None where not known in that unit."""
    cell: int | None
    """The cheapest cell forecast to reach that accuracy; None if no cell does."""
    probability: float | None
    """Probability that this cell is at least as accurate, the larger model's own error included."""
    ratio: float | None
    """Cost of the larger model over cost of that cell: the pool is cheaper above 1. Equivalently, the factor
    by which the pool's price may rise before the two break even."""
    best_cell: int
    """The most accurate cell that costs no more than the larger model (the cheapest cell where none does,
    the most accurate of all where the larger model's cost is unknown)."""
    best_margin: float
    """Accuracy of that cell minus the larger model's."""


@dataclass(frozen=True)
class Plan:
    """Every cell with its cost, the efficient ones, and the recommended one."""

    cells: list[Cell]
    mean: Float[np.ndarray, " cell"]
    """Forecast accuracy."""
    sd: Float[np.ndarray, " cell"]
    lower: Float[np.ndarray, " cell"]
    upper: Float[np.ndarray, " cell"]
    costs: list[Cost]
    """Cost of one question, per cell."""
    unit: str
    """Unit of cost that the plan is made in."""
    currency: str
    front: Bool[np.ndarray, " cell"]
    """Cells that no other cell beats in both cost and accuracy."""
    same_compute: list[Baseline | None]
    """Best single model by self-consistency with as many samples as the whole cell draws; None for single models."""
    same_cost: list[Baseline | None]
    """Best single model at no more than the cell's cost; None where there is none, and for single models."""
    random_pool: list[Baseline | None]
    """Mean accuracy of all pools of the same size at the same rule and samples; None unless all are in the forecast."""
    break_even: list[BreakEven]
    recommended: int
    """The cheapest cell whose accuracy is within ``within`` of the best affordable one."""
    why: str
    budget: float | None = None
    within: float = 0.005
    level: float = 0.9
    notes: list[str] = field(default_factory=list)

    @property
    def cost(self) -> Float[np.ndarray, " cell"]:
        """Cost of one question in ``unit``."""
        return np.array([cost.by(self.unit) for cost in self.costs], float)

    def to_frame(self) -> pd.DataFrame:
        """One row a cell: what it is, accuracy, cost in all known units, front, and the baselines' accuracies."""
        return pd.DataFrame(
            {
                **address_columns(self.cells),
                "mean": self.mean,
                "sd": self.sd,
                "lower": self.lower,
                "upper": self.upper,
                "cost": self.cost,
                "draws": [cost.samples for cost in self.costs],
                "tokens": [cost.tokens for cost in self.costs],
                "gpu_seconds": [cost.gpu_seconds for cost in self.costs],
                "money": [cost.money for cost in self.costs],
                "latency_s": [cost.latency_s for cost in self.costs],
                "front": self.front,
                "same_compute": [None if b is None else b.accuracy for b in self.same_compute],
                "same_cost": [None if b is None else b.accuracy for b in self.same_cost],
                "random_pool": [None if b is None else b.accuracy for b in self.random_pool],
            }
        )

    def to_json(self) -> dict[str, Any]:
        """The plan as a dictionary in the format ``muxcast-plan``; costs are per question."""

        def address(i: int) -> dict[str, Any]:
            cell = self.cells[i]
            return {"rule": cell.rule, "models": list(cell.models), "samples": cell.samples}

        def against(i: int, found: Baseline | None) -> dict[str, Any] | None:
            return None if found is None else {**found._asdict(), "gain": float(self.mean[i] - found.accuracy)}

        return {
            "format": "muxcast-plan",
            "version": 1,
            "level": self.level,
            "unit": self.unit,
            "currency": self.currency,
            "budget": self.budget,
            "notes": self.notes,
            "cells": [
                {
                    **address(i),
                    "accuracy": {name: float(getattr(self, name)[i]) for name in ("mean", "sd", "lower", "upper")},
                    "cost": float(self.cost[i]),
                    "samples_per_question": self.costs[i].samples,
                    "tokens_per_question": self.costs[i].tokens,
                    "gpu_seconds_per_question": self.costs[i].gpu_seconds,
                    "money_per_question": self.costs[i].money,
                    "latency_s": self.costs[i].latency_s,
                    "front": bool(self.front[i]),
                    "baselines": {
                        "same_compute": against(i, self.same_compute[i]),
                        "same_cost": against(i, self.same_cost[i]),
                        "random_pool": against(i, self.random_pool[i]),
                    },
                }
                for i in range(len(self.cells))
            ],
            "break_even": [
                {
                    "larger_model": one.name,
                    "accuracy": one.accuracy,
                    "cost": one.cost,
                    "cell": None if one.cell is None else address(one.cell),
                    "cell_cost": None if one.cell is None else float(self.cost[one.cell]),
                    "probability": one.probability,
                    "ratio": one.ratio,
                    "best_at_no_more_cost": {**address(one.best_cell), "margin": one.best_margin},
                }
                for one in self.break_even
            ],
            "recommended": {**address(self.recommended), "cost": float(self.cost[self.recommended]), "why": self.why},
        }


def plan(
    forecast: Mapping[str, Any] | Any,
    usage: Mapping[str, Usage] | None = None,
    prices: Prices | None = None,
    *,
    by: str | None = None,
    budget: float | None = None,
    within: float = 0.005,
) -> Plan:
    """Cost every cell of a forecast and find what is worth buying.

    Args:
        forecast: a ``Forecast``, or its JSON as a dictionary.
        usage: measured use per model (`muxcast.simulate.cost.usage_of`); None knows no tokens.
        prices: price table; None counts tokens, or samples where tokens are not known.
        by: unit of cost (money, gpu_seconds, tokens, samples); default the most telling that is known.
        budget: most that one question may cost, in that unit.
        within: accuracy (0 to 1) below the best that is not worth paying for.
    Raises:
        BadInput: a malformed forecast, a unit that is not known for all cells, a price table that
            leaves a model out, or a budget below the cheapest cell.
    """
    content = forecast if isinstance(forecast, Mapping) else forecast.to_json()
    cells, figures, drawn, level, questions = _read(content)
    usage, notes = dict(usage or {}), []
    _check_prices(prices, cells)
    costs = [
        cost_of(cell, usage, prices, questions=questions, draws=draws) for cell, draws in zip(cells, drawn, strict=True)
    ]
    unit = unit_of(costs, by)
    _note_unit(unit, by, prices, notes)
    cost = np.array([one.by(unit) for one in costs], float)
    mean = figures["mean"]
    affordable = np.ones(len(cells), bool) if budget is None else cost <= budget + 1e-12
    if not affordable.any():
        raise BadInput(f"--budget {budget:g}: the cheapest cell costs {cost.min():.3g} {unit} a question; allow more")
    recommended, why = _recommend(cells, mean, cost, affordable, within, unit)
    curves = _single_curves(cells, mean)
    return Plan(
        cells=cells,
        **figures,
        costs=costs,
        unit=unit,
        currency=prices.currency if prices else "USD",
        front=pareto_front(cost, mean),
        same_compute=[_same_compute(cell, curves) for cell in cells],
        same_cost=_same_cost(cells, mean, cost),
        random_pool=_random_pools(cells, mean),
        break_even=_break_even(cells, figures, costs, unit, prices, usage, notes),
        recommended=recommended,
        why=why,
        budget=budget,
        within=within,
        level=level,
        notes=notes,
    )


def pareto_front(cost: Float[np.ndarray, " cell"], value: Float[np.ndarray, " cell"]) -> Bool[np.ndarray, " cell"]:
    """Cells that no cell of at most the same cost exceeds in value; of equals, the first."""
    order = np.lexsort((-value, cost))
    kept = np.zeros(len(cost), bool)
    best = -np.inf
    for i in order:
        if value[i] > best:
            kept[i], best = True, value[i]
    return kept


def _read(
    content: Mapping[str, Any],
) -> tuple[list[Cell], dict[str, np.ndarray], list[dict[str, float] | None], float, int]:
    """Cells, their figures, the samples drawn by rules that stop early, the level and the number of questions."""
    try:
        rows = content["cells"]
        single = {(row["models"][0], row["samples"]) for row in rows if row["rule"] == SINGLE}
        # MUX of one model is its self-consistency: one of the two is enough
        rows = [
            row for row in rows
            if row["rule"] == SINGLE or len(row["models"]) > 1 or (row["models"][0], row["samples"]) not in single
        ]  # fmt: skip
        cells = [Cell(row["rule"], tuple(row["models"]), int(row["samples"])) for row in rows]
        figures = {
            name: np.array([row["accuracy"][name] for row in rows], float) for name in ("mean", "sd", "lower", "upper")
        }
        drawn = [
            {name: float(row["drawn"][name]) for name in row["models"]} if row.get("drawn") else None for row in rows
        ]
        questions = int((content.get("target") or {}).get("questions") or 1)
    except (KeyError, TypeError, ValueError) as error:
        raise BadInput(f"the forecast lacks or garbles field {error}; write it again with `muxcast forecast`") from None
    if not cells:
        raise BadInput("the forecast has no cells; forecast some pools first")
    return cells, figures, drawn, float(content.get("level", 0.9)), questions


def _check_prices(prices: Prices | None, cells: list[Cell]) -> None:
    if prices is None or not prices.models:
        return
    absent = sorted({name for cell in cells for name in cell.models} - set(prices.models))
    if absent:
        raise BadInput(
            f"the price table has no entry for {', '.join(map(repr, absent))}; "
            f"it has {', '.join(sorted(prices.models))}"
        )


def _note_unit(unit: str, by: str | None, prices: Prices | None, notes: list[str]) -> None:
    if by is not None:
        return
    if unit == "tokens":
        notes.append("cost is counted in tokens" + (", since the prices do not cover all models" if prices else
                     "; give --prices for money or GPU-seconds"))  # fmt: skip
    if unit == "samples":
        notes.append("the pilot has no token counts, so cost is counted in samples: a long answer costs as a short one")


def _recommend(
    cells: list[Cell], mean: np.ndarray, cost: np.ndarray, affordable: np.ndarray, within: float, unit: str
) -> tuple[int, str]:
    best = int(np.flatnonzero(affordable)[np.argmax(mean[affordable])])
    near = np.flatnonzero(affordable & (mean >= mean[best] - within))
    chosen = int(min(near, key=lambda i: (cost[i], -mean[i])))
    if chosen == best:
        return chosen, "forecast best among the cells within budget, and nothing cheaper comes near it"
    saving = 1 - cost[chosen] / cost[best]
    return chosen, (
        f"forecast {100 * (mean[best] - mean[chosen]):.1f} points below the best affordable cell "
        f"({'+'.join(cells[best].models)}, k = {cells[best].samples}) and {100 * saving:.0f} % cheaper in {unit}"
    )


_Curves = dict[str, tuple[Float[np.ndarray, " k"], Float[np.ndarray, " k"]]]


def _single_curves(cells: list[Cell], mean: np.ndarray) -> _Curves:
    """Forecast accuracy of each single model by samples; MUX of one model is self-consistency."""
    points: dict[str, dict[int, float]] = {}
    for cell, value in zip(cells, mean, strict=True):
        if len(cell.models) == 1:
            points.setdefault(cell.models[0], {})[cell.samples] = float(value)
    return {
        name: (np.array(sorted(curve), float), np.array([curve[k] for k in sorted(curve)]))
        for name, curve in points.items()
    }


def _same_compute(cell: Cell, curves: _Curves) -> Baseline | None:
    if len(cell.models) == 1 or not curves:
        return None
    total = cell.samples * len(cell.models)
    found = []
    for name, (ks, values) in curves.items():
        exact = total in ks
        # votes settle like 1/k, and beyond the last forecast k the curve is held
        found.append(Baseline(name, total, float(np.interp(-1 / total, -1 / ks, values)), not exact))
    return max(found, key=lambda one: one.accuracy)


def _same_cost(cells: list[Cell], mean: np.ndarray, cost: np.ndarray) -> list[Baseline | None]:
    single = np.array([len(cell.models) == 1 for cell in cells])
    result: list[Baseline | None] = []
    for i, cell in enumerate(cells):
        allowed = np.flatnonzero(single & (cost <= cost[i] * (1 + 1e-9)))
        if len(cell.models) == 1 or not len(allowed):
            result.append(None)
            continue
        j = int(allowed[np.argmax(mean[allowed])])
        result.append(Baseline(cells[j].models[0], cells[j].samples, float(mean[j]), False))
    return result


def _random_pools(cells: list[Cell], mean: np.ndarray) -> list[Baseline | None]:
    from math import comb

    groups: dict[tuple[str, int, int], list[int]] = {}
    for i, cell in enumerate(cells):
        groups.setdefault((cell.rule, len(cell.models), cell.samples), []).append(i)
    models = len({name for cell in cells for name in cell.models})
    result: list[Baseline | None] = [None] * len(cells)
    for (_, size, samples), members in groups.items():
        if size > 1 and len(members) == comb(models, size):
            average = Baseline(None, samples, float(mean[members].mean()), False)
            for i in members:
                result[i] = average
    return result


def _break_even(
    cells: list[Cell],
    figures: dict[str, np.ndarray],
    costs: list[Cost],
    unit: str,
    prices: Prices | None,
    usage: Mapping[str, Usage],
    notes: list[str],
) -> list[BreakEven]:
    from scipy.stats import norm

    if prices is None:
        return []
    mean, sd = figures["mean"], figures["sd"]
    cost = np.array([one.by(unit) for one in costs], float)
    known = [one for one in usage.values() if one.completion_tokens is not None]
    typical = None
    if known:
        typical = Usage(
            float(np.mean([one.prompt_tokens or 0.0 for one in known])),
            float(np.mean([one.completion_tokens for one in known if one.completion_tokens is not None])),
            float(np.mean([one.spread for one in known])),
        )
    found = []
    for name, model in prices.larger.items():
        if model.completion_tokens is None and typical is not None:
            notes.append(f"{name}: completion_tokens is not in the price table; the pool's mean length is assumed")
        price = larger_cost(name, prices, typical).by(unit)
        reach = np.flatnonzero(mean >= model.accuracy)
        cell = int(reach[np.argmin(cost[reach])]) if len(reach) else None
        allowed = np.flatnonzero(cost <= price) if price is not None else np.arange(len(cells))
        allowed = allowed if len(allowed) else np.array([int(np.argmin(cost))])
        best = int(allowed[np.argmax(mean[allowed])])
        probability = ratio = None
        if cell is not None:
            spread = max(float(np.hypot(sd[cell], model.accuracy_error)), 1e-12)
            probability = float(norm.cdf((mean[cell] - model.accuracy) / spread))
            ratio = price / float(cost[cell]) if price is not None and cost[cell] > 0 else None
        found.append(
            BreakEven(name, model.accuracy, price, cell, probability, ratio, best, float(mean[best] - model.accuracy))
        )
    return found
