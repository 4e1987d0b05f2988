"""Cost of a question: prompts once, completions k times, loading only where a GPU is shared."""

import numpy as np
import pytest

from muxcast.simulate.cells import Cell
from muxcast.simulate.cost import Usage, cost_of, larger_cost, unit_of, usage_in, usage_of
from muxcast.simulate.errors import BadInput
from muxcast.simulate.prices import prices_from, read_prices
from muxcast.simulate.worlds import TokenLaw, draw_log

USAGE = {"a": Usage(100, 200), "b": Usage(100, 400)}
POOL = Cell("mux", ("a", "b"), 3)


def table(**more):
    return prices_from({"models": {"a": {"input": 1.0, "output": 2.0}, "b": {"input": 1.0, "output": 2.0}}, **more})


def test_the_prompt_is_paid_once_a_request_and_the_completions_k_times():
    cost = cost_of(POOL, USAGE, table())
    assert cost.samples == 6
    assert cost.tokens == 2 * 100 + 3 * (200 + 400)
    assert cost.money == pytest.approx((2 * 100 * 1.0 + 3 * 600 * 2.0) / 1e6)


def test_separate_requests_pay_the_prompt_each_time():
    assert cost_of(POOL, USAGE, table(shared_prompt=False)).tokens == 3 * (2 * 100 + 600)


def test_gpu_time_is_tokens_over_throughput_plus_loading():
    speed = {"tokens_per_second": 100, "prompt_tokens_per_second": 1000, "gpus": 2}
    rates = {"models": {"a": speed, "b": speed}, "gpu_hour": 3.6}
    apart = cost_of(POOL, USAGE, prices_from(rates), questions=50)
    assert apart.gpu_seconds == pytest.approx(2 * (200 / 1000 + 1800 / 100))
    assert apart.money == pytest.approx(apart.gpu_seconds * 3.6 / 3600)
    shared = prices_from({**rates, "one_gpu": True, "switch_seconds": 20})
    together = cost_of(POOL, USAGE, shared, questions=50)
    # two loads of 20 s on 2 GPUs for 50 questions
    assert together.gpu_seconds - apart.gpu_seconds == pytest.approx(2 * 20 * 2 / 50)
    assert together.money == pytest.approx(together.gpu_seconds * 3.6 / 3600)
    alone = Cell("self-consistency", ("a",), 3)
    assert cost_of(alone, USAGE, shared).gpu_seconds == cost_of(alone, USAGE, prices_from(rates)).gpu_seconds
    eager = prices_from({**rates, "one_gpu": True, "switch_seconds": 20, "questions_per_load": 1})
    assert cost_of(POOL, USAGE, eager, questions=50).gpu_seconds == pytest.approx(apart.gpu_seconds + 80)


def test_waiting_is_the_longest_sample_and_adds_up_on_a_shared_gpu():
    rate = {"stream_tokens_per_second": 50, "first_token_seconds": 0.5}
    rates = {"models": {"a": rate, "b": rate}}
    usage = {"a": Usage(100, 200, 0.5), "b": Usage(100, 400, 0.5)}
    apart, shared = (cost_of(POOL, usage, prices_from({**rates, "one_gpu": one})).latency_s for one in (False, True))
    wait = {name: 0.5 + use.longest(3) / 50 for name, use in usage.items()}
    assert apart == pytest.approx(max(wait.values()))
    assert shared == pytest.approx(sum(wait.values()))


@pytest.mark.parametrize("k", [2, 5, 16])
def test_the_longest_of_k_completions_matches_simulation(k):
    lengths = 300 * np.exp(0.6 * np.random.default_rng(0).standard_normal((200_000, k)) - 0.18)
    longest = lengths.max(1)
    assert Usage(0, 300, 0.6).longest(k) == pytest.approx(longest.mean(), abs=5 * longest.std() / np.sqrt(len(longest)))


def test_use_is_measured_on_the_log():
    p, blank = np.full((200, 2, 2), 0.5), np.zeros((200, 2))
    laws = {"a": TokenLaw(100, 300, 0.4), "b": TokenLaw(100, 900, 0.8)}
    usage = usage_of(draw_log(p, blank, 8, 0, models=["a", "b"], tokens=laws))
    for name, law in laws.items():
        assert usage[name].completion_tokens == pytest.approx(law.completion, rel=0.08)
        assert usage[name].spread == pytest.approx(law.spread, rel=0.08)
        assert usage[name].prompt_tokens == pytest.approx(100, rel=0.05)
    bare = usage_of(draw_log(p, blank, 2, 0, models=["a", "b"]))
    assert bare["a"] == Usage()


def test_a_forecast_gives_back_prompt_and_completion():
    rows = [{"models": ["a"], "samples": k, "tokens_per_question": 100 + k * 200} for k in (1, 4, 8)] + [
        {"models": ["b"], "samples": 2, "tokens_per_question": 700}
    ]
    assert usage_in({"cells": rows}) == {"a": Usage(100, 200)}


def test_the_unit_is_the_most_telling_one_known():
    assert unit_of([cost_of(POOL, USAGE, table())]) == "money"
    assert unit_of([cost_of(POOL, USAGE)]) == "tokens"
    assert unit_of([cost_of(POOL, {})]) == "samples"
    with pytest.raises(BadInput, match="not known for every model"):
        unit_of([cost_of(POOL, {})], "money")


def test_tokens_may_come_from_the_price_table():
    given = {"completion_tokens": 200, "output": 1.0}
    cost = cost_of(POOL, {}, prices_from({"models": {"a": given, "b": given}}))
    assert cost.tokens == 1200 and cost.money == pytest.approx(1200 / 1e6)


def test_rules_that_stop_early_cost_what_they_draw():
    cost = cost_of(POOL, USAGE, table(), draws={"a": 1.0, "b": 0.25})
    assert cost.samples == 1.25
    # a model that is asked in a quarter of the questions reads a quarter of the prompts
    assert cost.tokens == pytest.approx(100 + 200 + 25 + 100)


def test_a_larger_model_is_costed_alone():
    larger = {"big": {"accuracy": 0.8, "samples": 2, "completion_tokens": 500, "prompt_tokens": 100, "output": 4.0}}
    assert larger_cost("big", table(larger=larger)).money == pytest.approx(4.0 * 1000 / 1e6)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[models.a]\ninptu = 1", ["inptu", "did you mean 'input'", 'models."a"']),
        ("swich_seconds = 1", ["swich_seconds", "did you mean 'switch_seconds'"]),
        ("[models.a]\ninput = -1", ["'input' is -1", "at least 0"]),
        ("[models.a]\ntokens_per_second = 0", ["above 0"]),
        ("[models.a]\ninput = true", ["'input' is True"]),
        ("[larger.a]\ninput = 1", ["'accuracy' is missing"]),
        ("[larger.a]\naccuracy = 82", ["from 0 to 1"]),
        ("one_gpu = 1", ["true or false"]),
        ("questions_per_load = 0", ["whole number"]),
        ("models = 3", ["not a table"]),
        ("= 3", ["not a readable TOML"]),
    ],
)
def test_bad_price_tables_are_refused_by_name(text, words, tmp_path):
    (tmp_path / "prices.toml").write_text(text)
    with pytest.raises(BadInput) as error:
        read_prices(tmp_path / "prices.toml")
    for word in ["prices.toml", *words]:
        assert word in str(error.value)


def test_an_absent_price_table_is_named(tmp_path):
    with pytest.raises(BadInput, match="no such file"):
        read_prices(tmp_path / "none.toml")
