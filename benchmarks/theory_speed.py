"""How fast the exact laws are: all pools, the law of the mode, exact against simulation, and linearity in size.

    python benchmarks/theory_speed.py [--device cpu|gpu] [--log LOG] [--out benchmarks/results]

Ratios compare work done in this one run. Wall and processor seconds are both given, since a busy machine
stretches the first. ``--log`` adds the whole command ``muxcast replay LOG --samples 1-16 --pools all --rules mux``.
``--device gpu`` runs the same code on a GPU and on the CPU, and refuses with exit status 2 where JAX sees none.
Writes ``theory_speed.json``, ``.md`` and ``.png``.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import matplotlib as mpl
import numpy as np

from muxcast.simulate.atomic import whole_file, write_text
from muxcast.theory.consistency import ModeLaw, mode_law_known
from muxcast.theory.pools import pool_accuracy, pool_masks
from muxcast.theory.selection import mux_accuracy

HERE = Path(__file__).parent


class Seconds(NamedTuple):
    """Time of one call."""

    wall: float
    cpu: float


def timed(work: Callable[[], Any], repeats: int = 3) -> tuple[Seconds, Any]:
    """Best of ``repeats`` after one call that compiles."""
    result = jax.block_until_ready(work())
    times = []
    for _ in range(repeats):
        wall, cpu = time.perf_counter(), time.process_time()
        result = jax.block_until_ready(work())
        times.append(Seconds(time.perf_counter() - wall, time.process_time() - cpu))
    return min(times), result


def random_world(
    models: int, questions: int, classes: int, seed: int = 0, right: float = 0.3
) -> tuple[np.ndarray, np.ndarray]:
    """Answer probabilities, Dirichlet with 0.3 for each wrong answer and blanks, and ``right`` for the correct one."""
    alpha = np.full(classes + 1, 0.3)
    alpha[0] = right
    draw = np.random.default_rng(seed).dirichlet(alpha, size=(models, questions))
    return draw[..., :-1], draw[..., -1]


def laws_of(models: int, questions: int, k: int) -> ModeLaw:
    return ModeLaw(*map(np.asarray, mode_law_known(*random_world(models, questions, 4), k)))


def plain_python(correct: list, top: list, members: list[int]) -> float:
    """One pool, question by question, in lists and loops."""
    total = 0.0
    for q in range(len(correct[0])):
        size = len(correct[0][q])
        answer, others = [0.0] * size, [1.0] * size
        for i in reversed(members):
            below = 0.0
            for m in range(size):
                answer[m] = answer[m] * below + correct[i][q][m] * others[m]
                below += top[i][q][m]
                others[m] *= below
        total += sum(answer)
    return total / len(correct[0])


def all_pools(models: int = 20, questions: int = 500, k: int = 5, sample: int = 12) -> dict[str, Any]:
    laws = laws_of(models, questions, k)
    jax_laws = ModeLaw(*map(jnp.asarray, laws))
    seconds, accuracy = timed(lambda: pool_accuracy(jax_laws), 2)
    host, on_host = timed(lambda: pool_accuracy(laws), 1)
    correct, top = laws.correct.tolist(), laws.top.tolist()
    chosen = np.random.default_rng(1).integers(1, 2**models, sample)
    masks = pool_masks(models)[chosen]
    start = time.process_time()
    one_by_one = [plain_python(correct, top, list(np.flatnonzero(mask))) for mask in masks]
    each = (time.process_time() - start) / sample
    return {
        "pools": 2**models,
        "questions": questions,
        "k": k,
        "jax": seconds._asdict(),
        "numpy": host._asdict(),
        "plain_python_cpu_extrapolated": each * 2**models,
        "times_faster_than_plain_python": each * 2**models / seconds.cpu,
        "largest_difference_from_plain_python": float(np.abs(np.asarray(accuracy)[chosen] - one_by_one).max()),
        "largest_difference_from_numpy": float(np.abs(np.asarray(accuracy) - on_host).max()),
        "peak_memory_gib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20,
    }


def laws(questions: int = 500, models: int = 6, classes: int = 12) -> list[dict[str, Any]]:
    p, blank = random_world(models, questions, classes)
    rows = []
    for k in (9, 16, 32):
        compiled = (jnp.asarray(p), jnp.asarray(blank))
        seconds, law = timed(lambda k=k, compiled=compiled: mode_law_known(*compiled, k))
        host, plain = timed(lambda k=k: mode_law_known(p, blank, k), 1)
        rows.append(
            {
                "k": k,
                "jax": seconds._asdict(),
                "numpy": host._asdict(),
                "largest_difference": float(np.abs(law.correct - plain.correct).max()),
            }
        )
    return rows


class Simulated(NamedTuple):
    """Answers drawn by Walker's alias method, all questions and models of a run at once.

    Of what was tried this was the quickest: a third of the time of ``Generator.multinomial``, half of inverting the
    distribution function, two thirds of drawing by that under XLA.
    """

    share: np.ndarray
    """Probability of keeping the column drawn, row after row."""
    other: np.ndarray
    """Place of the answer taken otherwise."""
    start: np.ndarray
    """Place of each row's first column."""
    shape: tuple[int, int, int]
    """Models, questions, answers and the blank."""

    @classmethod
    def of(cls, chances: np.ndarray) -> Simulated:
        columns = chances.shape[-1]
        rows = chances.reshape(-1, columns)
        share, other = np.ones(rows.shape), np.tile(np.arange(columns), (len(rows), 1))
        for row, (left, keep, alias) in enumerate(zip(rows * columns, share, other, strict=True)):
            few, many = list(np.flatnonzero(left < 1)), list(np.flatnonzero(left >= 1))
            while few and many:
                low, high = few.pop(), many.pop()
                keep[low], alias[low] = left[low], high
                left[high] -= 1 - left[low]
                (few if left[high] < 1 else many).append(high)
            alias += row * columns
        start = np.arange(len(rows), dtype=np.int32)[:, None] * columns
        return cls(
            share.ravel().astype(np.float32),
            other.ravel().astype(np.int32),
            start,
            chances.shape,
        )

    def run(self, rng: np.random.Generator, k: int) -> float:
        """Accuracy of SLM-MUX on every question once."""
        draw = rng.random((len(self.start), k), dtype=np.float32) * np.float32(self.shape[-1])
        place = draw.astype(np.int32)
        draw -= place
        place += self.start
        drawn = np.where(draw < self.share[place], place, self.other[place])
        counts = np.bincount(drawn.ravel(), minlength=self.share.size).reshape(self.shape)[..., :-1]
        return _mux_once(rng, counts)


