"""The live multiplexer over models behind Ray Serve."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from muxcast.cli import cli

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "ray_serve.py"
CAPITALS = SCRIPT.parent / "example_pool" / "capitals.jsonl"
MODELS = os.environ.get("MUXCAST_TEST_MODELS")


@pytest.mark.ray
@pytest.mark.vllm
@pytest.mark.timeout(600)
def test_a_pool_behind_ray_serve_is_run_and_served_by_the_multiplexer(tmp_path):
    for module in ("ray.serve", "ray.serve.llm", "vllm", "openai", "httpx", "fastapi"):
        pytest.importorskip(module)
    import openai
    from serve_process import KEY, Server

    if MODELS is None:
        pytest.skip("MUXCAST_TEST_MODELS names no folder of models")
    pool, out = tmp_path / "served.toml", tmp_path / "served.log"
    command = [sys.executable, str(SCRIPT), f"{MODELS}/smollm2", "--length", "512", "--pool", str(pool)]
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    environment.pop("VLLM_ENABLE_V1_MULTIPROCESSING", None)  # the server's engine is a process of its own
    with out.open("w") as log, subprocess.Popen(command, stdout=log, stderr=log, env=environment) as server:
        try:
            until = time.monotonic() + 480
            while not pool.exists() and server.poll() is None and time.monotonic() < until:
                time.sleep(1)
            assert pool.exists(), out.read_text()[-3000:]
            words = ["run", str(pool), "--task", str(CAPITALS), "--questions", "6", "--samples", "3"]
            shown = CliRunner().invoke(cli, [*words, "--out", str(tmp_path / "run")])
            assert shown.exit_code == 0, shown.output
            options = ["--samples", "3", "--answers", "short", "--api-key-env", "MUXCAST_TEST_KEY"]
            live = Server(tmp_path, pool, *options)
            try:
                client = openai.OpenAI(base_url=f"{live.url}/v1", api_key=KEY, timeout=120, max_retries=0)
                asked = [{"role": "user", "content": "What is the capital of France?"}]
                reply = client.chat.completions.create(model="muxcast", messages=asked, seed=1)
            finally:
                live.stop()
        finally:
            server.terminate()
            server.wait(60)
    decisions = [json.loads(line) for line in (tmp_path / "run" / "decisions.jsonl").read_text().splitlines()]
    assert len(decisions) == 6
    assert {decision["model"] for decision in decisions} == {"smollm2"}
    (votes,) = reply.model_extra["muxcast"]["votes"]
    assert (votes["model"], votes["samples"]) == ("smollm2", 3)
