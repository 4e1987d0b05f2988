"""How fast sampling is, in ratios measured within one run.

    MUXCAST_TEST_MODELS=models python benchmarks/sampling_speed.py

1. In this process: a whole sampling run (prompts, extraction, verdicts, the store on disk) against raw
   ``vllm.LLM.generate`` with n = k on the same prompts, by turns on the same loaded model: generated tokens a second.
2. On one vLLM server with k = 16: our engine, one request a question with n = k and several under way, against
   one request a sample, one after another.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

from muxcast.backends.engine import Request, Sampling, seed_of
from muxcast.backends.pool import ModelSpec, Pool
from muxcast.backends.sampling import sample
from muxcast.backends.server_engine import ServerEngine, ServerOptions
from muxcast.backends.tasks import task_named
from muxcast.backends.vllm_engine import VllmEngine

HERE = Path(__file__).parent
# no stop text: completions of full length, as in reasoning
SAMPLING = Sampling(temperature=0.8, max_tokens=48)


def in_process(weights: str, questions: int, samples: int, rounds: int) -> dict:
    """Tokens a second of raw generation and of a sampling run, by turns."""
    from vllm import SamplingParams

    task = task_named(str(HERE / "example_pool" / "capitals.jsonl"))
    engine = VllmEngine("model", weights, {"max_model_len": 512})
    asked = task.questions(questions)

    def raw() -> tuple[float, float]:
        params = [
            SamplingParams(
                n=samples,
                temperature=SAMPLING.temperature,
                max_tokens=SAMPLING.max_tokens,
                seed=seed_of(0, task.name, question.id, "model"),
            )
            for question in asked
        ]
        clock = Clock()
        outputs = engine.llm.generate([str(question.prompt) for question in asked], params, use_tqdm=False)
        return clock.rates(sum(len(part.token_ids) for output in outputs for part in output.outputs))

    class Loaded(ModelSpec):
        def open(self, questions=()):
            return engine

    def ours() -> tuple[float, float]:
        with tempfile.TemporaryDirectory() as folder:
            pool = Pool((Loaded("model", "vllm", weights, SAMPLING),))
            clock = Clock()
            drawn = sample(pool, [task], questions, samples, Path(folder) / "log.parquet")
            return clock.rates(drawn.progress.completion_tokens)

    close, engine.close = engine.close, lambda: None
    found: dict[str, list[tuple[float, float]]] = {"raw": [], "ours": []}
    for turn in range(rounds + 1):
        for name, measure in (("raw", raw), ("ours", ours)) if turn % 2 else (("ours", ours), ("raw", raw)):
            engine.llm.reset_prefix_cache()
            rate = measure()
            if turn:  # the first round warms everything up
                found[name].append(rate)
                print(f"in process, {name}: {rate[0]:.0f} tokens/s, {rate[1]:.0f} a CPU second", flush=True)
    told = engine.describe()
    close()
    wall, processor = (
        [mine[kind] / theirs[kind] for mine, theirs in zip(found["ours"], found["raw"], strict=True)] for kind in (0, 1)
    )
    return {
        "questions": questions,
        "samples": samples,
        "raw_tokens_per_s": [round(rate[0], 1) for rate in found["raw"]],
        "ours_tokens_per_s": [round(rate[0], 1) for rate in found["ours"]],
        "ratio": round(statistics.median(wall), 4),
        "ratio_of_each_round": [round(ratio, 4) for ratio in wall],
        # on a machine that others use too, processor time says more than the clock
        "ratio_per_processor_second": round(statistics.median(processor), 4),
        "threads": int(os.environ.get("OMP_NUM_THREADS", 0)) or None,
        "engine": told,
    }


class Clock:
    """Starts at once; tokens a second by the clock and by processor time."""

    def __init__(self) -> None:
        self._wall, self._processor = time.perf_counter(), time.process_time()

    def rates(self, tokens: int) -> tuple[float, float]:
        return tokens / (time.perf_counter() - self._wall), tokens / (time.process_time() - self._processor)


def on_a_server(weights: str, questions: int, samples: int, one_by_one: int) -> dict:
    """Samples a second of one server: a request a question, against a request a sample."""
    import openai

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {
        **os.environ,
        "HF_HUB_OFFLINE": "1",
        "VLLM_NO_USAGE_STATS": "1",
        "VLLM_CPU_KVCACHE_SPACE": "1",
        "VLLM_CPU_OMP_THREADS_BIND": "nobind",
    }
    environment.pop("VLLM_ENABLE_V1_MULTIPROCESSING", None)
    arguments = ["--model", weights, "--served-model-name", "model", "--port", str(port), "--max-model-len", "512"]
    if not _cuda():
        arguments += ["--dtype", "bfloat16", "--enforce-eager", "--block-size", "32", "--max-num-seqs", "64"]
    server = subprocess.Popen(
        [sys.executable, "-m", "vllm.entrypoints.openai.api_server", *arguments],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        url = f"http://127.0.0.1:{port}"
        _wait_for(f"{url}/health", server)
        task = task_named(str(HERE / "example_pool" / "capitals.jsonl"))
        asked = task.questions(questions + one_by_one + 2)
        client = openai.OpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0)
        engine = ServerEngine("model", "model", ServerOptions(f"{url}/v1"))
        requests = [Request(q.prompt, range(samples), seed_of(0, task.name, q.id, "model")) for q in asked]

        def together(part: list[Request]) -> float:
            started = time.perf_counter()
            done = [completion for _, completion in engine.generate(part, SAMPLING)]
            if any(completion.error for completion in done):
                raise SystemExit(f"the server failed: {done}")
            return sum(len(completion.samples) for completion in done) / (time.perf_counter() - started)

        def single(part: list[Request]) -> float:
            started = time.perf_counter()
            for request in part:
                for index in request.samples:
                    client.completions.create(
                        model="model",
                        prompt=str(request.prompt),
                        temperature=SAMPLING.temperature,
                        max_tokens=SAMPLING.max_tokens,
                        seed=request.seed + index,
                    )
            return len(part) * samples / (time.perf_counter() - started)

        together(requests[:2])
        slow = single(requests[2 : 2 + one_by_one])
        fast = together(requests[2 + one_by_one :])
    finally:
        server.terminate()
        try:
            server.wait(30)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()
    print(f"server: {fast:.2f} samples/s with n = {samples}, {slow:.2f} one request a sample", flush=True)
    return {"samples": samples, "one_by_one_per_s": slow, "ours_per_s": fast, "ratio": fast / slow}


def _wait_for(url: str, server: subprocess.Popen, limit_s: float = 600) -> None:
    started = time.monotonic()
    while time.monotonic() - started < limit_s and server.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except OSError:
            time.sleep(1)
    raise SystemExit("the vLLM server did not start")


def _cuda() -> bool:
    import torch

    return torch.cuda.is_available()


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure sampling in ratios within one run.")
    parser.add_argument("--model", default="smollm2", help="a folder of MUXCAST_TEST_MODELS")
    parser.add_argument("--questions", type=int, default=24)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", choices=["process", "server"])
    options = parser.parse_args()
    if "MUXCAST_TEST_MODELS" not in os.environ:
        raise SystemExit("set MUXCAST_TEST_MODELS to the folder that small_models.py made")
    weights = str(Path(os.environ["MUXCAST_TEST_MODELS"]).resolve() / options.model)
    out = HERE / "results" / "sampling_speed.json"
    out.parent.mkdir(exist_ok=True)
    found = json.loads(out.read_text(encoding="utf-8")) if out.exists() else {}
    found |= {"date": datetime.date.today().isoformat(), "model": options.model, "max_tokens": SAMPLING.max_tokens}
    found["machine"] = f"{len(os.sched_getaffinity(0))} x86-64 cores, {'one GPU' if _cuda() else 'no GPU'}"
    found["load_before"] = round(os.getloadavg()[0], 2)
    if options.only != "server":
        found["in_process"] = in_process(weights, options.questions, 16, options.rounds)
    if options.only != "process":
        found["server"] = on_a_server(weights, options.questions, 16, max(2, options.questions // 6))
    out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    for name in ("in_process", "server"):
        if name in found:
            print(f"{name}: ratio {found[name]['ratio']:.2f}")


if __name__ == "__main__":
    main()
