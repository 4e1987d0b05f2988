"""A benchmark: questions of a published file, each with a prompt, a gold answer, a reader and a judge."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ...simulate.errors import BadInput, unknown_name
from .question_files import Records, hub_records, read_records
from .short_answers import STYLES
from .task import Message, Prompt, Question


@dataclass(frozen=True)
class Hub:
    """Where the hub keeps a benchmark."""

    name: str
    config: str | None
    split: str


class Benchmark:
    """A task over fixed questions.

    Args:
        name: what logs call it.
        kind: the task's name in the registry.
        records: where the questions come from.
        questions: all of them, in the file's order; ids must differ.
        read: completion and question to canonical answer.
        same: canonical answer and question to verdict.
        settings: whatever else fixes prompts and verdicts.
    Raises:
        BadInput: two different questions with one id.
    """

    def __init__(
        self,
        name: str,
        kind: str,
        records: Records,
        questions: Sequence[Question],
        read: Callable[[str, Question], str | None],
        same: Callable[[str, Question], bool],
        settings: Mapping[str, Any],
    ):
        self.name = name
        self._kind, self._records, self._settings = kind, records, dict(settings)
        self._read, self._same = read, same
        seen: dict[str, Question] = {}
        for question in questions:
            if question.id in seen and seen[question.id].prompt != question.prompt:
                raise BadInput(f"{records.source}: two questions have the id {question.id!r}; give each its own")
            seen.setdefault(question.id, question)  # a question that is in the file twice is asked once
        self._questions = list(seen.values())

    def __len__(self) -> int:
        return len(self._questions)

    def questions(self, n: int, seed: int = 0) -> list[Question]:
        if n > len(self._questions):
            raise BadInput(
                f"{self._records.source}: holds {len(self._questions)} questions; ask for at most that many, not {n}"
            )
        order = list(self._questions)
        random.Random(seed).shuffle(order)
        return order[:n]

    def extract(self, text: str, question: Question) -> str | None:
        return self._read(text, question)

    def verify(self, answer: str, question: Question) -> bool:
        return self._same(answer, question)

    def describe(self) -> dict[str, Any]:
        source = {"file": self._records.source, "sha256": self._records.digest}
        return {"task": self._kind, **source, **self._settings}


def records_of(
    kind: str, argument: str, options: dict[str, str], hub: Hub | None, headless: Sequence[str] = ()
) -> Records:
    """The records that a task's argument names: a file, or ``hub`` for its data set on the hub.

    ``dataset``, ``config`` and ``split`` are taken out of ``options``; ``headless`` names the columns of a CSV
    file without a header.

    Raises:
        BadInput: no argument, since nothing is downloaded without being asked for.
    """
    dataset = options.pop("dataset", hub.name if hub else None)
    config = options.pop("config", hub.config if hub else None)
    split = options.pop("split", hub.split if hub else "test")
    if argument == "hub":
        if not dataset:
            raise BadInput(f"task '{kind}:hub': name the data set, as in {kind}:hub?dataset=OWNER/NAME&split=test")
        return hub_records(dataset, config, split)
    if not argument:
        download = f", or {kind}:hub to download {hub.name}" if hub else ""
        raise BadInput(f"task {kind!r}: name a file of questions, as in {kind}:questions.json{download}")
    return read_records(argument, headless)


def refuse_unknown(kind: str, options: Mapping[str, str], known: Sequence[str]) -> None:
    """Raise BadInput for an option the task does not have, or a prompt style that does not exist."""
    for key in options:
        if key not in known:
            raise unknown_name(f"option of task {kind!r}", key, known)
    if options.get("style", "chat") not in STYLES:
        raise unknown_name("prompt style", options["style"], STYLES)


def asked(question: str, instruction: str, style: str) -> Prompt:
    """A question with what its answer shall look like: one user turn, or a text that a base model goes on with."""
    if style == "chat":
        return (Message("user", f"{question.strip()}\n\n{instruction}"),)
    return f"{instruction}\n\nQuestion: {question.strip()}\nAnswer:"
