"""Sampling through Ray: the same log as on one machine, whoever dies under way."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path

import pytest

from muxcast.backends.engine import Request, Sampling
from muxcast.backends.pool import read_pool
from muxcast.backends.ray_sampling import _params, _sample, open_ray
from muxcast.backends.sampling import sample
from muxcast.backends.tasks import task_named
from muxcast.simulate.errors import BadInput

CAPITALS = Path(__file__).parents[2] / "benchmarks" / "example_pool" / "capitals.jsonl"
MODELS = os.environ.get("MUXCAST_TEST_MODELS")


def pool_with(tmp_path, engine: str, **options):
    given = ", ".join(f"{key} = {value}" for key, value in {"max_model_len": 512, **options}.items())
    path = tmp_path / f"{engine}.toml"
    path.write_text(
        '[defaults]\nmax_tokens = 16\nstop = ["\\n"]\n[[model]]\nname = "small"\n'
        f'engine = "{engine}"\nmodel = "{MODELS or "."}/smollm2"\noptions = {{ {given} }}\n'
    )
    return read_pool(path)


@pytest.mark.skipif(importlib.util.find_spec("ray") is not None, reason="Ray is installed")
def test_without_ray_the_error_says_what_to_install(tmp_path):
    with pytest.raises(BadInput, match=r"pip install 'muxcast\[ray\]'"):
        pool_with(tmp_path, "ray").models[0].open()


def test_options_are_checked_before_anything_starts(tmp_path):
    spec = pool_with(tmp_path, "ray", replicas=0).models[0]
    with pytest.raises(BadInput, match="replicas = 0"):
        open_ray(spec, [])


def test_every_sample_is_drawn_with_the_seed_it_has_on_one_machine():
    sampling = Sampling(max_tokens=16, stop=("\n",))
    request = Request("Q", range(3, 6), seed=1000)
    for index in request.samples:
        assert _params(request.seed + index, sampling, 16)["seed"] == 1000 + index
        drawn = _sample({"index": index, "text": "a", "tokens": 2}, request, sampling)
        assert (drawn.index, drawn.seed, drawn.finish_reason) == (index, 1000 + index, "stop")


def test_at_the_limit_of_tokens_no_reason_is_claimed():
    request = Request("Q", range(1), seed=0)
    row = {"index": 0, "text": "a", "tokens": 16}
    assert _sample(row, request, Sampling(max_tokens=16)).finish_reason is None


def test_where_a_model_runs_is_not_what_is_drawn(tmp_path):
    one, many = (pool_with(tmp_path, "ray", replicas=count).models[0].settings() for count in (1, 8))
    assert one == many


@pytest.mark.ray
@pytest.mark.vllm
@pytest.mark.timeout(1200)
def test_a_log_drawn_through_ray_equals_one_drawn_by_vllm(tmp_path):
    pytest.importorskip("ray")
    pytest.importorskip("vllm")
    if MODELS is None:
        pytest.skip("MUXCAST_TEST_MODELS names no folder of models")
    task = task_named(str(CAPITALS))
    logs = [
        sample(pool_with(tmp_path, engine), [task], 6, 4, tmp_path / f"{engine}.parquet").log
        for engine in ("ray", "vllm")
    ]
    columns = ["question", "sample", "answer", "correct", "text", "completion_tokens", "prompt_tokens", "seed"]
    assert logs[0].rows[columns].astype(str).equals(logs[1].rows[columns].astype(str))
