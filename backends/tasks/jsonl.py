"""Closed-answer questions from a JSON Lines file.

One object a line: ``question``, ``answer`` (text, or a list of accepted spellings of which the first is the
canonical one), and optionally ``id``, ``subject`` (what kind of question it is), ``choices`` (a list of texts; the
answer is then one of them or its letter) and ``example`` (true: shown solved before every question, never asked).

An answer ends at its first comma, bracket or full stop, so that "Paris, France" is Paris; with ``answers=line`` it
is the whole line, for answers such as "red, yellow, blue".
"""

from __future__ import annotations

import hashlib
import json
import random
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ...simulate.errors import BadInput, unknown_name
from .short_answers import STYLES, canonical, few_shot, first_line, is_cut, whole_line
from .task import Question

_KEYS = {"id", "subject", "question", "answer", "choices", "example"}
_SPELLED: dict[str, Callable[[str], str | None]] = {"short": canonical, "line": whole_line}
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


class JsonlTask:
    """The questions of one file, named after it unless told otherwise.

    Raises:
        BadInput: a file that is absent or malformed, naming the line.
    """

    def __init__(
        self,
        path: str | Path,
        name: str = "",
        style: str = "completion",
        instruction: str = "",
        answers: str = "short",
    ):
        self._path = Path(path)
        self.name = name or self._path.name.removesuffix(".jsonl")
        self._style, self._instruction = style, instruction
        self._answers = answers
        self._items, self._examples, self._digest = _read(self._path, answers)

    def questions(self, n: int, seed: int = 0) -> list[Question]:
        if n > len(self._items):
            raise BadInput(f"{self._path}: holds {len(self._items)} questions; ask for at most that many, not {n}")
        order = list(self._items)
        random.Random(seed).shuffle(order)
        return [self._question(item) for item in order[:n]]

    def _question(self, item: dict[str, Any]) -> Question:
        prompt = few_shot(_ask(item), self._examples, self._style, self._instruction)
        return Question(item["id"], prompt, item["accepted"][0], item, item.get("subject"))

    def extract(self, text: str, question: Question) -> str | None:
        line, choices = first_line(text), question.meta.get("choices")
        if choices:
            return _letter(line, choices)
        answer = _SPELLED[self._answers](line)
        accepted = question.meta["accepted"]
        return accepted[0] if answer in accepted else answer

    def verify(self, answer: str, question: Question) -> bool:
        return answer == question.reference

    def describe(self) -> dict[str, Any]:
        return {
            "task": "jsonl",
            "file": self._path.name,
            "sha256": self._digest,
            "style": self._style,
            "instruction": self._instruction,
            "answers": self._answers,
        }


def jsonl_task(path: str, options: Mapping[str, str]) -> JsonlTask:
    """The file ``path`` with ``name``, ``style``, ``instruction`` and ``answers`` as options."""
    known = ("name", "style", "instruction", "answers")
    for key in options:
        if key not in known:
            raise unknown_name("option of a JSON Lines task", key, known)
    if options.get("answers", "short") not in _SPELLED:
        raise unknown_name("way to read answers", options["answers"], _SPELLED)
    if options.get("style", "chat") not in STYLES:
        raise unknown_name("prompt style", options["style"], STYLES)
    return JsonlTask(path, **options)


def _ask(item: Mapping[str, Any]) -> str:
    lines = [f"{_LETTERS[i]}) {choice}" for i, choice in enumerate(item.get("choices") or ())]
    return "\n".join([item["question"], *lines])


def _letter(line: str, choices: list[str]) -> str | None:
    known = _LETTERS[: len(choices)]
    # a letter alone or set off as one, so that "A rose" is not the letter A
    match = re.match(rf"\(?([{known}{known.lower()}])(?:[).:,]|$)", line.strip())
    if match:
        return match[1].upper()
    spelled = [canonical(choice) for choice in choices]
    answer = canonical(line)
    return known[spelled.index(answer)] if answer in spelled else None


def _read(path: Path, spelled: str) -> tuple[list[dict[str, Any]], list[tuple[str, str]], str]:
    try:
        raw = path.read_bytes()
        lines = raw.decode("utf-8").splitlines()
    except OSError as error:
        raise BadInput(f"{path}: cannot be read ({error.strerror}); check the path") from None
    except UnicodeDecodeError as error:
        raise BadInput(f"{path}: not UTF-8 text (byte {error.start}); save it as UTF-8") from None
    items: list[dict[str, Any]] = []
    examples: list[tuple[str, str]] = []
    seen: set[str] = set()
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        item = _checked(line, f"{path}: row {number}", spelled)
        if item.pop("example", False):
            answer = item["answer"]
            examples.append((_ask(item), answer if isinstance(answer, str) else answer[0]))
            continue
        if item["id"] in seen:
            raise BadInput(f"{path}: row {number}: the id {item['id']!r} is used twice; give each question its own")
        seen.add(item["id"])
        items.append(item)
    if not items:
        raise BadInput(f"{path}: holds no questions; write one JSON object a line with question and answer")
    return items, examples, hashlib.sha256(raw).hexdigest()


def _checked(line: str, place: str, spelled: str) -> dict[str, Any]:
    try:
        item = json.loads(line)
    except json.JSONDecodeError as error:
        raise BadInput(f"{place}: not valid JSON ({error.msg}); write one object per line") from None
    if not isinstance(item, dict):
        raise BadInput(f"{place}: not a JSON object; write one object per line")
    for key in item:
        if key not in _KEYS:
            raise BadInput(f"{place}: {unknown_name('key', key, _KEYS)}")
    question, answer = item.get("question"), item.get("answer")
    answers = [answer] if isinstance(answer, str) else answer
    if not isinstance(question, str) or not question.strip():
        raise BadInput(f"{place}: 'question' is missing or not text; every line needs one")
    if not isinstance(answers, list) or not answers or not all(isinstance(text, str) for text in answers):
        raise BadInput(f"{place}: 'answer' must be text or a list of accepted texts")
    if not isinstance(item.get("subject", ""), str):
        raise BadInput(f"{place}: 'subject' must be text")
    choices = item.get("choices")
    if choices is not None:
        if not isinstance(choices, list) or not 2 <= len(choices) <= len(_LETTERS):
            raise BadInput(f"{place}: 'choices' must be a list of 2 to {len(_LETTERS)} texts")
        accepted = [_letter(text, choices) for text in answers]
    else:
        accepted = [_SPELLED[spelled](text) for text in answers]
        whole = {one for one, text in zip(accepted, answers, strict=True) if not is_cut(text)}
        for one, text in zip(accepted, answers, strict=True):
            if spelled == "short" and one not in whole and not item.get("example"):
                raise BadInput(
                    f"{place}: the answer {text!r} would be read as {one!r} only; take whole lines with "
                    "?answers=line, or list the short spelling among the accepted ones too"
                )
    if None in accepted:
        raise BadInput(f"{place}: the answer {answer!r} cannot be read as an answer; write it as a model would")
    item["accepted"] = accepted
    item["id"] = str(item.get("id") or _slug(question))
    return item


def _slug(question: str) -> str:
    """A short id from the question's own text, so that reordering the file changes no id."""
    words = re.sub(r"[^a-z0-9]+", "-", question.casefold()).strip("-")[:40].rstrip("-")
    return f"{words}-{hashlib.sha256(question.encode()).hexdigest()[:6]}"
