"""Multiple choice: GPQA, MMLU and files like theirs, answered by a letter."""

from __future__ import annotations

import random
import re
from collections.abc import Mapping
from functools import partial
from typing import Any

from ...simulate.errors import BadInput
from .benchmark import Benchmark, Hub, asked, records_of, refuse_unknown
from .letters import LETTERS, option_letter
from .question_files import field_of, short_id, subject_of
from .task import Question

_SUBJECTS = ("subject", "category", "Subdomain")
_HUBS = {
    "gpqa": Hub("Idavidrein/gpqa", "gpqa_diamond", "train"),
    "mmlu": Hub("cais/mmlu", "all", "test"),
    "multiple-choice": None,
}
# the first publication's files have no header; its last column is the letter
_MMLU_COLUMNS = ("question", "A", "B", "C", "D", "answer")
_INSTRUCTION = "Reason step by step. End with the letter of your choice on a line of its own, as in: Answer: {letter}"


def multiple_choice_task(kind: str, argument: str, options: Mapping[str, str]) -> Benchmark:
    """Questions with options, from a file or ``hub``; options ``style``, ``name``, ``subject``.

    Layouts: a list ``choices`` or ``options`` (with or without letters in front) and ``answer`` as a letter, a
    number counted from 0, or the option's text; columns ``A`` … ``D``, also MMLU's own CSV files, which have no
    header; GPQA's own columns "Correct Answer" and "Incorrect Answer 1" … "3", whose options are put into an
    order fixed by the question's id.

    A letter means the same option for every model, since every model sees one order.
    """
    given = dict(options)
    records = records_of(kind, argument, given, _HUBS[kind], _MMLU_COLUMNS)
    refuse_unknown(kind, given, ("style", "name", "subject"))
    style, subject = given.get("style", "chat"), given.get("subject")
    questions = []
    for number, row in enumerate(records.rows, 1):
        if subject and subject_of(row, _SUBJECTS) != subject:
            continue
        questions.append(_question(row, f"{records.source}: row {number}", style))
    if not questions:
        raise BadInput(f"{records.source}: holds no question of subject {subject!r}; check its spelling")
    return Benchmark(
        given.get("name", kind),
        kind,
        records,
        questions,
        lambda text, question: option_letter(text, question.meta["choices"]),
        lambda answer, question: answer == question.reference,
        {"style": style, "instruction": _INSTRUCTION, **({"subject": subject} if subject else {})},
    )


gpqa_task = partial(multiple_choice_task, "gpqa")
mmlu_task = partial(multiple_choice_task, "mmlu")
any_choice_task = partial(multiple_choice_task, "multiple-choice")


def _question(row: Mapping[str, Any], place: str, style: str) -> Question:
    text = str(field_of(row, ("question", "Question", "prompt"), place)).strip()
    name = str(row.get("id") or row.get("question_id") or row.get("Record ID") or "")
    choices, right = _options(row, name or short_id(text), place)
    shown = "\n".join(f"{LETTERS[i]}) {choice}" for i, choice in enumerate(choices))
    name = name or short_id(f"{text}\n{shown}")
    instruction = _INSTRUCTION.replace("{letter}", "X")
    prompt = asked(f"{text}\n\n{shown}", instruction, style)
    return Question(name, prompt, LETTERS[right], {"choices": choices}, subject_of(row, _SUBJECTS))


def _options(row: Mapping[str, Any], name: str, place: str) -> tuple[list[str], int]:
    """The options' texts in the order shown, and which of them is right."""
    if "Correct Answer" in row:
        wrong = [str(row[key]) for key in sorted(row) if key.startswith("Incorrect Answer") and row[key]]
        order = [str(row["Correct Answer"]), *wrong]
        places = list(range(len(order)))
        random.Random(name).shuffle(places)
        return [order[i].strip() for i in places], places.index(0)
    listed = row.get("choices", row.get("options"))
    if isinstance(listed, Mapping) and "text" in listed:  # ARC: {"text": [...], "label": [...]}
        listed = listed["text"]
    if listed is None:
        listed = [row[letter] for letter in LETTERS if row.get(letter) not in (None, "")]
    choices = _without_letters([str(choice).strip() for choice in listed])
    if not 2 <= len(choices) <= len(LETTERS):
        raise BadInput(f"{place}: {len(choices)} options; a multiple-choice question needs 2 to {len(LETTERS)}")
    return choices, _right(field_of(row, ("answer", "correct_answer", "answerKey", "target", "label"), place),
                           choices, place)  # fmt: skip


def _right(answer: Any, choices: list[str], place: str) -> int:
    if isinstance(answer, int) and not isinstance(answer, bool):
        number = answer
    else:
        text = str(answer).strip()
        if re.fullmatch(r"\d+", text) and text not in choices:
            number = int(text)
        elif re.fullmatch(r"\(?[A-Z]\)?\.?", text):
            number = LETTERS.index(text.strip("()."))
        elif text in choices:
            number = choices.index(text)
        else:
            raise BadInput(f"{place}: the answer {text!r} is neither a letter, a number nor one of the options")
    if not 0 <= number < len(choices):
        raise BadInput(f"{place}: the answer {answer!r} is beyond the {len(choices)} options")
    return number


def _without_letters(choices: list[str]) -> list[str]:
    """Options without the letters they were written with ("A 14", "(B) 12"), where all have them."""
    heads = [re.match(rf"\(?{LETTERS[i]}(?:[).:]\s*|\s+)", text) for i, text in enumerate(choices[: len(LETTERS)])]
    if heads and all(heads):
        return [text[head.end() :].strip() for text, head in zip(choices, heads, strict=True) if head]
    return choices