def _mux_once(rng: np.random.Generator, counts: np.ndarray) -> float:
    top = counts.max(-1)
    mode = (counts + rng.random(counts.shape, dtype=np.float32) * np.float32(0.5)).argmax(-1)
    best, place = top.argmax(0), np.arange(counts.shape[1])  # the first of equals is the most preferred
    return float(((mode[best, place] == 0) & (top[best, place] > 0)).mean())


def against_monte_carlo(questions: int = 500, models: int = 6, k: int = 9, points: float = 0.05) -> dict[str, Any]:
    """Processor time of simulation with a standard error of ``points`` percentage points, over the exact law's.

    Both run on one core, in a process of its own: a pool of threads waiting for work spends processor time too.
    The exact side is the compiled law and selection, from probabilities to the mean accuracy.
    """
    p, blank = random_world(models, questions, 12, right=2.5)  # accuracies like those of real pools
    compiled = (jnp.asarray(p), jnp.asarray(blank))
    whole = jax.jit(lambda p, blank: mux_accuracy(mode_law_known(p, blank, k)).mean())
    exact_seconds, exact = timed(lambda: whole(*compiled), 30)
    chances, rng = np.concatenate([p, blank[..., None]], -1), np.random.default_rng(2)
    tables, runs = Simulated.of(chances), 200
    ways = {
        "alias": lambda: tables.run(rng, k),
        "multinomial": lambda: _mux_once(rng, rng.multinomial(k, chances)[..., :-1]),
    }
    each, scores = {}, {}
    for name, way in ways.items():
        way()
        start = time.process_time()
        scores[name] = [way() for _ in range(runs)]
        each[name] = (time.process_time() - start) / runs
    value = float(exact)
    chance = np.asarray(mux_accuracy(mode_law_known(p, blank, k)))
    variance = float((chance * (1 - chance)).mean() / questions)  # of one run
    needed = variance / (points / 100) ** 2
    away = max(abs(np.mean(score) - value) for score in scores.values())
    return {
        "standard_error_points": points,
        "exact": exact_seconds._asdict(),
        "simulated_runs_needed": needed,
        "cpu_of_one_run": each,
        "simulation_cpu": needed * each["alias"],
        "ratio": needed * each["alias"] / exact_seconds.cpu,
        "ratio_to_multinomial": needed * each["multinomial"] / exact_seconds.cpu,
        "exact_accuracy": value,
        "simulated_accuracy": {name: float(np.mean(score)) for name, score in scores.items()},
        "within_four_standard_errors": bool(away < 4 * np.sqrt(variance / runs)),
    }


