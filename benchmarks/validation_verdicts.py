"""How often does `muxcast validate` refute a forecast that is right, and one that is wrong?

    python benchmarks/validation_verdicts.py
    python benchmarks/validation_verdicts.py --logs ../shared/data

Right: the log is drawn from a posterior draw of the very forecast. Wrong: the log is another task's, or every
model answers a given number of points better than the population forecast. The second form forecasts pilots
of four real logs and validates them on what was held back, and on a log of another task. Writes
results/validation_verdicts.json (each form its own part); about 10 minutes on one core in all.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from scipy.optimize import brentq
from scipy.special import expit, logit

from muxcast.simulate.answers import AnswerLog
from muxcast.simulate.atomic import write_text
from muxcast.simulate.calibration import calibrate
from muxcast.simulate.forecast import forecast
from muxcast.simulate.logfile import read_log
from muxcast.simulate.posterior import Target
from muxcast.simulate.ready_worlds import world_named
from muxcast.simulate.validation import Validation, validate
from muxcast.simulate.worlds import World, worlds_of

RESULT = Path(__file__).parent / "results" / "validation_verdicts.json"
SHAPES = ((30, 2), (30, 4), (100, 7), (500, 4))
"""Questions and models of the pilots."""
TASKS = ("correlated", "confidently-wrong")
PILOT = 4
SAMPLES = (1, 2, 4, 8)
LOG_SAMPLES = (8, 32)
BETTER = (-10, -5, 5, 10)
"""Points that every model of a wrong forecast's log is better by."""


