"""The size of a pilot: the law's arithmetic, and that bigger pilots leave less open."""

import json

import numpy as np
import pytest
from click.testing import CliRunner

from muxcast.cli import cli
from muxcast.simulate.errors import BadInput
from muxcast.simulate.pilot_size import MOST_QUESTIONS, _design, _fewest, _Seen, pilot_size
from muxcast.simulate.ready_worlds import world_named


def seen(sd, pools=3, draws=20_000):
    error = sd * np.random.default_rng(0).standard_normal((draws, pools))
    return _Seen(0.02, 0.0, 0.04, error, 0)


def design(width=0.01, chance=0.95, sd=0.02, truth=(0.70, 0.68, 0.60)):
    return _design(4, 0.02, [seen(sd)], np.array([truth]), 5, 100, width, chance, 0.005)


def test_half_the_width_needs_four_times_the_questions():
    assert design(width=0.02).questions_for_width == pytest.approx(100)
    assert design(width=0.01).questions_for_width == pytest.approx(400)
    assert design(width=1e-5).questions_for_width is None


def test_the_chance_of_a_sound_choice_is_that_of_normal_errors():
    found = design()
    # two pools 2 points apart (the third out of reach), errors of sd 0.02 sqrt(100/Q) each: Q from the 95 % quantile
    assert found.questions_for_choice == pytest.approx(100 * (1.645 * np.sqrt(2) * 0.02 / 0.02) ** 2, rel=0.06)
    assert found.questions == int(np.ceil(max(found.questions_for_width, found.questions_for_choice)))
    assert found.draws == found.questions * 4 * 5


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
def test_the_law_foretells_pilots_of_other_sizes():
    worlds = [world_named("correlated", i, 1000, 3) for i in range(3)]
    found = pilot_size(worlds, width=0.015, chance=0.6, per_question=(2, 4), reference=80, checks=6, seed=1)
    assert found.check is not None
    # the width of one pilot's interval scatters by about a fifth
    assert found.check.half_width == pytest.approx(found.check.law, rel=0.35)
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
