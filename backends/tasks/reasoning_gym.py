"""Procedural reasoning tasks of the reasoning-gym library, judged by its own verifiers."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

from ...simulate.errors import BadInput, unknown_name
from .short_answers import STYLES, canonical, few_shot, first_line, is_cut, whole_line
from .task import Question

# entry i of a data set seeded s is drawn from s + i alone, so that runs and examples must lie far apart
_APART = 1_000_000
_EXAMPLES_AT = 900_000_000
_LOOKED_AT = 8


class ReasoningGym:
    """One generator of reasoning-gym, with few-shot prompts whose answer is one line.

    Where commas or brackets are part of the gold answers, the whole line is the answer; elsewhere it ends at the
    first of them. Generators whose answers take several lines are refused, since a part of them would be judged.
    An answer counts as right when the library's verifier gives it the full score of 1: part marks for
    near misses, which some of its verifiers give, are wrong here.
    """

    def __init__(self, dataset: str, shots: int = 4, style: str = "completion", **settings: Any):
        factory = _library()
        if dataset not in factory.DATASETS:
            raise unknown_name("reasoning-gym data set", dataset, factory.DATASETS)
        self.name = dataset
        self._shots, self._style, self._settings = shots, style, settings
        try:
            self._sources = {0: factory.create_dataset(dataset, seed=0, size=2, **settings)}
        except (TypeError, AssertionError, ValueError) as error:
            raise BadInput(f"task 'reasoning-gym:{dataset}': option refused by reasoning-gym ({error})") from None
        seen = self._entries(_EXAMPLES_AT, max(shots, _LOOKED_AT))
        golds = [str(entry["answer"]).strip() for entry in seen if entry["answer"] is not None]
        if any("\n" in gold for gold in golds):
            raise BadInput(
                f"task 'reasoning-gym:{dataset}': its answers take several lines and one is read; use another"
            )
        if len(golds) < len(seen) and shots:
            raise BadInput(f"task 'reasoning-gym:{dataset}': has no gold answers to show as examples; use ?shots=0")
        self._spelled = whole_line if any(map(is_cut, golds)) else canonical
        self._examples = [(entry["question"].strip(), str(entry["answer"])) for entry in seen[:shots]]

    def _entries(self, seed: int, size: int) -> list[dict[str, Any]]:
        source = _library().create_dataset(self.name, seed=seed, size=max(size, 1), **self._settings)
        return [source[number] for number in range(size)]

    def questions(self, n: int, seed: int = 0) -> list[Question]:
        start = seed * _APART
        found: dict[str, Question] = {}
        source = _library().create_dataset(self.name, seed=start, size=4 * n + 64, **self._settings)
        examples = {ask for ask, _ in self._examples}
        for number in range(4 * n + 64):
            if len(found) == n:
                break
            entry = source[number]
            text = entry["question"].strip()
            if text not in found and text not in examples:
                prompt = few_shot(text, self._examples, self._style)
                gold = None if entry["answer"] is None else self._spelled(str(entry["answer"]))
                found[text] = Question(f"{start + number:06d}", prompt, gold, {"entry": entry, "source": source})
        if len(found) < n:
            raise BadInput(
                f"task {self.name!r}: only {len(found)} different questions exist with these options; "
                f"ask for at most that many, not {n}"
            )
        return list(found.values())

    def extract(self, text: str, question: Question) -> str | None:
        del question
        return self._spelled(first_line(text))

    def verify(self, answer: str, question: Question) -> bool:
        # the library compares spellings, so the gold answer in canonical spelling is right by itself
        if answer == question.reference:
            return True
        return question.meta["source"].score_answer(answer, question.meta["entry"]) >= 1.0

    def describe(self) -> dict[str, Any]:
        return {
            "task": "reasoning-gym",
            "dataset": self.name,
            "shots": self._shots,
            "style": self._style,
            "settings": self._settings,
            "answers": self._spelled.__name__,
            "library": f"reasoning-gym {version('reasoning-gym')}",
        }


def reasoning_gym_task(dataset: str, options: Mapping[str, str]) -> ReasoningGym:
    """The generator ``dataset`` with ``shots``, ``style`` and any setting of the generator as options."""
    settings: dict[str, Any] = {key: _value(text) for key, text in options.items()}
    shots, style = settings.pop("shots", 4), settings.pop("style", "completion")
    if not isinstance(shots, int) or shots < 0:
        raise BadInput(f"task 'reasoning-gym:{dataset}': shots={shots!r} is not a number of examples; use 0, 1, 2, …")
    if style not in STYLES:
        raise unknown_name("prompt style", str(style), STYLES)
    return ReasoningGym(dataset, shots, style, **settings)


def _value(text: str) -> int | float | bool | str:
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def _library() -> Any:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SyntaxWarning)  # of a library that it loads
            from reasoning_gym import factory
    except ImportError:
        raise BadInput("reasoning-gym tasks need the library: pip install 'muxcast[tasks]'") from None
    return factory
