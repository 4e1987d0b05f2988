"""Benchmarks: each scores its own gold answers, whatever layout its file has, and nasty answers are read right."""

from __future__ import annotations

import json

import pandas as pd
import pytest

from muxcast.backends.tasks import task_named
from muxcast.backends.tasks.kinds import KINDS, kind_named
from muxcast.backends.tasks.task import Task
from muxcast.simulate.errors import BadInput


def write(path, content):
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def test_gsm8k_scores_its_own_500_gold_solutions(shared_data):
    task = task_named(f"gsm8k:{shared_data}/tasks/gsm8k_500.json")
    questions = task.questions(500)
    assert isinstance(task, Task)
    for question in questions:
        answer = task.extract(question.meta["worked"], question)
        assert answer == question.reference
        assert task.verify(answer, question)
        assert not task.verify("0.001", question)


def test_math_scores_its_own_500_gold_solutions(shared_data):
    pytest.importorskip("math_verify")
    path = shared_data / "tasks" / "math_500.json"
    solutions = {row["unique_id"]: row["solution"] for row in json.loads(path.read_text(encoding="utf-8"))}
    task = task_named(f"math:{path}")
    for question in task.questions(500):
        answer = task.extract(solutions[question.id], question)
        assert answer == question.reference, question.id
        assert task.verify(answer, question)


