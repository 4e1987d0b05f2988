"""Forecasts: what every pool will score, and how sure we are, from a posterior."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float

from .cells import SINGLE, Cell, cells_of, pools_in_order, tie_break_order, tokens_per_question
from .choosing import choose
from .errors import BadInput
from .intervals import meanings
from .pool_accuracy import PLURALITY, score_cells
from .posterior import Posterior, Target

RULES = ("mux", SINGLE, PLURALITY)
"""Rules forecast when none are asked for."""

_MOST_CELLS = 500_000


@dataclass(frozen=True)
class Forecast:
    """Posterior draws of the expected accuracy of every cell on the target questions."""

    cells: list[Cell]
    """What was forecast."""
    halves: Float[np.ndarray, "half draw cell"]
    """Accuracy in each drawn world; the halves differ by simulation noise only."""
    run_variance: Float[np.ndarray, " cell"]
    """Variance of one single run's accuracy around the expected one, given world and questions."""
    drawn: list[list[float]]
    """Expected samples of a question per model of each cell; below ``samples`` where a rule stops early."""
    single_cells: list[Cell]
    """Self-consistency of each single model at each k, which gains are over."""
    singles: Float[np.ndarray, "half draw single"]
    """Their accuracy in the same worlds."""
    posterior: Posterior
    """Where the worlds came from."""
    target: Target
    """Which questions: the pilot's own ("same") or fresh ones ("new")."""
    questions: int
    """How many target questions."""
    level: float
    """Probability of the intervals."""
    seed: int
    prices: dict[str, tuple[float, float]] | None = None
    """Price of a million prompt and completion tokens per model."""
    notes: list[str] = field(default_factory=list)

    @cached_property
    def accuracy(self) -> Float[np.ndarray, "draw cell"]:
        """Draws of each cell's expected accuracy, simulation noise taken out of their spread."""
        return np.clip(denoised(self.halves), 0, 1)

    @cached_property
    def tokens_per_question(self) -> list[float | None]:
        """Expected tokens to answer one question per cell; None where the pilot counts none."""
        tokens = self.posterior.pilot.tokens
        return [tokens_per_question(cell, tokens, drawn) for cell, drawn in zip(self.cells, self.drawn, strict=True)]

    @cached_property
    def mean(self) -> Float[np.ndarray, " cell"]:
        """Forecast accuracy."""
        return self.halves.mean((0, 1))

    @cached_property
    def baseline(self) -> list[int]:
        """Per cell, the place in ``singles`` of the pool's best single model by expected accuracy at the same k."""
        place = {(cell.models[0], cell.samples): i for i, cell in enumerate(self.single_cells)}
        mean = self.singles.mean((0, 1))
        return [max((place[name, cell.samples] for name in cell.models), key=lambda i: mean[i]) for cell in self.cells]

    @cached_property
    def gains(self) -> Float[np.ndarray, "draw cell"]:
        """Draws of each cell's gain over its baseline, paired: both in the same worlds, on the same questions."""
        return denoised(self.halves - self.singles[:, :, self.baseline])

    def difference(self, cell: int, other: int) -> Float[np.ndarray, " draw"]:
        """Draws of one cell's accuracy minus another's, paired as ``gains`` are."""
        return denoised(self.halves[:, :, cell] - self.halves[:, :, other])

    @cached_property
    def run_accuracy(self) -> Float[np.ndarray, "draw cell"]:
        """Draws of what one single run on the target questions will score: adds the scatter of its answers."""
        rng = np.random.default_rng(np.random.SeedSequence(self.seed, spawn_key=(5,)))
        # several runs a world, since the tails of few draws are rough
        worlds = np.repeat(self.accuracy, 5, axis=0)
        scatter = np.sqrt(self.run_variance) * rng.standard_normal((len(worlds), 1))
        return np.clip(worlds + scatter, 0, 1)

    def run_interval(self, cell: int) -> tuple[float, float]:
        """The central interval of one single run's accuracy, at this forecast's level."""
        lower, upper = self.interval(self.run_accuracy[:, cell])
        return float(lower), float(upper)

    def interval(self, draws: Float[np.ndarray, "draw cell"]) -> tuple[Any, Any]:
        """The central interval of draws at this forecast's level."""
        tail = (1 - self.level) / 2
        lower, upper = np.quantile(draws, [tail, 1 - tail], axis=0)
        return lower, upper

    def to_frame(self) -> pd.DataFrame:
        """One row a cell: rule, models ("a+b"), size, samples, mean, sd, lower, upper, gain_*, and expected cost.

        ``samples_per_question`` and ``tokens_per_question`` are what a question costs on average over all models
        of the pool, less than ``samples`` of each where a rule stops early.
        """
        lower, upper = self.interval(self.accuracy)
        gain_lower, gain_upper = self.interval(self.gains)
        run_lower, run_upper = self.interval(self.run_accuracy)
        frame = pd.DataFrame(
            {
                "rule": [cell.rule for cell in self.cells],
                "models": ["+".join(cell.models) for cell in self.cells],
                "size": [len(cell.models) for cell in self.cells],
                "samples": [cell.samples for cell in self.cells],
                "mean": self.mean,
                "sd": self.accuracy.std(0),
                "lower": lower,
                "upper": upper,
                "run_lower": run_lower,
                "run_upper": run_upper,
                "gain_mean": self.gains.mean(0),
                "gain_sd": self.gains.std(0),
                "gain_lower": gain_lower,
                "gain_upper": gain_upper,
                "gain_model": [self.single_cells[i].models[0] for i in self.baseline],
                "samples_per_question": [sum(drawn) for drawn in self.drawn],
                "tokens_per_question": self.tokens_per_question,
            }
        )
        frame.attrs = {"questions": self.questions, "level": self.level}
        return frame

    def to_json(self) -> dict[str, Any]:
        """The forecast as a dictionary in the format ``muxcast-forecast``."""
        pilot = self.posterior.pilot
        finer = self.posterior.tasks if self.posterior.tasks != pilot.tasks else None
        cells = []
        for row, cell, drawn in zip(self.to_frame().to_dict("records"), self.cells, self.drawn, strict=True):
            early = {"drawn": dict(zip(cell.models, drawn, strict=True))} if min(drawn) < cell.samples else {}
            gain = {name: float(row[f"gain_{name}"]) for name in ("mean", "sd", "lower", "upper")}
            cells.append(
                {
                    "rule": cell.rule,
                    "models": list(cell.models),
                    "samples": cell.samples,
                    "accuracy": {name: float(row[name]) for name in ("mean", "sd", "lower", "upper")},
                    "run": {"lower": float(row["run_lower"]), "upper": float(row["run_upper"])},
                    "gain": {"over": SINGLE, "model": row["gain_model"], **gain},
                    "samples_per_question": float(row["samples_per_question"]),
                    **early,
                    "tokens_per_question": None if pilot.tokens is None else row["tokens_per_question"],
                }
            )
        return {
            "format": "muxcast-forecast",
            "version": 1,
            "seed": self.seed,
            "level": self.level,
            "pilot": {
                "tasks": pilot.tasks,
                **({"subgroups": finer} if finer else {}),
                "questions": len(pilot.questions),
                "models": pilot.models,
                "samples": pilot.samples,
            },
            "target": {"kind": self.target, "questions": self.questions},
            "intervals": meanings(self),
            "tie_break_accuracy": {name: pilot.accuracy[name] for name in tie_break_order(pilot.accuracy)},
            "model": self.posterior.model,
            "diagnostics": self.posterior.diagnostics,
            "notes": self.notes,
            "cells": cells,
            "recommended": choose(self).to_json(),
        }


