"""Forecast scores agree with their definitions, and calibrated forecasts score as calibrated."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from muxcast.simulate.scores import (
    coverage,
    crps,
    crps_normal,
    inside,
    interval_score,
    pit,
    predictive,
    rank,
    regret,
    skill,
    uniform_bands,
)


def brute_crps(draws, observed):
    spread = np.abs(draws[:, None] - draws[None, :]).sum() / (len(draws) * (len(draws) - 1))
    return np.abs(draws - observed).mean() - spread / 2


@given(st.lists(st.floats(-3, 3), min_size=2, max_size=12), st.floats(-4, 4))
def test_crps_is_its_definition(values, observed):
    draws = np.array(values)[:, None]
    assert crps(draws, np.array([observed]))[0] == pytest.approx(brute_crps(draws[:, 0], observed), abs=1e-12)


def test_crps_of_normal_draws_is_the_closed_form():
    rng = np.random.default_rng(0)
    mean, sd, observed = np.array([0.0, 1.0, 5.0]), np.array([1.0, 0.2, 2.0]), np.array([0.3, 1.5, 4.0])
    draws = mean + sd * rng.standard_normal((200_000, 3))
    # standard error of the mean |X - y| is below sd / sqrt(200000) = 0.0045
    np.testing.assert_allclose(crps(draws, observed), crps_normal(mean, sd, observed), atol=0.015)
    assert crps_normal(np.array([2.0]), np.array([0.0]), np.array([3.0]))[0] == 1.0


def test_interval_score_is_smallest_at_the_true_quantiles():
    rng = np.random.default_rng(1)
    y = rng.standard_normal(200_000)
    scores = {w: interval_score(np.full(1, -w), np.full(1, w), y, 0.9).mean() for w in (1.3, 1.645, 2.0)}
    assert min(scores, key=lambda w: scores[w]) == 1.645


def test_calibrated_draws_cover_at_every_level_and_have_uniform_pit():
    rng = np.random.default_rng(2)
    centre = rng.standard_normal(4000)
    draws = centre + rng.standard_normal((400, 4000))
    observed = centre + rng.standard_normal(4000)
    for level, share in coverage(draws, observed).items():
        assert share == pytest.approx(level, abs=4 * np.sqrt(level * (1 - level) / 4000) + 2 / 400)
    assert uniform_bands(4000).hold(pit(draws, observed, seed=0))
    ranks = rank(draws, observed, seed=0)
    assert ranks.min() >= 0 and ranks.max() <= 400


def test_too_narrow_forecasts_leave_the_bands():
    rng = np.random.default_rng(3)
    draws = 0.5 * rng.standard_normal((400, 1000))
    assert not uniform_bands(1000).hold(pit(draws, rng.standard_normal(1000), seed=0))


@pytest.mark.parametrize("count", [20, 200])
def test_bands_hold_uniform_values_as_often_as_promised(count):
    bands = uniform_bands(count, level=0.9)
    rng = np.random.default_rng(4)
    share = np.mean([bands.hold(rng.random(count)) for _ in range(1500)])
    assert share == pytest.approx(0.9, abs=0.035)


def test_noise_of_the_observation_belongs_to_the_forecast():
    rng = np.random.default_rng(5)
    truth = rng.standard_normal(3000)
    draws = np.zeros((300, 3000)) + rng.standard_normal((300, 3000))
    seen = truth + 2.0 * rng.standard_normal(3000)
    assert inside(draws, seen).mean() < 0.7
    assert inside(predictive(draws, 2.0, seed=0), seen).mean() == pytest.approx(0.9, abs=0.03)
    assert predictive(draws, None, seed=0) is not None


def test_ties_are_ranked_at_random():
    draws = np.zeros((9, 5000))
    ranks = rank(draws, np.zeros(5000), seed=0)
    assert np.bincount(ranks, minlength=10).min() > 350


def test_skill_and_regret():
    assert skill(1.0, 4.0) == 0.75
    assert np.isnan(skill(1.0, 0.0))
    assert regret(np.array([0.1, 0.9, 0.5]), np.array([0.4, 0.6, 0.7])) == pytest.approx(0.1)
