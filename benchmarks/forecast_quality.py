"""How good forecasts from 4 samples a question are, against three yardsticks, on real and simulated logs.

    python benchmarks/forecast_quality.py                      # everything at hand, 20 pilots each
    python benchmarks/forecast_quality.py --pilots 3 --logs gpqa_diamond,mixed

For every log and many random pilots of 4 samples a question: calibrate, forecast every pool at k = 4, 8, 16 (as far
as the log reaches) for ``mux`` and ``self-consistency``, and compare with the exact replay of the whole log. The
yardsticks are the paper's A(N, p_max), plug-in frequencies, and independent Dirichlet posteriors for each model and
question. For new questions the pilot sees a random half and is judged on the other.

``ideal`` is the noise floor: the same inference with the population (the parameters fitted to the *whole* log) known
and held fixed, so that what error remains is the pilot's own noise.

Logs come from the folder ``shared/data`` beside the checkout, from the recorded example pool where it is installed,
and from simulated worlds whose truth is known without noise. Results accumulate pilot by pilot in
benchmarks/results/forecast_quality.json, so an interrupted run goes on where it stopped; the table is beside it.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import NamedTuple

import jax
import numpy as np
from scipy.special import expit
from scipy.stats import binom

from muxcast import __version__
from muxcast.simulate import calibration
from muxcast.simulate.answers import AnswerLog
from muxcast.simulate.atomic import write_text
from muxcast.simulate.calibration import calibrate
from muxcast.simulate.cells import Cell, pools_in_order, tie_break_order
from muxcast.simulate.difficulty import DifficultyDraws, fit_difficulty
from muxcast.simulate.forecast import forecast
from muxcast.simulate.logfile import read_log
from muxcast.simulate.mode_laws import ModeLaws
from muxcast.simulate.pool_accuracy import cell_accuracy, mux_accuracy, trie_of
from muxcast.simulate.posterior import Population
from muxcast.simulate.worlds import World
from muxcast.theory.tables import laws_of_counts

HERE = Path(__file__).resolve().parent
SHARED = HERE.parents[1] / "shared" / "data"
RESULTS = HERE / "results" / "forecast_quality.json"
RULES = ("mux", "self-consistency")
PILOT = 4
MOST_MODELS = 6
"""Logs of more models are cut to their first models by name, so that all pools stay quick."""


class Subject(NamedTuple):
    """A log to be forecast, and how to observe it."""

    log: AnswerLog
    world: World | None
    """The truth where the log is simulated: cells are then scored without the noise of finite samples."""


# --- simulated worlds: the cases that a plain joint logistic-normal gets wrong ---


def mixed(seed: int) -> World:
    """Three tasks of unlike shape: open and U-shaped, four options, and two options with firm wrong answers."""
    rng = np.random.default_rng(seed)
    models, parts, blanks, tasks = 5, [], [], []
    for task, (size, options) in {"open": (70, 9), "four": (70, 4), "two": (60, 2)}.items():
        common = rng.normal(0, 1, (size, 1))
        if task == "open":
            common = 2.5 * np.sign(common) + 0.5 * common
            right = expit(common + rng.normal(0, 1, (size, models)))
            shares = rng.dirichlet(np.full(options - 1, 0.8), (size, models))
        elif task == "four":
            right = expit(0.4 + 1.2 * common + rng.normal(0, 0.7, (size, models)))
            base = rng.dirichlet(np.full(3, 0.5), size)
            shares = np.stack([rng.dirichlet(1.5 * row + 0.02, models) for row in base])
        else:
            right = rng.beta(0.35, 0.35, (size, models)) * 0.5 + 0.5 * rng.beta(0.3, 0.25, (size, 1))
            shares = np.ones((size, models, 1))
        answered = np.concatenate([right[..., None], (1 - right)[..., None] * shares], -1)
        blank = {"open": 0.15, "four": 0.02, "two": 0.0}[task] * rng.beta(1, 2, right.shape)
        parts.append(np.pad(answered * (1 - blank[..., None]), [(0, 0), (0, 0), (0, 9 - options)]))
        blanks.append(blank)
        tasks += [task] * size
    return World(np.concatenate(parts), np.concatenate(blanks), tasks, [f"m{i}" for i in range(models)], "mixed")


def two_options(seed: int) -> World:
    """Two options, models confidently wrong together on a third of the questions."""
    rng = np.random.default_rng(seed)
    sure = rng.choice([0.06, 0.5, 0.95], 150, p=[0.33, 0.22, 0.45])[:, None]
    right = np.clip(rng.beta(12 * sure, 12 * (1 - sure), (150, 4)), 0, 1)
    return World(np.stack([right, 1 - right], -1), np.zeros((150, 4)), ["two"] * 150, list("abcd"), "two-options")


def position_bias(seed: int) -> World:
    """Four options, and models that lean to the first one, right or wrong."""
    rng = np.random.default_rng(seed)
    gold = rng.integers(0, 4, 150)
    utility = rng.normal(0, 1.0, (150, 1, 4)) + rng.normal(0, 0.7, (150, 4, 4))
    utility[np.arange(150), :, gold] += 1.2
    utility[:, :, 0] += np.array([2.5, 1.5, 0.5, 0.0])
    p = np.exp(utility) / np.exp(utility).sum(-1, keepdims=True)
    # class 0 is the correct one, the others keep their place
    order = np.array([[g, *[c for c in range(4) if c != g]] for g in gold])
    p = np.take_along_axis(p, order[:, None], -1)
    return World(p, np.zeros((150, 4)), ["mcq"] * 150, list("abcd"), "position-bias")


def atoms(seed: int) -> World:
    """Many questions always right or always wrong, some in between; scattered wrong answers."""
    rng = np.random.default_rng(seed)
    kind = rng.choice(3, (120, 1), p=[0.25, 0.35, 0.4])
    own = np.where(rng.random((120, 5)) < 0.15, rng.choice(3, (120, 5)), kind)
    right = np.select([own == 0, own == 1], [0.0, 1.0], rng.beta(1.5, 1.5, (120, 5)))
    shares = rng.dirichlet(np.full(8, 0.5), (120, 5))
    p = np.concatenate([right[..., None], (1 - right)[..., None] * shares], -1)
    return World(p, np.zeros((120, 5)), ["open"] * 120, list("abcde"), "atoms")


WORLDS: dict[str, Callable[[int], World]] = {
    "mixed": mixed,
    "two-options": two_options,
    "position-bias": position_bias,
    "atoms": atoms,
}


def subjects(names: list[str], folder: Path) -> dict[str, Callable[[int], Subject]]:
    """Everything at hand by name; a simulated world is drawn anew for every pilot."""
    found: dict[str, Callable[[int], Subject]] = {}
    files = sorted(folder.glob("*.parquet")) if folder.is_dir() else []
    example = HERE.parent / "front" / "data" / "example_pool.parquet"
    for path in [*files, *([example] if example.exists() else [])]:
        log = read_log(path)
        log = log.select(models=log.models[:MOST_MODELS])
        log = log.select(questions=log.common_questions())
        found[path.stem] = lambda seed, log=log: Subject(log, None)
    for name, build in WORLDS.items():
        found[name] = lambda seed, build=build: Subject(build(seed).log(PILOT, seed), build(seed))
    return {name: found[name] for name in names if name in found} if names else found


# --- what is compared ---


def observed_laws(subject: Subject, ks: list[int]) -> dict[int, ModeLaws]:
    """Law of every model's mode on the whole log, exact without replacement; or in the world itself."""
    from muxcast.simulate.mode_laws import mode_laws

    if subject.world is not None:
        order = np.argsort(subject.world.models)
        p, blank = subject.world.p[:, order], subject.world.blank[:, order]
        return {k: mode_laws(p[None], blank[None], k) for k in ks}
    counts = subject.log.counts()
    laws = {}
    for k in ks:
        law = laws_of_counts(counts.classes, counts.blanks, counts.right, k)
        laws[k] = ModeLaws(*(np.moveaxis(np.asarray(part), -1, 0)[:, None] for part in (law.correct, law.top)))
    return laws


