"""Replay against Algorithm 1 carried out on every way to take k of the logged samples."""

from __future__ import annotations

from collections import Counter
from fractions import Fraction
from itertools import combinations, product

import numpy as np
import pandas as pd
import pytest

import muxcast
from muxcast.simulate.answers import AnswerLog
from muxcast.simulate.errors import BadInput

RIGHT = "gold"


def random_log(seed: int, models: int = 3, questions: int = 3, samples: int = 4) -> AnswerLog:
    rng = np.random.default_rng(seed)
    rows = []
    for q, i, j in product(range(questions), range(models), range(samples)):
        answer = rng.choice([RIGHT, "x", "y", None], p=rng.dirichlet([1.5, 1, 1, 0.5]))
        rows.append((f"q{q}", f"m{i}", j, answer, answer == RIGHT))
    frame = pd.DataFrame(rows, columns=["question", "model", "sample", "answer", "correct"])
    return AnswerLog.from_rows(frame.assign(task="t"))


def algorithm_1(answers: list[tuple[str | None, ...]]) -> Fraction:
    """P(correct) of SLM-MUX on one draw, models in tie-break order; the mode is uniform among ties."""
    best, chance = 0, Fraction(0)
    for drawn in answers:
        counts = Counter(answer for answer in drawn if answer is not None)
        top = max(counts.values(), default=0)
        if top > best:  # strictly: an earlier model keeps a tie
            modes = [answer for answer, count in counts.items() if count == top]
            best, chance = top, Fraction(int(RIGHT in modes), len(modes))
    return chance


def by_enumeration(log: AnswerLog, pool: tuple[str, ...], k: int) -> list[Fraction]:
    scores = []
    for question in sorted(log.rows["question"].unique()):
        ours = log.rows[log.rows["question"] == question]
        drawn = []
        for model in pool:
            answers = [None if pd.isna(a) else a for a in ours[ours["model"] == model]["answer"]]
            drawn.append([tuple(answers[j] for j in taken) for taken in combinations(range(len(answers)), k)])
        results = [algorithm_1(list(draw)) for draw in product(*drawn)]
        scores.append(sum(results, Fraction(0)) / len(results))
    return scores


@pytest.mark.parametrize("seed", range(6))
def test_replay_is_algorithm_1_averaged_over_all_subsamples(seed):
    log = random_log(seed)
    tie_break = {"m0": 0.5, "m1": 0.7, "m2": 0.6}
    result = muxcast.replay(log, [1, 2, 3], ["mux"], tie_break=tie_break)
    assert len(result.cells) == 3 * 7
    for cell, mean, sd in zip(result.cells, result.seen.mean, result.seen.sd, strict=True):
        scores = by_enumeration(log, cell.models, cell.samples)
        assert mean == pytest.approx(float(sum(scores) / len(scores)), abs=1e-12)
        spread = np.std([float(score) for score in scores], ddof=1) / np.sqrt(len(scores))
        assert sd == pytest.approx(spread, abs=1e-12)


def test_models_are_listed_in_tie_break_order():
    result = muxcast.replay(random_log(1), [2], tie_break={"m0": 0.5, "m1": 0.7, "m2": 0.6})
    assert result.cells[-4].models == ("m1", "m2", "m0")


def test_mux_of_one_model_is_self_consistency():
    frame = muxcast.replay(random_log(2), [1, 2, 3, 4], ["mux", "self-consistency"]).to_frame()
    alone = frame[frame["size"] == 1].pivot(index=["models", "samples"], columns="rule", values="mean")
    np.testing.assert_allclose(alone["mux"], alone["self-consistency"], atol=1e-14)


def test_a_single_model_gains_nothing_over_itself():
    frame = muxcast.replay(random_log(3), [3], ["mux"]).to_frame()
    alone = frame[frame["size"] == 1]
    np.testing.assert_allclose(alone["gain_mean"], 0, atol=1e-14)
    np.testing.assert_allclose(alone["gain_sd"], 0, atol=1e-14)


def test_one_sample_of_a_pool_answers_with_its_most_accurate_model_that_answered():
    log = random_log(4)
    result = muxcast.replay(log, [1], ["mux"], tie_break={"m0": 0.9, "m1": 0.5, "m2": 0.4})
    counts = log.counts(["m0", "m1", "m2"])
    share = counts.correct / counts.samples
    silent = counts.blanks / counts.samples
    expected = share[:, 0] + silent[:, 0] * (share[:, 1] + silent[:, 1] * share[:, 2])
    assert result.seen.mean[-1] == pytest.approx(expected.mean(), abs=1e-12)


def test_replay_beyond_the_log_is_refused_with_the_way_on():
    with pytest.raises(BadInput, match=r"reaches k = 4.*`muxcast forecast`, which extrapolates"):
        muxcast.replay(random_log(0), [8])


