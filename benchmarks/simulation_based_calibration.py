"""Do forecasts cover truths that are known? Rank histograms and coverage on simulated worlds.

    python benchmarks/simulation_based_calibration.py --pilots 40

The row "posterior" has truths drawn from a posterior whose data stay in the pilot: whatever deviates there is
the computation. The rows of ready worlds test the model as well. Every pilot is kept in
results/simulation_based_calibration.json as soon as it is done; a later call with the same settings and the
same code of the pipeline goes on from there, so that --pilots 200 adds to what --pilots 40 has found. About
3 seconds a pilot at the default size.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np

import muxcast.simulate.calibration as calibration
from muxcast.simulate.atomic import write_text
from muxcast.simulate.calibration import calibrate
from muxcast.simulate.cells import Cell
from muxcast.simulate.ready_worlds import WORLDS, world_named
from muxcast.simulate.simulation_based_calibration import (
    KINDS,
    PilotRanks,
    SimulatedCalibration,
    Trial,
    ranks_of,
    trials_of_posterior,
    trials_of_worlds,
)

RESULT = Path(__file__).parent / "results" / "simulation_based_calibration.json"
PIPELINE = (
    "calibration",
    "difficulty",
    "distractors",
    "posterior",
    "forecast",
    "pool_accuracy",
    "mode_laws",
    "choosing",
)
"""Modules whose change makes earlier pilots worthless."""
DRAFT_SHARE = 0.4
"""Of the posterior trials' questions, those of the draft."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pilots", type=int, default=40, help="simulated pilots per row, kept ones included")
    parser.add_argument("--questions", type=int, default=100, help="questions of a pilot")
    parser.add_argument("--models", type=int, default=3)
    parser.add_argument("--samples", type=int, default=4, help="pilot samples per question and model")
    parser.add_argument("--targets", default="same,new")
    parser.add_argument("--worlds", default="posterior," + ",".join(WORLDS))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--fresh", action="store_true", help="forget the pilots that are kept")
    asked = parser.parse_args()

    settings = {name: getattr(asked, name) for name in ("questions", "models", "samples", "seed")}
    settings["pipeline"] = fingerprint()
    kept = {} if asked.fresh else read_kept(settings)
    head = ["50 %", "80 %", "90 %", "95 %", "gain 90", "run 90", "mae", "bias"]
    print(f"{'world':20} {'target':6} {'pilots':>6} " + " ".join(f"{name:>7}" for name in head))
    for target in asked.targets.split(","):
        for world in asked.worlds.split(","):
            row = kept.setdefault(f"{world}, {target}", {"world": world, "target": target, "pilots": []})
            if len(row["pilots"]) < asked.pilots:
                for trial in islice(trials(world, target, asked), len(row["pilots"]), None):
                    start = time.process_time()
                    row["pilots"].append({**to_json(ranks_of(trial)), "seconds": round(time.process_time() - start, 1)})
                    write(settings, kept)
            row["summary"] = SimulatedCalibration([from_json(one) for one in row["pilots"]]).summary()
            write(settings, kept)
            show(row)


def trials(world: str, target: str, asked: argparse.Namespace) -> Iterator[Trial]:
    """The same trials in the same order at every call, those of fewer pilots being the first of those of more."""
    if world == "posterior":
        size = round(DRAFT_SHARE * asked.questions)
        draft = world_named("correlated", asked.seed, size, asked.models).log(asked.samples, asked.seed)
        posterior = calibrate(draft, seed=asked.seed)
        yield from trials_of_posterior(
            draft, posterior, asked.questions - size, asked.samples, asked.pilots, target, asked.seed
        )
        return
    # for new questions the pilot sees one half of the world
    size = asked.questions * (2 if target == "new" else 1)
    worlds = (world_named(world, asked.seed + 100 * i, size, asked.models) for i in range(asked.pilots))
    yield from trials_of_worlds(worlds, asked.samples, target, asked.seed)


def fingerprint() -> str:
    """A digest of the pipeline's code."""
    folder = Path(calibration.__file__).parent
    return hashlib.sha256(b"".join((folder / f"{name}.py").read_bytes() for name in PIPELINE)).hexdigest()[:12]


def to_json(one: PilotRanks) -> dict:
    return {
        "cells": [["+".join(cell.models), cell.samples] for cell in one.cells],
        "draws": one.draws,
        "ranks": {kind: one.ranks[kind].tolist() for kind in KINDS},
        "error": np.round(one.error, 5).tolist(),
        "crps": np.round(one.crps, 5).tolist(),
        "choice": {name: round(value, 5) for name, value in one.choice.items()},
    }


def from_json(row: dict) -> PilotRanks:
    return PilotRanks(
        [Cell("mux", tuple(models.split("+")), k) for models, k in row["cells"]],
        {kind: np.array(row["ranks"][kind]) for kind in KINDS},
        row["draws"],
        np.array(row["error"]),
        np.array(row["crps"]),
        row["choice"],
    )


def read_kept(settings: dict) -> dict[str, dict]:
    if not RESULT.exists():
        return {}
    found = json.loads(RESULT.read_text(encoding="utf-8"))
    if found.get("settings") != settings:
        print("other settings, or the pipeline has changed: earlier pilots are not counted")
        return {}
    return found["rows"]


def write(settings: dict, kept: dict[str, dict]) -> None:
    RESULT.parent.mkdir(exist_ok=True)
    write_text(RESULT, json.dumps({"settings": settings, "rows": kept}, separators=(",", ":")) + "\n")


def show(row: dict) -> None:
    s = row["summary"]
    shares = [*s["coverage"]["accuracy"].values(), s["coverage"]["gain"]["0.9"], s["coverage"]["run"]["0.9"]]
    figures = [f"{100 * one['value']:4.0f}±{100 * (one['se'] or 0):<2.0f}" for one in shares]
    figures += [f"{100 * s['mae']:7.2f}", f"{100 * s['bias']['value']:+7.2f}"]
    print(f"{row['world']:20} {row['target']:6} {s['pilots']:6} " + " ".join(figures), flush=True)
    c = {name: one["value"] for name, one in s["choice"].items()}
    print(
        f"  choice: forecast off by {100 * c['corrected_error']:+.2f} points (uncorrected "
        f"{100 * c['uncorrected_error']:+.2f}); best {c['is_best']:.0%} (said "
        f"{c['best_probability']:.0%}); "
        f"regret {100 * c['regret']:.2f} (said {100 * c['expected_regret']:.2f}); the best was among it and its "
        f"{c['rivals']:.0f} rivals {c['best_among']:.0%} of the time", flush=True,
    )  # fmt: skip


if __name__ == "__main__":
    main()
