"""A pool taken apart: the parts are those of the whole, and agree with drawing answers at random."""

from __future__ import annotations

import numpy as np
import pytest

import muxcast
from muxcast.simulate.anatomy import anatomy
from muxcast.simulate.answers import AnswerLog


@pytest.fixture
def log(small_rows) -> AnswerLog:
    return AnswerLog.from_rows(small_rows)


def test_correct_answers_of_all_models_are_the_pools_accuracy(log):
    parts = anatomy(log, samples=2)
    frame = muxcast.replay(log, samples=[2], rules=["mux"], pools=[list(parts.models)]).to_frame()
    assert parts.attribution["correct"].sum() == pytest.approx(frame["mean"].item(), abs=1e-12)


def test_shares_fall_short_of_one_by_the_questions_left_blank(log):
    parts = anatomy(log, samples=3)
    table = log.counts(list(parts.models))
    blank = (table.blanks == table.samples).all(1).mean()  # all three of three samples are taken
    assert parts.attribution["share"].sum() == pytest.approx(1 - blank, abs=1e-12)


def test_reliability_adds_up_to_the_models_voting_accuracy(log):
    parts = anatomy(log, samples=2)
    frame = muxcast.replay(log, samples=[2], rules=["self-consistency"]).to_frame().set_index("models")
    for model, rows in parts.reliability.dropna().groupby("model"):
        assert (rows["share"] * rows["correct"]).sum() == pytest.approx(frame.loc[model, "mean"], abs=1e-12)


def test_no_step_of_selection_beats_the_perfect_selector(log):
    steps = anatomy(log, samples=2).steps.set_index("step")["accuracy"]
    assert steps["left to a perfect selector"] >= steps["+ choosing among 2 models"] - 1e-12


def test_attribution_agrees_with_drawing_answers(log):
    """20,000 random draws of 2 of 3 samples; four standard errors."""
    parts = anatomy(log, samples=2)
    rng, draws = np.random.default_rng(0), 20_000
    hits = dict.fromkeys(parts.models, 0.0)
    groups = {key: rows.to_dict("records") for key, rows in log.rows.groupby(["question", "model"])}
    questions = sorted({question for question, _ in groups})
    for _ in range(draws // 20):
        for question in questions * 5:
            best, winner = 0, None
            for model in parts.models:  # tie-break order: a later model must be strictly more confident
                taken = [groups[question, model][i]["answer"] for i in rng.permutation(3)[:2]]
                answers = [a for a in taken if isinstance(a, str)]
                top = max((answers.count(a) for a in answers), default=0)
                if top > best:
                    best, winner = top, model
            if winner:
                hits[winner] += 1
    tried = draws // 20 * 5 * len(questions)
    for row in parts.attribution.itertuples():
        error = np.sqrt(row.share * (1 - row.share) / tried) + 1e-9
        assert abs(hits[row.model] / tried - row.share) < 4 * error


def test_a_model_the_log_has_not_is_named_with_its_neighbour(log):
    with pytest.raises(muxcast.BadInput, match="did you mean 'ant'"):
        anatomy(log, ["antt"])


def test_more_samples_than_logged_are_refused(log):
    with pytest.raises(muxcast.BadInput, match="take fewer"):
        anatomy(log, samples=9)
