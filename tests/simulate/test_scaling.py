"""Scaling: the grid is exact, budgets are spent well, and harm is split into gains and losses."""

from __future__ import annotations

import numpy as np
import pytest
from made_up_pool import made_up_log

from muxcast.simulate.errors import BadInput
from muxcast.simulate.replay import replay
from muxcast.simulate.scaling import _laws, scaling, uneven_accuracy, where_more_hurts


@pytest.fixture(scope="module")
def log():
    return made_up_log(models=3, questions=16, samples=4, seed=5)


@pytest.fixture(scope="module")
def found(log):
    return scaling(log)


def test_the_grid_is_what_replay_says(log, found):
    pools = [list(row) for row in found.grid.loc[found.grid["samples"] == 2, "models"]]
    seen = replay(log, [2], ["mux"], pools).to_frame()
    grid = found.grid[found.grid["samples"] == 2]
    assert np.allclose(sorted(seen["mean"]), sorted(grid["accuracy"]))


def test_a_change_is_what_was_gained_and_what_was_lost(found):
    grid = found.grid.dropna(subset=["from_samples"])
    assert np.allclose(grid["from_samples"], grid["samples_gained"] + grid["samples_lost"])
    hurts = where_more_hurts(found, errors=0)
    assert (hurts["change"] < 0).all()


def test_a_larger_budget_never_buys_less(found):
    assert (np.diff(found.budget["accuracy"]) > 0).all()
    assert (np.diff(found.uneven["accuracy"]) >= 0).all()


def test_equal_samples_are_a_special_case_of_unequal_ones(log, found):
    order = list(found.grid["models"].iloc[-1])
    laws = _laws(log.counts(order), order, [1, 2, 3, 4])
    row = found.grid[(found.grid["size"] == 3) & (found.grid["samples"] == 3)].iloc[0]
    assert np.isclose(uneven_accuracy(laws, np.array([3, 3, 3])), row["accuracy"])


def test_unequal_samples_agree_with_monte_carlo(log):
    from muxcast.simulate.rules import rule_named, rule_on_counts

    accuracy = log.accuracy()
    order = sorted(accuracy, key=lambda name: -accuracy[name])
    counts = log.counts(order)
    laws = _laws(counts, order, [1, 2, 3, 4])
    exact = uneven_accuracy(laws, np.array([2, 4, 3]))
    values = np.array([accuracy[name] for name in order])
    drawn = rule_on_counts(rule_named("mux"), counts, [2, 4, 3], accuracy=values, draws=400)
    assert abs(drawn.mean - exact) < 5 * drawn.monte_carlo_error


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"order": ["nobody"]}, "unknown model 'nobody'"),
        ({"costs": {"nobody": 1.0}}, "no cost for model"),
        ({"tie_break": {"nobody": 0.5}}, "tie-break pilot has no answers of"),
        ({"samples": [9]}, "ask for fewer"),
    ],
)
def test_models_and_limits_that_are_not_there_are_refused(log, arguments, message):
    with pytest.raises(BadInput, match=message):
        scaling(log, **arguments)


def test_a_model_joins_once(log):
    with pytest.raises(BadInput, match="twice"):
        scaling(log, order=[log.models[0], log.models[0]])
