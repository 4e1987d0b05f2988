"""Asking a pool one question: every model answers, the multiplexer decides."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from .engine import Completion
from .fanout import Fanout
from .multiplexer import Decision, Multiplexer
from .tasks.task import Prompt


class Reply(NamedTuple):
    """A pool's answer to one question."""

    decision: Decision
    text: str
    """The completion returned: the credited model's first sample with the answer. Where nobody gave an
    answer, the first sample of the model that ties prefer; "" where no sample came at all."""
    finish_reason: str
    """"stop", or "length" for a completion that was cut."""
    completions: dict[str, Completion]
    """What every model wrote."""
    answers: dict[str, list[str | None]]
    """The answers read from it."""
    seconds: float
    """From question to decision."""
    own_seconds: float
    """Of that, everything but waiting for the models."""

    @property
    def errors(self) -> dict[str, str]:
        """Models that gave fewer samples than asked for, and why."""
        return {name: done.error for name, done in self.completions.items() if done.error}

    def usage(self) -> dict[str, dict[str, int]]:
        """Tokens per model; the prompt counts once, however many samples were drawn of it."""
        return {
            name: {
                "prompt_tokens": done.prompt_tokens or 0,
                "completion_tokens": sum(sample.completion_tokens or 0 for sample in done.samples),
            }
            for name, done in self.completions.items()
        }

    def to_json(self) -> dict[str, Any]:
        """Decision, votes, usage and failures as JSON values."""
        return {
            **self.decision.to_json(),
            "decided": self.decision.answer is not None,
            "errors": self.errors,
            "usage": self.usage(),
            "seconds": round(self.seconds, 4),
        }


async def ask_pool(
    fanout: Fanout,
    multiplexer: Multiplexer,
    prompt: Prompt,
    read: Callable[[str], str | None],
    *,
    samples: int,
    seed: int = 0,
    name: str = "",
    changes: Mapping[str, Any] | None = None,
) -> Reply:
    """Ask every model and decide.

    Args:
        fanout: the models.
        multiplexer: the rule; of the same models.
        prompt: the question.
        read: completion to canonical answer.
        samples: of each model.
        seed: with ``name`` it fixes samples and ties.
        name: the question's name.
        changes: sampling settings for this question only.
    """
    started = time.perf_counter()
    completions = await fanout.ask(prompt, samples, seed, name, changes)
    arrived = time.perf_counter()
    return replied(multiplexer, completions, read, name, started, arrived)


def replied(
    multiplexer: Multiplexer,
    completions: dict[str, Completion],
    read: Callable[[str], str | None],
    name: str,
    started: float,
    arrived: float,
) -> Reply:
    """The reply that completions make: answers read, one chosen, its text found."""
    known: dict[str, str | None] = {}  # equal texts are read once
    answers: dict[str, list[str | None]] = {}
    for model, done in completions.items():
        for sample in done.samples:
            if sample.text not in known:
                known[sample.text] = read(sample.text)
        answers[model] = [known[sample.text] for sample in done.samples]
    decision = multiplexer.decide(answers, name)
    text, finish = _returned(decision, completions, answers, multiplexer)
    now = time.perf_counter()
    return Reply(decision, text, finish, completions, answers, now - started, now - arrived)


def _returned(
    decision: Decision,
    completions: Mapping[str, Completion],
    answers: Mapping[str, list[str | None]],
    multiplexer: Multiplexer,
) -> tuple[str, str]:
    if decision.model is not None:
        place = answers[decision.model].index(decision.answer)
        sample = completions[decision.model].samples[place]
    else:
        accuracy = multiplexer.accuracy or {}
        preferred = sorted(multiplexer.models, key=lambda name: -accuracy.get(name, 0.0))
        first = [
            completions[name].samples[0] for name in preferred if name in completions and completions[name].samples
        ]
        if not first:
            return "", "stop"
        sample = first[0]
    return sample.text, "length" if sample.finish_reason == "length" else "stop"
