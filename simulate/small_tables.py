"""Every small table of answers, smallest first: where an axiom fails, the first failure is a minimal one."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from itertools import combinations_with_replacement, product
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Int

from .answers import AnswerCounts
from .rules.evaluate import tally
from .rules.protocol import ABSENT, BLANK

MODELS, CLASSES, SAMPLES = 4, 5, 4
"""Places in a table. Models 0..2 and samples 0..2 are filled; the rest is room for what an axiom adds.
Class 4 is never drawn: it is the answer nobody gave."""
_MOST = 3
FRESH = CLASSES - 1
ACCURACY = np.array([0.6, 0.8, 0.7, 0.5])
"""Validation accuracies; distinct, and not in list order."""


class Tables(NamedTuple):
    """Draws of a pool on one question each, and the pool they came from."""

    order: Int[np.ndarray, "table model sample"]
    """Class of each draw in the order drawn, ``BLANK``, or ``ABSENT``."""
    source: tuple[int, ...] = (0, 1, 2, 3)
    """Which model of the reference pool stands in each place; models are permuted or doubled by it."""

    @property
    def counts(self) -> Int[np.ndarray, "table model class"]:
        return tally(self.order, CLASSES)[0]

    @property
    def blanks(self) -> Int[np.ndarray, "table model"]:
        return tally(self.order, CLASSES)[1]

    @property
    def samples(self) -> Int[np.ndarray, "table model"]:
        return (self.order != ABSENT).sum(-1)

    @property
    def accuracy(self) -> Float[np.ndarray, " model"]:
        return ACCURACY[list(self.source)]

    def take(self, rows: Any) -> Tables:
        return self._replace(order=self.order[rows])

    def add(self, model: int | Int[np.ndarray, " table"], drawn: int | Int[np.ndarray, " table"]) -> Tables:
        """One more draw at the end of a model's."""
        order = self.order.copy()
        rows = np.arange(len(order))
        model = np.broadcast_to(model, len(order))
        order[rows, model, self.samples[rows, model]] = drawn
        return self._replace(order=order)


def _lists(most: int) -> list[tuple[int, ...]]:
    draws = (BLANK, 0, 1, 2)
    return [row for k in range(most + 1) for row in product(draws, repeat=k)]


@lru_cache
def small_tables() -> Tables:
    """All tables of 1 or 2 models with up to 3 draws each and of 3 models with up to 2, up to renaming answers.

    And of 3 models with up to 3 draws, none of them blank, in one order each: some rules fail no sooner than there.
    """
    found: set[tuple[tuple[int, ...], ...]] = set()
    for rows in product(_lists(_MOST), repeat=2):
        found.add(_renamed((*rows, ())))
        found.add(_renamed((rows[0], (), rows[1])))
    for rows in product(_lists(2), repeat=3):
        found.add(_renamed(rows))
    unordered = [row for k in range(1, _MOST + 1) for row in combinations_with_replacement(range(3), k)]
    for rows in product(unordered, repeat=3):
        found.add(_renamed(rows))
    ranked = sorted((row for row in found if any(row)), key=_size)
    order = np.full((len(ranked), MODELS, SAMPLES), ABSENT)
    for table, row in zip(order, ranked, strict=True):
        for model, draws in enumerate(row):
            table[model, : len(draws)] = draws
    return Tables(order)


def _renamed(rows: tuple[tuple[int, ...], ...]) -> tuple[tuple[int, ...], ...]:
    """Answers numbered in the order they first appear."""
    names: dict[int, int] = {BLANK: BLANK}
    return tuple(tuple(names.setdefault(drawn, len(names) - 1) for drawn in row) for row in rows)


def _size(rows: tuple[tuple[int, ...], ...]) -> tuple[Any, ...]:
    draws = [drawn for row in rows for drawn in row]
    return (len(draws), sum(map(bool, rows)), draws.count(BLANK), max(draws), rows)


def reference_pilot(source: Sequence[int], questions: int = 60, samples: int = 8) -> AnswerCounts:
    """A made-up pilot of the reference pool, for rules that learn; models as in ``source``."""
    rng = np.random.default_rng(3)
    ease = rng.normal(size=(questions, 1))
    skill = np.log(ACCURACY / (1 - ACCURACY))
    p = 1 / (1 + np.exp(-(skill + 1.5 * ease + 0.5 * rng.normal(size=(questions, MODELS)))))
    wrong = rng.dirichlet(np.full(2, 0.5), size=questions)[:, None, :] * (1 - p)[..., None] * 0.95
    blank = (1 - p) * 0.05
    chance = np.concatenate([p[..., None], wrong, blank[..., None]], -1)
    drawn = rng.multinomial(samples, chance)
    columns = list(source)
    return AnswerCounts(
        drawn[:, columns, :-1],
        drawn[:, columns, -1],
        np.ones(questions, int),
        [("pilot", str(q)) for q in range(questions)],
        [f"model {place}" for place in range(len(columns))],
        [["right", "x", "y"]] * questions,
    )


def in_words(order: Int[np.ndarray, "model sample"], accuracy: Float[np.ndarray, " model"]) -> list[str]:
    """A table in plain words, one line per model."""
    lines = []
    for place, row in enumerate(order):
        drawn = [name_of(c) for c in row if c != ABSENT]
        if drawn:
            lines.append(f"model {place + 1} (validation accuracy {100 * accuracy[place]:.0f} %): {', '.join(drawn)}")
    return lines


def name_of(drawn: int) -> str:
    """A, B, C, ... or blank."""
    return "blank" if drawn == BLANK else "ABCDEFGH"[int(drawn)]


def outcome_in_words(chance: Float[np.ndarray, " class"]) -> str:
    """What a rule returns, in plain words."""
    parts = [
        f"{name_of(c)}" + (f" with probability {p:.2g}" if p < 1 - 1e-9 else "")
        for c, p in enumerate(chance)
        if p > 1e-9
    ]
    if chance.sum() < 1 - 1e-9:
        rest = 1 - chance.sum()
        parts.append("no answer" + (f" with probability {rest:.2g}" if rest < 1 - 1e-9 else ""))
    return ", ".join(parts)
