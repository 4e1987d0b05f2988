"""Simulated worlds produce logs of the real format that follow the stated probabilities."""

import numpy as np
import pytest

from muxcast.simulate.errors import BadInput
from muxcast.simulate.logfile import read_log, write_log
from muxcast.simulate.ready_worlds import WORLDS, world_named
from muxcast.simulate.worlds import TokenLaw, draw_counts, draw_log


@pytest.mark.parametrize("name", WORLDS)
def test_probabilities_of_a_world_sum_to_one(name):
    world = world_named(name, seed=3, questions=31, models=3)
    assert world.p.shape[:2] == world.blank.shape == (31, 3)
    np.testing.assert_allclose(world.p.sum(-1) + world.blank, 1, atol=1e-9)
    assert world.p.min() >= 0


@pytest.mark.parametrize("name", WORLDS)
def test_a_simulated_log_survives_the_file_formats(name, tmp_path):
    log = world_named(name, seed=1, questions=12, models=2).log(3, seed=5)
    for ending in ("parquet", "jsonl", "csv"):
        write_log(log, tmp_path / f"log.{ending}")
        again = read_log(tmp_path / f"log.{ending}")
        assert again.rows["answer"].isna().equals(log.rows["answer"].isna())
        assert (again.rows["correct"] == log.rows["correct"]).all()
        assert again.questions == log.questions and again.models == log.models


def test_frequencies_follow_the_probabilities():
    world = world_named("mixed-tasks", seed=2, questions=9, models=2)
    samples = 4000
    counts = world.log(samples, seed=0).counts(models=world.models)
    # classes of a log are ordered by frequency, so compare what keeps its place: correct and blank
    right = {q: i for i, q in enumerate(counts.questions)}
    order = [right[(task, f"q{i}")] for i, task in enumerate(world.tasks)]
    noise = 4 * np.sqrt(0.25 / samples)
    assert np.abs(counts.correct[order] / samples - world.p[..., 0]).max() < noise
    assert np.abs(counts.blanks[order] / samples - world.blank).max() < noise
    wrong = -np.sort(-counts.classes[order][:, :, 1:].sum(1) / samples, -1)
    truth = -np.sort(-world.p[:, :, 1:].sum(1), -1)[:, : wrong.shape[1]]
    assert np.abs(wrong - truth).max() < 2 * noise


def test_fast_counts_have_the_law_of_the_log():
    world = world_named("shared-distractors", seed=4, questions=6, models=3)
    samples = 4000
    fast = world.counts(samples, seed=9)
    assert (fast.samples == samples).all()
    assert np.abs(fast.correct / samples - world.p[..., 0]).max() < 4 * np.sqrt(0.25 / samples)
    totals = fast.classes[:, :, 1:].sum(1)
    assert (np.diff(totals, axis=-1) <= 0).all()
    assert all(len(labels) >= 1 for labels in fast.labels)


def test_the_correct_letter_carries_no_information():
    log = world_named("correlated", seed=0, questions=400, models=1).log(1, seed=0)
    share = log.rows["reference"].value_counts(normalize=True)
    assert set(share.index) == set("ABCD")
    assert share.max() < 0.25 + 4 * np.sqrt(0.25 * 0.75 / 400)


def test_two_options_are_always_a_and_b():
    log = world_named("mixed-tasks", seed=0, questions=60, models=2).log(8, seed=0)
    two = log.rows[log.rows["task"] == "two-options"]
    assert set(two["answer"].dropna()) == {"A", "B"}


def test_the_same_seed_gives_the_same_log_and_another_does_not():
    world = world_named("u-shaped", seed=0, questions=20, models=2)
    assert world.log(4, seed=1).rows.equals(world.log(4, seed=1).rows)
    assert not world.log(4, seed=1).rows["answer"].equals(world.log(4, seed=2).rows["answer"])


def test_ragged_draws_leave_pairs_out():
    p, blank = np.full((5, 2, 2), 0.5), np.zeros((5, 2))
    samples = np.array([[1, 2], [3, 0], [2, 2], [1, 1], [4, 4]])
    log = draw_log(p, blank, samples, seed=0, models=["a", "b"])
    assert len(log.rows) == samples.sum()
    assert len(log.common_questions()) == 4


def test_token_columns_have_the_asked_means():
    p, blank = np.full((300, 1, 2), 0.45), np.full((300, 1), 0.1)
    log = draw_log(p, blank, 20, seed=0, models=["a"], tokens={"a": TokenLaw(100, 400, 0.5)})
    means = log.tokens()
    assert means is not None
    # standard error of a log-normal mean: 400 * sqrt(exp(0.25) - 1) / sqrt(6000) = 2.8
    assert means.loc["a", "completion_tokens"] == pytest.approx(400, abs=12)
    assert means.loc["a", "prompt_tokens"] == pytest.approx(100, abs=6)
    blanks = log.rows["answer"].isna()
    assert (log.rows.loc[blanks, "finish_reason"] == "length").all()
    per_question = log.rows.groupby("question")["prompt_tokens"].nunique()
    assert (per_question == 1).all()


def test_bad_populations_are_refused():
    with pytest.raises(BadInput, match="sum to 1"):
        draw_log(np.full((2, 1, 2), 0.4), np.zeros((2, 1)), 1, 0)
    with pytest.raises(BadInput, match="do not fit"):
        draw_counts(np.full((2, 1, 2), 0.5), np.zeros((3, 1)), 1, 0)
    with pytest.raises(BadInput, match="did you mean"):
        world_named("corelated", 0)
    with pytest.raises(BadInput, match="at least 1"):
        draw_log(np.full((2, 1, 2), 0.5), np.zeros((2, 1)), 0, 0)
