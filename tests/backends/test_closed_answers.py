"""Closed-answer tasks: a file of questions and the procedural library, their readers and judges."""

from __future__ import annotations

import json

import pytest

from muxcast.backends.engine import Sampling
from muxcast.backends.pool import ModelSpec, Pool
from muxcast.backends.sampling import sample
from muxcast.backends.tasks import task_named
from muxcast.backends.tasks.short_answers import canonical, plain_number, whole_line
from muxcast.simulate.errors import BadInput
from muxcast.simulate.logfile import read_log
from muxcast.simulate.subgroups import subgroups_of


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("1,200", "1200"),
        ("1200.0", "1200"),
        (" -07.50.", "-7.5"),
        ("-0", "0"),
        ("Paris.", "paris"),
        ("**Paris**, France", "paris"),
        ("Port-au-Prince", "port-au-prince"),
        ("New   York (city)", "new york"),
        ("3 apples", "3 apples"),
        ("St. Paul. It", "st. paul"),
        ("", None),
        (" . ", None),
    ],
)
def test_equal_answers_have_one_spelling(text, answer):
    assert canonical(text) == answer


def test_a_number_written_twice_over_is_the_same_number():
    assert {plain_number(text) for text in ("1000", "+1,000", "1000.00", "01000")} == {"1000"}


@pytest.fixture
def facts(tmp_path):
    path = tmp_path / "facts.jsonl"
    lines = [
        {"question": "Capital of Peru?", "answer": "Lima", "example": True},
        {"question": "Capital of Ukraine?", "answer": ["Kyiv", "Kiev"]},
        {"question": "Capital of France?", "answer": "Paris"},
        {"question": "Which is a flower?", "answer": "A rose", "choices": ["A car", "A rose", "A road"]},
    ]
    path.write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    return path


def test_accepted_spellings_are_one_answer(facts):
    task = task_named(str(facts))
    kyiv = next(q for q in task.questions(3) if "Ukraine" in q.prompt)
    assert task.extract(" Kiev, the capital", kyiv) == task.extract("Kyiv.", kyiv) == kyiv.reference
    assert task.verify(task.extract("kiev", kyiv), kyiv)
    assert not task.verify(task.extract("Odessa", kyiv), kyiv)


def test_an_answer_that_would_be_judged_in_part_is_refused_or_read_whole(tmp_path):
    path = tmp_path / "colours.jsonl"
    path.write_text('{"question": "Primary colours?", "answer": "Red, yellow, blue"}\n')
    with pytest.raises(BadInput, match=r"row 1: .* would be read as 'red' only; .*answers=line"):
        task_named(str(path))
    task = task_named(f"{path}?answers=line")
    (question,) = task.questions(1)
    assert task.verify(task.extract("red,  yellow, blue.\nQ:", question), question)
    assert not task.verify(task.extract("Red", question), question)
    path.write_text('{"question": "Capital?", "answer": ["Washington", "Washington, D.C."]}\n')
    (capital,) = task_named(str(path)).questions(1)
    assert task_named(str(path)).extract("Washington, D.C.", capital) == capital.reference == "washington"


def test_examples_are_shown_and_never_asked(facts):
    questions = task_named(str(facts)).questions(3)
    assert all("A: Lima" in q.prompt for q in questions)
    assert not any(q.prompt.endswith("Capital of Peru?\nA:") for q in questions)


def test_a_choice_is_read_by_letter_or_by_its_text(facts):
    task = task_named(str(facts))
    flower = next(q for q in task.questions(3) if "flower" in q.prompt)
    for text, letter in [("B", "B"), ("(b) because", "B"), ("A rose", "B"), ("A car", "A"), ("It depends", None)]:
        assert task.extract(text, flower) == letter
    assert flower.reference == "B"


