"""Validation: a forecast held against what really happened."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float

from .answers import AnswerLog
from .cells import Cell, address_columns
from .errors import BadInput
from .observing import Observed, observe
from .scores import crps_normal

REFUTED_Z = 2.576
"""A forecast is refuted when its typical cell misses by more than this many standard errors (1 in 100)."""
REFUTED_CELL_Z = 4.5
"""... or when any one cell misses by more than this many (1 in 150,000, so that many cells may be looked at)."""


@dataclass(frozen=True)
class Validation:
    """Per cell, what was forecast and what was observed; and in summary, whether the forecast stands."""

    cells: list[Cell]
    forecast: Float[np.ndarray, " cell"]
    """Forecast accuracy."""
    forecast_sd: Float[np.ndarray, " cell"]
    lower: Float[np.ndarray, " cell"]
    upper: Float[np.ndarray, " cell"]
    """The forecast's interval."""
    observed: Float[np.ndarray, " cell"]
    """Accuracy on the answers, averaged exactly over ways to take k of them."""
    observed_se: Float[np.ndarray, " cell"]
    """Standard error of the observed accuracy as a measurement of what was forecast: the noise of the
    answers alone where the log has as many questions as were forecast, and of the questions too where it
    has fewer."""
    gain: Float[np.ndarray, " cell"]
    """Forecast gain over self-consistency of the best single model; nan where the forecast has none."""
    observed_gain: Float[np.ndarray, " cell"]
    """Observed gain over the same model."""
    recommended: int | None
    """The cell the forecast recommended, where it is among these."""
    level: float
    kind: str
    """Target of the forecast: "same" or "new" questions."""
    questions: int
    """Questions of the log that were scored."""
    notes: list[str] = field(default_factory=list)

    @property
    def inside(self) -> Bool[np.ndarray, " cell"]:
        """Whether the observed accuracy lies in the forecast's interval."""
        slack = 1e-12
        return (self.lower - slack <= self.observed) & (self.observed <= self.upper + slack)

    @property
    def z(self) -> Float[np.ndarray, " cell"]:
        """Miss in standard errors, of the forecast and of the observation together."""
        spread = np.sqrt(self.forecast_sd**2 + self.observed_se**2)
        return (self.observed - self.forecast) / np.maximum(spread, 1e-9)

    @property
    def refuted(self) -> bool:
        """Whether the answers contradict the forecast.

        Cells share their questions and answers, so their misses go together and cannot be counted as
        independent. The forecast is refuted when the median miss exceeds ``REFUTED_Z`` standard errors,
        which happens to a correct forecast at most once in a hundred times however cells are correlated
        evenly, or when a single cell misses by ``REFUTED_CELL_Z``.
        """
        miss = np.abs(self.z)
        return bool(np.median(miss) > REFUTED_Z or miss.max() > REFUTED_CELL_Z)

    @property
    def summary(self) -> dict[str, Any]:
        """mae, bias, coverage, crps, gain_mae, regret (all fractions, not points) and the verdict."""
        error = self.forecast - self.observed
        gain_error = np.abs(self.gain - self.observed_gain)
        return {
            "mae": float(np.abs(error).mean()),
            "bias": float(error.mean()),
            "coverage": float(self.inside.mean()),
            "crps": float(crps_normal(self.forecast, self.forecast_sd, self.observed).mean()),
            "gain_mae": None if np.isnan(gain_error).all() else float(np.nanmean(gain_error)),
            "regret": None if self.recommended is None
            else float(self.observed.max() - self.observed[self.recommended]),
            "median_miss": float(np.median(np.abs(self.z))),
            "largest_miss": float(np.abs(self.z).max()),
            "verdict": "refuted" if self.refuted else "stands",
        }  # fmt: skip

    def to_frame(self) -> pd.DataFrame:
        """One row a cell."""
        frame = pd.DataFrame(
            {
                **address_columns(self.cells),
                "mean": self.forecast,
                "sd": self.forecast_sd,
                "lower": self.lower,
                "upper": self.upper,
                "observed": self.observed,
                "observed_se": self.observed_se,
                "inside": self.inside,
                "z": self.z,
                "gain_mean": self.gain,
                "observed_gain": self.observed_gain,
            }
        )
        frame.attrs = {"questions": self.questions, "level": self.level}
        return frame

    def to_json(self) -> dict[str, Any]:
        """The validation as a dictionary in the format ``muxcast-validation``."""
        cells = []
        for row, cell in zip(self.to_frame().to_dict("records"), self.cells, strict=True):
            cells.append(
                {
                    "rule": cell.rule,
                    "models": list(cell.models),
                    "samples": cell.samples,
                    "forecast": {name: row[name] for name in ("mean", "sd", "lower", "upper")},
                    "observed": row["observed"],
                    "observed_se": row["observed_se"],
                    "inside": bool(row["inside"]),
                    "z": row["z"],
                    "gain": {
                        "forecast": None if np.isnan(row["gain_mean"]) else row["gain_mean"],
                        "observed": None if np.isnan(row["observed_gain"]) else row["observed_gain"],
                    },
                }
            )
        return {
            "format": "muxcast-validation",
            "version": 1,
            "level": self.level,
            "target": {"kind": self.kind, "questions": self.questions},
            "notes": self.notes,
            "cells": cells,
            **self.summary,
        }


