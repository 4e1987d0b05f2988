"""How a method talks to models: it yields what it wants asked, gets the replies, and returns verdicts.

A method is a generator over *all* questions at once, so that a comparison can load each model once, ask
everything that any method wants of it, and go on to the next model. Methods that ask the same thing (the
first answers of a debate, the samples of self-consistency) share the replies, and each is still charged
for the tokens it would have used alone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from ...simulate.errors import BadInput
from ..tasks.task import Asked, Prompt


class Item(NamedTuple):
    """One prompt of an ask."""

    question: int
    """Position of the question in the setting."""
    prompt: Prompt
    samples: range
    """Numbers of the samples wanted; consecutive."""


@dataclass(frozen=True)
class Ask:
    """Something to be asked of one model."""

    model: str
    """Name in the pool."""
    items: Sequence[Item]
    stage: str = ""
    """What these replies are, unique to their prompts, as ``debate/round1``; "" for the task's own prompt."""
    sampling: Mapping[str, Any] = field(default_factory=dict)
    """Sampling settings that differ from the model's own."""

    @property
    def label(self) -> str:
        """Under what name the replies stand in the answer log."""
        return f"{self.stage}/{self.model}" if self.stage else self.model


class Reply(NamedTuple):
    """One sample that came back."""

    answer: str | None
    """The canonical answer in it; None for a blank."""
    correct: bool
    text: str
    prompt_tokens: int
    completion_tokens: int


Replies = Mapping[tuple[int, int], Reply]
"""(position of the question, sample) -> reply, for one ask."""


class Verdict(NamedTuple):
    """What a method answered to one question, and what that took."""

    answer: str | None
    """The answer; of several tied ones, the first by name."""
    score: float
    """Probability that the answer is right, over the method's own random tie-breaks: 0 or 1 without a tie."""
    prompt_tokens: float
    """Tokens read; a prompt counts once however many samples are drawn of it."""
    completion_tokens: float
    """Tokens written."""
    requests: float
    """Prompts sent."""


class Outcome(NamedTuple):
    """What a method leaves."""

    verdicts: list[Verdict]
    """One per question."""
    size: str
    """Its size in words: ``k = 4``, ``2 rounds``."""
    rounds: Sequence[dict[str, Any]] = ()
    """Of a discussion: rows of task, question, agent, round, answer, correct."""


Steps = Generator[list[Ask], list[Replies], Outcome]


@dataclass(frozen=True)
class Setting:
    """What every method of a comparison gets."""

    asked: Sequence[Asked]
    """The questions to be scored."""
    models: Sequence[str]
    """The pool, most accurate on the validation questions first."""
    accuracy: Mapping[str, float]
    """Validation accuracy of each model, from questions that are not scored."""
    samples: int = 4
    """Samples per model of the methods that draw several."""
    rounds: int = 2
    """Rounds of a debate after the first answers."""
    layers: int = 3
    """Layers of a mixture of agents, the aggregator's own included."""
    candidates: int = 4
    """Candidate answers that verifiers judge."""
    larger: str | None = None
    """Name of the one larger model, where the pool has one."""
    prompts: Path | None = None
    """Folder with prompt files that replace the packaged ones of the same name."""

    @property
    def best(self) -> str:
        """The best single model on the validation questions."""
        return self.models[0]

    def solo(self, model: str, samples: int, **sampling: Any) -> Ask:
        """The task's own prompts, ``samples`` times each; other sampling settings make a stage of their own."""
        items = [Item(place, asked.question.prompt, range(samples)) for place, asked in enumerate(self.asked)]
        stage = "/".join(f"{name}={value:g}" for name, value in sorted(sampling.items()))
        return Ask(model, items, stage, sampling)


class Bill:
    """Tokens one method uses, per question."""

    def __init__(self, questions: int):
        self.prompt, self.completion, self.requests = [0.0] * questions, [0.0] * questions, [0.0] * questions

    def charge(self, ask: Ask, replies: Replies, share: float = 1.0) -> None:
        """Add what an ask used; ``share`` below 1 for something done only with that probability."""
        for item in ask.items:
            drawn = [replies[item.question, number] for number in item.samples]
            self.requests[item.question] += share
            self.prompt[item.question] += share * drawn[0].prompt_tokens
            self.completion[item.question] += share * sum(reply.completion_tokens for reply in drawn)

    def verdict(self, question: int, leaders: Iterable[Reply]) -> Verdict:
        """The verdict when one of ``leaders``, equally likely answers, is given; none of them is no answer."""
        leaders = sorted(leaders, key=lambda reply: reply.answer or "")
        score = sum(reply.correct for reply in leaders) / len(leaders) if leaders else 0.0
        answer = leaders[0].answer if leaders else None
        return Verdict(answer, score, self.prompt[question], self.completion[question], self.requests[question])


def leaders_of(replies: Iterable[Reply]) -> tuple[list[Reply], int]:
    """One reply for each of the most common answers, and how often they came; blanks have no vote."""
    named = [reply for reply in replies if reply.answer is not None]
    votes = Counter(reply.answer for reply in named)
    top = max(votes.values(), default=0)
    first = {reply.answer: reply for reply in reversed(named) if votes[reply.answer] == top}
    return list(first.values()), top


def told(setting: Setting, agent: str, number: int, replies: Replies, sample: int = 0) -> list[dict[str, Any]]:
    """Rows of one agent's answers in one round of a discussion."""
    return [
        {
            "task": asked.task.name,
            "question": asked.question.id,
            "agent": agent,
            "round": number,
            "answer": replies[place, sample].answer,
            "correct": replies[place, sample].correct,
        }
        for place, asked in enumerate(setting.asked)
    ]


def require_two(setting: Setting, method: str) -> None:
    """Raise BadInput where a discussion has nobody to talk to."""
    if len(setting.models) < 2:
        raise BadInput(f"method {method}: a discussion needs at least two models; the pool has one")
