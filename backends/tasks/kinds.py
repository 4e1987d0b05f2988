"""Kinds of answers: how a completion is read where no task says so (a question asked by hand, a foreign log)."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

from ...simulate.errors import unknown_name
from .competition_math import read_expression
from .letters import option_letter
from .mathematics import canonical_expression, final_expression, same_expression
from .numbers import final_number
from .short_answers import canonical, first_line, whole_line

# chat models answer "What is the capital of Peru?" with "The capital of Peru is Lima."
_SENTENCE = re.compile(
    r"(?:the|its?)\s[^,;:.]{0,80}?\b(?:is|was|are|were)\s+(?:(?:[a-z]+\s+){0,2}(?:known\s+as|called|named)\s+)?(?P<said>.+)",
    re.IGNORECASE,
)


class AnswerKind(NamedTuple):
    """A way to read and to compare answers."""

    name: str
    read: Callable[[str], str | None]
    """A completion to its canonical answer; None for a blank."""
    reference: Callable[[str], str | None]
    """A gold answer to its canonical spelling."""
    same: Callable[[str, str], bool]
    """(canonical answer, gold answer as published) to verdict."""


def kind_named(name: str) -> AnswerKind:
    """The kind of that name.

    Raises:
        BadInput: no such kind.
    """
    if name not in KINDS:
        raise unknown_name("kind of answer", name, KINDS)
    return KINDS[name]


def _short(text: str) -> str | None:
    line = first_line(text)
    sentence = _SENTENCE.match(line)
    return canonical(sentence["said"] if sentence else line)


def _line(text: str) -> str | None:
    return whole_line(first_line(text))


def _exact(text: str) -> str | None:
    return re.sub(r"\s+", " ", text).strip() or None


def _final(text: str) -> str | None:
    """Whatever form the final answer takes: a box, a number behind ####, "answer is", or a short text as a whole."""
    boxed = final_expression(text)
    if "####" in text:
        return final_number(text)
    if boxed is not None:
        return canonical_expression(boxed)
    lines = [line for line in text.splitlines() if line.strip()]
    return _short(lines[0]) if len(lines) == 1 and len(text.split()) <= 12 else _exact(text.casefold())


def _plain(read: Callable[[str], str | None]) -> Callable[[str, str], bool]:
    return lambda answer, gold: answer == read(gold)


def _letter(text: str) -> str | None:
    return option_letter(text)


KINDS: dict[str, AnswerKind] = {
    kind.name: kind
    for kind in (
        AnswerKind("number", final_number, final_number, _plain(final_number)),
        AnswerKind("math", read_expression, lambda gold: canonical_expression(final_expression(gold) or gold),
                   lambda answer, gold: same_expression(answer, final_expression(gold) or gold)),
        AnswerKind("letter", _letter, _letter, _plain(_letter)),
        AnswerKind("short", _short, _short, _plain(_short)),
        AnswerKind("line", _line, _line, _plain(_line)),
        AnswerKind("exact", _exact, _exact, _plain(_exact)),
        AnswerKind("final", _final, _final, _plain(_final)),
    )
}  # fmt: skip
"""number: the last number of a solution. math: a boxed expression. letter: an option. short: the first line, or
what the sentence in it says something is, up to a comma or bracket. line: the whole first line.
exact: the whole text. final: the first of these that the text shows."""
