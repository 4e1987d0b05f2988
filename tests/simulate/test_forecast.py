"""Claims about forecasts: exact given a world, honest about what is not known, careful about the winner."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from test_calibration import hard_and_easy

from muxcast.simulate.calibration import calibrate
from muxcast.simulate.cells import Cell
from muxcast.simulate.choosing import choose
from muxcast.simulate.errors import BadInput
from muxcast.simulate.forecast import Forecast, denoised, forecast
from muxcast.simulate.mode_laws import mode_laws
from muxcast.simulate.pool_accuracy import cell_accuracy
from muxcast.simulate.posterior import Population, Posterior
from muxcast.simulate.worlds import draw_log

MODELS = ["ant", "bee", "cat"]


@pytest.fixture(scope="module")
def posterior() -> Posterior:
    p, blank = hard_and_easy(60, 3, seed=11)
    return calibrate(draw_log(p, blank, 4, seed=12, models=MODELS), seed=1)


@pytest.fixture(scope="module")
def made(posterior: Posterior) -> Forecast:
    return forecast(posterior, samples=[1, 2, 5], seed=3, draws=120)


def brute_force(p: np.ndarray, blank: np.ndarray, k: int) -> float:
    """SLM-MUX accuracy of two models on one question, over all sample sequences; the first is preferred in a tie."""
    laws = []
    for row, none in zip(p, blank, strict=True):
        weight = [*row, none]
        law: dict[tuple[int, bool], float] = {}
        for sequence in itertools.product(range(len(weight)), repeat=k):
            counts = np.bincount(sequence, minlength=len(weight))[:-1]
            chance, top = float(np.prod([weight[s] for s in sequence])), int(counts.max())
            tied = int((counts == top).sum())
            for answer in np.flatnonzero(counts == top) if top else []:
                key = (top, bool(answer == 0))
                law[key] = law.get(key, 0) + chance / tied
            if not top:
                law[0, False] = law.get((0, False), 0) + chance
        laws.append(law)
    total = 0.0
    for (one, one_right), a in laws[0].items():
        for (two, two_right), b in laws[1].items():
            total += a * b * (one_right if one >= two else two_right)
    return total


@pytest.mark.parametrize("k", [1, 2, 3, 4])
def test_accuracy_in_a_known_world_agrees_with_brute_force(k: int) -> None:
    rng = np.random.default_rng(k)
    for _ in range(5):
        full = rng.dirichlet([0.8, 0.8, 0.5, 0.4], (1, 1, 2))
        world = Population(full[..., :3], full[..., 3], np.zeros((1, 1), int))
        cells = [Cell("mux", ("ant", "bee"), k), Cell("mux", ("bee", "ant"), k)]
        found = cell_accuracy([world], cells, ["ant", "bee"], rng)[0, 0]
        p, blank = full[0, 0, :, :3], full[0, 0, :, 3]
        np.testing.assert_allclose(found, [brute_force(p, blank, k), brute_force(p[::-1], blank[::-1], k)], atol=1e-12)


def test_laws_of_the_mode_are_laws() -> None:
    full = np.random.default_rng(0).dirichlet(np.ones(5) * 0.6, 300)
    for k in (1, 2, 7, 16, 40):
        laws = mode_laws(full[:, :4], full[:, 4], k)
        np.testing.assert_allclose(laws.top.sum(0), 1, atol=1e-9)
        assert (laws.correct <= laws.top + 1e-9).all()
        np.testing.assert_allclose(laws.top[0], full[:, 4] ** k, atol=1e-12)


def test_pooled_plurality_of_one_model_is_self_consistency(posterior: Posterior) -> None:
    cells = [Cell("agent-forest", ("bee",), 5), Cell("self-consistency", ("bee",), 5)]
    blocks = list(posterior.blocks(draws=40))
    halves = cell_accuracy(blocks, cells, MODELS, np.random.default_rng(0), rounds=20)
    error = (halves[:, :, 0] - halves[:, :, 1]).mean()
    # 40 worlds x 60 questions x 40 runs, each with at most variance 1/4
    assert abs(error) < 4 * np.sqrt(0.25 / (40 * 60 * 40))


def test_simulated_mux_agrees_with_the_exact_law(posterior: Posterior, monkeypatch: pytest.MonkeyPatch) -> None:
    cells = [Cell("mux", tuple(MODELS), 6), Cell("mux", ("bee",), 6), Cell("self-consistency", ("bee",), 6)]
    blocks = list(posterior.blocks(draws=40))
    exact = cell_accuracy(blocks, cells, MODELS, np.random.default_rng(0))
    monkeypatch.setattr("muxcast.simulate.pool_accuracy.EXACT_SAMPLES", 5)
    played = cell_accuracy(blocks, cells, MODELS, np.random.default_rng(0), rounds=20)
    # 40 worlds x 60 questions x 40 runs, each with at most variance 1/4
    np.testing.assert_allclose(played.mean((0, 1)), exact.mean((0, 1)), atol=4 * np.sqrt(0.25 / (40 * 60 * 40)))
    np.testing.assert_array_equal(played[..., 1], played[..., 2])


def test_mux_of_one_model_is_self_consistency(made: Forecast) -> None:
    at = {cell: i for i, cell in enumerate(made.cells)}
    for name in MODELS:
        one, other = at[Cell("mux", (name,), 5)], at[Cell("self-consistency", (name,), 5)]
        np.testing.assert_allclose(made.halves[:, :, one], made.halves[:, :, other], atol=1e-12)


def test_every_pool_rule_and_sample_count_has_a_cell(made: Forecast) -> None:
    assert len(made.cells) == len(set(made.cells)) == 3 * (7 + 7 + 3)


def test_interval_for_new_questions_is_wider_and_shrinks_with_their_number(
    posterior: Posterior, made: Forecast
) -> None:
    few, many = (forecast(posterior, [5], ["mux"], [MODELS], target="new", questions=n, draws=100) for n in (40, 1000))
    same = made.accuracy[:, made.cells.index(Cell("mux", few.cells[0].models, 5))].std()
    assert few.accuracy.std() > many.accuracy.std() > 0.8 * same
    assert few.accuracy.std() > 1.5 * same


def test_one_run_scatters_more_than_the_expected_accuracy(made: Forecast) -> None:
    lower, upper = made.interval(made.accuracy)
    for i, cell in enumerate(made.cells):
        # for agent-forest the variance of a run is itself an estimate
        one, other = made.run_interval(i)
        assert one < lower[i] and upper[i] < other
        assert 0.02 < np.sqrt(made.run_variance[i]) < 0.065 or cell.samples > 1


def test_simulation_noise_is_taken_out_of_the_spread() -> None:
    rng = np.random.default_rng(0)
    truth = rng.normal(0.6, 0.02, 4000)
    halves = truth + rng.normal(0, 0.05, (2, 4000))
    assert abs(denoised(halves).std() - 0.02) < 0.003
    assert halves.mean(0).std() > 0.035


def test_forecast_repeats_bit_for_bit(posterior: Posterior, made: Forecast) -> None:
    again = forecast(posterior, samples=[1, 2, 5], seed=3, draws=120)
    assert np.array_equal(made.halves, again.halves)


def test_rules_that_stop_early_are_forecast_to_cost_less(posterior: Posterior) -> None:
    made = forecast(posterior, samples=[6], rules=["mux", "early-mux", "cascade"], pools=[MODELS], seed=3, draws=20)
    frame = made.to_frame().set_index("rule")
    assert frame.samples_per_question["mux"] == 6 * len(MODELS)
    for rule in ("early-mux", "cascade"):
        assert 1 <= frame.samples_per_question[rule] < 6 * len(MODELS)
    mux, cascade = (made.drawn[[cell.rule for cell in made.cells].index(rule)] for rule in ("mux", "cascade"))
    assert mux == [6.0] * len(MODELS)
    written = {cell["rule"]: cell for cell in made.to_json()["cells"]}
    assert "drawn" not in written["mux"]
    assert list(written["cascade"]["drawn"].values()) == cascade
    # the cascade asks the preferred model of every question and the others only where it was in doubt
    assert cascade[0] == max(cascade) and cascade[-1] < cascade[0]


def test_json_has_the_fields_of_the_format(made: Forecast) -> None:
    content = made.to_json()
    assert content["format"] == "muxcast-forecast" and content["version"] == 1
    assert content["target"] == {"kind": "same", "questions": 60}
    assert content["pilot"]["samples"] == dict.fromkeys(MODELS, 4)
    cell = content["cells"][0]
    assert set(cell) == {
        *("rule", "models", "samples", "accuracy", "run", "gain"),
        *("samples_per_question", "tokens_per_question"),
    }
    for row in content["cells"]:
        figures = row["accuracy"]
        assert 0 <= figures["lower"] <= figures["mean"] <= figures["upper"] <= 1
        assert row["gain"]["over"] == "self-consistency" and row["gain"]["model"] in row["models"]
    assert {"rule", "models", "samples", "why"} <= set(content["recommended"])


def test_recommended_cell_costs_less_than_its_equals_and_its_forecast_is_corrected(made: Forecast) -> None:
    best = choose(made)
    assert made.mean.max() - made.mean[best.place] <= 0.0005
    assert best.accuracy <= best.uncorrected + 0.002
    assert 0 < best.best_probability <= 1 and best.regret >= 0
    assert best.cell not in best.rivals


def test_winners_curse_is_corrected_when_all_cells_are_equal(made: Forecast) -> None:
    rng = np.random.default_rng(0)
    noise = rng.normal(0.6, 0.05, (1, 60, 200)).repeat(2, 0)
    cells = [Cell("mux", ("ant",), k) for k in range(1, 201)]
    drawn = [[float(k)] for k in range(1, 201)]
    level = Forecast(
        cells, noise, np.zeros(200), drawn, made.single_cells, made.singles, made.posterior, "same", 60, 0.9, 0
    )
    best = choose(level)
    assert best.uncorrected > 0.61
    assert abs(best.accuracy - 0.6) < 0.015


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"samples": []}, "at least one"),
        ({"rules": ["coin"]}, "rule"),
        ({"pools": [["ant", "dog"]]}, "dog"),
        ({"level": 1.5}, "level"),
        ({"target": "same", "questions": 99}, "target new"),
    ],
)
def test_bad_requests_are_refused_in_one_sentence(posterior: Posterior, arguments: dict, message: str) -> None:
    with pytest.raises(BadInput, match=message):
        forecast(posterior, **({"samples": [2]} | arguments))


def test_registered_rules_are_played_out(posterior: Posterior) -> None:
    cells = [Cell("calibrated-mux", tuple(MODELS), 3)]
    blocks = list(posterior.blocks(draws=4))
    found = cell_accuracy(blocks, cells, MODELS, np.random.default_rng(0), pilot=posterior.pilot)
    assert found.shape == (2, 4, 1)
    assert ((found > 0.2) & (found < 1)).all()
