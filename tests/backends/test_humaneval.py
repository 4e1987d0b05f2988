"""Programming problems judged in the sandbox, by answers written down beforehand."""

from __future__ import annotations

import gzip
import json
import shutil
from pathlib import Path

import pytest

from muxcast.backends import sandbox
from muxcast.backends.tasks import task_named
from muxcast.backends.tasks.humaneval import HumanEval, program_of
from muxcast.simulate.errors import BadInput

PROBLEMS = Path(__file__).parents[2] / "benchmarks" / "example_code" / "problems.jsonl"
isolated = pytest.mark.skipif(
    sandbox.isolation_problem() is not None, reason=f"cannot isolate here: {sandbox.isolation_problem()}"
)

PROMPT = 'from math import pi\n\n\ndef area(r: float) -> float:\n    """Area of a circle."""\n'
FORMS = {
    "body": "    return pi * r ** 2\n",
    "body without indentation": "return pi * r ** 2",
    "body whose first line continues the prompt": "r2 = r ** 2\n    return pi * r ** 2",
    "body and then talk": "    return pi * r ** 2\n\nThis returns the area.",
    "body and then another exercise": "    return pi * r ** 2\n\n\ndef volume(r):\n    return 1 / 0\n\nvolume(1)",
    "whole function": "def area(r):\n    # squared\n    return pi * r ** 2",
    "code block": "Sure!\n```python\ndef area(r: float):\n    '''Area.'''\n    return pi * r ** 2\n```\nIt works.",
    "unclosed code block": "```\ndef area(r):\n    return pi * r ** 2\n",
    "code block with the body alone": "```python\n    return pi * r ** 2\n```",
}


@pytest.mark.parametrize("form", FORMS)
def test_a_program_is_found_in_whatever_form_it_is_written(form):
    program = program_of(FORMS[form], PROMPT, "area")
    assert program is not None
    space: dict = {}
    exec(compile(program, "program", "exec"), space)
    assert space["area"](2.0) == pytest.approx(12.566370614359172)


def test_forms_of_one_program_are_one_answer():
    same = [form for form in FORMS if not form.startswith("body whose")]
    assert len({program_of(FORMS[form], PROMPT, "area") for form in same}) == 1


@pytest.mark.parametrize("text", ["", "   \n", "I cannot do that.", "def other(r):\n    return 1", '    """Again."""'])
def test_text_without_the_function_is_a_blank(text):
    assert program_of(text, PROMPT, "area") is None


@isolated
def test_every_canonical_solution_passes_its_own_tests():
    task = HumanEval(PROBLEMS)
    for question in task.questions(16):
        assert question.reference is not None
        assert task.verify(question.reference, question), question.id


@isolated
@pytest.mark.parametrize(
    "body",
    [
        "    return a - b",
        "    while True: pass",
        "    import os\n    while True: os.fork()",
        "    block = bytearray(10 * 2**30)\n    return a + b",
        "    return open('/etc/passwd').read()",
        "    import sys\n    sys.exit(0)",
        "    import os\n    os._exit(0)",
    ],
)
def test_wrong_and_hostile_answers_fail(body):
    task = task_named(f"humaneval:{PROBLEMS}?seconds=1")
    question = next(question for question in task.questions(16) if question.id == "own/add")
    answer = task.extract(body, question)
    assert answer is not None
    assert not task.verify(answer, question)
    assert task.verify(task.extract("    return a + b", question), question)


def test_nothing_is_judged_where_programs_cannot_be_isolated(monkeypatch):
    monkeypatch.setattr(sandbox, "isolation_problem", lambda: "no namespaces")
    task = HumanEval(PROBLEMS)
    question = task.questions(1)[0]
    with pytest.raises(BadInput, match="refusing to run"):
        task.verify(question.reference, question)


def test_a_compressed_file_holds_the_same_problems(tmp_path):
    with PROBLEMS.open("rb") as plain, gzip.open(tmp_path / "problems.jsonl.gz", "wb") as packed:
        shutil.copyfileobj(plain, packed)
    packed_task, task = HumanEval(tmp_path / "problems.jsonl.gz"), HumanEval(PROBLEMS)
    assert packed_task.name == task.name == "problems"
    assert [question.id for question in packed_task.questions(5, 1)] == [
        question.id for question in task.questions(5, 1)
    ]


def test_more_questions_only_add_to_the_end_and_chats_carry_the_prompt():
    task = task_named(f"humaneval:{PROBLEMS}?style=chat&name=code")
    few, many = task.questions(3, 7), task.questions(9, 7)
    assert [question.id for question in few] == [question.id for question in many[:3]]
    assert task.name == "code"
    assert "def " in few[0].prompt[0].content


@pytest.mark.parametrize(
    ("lines", "complaint"),
    [
        ([], "holds no problems"),
        (["{"], "line 1: not a JSON object"),
        ([json.dumps({"task_id": "a", "prompt": "p", "entry_point": "f"})], "line 1: 'test' is missing"),
        ([json.dumps({"task_id": "a", "prompt": "p", "entry_point": "f", "test": "t"})] * 2, "stands there twice"),
    ],
)
def test_malformed_files_are_refused(tmp_path, lines, complaint):
    path = tmp_path / "bad.jsonl"
    path.write_text("\n".join(lines))
    with pytest.raises(BadInput, match=complaint):
        HumanEval(path)
    with pytest.raises(BadInput, match="no such file"):
        HumanEval(tmp_path / "absent.jsonl")
