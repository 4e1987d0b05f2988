"""Plans: the efficient cells, the honest baselines, and the break-even with a larger model."""

import itertools
import json

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from muxcast.cli import cli
from muxcast.simulate.cost import Usage, usage_of
from muxcast.simulate.errors import BadInput
from muxcast.simulate.logfile import write_log
from muxcast.simulate.plan import pareto_front, plan
from muxcast.simulate.prices import prices_from
from muxcast.simulate.ready_worlds import world_named

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


def test_a_rule_that_stops_early_pays_for_what_it_is_forecast_to_draw():
    content = forecast()
    like = next(cell for cell in content["cells"] if cell["models"] == ["a", "b"] and cell["samples"] == 8)
    content["cells"].append({**like, "rule": "cascade", "drawn": {"a": 3.0, "b": 0.5}})
    result = plan(content, USAGE, by="samples")
    costs = {
        cell.rule: cost for cell, cost in zip(result.cells, result.costs, strict=True) if cell[1:] == (("a", "b"), 8)
    }
    assert costs["mux"].samples == 16 and costs["cascade"].samples == 3.5
    # 100 prompt and 200 completion tokens; b is asked on at most half of the questions
    assert costs["cascade"].tokens == pytest.approx(100 + 3 * 200 + 0.5 * (100 + 200))


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


HAND = {"a": {1: 0.60, 2: 0.62, 4: 0.66, 8: 0.68}, "b": {1: 0.55, 2: 0.56, 4: 0.60, 8: 0.61}}
PAIR = {1: 0.62, 2: 0.66, 4: 0.70, 8: 0.715}
PROMPT, COMPLETION = {"a": 100, "b": 80}, {"a": 200, "b": 300}


def hand_forecast():
    """Two models and their pair; prompts of 100 and 80 tokens, completions of 200 and 300; 100 questions."""

    def cell(rule, models, k, mean):
        tokens = sum(PROMPT[m] + k * COMPLETION[m] for m in models)
        interval = {"mean": mean, "sd": 0.01, "lower": mean - 0.0165, "upper": mean + 0.0165}
        return {"rule": rule, "models": models, "samples": k, "accuracy": interval, "tokens_per_question": tokens}

    cells = [cell("self-consistency", [m], k, mean) for m, curve in HAND.items() for k, mean in curve.items()]
    cells += [cell("mux", ["a", "b"], k, mean) for k, mean in PAIR.items()]
    target = {"kind": "same", "questions": 100}
    return {"format": "muxcast-forecast", "version": 1, "level": 0.9, "target": target, "cells": cells}


def planned(tmp_path, prices):
    (tmp_path / "f.json").write_text(json.dumps(hand_forecast()))
    (tmp_path / "p.toml").write_text(prices)
    call = ["plan", str(tmp_path / "f.json"), "--prices", str(tmp_path / "p.toml"), "--json", "-"]
    told = CliRunner().invoke(cli, call, catch_exceptions=False)
    assert told.exit_code == 0
    return json.loads(told.stdout)


def pair_at_4(written):
    return next(row for row in written["cells"] if row["models"] == ["a", "b"] and row["samples"] == 4)


def test_money_by_hand(tmp_path):
    written = planned(
        tmp_path,
        "[models.a]\ninput = 0.5\noutput = 1.0\n[models.b]\ninput = 1.0\noutput = 2.0\n"
        "[larger.big]\naccuracy = 0.69\ninput = 3.0\noutput = 6.0\nprompt_tokens = 100\ncompletion_tokens = 400\n",
    )
    row = pair_at_4(written)
    # prompts once: 100 x 0.5 + 80 x 1; completions: 800 x 1 + 1200 x 2
    assert row["money_per_question"] == pytest.approx((50 + 80 + 800 + 2400) / 1e6)
    assert row["tokens_per_question"] == 100 + 800 + 80 + 1200
    # 8 samples of a are forecast at 68; they cost 1.65 a thousand, b's best is no better
    assert row["baselines"]["same_compute"] == pytest.approx(
        {"model": "a", "samples": 8, "accuracy": 0.68, "interpolated": False, "gain": 0.02}
    )
    [big] = written["break_even"]
    assert big["cost"] == pytest.approx((100 * 3 + 400 * 6) / 1e6)
    assert big["cell"] == {"rule": "mux", "models": ["a", "b"], "samples": 4}
    assert big["ratio"] == pytest.approx(2700 / 3330)
    # one point above with sd 1 point: Phi(1)
    assert big["probability"] == pytest.approx(0.8413, abs=1e-4)


def test_gpu_seconds_loads_and_waiting_by_hand(tmp_path):
    written = planned(
        tmp_path,
        "gpu_hour = 3.6\none_gpu = true\nswitch_seconds = 30\n"
        "[models.a]\ntokens_per_second = 1000\nprompt_tokens_per_second = 10000\n"
        "stream_tokens_per_second = 50\nfirst_token_seconds = 0.1\n"
        "[models.b]\ntokens_per_second = 500\nprompt_tokens_per_second = 5000\nstream_tokens_per_second = 25\n",
    )
    row = pair_at_4(written)
    # a: 100/10000 + 800/1000; b: 80/5000 + 1200/500; two loads of 30 s for 100 questions
    seconds = 0.01 + 0.8 + 0.016 + 2.4 + 2 * 30 / 100
    assert row["gpu_seconds_per_question"] == pytest.approx(seconds)
    assert row["money_per_question"] == pytest.approx(seconds * 3.6 / 3600)
    # one after the other: 0.1 + 200/50, then 300/25 (lengths known to be equal, so the longest of 4 is the mean)
    assert row["latency_s"] == pytest.approx(4.1 + 12)
    single = next(row for row in written["cells"] if row["models"] == ["a"] and row["samples"] == 4)
    assert single["gpu_seconds_per_question"] == pytest.approx(0.81)


def test_forecast_takes_the_same_price_table_as_plan(tmp_path):
    log = world_named("correlated", 0, 30, 2).log(2, 0)
    write_log(log, tmp_path / "pilot.parquet")
    (tmp_path / "p.toml").write_text("[models.slm-1]\ninput = 1.0\noutput = 2.0\n[models.slm-2]\noutput = 5.0\n")
    (tmp_path / "p.json").write_text(json.dumps({"slm-1": [1.0, 2.0], "slm-2": [0.0, 5.0]}))
    call = ["forecast", str(tmp_path / "pilot.parquet"), "--samples", "1,3", "--rules", "mux", "--json", "-"]
    written = []
    for table in ("p.toml", "p.json"):
        told = CliRunner().invoke(cli, [*call, "--prices", str(tmp_path / table)], catch_exceptions=False)
        written.append(json.loads(told.stdout)["cells"])
    assert written[0] == written[1]
    both = next(cell for cell in written[0] if len(cell["models"]) == 2 and cell["samples"] == 3)
    use = usage_of(log)
    expected = use["slm-1"].prompt_tokens + 3 * 2 * use["slm-1"].completion_tokens
    expected += 3 * 5 * use["slm-2"].completion_tokens
    assert both["money_per_question"] == pytest.approx(expected / 1e6)
    (tmp_path / "few.json").write_text(json.dumps({"slm-1": [1.0, 2.0]}))
    (tmp_path / "bad.json").write_text("[1]")
    for table, message in (("few.json", "no price for model 'slm-2'"), ("bad.json", "not a price table")):
        refused = CliRunner().invoke(cli, [*call, "--prices", str(tmp_path / table)])
        assert message in str(refused.exception)
