"""Validation on forecasts whose truth is known."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import muxcast
from muxcast.simulate.answers import AnswerLog
from muxcast.simulate.errors import BadInput
from muxcast.simulate.validation import validate


@pytest.fixture(scope="module")
def log() -> AnswerLog:
    rng = np.random.default_rng(11)
    p = rng.dirichlet([1.5, 1, 0.7], size=(60, 2))
    rows = [
        (f"q{q}", f"m{i}", j, answer, answer == "gold")
        for q in range(60)
        for i in range(2)
        for j, answer in enumerate(rng.choice(["gold", "x", "y"], size=12, p=p[q, i]))
    ]
    frame = pd.DataFrame(rows, columns=["question", "model", "sample", "answer", "correct"])
    return AnswerLog.from_rows(frame.assign(task="toy"))


def forecast_of(log: AnswerLog, shift: float = 0.0, sd: float = 0.02, kind: str = "same") -> dict:
    """A forecast document that says what the log shows, plus ``shift``."""
    shown = muxcast.replay(log, [1, 4], ["mux", "self-consistency"]).to_json()
    for cell in shown["cells"]:
        mean = cell["accuracy"]["mean"] + shift
        cell["accuracy"] = {"mean": mean, "sd": sd, "lower": mean - 1.645 * sd, "upper": mean + 1.645 * sd}
    best = max(shown["cells"], key=lambda cell: cell["accuracy"]["mean"])
    return {
        **shown,
        "format": "muxcast-forecast",
        "pilot": {"tasks": ["toy"], "questions": 60},
        "target": {"kind": kind, "questions": 60},
        "recommended": {name: best[name] for name in ("rule", "models", "samples")},
    }


def test_a_forecast_of_what_happened_stands_without_error(log):
    result = validate(forecast_of(log), log)
    summary = result.summary
    assert summary["verdict"] == "stands"
    assert summary["coverage"] == 1
    assert summary["mae"] == pytest.approx(0, abs=1e-12)
    assert summary["gain_mae"] == pytest.approx(0, abs=1e-12)
    assert summary["regret"] == pytest.approx(0, abs=1e-12)


def test_a_confident_wrong_forecast_is_refuted(log):
    result = validate(forecast_of(log, shift=0.2, sd=0.01), log)
    assert result.summary["verdict"] == "refuted"
    assert result.summary["bias"] == pytest.approx(0.2, abs=1e-9)
    assert result.summary["coverage"] == 0


def test_the_same_error_with_honest_doubt_stands(log):
    assert validate(forecast_of(log, shift=0.2, sd=0.2), log).summary["verdict"] == "stands"


def test_crps_of_a_sure_forecast_is_its_absolute_error(log):
    summary = validate(forecast_of(log, shift=0.05, sd=1e-6), log).summary
    assert summary["crps"] == pytest.approx(summary["mae"], rel=1e-3)


def test_correct_forecasts_are_rarely_refuted():
    """Truth drawn from the forecast's own distribution, all cells moving together: about 1 in 100 refuted."""
    rng = np.random.default_rng(0)
    from muxcast.simulate.cells import Cell
    from muxcast.simulate.validation import Validation

    cells = [Cell("mux", ("a", "b"), k) for k in range(1, 41)]
    refuted = 0
    for _ in range(2000):
        shared, own = rng.standard_normal(), rng.standard_normal(40)
        observed = 0.6 + 0.02 * (np.sqrt(0.9) * shared + np.sqrt(0.1) * own)
        fixed = np.full(40, 0.6)
        result = Validation(
            cells, fixed, np.full(40, 0.02), fixed - 0.033, fixed + 0.033, observed, np.zeros(40),
            np.full(40, np.nan), np.full(40, np.nan), None, 0.9, "same", 100,
        )  # fmt: skip
        refuted += result.refuted
    assert refuted / 2000 < 0.02


def test_a_log_of_other_models_is_refused(log):
    renamed = AnswerLog.from_rows(log.rows.assign(model=log.rows["model"] + "-v2"))
    with pytest.raises(BadInput, match="none of the forecast's models"):
        validate(forecast_of(log), renamed)


def test_cells_beyond_the_log_are_left_out_with_a_note(log):
    few, _ = log.draw_samples(2)
    result = validate(forecast_of(log), few)
    assert {cell.samples for cell in result.cells} == {1}
    assert any("need models or samples" in note for note in result.notes)


def test_a_log_without_enough_samples_is_refused(log):
    document = forecast_of(log)
    document["cells"] = [cell for cell in document["cells"] if cell["samples"] == 4]
    few, _ = log.draw_samples(2)
    with pytest.raises(BadInput, match="reaches k = 2 but the forecast starts at 4"):
        validate(document, few)


def test_a_forecast_without_its_fields_is_refused(log):
    document = forecast_of(log)
    del document["target"]
    with pytest.raises(BadInput, match="'target'"):
        validate(document, log)


def test_the_document_of_a_validation_has_the_figures_tools_rely_on(log):
    document = validate(forecast_of(log), log).to_json()
    assert {"mae", "bias", "coverage", "crps", "gain_mae", "regret", "verdict"} <= set(document)
    assert {"forecast", "observed", "observed_se", "inside"} <= set(document["cells"][0])
