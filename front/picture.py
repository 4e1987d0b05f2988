"""A trial as pictures: three plots, written beside its JSON."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from .plots import accuracy_by_cost, accuracy_by_samples, forecast_against_observed, publication
from .simulate.atomic import whole_file
from .trial import Trial


def draw_trial(trial: Trial, folder: str | os.PathLike[str]) -> None:
    """Write accuracy.png, judgement.png and cost.png into ``folder``, atomically each."""
    folder = Path(folder)
    frame, judged = trial.same.to_frame(), trial.same_judged.to_frame()
    questions, level = trial.same_judged.questions, trial.same_judged.level
    recommended = trial.same.to_json()["recommended"]
    each = int(trial.split.pilot.samples_per_question.to_numpy().max())
    title = f"Forecast from {each} samples a question; open marks: seen later"
    _save(
        accuracy_by_samples(frame, observed=judged, questions=questions, level=level, title=title),
        folder / "accuracy.png",
    )
    _save(
        forecast_against_observed(judged, questions=questions, level=level, title="Every pool, rule and k"),
        folder / "judgement.png",
    )
    _save(
        accuracy_by_cost(frame, recommended=recommended, questions=questions, title="What accuracy costs"),
        folder / "cost.png",
    )


def _save(ax: Any, path: Path) -> None:
    import matplotlib.pyplot as plt

    figure = ax.figure
    with publication(), whole_file(path) as temporary:
        figure.savefig(temporary, dpi=160, bbox_inches="tight")
    plt.close(figure)
