"""Simulation-based calibration of the whole pipeline: do forecasts cover truths that are known?

A world with a known truth yields a pilot; the pilot is calibrated and forecast as a real one; the truth's
rank among the posterior draws is uniform, and intervals cover as often as they say, where the pipeline is
honest (Talts et al. 2018, arXiv 1804.06788). There are two kinds of trial: worlds drawn from the posterior
of a draft that stays in the pilot, where ranks are uniform exactly if the computation is right (Säilynoja
et al. 2025, arXiv 2502.03279), and ready worlds, which test the model as well.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from jaxtyping import Float, Int

from .answers import AnswerLog
from .calibration import calibrate
from .cells import Cell
from .choosing import INDIFFERENT, choose
from .errors import BadInput
from .forecast import Forecast, forecast
from .pool_accuracy import cell_accuracy
from .posterior import Population, Posterior, Target
from .scores import crps, rank, uniform_bands
from .worlds import World, worlds_of

LEVELS = (0.5, 0.8, 0.9, 0.95)
KINDS = ("accuracy", "gain", "run")
"""What is ranked: expected accuracy, gain over the best single model, and the accuracy of one run."""


class Trial(NamedTuple):
    """A pilot, and the truth that its forecast is about."""

    pilot: AnswerLog
    asked: World
    """The questions the forecast is for, with their true probabilities."""
    target: Target
    seed: int
    """Of the calibration, the forecast and the one run."""


class PilotRanks(NamedTuple):
    """One trial's outcome, per cell; cells by samples, then by their models' names."""

    cells: list[Cell]
    ranks: dict[str, Int[np.ndarray, " cell"]]
    """By `KINDS`: rank of the truth among ``draws`` draws, 0..draws; gains of single models count for nothing."""
    draws: dict[str, int]
    """Draws each kind of rank is among."""
    error: Float[np.ndarray, " cell"]
    """Forecast minus true accuracy."""
    crps: Float[np.ndarray, " cell"]
    choice: dict[str, float]
    """The recommendation and the truth about it: forecast corrected and not, accuracy, probability that it is the
    best and whether it is, expected regret and regret, whether the best is it or among its rivals, their number."""


def trials_of_worlds(worlds: Iterable[World], samples: int, target: Target = "same", seed: int = 0) -> Iterator[Trial]:
    """One pilot of every world; for "new" it sees a random half and the rest are the new questions.

    Args:
        worlds: known truths with the same models.
        samples: pilot samples per question and model.
        target: "same": accuracy on the pilot's questions. "new": accuracy on the other half.
        seed: of pilots and calibrations.
    """
    for number, world in enumerate(worlds):
        one = _seed(seed, number)
        known, asked = (world, world) if target == "same" else _halves(world, one)
        yield Trial(known.log(samples, one), asked, target, one)


def trials_of_posterior(
    draft: AnswerLog, posterior: Posterior, questions: int, samples: int, trials: int, target: Target = "same",
    seed: int = 0,
) -> Iterator[Trial]:  # fmt: skip
    """Pilots whose truth is a posterior draw: the draft's answers, and those to fresh questions of that draw.

    Given the draft, truth and fresh answers have the joint law the model says, and the pilot holds them all:
    the truth is then a draw of the pilot's posterior too, whatever the prior.

    Args:
        draft: a log.
        posterior: calibrated from it.
        questions: fresh questions that each pilot adds to the draft's.
        samples: samples per fresh question and model.
        trials: pilots, at most the posterior's draws.
        target: "same": accuracy on the draft's and the fresh questions. "new": on as many others.
        seed: of worlds, pilots and calibrations.
    """
    if trials > posterior.draws:
        raise BadInput(f"{trials} trials: the posterior has {posterior.draws} draws; ask for fewer")
    old = worlds_of(posterior, "same", None, posterior.draws, seed)
    fresh = worlds_of(posterior, "new", 2 * questions + len(posterior.common), posterior.draws, seed)
    # neighbours in a chain are alike: a shuffle, the same for few trials as for many
    for draw in np.random.default_rng(seed).permutation(posterior.draws)[:trials].tolist():
        known, added, one = old[draw], fresh[draw], _seed(seed, draw)
        shown, others = _part(added, np.arange(questions)), _part(added, np.arange(questions, len(added.p)))
        asked = _joined(known, shown) if target == "same" else others
        yield Trial(_with_fresh(draft, shown.log(samples, one)), asked, target, one)


def ranks_of(trial: Trial, k: tuple[int, ...] = (4, 8), draws: int = 200) -> PilotRanks:
    """Calibrate and forecast the pilot, every pool by MUX, and rank the truth among the draws."""
    asked, seed = trial.asked, trial.seed
    found = forecast(
        calibrate(trial.pilot, seed=seed), list(k), ("mux",), None, target=trial.target,
        questions=None if trial.target == "same" else len(asked.p), seed=seed, draws=draws,
    )  # fmt: skip
    # the pilot's own tie-break order is part of the plan that is forecast; one "draw" a question
    everything = [*found.cells, *found.single_cells]
    population = Population(asked.p[:, None], asked.blank[:, None], np.zeros((len(asked.p), 1), int))
    each = cell_accuracy([population], everything, asked.models, np.random.default_rng(0))[0]
    own, single = each[:, : len(found.cells)], each[:, len(found.cells) :]
    run = (np.random.default_rng((seed, 2)).random(own.shape) < own).mean(0)
    order = sorted(range(len(found.cells)), key=lambda i: (found.cells[i].samples, sorted(found.cells[i].models)))
    truth = {"accuracy": own.mean(0), "gain": (own - single[:, found.baseline]).mean(0), "run": run}
    said = {"accuracy": found.accuracy, "gain": found.gains, "run": found.run_accuracy}
    return PilotRanks(
        [found.cells[i] for i in order],
        {kind: rank(said[kind], truth[kind], seed)[order] for kind in KINDS},
        {kind: len(said[kind]) for kind in KINDS},
        (found.accuracy.mean(0) - truth["accuracy"])[order],
        crps(found.accuracy, truth["accuracy"])[order],
        _choice(found, truth["accuracy"]),
    )


def _choice(found: Forecast, truth: Float[np.ndarray, " cell"]) -> dict[str, float]:
    made = choose(found)
    regret = float(truth.max() - truth[made.place])
    best = found.cells[int(truth.argmax())]
    return {
        "corrected": made.accuracy,
        "uncorrected": made.uncorrected,
        "accuracy": float(truth[made.place]),
        "best_probability": made.best_probability,
        "is_best": float(regret <= INDIFFERENT),
        "expected_regret": made.regret,
        "regret": regret,
        "best_among": float(regret <= INDIFFERENT or best in made.rivals),
        "rivals": float(len(made.rivals)),
    }


@dataclass(frozen=True)
class SimulatedCalibration:
    """What the simulated pilots showed."""

    pilots: list[PilotRanks]

    @property
    def cells(self) -> list[Cell]:
        """Cells of the first pilot; worlds name their models alike, and others differ in tie-break order only."""
        return self.pilots[0].cells

    def pit(self, kind: str = "accuracy") -> Float[np.ndarray, "pilot cell"]:
        """Randomised probability integral transform: uniform on (0, 1) where calibrated.

        For "gain" the columns are the pools of two models or more.
        """
        columns = slice(None) if kind != "gain" else np.array([len(cell.models) > 1 for cell in self.cells])
        ranks = np.stack([one.ranks[kind][columns] for one in self.pilots])
        size = np.array([one.draws[kind] for one in self.pilots])[:, None]
        return (ranks + np.random.default_rng(0).random(ranks.shape)) / (size + 1)

    def coverage(self, kind: str = "accuracy") -> dict[float, tuple[float, float]]:
        """Share of central intervals that held the truth, and its standard error over pilots, by level.

        Cells of one pilot go together, so the error is that of the pilots' own shares.
        """
        apart = np.abs(self.pit(kind) - 0.5)
        found = {}
        for level in LEVELS:
            share = (apart <= level / 2).mean(1)
            error = share.std(ddof=1) / np.sqrt(len(share)) if len(share) > 1 else float("nan")
            found[level] = (float(share.mean()), float(error))
        return found

    def calibrated(self, cell: int, kind: str = "accuracy", level: float = 0.95) -> bool:
        """Whether the PIT of one cell stays within simultaneous bands of the uniform distribution."""
        return uniform_bands(len(self.pilots), level).hold(self.pit(kind)[:, cell])

    def histogram(self, kind: str = "accuracy", bins: int = 10) -> list[tuple[float, float]]:
        """Share of ranks in each of ``bins`` equal bins with its standard error over pilots; flat where calibrated."""
        place = np.minimum((self.pit(kind) * bins).astype(int), bins - 1)
        shares = np.stack([(place == b).mean(1) for b in range(bins)])
        count = shares.shape[1]
        errors = shares.std(1, ddof=1) / np.sqrt(count) if count > 1 else np.full(bins, np.nan)
        return list(zip(shares.mean(1).tolist(), errors.tolist(), strict=True))

    def choices(self) -> dict[str, list[float]]:
        """What was said of the recommended cell and what was true, by name, one figure a pilot; and the errors."""
        found = {name: [one.choice[name] for one in self.pilots] for name in self.pilots[0].choice}
        truth = np.array(found["accuracy"])
        for name in ("corrected", "uncorrected"):
            found[f"{name}_error"] = (np.array(found[name]) - truth).tolist()
        return found

    def summary(self) -> dict[str, Any]:
        """Coverage and rank histogram by kind of interval, mean error and its bias (fractions)."""
        error = np.stack([one.error for one in self.pilots])
        several = len(self.pilots) > 1
        bands = uniform_bands(len(self.pilots))
        return {
            "pilots": len(self.pilots),
            "cells": len(self.cells),
            "coverage": {
                kind: {str(level): _figure(*pair) for level, pair in self.coverage(kind).items()} for kind in KINDS
            },
            # what a share of one cell may scatter by, were it right: 95 % of the time within this of its level
            "one_cell_band": {str(level): round(1.96 * np.sqrt(level * (1 - level) / len(error)), 3)
                              for level in LEVELS},
            "mae": float(np.abs(error).mean()),
            "bias": _figure(error.mean(), error.mean(1).std(ddof=1) / np.sqrt(len(error)) if several else np.nan),
            "crps": float(np.mean([one.crps for one in self.pilots])),
            "choice": {
                name: _figure(np.mean(column), np.std(column, ddof=1) / np.sqrt(len(column)) if several else np.nan)
                for name, column in self.choices().items()
            },
            "rank_histogram": {kind: [_figure(*pair) for pair in self.histogram(kind)] for kind in KINDS},
            "cells_within_bands": {
                kind: float(np.mean([bands.hold(column) for column in self.pit(kind).T]))
                for kind in KINDS
            },
        }  # fmt: skip


def simulation_based_calibration(
    trials: Iterable[Trial],
    *,
    k: tuple[int, ...] = (4, 8),
    draws: int = 200,
    progress: Callable[[], None] | None = None,
) -> SimulatedCalibration:
    """Calibrate and forecast every trial's pilot, and rank its truth among the draws.

    Args:
        trials: from `trials_of_worlds` or `trials_of_posterior`.
        k: samples per model that are forecast.
        draws: posterior draws per forecast.
        progress: called after each pilot.
    """
    pilots = []
    for trial in trials:
        pilots.append(ranks_of(trial, k, draws))
        if progress is not None:
            progress()
    return SimulatedCalibration(pilots)


def _seed(seed: int, number: int) -> int:
    return int(np.random.SeedSequence((seed, number)).generate_state(1)[0])


def _figure(value: float, error: float) -> dict[str, float | None]:
    return {"value": round(float(value), 4), "se": None if np.isnan(error) else round(float(error), 4)}


def _halves(world: World, seed: int) -> tuple[World, World]:
    order = np.random.default_rng((seed, 1)).permutation(len(world.p))
    middle = len(order) // 2
    return _part(world, order[:middle]), _part(world, order[middle:])


def _part(world: World, rows: Int[np.ndarray, " question"]) -> World:
    return world._replace(p=world.p[rows], blank=world.blank[rows], tasks=[world.tasks[i] for i in rows])


def _joined(one: World, other: World) -> World:
    width = max(one.p.shape[-1], other.p.shape[-1])
    p = [np.pad(world.p, ((0, 0), (0, 0), (0, width - world.p.shape[-1]))) for world in (one, other)]
    return one._replace(
        p=np.concatenate(p), blank=np.concatenate([one.blank, other.blank]), tasks=[*one.tasks, *other.tasks]
    )


def _with_fresh(draft: AnswerLog, fresh: AnswerLog) -> AnswerLog:
    added = fresh.rows.assign(question="fresh-" + fresh.rows["question"])
    columns = [name for name in draft.rows.columns if name in added.columns]
    return AnswerLog.from_rows(pd.concat([draft.rows[columns], added[columns]], ignore_index=True), draft.source)
