"""Replay: what each pool would have scored on a log already drawn, without drawing anything new."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float
from scipy.stats import norm

from .answers import AnswerCounts, AnswerLog
from .cells import (
    SINGLE,
    Cell,
    address_columns,
    cells_of,
    pools_in_order,
    tie_break_order,
    tokens_of,
    tokens_per_question,
)
from .errors import BadInput, unknown_name
from .observing import Observed, observe

USUAL_SAMPLES = (1, 2, 4, 8, 16)
"""Sample counts replayed when none are asked for."""


@dataclass(frozen=True)
class Replay:
    """Accuracy of every cell on a log, averaged exactly over all ways to take k of the logged samples."""

    cells: list[Cell]
    """What was replayed, in order of sample count, rule and pool."""
    seen: Observed
    """The figures, one per cell."""
    tie_break: dict[str, float]
    """Validation accuracy per model, which orders every pool."""
    logged: dict[str, int]
    """Samples per question and model that the log supports."""
    tokens: dict[str, tuple[float, float]] | None
    """Mean prompt and completion tokens of a sample per model."""
    level: float = 0.9
    """Probability of the intervals."""
    seed: int = 0
    notes: list[str] = field(default_factory=list)
    """In plain words, what was left out and where the tie-break came from."""

    def to_frame(self) -> pd.DataFrame:
        """One row a cell: rule, models ("a+b"), size, samples, mean, sd, lower, upper, gain and tokens."""
        seen = self.seen
        half, gain_half = self._half_width(seen.sd), self._half_width(seen.gain_sd)
        frame = pd.DataFrame(
            {
                **address_columns(self.cells),
                "mean": seen.mean,
                "sd": seen.sd,
                "lower": np.clip(seen.mean - half, 0, 1),
                "upper": np.clip(seen.mean + half, 0, 1),
                "exact": seen.simulation_sd == 0,
                "gain_mean": seen.gain,
                "gain_sd": seen.gain_sd,
                "gain_lower": seen.gain - gain_half,
                "gain_upper": seen.gain + gain_half,
                "gain_model": seen.best_single,
                "tokens_per_question": [tokens_per_question(cell, self.tokens) for cell in self.cells],
            }
        )
        frame.attrs = {"questions": len(seen.questions), "level": self.level}
        return frame

    def to_json(self) -> dict[str, Any]:
        """The replay as a dictionary in the format ``muxcast-replay``."""
        rows = self.to_frame().to_dict("records")
        return {
            "format": "muxcast-replay",
            "version": 1,
            "seed": self.seed,
            "level": self.level,
            "log": {
                "tasks": sorted({task for task, _ in self.seen.questions}),
                "questions": len(self.seen.questions),
                "models": list(self.tie_break),
                "samples": self.logged,
            },
            "tie_break_accuracy": self.tie_break,
            "notes": self.notes,
            "cells": [
                {
                    "rule": cell.rule,
                    "models": list(cell.models),
                    "samples": cell.samples,
                    "accuracy": {
                        **{name: float(row[name]) for name in ("mean", "sd", "lower", "upper")},
                        "exact": bool(row["exact"]),
                        "simulation_sd": float(simulation_sd),
                    },
                    "gain": {
                        "over": SINGLE,
                        "model": row["gain_model"],
                        **{name: float(row[f"gain_{name}"]) for name in ("mean", "sd", "lower", "upper")},
                    },
                    "tokens_per_question": row["tokens_per_question"] if self.tokens else None,
                }
                for cell, row, simulation_sd in zip(self.cells, rows, self.seen.simulation_sd, strict=True)
            ],
        }

    def _half_width(self, sd: Float[np.ndarray, " cell"]) -> Float[np.ndarray, " cell"]:
        return norm.ppf((1 + self.level) / 2) * sd


def replay(
    log: AnswerLog,
    samples: Sequence[int] | None = None,
    rules: Sequence[str] = ("mux", SINGLE),
    pools: Sequence[Sequence[str]] | None = None,
    *,
    tie_break: Mapping[str, float] | None = None,
    level: float = 0.9,
    seed: int = 0,
) -> Replay:
    """Score every pool at every sample count on the questions all its models answered.

    For ``mux`` and ``self-consistency`` the figure is exact: the mean over all ways to take k of the
    n logged samples of each model, which is an unbiased estimate of the accuracy at k. Other rules are
    averaged over random subsamples, with the error of that stated.

    Args:
        log: answers; its questions count equally.
        samples: sample counts; None for 1, 2, 4, 8 and 16 as far as the log reaches.
        rules: names of selection rules.
        pools: pools of model names; None for every non-empty subset.
        tie_break: validation accuracy per model, from other questions. None takes it from ``log``
            itself, which lets the tie-break see the answers it is scored on; a note says so.
        level: probability of the reported intervals.
        seed: of the random subsamples of rules that are not exact.
    Raises:
        BadInput: unknown names, or more samples than were logged.
    """
    notes = list(log.notes)
    wanted = None if pools is None else sorted({name for pool in pools for name in pool})
    for name in wanted or ():
        if name not in log.models:
            raise unknown_name("model", name, log.models)
    models = wanted or log.models
    accuracy = _tie_break(log, models, tie_break, notes)
    order = tie_break_order(accuracy)
    chosen = pools_in_order(order, pools)
    reach = _reach(log.counts(order))
    cells = [
        cell
        for k in _within_reach(samples, reach, chosen, notes)
        for cell in cells_of(rules, chosen, [k])
        if all(reach[name] >= k for name in cell.models)
    ]
    if not cells:
        raise BadInput(f"{log.source}: {', '.join(rules)} applies to none of the pools asked for; add rule mux")
    seen = observe(log, cells, accuracy, seed=seed)
    return Replay(
        cells=cells,
        seen=seen,
        tie_break={name: accuracy[name] for name in order},
        logged=reach,
        tokens=tokens_of(log),
        level=level,
        seed=seed,
        notes=notes,
    )


def _tie_break(
    log: AnswerLog, models: list[str], given: Mapping[str, float] | None, notes: list[str]
) -> dict[str, float]:
    if given is None:
        notes.append("ties are broken by accuracy on the replayed questions themselves; a pilot's accuracy is fairer")
        return log.accuracy(models)
    absent = [name for name in models if name not in given]
    if absent:
        raise BadInput(f"the tie-break pilot has no answers of {', '.join(absent)}; add them or drop the model")
    return {name: float(given[name]) for name in models}


def _reach(counts: AnswerCounts) -> dict[str, int]:
    """Per model, the fewest samples it has on any of the questions: how far replay can go."""
    return dict(zip(counts.models, counts.samples.min(0).tolist(), strict=True))


def _within_reach(
    samples: Sequence[int] | None,
    reach: Mapping[str, int],
    pools: Sequence[tuple[str, ...]],
    notes: list[str],
) -> list[int]:
    """The sample counts that some pool can be replayed at; a note for pools that cannot, an error if none can."""
    limit = max(min(reach[name] for name in pool) for pool in pools)
    if samples is None:
        samples = [k for k in USUAL_SAMPLES if k <= limit]
    beyond = [k for k in samples if k > limit]
    if beyond:
        short = ", ".join(f"{name} {count}" for name, count in reach.items())
        raise BadInput(
            f"--samples {max(beyond)}: the log holds too few samples on some question ({short}), so replay reaches "
            f"k = {limit}; use --samples up to {limit}, or `muxcast forecast`, which extrapolates beyond the log"
        )
    for name, count in reach.items():
        if count < max(samples):
            notes.append(f"pools with {name} are replayed up to k = {count}, all it has on some question")
    return sorted(set(samples))
