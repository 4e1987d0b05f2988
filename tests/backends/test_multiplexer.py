"""The live multiplexer decides what replays of the same answers say it decides."""

from __future__ import annotations

import json
from collections import Counter

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from muxcast.backends.deciding import judged, summary
from muxcast.backends.multiplexer import Multiplexer
from muxcast.cli import cli
from muxcast.simulate.answers import AnswerLog
from muxcast.simulate.errors import BadInput
from muxcast.simulate.logfile import read_log
from muxcast.simulate.replay import replay

MODELS = ["ant", "bee", "cat"]
ACCURACY = {"ant": 0.6, "bee": 0.7, "cat": 0.5}


def random_log(questions=60, samples=4, seed=3):
    rng = np.random.default_rng(seed)
    rows = []
    for question in range(questions):
        for model in MODELS:
            weights = rng.dirichlet([1.2, 0.6, 0.4, 0.3])
            for sample in range(samples):
                answer = ["gold", "x", "y", None][rng.choice(4, p=weights)]
                rows.append(("toy", f"q{question:03d}", model, sample, answer, answer == "gold"))
    columns = ["task", "question", "model", "sample", "answer", "correct"]
    return AnswerLog.from_rows(pd.DataFrame(rows, columns=columns))


def algorithm_1(drawn):
    """Algorithm 1 in plain Python: the set of answers it can return (ties inside the model are open)."""
    best, modes = None, set()
    for model in MODELS:
        votes = Counter(answer for answer in drawn[model] if answer is not None)
        top = max(votes.values(), default=0)
        key = (top / len(drawn[model]), ACCURACY[model])
        if best is None or key > best:
            best, modes = key, {answer for answer, count in votes.items() if count == top}
    return modes


def test_every_decision_is_algorithm_1():
    log = random_log()
    multiplexer = Multiplexer(MODELS, ACCURACY, samples=4)
    decisions = multiplexer.decide_log(log)
    for (task, question), decision in decisions.items():
        rows = log.rows[(log.rows["task"] == task) & (log.rows["question"] == question)]
        drawn = {model: list(rows.loc[rows["model"] == model, "answer"]) for model in MODELS}
        modes = algorithm_1(drawn)
        assert set(decision.chances) == modes
        assert decision.answer in modes if modes else decision.answer is None
        if len(modes) == 1:
            assert decision.probability == pytest.approx(1.0)


@pytest.mark.parametrize("rule", ["mux", "agent-forest"])
def test_live_decisions_score_what_replay_says_of_the_same_answers(rule):
    log = random_log(40)
    multiplexer = Multiplexer(MODELS, ACCURACY, rule=rule, samples=4)
    live = summary(multiplexer, judged(multiplexer, log), log)
    replayed = replay(log, [4], (rule,), [MODELS], tie_break=ACCURACY)
    assert live["expected_accuracy"] == pytest.approx(float(replayed.seen.mean[0]), abs=1e-9)


def test_each_decision_is_the_rule_itself_on_the_logs_counts():
    from muxcast.simulate.rules import Answers, rule_named

    log = random_log(30)
    order = sorted(MODELS, key=lambda name: -ACCURACY[name])
    counts = log.counts(order)
    live = Multiplexer(MODELS, ACCURACY, samples=4).decide_log(log)
    for row, pair in enumerate(counts.questions):
        asked = Answers(counts.classes[row], counts.blanks[row], np.array([ACCURACY[name] for name in order]))
        chances = np.asarray(rule_named("mux")(asked))
        simulated = {
            counts.labels[row][place]: p for place, p in enumerate(chances[: len(counts.labels[row])]) if p > 0
        }
        assert live[pair].chances == pytest.approx(simulated)


def test_ties_between_models_go_to_validation_accuracy_and_without_it_to_the_first_listed():
    drawn = {"ant": ["x", "x"], "bee": ["y", "y"]}
    assert Multiplexer(["ant", "bee"], {"ant": 0.2, "bee": 0.3}, samples=2).decide(drawn).answer == "y"
    assert Multiplexer(["ant", "bee"], {"ant": 0.4, "bee": 0.3}, samples=2).decide(drawn).answer == "x"
    assert Multiplexer(["ant", "bee"], samples=2).decide(drawn).answer == "x"
    assert Multiplexer(["bee", "ant"], samples=2).decide(drawn).answer == "y"


def test_blanks_count_against_confidence_and_failures_do_not():
    multiplexer = Multiplexer(["ant", "bee"], ACCURACY, samples=4)
    blank = multiplexer.decide({"ant": ["x", "x", "x", "z"], "bee": ["y", None, None, None]})
    assert (blank.answer, blank.model, blank.confidence) == ("x", "ant", 0.75)
    failed = multiplexer.decide({"ant": ["x", "x", "x", "z"], "bee": ["y"]})
    assert (failed.answer, failed.model, failed.confidence) == ("y", "bee", 1.0)