def score(laws: dict[int, ModeLaws], cells: list[Cell], models: list[str], rows: np.ndarray) -> np.ndarray:
    """Exact accuracy of every cell on some questions."""
    out = np.empty(len(cells))
    for k, law in laws.items():
        here = ModeLaws(law.correct[:, :, rows], law.top[:, :, rows])
        at = [i for i, cell in enumerate(cells) if cell.samples == k]
        tree = trie_of([[models.index(name) for name in reversed(pool)] for pool in {cells[i].models for i in at}])
        pools = list({cells[i].models for i in at})
        values = dict(zip(pools, mux_accuracy(here, tree, len(pools))[0][0], strict=True))
        for i in at:
            out[i] = values[cells[i].models]
    return out


def plug_in(log: AnswerLog, cells: list[Cell], models: list[str]) -> np.ndarray:
    """Cells scored as if the pilot's frequencies were the probabilities."""
    p, blank = frequencies(log, 0.0, np.random.default_rng(0), 1)
    return cell_accuracy([Population(p, blank, np.zeros(0, int))], cells, models, np.random.default_rng(0))[0, 0]


def independent(log: AnswerLog, cells: list[Cell], models: list[str], seed: int, draws: int = 60) -> np.ndarray:
    """Draws of each cell's accuracy under a Dirichlet posterior per model and question, independently.

    The prior weighs as much as one sample (Perks), shared by the right answer, the wrong ones and a blank.
    """
    p, blank = frequencies(log, 1.0, np.random.default_rng(seed), draws)
    return cell_accuracy([Population(p, blank, np.zeros(0, int))], cells, models, np.random.default_rng(0))[0]