CHOICES = ["14", "12", "11", "10"]
LAYOUTS = {
    "authors": {
        "question": "How many?",
        "choices": ["A 14\n", "B 12\n", "C 11\n", "D 10"],
        "answer": "C",
    },
    "hub list": {"question": "How many?", "choices": CHOICES, "answer": 2},
    "letters": {"question": "How many?", "A": "14", "B": "12", "C": "11", "D": "10", "answer": "C"},
    "pro": {"question": "How many?", "options": CHOICES, "answer": "C", "answer_index": 2},
    "arc": {"question": "How many?", "choices": {"text": CHOICES, "label": list("ABCD")}, "answerKey": "C"},
    "by text": {"question": "How many?", "choices": CHOICES, "answer": "11"},
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_of_options_is_the_same_question(tmp_path, layout):
    task = task_named(f"multiple-choice:{write(tmp_path / 'q.json', [LAYOUTS[layout]])}")
    (question,) = task.questions(1)
    assert question.reference == "C"
    assert question.meta["choices"] == CHOICES
    assert task.verify(task.extract("It is (C).\nAnswer: C", question), question)
    assert task.extract("The answer is 11.", question) == "C"


def test_gpqa_puts_its_options_into_an_order_fixed_by_the_question(tmp_path):
    rows = [
        {"Record ID": f"rec{i}", "Question": f"Q{i}?", "Correct Answer": "yes", "Incorrect Answer 1": "no",
         "Incorrect Answer 2": "maybe", "Incorrect Answer 3": "never"}
        for i in range(40)
    ]  # fmt: skip
    path = tmp_path / "gpqa_diamond.csv"
    pd.DataFrame(rows).to_csv(path, index=False)
    first, again = (task_named(f"gpqa:{path}").questions(40) for _ in range(2))
    assert [q.prompt for q in first] == [q.prompt for q in again]
    assert all(q.meta["choices"]["ABCD".index(q.reference)] == "yes" for q in first)
    assert {q.reference for q in first} == set("ABCD")


def test_mmlu_s_own_files_without_a_header_lose_no_question(tmp_path):
    path = tmp_path / "abstract_algebra_test.csv"
    path.write_text('Find all c.,0,1,1,3,B\n"Is it, or not?",True,False,Both,None,D\n')
    questions = task_named(f"mmlu:{path}").questions(2)
    assert {tuple(q.meta["choices"]): q.reference for q in questions} == {
        ("0", "1", "1", "3"): "B", ("True", "False", "Both", "None"): "D",
    }  # fmt: skip
    path.write_text("question,A,B,C,D,answer\nFind all c.,0,1,2,3,B\n")
    assert len(task_named(f"mmlu:{path}").questions(1)) == 1


@pytest.mark.parametrize("ending", ["json", "jsonl", "csv", "parquet"])
def test_every_kind_of_file_gives_the_same_questions(tmp_path, ending):
    rows = pd.DataFrame({"question": ["1+1?", "2+2?"], "answer": ["so #### 2", "so #### 4"]})
    path = tmp_path / f"g.{ending}"
    if ending == "json":
        rows.to_json(path, orient="records")
    elif ending == "jsonl":
        rows.to_json(path, orient="records", lines=True)
    elif ending == "csv":
        rows.to_csv(path, index=False)
    else:
        rows.to_parquet(path)
    questions = task_named(f"gsm8k:{path}").questions(2)
    assert sorted(q.reference for q in questions) == ["2", "4"]
    assert len({q.id for q in questions}) == 2


def test_labels_are_read_as_whole_words(tmp_path):
    rows = [{"text": "a", "label": "safe"}, {"text": "b", "label": "unsafe"}]
    task = task_named(f"labels:{write(tmp_path / 'l.json', rows)}")
    (question, _) = task.questions(2)
    for text, label in [
        ("Unsafe", "unsafe"), ("safe.", "safe"), ("This is not safe.", None), ("It isn't safe: unsafe", "unsafe"),
        ("**Label:** safe\nbecause nothing unsafe is in it", "safe"), ("safe or unsafe", None), ("", None),
        ("I cannot help", None),
    ]:  # fmt: skip
        assert task.extract(text, question) == label, text
    for question in task.questions(2):
        assert task.verify(task.extract(question.reference, question), question)


# how each kind reads what models really write: the same value is the same string, and no value is a blank
NASTY = [
    ("number", "so he pays $1,200.\n#### 1,200", "1200"),
    ("number", "#### $1,200.00 dollars", "1200"),
    ("number", "\\boxed{1{,}200}", "1200"),
    ("number", "The answer is **-3**.", "-3"),
    ("number", "so 40 + 2 = \\boxed{42", None),
    ("number", "He walks 1.2e3 metres", "1200"),
    ("number", "1e-2 of them, 5e", "5"),
    ("number", "10-5 = 5, so 5", "5"),
    ("number", "The answer is: 9 * 2 = $18 every day.", "18"),
    ("number", "It costs 7.50", "7.5"),
    ("number", "#### 1/2", "0.5"),
    ("number", "\\boxed{\\frac{1}{3}}", "1/3"),
    ("number", "#### 3 apples for 5 boys", "3"),
    ("number", "He has 12 and then\n####", None),
    ("number", "The final answer is", None),
    ("number", "no idea", None),
    ("number", "", None),
    ("math", "\\boxed{\\dfrac12}", "1/2"),
    ("math", "The answer is $0.5$.", "1/2"),
    ("math", "\\boxed{\\frac{1}{2}}", "1/2"),
    ("math", "\\boxed{x = \\frac{2}{4}}", "1/2"),
    ("math", "first \\boxed{3}, no: \\boxed{4}", "4"),
    ("math", "\\boxed{\\boxed{5}}", "5"),
    ("math", "\\boxed{\\frac{\\sqrt{3}}{3}}", "\\frac{\\sqrt{3}}{3}"),
    ("math", "\\boxed{\\frac{1}{\\sqrt3}}", "\\frac{\\sqrt{3}}{3}"),
    ("math", "\\boxed{1{,}000}", "1000"),
    ("math", "\\boxed{1,000}", "1000"),
    ("math", "\\boxed{3 \\text{ and } 5}", "3, 5"),
    ("math", "\\boxed{3 \\text{ or } 7}", "3, 7"),
    ("math", "\\boxed{12 \\text{ cm}^2}", "12"),
    ("math", "\\boxed{90^\\circ}", "90"),
    ("math", "\\boxed{\\$18.90}", "189/10"),
    ("math", "\\boxed{(x+1)^2}", "x^{2} + 2 x + 1"),
    ("math", "\\boxed{x^2+2x+1}", "x^{2} + 2 x + 1"),
    ("math", "\\boxed{-2,1}", "-2, 1"),
    ("math", "\\boxed{1,-2}", "-2, 1"),
    ("math", "\\boxed{(1,-2)}", "(1, -2)"),
    ("math", "\\boxed{\\text{(C)}}", "C"),
    ("math", "\\boxed{\\text{Evelyn}}", "evelyn"),
    ("math", "\\boxed{52_{8}}", "52_8"),
    ("math", "\\boxed{9^{9^{9}}}", "9^{9^9}"),
    ("math", "\\boxed{\\frac{1}{0}}", "\\frac{1}{0}"),
    ("math", "so it is \\boxed{12", None),
    ("math", "\\boxed{}", None),
    ("math", "$\\dfrac12$", "1/2"),
    ("math", "0.5", "1/2"),
    ("math", "\\boxed{0.5", None),
    ("math", "So it is 5", None),
    ("math", "The answer depends", None),
    ("letter", "The answer depends on the mass.", None),
    ("letter", "Look at the answer choices.", None),
    ("letter", "The answer can be found by\n##Answer: B##", "B"),
    ("letter", "##Answer: \\boxed{C}##", "C"),
    ("letter", "(A) and (B) are wrong, so C", None),
    ("letter", "The answer is A rose", None),
    ("letter", "A is wrong, so the answer is (b)", "B"),
    ("letter", "(C) since it is larger", "C"),
    ("letter", "c", "C"),
    ("letter", "The answer is A or C", None),
    ("letter", "\\boxed{\\text{(D)}}", "D"),
    ("letter", "**Answer:** D", "D"),
    ("letter", "", None),
    ("short", "A: Paris, France", "paris"),
    ("short", "the answer is Paris.\nQ: next", "paris"),
    ("short", "The capital of Australia is Canberra, not Australia.", "canberra"),
    ("short", "The capital of Azerbaijan is known as Baku.", "baku"),
    ("short", "The capital of Cambodia is indeed called Phnom Penh.", "phnom penh"),
    ("short", "Its name is St. Paul.", "st. paul"),
    ("short", "The Hague", "the hague"),
    ("short", "  ", None),
    ("final", "thus \\boxed{\\dfrac{1}{2}}", "1/2"),
    ("final", "#### 1,200", "1200"),
    ("final", "Paris.", "paris"),
    ("final", "C", "c"),
    ("final", "3/6", "1/2"),
    ("exact", " a  b\n", "a b"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "text", "answer"), NASTY)
def test_nasty_answers(kind, text, answer):
    assert kind_named(kind).read(text) == answer


@pytest.mark.parametrize("kind", KINDS)
def test_a_gold_answer_is_right_of_its_own_kind(kind):
    gold = {"number": "1,200", "math": "\\frac{1}{2}", "letter": "B", "exact": "a b"}.get(kind, "Paris")
    assert KINDS[kind].same(KINDS[kind].reference(gold), gold)


def test_math_verify_judges_what_has_two_spellings():
    pytest.importorskip("math_verify")
    same = kind_named("math").same
    assert same("\\frac{\\pi}{6}", "30 \\cdot \\frac{\\pi}{180}")
    assert not same("2", "3")
    assert not same("9^{9^9}", "9^{9^{9^{9}}}")  # never computed


def test_nothing_is_downloaded_without_being_asked():
    for name in ("gsm8k", "math", "gpqa", "mmlu"):
        with pytest.raises(BadInput, match=f"{name}:hub"):
            task_named(name)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ([{"question": "a"}], "row 1: has no field"),
        ([{"question": "a", "answer": "none"}], "no number in the answer"),
        ([], "holds no questions"),
        ({"a": 1}, "not a list of questions"),
    ],
)
def test_a_bad_file_is_refused_with_its_place(tmp_path, content, says):
    with pytest.raises(BadInput, match=says):
        task_named(f"gsm8k:{write(tmp_path / 'bad.json', content)}")


def test_options_are_refused_by_name(tmp_path):
    path = write(tmp_path / "g.json", [{"question": "a", "answer": "1"}])
    with pytest.raises(BadInput, match="did you mean 'style'"):
        task_named(f"gsm8k:{path}?stile=chat")
    with pytest.raises(BadInput, match="cannot be read"):
        task_named("math:absent.json")
    with pytest.raises(BadInput, match="unknown kind of question file"):
        task_named(f"math:{write(tmp_path / 'g.txt', [])}")
