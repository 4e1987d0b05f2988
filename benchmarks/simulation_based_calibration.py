"""Do forecasts cover truths that are known? Rank histograms and coverage on simulated worlds.

    python benchmarks/simulation_based_calibration.py --pilots 40 --questions 100

One table for worlds drawn from a posterior (the model is right, so this tests the computation) and one row
for every ready world (the model is wrong in a stated way). Writes results/simulation_based_calibration.json.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from muxcast.simulate.calibration import calibrate
from muxcast.simulate.ready_worlds import WORLDS, world_named
from muxcast.simulate.simulation_based_calibration import simulation_based_calibration
from muxcast.simulate.worlds import worlds_of

RESULTS = Path(__file__).parent / "results"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pilots", type=int, default=40, help="simulated pilots per world")
    parser.add_argument("--questions", type=int, default=100)
    parser.add_argument("--models", type=int, default=3)
    parser.add_argument("--samples", type=int, default=4, help="pilot samples per question and model")
    parser.add_argument("--targets", default="same,new")
    parser.add_argument("--worlds", default="posterior," + ",".join(WORLDS))
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()

    rows = []
    head = ["50 %", "80 %", "90 %", "95 %", "gain 90", "mae", "bias"]
    print(f"{'world':20} {'target':6} " + " ".join(f"{name:>7}" for name in head))
    for target in asked.targets.split(","):
        # for new questions the pilot sees one half of the world
        size = asked.questions * (2 if target == "new" else 1)
        for name in asked.worlds.split(","):
            if name == "posterior":
                draft = world_named("correlated", asked.seed, asked.questions, asked.models).log(
                    asked.samples, asked.seed
                )
                worlds = worlds_of(calibrate(draft, seed=asked.seed), "new", size, asked.pilots, asked.seed)
            else:
                worlds = [world_named(name, asked.seed + 100 * i, size, asked.models) for i in range(asked.pilots)]
            found = simulation_based_calibration(worlds, samples=asked.samples, target=target, seed=asked.seed)
            summary = {"world": name, "target": target, **found.summary()}
            rows.append(summary)
            shares = [*summary["coverage"].values(), summary["gain_coverage"]["0.9"]]
            figures = [f"{100 * share:7.0f}" for share in shares]
            figures += [f"{100 * summary['mae']:7.2f}", f"{100 * summary['bias']:+7.2f}"]
            print(f"{name:20} {target:6} " + " ".join(figures), flush=True)
            RESULTS.mkdir(exist_ok=True)
            text = json.dumps({"settings": vars(asked), "worlds": rows}, indent=1)
            (RESULTS / "simulation_based_calibration.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
