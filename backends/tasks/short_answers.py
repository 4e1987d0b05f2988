"""Short closed answers: few-shot prompts that ask for one line, and one spelling for equal answers."""

from __future__ import annotations

import ast
import json
import re
import warnings
from collections.abc import Sequence

from .task import Message, Prompt

_NUMBER = re.compile(r"[-+]?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?")
_MARK = re.compile(r"(?:the )?(?:final )?answer(?: is)?\s*[:=]?\s*", re.IGNORECASE)
# a full stop after St or Mt ends no sentence
_END = re.compile(r"[,;(\[\n]|(?<!\bst)(?<!\bmt)\.(?:\s|$)|[.!?]+$", re.IGNORECASE)
_QUOTES = "\"'`*_“”‘’«»"
STYLES = ("completion", "chat")


def few_shot(question: str, shots: Sequence[tuple[str, str]], style: str, instruction: str = "") -> Prompt:
    """The prompt of a question after solved examples.

    Args:
        question: its text.
        shots: (question, answer) of each example.
        style: ``completion``: one text "Q: … A: …" for any model, base models too; ``chat``: a turn each.
        instruction: what stands before everything, or nothing.
    """
    if style == "chat":
        system = (Message("system", instruction),) if instruction else ()
        turns = [turn for ask, answer in shots for turn in (Message("user", ask), Message("assistant", answer))]
        return (*system, *turns, Message("user", question))
    solved = "".join(f"Q: {ask}\nA: {answer}\n\n" for ask, answer in shots)
    return (f"{instruction}\n\n" if instruction else "") + f"{solved}Q: {question}\nA:"


def first_line(text: str) -> str:
    """The first line that says something, without a leading "A:" or "The answer is"."""
    line = next((line.strip() for line in text.splitlines() if line.strip()), "")
    line = re.sub(r"^A:\s*", "", line)
    return _MARK.sub("", line, count=1).strip() if _MARK.match(line) else line


def canonical(text: str) -> str | None:
    """One spelling for equal short answers: a number plainly, anything else in lower case up to the first
    comma, semicolon, bracket or full stop; None when nothing is left."""
    text = text.strip().strip(_QUOTES).strip()
    number = _only_number(text)
    if number is not None:
        return number
    text = _END.split(text, maxsplit=1)[0]
    text = re.sub(r"\s+", " ", text).strip(" .:!?-" + _QUOTES).casefold()
    return text or None


def is_cut(text: str) -> bool:
    """Whether :func:`canonical` would leave a part of an answer out."""
    text = text.strip().strip(_QUOTES).strip()
    parts = _END.split(text, maxsplit=1)
    return _only_number(text) is None and len(parts) > 1 and re.search(r"\w", parts[1]) is not None


def _only_number(text: str) -> str | None:
    bare = text.lstrip("$£€")
    number = _NUMBER.match(bare)
    return plain_number(number[0]) if number and not bare[number.end() :].strip(" .%!" + _QUOTES) else None


def whole_line(text: str) -> str | None:
    """One spelling for equal answers that a comma or bracket is part of: lists as JSON, numbers plainly, anything
    else in lower case with single blanks; None when nothing is left."""
    text = re.sub(r"\s+", " ", text).strip()
    if text[:1] in ("[", "{", "("):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", SyntaxWarning)  # of what a model wrote
                return json.dumps(ast.literal_eval(text.rstrip(".")), ensure_ascii=False)
        except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
            return text.rstrip(".") or None
    if (number := _NUMBER.fullmatch(text.strip(_QUOTES).rstrip("."))) is not None:
        return plain_number(number[0])
    return text.strip(" ." + _QUOTES).casefold() or None


def plain_number(text: str) -> str:
    """``1,200`` as ``1200``, ``7.50`` as ``7.5``, ``-0`` as ``0``."""
    text = text.replace(",", "").lstrip("+")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    sign, digits = ("-", text[1:]) if text.startswith("-") else ("", text)
    digits = digits.lstrip("0") or "0"
    digits = f"0{digits}" if digits.startswith(".") else digits
    return digits if digits == "0" else sign + digits
