"""The kinds of interval are what they are called: held against simulated truth, and named in the JSON."""

import json

import numpy as np
import pytest
from click.testing import CliRunner

import muxcast
from muxcast.cli import cli
from muxcast.simulate.calibration import calibrate
from muxcast.simulate.errors import BadInput
from muxcast.simulate.intervals import cell_named, differences, meanings
from muxcast.simulate.logfile import write_log
from muxcast.simulate.ready_worlds import world_named


@pytest.fixture(scope="module")
def posterior():
    return calibrate(world_named("correlated", 3, 60, 3).log(4, 0), seed=0)


def forecast(posterior, **more):
    return muxcast.forecast(posterior, samples=[1, 4], rules=["mux", "self-consistency"], **more)


def test_a_cell_is_no_better_than_itself_and_differences_are_antisymmetric(posterior):
    found = forecast(posterior)
    names = found.cells[-1].models
    a, b = cell_named(found, "mux", names[::-1], 4), cell_named(found, "self-consistency", names[:1], 1)
    over_a, over_b = differences(found, a), differences(found, b)
    assert over_a[a]["mean"] == over_a[a]["sd"] == 0
    assert over_a[b]["mean"] == pytest.approx(-over_b[a]["mean"])
    assert over_a[b]["lower"] == pytest.approx(-over_b[a]["upper"])
    with pytest.raises(BadInput, match="not a cell"):
        cell_named(found, "mux", names, 3)


def test_a_paired_difference_is_tighter_than_two_accuracies_apart(posterior):
    found = forecast(posterior, target="new", questions=60)
    a = cell_named(found, "mux", found.cells[-1].models, 4)
    b = cell_named(found, "mux", found.cells[-1].models, 1)
    paired = differences(found, b)[a]["sd"]
    apart = np.hypot(found.accuracy[:, a].std(), found.accuracy[:, b].std())
    assert paired < 0.6 * apart


def test_new_questions_widen_by_their_own_sampling(posterior):
    """The spread over N new questions is the population's and that of a mean of N: var_N = var_inf + s2 / N."""

    def spread(questions):
        found = forecast(posterior, target="new", questions=questions, draws=400)
        return found.accuracy.var(0)

    few, some, many = spread(20), spread(80), spread(1000)
    assert (few > some).all() and (some > many).all()
    # s2 from worlds drawn at hand: the variance between questions of MUX's chance to be right
    ratio = (few - many) / (some - many)
    expected = (1 / 20 - 1 / 1000) / (1 / 80 - 1 / 1000)
    assert np.median(ratio) == pytest.approx(expected, rel=0.35)


def test_one_run_scatters_more_than_its_expectation(posterior):
    frame = forecast(posterior).to_frame()
    assert ((frame["run_upper"] - frame["run_lower"]) > (frame["upper"] - frame["lower"])).all()


def test_the_document_names_every_kind_of_interval(posterior, tmp_path):
    said = meanings(forecast(posterior, target="new", questions=25))
    assert set(said) == {"accuracy", "run", "gain", "difference"}
    assert all("25 questions drawn afresh" in text for text in said.values())
    write_log(world_named("correlated", 3, 30, 2).log(2, 0), tmp_path / "pilot.parquet")
    call = ["forecast", str(tmp_path / "pilot.parquet"), "--samples", "1,2", "--rules", "mux"]
    out = tmp_path / "f.json"
    told = CliRunner().invoke(cli, [*call, "--against", "mux:slm-1:1", "--json", str(out)], catch_exceptions=False)
    assert told.exit_code == 0 and "over mux:slm-1:1, paired" in told.stdout
    assert max(len(line) for line in told.stdout.splitlines() if not line.startswith("Recommended")) <= 80
    written = json.loads(out.read_text())
    assert "pilot's own 30 questions" in written["intervals"]["accuracy"]
    assert all(cell["difference"]["over"]["samples"] == 1 for cell in written["cells"])
    for wrong in ("mux", "mux:slm-1", "mux:slm-1:0", "mux:nobody:1", "vote:slm-1:1"):
        refused = CliRunner().invoke(cli, [*call, "--against", wrong])
        assert refused.exit_code == 2 or isinstance(refused.exception, BadInput)
