"""`muxcast serve` under 200 concurrent clients for a minute, over loopback and simulated models.

Every answer is checked to belong to its question; memory is read from the server's own process. Also the
multiplexer's own time per question, at 5 models x 16 samples. Usage: python benchmarks/serve_soak.py [seconds]
"""

from __future__ import annotations

import asyncio
import json
import os
import platform
import random
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from datetime import date
from pathlib import Path

import httpx

from muxcast.backends.multiplexer import Multiplexer
from muxcast.backends.tasks import task_named

CLIENTS, QUESTIONS, MODELS, SAMPLES = 200, 200, 5, 16


def overhead_ms() -> float:
    """CPU milliseconds of one decision, everything but the models."""
    models = [f"m{number}" for number in range(MODELS)]
    multiplexer = Multiplexer(models, {name: 0.5 + place / 100 for place, name in enumerate(models)}, samples=SAMPLES)
    multiplexer.warm_up()
    draw = random.Random(0)
    asked = [{name: draw.choices(["x", "y", "z", None], k=SAMPLES) for name in models} for _ in range(500)]
    started = time.process_time()
    for number, answers in enumerate(asked):
        multiplexer.decide(answers, str(number))
    return 1000 * (time.process_time() - started) / len(asked)


def resident_mb(process: int) -> float:
    return int(re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{process}/status").read_text())[1]) / 1024


async def soak(url: str, questions: list, seconds: float, process: int) -> dict:
    """Ask for ``seconds`` from ``CLIENTS`` clients at once, each as fast as it is answered."""
    statuses: Counter = Counter()
    waits, memory, wrong, lost = [], [], 0, 0
    stop = time.monotonic() + seconds

    async def client(session: httpx.AsyncClient, seed: int) -> None:
        nonlocal wrong, lost
        draw = random.Random(seed)
        while time.monotonic() < stop:
            question = draw.choice(questions)
            body = {"messages": [turn._asdict() for turn in question.prompt]}
            started = time.monotonic()
            try:
                reply = await session.post(url, json=body)
            except httpx.HTTPError:
                lost += 1
                continue
            waits.append(time.monotonic() - started)
            statuses[reply.status_code] += 1
            if reply.status_code == 200:
                # the first model is always right, so any other answer of it belongs to another question
                votes = reply.json()["muxcast"]["votes"][0]["votes"]
                wrong += set(votes) != {question.reference}
            else:
                await asyncio.sleep(0.2)

    async def watch() -> None:
        while time.monotonic() < stop:
            memory.append(resident_mb(process))
            await asyncio.sleep(1)

    limits = httpx.Limits(max_connections=CLIENTS, max_keepalive_connections=CLIENTS)
    async with httpx.AsyncClient(limits=limits, timeout=120) as session:
        await asyncio.gather(watch(), *[client(session, seed) for seed in range(CLIENTS)])
    waits.sort()
    return {
        "seconds": seconds,
        "clients": CLIENTS,
        "requests": sum(statuses.values()) + lost,
        "by_status": {str(status): count for status, count in sorted(statuses.items())},
        "neither_answered_nor_refused": lost,
        "answers_paired_with_another_question": wrong,
        "median_wait_s": round(waits[len(waits) // 2], 3),
        "longest_wait_s": round(waits[-1], 3),
        "resident_mb_after_5_s": round(memory[min(5, len(memory) - 1)], 1),
        "resident_mb_at_end": round(memory[-1], 1),
    }


def main() -> None:
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 60.0
    with tempfile.TemporaryDirectory() as folder:
        facts, pool, told = (Path(folder) / name for name in ("facts.jsonl", "pool.toml", "serve.log"))
        rows = [{"question": f"What is {i} plus {i}?", "answer": str(2 * i)} for i in range(QUESTIONS)]
        facts.write_text("\n".join(map(json.dumps, rows)))
        accuracy = ["1.0", "0.6", "0.6", "0.5", "0.4"]
        pool.write_text(
            "".join(
                f'[[model]]\nname = "m{i}"\nengine = "simulated"\noptions = {{ accuracy = {accuracy[i]}, '
                f"blank = {0.0 if i == 0 else 0.05}, delay_s = 0.05 }}\n"
                for i in range(MODELS)
            )
        )
        spec = f"{facts}?style=chat"
        command = [sys.executable, "-c", "from muxcast.cli import main; main()", "serve", str(pool), "--port", "0"]
        options = ["--task", spec, "--questions", str(QUESTIONS), "--samples", str(SAMPLES)]
        with told.open("w") as log:
            server = subprocess.Popen([*command, *options], stderr=log)
        try:
            while not (found := re.search(r"at (http://\S+)/v1", told.read_text())):
                time.sleep(0.2)
            while True:
                try:
                    httpx.get(f"{found[1]}/health")
                    break
                except httpx.TransportError:
                    time.sleep(0.2)
            questions = task_named(spec).questions(QUESTIONS)
            result = asyncio.run(soak(f"{found[1]}/v1/chat/completions", questions, seconds, server.pid))
        finally:
            server.send_signal(signal.SIGTERM)
            server.wait(60)
    result["overhead_cpu_ms_per_question"] = round(overhead_ms(), 3)
    result["setting"] = f"{MODELS} simulated models x {SAMPLES} samples, 0.05 s each, loopback"
    result["machine"] = f"{os.cpu_count()} CPU cores shared with other work, Python {platform.python_version()}"
    result["date"] = date.today().isoformat()
    print(json.dumps(result, indent=1))
    if seconds >= 60:
        out = Path(__file__).parent / "results" / "serve_soak.json"
        out.parent.mkdir(exist_ok=True)
        out.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
