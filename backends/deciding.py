"""A task run through a pool: every question sampled from every model, then one answer returned for each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any, NamedTuple

from ..simulate.answers import AnswerLog
from ..simulate.errors import BadInput
from .multiplexer import Decision, Multiplexer


class Judged(NamedTuple):
    """The decision on one question and whether it was right."""

    task: str
    question: str
    decision: Decision
    correct: bool
    expected: float
    """Probability that the rule's answer is right, over the ties it leaves to chance."""
    reference: str | None

    def to_json(self) -> dict[str, Any]:
        """One line of the file of decisions."""
        head = {"task": self.task, "question": self.question, "correct": self.correct, "reference": self.reference}
        return {**head, "expected": self.expected, **self.decision.to_json()}


def judged(multiplexer: Multiplexer, log: AnswerLog) -> list[Judged]:
    """Decide every question of the log, and look up whether the answer returned was right.

    Raises:
        BadInput: the log has nothing of the pool's models.
    """
    decisions = multiplexer.decide_log(log)
    if not decisions:
        raise BadInput(f"{log.source}: has no answers of {', '.join(multiplexer.models)}")
    rows = log.rows
    right = {(task, question, answer) for task, question, answer, correct in
             zip(rows["task"], rows["question"], rows["answer"], rows["correct"], strict=True) if correct}  # fmt: skip
    gold: Mapping[tuple[str, str], Any] = {}
    if "reference" in rows:
        gold = {(task, question): value for task, question, value in
                zip(rows["task"], rows["question"], rows["reference"], strict=True)}  # fmt: skip
    found = []
    for (task, question), decision in sorted(decisions.items()):
        expected = sum(p for answer, p in decision.chances.items() if (task, question, answer) in right)
        reference = gold.get((task, question))
        found.append(
            Judged(
                task, question, decision, (task, question, decision.answer) in right, expected,
                reference if isinstance(reference, str) else None,
            )
        )  # fmt: skip
    return found


def summary(multiplexer: Multiplexer, results: list[Judged], log: AnswerLog) -> dict[str, Any]:
    """What came of a run, as JSON values: accuracy, who was credited, and how sure the answers were."""
    count = len(results)
    credited = Counter(one.decision.model for one in results if one.decision.model)
    correct = Counter(one.decision.model for one in results if one.decision.model and one.correct)
    rows = log.rows[log.rows["model"].isin(multiplexer.models)]
    each = rows.groupby(["task", "question", "model"])["correct"].mean().groupby("model").mean()
    tokens = (
        {model: int(total) for model, total in rows.groupby("model")["completion_tokens"].sum().items()}
        if "completion_tokens" in rows and rows["completion_tokens"].notna().any()
        else None
    )
    accuracy = sum(one.correct for one in results) / count
    return {
        "format": "muxcast-run",
        "version": 1,
        "rule": multiplexer.rule,
        "models": multiplexer.models,
        "tie_break_accuracy": multiplexer.accuracy,
        "questions": count,
        "accuracy": accuracy,
        "standard_error": (accuracy * (1 - accuracy) / count) ** 0.5,
        "expected_accuracy": sum(one.expected for one in results) / count,
        "undecided": sum(one.decision.answer is None for one in results),
        "single_sample_accuracy": {model: float(each[model]) for model in multiplexer.models if model in each},
        "credited": {model: credited[model] for model in multiplexer.models},
        "credited_correct": {model: correct[model] for model in multiplexer.models},
        "mean_confidence": sum(one.decision.confidence for one in results) / count,
        "completion_tokens": tokens,
    }
