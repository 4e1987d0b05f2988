"""How big a pilot: questions and samples needed for an answer that is sharp enough to act on.

Preposterior analysis: pilots are drawn from a known or likely world, calibrated and forecast as a real
one would be, and what their posteriors leave open is scaled to other numbers of questions.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from .calibration import calibrate
from .cells import SINGLE, Cell, pools_in_order, tie_break_order
from .errors import BadInput
from .forecast import forecast
from .pool_accuracy import cell_accuracy
from .posterior import Population, Target
from .worlds import World

LARGE = 2000
"""Questions of a world whose mean accuracy counts as the population's."""
TARGET = 1000
"""New questions that simulated forecasts are for: enough that their own sampling adds little."""
MOST_QUESTIONS = 100_000
"""Pilots of more questions than this are reported as out of reach."""
CHECKED_QUESTIONS = 1000
"""The check runs pilots of at most this many questions."""
_NEAR = 1e-9


class Design(NamedTuple):
    """A number of samples per question, and the questions it needs."""

    samples: int
    """Pilot samples per question and model."""
    questions_for_width: float | None
    """Questions for the gain's interval to reach the asked half-width; None beyond `MOST_QUESTIONS`."""
    questions_for_choice: float | None
    """Questions for the asked probability of a near-best choice; None beyond `MOST_QUESTIONS`."""
    questions: int | None
    """The larger of the two, rounded up."""
    draws: int | None
    """Samples to draw in all: questions x samples x models."""
    half_width: float
    """Half-width of the gain's interval at the reference number of questions."""
    chance: float
    """Probability of a near-best choice at the reference number of questions."""


class Check(NamedTuple):
    """The recommended pilot, drawn and calibrated at its own size."""

    questions: int
    """Questions of each checked pilot."""
    pilots: int
    half_width: float
    """Root mean square half-width of the gain's interval."""
    law: float
    """What the scaling law said at this number of questions."""
    near_best: float
    """Share of the pilots whose chosen pool is within the margin of the best."""
    held: float
    """Share of the pilots whose interval held the true gain."""


@dataclass(frozen=True)
class PilotSize:
    """Designs of a pilot, the recommended one, and its check."""

    designs: list[Design]
    recommended: int | None
    """Index of the design with the fewest draws in all; None where none is within reach."""
    reference: int
    """Questions of the simulated pilots that the law was measured on."""
    pool: Cell
    """The cell whose gain is meant: MUX of the pool that is best in the world."""
    gain: float
    """Its true gain over the best single model at the same k, averaged over the worlds."""
    width: float
    """Asked half-width, 0 to 1."""
    chance: float
    """Asked probability of a near-best choice."""
    within: float
    """What counts as near-best: accuracy below the best, 0 to 1."""
    level: float
    target: Target
    check: Check | None
    notes: list[str] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """The designs as a dictionary in the format ``muxcast-pilot-size``."""
        return {
            "format": "muxcast-pilot-size",
            "version": 1,
            "level": self.level,
            "target": self.target,
            "asked": {"half_width": self.width, "chance": self.chance, "within": self.within},
            "gain": {
                "rule": self.pool.rule,
                "models": list(self.pool.models),
                "samples": self.pool.samples,
                "mean": self.gain,
            },
            "reference_questions": self.reference,
            "designs": [design._asdict() for design in self.designs],
            "recommended": None if self.recommended is None else self.designs[self.recommended]._asdict(),
            "check": None if self.check is None else self.check._asdict(),
            "notes": self.notes,
        }


class _Seen(NamedTuple):
    """What one simulated pilot's forecast leaves open."""

    half_width: float
    lower: float
    upper: float
    error: Float[np.ndarray, "draw pool"]
    """Posterior draws of the pools' accuracies around their means."""
    chosen: int
    """Pool of highest forecast accuracy."""


