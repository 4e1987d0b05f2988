"""A trial: one log split into a pilot and the answers that judge it, taken through the whole pipeline."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from .simulate.answers import AnswerLog
from .simulate.atomic import write_text
from .simulate.calibration import calibrate
from .simulate.errors import BadInput
from .simulate.forecast import Forecast, forecast
from .simulate.logfile import write_log
from .simulate.validation import Validation, validate


class Split(NamedTuple):
    """A log in three parts that share no answer."""

    pilot: AnswerLog
    """The first samples of some of the questions: all that a forecast may see."""
    same: AnswerLog
    """The other samples of the pilot's questions."""
    new: AnswerLog
    """All samples of the other questions."""


class Trial(NamedTuple):
    """Two forecasts from one pilot, each judged by answers it did not see."""

    split: Split
    same: Forecast
    """Expected accuracy on the pilot's own questions."""
    new: Forecast
    """Expected accuracy on as many new questions as judge it."""
    same_judged: Validation
    new_judged: Validation


def split_log(log: AnswerLog, pilot_samples: int, share: float, seed: int) -> Split:
    """Take ``pilot_samples`` answers a question on ``share`` of each task's questions as the pilot.

    Raises:
        BadInput: nothing is left to judge by.
    """
    known, new = log.split_questions(share, seed)
    pilot, same = known.draw_samples(pilot_samples)
    if same is None:
        raise BadInput(f"{log.source}: all its samples went into the pilot; take fewer than {pilot_samples}")
    return Split(pilot, same, new)


def run_trial(
    log: AnswerLog,
    *,
    pilot_samples: int = 4,
    share: float = 0.5,
    samples: Sequence[int] = (1, 2, 4, 8, 16),
    rules: Sequence[str] = ("mux", "self-consistency", "agent-forest"),
    level: float = 0.9,
    seed: int = 0,
    step: Callable[[str], None] = lambda _: None,
) -> Trial:
    """Split, calibrate, forecast both targets, validate both.

    Args:
        log: answers with more samples than the pilot takes.
        pilot_samples: samples per question and model in the pilot.
        share: share of the questions the pilot asks.
        samples: sample counts to forecast.
        rules: selection rules to forecast.
        level: probability of the intervals.
        seed: of the split and of every random step after it.
        step: called with what comes next, for progress.
    """
    split = split_log(log, pilot_samples, share, seed)
    step("calibrate the pilot")
    posterior = calibrate(split.pilot, seed=seed)
    step("forecast more samples of the pilot's questions")
    same = forecast(posterior, samples=samples, rules=rules, target="same", level=level, seed=seed)
    step("forecast new questions")
    fresh = len(split.new.common_questions())
    new = forecast(posterior, samples=samples, rules=rules, target="new", questions=fresh, level=level, seed=seed)
    step("validate against the answers held back")
    return Trial(split, same, new, validate(same, split.same, seed=seed), validate(new, split.new, seed=seed))


def save_trial(trial: Trial, folder: str | os.PathLike[str], provenance: Mapping[str, Any] | None = None) -> None:
    """Write the logs, forecasts and validations under the names that ``muxcast report`` looks for.

    Args:
        trial: what to write.
        folder: where to; made if it is not there.
        provenance: where the answers come from; reports of the folder repeat it.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for name, part in trial.split._asdict().items():
        write_log(part, folder / f"{name}.parquet")
    results: dict[str, Any] = {
        "forecast.json": trial.same,
        "validation.json": trial.same_judged,
        "forecast-new.json": trial.new,
        "validation-new.json": trial.new_judged,
    }
    documents = {name: result.to_json() for name, result in results.items()}
    if provenance:
        documents["provenance.json"] = dict(provenance)
    for name, document in documents.items():
        write_text(folder / name, json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False) + "\n")
