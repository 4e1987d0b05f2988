"""MATH and MATH-500: competition problems answered by an expression in a box (Hendrycks et al. 2021)."""

from __future__ import annotations

from collections.abc import Mapping

from ...simulate.errors import BadInput
from .benchmark import Benchmark, Hub, asked, records_of, refuse_unknown
from .mathematics import canonical_expression, final_expression, same_expression
from .question_files import field_of, short_id, subject_of
from .task import Question

_INSTRUCTION = "Reason step by step, and put your final answer within \\boxed{}."


def math_task(argument: str, options: Mapping[str, str]) -> Benchmark:
    """MATH from a file with ``problem`` and ``answer`` or ``solution``, or ``hub``; options ``style``, ``name``.

    The gold answer is ``answer`` where there is one, else the last box of ``solution``.
    """
    given = dict(options)
    records = records_of("math", argument, given, Hub("HuggingFaceH4/MATH-500", None, "test"))
    refuse_unknown("math", given, ("style", "name"))
    style = given.get("style", "chat")
    questions = []
    for number, row in enumerate(records.rows, 1):
        place = f"{records.source}: row {number}"
        text = str(field_of(row, ("problem", "question"), place))
        gold = row.get("answer")
        if gold in (None, ""):
            gold = final_expression(str(field_of(row, ("solution",), place)))
        reference = canonical_expression(str(gold)) if gold is not None else None
        if reference is None:
            raise BadInput(f"{place}: no gold answer in 'answer' or in a box of 'solution'")
        name = str(row.get("unique_id") or row.get("id") or short_id(text))
        prompt, subject = asked(text, _INSTRUCTION, style), subject_of(row, ("subject", "type"))
        questions.append(Question(name, prompt, reference, {"gold": str(gold)}, subject))
    return Benchmark(
        given.get("name", "math"),
        "math",
        records,
        questions,
        lambda text, question: read_expression(text),
        lambda answer, question: same_expression(answer, question.meta["gold"]),
        {"style": style, "instruction": _INSTRUCTION},
    )


def read_expression(text: str) -> str | None:
    """The canonical final answer of a solution, or None."""
    found = final_expression(text)
    return None if found is None else canonical_expression(found)