def pilot_size(
    worlds: Sequence[World],
    *,
    samples: int = 4,
    width: float = 0.01,
    chance: float = 0.95,
    within: float = 0.005,
    level: float = 0.9,
    per_question: Sequence[int] = (1, 2, 4),
    pools: Sequence[Sequence[str]] | None = None,
    target: Target = "new",
    reference: int = 100,
    checks: int = 1,
    seed: int = 0,
    progress: Callable[[float], None] | None = None,
) -> PilotSize:
    """Questions and samples a pilot needs.

    For each world and each number of samples a question, a pilot of ``reference`` questions is drawn,
    calibrated and forecast. Its posterior spread falls with one over the root of the questions, which
    gives the questions for the asked half-width; its joint errors over all pools, added to the pools' true
    accuracies, give the probability of choosing one near the best. The recommended size is then run as
    such, ``checks`` times, since a law is only a law.

    Args:
        worlds: likely truths, for instance `muxcast.simulate.worlds.worlds_of` a draft pilot's posterior;
            the designs average over them.
        samples: k, the samples per model of the plan to be decided.
        width: asked half-width of the interval of the gain, 0 to 1.
        chance: asked probability of choosing a pool within ``within`` of the best.
        within: margin, 0 to 1.
        level: probability of the interval.
        per_question: pilot samples per question to consider.
        pools: pools to choose among; None for every non-empty subset.
        target: "new": the gain on the population of questions. "same": on the pilot's own questions.
        reference: questions of the simulated pilots.
        checks: pilots of the recommended size to run; 0 for none.
        seed: of everything random.
        progress: called with the share of the work done.
    Raises:
        BadInput: no worlds, or figures outside their range.
    """
    if not worlds or width <= 0 or not 0 < chance < 1 or within < 0 or not 0 < level < 1 or reference < 10:
        raise BadInput(
            f"pilot size: half-width {width:g}, chance {chance:g}, margin {within:g}, level {level:g}, reference "
            f"{reference}: the first must be above 0, chance and level between 0 and 1, the reference at least 10"
        )
    per_question = sorted(set(per_question))
    if not per_question or per_question[0] < 1:
        raise BadInput("pilot size: give at least one number of samples a question, each 1 or more")
    names = worlds[0].models
    order = tie_break_order(dict(zip(names, np.mean([world.accuracy for world in worlds], 0), strict=True)))
    cells = [Cell("mux", pool, samples) for pool in pools_in_order(order, pools)]
    truth = np.array([_true_accuracy(world, cells) for world in worlds])
    larger = [i for i, cell in enumerate(cells) if len(cell.models) > 1]
    if not larger:
        raise BadInput("pilot size: no pool of two models or more to gain anything; name one in --pools")
    best = larger[int(truth.mean(0)[larger].argmax())]
    gains = np.array([truth[i, best] - _best_single(world, cells[best]) for i, world in enumerate(worlds)])

    jobs, done = len(per_question) * len(worlds) + checks, 0

    def finished() -> None:
        nonlocal done
        done += 1
        if progress is not None:
            progress(done / jobs)

    designs, widths = [], []
    for n in per_question:
        seen = []
        for i, world in enumerate(worlds):
            seen.append(_pilot(world, n, reference, cells, best, level, target, _seed(seed, n, i)))
            finished()
        widths.append(float(np.sqrt(np.mean([one.half_width**2 for one in seen]))))
        designs.append(_design(n, widths[-1], seen, truth, len(names), reference, width, chance, within))
    reachable = [i for i, design in enumerate(designs) if design.draws is not None]
    recommended = min(reachable, key=lambda i: (designs[i].draws, designs[i].samples)) if reachable else None
    check, notes = None, []
    if recommended is None:
        notes.append(f"no design within {MOST_QUESTIONS:,} questions reaches what was asked; ask for less")
    elif checks:
        check = _check(
            worlds, designs[recommended], widths[recommended], reference, cells, best, truth, gains,
            level, target, within, checks, seed, finished,
        )  # fmt: skip
        if check.questions < (designs[recommended].questions or 0):
            notes.append(f"the check ran pilots of {check.questions} questions, fewer than recommended")
    return PilotSize(
        designs, recommended, reference, cells[best], float(gains.mean()), width, chance, within, level, target,
        check, notes,
    )  # fmt: skip


def _seed(seed: int, *more: int) -> int:
    return int(np.random.SeedSequence((seed, *more)).generate_state(1)[0])


