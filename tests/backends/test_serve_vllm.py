"""Two real vLLM servers behind one pool, asked by OpenAI's own client.

Needs vllm and MUXCAST_TEST_MODELS, a folder with smollm2 in it and perhaps gemma; without a second model the
second server serves smollm2 under another name. MUXCAST_TEST_SERVERS="name=http://host:port/v1,name=…" takes
servers that run already, and then none is stopped.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

openai = pytest.importorskip("openai")
httpx = pytest.importorskip("httpx")
pytest.importorskip("fastapi")

from serve_process import KEY, Server  # noqa: E402

pytestmark = [pytest.mark.vllm, pytest.mark.timeout(900)]

ASK = [
    {"role": "user", "content": "Q: What is the capital of Italy?\nA: Rome\n\nQ: What is the capital of France?\nA:"}
]


class VllmServer:
    """What `vllm serve` runs, on a free port; the command itself looks for a distribution called vllm."""

    def __init__(self, name: str, weights: Path, folder: Path):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.address = f"http://127.0.0.1:{free.getsockname()[1]}"
        arguments = ["--model", weights, "--served-model-name", name, "--port", self.address.rsplit(":", 1)[1]]
        arguments += ["--dtype", "bfloat16", "--max-model-len", "512", "--max-num-seqs", "16", "--enforce-eager"]
        if not (weights / "chat_template.jinja").exists():  # a base model: the message as it stands
            template = folder / f"{name}.jinja"
            template.write_text("{{ messages[0].content }}")
            arguments += ["--chat-template", template]
        environment = {
            **os.environ,
            **{"HF_HUB_OFFLINE": "1", "VLLM_NO_USAGE_STATS": "1", "DO_NOT_TRACK": "1"},
            **{"VLLM_CPU_KVCACHE_SPACE": "1", "VLLM_CPU_OMP_THREADS_BIND": "nobind"},
        }
        environment.pop("VLLM_ENABLE_V1_MULTIPROCESSING", None)
        self.log = folder / f"{name}.log"
        with self.log.open("w") as told:
            command = [sys.executable, "-m", "vllm.entrypoints.openai.api_server", *map(str, arguments)]
            self.process = subprocess.Popen(command, env=environment, stdout=told, stderr=told)

    def wait(self) -> None:
        deadline = time.monotonic() + 600
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                if httpx.get(f"{self.address}/health", timeout=5).status_code == 200:
                    return
            except httpx.TransportError:
                pass
            time.sleep(1)
        raise AssertionError(self.log.read_text()[-2000:])

    def stop(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


@pytest.fixture(scope="module")
def servers(tmp_path_factory):
    """name -> (address with /v1, running server or None)."""
    given = os.environ.get("MUXCAST_TEST_SERVERS")
    if given:
        pairs = dict(pair.split("=", 1) for pair in given.split(","))
        yield {name: (url, None) for name, url in pairs.items()}
        return
    pytest.importorskip("vllm", reason="vllm is not installed")
    models = Path(os.environ.get("MUXCAST_TEST_MODELS", ""))
    if "MUXCAST_TEST_MODELS" not in os.environ or not (models / "smollm2").is_dir():
        pytest.skip("MUXCAST_TEST_MODELS names no folder with smollm2: run benchmarks/small_models.py smollm2")
    folder = tmp_path_factory.mktemp("vllm")
    second = "gemma" if (models / "gemma").is_dir() else "smollm2"
    running = [("one", models / "smollm2"), ("two", models / second)]
    started = {name: VllmServer(name, weights, folder) for name, weights in running}
    try:
        for server in started.values():
            server.wait()
        yield {name: (f"{server.address}/v1", server) for name, server in started.items()}
    finally:
        for server in started.values():
            server.stop()


@pytest.fixture(scope="module")
def served(servers, tmp_path_factory):
    folder = tmp_path_factory.mktemp("served")
    (folder / "pool.toml").write_text(
        '[defaults]\ntemperature = 0.8\nmax_tokens = 16\nstop = ["\\n"]\n'
        + "".join(
            f'[[model]]\nname = "{name}"\nengine = "server"\nmodel = "{name}"\noptions = {{ base_url = "{url}" }}\n'
            for name, (url, _) in servers.items()
        )
    )
    options = ["--samples", "4", "--answers", "short", "--api-key-env", "MUXCAST_TEST_KEY"]
    running = Server(folder, folder / "pool.toml", *options)
    yield running
    assert running.stop() in (0, -signal.SIGTERM)
    assert KEY not in running.said_at_last


@pytest.fixture
def client(served):
    with openai.OpenAI(base_url=f"{served.url}/v1", api_key=KEY, max_retries=0, timeout=300) as opened:
        yield opened


def test_both_are_asked_and_one_answers(client, servers):
    reply = client.chat.completions.create(model="muxcast", messages=ASK, seed=1)
    mux = reply.model_extra["muxcast"]
    assert {one["model"] for one in mux["votes"] if one["samples"] == 4} == set(servers)
    assert mux["decided"] and mux["model"] in servers and not mux["missing"]
    votes = next(one["votes"] for one in mux["votes"] if one["model"] == mux["model"])
    assert mux["confidence"] == votes[mux["answer"]] / 4 == max(votes.values()) / 4
    assert reply.choices[0].message.content.strip().casefold().startswith(mux["answer"][:3])
    assert reply.usage.completion_tokens == sum(used["completion_tokens"] for used in mux["usage"].values()) > 0


def test_the_same_seed_brings_the_same_answer_in_a_stream(client):
    whole = client.chat.completions.create(model="muxcast", messages=ASK, seed=2)
    pieces = list(client.chat.completions.create(model="muxcast", messages=ASK, seed=2, stream=True))
    told = "".join(piece.choices[0].delta.content or "" for piece in pieces)
    assert told == whole.choices[0].message.content
    last = pieces[-1].model_extra["muxcast"]
    assert last["votes"] == whole.model_extra["muxcast"]["votes"]


def test_the_rest_answer_for_one_that_goes_down_and_503_says_that_all_are(client, served, servers):
    (first, (_, one)), (second, (_, two)) = servers.items()
    if one is None:
        pytest.skip("the servers of MUXCAST_TEST_SERVERS are not ours to stop")
    two.stop()
    mux = client.chat.completions.create(model="muxcast", messages=ASK).model_extra["muxcast"]
    assert mux["missing"] == [second] and mux["model"] == first and second in mux["errors"]
    one.stop()
    with pytest.raises(openai.APIStatusError) as refused:
        client.chat.completions.create(model="muxcast", messages=ASK)
    assert refused.value.status_code == 503 and refused.value.code == "pool_unavailable"
