"""Kill a sampling run again and again at random moments; the log must end as if nothing had happened.

    python benchmarks/kills.py --engine simulated --kills 100
    MUXCAST_TEST_MODELS=models python benchmarks/kills.py --engine vllm --kills 5

Each run is a process of its own that is sent SIGKILL; the next one takes it up. Checked at the end: no sample
missing, none twice, and the log equal to that of an uninterrupted run: byte by byte with the simulated engine,
answers, texts, tokens and seeds with vLLM, whose latencies are those of the clock.
"""

from __future__ import annotations

import argparse
import datetime
import json
import multiprocessing
import platform
import random
import signal
import tempfile
import time
from collections.abc import Callable
from importlib import import_module
from multiprocessing.process import BaseProcess
from pathlib import Path

import pandas as pd

from muxcast.cli import cli

HERE = Path(__file__).parent
CAPITALS = HERE / "example_pool" / "capitals.jsonl"
SIMULATED = """
[[model]]
name = "a"
engine = "simulated"
options = { accuracy = 0.7, delay_s = DELAY }
[[model]]
name = "b"
engine = "simulated"
options = { accuracy = 0.5, blank = 0.1, delay_s = DELAY }
"""
VLLM = """
[[model]]
name = "smollm2"
engine = "vllm"
model = "${MUXCAST_TEST_MODELS}/smollm2"
options = { max_model_len = 512 }
sampling = { temperature = 0.8, max_tokens = 16, stop = ["\\n"] }
"""
# of one sample on disk, about
_BYTES = 330
KEY = ["task", "question", "model", "sample"]


def draw(pool: Path, out: Path, questions: int, samples: int) -> None:
    """What `muxcast sample` does, in this process."""
    asked = ["--task", str(CAPITALS), "--questions", str(questions), "--samples", str(samples)]
    raise SystemExit(cli(["sample", str(pool), *asked, "--out", str(out)], standalone_mode=False) or 0)


def finish(process: BaseProcess) -> None:
    process.join()
    if process.exitcode:
        raise SystemExit(f"a run that nobody killed failed with exit code {process.exitcode}")


def lines(partial: Path) -> int:
    return partial.read_bytes().count(b"\n") if partial.exists() else 0


def size(partial: Path) -> int:
    return partial.stat().st_size if partial.exists() else 0


def kill_at_random(start: Callable[[], BaseProcess], partial: Path, rng: random.Random, reach: int) -> bool:
    """Start a run, kill it after a random number of new bytes and a random moment; False if it ended before."""
    held, goal = size(partial), rng.randint(0, reach)
    process = start()
    while process.exitcode is None:
        if size(partial) >= held + goal:
            time.sleep(rng.random() * 0.02)
            process.kill()
            process.join()
            return process.exitcode == -signal.SIGKILL
        time.sleep(0.002)
    return False


def measure(engine: str, kills: int, questions: int, samples: int, seed: int) -> dict:
    """Kill runs until ``kills`` is reached: a log that is finished before is judged, and another one begun."""
    rng = random.Random(seed)
    total = questions * samples * (2 if engine == "simulated" else 1)
    # simulated runs are forked from this process, which has imported everything; vLLM starts afresh each time
    context = multiprocessing.get_context("fork" if engine == "simulated" else "spawn")
    import_module("scipy.special")
    history: list[list[int]] = []
    verdicts: list[dict] = []
    with tempfile.TemporaryDirectory() as folder:
        here = Path(folder)
        pool, whole = here / "pool.toml", here / "whole.parquet"
        pool.write_text(SIMULATED.replace("DELAY", "0") if engine == "simulated" else VLLM)

        def start(out: Path) -> BaseProcess:
            process = context.Process(target=draw, args=(pool, out, questions, samples))
            process.start()
            return process

        finish(start(whole))
        if engine == "simulated":
            pool.write_text(SIMULATED.replace("DELAY", "0.003"))
        while (done := sum(map(len, history))) < kills:
            killed = here / f"killed{len(history)}.parquet"
            partial = killed.with_name(killed.name + ".partial.jsonl")
            history.append([])
            # on average the kills left spread over a whole run, at most twenty of them
            reach = 2 * total * _BYTES // (min(kills - done, 20) + 2)
            while done < kills and kill_at_random(
                partial=partial, start=lambda out=killed: start(out), rng=rng, reach=reach
            ):
                done += 1
                history[-1].append(lines(partial))
                print(f"kill {done}: {history[-1][-1]} of {total} samples on disk", flush=True)
            finish(start(killed))
            verdicts.append(compare(whole, killed))
    return {
        "engine": engine,
        "kills": sum(map(len, history)),
        "logs": len(verdicts),
        "samples_of_each_log": total,
        "samples_on_disk_at_each_kill": history,
        "missing": sum(verdict["missing"] for verdict in verdicts),
        "duplicated": sum(verdict["duplicated"] for verdict in verdicts),
        "same_samples": all(verdict["same_samples"] for verdict in verdicts),
        "same_bytes": all(verdict["same_bytes"] for verdict in verdicts),
    }


def compare(whole: Path, killed: Path) -> dict:
    first, second = pd.read_parquet(whole), pd.read_parquet(killed)
    compared = [name for name in first if name != "latency_s"]
    both = first.merge(second[KEY], on=KEY, how="left", indicator=True)
    return {
        "missing": int((both["_merge"] != "both").sum()),
        "duplicated": int(second.duplicated(KEY).sum()),
        "same_samples": bool(first[compared].equals(second[compared])),
        "same_bytes": whole.read_bytes() == killed.read_bytes(),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description="Kill sampling runs and compare what is left.")
    parser.add_argument("--engine", choices=["simulated", "vllm"], default="simulated")
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--questions", type=int, default=100)
    parser.add_argument("--samples", type=int, default=8)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    found = measure(options.engine, options.kills, options.questions, options.samples, options.seed)
    found |= {"date": datetime.date.today().isoformat(), "python": platform.python_version()}
    out = HERE / "results" / f"kills_{options.engine}.json"
    out.parent.mkdir(exist_ok=True)
    out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    print(json.dumps({key: value for key, value in found.items() if "each" not in key}))
    same = found["same_bytes"] if options.engine == "simulated" else found["same_samples"]
    if found["kills"] < options.kills or found["missing"] or found["duplicated"] or not same:
        raise SystemExit("the killed run differs from the whole one")


if __name__ == "__main__":
    main()