def on_one_core(name: str) -> dict[str, Any]:
    """The part of that name, run by this file in a process bound to one core."""
    core = str(min(os.sched_getaffinity(0)))
    command = ["taskset", "-c", core] if shutil.which("taskset") else []
    done = subprocess.run([*command, sys.executable, __file__, "--part", name], check=True, capture_output=True)
    return json.loads(done.stdout)


def linearity() -> dict[str, list[dict[str, float]]]:
    by_questions, by_pools = [], []
    for questions in (250, 500, 1000, 2000, 4000):
        seconds, _ = timed(lambda q=questions: pool_accuracy(laws_of_cached(16, q)), 2)
        by_questions.append({"questions": questions, **seconds._asdict()})
    for models in (14, 16, 18, 20):
        seconds, _ = timed(lambda n=models: pool_accuracy(laws_of_cached(n, 500)), 2)
        by_pools.append({"pools": 2**models, **seconds._asdict()})
    return {"questions": by_questions, "pools": by_pools}


_CACHE: dict[tuple[int, int], ModeLaw] = {}


def laws_of_cached(models: int, questions: int) -> ModeLaw:
    if (models, questions) not in _CACHE:
        _CACHE[models, questions] = laws_of(models, questions, 5)
    return _CACHE[models, questions]


def whole_process(log: Path) -> dict[str, Any]:
    command = [sys.executable, "-c", "from muxcast.cli import main; main()", "replay", str(log)]
    command += ["--samples", "1-16", "--pools", "all", "--rules", "mux", "--json", os.devnull]
    with tempfile.TemporaryDirectory() as cache:
        # compiled Python files are kept, as in any installation, whatever this environment says
        environment = {**os.environ, "PYTHONPYCACHEPREFIX": cache}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        subprocess.run(command, check=True, capture_output=True, env=environment)
        before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        subprocess.run(command, check=True, capture_output=True, env=environment)
        wall, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"wall": wall, "cpu": cpu}


def on_gpu() -> dict[str, Any]:
    """The same code on both devices; results must agree to 1e-10."""
    rows = {}
    for device in (jax.devices("cpu")[0], jax.devices("gpu")[0]):
        with jax.default_device(device):
            laws = ModeLaw(*(jax.device_put(part, device) for part in laws_of(20, 500, 5)))
            p = [jax.device_put(part, device) for part in random_world(6, 500, 12)]
            pools, accuracy = timed(lambda laws=laws: pool_accuracy(laws))
            law, modes = timed(lambda p=p: mode_law_known(*p, 32))
            rows[device.platform] = (pools.wall, law.wall, np.asarray(accuracy), np.asarray(modes.correct))
    cpu, gpu = (rows[name] for name in rows)
    differences = [float(np.abs(cpu[i] - gpu[i]).max()) for i in (2, 3)]
    if max(differences) > 1e-10:
        raise SystemExit(f"results on the GPU differ from the CPU's by {max(differences):.1e}, more than 1e-10")
    return {"pools_ratio": cpu[0] / gpu[0], "law_k32_ratio": cpu[1] / gpu[1], "largest_difference": max(differences)}


