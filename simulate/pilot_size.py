"""How big a pilot: questions and samples needed for an answer that is sharp enough to act on.

Preposterior analysis: pilots of two sizes are drawn from a known or likely world, calibrated and forecast as
real ones would be. What they leave open falls with a power of the questions: a half where samples tell a
question's own chances apart, less where they cannot (one sample a question never says how far votes will help),
so the power is measured and not assumed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from .cells import Cell, pools_in_order, tie_break_order
from .errors import BadInput
from .posterior import Target
from .simulated_pilot import NEAR, SimulatedPilot, best_single, simulated_pilot, true_accuracy
from .worlds import World

LARGE = 2000
"""Questions of a world whose mean accuracy counts as the population's."""
MOST_QUESTIONS = 100_000
"""Pilots of more questions than this are reported as out of reach."""
STEP = 4
"""The larger simulated pilots have this many times the questions of the smaller."""
CHECKED_QUESTIONS = 2000
"""The check runs pilots of at most this many questions."""
ROUNDS = 3
"""At most this many sizes are recommended and checked, each larger than the last."""
SLACK = 1.1
"""A checked half-width of up to this many times the asked one passes: one pilot's scatters by more."""


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
    power: float
    """The half-width falls with the questions to minus this power, 0 to 1/2."""


class Check(NamedTuple):
    """The recommended pilot, drawn and calibrated at its own size."""

    questions: int
    """Questions of each checked pilot."""
    pilots: int
    half_width: float
    """Root mean square half-width of the gain's interval."""
    law: float
    """What the law said at this number of questions, before the check."""
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


class _Law(NamedTuple):
    """Half-width by questions: through two measured sizes, on straight lines in logarithms."""

    questions: tuple[int, int]
    half_widths: tuple[float, float]

    @property
    def power(self) -> float:
        """How fast the half-width falls, at most as for independent questions."""
        (few, many), (wide, narrow) = self.questions, self.half_widths
        return float(np.clip(np.log(max(wide, 1e-12) / max(narrow, 1e-12)) / np.log(many / few), 0.0, 0.5))

    def half_width(self, questions: float) -> float:
        few, many = self.questions
        if questions < many:
            # below the measured sizes, as if independent
            anchor, power = self.half_widths[0], 0.5 if questions < few else self.power
            return anchor * (few / questions) ** power
        return self.half_widths[1] * (many / questions) ** self.power

    def through(self, questions: int, half_width: float) -> _Law:
        """The law drawn anew through a further measured size, and the nearer measured one beyond or below it."""
        few, many = self.questions
        if questions > many:
            return _Law((many, questions), (self.half_widths[1], half_width))
        end = many if questions < many else few
        known = dict(zip(self.questions, self.half_widths, strict=True)) | {questions: half_width}
        low, high = sorted((questions, end))
        return _Law((low, high), (known[low], known[high]))


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

    For each world and each number of samples a question, pilots of ``reference`` and of four times as many
    questions are drawn, calibrated and forecast. The two give the law by which the gain's interval narrows,
    and so the questions for the asked half-width; the joint errors over all pools, scaled by that law and
    added to the pools' true accuracies, give the probability of choosing one near the best. The recommended
    size is then run as such, ``checks`` times; where its interval is too wide still, the law is drawn through
    the new point and a larger size is recommended.

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
        reference: questions of the smaller simulated pilots.
        checks: pilots of a recommended size to run; 0 for none, which leaves the law unchecked.
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
    truth = np.array([true_accuracy(world, cells) for world in worlds])
    larger = [i for i, cell in enumerate(cells) if len(cell.models) > 1]
    if not larger:
        raise BadInput("pilot size: no pool of two models or more to gain anything; name one in --pools")
    best = larger[int(truth.mean(0)[larger].argmax())]
    gains = np.array([truth[i, best] - best_single(world, cells[best]) for i, world in enumerate(worlds)])
    # big pilots take longer, about in proportion
    weight = {questions: 1 + questions / 300 for questions in (reference, STEP * reference)}
    jobs, done = len(per_question) * len(worlds) * sum(weight.values()) + checks * 5, 0.0

    def finished(work: float) -> None:
        nonlocal done
        done += work
        if progress is not None:
            progress(min(done / jobs, 1.0))

    def simulate(at: int, n: int, questions: int, *key: int) -> SimulatedPilot:
        one = _seed(seed, n, at, *key)
        seen = simulated_pilot(worlds[at], n, questions, cells, best, level, target, one)
        finished(weight.get(questions, 5))
        return seen

    asked = _Asked(width, chance, within, reference, len(names))
    designs, laws, pilots = [], [], []
    for n in per_question:
        seen = {size: [simulate(i, n, size) for i in range(len(worlds))] for size in weight}
        laws.append(_Law(tuple(weight), tuple(_root_mean_square(part) for part in seen.values())))
        pilots.append(seen[STEP * reference])
        designs.append(_design(n, laws[-1], pilots[-1], asked))
    check, notes = None, []
    for number in range(ROUNDS):
        recommended = _cheapest(designs)
        if recommended is None or not checks:
            break
        design, law = designs[recommended], laws[recommended]
        size = min(design.questions or CHECKED_QUESTIONS, CHECKED_QUESTIONS)
        trials = [simulate(i % len(worlds), design.samples, size, number + 1, i) for i in range(checks)]
        check = Check(
            size, checks, _root_mean_square(trials), law.half_width(size),
            float(np.mean([one.near_best(within) for one in trials])),
            float(np.mean([one.lower <= one.gain <= one.upper for one in trials])),
        )  # fmt: skip
        promised = max(width, law.half_width(size))
        if check.half_width <= SLACK * promised:
            break
        notes.append(
            f"{size} questions with {design.samples} samples left ±{100 * check.half_width:.2f} points, not the "
            f"±{100 * promised:.2f} expected: the law was drawn anew"
        )
        laws[recommended] = law.through(size, check.half_width)
        designs[recommended] = _design(design.samples, laws[recommended], pilots[recommended], asked)
    recommended = _cheapest(designs)
    if recommended is None:
        check = None
        notes.append(f"no design within {MOST_QUESTIONS:,} questions reaches what was asked; ask for less")
    elif check is not None and check.questions < (designs[recommended].questions or 0):
        notes.append(f"the check ran pilots of {check.questions} questions, fewer than recommended")
    return PilotSize(
        designs, recommended, reference, cells[best], float(gains.mean()), width, chance, within, level, target,
        check, notes,
    )  # fmt: skip


