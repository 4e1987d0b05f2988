"""A pool taken apart: whose answer is given, where its accuracy comes from, and what confidence is worth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from ..theory.consistency import ModeLaw
from ..theory.selection import mux_accuracy
from ..theory.tables import laws_of_counts
from .answers import AnswerLog
from .cells import tie_break_order
from .errors import BadInput, unknown_name


class Anatomy(NamedTuple):
    """SLM-MUX on one log, exactly: averages over all ways to take k of the logged samples."""

    models: tuple[str, ...]
    """The pool in tie-break order."""
    samples: int
    """k, samples per model."""
    questions: int
    """Questions all models of the pool answered k times."""
    attribution: pd.DataFrame
    """``model``, ``share`` of questions on which its answer is given, ``correct`` share on which it is given and
    right. Shares miss 1 by the questions where every sample is blank."""
    steps: pd.DataFrame
    """``step`` and the ``accuracy`` reached: one sample of the first model in tie-break order, voting over its k,
    choosing among the pool, and a perfect selector among the models' modes."""
    reliability: pd.DataFrame
    """``model``, ``confidence`` (top count over k), ``share`` of questions at it, ``correct`` share among those;
    nan where none."""

    def to_json(self) -> dict[str, Any]:
        """The three tables as lists of records."""
        tables = {name: getattr(self, name) for name in ("attribution", "steps", "reliability")}
        kept = {name: table.dropna().to_dict("records") for name, table in tables.items()}
        return {"models": list(self.models), "samples": self.samples, "questions": self.questions, **kept}


def anatomy(
    log: AnswerLog, models: Sequence[str] | None = None, samples: int = 4, tie_break: Mapping[str, float] | None = None
) -> Anatomy:
    """Take SLM-MUX apart on a log.

    Args:
        log: answers with at least ``samples`` of every model on some questions.
        models: the pool; default: all models of the log.
        samples: k, samples per model.
        tie_break: validation accuracy per model; default: from ``log`` itself.
    Raises:
        BadInput: a model the log has not, or no question with ``samples`` of every model.
    """
    chosen = list(models or log.models)
    for name in chosen:
        if name not in log.models:
            raise unknown_name(f"model in {log.source}", name, log.models)
    accuracy = tie_break or log.accuracy(chosen)
    order = tie_break_order({name: accuracy[name] for name in chosen})
    asked = log.common_questions(order, at_least=samples)
    if not asked:
        raise BadInput(
            f"{log.source}: no question has {samples} samples of all of {', '.join(order)}; take fewer samples"
        )
    counts = log.counts(order, asked)
    laws = _by_model(laws_of_counts(counts.classes, counts.blanks, counts.right, samples))
    single = np.asarray(counts.correct / counts.samples).mean(0)
    right = np.asarray(laws.correct).sum(-1)
    steps = [(f"one sample of {order[0]}", single[0]), (f"+ voting over {samples} samples", right[0].mean())]
    if len(order) > 1:
        steps += [
            (f"+ choosing among {len(order)} models", float(np.asarray(mux_accuracy(laws)).mean())),
            ("left to a perfect selector", 1 - float(np.prod(1 - right, axis=0).mean())),
        ]
    return Anatomy(
        tuple(order),
        samples,
        len(asked),
        _attribution(laws, order),
        pd.DataFrame(steps, columns=["step", "accuracy"]).astype({"accuracy": float}),
        _reliability(laws, order, samples),
    )


def _by_model(laws: ModeLaw) -> ModeLaw:
    return ModeLaw(*(np.moveaxis(np.asarray(part), 1, 0) for part in laws))


def _attribution(laws: ModeLaw, order: Sequence[str]) -> pd.DataFrame:
    """Selection splits by the model selected: keep one model's successes, and none of the others'."""
    rows = []
    answered = np.asarray(laws.top) * (np.arange(laws.top.shape[-1]) > 0)
    for place, name in enumerate(order):
        only = (np.arange(len(order)) == place)[:, None, None]
        share = mux_accuracy(ModeLaw(np.where(only, answered, 0.0), laws.top))
        correct = mux_accuracy(ModeLaw(np.where(only, laws.correct, 0.0), laws.top))
        rows.append((name, float(np.asarray(share).mean()), float(np.asarray(correct).mean())))
    return pd.DataFrame(rows, columns=["model", "share", "correct"])


def _reliability(laws: ModeLaw, order: Sequence[str], samples: int) -> pd.DataFrame:
    top, correct = np.asarray(laws.top).mean(1), np.asarray(laws.correct).mean(1)
    rows = []
    for place, name in enumerate(order):
        for m in range(1, samples + 1):
            share = float(top[place, m])
            hit = float(correct[place, m] / share) if share > 0 else np.nan
            rows.append((name, m / samples, share, hit))
    return pd.DataFrame(rows, columns=["model", "confidence", "share", "correct"])