def table(found: dict[str, Any]) -> str:
    pools, monte = found["all_pools"], found["against_monte_carlo"]
    lines = ["# Speed of the exact theory", "", found["device"] + ", " + found["date"], ""]
    lines += ["| work | wall s | processor s |", "| --- | --- | --- |"]

    def row(name: str, seconds: dict[str, float]) -> None:
        lines.append(f"| {name} | {seconds['wall']:.3g} | {seconds['cpu']:.3g} |")

    row(f"{pools['pools']} pools × {pools['questions']} questions, k = {pools['k']}, JAX", pools["jax"])
    row("the same, NumPy", pools["numpy"])
    for one in found["laws"]:
        row(f"law of the mode, 500 questions × 6 models × 12 answers, k = {one['k']}, JAX", one["jax"])
        row(f"the same, k = {one['k']}, NumPy", one["numpy"])
    if "whole_process" in found:
        row("whole `muxcast replay --samples 1-16 --pools all --rules mux`", found["whole_process"])
    lines += [
        "",
        f"- all pools against one by one in plain Python: {pools['times_faster_than_plain_python']:,.0f} times faster,",
        f"  largest difference {pools['largest_difference_from_plain_python']:.0e};"
        f" peak memory {pools['peak_memory_gib']:.2f} GiB",
        f"- exact against simulation at ±{monte['standard_error_points']} points, 500 questions × 6 models, k = 9,"
        f" one core each: {monte['ratio']:,.0f} times cheaper",
        f"  ({1e3 * monte['exact']['cpu']:.2f} ms against {monte['simulated_runs_needed']:.0f} runs of"
        f" {1e3 * monte['cpu_of_one_run']['alias']:.2f} ms by the alias method, the quickest of the ways tried;"
        f" {monte['ratio_to_multinomial']:,.0f} times with NumPy's multinomial)",
    ]
    if "gpu" in found:
        gpu = found["gpu"]
        lines.append(
            f"- GPU against CPU: pools {gpu['pools_ratio']:.1f}, law at k = 32 {gpu['law_k32_ratio']:.1f} times,"
            f" largest difference {gpu['largest_difference']:.0e}"
        )
    return "\n".join(lines) + "\n"


def plot(found: dict[str, Any], path: Path) -> None:
    mpl.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, 2, figsize=(8, 3.2), layout="constrained")
    for axis, size in zip(axes, ("questions", "pools"), strict=True):
        rows = found["linearity"][size]
        x, y = np.array([[one[size], one["cpu"]] for one in rows]).T
        axis.loglog(x, y, "o-", label="measured")
        axis.loglog(x, y[-1] * x / x[-1], ":", label="linear")
        axis.set(xlabel=size, ylabel="processor seconds")
        axis.legend(frameon=False)
    with whole_file(path) as part:
        figure.savefig(part, format="png", dpi=120)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", choices=["cpu", "gpu"], default="cpu")
    parser.add_argument("--log", type=Path)
    parser.add_argument("--part", choices=["against_monte_carlo"], help="print this part's figures and stop")
    parser.add_argument("--out", type=Path, default=HERE / "results")
    arguments = parser.parse_args()
    if arguments.part:
        print(json.dumps(against_monte_carlo()))
        return
    if arguments.device == "gpu":
        try:
            jax.devices("gpu")
        except RuntimeError:
            print("no GPU found: JAX sees only", jax.devices(), "; install jax[cuda12] on a machine with one")
            raise SystemExit(2) from None
    found: dict[str, Any] = {
        "date": datetime.date.today().isoformat(),
        "device": f"{os.cpu_count()} CPU cores ({platform.machine()})",
        "load_average": os.getloadavg()[0],
        "versions": {"python": platform.python_version(), "jax": jax.__version__, "numpy": np.__version__},
    }
    for name, work in (
        ("all_pools", all_pools),
        ("laws", laws),
        ("against_monte_carlo", lambda: on_one_core("against_monte_carlo")),
        ("linearity", linearity),
    ):
        found[name] = work()
        print(name, json.dumps(found[name]), flush=True)
    if arguments.log:
        found["whole_process"] = whole_process(arguments.log)
    if arguments.device == "gpu":
        found["gpu"] = on_gpu()
    arguments.out.mkdir(parents=True, exist_ok=True)
    write_text(arguments.out / "theory_speed.json", json.dumps(found, indent=1) + "\n")
    write_text(arguments.out / "theory_speed.md", table(found))
    plot(found, arguments.out / "theory_speed.png")
    print(table(found))


if __name__ == "__main__":
    main()
