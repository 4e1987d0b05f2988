"""What a search for a pool maximises: exact accuracy, or the paper's objective in its three versions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float
from scipy.special import gammaln

from ..theory.consistency import ModeLaw
from ..theory.pools import pool_accuracy_per_question
from ..theory.tables import laws_of_counts
from .answers import AnswerCounts
from .errors import unknown_name

OBJECTIVES: Mapping[str, str] = {
    "accuracy": "exact SLM-MUX accuracy at k samples",
    "paper": "union accuracy - contradiction, both shares of all questions (as printed, lambda = 1)",
    "paper-plotted": "union accuracy - contradiction as a share of the union (as in the paper's figure)",
    "reference-code": "as paper-plotted with lambda = 0.5, a model right only with 2 samples right (authors' code)",
}
_LAMBDA = {"paper": 1.0, "paper-plotted": 1.0, "reference-code": 0.5}
_ROBUST = 2


class PoolEvents(NamedTuple):
    """What the objectives need of every model on every question, models in tie-break order."""

    laws: ModeLaw
    """Law of the mode [model, question, m] at k samples."""
    right: Float[np.ndarray, "model question"]
    """P(the mode is correct)."""
    robust: Float[np.ndarray, "model question"]
    """P(at least 2 of the k samples are correct; 1 for k = 1): the authors' code's idea of a correct model."""
    stubborn: Float[np.ndarray, "model question"]
    """P(all k samples give the same wrong answer)."""

    def take(self, questions: np.ndarray, models: np.ndarray | None = None) -> PoolEvents:
        """The same for some questions, and models in another order."""
        rows = np.arange(len(self.right)) if models is None else models
        laws = ModeLaw(*(np.asarray(part)[rows][:, questions] for part in self.laws))
        return PoolEvents(laws, *(part[rows][:, questions] for part in self[1:]))


class PoolFigures(NamedTuple):
    """Figures per pool."""

    accuracy: Float[np.ndarray, " pool"]
    """Exact SLM-MUX accuracy."""
    union: Float[np.ndarray, " pool"]
    """Share of questions some model of the pool gets right, as the objective defines right."""
    contradiction: Float[np.ndarray, " pool"]
    """Share of questions that some model gets right while another repeats one wrong answer throughout."""
    score: Float[np.ndarray, " pool"]
    """The objective."""


def events_of(counts: AnswerCounts, order: list[str], k: int) -> PoolEvents:
    """Exact k-of-n events of each model of ``order`` on the logged counts, without Monte Carlo."""
    columns = [counts.models.index(name) for name in order]
    classes, blanks = counts.classes[:, columns], counts.blanks[:, columns]
    laws = laws_of_counts(classes, blanks, counts.right, k)
    by_model = ModeLaw(*(np.ascontiguousarray(np.moveaxis(np.asarray(part), 1, 0)) for part in laws))
    correct, top = np.asarray(by_model.correct), np.asarray(by_model.top)
    hits, drawn = counts.correct[:, columns].T, counts.samples[:, columns].T
    stubborn = np.maximum(top[..., k] - correct[..., k], 0)
    return PoolEvents(
        by_model,
        correct.sum(-1),
        _at_least(hits, drawn, k, min(_ROBUST, k)),
        stubborn,
    )


def _at_least(hits: np.ndarray, drawn: np.ndarray, k: int, least: int) -> np.ndarray:
    def choose(n: np.ndarray, r: int) -> np.ndarray:
        inside = n >= r
        m = np.where(inside, n, r)
        return np.where(inside, np.exp(gammaln(m + 1) - gammaln(r + 1) - gammaln(m - r + 1)), 0.0)

    fewer = sum(choose(hits, j) * choose(drawn - hits, k - j) for j in range(least))
    return np.clip(1 - fewer / choose(drawn, k), 0, 1)


def check_objective(objective: str) -> None:
    """Raise `BadInput` for an unknown objective."""
    if objective not in OBJECTIVES:
        raise unknown_name("objective", objective, OBJECTIVES)


def all_pools(events: PoolEvents, objective: str, weight: Float[np.ndarray, " question"] | None = None) -> PoolFigures:
    """Figures of all 2^n pools by bitmask, bit i for the i-th model in tie-break order; the empty pool first."""
    models, questions = events.right.shape
    weight = np.full(questions, 1 / questions) if weight is None else weight

    def miss(chance: np.ndarray) -> np.ndarray:
        half = models // 2
        high, low = _products(1 - chance[:half]), _products(1 - chance[half:])
        return ((low * weight) @ high.T).reshape(-1)

    accuracy = _accuracy_of_all(events.laws, weight)
    return _figures(events, objective, accuracy, miss, float(weight.sum()))


def some_pools(events: PoolEvents, objective: str, pools: Bool[np.ndarray, "pool model"]) -> PoolFigures:
    """Figures of chosen pools; columns of ``pools`` are models in tie-break order."""

    def miss(chance: np.ndarray) -> np.ndarray:
        return np.array([np.prod(1 - chance[pool], axis=0).mean() for pool in pools])

    accuracy = pool_accuracy_per_question(events.laws, pools).mean(1)
    return _figures(events, objective, accuracy, miss, 1.0)


def _figures(events: PoolEvents, objective: str, accuracy: np.ndarray, miss, total: float) -> PoolFigures:
    def union_and_contradiction(correct: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        # a model is never right and stubbornly wrong at once
        nobody, neither = miss(correct), miss(correct + events.stubborn)
        return total - nobody, np.maximum(total - nobody - miss(events.stubborn) + neither, 0)

    union, contradiction = union_and_contradiction(events.right)
    if objective == "accuracy":
        return PoolFigures(accuracy, union, contradiction, accuracy)
    if objective == "reference-code":
        union, contradiction = union_and_contradiction(events.robust)
    penalty = contradiction
    if objective != "paper":
        penalty = np.divide(contradiction, union, out=np.zeros_like(union), where=union > 1e-12)
    return PoolFigures(accuracy, union, contradiction, union - _LAMBDA[objective] * penalty)


def _accuracy_of_all(laws: ModeLaw, weight: Float[np.ndarray, " question"]) -> Float[np.ndarray, " pool"]:
    """`theory.pools.pool_accuracy` in NumPy: each fold has shapes of its own, which would each be compiled."""
    correct, upto = np.asarray(laws.correct)[..., 1:], np.cumsum(np.asarray(laws.top), -1)
    below, upto = upto[..., :-1], upto[..., 1:]

    def half(models: range) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        shape = correct.shape[1:]
        answer, lower, whole = np.zeros((1, *shape)), np.ones((1, *shape)), np.ones((1, *shape))
        for i in reversed(models):
            with_i = answer * below[i] + correct[i] * whole
            pairs = ((answer, with_i), (lower, lower * below[i]), (whole, whole * upto[i]))
            answer, lower, whole = (np.stack(pair, 1).reshape(-1, *shape) for pair in pairs)
        return answer, lower, whole

    middle = len(correct) // 2
    high_answer, high_below, _ = half(range(middle))
    low_answer, _, low_upto = half(range(middle, len(correct)))
    each = weight[:, None]

    def joined(low: np.ndarray, high: np.ndarray) -> np.ndarray:
        return (low * each).reshape(len(low), -1) @ high.reshape(len(high), -1).T

    return (joined(low_answer, high_below) + joined(low_upto, high_answer)).reshape(-1)


class ObjectiveTable:
    """One of the paper's objectives as a scorer for beam search."""

    def __init__(self, events: PoolEvents, objective: str):
        self.models, self.questions = events.right.shape
        self.objective = objective
        right = events.robust if objective == "reference-code" else events.right
        self.factors = [1 - right, 1 - events.stubborn, 1 - right - events.stubborn]

    def _score(self, nobody: np.ndarray, calm: np.ndarray, neither: np.ndarray) -> np.ndarray:
        union, contradiction = 1 - nobody, np.maximum(1 - nobody - calm + neither, 0)
        if self.objective != "paper":
            contradiction = np.divide(contradiction, union, out=np.zeros_like(union), where=union > 1e-12)
        return union - _LAMBDA[self.objective] * contradiction

    def value(self, pool: tuple[int, ...]) -> float:
        return float(self._score(*(np.prod(part[list(pool)], axis=0).mean() for part in self.factors)))

    def additions(self, pool: tuple[int, ...]) -> Float[np.ndarray, " model"]:
        scores = self._score(*(part @ np.prod(part[list(pool)], axis=0) / self.questions for part in self.factors))
        scores[list(pool)] = -np.inf
        return scores


def _products(factor: Float[np.ndarray, "model question"]) -> Float[np.ndarray, "pool question"]:
    table = np.ones((1, factor.shape[1]))
    for row in factor:
        table = np.concatenate([table, table * row])
    return table