class _Asked(NamedTuple):
    width: float
    chance: float
    within: float
    reference: int
    models: int


def _cheapest(designs: list[Design]) -> int | None:
    reachable = [i for i, design in enumerate(designs) if design.draws is not None]
    return min(reachable, key=lambda i: (designs[i].draws, designs[i].samples)) if reachable else None


def _root_mean_square(seen: list[SimulatedPilot]) -> float:
    return float(np.sqrt(np.mean([one.half_width**2 for one in seen])))


def _seed(seed: int, *more: int) -> int:
    return int(np.random.SeedSequence((seed, *more)).generate_state(1)[0])


def _design(n: int, law: _Law, seen: list[SimulatedPilot], asked: _Asked) -> Design:
    """What ``n`` samples a question need, from the law and the joint errors of its larger pilots."""

    def narrow_at(questions: float) -> float:
        return float(law.half_width(questions) <= asked.width)

    def chance_at(questions: float) -> float:
        shrink = law.half_width(questions) / max(law.half_width(STEP * asked.reference), 1e-12)
        near = []
        for one in seen:
            chosen = (one.truth + shrink * one.error).argmax(1)
            near.append((one.truth.max() - one.truth[chosen] <= asked.within + NEAR).mean())
        return float(np.mean(near))

    for_width, for_choice = _fewest(narrow_at, 1.0), _fewest(chance_at, asked.chance)
    both = None if for_width is None or for_choice is None else int(np.ceil(max(for_width, for_choice) - NEAR))
    return Design(
        n, for_width, for_choice, both, None if both is None else both * n * asked.models,
        law.half_width(asked.reference), chance_at(asked.reference), law.power,
    )  # fmt: skip


def _fewest(chance_at: Callable[[float], float], chance: float) -> float | None:
    """The number of questions from which the chance is reached, by bisection on a logarithmic scale."""
    low, high = 10.0, float(MOST_QUESTIONS)
    if chance_at(low) >= chance:
        return low
    if chance_at(high) < chance:
        return None
    while high / low > 1.01:
        middle = float(np.sqrt(low * high))
        low, high = (low, middle) if chance_at(middle) >= chance else (middle, high)
    return high