def test_models_with_fewer_samples_limit_only_their_own_pools():
    log = random_log(0)
    short = log.select(keep=~((log.rows["model"] == "m2") & (log.rows["sample"] >= 2)).to_numpy())
    result = muxcast.replay(short, [2, 4], ["mux"])
    at_four = [cell.models for cell in result.cells if cell.samples == 4]
    assert at_four
    assert all("m2" not in pool for pool in at_four)
    assert any("up to k = 2" in note for note in result.notes)


def test_noise_given_the_questions_falls_with_the_samples_logged():
    many = random_log(5, questions=30, samples=16)
    few, _ = many.draw_samples(4)
    noise = [muxcast.replay(log, [2], ["mux"]).seen.noise.mean() for log in (few, many)]
    assert noise[1] < noise[0]


def test_answer_noise_matches_the_scatter_of_repeated_draws():
    rng = np.random.default_rng(0)
    p = rng.dirichlet([1, 1, 1], size=(40, 2))

    def one_log() -> AnswerLog:
        rows = [
            (f"q{q}", f"m{i}", j, answer, answer == RIGHT)
            for q in range(40)
            for i in range(2)
            for j, answer in enumerate(rng.choice([RIGHT, "x", "y"], size=6, p=p[q, i]))
        ]
        frame = pd.DataFrame(rows, columns=["question", "model", "sample", "answer", "correct"])
        return AnswerLog.from_rows(frame.assign(task="t"))

    order = {"m0": 0.6, "m1": 0.5}
    runs = [muxcast.replay(one_log(), [3], ["mux"], pools=[["m0", "m1"]], tie_break=order).seen for _ in range(60)]
    scatter = np.std([run.mean[0] for run in runs], ddof=1)
    claimed = np.mean([run.noise[0] for run in runs])
    # the claim is an upper bound and not a wild one; 60 runs fix the scatter to about 10 %
    assert 0.8 * scatter < claimed < 2 * scatter


def by_pooled_votes(log: AnswerLog, pool: tuple[str, ...], k: int) -> float:
    total = Fraction(0)
    questions = sorted(log.rows["question"].unique())
    for question in questions:
        ours = log.rows[log.rows["question"] == question]
        drawn = []
        for model in pool:
            answers = [None if pd.isna(a) else a for a in ours[ours["model"] == model]["answer"]]
            drawn.append(list(combinations(answers, k)))
        results = []
        for draw in product(*drawn):
            counts = Counter(answer for part in draw for answer in part if answer is not None)
            top = max(counts.values(), default=0)
            modes = [answer for answer, count in counts.items() if count == top]
            results.append(Fraction(int(RIGHT in modes), max(len(modes), 1)))
        total += sum(results, Fraction(0)) / len(results)
    return float(total / len(questions))


def test_agent_forest_is_plurality_of_the_pooled_votes_within_its_stated_error():
    log = random_log(6)
    result = muxcast.replay(log, [1, 2, 3], ["agent-forest"])
    truth = np.array([by_pooled_votes(log, cell.models, cell.samples) for cell in result.cells])
    exact = result.to_frame()["exact"].to_numpy()
    small = [len(cell.models) == 1 or (cell.samples + 1) ** len(cell.models) <= 27 for cell in result.cells]
    assert exact.tolist() == small
    assert 0 < exact.sum() < len(exact)
    np.testing.assert_allclose(result.seen.mean[exact], truth[exact], atol=1e-12)
    # the others share their subsamples, so their misses are few independent ones
    misses = (result.seen.mean - truth)[~exact] / result.seen.simulation_sd[~exact]
    assert np.abs(misses).max() < 4


def test_agent_forest_leaves_out_a_model_that_has_too_few_samples():
    log = random_log(0)
    short = log.select(keep=~((log.rows["model"] == "m2") & (log.rows["sample"] >= 2)).to_numpy())
    whole = muxcast.replay(log, [4], ["agent-forest"], pools=[["m0", "m1"]])
    part = muxcast.replay(short, [2, 4], ["agent-forest"], tie_break=whole.tie_break | {"m2": 0.1})
    (at_four,) = [i for i, cell in enumerate(part.cells) if cell.samples == 4 and set(cell.models) == {"m0", "m1"}]
    # all four of four samples: nothing is left to chance
    assert part.seen.mean[at_four] == pytest.approx(whole.seen.mean[0], abs=1e-12)


@pytest.mark.parametrize("rule", ["mux", "agent-forest"])
def test_a_log_with_no_sample_to_spare_still_has_answer_noise(rule):
    log = random_log(7, questions=20, samples=4)
    assert (muxcast.replay(log, [4], [rule]).seen.noise > 0.01).all()
