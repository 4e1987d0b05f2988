"""What tests each axiom: changes to tables of answers, and what must hold after them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float

from .rules.protocol import ABSENT, BLANK
from .small_tables import CLASSES, FRESH, Tables

_CLOSE = 1e-9


class Seen(NamedTuple):
    """What a rule did on a batch of tables."""

    chance: Float[np.ndarray, "table class"]
    """Probability of each class."""
    used: Float[np.ndarray, "table model"]
    """Samples used up."""


class Trial(NamedTuple):
    """A change to some of the tables, and what must hold after it."""

    after: Tables
    """The changed tables, one for one."""
    concerns: Bool[np.ndarray, " table"]
    """Tables the axiom says something about."""
    holds: Callable[[Seen, Seen], Bool[np.ndarray, " table"]]
    """From what the rule did before and after, whether the axiom holds."""
    change: str
    """The change in plain words."""


Trials = Callable[[Tables, Seen], Iterable[Trial]]


def _same(before: Seen, after: Seen) -> np.ndarray:
    return np.abs(before.chance - after.chance).max(-1) < 1e-6


def _winner(seen: Seen) -> tuple[np.ndarray, np.ndarray]:
    """The class returned for sure, and whether there is one."""
    return seen.chance.argmax(-1), seen.chance.max(-1) > 1 - 1e-6


def _always(tables: Tables) -> np.ndarray:
    return np.ones(len(tables.order), bool)


def anonymity(tables: Tables, before: Seen) -> Iterator[Trial]:
    last = tables.samples[..., None] - 1
    place = np.arange(tables.order.shape[-1])
    for name, take in (
        ("reversed", np.where(place <= last, last - place, place)),
        ("rotated", np.where(place < last, place + 1, np.where(place == last, 0, place))),
    ):
        moved = np.take_along_axis(tables.order, np.maximum(take, 0), -1)
        yield Trial(tables._replace(order=moved), _always(tables), _same, f"with each model's samples {name}")


def _relabel(tables: Tables, names: np.ndarray) -> Tables:
    order = tables.order
    return tables._replace(order=np.where(order >= 0, names[np.maximum(order, 0)], order))


def neutrality(tables: Tables, before: Seen) -> Iterator[Trial]:
    for names in ([1, 0, 2, 3, 4], [2, 0, 1, 3, 4], [1, 2, 0, 3, 4], [2, 1, 0, 3, 4]):
        new = np.array(names)

        def holds(before: Seen, after: Seen, new: np.ndarray = new) -> np.ndarray:
            return _same(before, after._replace(chance=after.chance[:, new]))

        text = ", ".join(f"{'ABC'[i]} as {'ABC'[new[i]]}" for i in range(3) if new[i] != i)
        yield Trial(_relabel(tables, new), _always(tables), holds, f"with {text}")


def model_order(tables: Tables, before: Seen) -> Iterator[Trial]:
    for move in ((1, 0, 2, 3), (2, 1, 0, 3), (1, 2, 0, 3)):
        columns = list(move)
        after = Tables(tables.order[:, columns], tuple(tables.source[i] for i in columns))
        yield Trial(after, _always(tables), _same, "with the models listed in another order")


def unanimity(tables: Tables, before: Seen) -> Iterator[Trial]:
    pooled = tables.counts.sum(1)
    common = pooled.argmax(-1)

    def holds(before: Seen, _: Seen) -> np.ndarray:
        return before.chance[np.arange(len(common)), common] > 1 - 1e-6

    yield Trial(tables, (pooled > 0).sum(-1) == 1, holds, "")


def single_sample(tables: Tables, before: Seen) -> Iterator[Trial]:
    one = (tables.samples <= 1).all(-1) & (tables.counts.sum((1, 2)) > 0)
    answered = tables.counts.sum(-1) > 0
    best = np.where(answered, tables.accuracy, -1).argmax(-1)
    given = tables.counts[np.arange(len(best)), best].argmax(-1)

    def holds(before: Seen, _: Seen) -> np.ndarray:
        return before.chance[np.arange(len(given)), given] > 1 - 1e-6

    yield Trial(tables, one, holds, "")


def duplicate(tables: Tables, before: Seen) -> Iterator[Trial]:
    for i in range(3):
        order = tables.order.copy()
        order[:, 3] = order[:, i]
        after = Tables(order, (*tables.source[:3], tables.source[i]))
        yield Trial(after, tables.samples[:, i] > 0, _same, f"with model {i + 1} in the pool twice")


def monotonicity(tables: Tables, before: Seen) -> Iterator[Trial]:
    winner, sure = _winner(before)
    for i in range(3):
        after = tables.add(i, np.where(sure, winner, 0))

        def holds(before: Seen, after: Seen) -> np.ndarray:
            return after.chance[np.arange(len(winner)), winner] > 1 - 1e-6

        yield Trial(after, sure & (tables.samples[:, i] > 0), holds, f"with one more of that answer from model {i + 1}")


def blanks(tables: Tables, before: Seen) -> Iterator[Trial]:
    rows = np.arange(len(tables.order))
    counts = tables.counts
    for i in range(3):
        mine = counts[:, i]
        mode = mine.argmax(-1)
        single = (mine == mine.max(-1, keepdims=True)).sum(-1) == 1

        def no_more(before: Seen, after: Seen, mode: np.ndarray = mode) -> np.ndarray:
            return after.chance[rows, mode] <= before.chance[rows, mode] + 1e-6

        yield Trial(tables.add(i, BLANK), single, no_more, f"with one more blank from model {i + 1}")

        def no_less(before: Seen, after: Seen, mode: np.ndarray = mode) -> np.ndarray:
            return after.chance[rows, mode] >= before.chance[rows, mode] - 1e-6

        blank = tables.order[:, i] == BLANK
        order = tables.order.copy()
        order[rows, i, blank.argmax(-1)] = np.where(blank.any(-1), FRESH, order[rows, i, blank.argmax(-1)])
        # an answer given once by nobody else cannot be a mode beside one given twice
        concerns = single & (mine.max(-1) > 1) & blank.any(-1)
        text = f"with a blank of model {i + 1} replaced by an answer nobody else gave"
        yield Trial(tables._replace(order=order), concerns, no_less, text)


def given(tables: Tables, before: Seen) -> Iterator[Trial]:
    absent = tables.counts.sum(1) == 0

    def holds(before: Seen, _: Seen) -> np.ndarray:
        fine = (before.chance >= -_CLOSE).all(-1) & (before.chance.sum(-1) <= 1 + 1e-6)
        return fine & (np.where(absent, before.chance, 0).max(-1) < 1e-6)

    yield Trial(tables, _always(tables), holds, "")


def reinforcement(tables: Tables, before: Seen) -> Iterator[Trial]:
    winner, sure = _winner(before)
    short = sure & (tables.samples <= 2).all(-1)
    partners = np.flatnonzero(short)
    rng = np.random.default_rng(0)
    for turn in range(24):
        # a partner of every table with the same winner: mostly small ones
        reach = partners[: max(len(partners) >> (turn % 6), 1)]
        other = reach[rng.integers(len(reach), size=len(winner))]
        joined = np.concatenate([tables.order, tables.order[other]], -1)
        kept = np.argsort(joined == ABSENT, axis=-1, kind="stable")
        joined = np.take_along_axis(joined, kept, -1)[..., : tables.order.shape[-1]]
        same_pool = ((tables.samples > 0) == (tables.samples[other] > 0)).all(-1)
        concerns = short & (winner == winner[other]) & same_pool

        def holds(before: Seen, after: Seen) -> np.ndarray:
            return after.chance[np.arange(len(winner)), winner] > 1 - 1e-6

        text = "with the samples of another table added, on which the rule returns the same answer"
        yield Trial(tables._replace(order=joined), concerns, holds, text)


def independence(tables: Tables, before: Seen) -> Iterator[Trial]:
    winner, sure = _winner(before)
    rows = np.arange(len(winner))
    for i in range(3):
        mine = tables.counts[:, i]
        loses = mine[rows, winner] < mine.max(-1)
        order = tables.order.copy()
        order[:, i] = ABSENT
        yield Trial(tables._replace(order=order), sure & loses, _same, f"without model {i + 1}, whose answer lost")


def live(tables: Tables, before: Seen) -> Iterator[Trial]:
    place = np.arange(tables.order.shape[-1])
    unused = (place >= before.used[..., None]) & (tables.order != ABSENT)
    for name, drawn in (("blank", BLANK), ("C", 2)):
        order = np.where(unused, drawn, tables.order)

        def holds(before: Seen, after: Seen) -> np.ndarray:
            return _same(before, after) & (before.used == after.used).all(-1)

        yield Trial(tables._replace(order=order), unused.any((1, 2)), holds, f"with the draws it never used {name}")
    # a live run numbers answers as they come in: model by model, the last model first
    names = np.full((len(tables.order), CLASSES), FRESH)
    last_first = tables.order[:, ::-1].reshape(len(tables.order), -1)
    first = np.array([np.where(last_first == c, np.arange(last_first.shape[1]), 99).min(-1) for c in range(CLASSES)]).T
    names = np.argsort(np.argsort(first, axis=-1, kind="stable"), axis=-1)
    order = np.where(
        tables.order >= 0, np.take_along_axis(names, np.maximum(tables.order, 0).reshape(len(names), -1), -1)
        .reshape(tables.order.shape), tables.order,
    )  # fmt: skip

    def renamed(before: Seen, after: Seen) -> np.ndarray:
        return _same(before, after._replace(chance=np.take_along_axis(after.chance, names, -1)))

    yield Trial(tables._replace(order=order), _always(tables), renamed, "with answers numbered as they came in")
