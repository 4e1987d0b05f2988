"""The paper's theory against its own figure, and against the exact law where its suppositions hold."""

from __future__ import annotations

from math import comb

import jax
import numpy as np
import pandas as pd
import pytest

from muxcast.theory.composed_accuracy import (
    _forest_runs,
    agent_forest_approximation,
    agent_forest_errors,
    approximation_errors,
    composed_accuracy,
    mux_approximation,
    type_gain,
)
from muxcast.theory.consistency import mode_accuracy, mode_law_known
from muxcast.theory.selection import mux_accuracy

P = np.linspace(0, 1, 21)


@pytest.mark.parametrize("n", [1, 2, 3, 4, 7, 10])
def test_composed_accuracy_is_the_binomial_sum_of_the_paper(n):
    total = sum(comb(n, i) * P**i * (1 - P) ** (n - i) for i in range((n + 1) // 2, n + 1))
    np.testing.assert_allclose(composed_accuracy(n, P), total, atol=1e-12)


def test_the_papers_figure_is_reproduced_to_its_stated_error(shared_data):
    figure = pd.read_csv(shared_data.parent / "paper" / "fig_composed_accuracy_theory.csv")
    seen = set()
    for series, rows in figure.groupby("series"):
        n = int(series.split("=")[1].split(",")[0])
        found = composed_accuracy(n, rows["x"].to_numpy(float))
        # printed to 5 decimals; 2e-7 is the stated error of the extraction
        np.testing.assert_allclose(found, rows["y"].to_numpy(float), atol=5e-6 + 2e-7)
        seen.add(n)
    assert seen == {3, 5, 7, 9}


def test_an_even_number_beats_one_sample_only_by_counting_ties_as_wins():
    inner = P[1:-1]
    assert (composed_accuracy(2, inner) > inner).all()
    np.testing.assert_allclose(composed_accuracy(2, inner, "half"), inner, atol=1e-12)
    np.testing.assert_allclose(composed_accuracy(4, inner, "half"), composed_accuracy(3, inner), atol=1e-12)
    assert (composed_accuracy(2, inner, "lose") < inner).all()
    assert (composed_accuracy(3, inner[inner < 0.5]) < inner[inner < 0.5]).all()


@pytest.mark.parametrize("k", [3, 4])
def test_composed_accuracy_is_the_mode_of_one_model_with_a_single_wrong_answer(k):
    ties = {3: "uniform", 4: "win"}[k]
    law = mode_law_known(np.stack([P, 1 - P], -1), np.zeros(21), k, ties=ties)
    np.testing.assert_allclose(mode_accuracy(law), composed_accuracy(k, P), atol=1e-12)


def test_types_share_out_the_whole_gain():
    p = np.array([1.0, 1.0, 0.8, 0.6, 0.5, 0.2])
    types = type_gain(p, composed_accuracy(5, p))
    assert float(types.total) == pytest.approx(float((composed_accuracy(5, p) - p).mean()))
    np.testing.assert_allclose(types.share, [2 / 6, 2 / 6, 2 / 6])
    assert types.gain[0] == 0 and types.gain[1] > 0 and types.gain[2] < 0


def test_the_approximations_use_the_best_and_the_mean_member():
    p = np.array([[0.9, 0.2], [0.6, 0.4]])
    np.testing.assert_allclose(mux_approximation(3, p), composed_accuracy(3, np.array([0.9, 0.4])))
    np.testing.assert_allclose(agent_forest_approximation(3, p), composed_accuracy(6, np.array([0.75, 0.3])))


def test_errors_of_the_approximation_add_up_and_vanish_where_its_suppositions_hold():
    rng = np.random.default_rng(0)
    p = rng.dirichlet(np.ones(6), size=(4, 30))
    errors = approximation_errors(p[..., :5], p[..., 5], 5)
    assert errors.bias == pytest.approx(errors.p_max - errors.exact)
    assert errors.bias == pytest.approx(errors.from_scatter + errors.from_selection)
    assert errors.mean_absolute >= abs(errors.bias)
    exact = mux_accuracy(mode_law_known(p[..., :5], p[..., 5], 5))
    assert errors.exact == pytest.approx(float(exact.mean()))
    two = np.stack([P, 1 - P], -1)[None]  # one model, one wrong answer, odd k
    assert approximation_errors(two, np.zeros((1, 21)), 5).mean_absolute < 1e-12


def test_errors_of_the_forests_approximation_vanish_where_its_suppositions_hold_and_simulation_agrees():
    # alike models and one wrong answer: the plurality of 3 × 3 samples is a majority of 9
    alike = np.broadcast_to(np.stack([P, 1 - P], -1), (3, 21, 2))
    nothing = np.zeros((3, 21))
    assert agent_forest_errors(alike, nothing, 3).mean_absolute < 1e-12
    rng = np.random.default_rng(1)
    p = rng.dirichlet(np.ones(5), size=(3, 12))
    exact = agent_forest_errors(p[..., :4], p[..., 4], 3)
    assert exact.bias == pytest.approx(exact.p_mean - exact.exact) and exact.bias < -0.1  # scattered errors
    runs = _forest_runs(p[..., :4], p[..., 4], 3, jax.random.key(0), 2000)
    assert abs(runs.mean() - exact.exact) < 5 * runs.mean(1).std() / np.sqrt(2000)
    with pytest.raises(ValueError, match="give a key"):
        agent_forest_errors(alike, nothing, 16)
    simulated = agent_forest_errors(alike, nothing, 16, key=jax.random.key(1))
    assert abs(simulated.bias) < 5 * simulated.simulation_sd + 0.02  # even N: ties count as won in A
