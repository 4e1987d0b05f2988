"""Real vLLM with a real small model: needs vllm and MUXCAST_TEST_MODELS, a folder with smollm2 in it.

`python benchmarks/small_models.py smollm2 --out DIR` makes one.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from muxcast.backends.engine import Request, Sampling
from muxcast.backends.pool import read_pool
from muxcast.backends.sampling import sample
from muxcast.backends.tasks import Message, task_named
from muxcast.backends.vllm_engine import VllmEngine
from muxcast.simulate.errors import BadInput
from muxcast.simulate.logfile import read_log

pytestmark = [pytest.mark.vllm, pytest.mark.timeout(1200)]

SAMPLING = Sampling(temperature=0.8, max_tokens=12, stop=("\n",))
FACTS = Path(__file__).parents[2] / "benchmarks" / "example_pool" / "capitals.jsonl"


@pytest.fixture(scope="module")
def weights() -> Path:
    pytest.importorskip("vllm", reason="vllm is not installed")
    folder = Path(os.environ.get("MUXCAST_TEST_MODELS", "")) / "smollm2"
    if "MUXCAST_TEST_MODELS" not in os.environ or not folder.is_dir():
        pytest.skip("MUXCAST_TEST_MODELS names no folder with smollm2: run benchmarks/small_models.py smollm2")
    return folder


@pytest.fixture(scope="module")
def engine(weights):
    engine = VllmEngine("smollm2", str(weights), {"max_model_len": 512})
    yield engine
    engine.close()


def requests(count, samples=range(6)):
    task = task_named(str(FACTS))
    return [Request(q.prompt, samples, 10_000 * (n + 1)) for n, q in enumerate(task.questions(count))]


def test_every_request_comes_back_once_with_its_samples(engine):
    asked = requests(7)
    found = dict(engine.generate(asked, SAMPLING))
    assert sorted(found) == list(range(7))
    for place, completion in found.items():
        assert completion.error is None
        assert [s.index for s in completion.samples] == list(range(6))
        assert [s.seed for s in completion.samples] == [asked[place].seed + j for j in range(6)]
        assert all(1 <= s.completion_tokens <= 12 and "\n" not in s.text for s in completion.samples)
        assert all((s.finish_reason == "length") == (s.completion_tokens == 12) for s in completion.samples)
        assert completion.prompt_tokens > 20


def test_samples_do_not_depend_on_what_is_drawn_beside_them(engine):
    together = dict(engine.generate(requests(7), SAMPLING))
    for place in (0, 3):
        alone = dict(engine.generate([requests(7)[place]._replace(samples=range(2, 5))], SAMPLING))[0]
        assert alone.samples == together[place].samples[2:5]


def test_questions_with_other_seeds_get_other_samples(engine):
    prompt = "Write one random word.\n"
    drawn = dict(engine.generate([Request(prompt, range(8), seed) for seed in (0, 100)], SAMPLING))
    assert [s.text for s in drawn[0].samples] != [s.text for s in drawn[1].samples]


def test_a_chat_goes_through_the_model_s_own_template(engine):
    chat = (Message("user", "What is the capital of France?"),)
    completion = dict(engine.generate([Request(chat, range(2), 5)], Sampling(temperature=0.0, max_tokens=20)))[0]
    assert "Paris" in completion.samples[0].text
    assert completion.samples[0].text == completion.samples[1].text


def test_a_prompt_that_does_not_fit_fails_alone(engine):
    good, long = requests(1)[0], Request("word " * 900, range(2), 1)
    found = dict(engine.generate([long, good], SAMPLING))
    assert "max_model_len is 512" in found[0].error and not found[0].samples
    assert len(found[1].samples) == 6


def test_a_run_that_is_left_half_way_leaves_the_engine_usable(engine):
    running = engine.generate(requests(7), SAMPLING)
    next(running)
    running.close()
    assert len(dict(engine.generate(requests(2), SAMPLING))) == 2


def test_what_drew_the_samples_is_recorded(engine):
    told = json.loads(json.dumps(engine.describe()))
    assert told["engine"] == "vllm" and told["device"] in ("cpu", "cuda")
    assert told["options"]["max_model_len"] == 512 and told["model"] == "smollm2"


def test_a_folder_without_a_model_is_refused(tmp_path, weights):
    with pytest.raises(BadInput, match="cannot load"):
        VllmEngine("empty", str(tmp_path))


def test_an_option_that_vllm_does_not_have_is_refused_before_anything_is_loaded(tmp_path, weights):
    pool = tmp_path / "pool.toml"
    pool.write_text(
        f'[[model]]\nname = "a"\nengine = "vllm"\nmodel = "{weights}"\noptions = {{ max_model_length = 9 }}\n'
    )
    with pytest.raises(BadInput, match="did you mean 'max_model_len'"):
        read_pool(pool).models[0].check()


def test_a_sampling_run_over_vllm_makes_a_log(weights, engine, tmp_path, monkeypatch):
    (tmp_path / "pool.toml").write_text(
        f'[[model]]\nname = "smollm2"\nengine = "vllm"\nmodel = "{weights}"\noptions = {{ max_model_len = 512 }}\n'
        'sampling = { temperature = 0.8, max_tokens = 12, stop = ["\\n"] }\n'
    )
    monkeypatch.setattr("muxcast.backends.vllm_engine.VllmEngine", lambda *args: engine)
    monkeypatch.setattr(engine, "close", lambda: None)
    tasks = [task_named(str(FACTS)), task_named("reasoning-gym:gcd?max_value=100")]
    drawn = sample(read_pool(tmp_path / "pool.toml"), tasks, 3, 4, tmp_path / "log.parquet")
    rows = read_log(tmp_path / "log.parquet").rows
    assert len(rows) == 2 * 3 * 4 and not drawn.failed
    assert rows["completion_tokens"].between(1, 12).all() and rows["seed"].is_unique
    again = sample(read_pool(tmp_path / "pool.toml"), tasks, 3, 4, tmp_path / "again.parquet")
    assert again.log.rows["text"].tolist() == rows["text"].tolist()