def simulated(trials: int, seed: int) -> list[dict]:
    """A row for every shape, task and target: shares of forecasts refuted."""
    rows = []
    print(f"{'questions':>9} {'models':>6} {'task':18} {'target':6} {'right':>7} " + " ".join(
        f"{points:+4d} pt" for points in BETTER) + "  other task")  # fmt: skip
    for questions, models in SHAPES:
        for task in TASKS:
            world = world_named(task, seed, questions, models)
            posterior = calibrate(world.log(PILOT, seed), seed=seed)
            for target in ("same", "new"):
                said = forecast(posterior, SAMPLES, ("mux", "self-consistency"), target=target, seed=seed).to_json()
                worlds = worlds_of(posterior, target, None, trials, seed + 1)

                def refuted(worlds, said=said) -> float:
                    return float(np.mean([
                        validate(said, one.log(LOG_SAMPLES[i % 2], i)).refuted for i, one in enumerate(worlds)
                    ]))  # fmt: skip

                few = worlds[: max(trials // 4, 4)]
                row = {
                    "questions": questions, "models": models, "task": task, "target": target, "trials": trials,
                    "wrong_trials": len(few),
                    "right": refuted(worlds),
                    "better": {str(points): refuted([shifted(one, points / 100) for one in few]) for points in BETTER},
                    "other_task": {
                        name: refuted([world_named(name, seed + i, questions, models) for i in range(len(few))])
                        for name in TASKS if name != task
                    },
                }  # fmt: skip
                rows.append(row)
                others = " ".join(f"{name} {share:.2f}" for name, share in row["other_task"].items())
                print(
                    f"{questions:9} {models:6} {task:18} {target:6} {row['right']:7.3f} "
                    + " ".join(f"{share:7.2f}" for share in row["better"].values()) + f"  {others}", flush=True,
                )  # fmt: skip
    return rows


def shifted(world: World, points: float) -> World:
    """The world with every model's accuracy moved by ``points`` (a fraction) on the logit scale of its questions."""
    p = world.p.copy()
    named = 1 - world.blank
    for i in range(p.shape[1]):
        right = logit(np.clip(p[:, i, 0] / np.maximum(named[:, i], 1e-9), 1e-6, 1 - 1e-6))
        goal = np.clip((named[:, i] * expit(right)).mean() + points, 0.01, named[:, i].mean() - 0.01)
        step = brentq(lambda x, right=right, i=i, goal=goal: (named[:, i] * expit(right + x)).mean() - goal, -30, 30)
        new = named[:, i] * expit(right + step)
        rest = p[:, i, 1:].sum(-1)
        p[:, i, 1:] *= ((named[:, i] - new) / np.maximum(rest, 1e-12))[:, None]
        p[:, i, 0] = named[:, i] - p[:, i, 1:].sum(-1)
    return world._replace(p=p)


def real(folder: Path, seeds: int) -> list[dict]:
    """Forecast of a pilot of every log, held against the rest of it, and against a log of another task."""
    logs = {path.stem: first_models(read_log(path), 6) for path in sorted(folder.glob("*.parquet"))}
    rows = []
    for name, log in logs.items():
        for target, seed in [(target, seed) for target in ("same", "new") for seed in range(seeds)]:
            pilot, rest = split(log, target, seed)
            k = [k for k in (1, 2, 4, 8, 16) if k <= int(rest.samples_per_question.to_numpy().min())]
            said = forecast(
                calibrate(pilot, seed=seed), k, ("mux", "self-consistency"), target=target,
                questions=None if target == "same" else len(rest.questions), seed=seed,
            ).to_json()  # fmt: skip
            own = validate(said, rest)
            rows.append(verdict(name, target, seed, name, own))
            for other, strange in logs.items():
                if log.tasks != strange.tasks and not ("comprehensive" in name and "comprehensive" in other):
                    rows.append(verdict(name, target, seed, other, validate(said, renamed(strange, log.models))))
    return rows


def first_models(log: AnswerLog, count: int) -> AnswerLog:
    return log.select(models=log.models[:count]) if len(log.models) > count else log


def split(log: AnswerLog, target: Target, seed: int) -> tuple[AnswerLog, AnswerLog]:
    """A pilot and what is held back: other samples of its questions, or other questions."""
    if target == "same":
        pilot, rest = log.draw_samples(PILOT, seed)
        assert rest is not None
        return pilot, rest
    known, rest = log.split_questions(0.5, seed)
    return known.draw_samples(PILOT, seed)[0], rest


def renamed(log: AnswerLog, models: list[str]) -> AnswerLog:
    """The log of another task under these models' names, as far as it has models."""
    names = dict(zip(log.models, models, strict=False))
    return AnswerLog.from_rows(log.rows[log.rows["model"].isin(list(names))].replace({"model": names}), log.source)


def verdict(name: str, target: str, seed: int, against: str, found: Validation) -> dict:
    s = found.summary
    row = {"pilot": name, "target": target, "seed": seed, "against": against,
           **{key: round(s[key], 4) if isinstance(s[key], float) else s[key]
              for key in ("mae", "coverage", "median_miss", "largest_miss", "verdict")}}  # fmt: skip
    print(f"{name:22} {target:5} {seed:2} against {against:22} error {100 * s['mae']:5.1f} covers {s['coverage']:.2f} "
          f"median z {s['median_miss']:4.1f} largest {s['largest_miss']:5.1f} {s['verdict']}", flush=True)  # fmt: skip
    return row


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=80, help="right forecasts per row")
    parser.add_argument("--seeds", type=int, default=3, help="splits of each real log and target")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--logs", type=Path, help="a folder of real logs: forecast and validate those instead")
    asked = parser.parse_args()
    found = json.loads(RESULT.read_text(encoding="utf-8")) if RESULT.exists() else {}
    if asked.logs:
        if not any(asked.logs.glob("*.parquet")):
            raise SystemExit(f"{asked.logs}: has no .parquet logs; give the folder that holds them")
        found["real"] = real(asked.logs, asked.seeds)
    else:
        found["simulated"] = simulated(asked.trials, asked.seed)
        found["totals"] = totals(found["simulated"])
        print(json.dumps(found["totals"], indent=1))
    RESULT.parent.mkdir(exist_ok=True)
    write_text(RESULT, json.dumps(found, indent=1) + "\n")


def totals(rows: list[dict]) -> dict:
    """Shares refuted over all rows, with the number of trials behind them."""
    by_target: Iterator = (
        (target, [row for row in rows if row["target"] == target]) for target in ("same", "new")
    )  # fmt: skip
    return {
        target: {
            "right": round(float(np.mean([row["right"] for row in some])), 4),
            "right_trials": sum(row["trials"] for row in some),
            "largest_share_of_a_row": max(row["right"] for row in some),
            "better": {str(p): round(float(np.mean([row["better"][str(p)] for row in some])), 3) for p in BETTER},
            "other_task": round(float(np.mean([share for row in some for share in row["other_task"].values()])), 3),
        }
        for target, some in by_target
    }


if __name__ == "__main__":
    main()
