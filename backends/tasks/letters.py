"""The option letter that an answer to a multiple-choice question settles on."""

from __future__ import annotations

import re
from collections.abc import Sequence

from .boxes import last_box
from .short_answers import canonical

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"

_STATED = re.compile(
    r"\b(?:final\s+answer|correct\s+answer|best\s+answer|answer|correct\s+(?:option|choice)|choose|option\s+is)\b"
    r"(?P<link>\W*(?:(?:is|was|should\s+be|would\s+be|must\s+be|to\s+be)\b\W*)?"
    r"(?:(?:the\s+)?(?:option|choice|letter)\b\W*)?)",
    re.IGNORECASE,
)
# what may follow a bare capital letter that stands for an option: "B." "B)" "B because", but not "A rose"
_AFTER = r"(?=\s*(?:$|[).:,;\]}*#\"'<\n$\\]|[-–—]\s|because\b|since\b|as\b|which\b|with\b|for\b))"
_TWO = re.compile(r"\s*(?:or|and|/|,|&)\s*\(?[A-Z]\)?(?![A-Za-z])")


def option_letter(text: str, choices: Sequence[str] = (), options: int | None = None) -> str | None:
    """The letter of the option chosen, or None.

    The last statement counts: a ``\\boxed{C}``, "answer is (C)", "##Answer: C##", or a letter that stands
    alone at the beginning or on the last line. An option named by its text counts as its letter. Words are not
    letters ("The answer depends" is blank), and neither is a choice left open ("A or B").

    Args:
        text: a completion.
        choices: texts of the options, where known.
        options: how many options there are; by default those in ``choices``, else 10.
    """
    known = LETTERS[: options or len(choices) or 10]
    text = text.replace("\u00a0", " ").strip()
    for read in (_boxed, _stated, _alone):
        answer = read(text, known, choices)
        if answer is not None:
            return answer or None  # "": it was said that there is no single choice
    return None


def _boxed(text: str, known: str, choices: Sequence[str]) -> str | None:
    box = last_box(text)
    if box is None:
        return None
    inner = re.sub(r"\\(?:text|mathrm|mathbf|textbf)\s*\{([^{}]*)\}", r"\1", box).strip()
    return _read(inner, known, choices, sure=True)


def _stated(text: str, known: str, choices: Sequence[str]) -> str | None:
    for match in reversed(list(_STATED.finditer(text))):
        link = match["link"]
        # "answer choices", "answer depends": a word follows directly, nothing links it to a value
        linked = bool(re.search(r"\w|[:=(\[{*]", link))
        value = text[match.end() :].lstrip("*_#\"'`$ ")
        before = link[-1:] if link[-1:] in "([{" else ""
        answer = _read(before + value, known, choices, sure=linked)
        if answer is not None:
            return answer
    return None


def _alone(text: str, known: str, choices: Sequence[str]) -> str | None:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if not lines:
        return None
    last = lines[-1]
    if re.fullmatch(rf"[\W_]*(?:[{known}]|[{known.lower()}])[\W_]*", last):
        return _read(last.lstrip("*_#\"'`$ "), known, choices, sure=True)
    first = re.match(rf"[*_\"'`#]*(?:\((?P<inside>[{known}{known.lower()}])\)|(?P<bare>[{known}])(?=[).:]))", lines[0])
    if first:
        return "" if _TWO.match(lines[0], first.end()) else (first["inside"] or first["bare"]).upper()
    if len(lines) == 1:
        return _read(last, known, choices, sure=True)
    return None


def _read(value: str, known: str, choices: Sequence[str], *, sure: bool) -> str | None:
    """The letter at the head of ``value``; "" for several at once; None for no letter."""
    sentence = re.split(r"\n|##", value.strip(), maxsplit=1)[0]
    spelled = {canonical(choice): known[place] for place, choice in enumerate(choices[: len(known)])}
    stated = canonical(sentence)
    if stated is not None and stated in spelled and len(spelled) == len(choices[: len(known)]):
        return spelled[stated]
    wrapped = re.match(rf"[(\[{{]\s*([{known}{known.lower()}])\s*[)\]}}]", sentence)
    bare = re.match(rf"([{known}]){_AFTER}", sentence) if sure else None
    small = re.fullmatch(rf"([{known.lower()}])[.)\s*]*", sentence) if sure else None
    match = wrapped or bare or small
    if match is None:
        two = re.match(rf"\(?[{known}]\)?", sentence)
        return "" if sure and two and _TWO.match(sentence, two.end()) else None
    if _TWO.match(sentence, match.end()):
        return ""
    return match[1].upper()
