"""Every outcome of a few samples of a few models, by enumeration: what the laws of theory are checked against."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import product
from math import prod
from typing import NamedTuple

import numpy as np

BLANK = -1


class Mode(NamedTuple):
    """What one model's samples amount to, with one of its tied modes."""

    chance: float
    top: int
    """Count of the mode; 0 if every sample is blank."""
    answered: int
    """Samples that are not blank."""
    right: bool


def modes(p: np.ndarray, blank: float, k: int) -> list[Mode]:
    """All sequences of k draws with each of their tied modes, class 0 right."""
    chance = {**dict(enumerate(p)), BLANK: blank}
    found = []
    for draw in product(chance, repeat=k):
        weight = prod(chance[c] for c in draw)
        counts = Counter(c for c in draw if c != BLANK)
        top = max(counts.values(), default=0)
        tied = [c for c, n in counts.items() if n == top] or [BLANK]
        found += [Mode(weight / len(tied), top, sum(counts.values()), c == 0) for c in tied]
    return found


def pooled(models: Sequence[list[Mode]]) -> Iterator[tuple[float, tuple[Mode, ...]]]:
    """All joint outcomes of independent models."""
    for outcome in product(*models):
        yield prod(mode.chance for mode in outcome), outcome


def chosen_model(outcome: Sequence[Mode], confidence) -> int | None:
    """The model SLM-MUX answers with: the highest confidence, then the earliest; None if all are silent."""
    best = max(range(len(outcome)), key=lambda i: (confidence(i, outcome[i]), -i))
    return best if outcome[best].top else None


def random_pool(rng: np.random.Generator, models: int, classes: int) -> tuple[np.ndarray, np.ndarray]:
    """Answer probabilities [model, class] and blanks [model], with an empty class now and then."""
    draw = rng.dirichlet(np.full(classes + 1, 0.8), size=models)
    if rng.random() < 0.3:
        draw[:, rng.integers(classes)] = 0
        draw /= draw.sum(-1, keepdims=True)
    return draw[:, :-1], draw[:, -1]
