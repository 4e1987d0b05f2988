"""Simulation-based calibration of the whole pipeline: do forecasts cover truths that are known?

A world with a known truth yields a pilot; the pilot is calibrated and forecast as a real one; the truth's
rank among the posterior draws is uniform, and intervals cover as often as they say, where the pipeline is
honest (Talts et al. 2018, arXiv 1804.06788). Worlds drawn from a posterior test the computation, ready
worlds the model as well.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from .calibration import calibrate
from .cells import Cell
from .forecast import forecast
from .pool_accuracy import cell_accuracy
from .posterior import Population, Target
from .scores import coverage, crps, pit, rank, uniform_bands
from .worlds import World

LEVELS = (0.5, 0.8, 0.9, 0.95)


@dataclass(frozen=True)
class SimulatedCalibration:
    """What the simulated pilots showed; rows are pilots, columns cells."""

    cells: list[Cell]
    """Cells that were forecast, by size of pool only: worlds name their models alike."""
    ranks: Int[np.ndarray, "pilot cell"]
    """Rank of the true accuracy among ``draws`` posterior draws, 0..draws."""
    gain_ranks: Int[np.ndarray, "pilot cell"]
    """Rank of the true gain over the forecast's single model."""
    pit: Float[np.ndarray, "pilot cell"]
    """Randomised probability integral transform of the true accuracy."""
    inside: Float[np.ndarray, "level cell"]
    """Share of the pilots whose interval at each of ``LEVELS`` held the true accuracy."""
    gain_inside: Float[np.ndarray, "level cell"]
    """The same of the true gain."""
    error: Float[np.ndarray, "pilot cell"]
    """Forecast minus true accuracy."""
    crps: Float[np.ndarray, "pilot cell"]
    draws: int

    def calibrated(self, cell: int, level: float = 0.95) -> bool:
        """Whether the PIT of one cell stays within simultaneous bands of the uniform distribution."""
        return uniform_bands(len(self.pit), level).hold(self.pit[:, cell])

    def histogram(self, bins: int = 10) -> Int[np.ndarray, " bin"]:
        """Rank histogram over all pilots and cells; flat where calibrated. Cells of a pilot go together."""
        return np.histogram(self.ranks, bins=bins, range=(0, self.draws + 1))[0]

    def summary(self) -> dict[str, Any]:
        """Coverage by level, mean error and its bias (fractions), and the rank histogram."""
        return {
            "pilots": len(self.pit),
            "cells": len(self.cells),
            "coverage": dict(zip(map(str, LEVELS), self.inside.mean(1).tolist(), strict=True)),
            "gain_coverage": dict(zip(map(str, LEVELS), self.gain_inside.mean(1).tolist(), strict=True)),
            "mae": float(np.abs(self.error).mean()),
            "bias": float(self.error.mean()),
            "crps": float(self.crps.mean()),
            "rank_histogram": self.histogram().tolist(),
            "cells_within_bands": float(np.mean([self.calibrated(cell) for cell in range(len(self.cells))])),
        }


def simulation_based_calibration(
    worlds: Iterable[World],
    *,
    samples: int = 4,
    k: tuple[int, ...] = (4, 8),
    target: Target = "same",
    draws: int = 200,
    seed: int = 0,
    progress: Callable[[], None] | None = None,
) -> SimulatedCalibration:
    """Calibrate and forecast one pilot of every world, and rank the truth among the draws.

    Args:
        worlds: known truths with the same models; for "new" each holds the whole population, of which the
            pilot sees a random half and the rest are the new questions.
        samples: pilot samples per question and model.
        k: samples per model that are forecast.
        target: "same": accuracy on the pilot's questions. "new": accuracy on other questions of the world.
        draws: posterior draws per forecast.
        seed: of pilots and calibrations.
        progress: called after each pilot.
    """
    columns: dict[str, list[np.ndarray]] = {name: [] for name in ("draws", "gains", "truth", "true_gain")}
    cells: list[Cell] = []
    for number, world in enumerate(worlds):
        one = int(np.random.SeedSequence((seed, number)).generate_state(1)[0])
        known, asked = (world, world) if target == "same" else _halves(world, one)
        found = forecast(
            calibrate(known.log(samples, one), seed=one), list(k), ("mux",), None,
            target=target, questions=None if target == "same" else len(asked.p), seed=one, draws=draws,
        )  # fmt: skip
        population = Population(asked.p[None], asked.blank[None], np.zeros((1, len(asked.p)), int))
        # the pilot's own tie-break order is part of the plan that is forecast
        everything = [*found.cells, *found.single_cells]
        truth = cell_accuracy([population], everything, world.models, np.random.default_rng(0))[0, 0]
        own, single = truth[: len(found.cells)], truth[len(found.cells) :]
        order = sorted(range(len(found.cells)), key=lambda i: (found.cells[i].samples, sorted(found.cells[i].models)))
        cells = [found.cells[i] for i in order]
        columns["draws"].append(found.accuracy[:, order])
        columns["gains"].append(found.gains[:, order])
        columns["truth"].append(own[order])
        columns["true_gain"].append((own - single[found.baseline])[order])
        if progress is not None:
            progress()
    accuracy, gains, truth, true_gain = (np.stack(parts) for parts in columns.values())
    pilots = range(len(truth))
    larger = np.array([len(cell.models) > 1 for cell in cells])
    return SimulatedCalibration(
        cells=cells,
        ranks=np.stack([rank(accuracy[i], truth[i], seed + i) for i in pilots]),
        gain_ranks=np.stack([rank(gains[i], true_gain[i], seed + i) for i in pilots])[:, larger],
        pit=np.stack([pit(accuracy[i], truth[i], seed + i) for i in pilots]),
        inside=_inside(accuracy, truth),
        gain_inside=_inside(gains[:, :, larger], true_gain[:, larger]),
        error=accuracy.mean(1) - truth,
        crps=np.stack([crps(accuracy[i], truth[i]) for i in pilots]),
        draws=accuracy.shape[1],
    )


def _inside(
    draws: Float[np.ndarray, "pilot draw cell"], truth: Float[np.ndarray, "pilot cell"]
) -> Float[np.ndarray, "level cell"]:
    by_cell = [list(coverage(draws[:, :, c].T, truth[:, c], LEVELS).values()) for c in range(truth.shape[1])]
    return np.array(by_cell).T


def _halves(world: World, seed: int) -> tuple[World, World]:
    order = np.random.default_rng((seed, 1)).permutation(len(world.p))
    middle = len(order) // 2

    def part(rows: np.ndarray) -> World:
        return world._replace(p=world.p[rows], blank=world.blank[rows], tasks=[world.tasks[i] for i in rows])

    return part(order[:middle]), part(order[middle:])
