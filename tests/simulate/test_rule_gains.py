"""Rules against SLM-MUX at equal cost: costs are counted as spent, opponents spend as much, gains are paired."""

from __future__ import annotations

import numpy as np
import pytest
from made_up_pool import made_up_log
from test_calibration import hard_and_easy

from muxcast.simulate.calibration import calibrate
from muxcast.simulate.rule_gains import at_cost, gains_in_worlds, gains_on_log
from muxcast.simulate.worlds import draw_log

RULES = ["early-mux", "self-consistency", "calibrated-mux", "random-model"]


@pytest.fixture(scope="module")
def on_log():
    return gains_on_log(made_up_log(models=3, questions=24, samples=6), 4, RULES, draws=24).set_index("rule")


@pytest.fixture(scope="module")
def in_worlds():
    p, blank = hard_and_easy(30, 3, seed=11)
    posterior = calibrate(draw_log(p, blank, 4, seed=12, models=["ant", "bee", "cat"]), seed=1)
    return gains_in_worlds(posterior, 4, RULES, draws=12).set_index("rule")


def test_between_two_sample_counts_the_opponent_is_their_mixture():
    mux = np.array([0.0, 0.5, 0.7, 0.8])
    assert at_cost(mux, 2, 4) == pytest.approx(0.7)
    assert at_cost(mux, 2, 5) == pytest.approx(0.75)
    assert at_cost(mux, 2, 6) == pytest.approx(0.8)
    assert at_cost(mux, 2, 1) == pytest.approx(0.5)  # no cheaper SLM-MUX over this pool
    assert at_cost(mux[:2], 2, 2) == pytest.approx(0.5)


@pytest.mark.parametrize("where", ["on_log", "in_worlds"])
def test_rules_spend_what_they_ask_for(where, request):
    found = request.getfixturevalue(where)
    assert found["samples"]["mux"] == 12
    assert found["samples"]["self-consistency"] == 4
    assert 3 <= found["samples"]["early-mux"] < 12


@pytest.mark.parametrize("where", ["on_log", "in_worlds"])
def test_mux_gains_nothing_over_itself_and_early_mux_only_saves(where, request):
    found = request.getfixturevalue(where)
    assert found.loc["mux", ["gain", "gain_sd", "equal_cost_gain"]].abs().max() < 1e-12
    assert abs(found["gain"]["early-mux"]) < 1e-12
    assert found["gain"]["random-model"] < 0


def test_the_gain_of_early_mux_at_equal_cost_is_what_its_savings_would_buy(on_log):
    log = made_up_log(models=3, questions=24, samples=6)
    whole = gains_on_log(log, 4, ["mux"], draws=400)
    assert whole["accuracy"][0] == pytest.approx(on_log["accuracy"]["mux"], abs=0.03)
    fewer = gains_on_log(log, 3, ["mux"], draws=400)
    bought = whole["accuracy"][0] - fewer["accuracy"][0]  # the last of 4 samples
    share = 4 - on_log["samples"]["early-mux"] / 3
    if share <= 1:
        assert on_log["equal_cost_gain"]["early-mux"] == pytest.approx(share * bought, abs=0.01)