def test_a_missing_model_leaves_the_rest_to_answer():
    decision = Multiplexer(MODELS, ACCURACY, samples=2).decide({"cat": ["x", "x"], "bee": []})
    assert decision.answer == "x"
    assert decision.missing == ["ant", "bee"]
    nobody = Multiplexer(MODELS, ACCURACY, samples=2).decide({"cat": [None, None]})
    assert nobody.answer is None and nobody.model is None


def test_chance_is_fixed_by_seed_and_question_alone():
    drawn = {"ant": ["x", "y"]}
    one = Multiplexer(["ant"], samples=2, seed=1)
    answers = [one.decide(drawn, f"q{number}").answer for number in range(64)]
    assert answers == [one.decide({"ant": ["y", "x"]}, f"q{number}").answer for number in range(64)]
    assert 16 <= answers.count("x") <= 48  # binomial(64, 1/2): outside once in 30,000
    assert one.decide(drawn, "q").probability == pytest.approx(0.5)


def test_rules_that_cannot_run_live_are_refused():
    with pytest.raises(BadInput, match="correct answers"):
        Multiplexer(MODELS, ACCURACY, rule="oracle")
    with pytest.raises(BadInput, match="decides for one model"):
        Multiplexer(MODELS, ACCURACY, rule="self-consistency")
    with pytest.raises(BadInput, match="unknown rule"):
        Multiplexer(MODELS, ACCURACY, rule="muks")
    with pytest.raises(BadInput, match="no answers of cat"):
        Multiplexer(MODELS, {"ant": 0.5, "bee": 0.5})


@pytest.mark.slow
def test_every_rule_of_the_catalogue_either_decides_or_says_what_it_needs():
    from muxcast.simulate.rules import RULES

    log = random_log(12)
    for name in RULES:
        if name.startswith("user-"):
            continue
        try:
            multiplexer = Multiplexer(MODELS, ACCURACY, rule=name, samples=4, pilot=log)
        except BadInput as error:
            assert "correct answers" in str(error) or "one model" in str(error)
            continue
        decision = multiplexer.decide({"ant": ["x", "x", "y"], "bee": ["x", None], "cat": ["z"]}, "q")
        assert decision.answer in ("x", "y", "z", None), name


@pytest.fixture
def pool_file(tmp_path):
    path = tmp_path / "pool.toml"
    path.write_text(
        "".join(
            f'[[model]]\nname = "{name}"\nengine = "simulated"\noptions = {{ accuracy = {accuracy} }}\n'
            for name, accuracy in ACCURACY.items()
        )
    )
    return path


@pytest.fixture
def facts(tmp_path):
    path = tmp_path / "facts.jsonl"
    path.write_text("\n".join(json.dumps({"question": f"{i}+{i}?", "answer": str(2 * i)}) for i in range(1, 13)))
    return path


def test_run_writes_a_log_decisions_and_a_report_that_agree(tmp_path, pool_file, facts):
    out = tmp_path / "run"
    arguments = ["run", str(pool_file), "--task", str(facts), "--questions", "12", "--samples", "4", "--out", str(out)]
    result = CliRunner().invoke(cli, [*arguments, "--json", "-"], catch_exceptions=False)
    assert result.exit_code == 0
    report = json.loads(result.stdout)
    assert report == json.loads((out / "run.json").read_text())
    decisions = [json.loads(line) for line in (out / "decisions.jsonl").read_text().splitlines()]
    assert len(decisions) == report["questions"] == 12
    assert sum(one["correct"] for one in decisions) / 12 == report["accuracy"]
    log = read_log(out / "answers.parquet")
    exact = replay(log, [4], ("mux",), [MODELS], tie_break={"ant": 0.3, "bee": 0.2, "cat": 0.1})
    assert report["expected_accuracy"] == pytest.approx(float(exact.seen.mean[0]))
    before = (out / "decisions.jsonl").read_text()
    assert CliRunner().invoke(cli, arguments).exit_code == 0  # again: nothing is drawn, all is decided alike
    assert (out / "decisions.jsonl").read_text() == before


def test_ask_says_when_no_model_answers(pool_file):
    result = CliRunner().invoke(cli, ["ask", str(pool_file), "What is 2+2?", "--samples", "2"])
    assert result.exit_code == 1
    assert "no model gave an answer" in result.output
    assert "knows no answer" in result.output
