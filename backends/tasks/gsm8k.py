"""GSM8K: school arithmetic in words, answered by a number (Cobbe et al. 2021)."""

from __future__ import annotations

from collections.abc import Mapping

from ...simulate.errors import BadInput
from .benchmark import Benchmark, Hub, asked, records_of, refuse_unknown
from .numbers import final_number
from .question_files import field_of, short_id
from .task import Question

_INSTRUCTION = "Reason step by step. End with the final number on a line of its own after ####, as in: #### 42"


def gsm8k_task(argument: str, options: Mapping[str, str]) -> Benchmark:
    """GSM8K from a file with ``question`` and ``answer``, or ``hub``; options ``style``, ``name``.

    The gold answer is the number behind ``####`` in ``answer``, or the number that ``answer`` is.
    """
    given = dict(options)
    records = records_of("gsm8k", argument, given, Hub("openai/gsm8k", "main", "test"))
    refuse_unknown("gsm8k", given, ("style", "name"))
    style = given.get("style", "chat")
    questions = []
    for number, row in enumerate(records.rows, 1):
        place = f"{records.source}: row {number}"
        text = str(field_of(row, ("question", "problem"), place))
        worked = str(field_of(row, ("answer", "final_answer", "solution"), place))
        gold = final_number(worked)
        if gold is None:
            raise BadInput(f"{place}: no number in the answer {worked[-40:]!r}; GSM8K answers end in #### and a number")
        questions.append(
            Question(str(row.get("id") or short_id(text)), asked(text, _INSTRUCTION, style), gold, {"worked": worked})
        )
    return Benchmark(
        given.get("name", "gsm8k"),
        "gsm8k",
        records,
        questions,
        lambda text, question: final_number(text),
        lambda answer, question: answer == question.reference,
        {"style": style, "instruction": _INSTRUCTION},
    )
