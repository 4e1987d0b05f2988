"""Pool files: what they say, and what is refused by name."""

from __future__ import annotations

import pytest

from muxcast.backends.pool import Price, read_pool
from muxcast.simulate.errors import BadInput

GOOD = """
[defaults]
temperature = 0.9
max_tokens = 64

[[model]]
name = "a"
engine = "vllm"
model = "org/a"
sampling = { temperature = 0.2, stop = ["END"] }
options = { dtype = "float16" }
price = { prompt = 1.0, completion = 3.0 }

[[model]]
name = "b"
engine = "server"
model = "org/b"
options = { base_url = "http://localhost:1/v1", concurrency = 3 }
"""


@pytest.fixture
def write(tmp_path):
    def to_file(text):
        path = tmp_path / "pool.toml"
        path.write_text(text)
        return path

    return to_file


def test_a_model_inherits_the_defaults_and_overrides_them(write):
    a, b = read_pool(write(GOOD)).models
    assert (a.sampling.temperature, a.sampling.max_tokens, a.sampling.stop) == (0.2, 64, ("END",))
    assert (b.sampling.temperature, b.sampling.max_tokens, b.sampling.stop) == (0.9, 64, ())
    assert a.price.of(2_000_000, 1_000_000) == 5.0
    assert a.price == Price(1.0, 3.0) and b.price is None


def test_an_engine_and_its_options_can_be_defaults(write):
    heads = '[defaults]\nengine = "vllm"\noptions = { max_model_len = 512, seed = 1 }\ntemperature = 0.3\n'
    a, b, c = read_pool(
        write(
            heads
            + '[[model]]\nname = "a"\nmodel = "org/a"\n'
            + '[[model]]\nname = "b"\nmodel = "org/b"\noptions = { seed = 2 }\n'
            + '[[model]]\nname = "c"\nengine = "simulated"\noptions = { accuracy = 0.5 }\n'
        )
    ).models
    assert [spec.engine for spec in (a, b, c)] == ["vllm", "vllm", "simulated"]
    assert a.options == {"max_model_len": 512, "seed": 1} and b.options == {"max_model_len": 512, "seed": 2}
    assert c.options == {"accuracy": 0.5} and c.sampling.temperature == 0.3


def test_the_command_line_goes_before_the_file(write):
    pool = read_pool(write(GOOD)).with_sampling(temperature=0.5, top_p=None).with_options(base_url="http://x/v1")
    assert [spec.sampling.temperature for spec in pool.models] == [0.5, 0.5]
    assert "base_url" not in pool.models[0].options
    assert pool.models[1].options == {"base_url": "http://x/v1", "concurrency": 3}
    assert [spec.name for spec in pool.only(["b"]).models] == ["b"]


def test_where_and_how_fast_are_no_settings_of_the_samples(write):
    settings = read_pool(write(GOOD)).models[1].settings()
    assert settings["options"] == {}
    assert settings["sampling"]["temperature"] == 0.9


def test_folders_are_found_by_variable_and_beside_the_file(write, tmp_path, monkeypatch):
    (tmp_path / "weights").mkdir()
    monkeypatch.setenv("MUXCAST_FOLDER", "weights")
    pool = read_pool(write('[[model]]\nname = "a"\nengine = "vllm"\nmodel = "${MUXCAST_FOLDER}"'))
    assert pool.models[0].model == str(tmp_path / "weights")
    monkeypatch.delenv("MUXCAST_FOLDER")
    with pytest.raises(BadInput, match="MUXCAST_FOLDER is not set"):
        read_pool(tmp_path / "pool.toml")


ONE = '[[model]]\nname = "a"\nengine = "vllm"\nmodel = "org/a"\n'


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "has no models"),
        ("[[model]", "not valid TOML"),
        (ONE + "temprature = 1", "unknown key 'temprature'"),
        (ONE + "sampling = { temprature = 1 }", "did you mean 'temperature'"),
        (ONE + 'sampling = { temperature = "hot" }', "not a number"),
        (ONE + "sampling = { temperature = -1 }", "at least 0"),
        (ONE + "sampling = { top_p = 0 }", "above 0"),
        (ONE + "sampling = { temperature = inf }", "finite"),
        (ONE + 'sampling = { stop = "x" }', "not a list"),
        (ONE + "sampling = { stop = 3 }", "not a list"),
        (ONE + "price = { prompt = -1 }", "not a price"),
        (ONE + "price = { prompt = nan }", "not a price"),
        (ONE + "price = { input = 1 }", "unknown key 'input'"),
        (ONE + ONE, "two models are called 'a'"),
        (ONE.replace("vllm", "vlm"), "did you mean 'vllm'"),
        (ONE.replace('"a"', '"a+b"'), "may not hold"),
        ('[[model]]\nname = "a"\nengine = "vllm"', "'model' is missing"),
        ('[[model]]\nengine = "vllm"', "'name' is missing"),
        ("[models]\n" + ONE, "unknown key 'models'"),
        ("defaults = 3\n" + ONE, "'defaults' is not a table"),
        ("model = [3]", "has no models"),
        ("[defaults]\noptions = { max_model_len = 512 }\n" + ONE, "engine named beside it"),
        ('[defaults]\nengine = "vllm"\noptions = 3\n' + ONE, "must be a table"),
        (ONE.replace("vllm", "simulated") + "options = { acuracy = 1 }", "did you mean 'accuracy'"),
        (ONE.replace("vllm", "server") + 'options = { base_urll = "http://x/v1" }', "did you mean 'base_url'"),
        (ONE.replace("vllm", "server") + 'options = { base_url = "x:80/v1" }', "is no address"),
        (ONE.replace("vllm", "server") + 'options = { base_url = "http://x:y/v1" }', "is no address"),
        (ONE.replace("vllm", "server") + "options = { timeout_s = nan }", "above 0 and finite"),
    ],
)
def test_mistakes_are_named(write, text, says):
    with pytest.raises(BadInput, match=r"pool\.toml") as error:
        read_pool(write(text))
    assert says in str(error.value)


def test_a_server_s_address_on_the_command_line_needs_a_server_in_the_pool(write):
    with pytest.raises(BadInput, match=r"--base-url: no model of .* is behind a server"):
        read_pool(write(ONE)).with_options(base_url="http://x/v1", api_key_env=None)