def frequencies(log: AnswerLog, prior: float, rng: np.random.Generator, draws: int) -> tuple[np.ndarray, np.ndarray]:
    counts = log.counts()
    leading = np.arange(counts.classes.shape[-1]) < counts.right[:, None]
    right = counts.correct[..., None]
    wrong = np.where(leading[:, None], 0, counts.classes)
    used = wrong.sum((0, 1)) > 0
    table = np.concatenate([right, wrong[..., used], counts.blanks[..., None]], -1).astype(float)
    if prior:
        blanks = bool(counts.blanks.sum())
        each = prior / (table.shape[-1] - 1 + blanks)
        table[..., :-1] += each
        table[..., -1] += each * blanks
        gammas = rng.standard_gamma(np.broadcast_to(table, (draws, *table.shape)))
        shares = gammas / gammas.sum(-1, keepdims=True)
    else:
        shares = (table / table.sum(-1, keepdims=True))[None]
    return shares[..., :-1], shares[..., -1]


def paper(accuracy: dict[str, float], cells: list[Cell]) -> np.ndarray:
    """A(N, p_max): a majority of the N = k samples of the best model, ties counting as wins."""
    best = {cell: max(accuracy[name] for name in cell.models) for cell in cells}
    return np.array([binom.sf(np.ceil(cell.samples / 2) - 1, cell.samples, best[cell]) for cell in cells])


def figures(
    said: np.ndarray, truth: np.ndarray, cells: list[Cell], draws: np.ndarray | None = None
) -> dict[str, float]:
    """Errors in points, over all cells of one pilot."""
    error = 100 * (said - truth)
    at = {cell: i for i, cell in enumerate(cells)}
    muxes = [i for i, cell in enumerate(cells) if cell.rule == "mux" and len(cell.models) > 1]
    over = []
    for i in muxes:
        singles = [at["self-consistency", (name,), cells[i].samples] for name in cells[i].models]
        over.append(max(singles, key=lambda j: said[j]))
    found = {
        "mae": float(np.abs(error).mean()),
        "bias": float(error.mean()),
        "gain_mae": float(np.abs(error[muxes] - error[over]).mean()),
        "regret": float(100 * (truth.max() - truth[said.argmax()])),
    }
    if draws is not None:
        lower, upper = np.quantile(draws, [0.05, 0.95], axis=0)
        found["coverage"] = float(((lower <= truth) & (truth <= upper)).mean())
        found["width"] = float(100 * (upper - lower).mean())
        gain = draws[:, muxes] - draws[:, over]
        lower, upper = np.quantile(gain, [0.05, 0.95], axis=0)
        true_gain = truth[muxes] - truth[over]
        found["gain_coverage"] = float(((lower <= true_gain) & (true_gain <= upper)).mean())
    return found


def one_pilot(subject: Subject, seed: int, laws: dict[int, ModeLaws], population: DifficultyDraws | None) -> dict:
    """All figures of one random pilot."""
    ks = sorted(laws)
    pilot = subject.log if subject.world is not None else subject.log.draw_samples(PILOT, seed)[0]
    models, every = subject.log.models, np.arange(len(subject.log.common_questions()))
    result: dict = {}
    start = time.perf_counter()
    posterior = calibrate(pilot, seed=seed)
    made = forecast(posterior, ks, RULES, seed=seed)
    result["seconds"] = time.perf_counter() - start
    result["r_hat"] = posterior.diagnostics["r_hat_max"]
    cells = made.cells
    truth = score(laws, cells, models, every)
    result["ours"] = figures(made.mean, truth, cells, made.accuracy)
    result["plug-in"] = figures(plug_in(pilot, cells, models), truth, cells)
    alone = independent(pilot, cells, models, seed)
    result["independent"] = figures(alone.mean(0), truth, cells, alone)
    result["A(N,p_max)"] = figures(paper(pilot.accuracy(), cells), truth, cells)
    if population is not None:
        leaves = np.flatnonzero(subject.log.counts().blanks.sum(0) > 0)
        own = calibration.fit_difficulty, calibration.difficulty_channels
        calibration.fit_difficulty = partial(fit_difficulty, known=population)
        calibration.difficulty_channels = partial(own[1], leaves=leaves)
        try:
            ideal = forecast(calibrate(pilot, seed=seed), ks, RULES, seed=seed)
        finally:
            calibration.fit_difficulty, calibration.difficulty_channels = own
        result["ideal"] = figures(ideal.mean, truth, cells, ideal.accuracy)
    seen, _ = pilot.split_questions(0.5, seed)
    known = set(seen.common_questions())
    rest = np.array([i for i, pair in enumerate(subject.log.common_questions()) if pair not in known])
    half = calibrate(seen, seed=seed)
    new = forecast(half, ks, RULES, target="new", questions=len(rest), seed=seed)
    order = tie_break_order(half.pilot.accuracy)
    assert set(pools_in_order(order, None)) == {cell.models for cell in new.cells}
    truth = score(laws, new.cells, models, rest)
    result["new, ours"] = figures(new.mean, truth, new.cells, new.accuracy)
    result["new, plug-in"] = figures(plug_in(seen, new.cells, models), truth, new.cells)
    return result


