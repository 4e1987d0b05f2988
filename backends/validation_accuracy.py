"""Validation accuracies of a pool from a pilot log, which break ties between equally confident models."""

from __future__ import annotations

from collections.abc import Sequence

from ..simulate.answers import AnswerLog
from ..simulate.errors import BadInput


def validation_accuracy(log: AnswerLog | None, models: Sequence[str]) -> dict[str, float] | None:
    """Accuracy of each model on the questions of the pilot that all of them answered; None without a pilot.

    Raises:
        BadInput: a model that the pilot has no answers of.
    """
    if log is None:
        return None
    absent = [name for name in models if name not in log.models]
    if absent:
        raise BadInput(
            f"{log.source}: has no answers of {', '.join(absent)} (it has {', '.join(log.models)}); "
            "sample them, or choose models with --models"
        )
    return log.accuracy(models)
