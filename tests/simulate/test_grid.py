"""Grids of simulated runs: against the exact laws, and the same on any number of devices."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import numpy as np
import pytest
from click.testing import CliRunner

from muxcast.cli import cli
from muxcast.simulate.answers import AnswerLog
from muxcast.simulate.cells import SINGLE, tie_break_order
from muxcast.simulate.errors import BadInput
from muxcast.simulate.grid import simulate_grid, world_of_log
from muxcast.simulate.ready_worlds import world_named
from muxcast.theory.consistency import mode_accuracy, mode_law_known
from muxcast.theory.selection import mux_accuracy
from muxcast.theory.votes import plurality_accuracy


def exact(world, cell) -> float:
    """Expected accuracy of a cell by the laws of theory/."""
    columns = [world.models.index(name) for name in cell.models]
    p, blank = np.moveaxis(world.p[:, columns], 1, 0), world.blank[:, columns].T
    if cell.rule == "agent-forest":
        return float(plurality_accuracy(p, blank, cell.samples).mean())
    laws = mode_law_known(p, blank, cell.samples)
    value = mux_accuracy(laws) if cell.rule == "mux" else mode_accuracy(laws)
    return float(np.asarray(value).mean())


@pytest.mark.parametrize("name", ["correlated", "mixed-tasks"])
def test_runs_average_to_the_exact_laws(name):
    world = world_named(name, seed=3, questions=60, models=3)
    grid = simulate_grid(world, [1, 2, 5], ("mux", SINGLE, "agent-forest"), runs=1500, seed=1)
    frame = grid.to_frame()
    truth = np.array([exact(world, cell) for cell in grid.cells])
    assert (np.abs(frame["mean"] - truth) < 4.5 * frame["mc_error"] + 1e-9).all()


def test_the_spread_of_one_run_is_that_of_independent_questions():
    world = world_named("independent", seed=5, questions=80, models=1)
    grid = simulate_grid(world, [1], (SINGLE,), runs=4000)
    right = world.p[:, 0, 0]
    expected = np.sqrt((right * (1 - right)).sum()) / len(right)
    assert grid.accuracy.std() == pytest.approx(expected, rel=0.06)


def test_every_run_has_one_winner_to_share():
    grid = simulate_grid(world_named("correlated", 0, 30, 3), [2, 4], runs=50)
    samples = np.array([cell.samples for cell in grid.cells])
    for k in (2, 4):
        assert grid.best()[samples == k].sum() == pytest.approx(1)


def test_more_runs_keep_the_first_ones_and_pools_share_their_answers():
    world = world_named("u-shaped", 2, 40, 3)
    few, many = (simulate_grid(world, [1, 3], runs=runs, seed=9) for runs in (7, 40))
    assert (many.right[:7] == few.right).all()
    # a pool of one under mux is its model's self-consistency, run by run
    at = {cell: place for place, cell in enumerate(many.cells)}
    for cell in many.cells:
        if cell.rule == "mux" and len(cell.models) == 1:
            assert (many.right[:, at[cell]] == many.right[:, at[cell._replace(rule=SINGLE)]]).all()


def test_a_tie_goes_to_the_model_preferred_on_validation():
    world = world_named("confidently-wrong", 1, 50, 2)
    first, second = tie_break_order(dict(zip(world.models, world.accuracy, strict=True)))
    # with one sample each every question that both answer is a tie
    swapped = simulate_grid(world, [1], ("mux",), [[first, second]], runs=400, tie_break={first: 0.1, second: 0.9})
    alone = simulate_grid(world, [1], ("mux",), [[second]], runs=400)
    assert swapped.cells[0].models == (second, first)
    assert np.abs(swapped.right - alone.right).mean() < 1  # blanks of 1 % let the other one in


_ON_DEVICES = """
import json, sys
import jax
from muxcast.simulate.grid import simulate_grid
from muxcast.simulate.ready_worlds import world_named
world = world_named("shared-distractors", 4, 50, 3)
found = {}
for devices in (1, 3, None):
    grid = simulate_grid(world, [1, 4, 9], ("mux", "self-consistency", "agent-forest"), runs=101, devices=devices)
    found[len(grid.devices)] = grid.right.tolist()
json.dump(found, sys.stdout)
"""


def test_four_devices_three_and_one_give_the_same_runs_to_the_last_bit():
    flags = f"{os.environ.get('XLA_FLAGS', '')} --xla_force_host_platform_device_count=4"
    done = subprocess.run(
        [sys.executable, "-c", _ON_DEVICES],
        env={**os.environ, "XLA_FLAGS": flags, "JAX_PLATFORMS": "cpu"},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert sorted(found) == ["1", "3", "4"]
    assert np.shape(found["1"]) == (101, 51)
    assert found["1"] == found["3"] == found["4"]
    # and in a process where everything else of the package is loaded
    here = simulate_grid(
        world_named("shared-distractors", 4, 50, 3), [1, 4, 9], ("mux", SINGLE, "agent-forest"), runs=101
    )
    assert here.right.tolist() == found["1"]


def test_more_devices_than_there_are_is_refused_with_the_remedy():
    with pytest.raises(BadInput, match="force_host_platform_device_count=64"):
        simulate_grid(world_named("correlated", 0, 20, 2), devices=64)


def test_unknown_rules_and_a_single_run_are_refused():
    world = world_named("correlated", 0, 20, 2)
    with pytest.raises(BadInput, match="unknown rule 'mx'"):
        simulate_grid(world, rules=("mx",))
    with pytest.raises(BadInput, match="needs 2 runs"):
        simulate_grid(world, runs=1)


def test_the_world_of_a_log_has_its_frequencies(small_rows):
    log = AnswerLog.from_rows(small_rows)
    world = world_of_log(log)
    np.testing.assert_allclose(world.p.sum(-1) + world.blank, 1)
    assert dict(zip(world.models, world.accuracy, strict=True)) == pytest.approx(log.accuracy())


def test_the_verb_simulates_a_world_and_says_where_it_ran():
    arguments = ["simulate", "correlated", "--questions", "30", "--models", "2", "--samples", "1,2", "--runs", "20"]
    shown = CliRunner().invoke(cli, [*arguments, "--json", "-"])
    assert shown.exit_code == 0, shown.output
    result = json.loads(shown.stdout)
    assert result["format"] == "muxcast-simulation"
    assert len(result["cells"]) == 10  # three pools under mux, two single models, two sample counts
    assert result["devices"]
    table = CliRunner().invoke(cli, arguments)
    assert "one run" in table.stdout
    assert "20 runs on" in table.stderr
