"""What a task is: a stream of questions, a reader of completions and a judge of answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol, runtime_checkable


class Message(NamedTuple):
    """One turn of a chat."""

    role: str
    """``system``, ``user`` or ``assistant``."""
    content: str


Prompt = str | tuple[Message, ...]
"""Text to be continued as it stands, or a chat that the model's own template turns into text."""


@dataclass(frozen=True)
class Question:
    """One question as it is put to every model."""

    id: str
    """Unique within the task, the same in every run, at most a few words long."""
    prompt: Prompt
    reference: str | None
    """The gold answer in canonical form; None when there is none to show."""
    meta: Mapping[str, Any] = field(default_factory=dict, compare=False, hash=False)
    """What the verifier needs beyond the reference."""
    subject: str | None = field(default=None, compare=False)
    """What kind of question it is within its task, where the source says so: for the log's column ``subject``."""


@runtime_checkable
class Task(Protocol):
    """Questions, the answer a completion gives, and whether it is right."""

    name: str
    """What the log's ``task`` column says."""

    def questions(self, n: int, seed: int = 0) -> list[Question]:
        """The first ``n`` questions of the order that ``seed`` fixes: a larger ``n`` only adds to the end.

        Raises:
            BadInput: the task has fewer than ``n`` questions.
        """
        ...

    def extract(self, text: str, question: Question) -> str | None:
        """The canonical answer in a completion, or None where there is none to be found (a blank).

        Answers that mean the same thing come back as the same string, whichever model wrote them.
        """
        ...

    def verify(self, answer: str, question: Question) -> bool:
        """Whether a canonical answer is right; a function of the two arguments alone."""
        ...

    def describe(self) -> dict[str, Any]:
        """Everything that fixes the task's questions and verdicts, for the record of a run (JSON values)."""
        ...


class Asked(NamedTuple):
    """A question and the task it belongs to."""

    task: Task
    question: Question
