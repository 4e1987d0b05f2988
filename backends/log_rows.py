"""The rows of an answer log that one completion makes: each sample read, judged and put down with what drew it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .engine import Completion
from .tasks.task import Asked


def rows_of(
    asked: Asked, model: str, engine: str, temperature: float, completion: Completion
) -> Iterator[dict[str, Any]]:
    """One row for each sample of a completion.

    Args:
        asked: the question, and the task that reads and judges its answers.
        model: what the log calls the model.
        engine: the kind of engine that drew the samples.
        temperature: at which they were drawn.
        completion: the samples.
    """
    task, question = asked
    for drawn in completion.samples:
        # a lone surrogate, which JSON can carry, fits in no UTF-8 file
        text = drawn.text.encode("utf-8", "replace").decode("utf-8")
        answer = task.extract(text, question)
        yield {
            "task": task.name,
            "question": question.id,
            "model": model,
            "sample": drawn.index,
            "answer": answer,
            "correct": answer is not None and bool(task.verify(answer, question)),
            "reference": question.reference,
            "prompt_tokens": completion.prompt_tokens,
            "completion_tokens": drawn.completion_tokens,
            "latency_s": None if completion.latency_s is None else round(completion.latency_s, 4),
            "finish_reason": drawn.finish_reason,
            "temperature": temperature,
            "seed": drawn.seed,
            "engine": engine,
            "text": text,
            **({} if question.subject is None else {"subject": question.subject}),
        }