def _check_registered(name: str) -> None:
    """Raise BadInput unless ``name`` is a registered rule that can be played out on simulated answers."""
    from .rules.protocol import rule_named

    rule_named(name)


def denoised(halves: Float[np.ndarray, "half draw ..."]) -> Float[np.ndarray, "draw cell"]:
    """Draws with the spread they would have without simulation noise.

    The two halves of a draw differ by simulation noise alone, whose variance is therefore known; each
    draw's distance from the mean is shrunk so that the variance that remains is the worlds' own.
    """
    draws = halves.mean(0)
    noise = (halves[0] - halves[1]).var(0) / 4
    spread = draws.var(0)
    keep = np.sqrt(np.clip(1 - noise / np.maximum(spread, 1e-30), 0, 1))
    mean = draws.mean(0)
    return mean + keep * (draws - mean)


def forecast(
    posterior: Posterior,
    samples: Sequence[int] = (1, 2, 4, 8, 16),
    rules: Sequence[str] = RULES,
    pools: Sequence[Sequence[str]] | None = None,
    target: Target = "same",
    questions: int | None = None,
    level: float = 0.9,
    seed: int = 0,
    prices: dict[str, tuple[float, float]] | None = None,
    draws: int | None = None,
    progress: Callable[[float], None] | None = None,
) -> Forecast:
    """Forecast the expected accuracy of every rule, pool and sample count.

    Args:
        posterior: from ``calibrate``.
        samples: samples per model, each at least 1.
        rules: names of selection rules.
        pools: pools of model names; None for every non-empty subset.
        target: "same" for more samples on the pilot's questions, "new" for fresh questions.
        questions: how many new questions; None for as many as the pilot has.
        level: probability of the reported intervals, between 0 and 1.
        seed: of everything random here.
        prices: price of a million (prompt, completion) tokens per model, for the recommendation.
        draws: worlds to average over; None for as many as serve the size of the job.
        progress: called with the share of the work done.
    Raises:
        BadInput: unknown models or rules, no samples, or a level outside (0, 1).
    """
    if not 0 < level < 1:
        raise BadInput(f"level {level}: not a probability between 0 and 1; use 0.9 for 90 % intervals")
    samples = sorted(set(samples))
    if not samples or samples[0] < 1:
        raise BadInput(f"samples {samples}: give at least one number of samples, each 1 or more")
    for rule in rules:
        if rule not in RULES:
            _check_registered(rule)
    order = tie_break_order(posterior.pilot.accuracy)
    chosen = pools_in_order(order, pools)
    cells = [cell for k in samples for cell in cells_of(rules, chosen, [k])]
    if not cells:
        raise BadInput(f"rules {', '.join(rules)}: none applies to the pools asked for; add rule mux")
    if len(cells) > _MOST_CELLS:
        raise BadInput(
            f"{len(cells):,} cells ({len(chosen):,} pools, {len(samples)} sample counts, {len(rules)} rules) are more "
            f"than the {_MOST_CELLS:,} a forecast holds; name the pools wanted, or ask for fewer sample counts or rules"
        )
    # gains are over single models, which are therefore scored even where only larger pools are wanted
    members = [name for name in order if any(name in pool for pool in chosen)]
    singles = [Cell(SINGLE, (name,), k) for k in samples for name in members]
    size = questions or len(posterior.common)
    if draws is None:
        draws = int(np.clip(2_000_000 // (size * len(order) * 4), 80, 200)) if len(cells) < 100_000 else 40
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(3,)))
    worlds = posterior.blocks(target, questions, draws, seed)
    told = None if progress is None else (lambda done: progress(done / draws))
    halves, run_variance, drawn = score_cells(
        worlds, [*cells, *singles], posterior.models, rng, pilot=posterior.pilot, progress=told
    )
    return Forecast(
        cells=cells,
        halves=halves[:, :, : len(cells)],
        run_variance=run_variance[: len(cells)],
        drawn=drawn[: len(cells)],
        single_cells=singles,
        singles=halves[:, :, len(cells) :],
        posterior=posterior,
        target=target,
        questions=size,
        level=level,
        seed=seed,
        prices=prices,
        notes=list(posterior.pilot.notes),
    )