def _true_accuracy(world: World, cells: list[Cell]) -> Float[np.ndarray, " cell"]:
    one = Population(world.p[None], world.blank[None], np.zeros((1, len(world.p)), int))
    return cell_accuracy([one], cells, world.models, np.random.default_rng(0))[0, 0]


def _best_single(world: World, pool: Cell) -> float:
    return float(_true_accuracy(world, [Cell(SINGLE, (name,), pool.samples) for name in pool.models]).max())


def _pilot(
    world: World, n: int, questions: int, cells: list[Cell], best: int, level: float, target: Target, seed: int
) -> _Seen:
    log = world.resample(questions, seed).log(n, seed)
    size = TARGET if target == "new" else None
    found = forecast(
        calibrate(log, seed=seed), [cells[0].samples], ("mux",), [cell.models for cell in cells],
        target=target, questions=size, level=level, seed=seed, draws=200,
    )  # fmt: skip
    # the pilot's own tie-break may order pools differently: match them as sets
    place = {frozenset(cell.models): i for i, cell in enumerate(found.cells)}
    at = [place[frozenset(cell.models)] for cell in cells]
    draws = found.accuracy[:, at]
    lower, upper = found.interval(found.gains[:, at[best]])
    return _Seen(
        float(upper - lower) / 2, float(lower), float(upper), draws - draws.mean(0), int(found.mean[at].argmax())
    )


def _design(
    n: int,
    half_width: float,
    seen: list[_Seen],
    truth: Float[np.ndarray, "world pool"],
    models: int,
    reference: int,
    width: float,
    chance: float,
    within: float,
) -> Design:
    for_width = reference * (half_width / width) ** 2

    def chance_at(questions: float) -> float:
        shrink = np.sqrt(reference / questions)
        near = []
        for one, accuracy in zip(seen, truth, strict=True):
            chosen = (accuracy + shrink * one.error).argmax(1)
            near.append((accuracy.max() - accuracy[chosen] <= within + _NEAR).mean())
        return float(np.mean(near))

    for_choice = _fewest(chance_at, chance)
    both = None
    if for_choice is not None and for_width <= MOST_QUESTIONS:
        both = max(int(np.ceil(max(for_width, for_choice) - _NEAR)), 10)
    return Design(
        n,
        for_width if for_width <= MOST_QUESTIONS else None,
        for_choice,
        both,
        None if both is None else both * n * models,
        half_width,
        chance_at(reference),
    )


def _fewest(chance_at: Callable[[float], float], chance: float) -> float | None:
    """The number of questions from which the chance is reached, by bisection on a logarithmic scale."""
    low, high = 10.0, float(MOST_QUESTIONS)
    if chance_at(low) >= chance:
        return low
    if chance_at(high) < chance:
        return None
    while high / low > 1.02:
        middle = np.sqrt(low * high)
        low, high = (low, middle) if chance_at(middle) >= chance else (middle, high)
    return float(high)


def _check(
    worlds: Sequence[World],
    design: Design,
    half_width: float,
    reference: int,
    cells: list[Cell],
    best: int,
    truth: Float[np.ndarray, "world pool"],
    gains: Float[np.ndarray, " world"],
    level: float,
    target: Target,
    within: float,
    checks: int,
    seed: int,
    finished: Callable[[], None],
) -> Check:
    questions = min(design.questions or CHECKED_QUESTIONS, CHECKED_QUESTIONS)
    widths, near, held = [], [], []
    for i in range(checks):
        at = i % len(worlds)
        one = _pilot(worlds[at], design.samples, questions, cells, best, level, target, _seed(seed, 10_000, i))
        widths.append(one.half_width)
        near.append(truth[at].max() - truth[at, one.chosen] <= within + _NEAR)
        held.append(one.lower <= gains[at] <= one.upper)
        finished()
    law = half_width * np.sqrt(reference / questions)
    return Check(
        questions, checks, float(np.sqrt(np.mean(np.square(widths)))), float(law), float(np.mean(near)),
        float(np.mean(held)),
    )  # fmt: skip
