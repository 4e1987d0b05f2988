"""Search: which models to put in a pool, with an honest score for the pool chosen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float

from .answers import AnswerLog
from .beam import Found, LawTable, search_many
from .cells import MOST_MODELS, tie_break_order
from .errors import BadInput
from .json_rows import json_rows
from .objective import (
    ObjectiveTable,
    PoolEvents,
    PoolFigures,
    all_pools,
    check_objective,
    events_of,
    some_pools,
)
from .observing import standard_error


class HonestScore(NamedTuple):
    """Accuracy of pools chosen on some questions and scored on others."""

    optimistic: float
    """Accuracy of the chosen pool on the questions it was chosen on."""
    honest: float
    """Mean accuracy, on questions held out, of the pools chosen on the rest (nested cross-validation)."""
    honest_sd: float
    """Standard error of ``honest`` over questions."""
    single: float
    """The same for the best single model, chosen and scored in the same way."""
    single_sd: float
    """Standard error of ``single`` over questions."""
    gain: float
    """``honest`` minus ``single``."""
    gain_sd: float
    """Its standard error over questions, paired."""
    folds: int
    """Parts the questions were split in."""
    choices: list[tuple[str, ...]]
    """The pool chosen in each fold."""


@dataclass(frozen=True)
class Search:
    """Pools ranked by an objective."""

    objective: str
    samples: int
    """Samples per model, k."""
    ranking: pd.DataFrame
    """Best first: models (tuple in tie-break order), score, accuracy, union, contradiction, cost per question."""
    curves: pd.DataFrame
    """Per pool size: the best pool's score, accuracy, union and contradiction; and, where all pools were
    scored, the mean and standard deviation of accuracy over pools of that size, as if drawn at random."""
    pools: int
    """Pools scored."""
    proved: bool
    """Whether no pool within the limits scores higher."""
    bound: float | None
    """An upper bound on the score of any pool; None where there is none."""
    honest: HonestScore | None
    """Cross-validated score; None with too few questions or when not asked for."""
    tie_break: dict[str, float]
    """Validation accuracy per model."""
    questions: int
    seed: int = 0
    notes: list[str] = field(default_factory=list)

    @property
    def best(self) -> tuple[str, ...]:
        """The best pool in tie-break order."""
        return self.ranking["models"].iloc[0]

    def to_frame(self) -> pd.DataFrame:
        """The ranking, models as "a+b"."""
        return self.ranking.assign(models=["+".join(pool) for pool in self.ranking["models"]])

    def to_json(self) -> dict[str, Any]:
        """The search as a dictionary in the format ``muxcast-search``."""
        columns = ["score", "accuracy", "union", "contradiction", "cost"]
        return {
            "format": "muxcast-search",
            "version": 1,
            "seed": self.seed,
            "objective": self.objective,
            "samples": self.samples,
            "questions": self.questions,
            "pools_scored": self.pools,
            "proved_best": self.proved,
            "bound": self.bound,
            "gap": None if self.bound is None else max(self.bound - float(self.ranking["score"].iloc[0]), 0.0),
            "tie_break_accuracy": self.tie_break,
            "honest": None
            if self.honest is None
            else {**self.honest._asdict(), "choices": [list(pool) for pool in self.honest.choices]},
            "curves": json_rows(self.curves),
            "ranking": json_rows(self.ranking[["models", *columns]]),
            "notes": self.notes,
        }


def search(
    log: AnswerLog,
    samples: int | None = None,
    objective: str = "accuracy",
    *,
    sizes: tuple[int, int] | None = None,
    models: Sequence[str] | None = None,
    tie_break: Mapping[str, float] | None = None,
    costs: Mapping[str, float] | None = None,
    max_cost: float | None = None,
    folds: int = 5,
    seed: int = 0,
    top: int = 100,
    width: int = 16,
    seconds: float = 10.0,
) -> Search:
    """Rank pools of models by an objective; all pools up to 20 models, beam search with a bound beyond.

    Args:
        log: answers of every model; the questions all models answered count.
        samples: k, samples per model; default the paper's 3, or all there are if fewer.
        objective: "accuracy", "paper", "paper-plotted" or "reference-code".
        sizes: least and most models in a pool; default any.
        models: the models to choose from; default all.
        tie_break: validation accuracy per model, from other questions; default the log's own.
        costs: cost of one sample per model, in any unit; default 1 each.
        max_cost: most a question may cost, samples times costs summed over the pool.
        folds: parts for the honest score; below 2 leaves it out.
        seed: of the split of questions into folds.
        top: pools kept in the ranking.
        width: beam width beyond 20 models.
        seconds: time for the proof by branch and bound beyond 20 models.
    Raises:
        BadInput: an unknown name, more samples than logged, or limits that no pool meets.
    """
    check_objective(objective)
    names = list(models or log.models)
    counts = log.select(models=names).counts(names) if models else log.counts(names)
    reach = int(counts.samples.min())
    k = min(3, reach) if samples is None else samples
    if not 1 <= k <= reach:
        raise BadInput(f"--samples {k}: every model has {reach} samples on every question; search at most that many")
    notes = list(log.notes)
    accuracy = dict(zip(names, (counts.correct / counts.samples).mean(0).tolist(), strict=True))
    if tie_break is not None:
        accuracy = tie_break_of(tie_break, names)
    order = tie_break_order(accuracy)
    low, high = sizes or (1, len(names))
    high = min(high, len(names))
    if sizes and not 1 <= low <= high:
        raise BadInput(f"--size {sizes[0]}-{sizes[1]}: there are {len(names)} models; ask for 1-{len(names)}")
    cost = np.array([1.0 if costs is None else sample_cost(costs, name) for name in order]) * k
    limit = np.inf if max_cost is None else max_cost
    events = events_of(counts, order, k)
    limits = _Limits((low, high), cost, limit, width, seconds)

    if len(order) <= MOST_MODELS:
        figures = all_pools(events, objective)
        sizes_of = _sizes(len(order))
        allowed = _allowed(len(order), limits)
        if not allowed.any():
            raise BadInput(f"no pool of {low} to {high} models costs at most {limit:g} a question; raise the limit")
        ranked = _best(np.where(allowed, figures.score, -np.inf), min(top, int(allowed.sum())))
        pools = [_members(mask, len(order)) for mask in ranked]
        chosen = PoolFigures(*(part[ranked] for part in figures))
        curves = _curves(figures, sizes_of, allowed, order)
        scored, proved, bound = int(allowed.sum()), True, float(chosen.score[0])
    else:
        found = _found(events, objective, limits, top)
        if not found.pools:
            raise BadInput(f"no pool of {low} to {high} models costs at most {limit:g} a question; raise the limit")
        pools = found.pools
        chosen = some_pools(events, objective, _masks(pools, len(order)))
        curves = _curves_of_found(chosen, pools, order)
        scored, proved, bound = len(pools), found.proved, found.bound
        if not proved:
            notes.append(
                f"{len(order)} models have too many pools to list; the best was found by beam search"
                + ("" if bound is None else f", at most {100 * (bound - chosen.score[0]):.1f} points below any pool")
            )
    ranking = pd.DataFrame(
        {
            "models": [tuple(order[i] for i in pool) for pool in pools],
            "score": chosen.score,
            "accuracy": chosen.accuracy,
            "union": chosen.union,
            "contradiction": chosen.contradiction,
            "cost": [float(cost[list(pool)].sum()) for pool in pools],
        }
    )
    honest = None
    if folds >= 2 and events.right.shape[1] >= 2 * folds:
        honest = _nested(events, order, counts.correct / counts.samples, counts.models, objective, limits, folds, seed,
                         float(chosen.accuracy[0]), tie_break is not None)  # fmt: skip
    elif folds >= 2:
        notes.append(f"{events.right.shape[1]} questions are too few to cross-validate the choice")
    return Search(
        objective=objective,
        samples=k,
        ranking=ranking,
        curves=curves,
        pools=scored,
        proved=proved,
        bound=bound,
        honest=honest,
        tie_break={name: accuracy[name] for name in order},
        questions=events.right.shape[1],
        seed=seed,
        notes=notes,
    )


class _Limits(NamedTuple):
    sizes: tuple[int, int]
    cost: Float[np.ndarray, " model"]
    max_cost: float
    width: int
    seconds: float


def tie_break_of(tie_break: Mapping[str, float], names: Sequence[str]) -> dict[str, float]:
    """Validation accuracies of ``names``; BadInput where the pilot they come from lacks a model."""
    absent = [name for name in names if name not in tie_break]
    if absent:
        raise BadInput(f"the tie-break pilot has no answers of {', '.join(absent)}; add them or drop the model")
    return {name: float(tie_break[name]) for name in names}


def sample_cost(costs: Mapping[str, float], name: str) -> float:
    """The cost of one sample of model ``name``; BadInput where there is none, or it is negative."""
    if name not in costs:
        raise BadInput(f"there is no cost for model {name!r}; give one for each of the models searched")
    if not costs[name] >= 0:
        raise BadInput(f"the cost of model {name!r} is {costs[name]}; a cost is a number of at least 0")
    return float(costs[name])


def _sizes(models: int) -> np.ndarray:
    return np.bitwise_count(np.arange(2**models, dtype=np.uint32)).astype(int)


def _allowed(models: int, limits: _Limits) -> Bool[np.ndarray, " pool"]:
    size = _sizes(models)
    total = np.zeros(1)
    for each in limits.cost:
        total = np.concatenate([total, total + each])
    return (size >= max(limits.sizes[0], 1)) & (size <= limits.sizes[1]) & (total <= limits.max_cost + 1e-9)


def _best(score: np.ndarray, top: int) -> np.ndarray:
    """The ``top`` best pools; equal scores go to the pool of fewer, more preferred models."""
    part = np.argpartition(-score, top - 1)[:top] if top < len(score) else np.arange(len(score))
    worst = score[part].min()
    tied = np.flatnonzero(score >= worst - 1e-12)
    keys = np.lexsort((tied, np.bitwise_count(tied.astype(np.uint64)), -np.round(score[tied], 12)))
    return tied[keys][:top]


def _members(mask: int, models: int) -> tuple[int, ...]:
    return tuple(i for i in range(models) if (int(mask) >> i) & 1)


def _masks(pools: Sequence[tuple[int, ...]], models: int) -> Bool[np.ndarray, "pool model"]:
    table = np.zeros((len(pools), models), bool)
    for row, pool in zip(table, pools, strict=True):
        row[list(pool)] = True
    return table


def _found(events: PoolEvents, objective: str, limits: _Limits, top: int) -> Found:
    table = LawTable(events.laws) if objective == "accuracy" else ObjectiveTable(events, objective)
    return search_many(table, limits.cost, sizes=limits.sizes, max_cost=limits.max_cost, width=limits.width, keep=top,
                       seconds=limits.seconds)  # fmt: skip


def _curves(figures: PoolFigures, size: np.ndarray, allowed: np.ndarray, order: list[str]) -> pd.DataFrame:
    rows = []
    for count in range(1, len(order) + 1):
        inside = np.flatnonzero(allowed & (size == count))
        if not len(inside):
            continue
        best = inside[figures.score[inside].argmax()]
        rows.append(
            {
                "size": count,
                "models": tuple(order[i] for i in _members(best, len(order))),
                **{name: float(part[best]) for name, part in zip(PoolFigures._fields, figures, strict=True)},
                "best_accuracy": float(figures.accuracy[inside].max()),
                "random_accuracy": float(figures.accuracy[inside].mean()),
                "random_sd": float(figures.accuracy[inside].std()),
                "better_than_random": float((figures.accuracy[inside] <= figures.accuracy[best]).mean()),
            }
        )
    return pd.DataFrame(rows)


def _curves_of_found(figures: PoolFigures, pools: Sequence[tuple[int, ...]], order: list[str]) -> pd.DataFrame:
    rows: dict[int, dict[str, Any]] = {}
    for place, pool in enumerate(pools):  # best first
        if len(pool) not in rows:
            figure = {name: float(part[place]) for name, part in zip(PoolFigures._fields, figures, strict=True)}
            rows[len(pool)] = {"size": len(pool), "models": tuple(order[i] for i in pool), **figure}
    return pd.DataFrame([rows[size] for size in sorted(rows)])


def _nested(
    events: PoolEvents,
    order: list[str],
    share: Float[np.ndarray, "question model"],
    columns: list[str],
    objective: str,
    limits: _Limits,
    folds: int,
    seed: int,
    optimistic: float,
    fixed_order: bool,
) -> HonestScore:
    """Choose the pool, the best single model and the tie-break order without the fold they are scored on."""
    questions = events.right.shape[1]
    part = np.random.default_rng(seed).permutation(questions) % folds
    share = share[:, [columns.index(name) for name in order]]
    pooled, single, choices = np.zeros(questions), np.zeros(questions), []
    for fold in range(folds):
        inside, held = np.flatnonzero(part != fold), np.flatnonzero(part == fold)
        mine = np.arange(len(order)) if fixed_order else np.argsort(-share[inside].mean(0), kind="stable")
        train = events.take(inside, mine)
        cost = limits._replace(cost=limits.cost[mine], seconds=0.0)
        if len(order) <= MOST_MODELS:
            score = np.where(_allowed(len(order), cost), all_pools(train, objective).score, -np.inf)
            pool = _members(int(_best(score, 1)[0]), len(order))
        else:
            pool = _found(train, objective, cost, 1).pools[0]
        test = events.take(held, mine)
        scores = LawTable(test.laws).per_question(pool)
        pooled[held] = scores
        single[held] = test.right[int(train.right.mean(1).argmax())]
        choices.append(tuple(order[mine[i]] for i in pool))
    gain = pooled - single
    return HonestScore(
        optimistic,
        *(float(x) for x in (pooled.mean(), standard_error(pooled), single.mean(), standard_error(single))),
        *(float(x) for x in (gain.mean(), standard_error(gain))),
        folds,
        choices,
    )
