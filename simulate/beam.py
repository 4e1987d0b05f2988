"""Searching pools of many models: beam search for a good one, branch and bound for how good the best can be."""

from __future__ import annotations

import heapq
import time
from typing import NamedTuple, Protocol

import numpy as np
from jaxtyping import Float

from ..theory.consistency import ModeLaw


class Found(NamedTuple):
    """What a search of too many pools to list came back with."""

    pools: list[tuple[int, ...]]
    """Pools met, best first; indices in tie-break order."""
    value: list[float]
    """Their exact accuracy, or whatever the scorer scores."""
    bound: float | None
    """No pool within the limits is more accurate than this; None for a scorer without a bound."""
    proved: bool
    """Whether the best pool found is proved to be the best there is."""
    nodes: int
    """Nodes of branch and bound opened."""


class Scorer(Protocol):
    """Scores pools of models and every way to add one model to a pool."""

    models: int

    def value(self, pool: tuple[int, ...]) -> float: ...

    def additions(self, pool: tuple[int, ...]) -> Float[np.ndarray, " model"]: ...


class LawTable:
    """Laws of all models as flat matrices over (question, m), so that scoring candidates is a matrix product."""

    def __init__(self, laws: ModeLaw):
        correct, top = np.asarray(laws.correct), np.asarray(laws.top)
        self.models, self.questions = correct.shape[:2]
        upto = np.cumsum(top, -1)

        def flat(part: np.ndarray) -> np.ndarray:
            return np.ascontiguousarray(part.reshape(self.models, -1))

        self.right = flat(correct[..., 1:])
        self.below, self.upto = flat(upto[..., :-1]), flat(upto[..., 1:])
        # T <= m and not (correct with count m)
        self.short = self.upto - self.right
        self.size = self.right.shape[1]

    def value(self, pool: tuple[int, ...]) -> float:
        return float(self.per_question(pool).mean())

    def per_question(self, pool: tuple[int, ...]) -> Float[np.ndarray, " question"]:
        """Exact accuracy of the pool on each question."""
        answer, whole = np.zeros(self.size), np.ones(self.size)
        for i in sorted(pool, reverse=True):
            answer = answer * self.below[i] + self.right[i] * whole
            whole = whole * self.upto[i]
        return answer.reshape(self.questions, -1).sum(1)

    def additions(self, pool: tuple[int, ...]) -> Float[np.ndarray, " model"]:
        """Accuracy of the pool with each one model added; -inf for its own members."""
        inside = sorted(pool)
        # less preferred members from the end, more preferred ones from the front
        answer, whole = [np.zeros(self.size)], [np.ones(self.size)]
        for i in reversed(inside):
            answer.append(answer[-1] * self.below[i] + self.right[i] * whole[-1])
            whole.append(whole[-1] * self.upto[i])
        before_answer, before = np.zeros(self.size), np.ones(self.size)
        scores = np.full(self.models, -np.inf)
        start = 0
        for place in range(len(inside) + 1):
            stop = inside[place] if place < len(inside) else self.models
            low_answer, low_whole = answer[len(inside) - place], whole[len(inside) - place]
            block = slice(start, stop)
            scores[block] = (
                self.below[block] @ (low_answer * before)
                + self.right[block] @ (low_whole * before)
                + self.upto[block] @ (low_whole * before_answer)
            )
            if place < len(inside):
                i = inside[place]
                # next more preferred part: answered by the part so far below i, or by i
                before_answer = before_answer * self.upto[i] + self.right[i] * before
                before = before * self.below[i]
                start = i + 1
        return scores / self.questions


def search_many(
    table: Scorer,
    cost: Float[np.ndarray, " model"],
    *,
    sizes: tuple[int, int],
    max_cost: float = np.inf,
    width: int = 16,
    keep: int = 100,
    seconds: float = 10.0,
) -> Found:
    """The best pool of many models that can be found, and for accuracy a bound on the best there is.

    Beam search adds one model at a time to the ``width`` best pools of each size, then single
    exchanges improve the best.
    Branch and bound then tries to prove it: for a pool S that is extended by at most r of the models C,

        accuracy <= g(S) + the r largest of g(S with x) - g(S), and <= g(S with all of C),

    where g(S with X) is the chance that the largest count of a correct mode in S and X is at least the largest
    count of a wrong mode in S. It bounds because wrong modes of X are forgiven; it is a coverage function
    of X, hence submodular, so single gains add up to no less than the joint gain.

    Args:
        table: a `LawTable` for exact accuracy, or a scorer of another objective, which has no bound.
        cost: cost of asking each model.
        sizes: least and most models.
        max_cost: most the pool may cost.
        width: beam width.
        keep: pools returned.
        seconds: time for branch and bound; after it the bound of what is left open is stated.
    """
    met: dict[tuple[int, ...], float] = {}
    beam: list[tuple[int, ...]] = [()]
    for size in range(1, min(sizes[1], table.models) + 1):
        grown: dict[tuple[int, ...], float] = {}
        for pool in beam:
            scores = table.additions(pool)
            scores[cost + cost[list(pool)].sum() > max_cost + 1e-12] = -np.inf
            for i in np.argsort(-scores)[: max(width, keep if size == sizes[1] else width)]:
                if np.isfinite(scores[i]):
                    grown[tuple(sorted((*pool, int(i))))] = float(scores[i])
        if not grown:
            break
        beam = sorted(grown, key=grown.__getitem__, reverse=True)[:width]
        if size >= sizes[0]:
            met.update(grown)
        elif size == min(sizes[1], table.models):
            break
    if met:
        _exchange(table, met, cost, max_cost)
    best = max(met.values(), default=-np.inf)
    if not isinstance(table, LawTable):
        ranked = sorted(met, key=met.__getitem__, reverse=True)[:keep]
        return Found(ranked, [met[pool] for pool in ranked], None, False, 0)
    bound, nodes = _branch_and_bound(table, met, cost, sizes, max_cost, seconds)
    best = max(met.values(), default=best)
    ranked = sorted(met, key=met.__getitem__, reverse=True)[:keep]
    bound = max(bound, best)
    return Found(ranked, [met[pool] for pool in ranked], bound, bound <= best + 1e-12, nodes)