def test_more_questions_only_add_to_the_end(facts):
    task = task_named(str(facts))
    assert task.questions(3, seed=4)[:2] == task.questions(2, seed=4)
    gym = task_named("reasoning-gym:gcd")
    assert [q.id for q in gym.questions(12, seed=2)][:5] == [q.id for q in gym.questions(5, seed=2)]


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ('{"question": "?"}', "row 1: 'answer'"),
        ('{"question": "?", "answer": "x", "chioces": []}', "did you mean 'choices'"),
        ("nonsense", "row 1: not valid JSON"),
        ('{"question": "?", "answer": "z", "choices": ["x", "y"]}', "cannot be read as an answer"),
        ('{"question": "?", "answer": "x", "subject": 3}', "'subject' must be text"),
    ],
)
def test_a_bad_line_is_named(tmp_path, line, says):
    path = tmp_path / "bad.jsonl"
    path.write_text(line)
    with pytest.raises(BadInput, match=says):
        task_named(str(path))


def test_a_subject_reaches_the_log_and_splits_a_forecast(tmp_path):
    path = tmp_path / "sums.jsonl"
    lines = [
        {"question": f"{n} + 1?", "answer": str(n + 1), "subject": "small" if n < 6 else "large"} for n in range(12)
    ] + [{"question": "What is pi?", "answer": "3"}]
    path.write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    pool = Pool(tuple(ModelSpec(name, "simulated", name, Sampling(), {"accuracy": 0.6}) for name in ("ant", "bee")))
    log = sample(pool, [task_named(str(path))], 13, 2, tmp_path / "log.parquet").log
    read = read_log(tmp_path / "log.parquet")
    assert read.rows["subject"].value_counts(dropna=False).tolist() == [24, 24, 4]
    assert set(subgroups_of(log, "subject").values()) == {"sums", "sums: large", "sums: small"}


@pytest.mark.parametrize(
    "dataset", ["gcd", "syllogism", "letter_counting", "chain_sum", "count_bits", "needle_haystack"]
)
def test_procedural_tasks_score_their_own_gold_answers(dataset):
    pytest.importorskip("reasoning_gym")
    task = task_named(f"reasoning-gym:{dataset}")
    for question in task.questions(25, seed=1):
        gold = question.meta["entry"]["answer"]
        answer = task.extract(f" {gold}\n\nQ: and", question)
        assert answer == question.reference
        assert task.verify(answer, question)
        assert not task.verify("certainly not", question)


def test_unknown_names_are_refused():
    with pytest.raises(BadInput, match="reasoning-gym"):
        task_named("reasoning-gim:gcd")
    with pytest.raises(BadInput, match="letter_counting"):
        task_named("reasoning-gym:leter_counting")
    with pytest.raises(BadInput, match="option refused"):
        task_named("reasoning-gym:gcd?max_valu=3")


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("apple,  Pear, fig.", "apple, pear, fig"),
        ("['b', 'a']", '["b", "a"]'),
        ("[1, 2.50]", "[1, 2.5]"),
        ("(4.051, -5.487)", "[4.051, -5.487]"),
        ("[1, 2", "[1, 2"),
        ("1,200", "1200"),
        ("", None),
    ],
)
def test_where_commas_belong_to_the_answer_the_whole_line_counts(text, answer):
    assert whole_line(text) == answer


@pytest.mark.parametrize(
    "dataset", ["word_sorting", "number_sorting", "group_anagrams", "game_of_life", "advanced_geometry", "gcd", "dice"]
)
def test_gold_answers_of_the_library_are_right_whole_and_wrong_in_part(dataset):
    pytest.importorskip("reasoning_gym")
    task = task_named(f"reasoning-gym:{dataset}")
    for question in task.questions(4):
        gold = str(question.meta["entry"]["answer"])
        answer = task.extract(f" {gold}", question)
        assert answer == question.reference and task.verify(answer, question)
        if "," in gold:
            part = task.extract(gold.rsplit(",", 1)[0], question)
            assert part is None or not task.verify(part, question)


def test_generators_whose_answers_cannot_be_read_or_shown_are_refused():
    pytest.importorskip("reasoning_gym")
    with pytest.raises(BadInput, match="several lines"):
        task_named("reasoning-gym:mini_sudoku")
    with pytest.raises(BadInput, match="shots=0"):
        task_named("reasoning-gym:graph_color")
    (question,) = task_named("reasoning-gym:graph_color?shots=0").questions(1)
    assert question.reference is None