def read_forecast(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Read a forecast's JSON.

    Raises:
        BadInput: absent, not JSON, or not a forecast of this version; names the file and the field.
    """
    path = Path(path)
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise BadInput(f"{path}: no such file; write one with `muxcast forecast PILOT --json FILE`") from None
    except (UnicodeDecodeError, json.JSONDecodeError, OSError) as error:
        raise BadInput(f"{path}: not a readable JSON file ({error}); write it again with `muxcast forecast`") from None
    if not isinstance(found, dict) or found.get("format") != "muxcast-forecast":
        raise BadInput(f"{path}: field 'format' is not 'muxcast-forecast'; give the JSON that `muxcast forecast` wrote")
    if found.get("version") != 1:
        raise BadInput(f"{path}: field 'version' is {found.get('version')!r}, this muxcast reads 1; forecast again")
    return found


def validate(forecast: Mapping[str, Any] | Any, log: AnswerLog, *, seed: int = 0) -> Validation:
    """Hold a forecast against a log of answers it did not see.

    Every cell that the log reaches (all its models, k within the samples) is observed by exact replay in
    the forecast's own tie-break order, and compared.

    Args:
        forecast: a ``Forecast``, or its JSON as a dictionary.
        log: answers to the same questions beyond the pilot (target "same"), or to other questions of
            the same population (target "new").
        seed: of rules that are replayed by subsampling.
    Raises:
        BadInput: a malformed forecast, or a log that reaches none of its cells.
    """
    content = forecast if isinstance(forecast, Mapping) else forecast.to_json()
    try:
        cells = [Cell(row["rule"], tuple(row["models"]), int(row["samples"])) for row in content["cells"]]
        accuracy = [row["accuracy"] for row in content["cells"]]
        tie_break, target = content["tie_break_accuracy"], content["target"]
        said = {name: np.array([row[name] for row in accuracy], float) for name in ("mean", "sd", "lower", "upper")}
        gains = [row.get("gain") or {} for row in content["cells"]]
    except (KeyError, TypeError, ValueError) as error:
        raise BadInput(f"the forecast lacks or garbles field {error}; write it again with `muxcast forecast`") from None
    notes = list(log.notes)
    kept = _reached(cells, log, notes)
    seen = observe(log, [cells[i] for i in kept], tie_break, baselines=[gains[i].get("model") for i in kept], seed=seed)
    recommended = content.get("recommended") or {}
    named = Cell(recommended.get("rule", ""), tuple(recommended.get("models", ())), recommended.get("samples", 0))
    shown = [cells[i] for i in kept]
    promised = target.get("questions") or len(seen.questions)
    if len(seen.questions) < promised:
        notes.append(
            f"the log has {len(seen.questions)} of the {promised} questions forecast; which ones adds to the error"
        )
    if len(seen.questions) > promised and target["kind"] == "same":
        notes.append(
            f"the log has {len(seen.questions)} questions where the forecast is about the pilot's own {promised}: "
            "drop the others, or forecast with --target new"
        )
    _note_other_questions(content, log, notes)
    return Validation(
        cells=shown,
        forecast=said["mean"][kept],
        forecast_sd=said["sd"][kept],
        lower=said["lower"][kept],
        upper=said["upper"][kept],
        observed=seen.mean,
        observed_se=_measurement_error(seen, promised),
        gain=np.array([gains[i].get("mean", np.nan) for i in kept], float),
        observed_gain=seen.gain,
        recommended=shown.index(named) if named in shown else None,
        level=float(content.get("level", 0.9)),
        kind=target["kind"],
        questions=len(seen.questions),
        notes=notes,
    )


def _reached(cells: list[Cell], log: AnswerLog, notes: list[str]) -> list[int]:
    """Places of the cells that the log can observe, with a note of what it cannot."""
    models = [name for name in {name: None for cell in cells for name in cell.models} if name in log.models]
    if not models:
        raise BadInput(f"{log.source}: has none of the forecast's models; give a log of the pool that was forecast")
    counts = log.counts(models)
    reach = dict(zip(models, counts.samples.min(0).tolist(), strict=True))
    kept = [i for i, cell in enumerate(cells) if all(reach.get(name, 0) >= cell.samples for name in cell.models)]
    if not kept:
        fewest = min(cell.samples for cell in cells)
        raise BadInput(
            f"{log.source}: reaches k = {max(reach.values())} but the forecast starts at {fewest}; "
            "draw more samples or forecast fewer"
        )
    if len(kept) < len(cells):
        notes.append(f"{len(cells) - len(kept)} of {len(cells)} cells need models or samples the log has not")
    return kept


def _measurement_error(seen: Observed, promised: int) -> Float[np.ndarray, " cell"]:
    """How far the observed figure may be from what was forecast, through answers and through questions.

    A forecast for N questions already holds their scatter (or knows them, where they are the pilot's own); a
    log of n < N scatters more, by (1 - n/N) of the variance of a mean of n.
    """
    short = max(0.0, 1.0 - len(seen.questions) / promised)
    return np.sqrt(seen.noise**2 + short * np.nan_to_num(seen.sd) ** 2)


def _note_other_questions(content: Mapping[str, Any], log: AnswerLog, notes: list[str]) -> None:
    tasks = set(content.get("pilot", {}).get("tasks", []))
    strange = sorted(set(log.tasks) - tasks)
    if tasks and strange:
        notes.append(f"the log has tasks the pilot had not: {', '.join(strange)}; the forecast was not made for them")
