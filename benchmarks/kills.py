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
import platform
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pandas as pd

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
KEY = ["task", "question", "model", "sample"]


def command(pool: Path, out: Path, questions: int, samples: int) -> list[str]:
    ask = ["--task", str(CAPITALS), "--questions", str(questions), "--samples", str(samples)]
    return [sys.executable, "-c", "from muxcast.cli import main; main()", "sample", str(pool), *ask, "--out", str(out)]


def lines(partial: Path) -> int:
    return partial.read_bytes().count(b"\n") if partial.exists() else 0


def kill_at_random(run: list[str], partial: Path, rng: random.Random, reach: int) -> bool:
    """Start a run, kill it after a random number of new samples and a random moment; False if it ended before."""
    start, goal = lines(partial), rng.randint(0, reach)
    process = subprocess.Popen(run, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while process.poll() is None:
        if lines(partial) >= start + goal:
            time.sleep(rng.random() * 0.02)
            process.send_signal(signal.SIGKILL)
            process.wait()
            return process.returncode == -signal.SIGKILL
        time.sleep(0.002)
    return False


def measure(engine: str, kills: int, questions: int, samples: int, seed: int) -> dict:
    rng = random.Random(seed)
    with tempfile.TemporaryDirectory() as folder:
        here = Path(folder)
        pool, whole, killed = here / "pool.toml", here / "whole.parquet", here / "killed.parquet"
        pool.write_text(SIMULATED.replace("DELAY", "0") if engine == "simulated" else VLLM)
        subprocess.run(command(pool, whole, questions, samples), check=True, capture_output=True)
        if engine == "simulated":
            pool.write_text(SIMULATED.replace("DELAY", "0.003"))
        total = len(pd.read_parquet(whole))
        partial, done, history = killed.with_name(killed.name + ".partial.jsonl"), 0, []
        run = command(pool, killed, questions, samples)
        while done < kills:
            # on average the kills spread over the whole run
            if not kill_at_random(run, partial, rng, max(1, 2 * total // (kills + 2))):
                break
            done += 1
            history.append(lines(partial))
            print(f"kill {done}: {history[-1]} of {total} samples on disk", flush=True)
        subprocess.run(run, check=True, capture_output=True)
        first, second = pd.read_parquet(whole), pd.read_parquet(killed)
        compared = [name for name in first if name != "latency_s"]
        return {
            "engine": engine,
            "kills": done,
            "samples": total,
            "samples_on_disk_at_each_kill": history,
            "missing": len(first.merge(second[KEY], on=KEY, how="left", indicator=True).query("_merge != 'both'")),
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
