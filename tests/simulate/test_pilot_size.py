"""The size of a pilot: the law's arithmetic, and that bigger pilots leave less open."""

import json

import numpy as np
import pytest
from click.testing import CliRunner

from muxcast.cli import cli
from muxcast.simulate.errors import BadInput
from muxcast.simulate.pilot_size import (
    MOST_QUESTIONS,
    _Asked,
    _design,
    _fewest,
    _Law,
    pilot_size,
)
from muxcast.simulate.ready_worlds import world_named
from muxcast.simulate.simulated_pilot import SimulatedPilot, _of_population

ASKED = _Asked(0.01, 0.95, 0.005, 100, 5)
HALF = _Law((100, 400), (0.02, 0.01))
"""The law of independent questions: four times the questions, half the width."""


def seen(sd, truth, draws=20_000):
    """What a pilot of 400 questions leaves open: errors of standard deviation sd in every pool."""
    error = sd * np.random.default_rng(0).standard_normal((draws, len(truth)))
    return SimulatedPilot(0.01, 0.0, 0.02, error, 0, np.array(truth), 0.01)


def design(law=HALF, sd=0.01, truth=(0.70, 0.68, 0.60), **asked):
    return _design(4, law, [seen(sd, truth)], ASKED._replace(**asked))


def test_half_the_width_needs_four_times_the_questions_where_the_law_is_a_half():
    assert HALF.power == pytest.approx(0.5)
    assert design(width=0.02).questions_for_width == pytest.approx(100, rel=0.01)
    assert design(width=0.005).questions_for_width == pytest.approx(1600, rel=0.01)
    assert design(width=1e-5).questions_for_width is None


def test_a_width_that_falls_slowly_needs_more():
    slow = _Law((100, 400), (0.02, 0.02 / 4**0.25))
    assert slow.power == pytest.approx(0.25)
    assert design(slow, width=0.01).questions_for_width == pytest.approx(1600, rel=0.01)
    flat = _Law((100, 400), (0.02, 0.021))
    assert flat.power == 0 and design(flat).questions_for_width is None
    # noise may make it look faster than independent questions allow: it is not believed
    assert _Law((100, 400), (0.02, 0.005)).power == 0.5


def test_the_law_passes_through_what_was_measured():
    slow = _Law((100, 400), (0.02, 0.013))
    assert [slow.half_width(q) for q in (100, 400)] == pytest.approx([0.02, 0.013])
    assert slow.half_width(25) == pytest.approx(0.04)
    again = slow.through(1600, 0.012)
    assert [again.half_width(q) for q in (400, 1600)] == pytest.approx([0.013, 0.012])
    between = slow.through(200, 0.018)
    assert [between.half_width(q) for q in (200, 400)] == pytest.approx([0.018, 0.013])
    assert slow.through(400, 0.015).half_width(400) == pytest.approx(0.015)


def test_the_chance_of_a_sound_choice_is_that_of_normal_errors():
    found = design()
    # two pools 2 points apart (the third out of reach), errors of sd 0.02 sqrt(100/Q) each: Q from the 95 % quantile
    assert found.questions_for_choice == pytest.approx(100 * (1.645 * np.sqrt(2) * 0.02 / 0.02) ** 2, rel=0.06)
    assert found.questions == int(np.ceil(max(found.questions_for_width, found.questions_for_choice)))
    assert found.draws == found.questions * 4 * 5


def test_the_questions_own_sampling_is_taken_out():
    rng = np.random.default_rng(0)
    truth = 0.01 * rng.standard_normal((4000, 1))
    halves = [truth + 0.02 * rng.standard_normal((4000, 1)) for _ in range(2)]
    assert _of_population(halves).std() == pytest.approx(0.01, rel=0.1)
    assert np.mean(halves, 0).std() > 0.016


def test_a_choice_between_equals_is_never_wrong():
    assert design(truth=(0.7, 0.7, 0.697)).questions_for_choice == 10


def test_fewest_finds_the_threshold():
    assert _fewest(lambda q: float(q >= 300), 0.95) == pytest.approx(300, rel=0.03)
    assert _fewest(lambda q: 0.0, 0.95) is None
    assert _fewest(lambda q: 1.0, 0.95) == 10.0
    assert MOST_QUESTIONS >= 10_000


def test_bad_requests_are_refused():
    world = world_named("correlated", 0, 50, 2)
    with pytest.raises(BadInput, match="half-width"):
        pilot_size([world], width=0)
    with pytest.raises(BadInput, match="no pool of two"):
        pilot_size([world], pools=[["slm-1"]])


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_the_recommended_size_keeps_its_promise():
    worlds = [world_named("correlated", i, 1000, 3) for i in range(2)]
    found = pilot_size(worlds, width=0.02, chance=0.8, per_question=(2, 4), reference=80, checks=6, seed=1)
    assert found.check is not None
    # the width of one pilot's interval scatters by about a fifth
    assert found.check.half_width < 0.02 * 1.15
    assert found.check.held >= 4 / 6 and found.check.near_best >= 0.5
    few, many = found.designs
    assert many.half_width < few.half_width


def test_the_verb_names_a_size(tmp_path):
    out = tmp_path / "size.json"
    told = CliRunner().invoke(
        cli,
        ["pilot-size", "correlated", "--models", "2", "--reference", "20", "--per-question", "2", "--worlds", "1",
         "--checks", "0", "--half-width", "3", "--chance", "0.5", "--json", str(out)],
        catch_exceptions=False,
    )  # fmt: skip
    assert told.exit_code == 0, told.output
    written = json.loads(out.read_text())
    assert written["format"] == "muxcast-pilot-size"
    chosen = written["recommended"]
    assert chosen["questions"] >= 10 and chosen["draws"] == chosen["questions"] * 2 * 2
    assert max(len(line) for line in told.stdout.splitlines()) <= 80
    again = CliRunner().invoke(cli, ["pilot-size", "no-such-world"], catch_exceptions=True)
    assert again.exit_code != 0