def whole_population(subject: Subject) -> DifficultyDraws | None:
    """The population fitted to the whole log; None for simulated worlds."""
    if subject.world is not None:
        return None
    counts = subject.log.counts()
    task = np.array([subject.log.tasks.index(name) for name, _ in counts.questions])
    channels, _ = calibration.difficulty_channels(counts, task)
    return fit_difficulty(channels, np.random.default_rng(0))


def table(results: dict) -> str:
    """The results as a Markdown table, averaged over pilots."""
    head = ["log", "pilots", "forecaster", "MAE", "bias", "90 % covers", "width / error", "gain MAE", "regret"]
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    for name, pilots in results["logs"].items():
        methods = dict.fromkeys(m for pilot in pilots.values() for m in pilot if m not in ("seconds", "r_hat"))
        for method in methods:
            rows = [pilot[method] for pilot in pilots.values() if method in pilot]

            def mean(key: str, rows=rows) -> float | None:
                values = [row[key] for row in rows if key in row]
                return float(np.mean(values)) if values else None

            cover, width, mae = mean("coverage"), mean("width"), mean("mae")
            scatter = float(np.std([row["coverage"] for row in rows], ddof=1)) if cover is not None and rows[1:] else 0
            cells = [
                name,
                str(len(rows)),
                method,
                f"{mae:.2f}",
                f"{mean('bias'):+.2f}",
                "-" if cover is None else f"{100 * cover:.0f} ± {100 * scatter / len(rows) ** 0.5:.0f} %",
                "-" if width is None else f"{width / mae:.1f}",
                f"{mean('gain_mae'):.2f}",
                f"{mean('regret'):.2f}",
            ]
            lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pilots", type=int, default=20)
    parser.add_argument("--logs", default="", help="names, comma separated; default all")
    parser.add_argument("--data", type=Path, default=SHARED, help="folder of real logs")
    parser.add_argument("--ideal", type=int, default=5, help="pilots for which the noise floor is computed too")
    parser.add_argument("--fresh", action="store_true", help="throw earlier results away")
    chosen = parser.parse_args()
    results: dict = {"logs": {}}
    if RESULTS.exists() and not chosen.fresh:
        results = json.loads(RESULTS.read_text(encoding="utf-8"))
    cases = subjects([name for name in chosen.logs.split(",") if name], chosen.data)
    fixed: dict[str, tuple] = {}
    for seed in range(chosen.pilots):
        for name, build in cases.items():
            done = results["logs"].setdefault(name, {})
            if str(seed) in done:
                continue
            subject = build(seed)
            if name not in fixed or subject.world is not None:
                reach = 16 if subject.world is not None else int(subject.log.counts().samples.min())
                laws = observed_laws(subject, [k for k in (4, 8, 16) if k <= reach])
                fixed[name] = laws, (whole_population(subject) if seed < chosen.ideal else None)
            laws, population = fixed[name]
            done[str(seed)] = one_pilot(subject, seed, laws, population if seed < chosen.ideal else None)
            ours, other = done[str(seed)]["ours"], done[str(seed)]["plug-in"]
            print(
                f"{name} pilot {seed}: error {ours['mae']:.2f} (plug-in {other['mae']:.2f}), bias {ours['bias']:+.2f}, "
                f"covers {100 * ours['coverage']:.0f} %, {done[str(seed)]['seconds']:.0f} s",
                flush=True,
            )
            results["about"] = {
                "pilot": f"{PILOT} samples a question, drawn at random",
                "cells": "all pools, mux and self-consistency, k = 4, 8, 16 within the log; errors in points",
                "machine": f"{platform.machine()}, {os.cpu_count()} cores",
                "versions": {"muxcast": __version__, "numpy": np.__version__, "jax": jax.__version__},
                "date": datetime.now(UTC).date().isoformat(),
            }
            RESULTS.parent.mkdir(exist_ok=True)
            write_text(RESULTS, json.dumps(results, indent=1) + "\n")
            write_text(RESULTS.with_suffix(".md"), table(results))
    print(table(results))


if __name__ == "__main__":
    main()
