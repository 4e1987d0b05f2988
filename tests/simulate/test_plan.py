"""Plans: the efficient cells, the honest baselines, and the break-even with a larger model."""

import itertools
import json

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from muxcast.cli import cli
from muxcast.simulate.cost import Usage
from muxcast.simulate.errors import BadInput
from muxcast.simulate.plan import pareto_front, plan
from muxcast.simulate.prices import prices_from

MODELS = ("a", "b", "c")
TOP = {"a": 0.70, "b": 0.66, "c": 0.50}


def accuracy(models, k):
    """A made-up curve that rises with k and with the size of the pool."""
    return max(TOP[m] for m in models) + 0.03 * (len(models) - 1) - 0.08 / k


def forecast(tokens=True, samples=(1, 2, 4, 6, 8)):
    cells = []
    for size in (1, 2, 3):
        for pool in itertools.combinations(MODELS, size):
            for k in samples:
                for rule in ("mux", "self-consistency")[: 2 if size == 1 else 1]:
                    mean = accuracy(pool, k)
                    cells.append(
                        {
                            "rule": rule,
                            "models": list(pool),
                            "samples": k,
                            "accuracy": {"mean": mean, "sd": 0.01, "lower": mean - 0.016, "upper": mean + 0.016},
                            "tokens_per_question": len(pool) * (100 + 200 * k) if tokens else None,
                        }
                    )
    return {
        "format": "muxcast-forecast",
        "version": 1,
        "level": 0.9,
        "target": {"kind": "same", "questions": 100},
        "cells": cells,
    }


USAGE = {name: Usage(100, 200) for name in MODELS}


@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), min_size=1, max_size=12))
def test_the_front_holds_exactly_the_cells_nothing_dominates(points):
    cost, value = np.array(points, float).T
    front = pareto_front(cost, value)
    for i in range(len(points)):
        better = [
            j for j in range(len(points))
            if cost[j] <= cost[i] and value[j] >= value[i] and (cost[j], value[j]) != (cost[i], value[i])
        ]  # fmt: skip
        twins = [j for j in range(len(points)) if (cost[j], value[j]) == (cost[i], value[i])]
        assert front[twins].sum() == (0 if better else 1)


def test_single_models_with_the_pools_total_samples_are_the_baseline():
    result = plan(forecast(), USAGE)
    i = next(i for i, cell in enumerate(result.cells) if cell.models == ("a", "b") and cell.samples == 4)
    same = result.same_compute[i]
    assert (same.model, same.samples, same.interpolated) == ("a", 8, False)
    assert same.accuracy == pytest.approx(accuracy("a", 8))
    j = next(i for i, cell in enumerate(result.cells) if cell.models == ("a", "b", "c") and cell.samples == 4)
    # 12 samples lie beyond the forecast, whose end is held
    assert result.same_compute[j].interpolated
    assert result.same_compute[j].accuracy == pytest.approx(accuracy("a", 8))
    singles = [i for i, cell in enumerate(result.cells) if len(cell.models) == 1]
    assert all(result.same_compute[i] is None for i in singles)


def test_curves_are_interpolated_in_one_over_k():
    result = plan(forecast(samples=(1, 2, 8)), USAGE)
    i = next(i for i, cell in enumerate(result.cells) if cell.models == ("a", "b") and cell.samples == 2)
    # the made-up curve is linear in 1/k, so 4 samples are met exactly between 2 and 8
    assert result.same_compute[i].accuracy == pytest.approx(accuracy("a", 4))


def test_random_pools_average_all_pools_of_the_size():
    result = plan(forecast(), USAGE)
    i = next(i for i, cell in enumerate(result.cells) if cell.models == ("a", "b") and cell.samples == 2)
    pairs = [accuracy(pair, 2) for pair in itertools.combinations(MODELS, 2)]
    assert result.random_pool[i].accuracy == pytest.approx(np.mean(pairs))
    some = forecast()
    some["cells"] = [row for row in some["cells"] if row["models"] != ["b", "c"]]
    rest = plan(some, USAGE)
    assert all(one is None for one, cell in zip(rest.random_pool, rest.cells, strict=True) if len(cell.models) == 2)