def _exchange(table: Scorer, met: dict[tuple[int, ...], float], cost: np.ndarray, max_cost: float) -> None:
    """Exchange one member of the best pool for another model as long as that helps."""
    best = max(met, key=met.__getitem__)
    while len(best) > 1:
        better = None
        for out in best:
            rest = tuple(i for i in best if i != out)
            scores = table.additions(rest)
            scores[cost + cost[list(rest)].sum() > max_cost + 1e-12] = -np.inf
            i = int(scores.argmax())
            if scores[i] > met[best] + 1e-12:
                better = tuple(sorted((*rest, i)))
                met[better] = float(scores[i])
                break
        if better is None:
            return
        best = better


def _branch_and_bound(
    table: LawTable,
    met: dict[tuple[int, ...], float],
    cost: np.ndarray,
    sizes: tuple[int, int],
    max_cost: float,
    seconds: float,
) -> tuple[float, int]:
    best = max(met.values(), default=0.0)
    stop = time.monotonic() + seconds
    # a node is a pool and the models that may still join it, in the order they will be branched on
    order = np.argsort(-table.right.sum(1))
    top = min(sizes[1], table.models)
    queue: list[tuple[float, int, tuple[int, ...], int]] = [(-1.0, 0, (), 0)]
    nodes = 0
    while queue:
        negative, _, pool, start = heapq.heappop(queue)
        if -negative <= best + 1e-12:
            return best, nodes
        if time.monotonic() > stop:
            return -negative, nodes
        nodes += 1
        free = order[start:]
        spent = cost[list(pool)].sum()
        free_fits = cost[free] + spent <= max_cost + 1e-12
        gains, base = _gains(table, pool)
        for place in np.flatnonzero(free_fits):
            child = tuple(sorted((*pool, int(free[place]))))
            if len(child) >= sizes[0] and child not in met:
                met[child] = table.value(child)
                best = max(best, met[child])
            room = top - len(child)
            rest = free[place + 1 :]
            if room == 0 or len(rest) == 0:
                continue
            # children inherit the parent's gains first: cheap, and already a bound
            cheap = base + gains[free[place]] + np.sort(gains[rest])[::-1][:room].sum()
            if min(cheap, 1.0) <= best + 1e-12:
                continue
            mine, ground = _gains(table, child)
            bound = min(ground + np.sort(mine[rest])[::-1][:room].sum(), _everything(table, child, rest), -negative)
            if bound > best + 1e-12:
                heapq.heappush(queue, (-bound, nodes * table.models + int(place), child, start + int(place) + 1))
    return best, nodes


def _failing(table: LawTable, pool: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """P(largest wrong count <= m and larger than any correct one), and the same by its increments in m."""
    k = table.size // table.questions
    both, late = np.ones(table.size), np.ones(table.size)
    for i in pool:
        both = both * table.upto[i]  # correct <= m, wrong <= m
        late = late * table.short[i]  # correct < m, wrong <= m
    both, late = both.reshape(-1, k), late.reshape(-1, k)
    blank = np.ones((table.questions, 1))
    for i in pool:
        blank = blank * table.below[i].reshape(-1, k)[:, :1]
    earlier = np.concatenate([blank, both[:, :-1]], 1)
    step = np.maximum(late - earlier, 0)
    return np.cumsum(step, 1), blank


def _gains(table: LawTable, pool: tuple[int, ...]) -> tuple[np.ndarray, float]:
    """How much each model, its wrong modes forgiven, adds to the chance that a correct mode leads; and that chance."""
    failing, blank = _failing(table, pool)
    open_ = (failing + blank).ravel()
    return table.right @ open_ / table.questions, float((1 - failing[:, -1] - blank[:, 0]).sum() / table.questions)


def _everything(table: LawTable, pool: tuple[int, ...], rest: np.ndarray) -> float:
    """The chance that a correct mode of the pool or of any of the rest leads the pool's wrong modes."""
    k = table.size // table.questions
    failing, blank = _failing(table, pool)
    step = np.diff(np.concatenate([np.zeros((table.questions, 1)), failing], 1), axis=1)
    # a wrong count m stays ahead if no model of the rest is correct with a count of m or more
    tail = np.cumsum(table.right[rest].reshape(len(rest), -1, k)[..., ::-1], -1)[..., ::-1]
    ahead = np.prod(1 - tail, axis=0)
    return float((1 - (step * ahead).sum(1) - blank[:, 0] * ahead[:, 0]).sum() / table.questions)
