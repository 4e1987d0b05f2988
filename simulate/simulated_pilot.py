"""One pilot drawn from a known world, calibrated and forecast as a real one would be: what it leaves open."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from .calibration import calibrate
from .cells import SINGLE, Cell, pools_in_order, tie_break_order
from .forecast import denoised, forecast
from .pool_accuracy import cell_accuracy
from .posterior import Population, Target
from .worlds import World

TARGET = 1000
"""New questions of each of two forecasts, whose difference tells how much of the spread is theirs."""
DRAWS = 200
"""Posterior draws of each."""
NEAR = 1e-9
"""Rounding allowed in comparing accuracies."""


class SimulatedPilot(NamedTuple):
    """What one simulated pilot's forecast leaves open, and the truth it is about."""

    half_width: float
    """Half-width of the gain's interval."""
    lower: float
    upper: float
    """The gain's interval."""
    error: Float[np.ndarray, "draw pool"]
    """Posterior draws of the pools' accuracies around their means."""
    chosen: int
    """Pool of highest forecast accuracy."""
    truth: Float[np.ndarray, " pool"]
    """The pools' true accuracies on the target questions."""
    gain: float
    """The true gain there."""

    def near_best(self, within: float) -> bool:
        """Whether the chosen pool's true accuracy is within ``within`` of the best one's."""
        return bool(self.truth.max() - self.truth[self.chosen] <= within + NEAR)


def checked_pilot(
    world: World,
    n: int,
    questions: int,
    models: Sequence[str],
    *,
    samples: int = 4,
    level: float = 0.9,
    target: Target = "new",
    seed: int = 0,
) -> SimulatedPilot:
    """One pilot of ``questions`` questions with ``n`` samples each, drawn from ``world`` and forecast.

    Args:
        world: the truth.
        n: pilot samples per question and model.
        questions: questions of the pilot.
        models: the pool whose gain is meant; all pools of the world's models are chosen among.
        samples: k of the plan.
        level: probability of the interval.
        target: "new": the gain on the population. "same": on the pilot's questions.
        seed: of the pilot and its forecast.
    """
    order = tie_break_order(dict(zip(world.models, world.accuracy, strict=True)))
    cells = [Cell("mux", pool, samples) for pool in pools_in_order(order, None)]
    best = next(i for i, cell in enumerate(cells) if set(cell.models) == set(models))
    return simulated_pilot(world, n, questions, cells, best, level, target, seed)


def simulated_pilot(
    world: World, n: int, questions: int, cells: list[Cell], best: int, level: float, target: Target, seed: int
) -> SimulatedPilot:
    # the first questions of a larger pilot are those of a smaller: what differs is their number
    drawn = world.resample(questions, seed)
    asked = world if target == "new" else drawn
    posterior = calibrate(drawn.log(n, seed), seed=seed)
    found = [
        forecast(
            posterior, [cells[0].samples], ("mux",), [cell.models for cell in cells],
            target=target, questions=TARGET if target == "new" else None, level=level, seed=half, draws=DRAWS,
        )
        for half in ((seed, seed + 1) if target == "new" else (seed,))
    ]  # fmt: skip
    # the pilot's own tie-break may order pools differently: match them as sets
    place = {frozenset(cell.models): i for i, cell in enumerate(found[0].cells)}
    at = [place[frozenset(cell.models)] for cell in cells]
    draws = _of_population([one.accuracy[:, at] for one in found])
    over = found[0].baseline[at[best]]
    gain = _of_population([one.accuracy[:, at[best]] - one.singles.mean(0)[:, over] for one in found])
    lower, upper = found[0].interval(gain)
    truth = true_accuracy(asked, cells)
    return SimulatedPilot(
        float(upper - lower) / 2, float(lower), float(upper), draws - draws.mean(0), int(draws.mean(0).argmax()),
        truth, float(truth[best] - best_single(asked, cells[best])),
    )  # fmt: skip


def _of_population(halves: list[np.ndarray]) -> np.ndarray:
    """Draws of a figure of the population, from its values on two sets of new questions of the same draws.

    The sets differ by the sampling of questions alone, which is thereby known and taken out.
    """
    return denoised(np.stack(halves)) if len(halves) > 1 else halves[0]


def true_accuracy(world: World, cells: list[Cell]) -> Float[np.ndarray, " cell"]:
    one = Population(world.p[None], world.blank[None], np.zeros((1, len(world.p)), int))
    return cell_accuracy([one], cells, world.models, np.random.default_rng(0))[0, 0]


def best_single(world: World, pool: Cell) -> float:
    return float(true_accuracy(world, [Cell(SINGLE, (name,), pool.samples) for name in pool.models]).max())