def test_the_same_cost_baseline_costs_no_more():
    result = plan(forecast(), USAGE)
    for i, one in enumerate(result.same_cost):
        if one is not None:
            j = next(
                j for j, cell in enumerate(result.cells) if cell.models == (one.model,) and cell.samples == one.samples
            )
            assert result.cost[j] <= result.cost[i] * (1 + 1e-9)


def test_the_recommended_cell_is_the_cheapest_near_the_best():
    result = plan(forecast(), USAGE, within=0.02)
    best = result.mean.max()
    near = result.mean >= best - 0.02
    assert near[result.recommended]
    assert result.cost[result.recommended] == result.cost[near].min()
    tight = plan(forecast(), USAGE, budget=1000)
    assert tight.cost[tight.recommended] <= 1000
    with pytest.raises(BadInput, match="cheapest cell costs"):
        plan(forecast(), USAGE, budget=1)


def test_the_larger_model_breaks_even_where_prices_meet():
    rates = {name: {"output": 1.0} for name in MODELS}
    larger = {"big": {"accuracy": 0.72, "output": 10.0, "completion_tokens": 300}, "giant": {"accuracy": 0.99}}
    result = plan(forecast(), USAGE, prices_from({"models": rates, "larger": larger}))
    big, giant = result.break_even
    assert giant.cell is None and giant.best_margin < 0
    cell, cost = result.cells[big.cell], result.cost[big.cell]
    assert result.mean[big.cell] >= 0.72
    assert cost == min(result.cost[i] for i in range(len(result.cells)) if result.mean[i] >= 0.72)
    assert big.cost == pytest.approx(10.0 * 300 / 1e6)
    # raise every price of the pool by the ratio and the two cost the same
    dearer = prices_from({"models": {n: {"output": big.ratio} for n in MODELS}, "larger": larger})
    again = plan(forecast(), USAGE, dearer)
    assert again.cost[again.cells.index(cell)] == pytest.approx(big.cost)
    assert 0.5 <= big.probability <= 1


def test_without_token_counts_samples_are_the_cost_and_that_is_said():
    result = plan(forecast(tokens=False))
    assert result.unit == "samples"
    assert any("no token counts" in remark for remark in result.notes)
    assert result.cost[0] == result.cells[0].samples


def test_a_price_table_that_leaves_a_model_out_is_refused():
    with pytest.raises(BadInput, match="no entry for 'b', 'c'"):
        plan(forecast(), USAGE, prices_from({"models": {"a": {"output": 1.0}}}))


def test_the_verb_writes_a_plan_and_prints_the_front(tmp_path):
    (tmp_path / "forecast.json").write_text(json.dumps(forecast()))
    (tmp_path / "prices.toml").write_text(
        "\n".join(f"[models.{name}]\ninput = 0.1\noutput = 0.2" for name in MODELS)
        + "\n[larger.big]\naccuracy = 0.72\noutput = 2.0\ncompletion_tokens = 300\n"
    )
    out = tmp_path / "plan.json"
    told = CliRunner().invoke(
        cli, ["plan", str(tmp_path / "forecast.json"), "--prices", str(tmp_path / "prices.toml"), "--json", str(out)],
        catch_exceptions=False,
    )  # fmt: skip
    assert told.exit_code == 0
    assert "Efficient cells" in told.output and "big (72.0 %" in told.output
    assert max(len(line) for line in told.stdout.splitlines()) <= 80
    written = json.loads(out.read_text())
    assert written["format"] == "muxcast-plan" and written["unit"] == "money"
    front = [row for row in written["cells"] if row["front"]]
    assert len(front) > 2
    costs = [row["cost"] for row in front]
    means = [row["accuracy"]["mean"] for row in front]
    assert [m for _, m in sorted(zip(costs, means, strict=True))] == sorted(means)
