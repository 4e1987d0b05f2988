"""Does a pilot of the size that `muxcast pilot-size` recommends keep its promise?

    python benchmarks/pilot_size_promise.py --half-width 2 --pilots 40

Sizes are asked for a population (a ready world) and for a draft pilot of it; then pilots of the recommended size
are drawn from the true population, calibrated and forecast: the half-width of the gain's interval, how often it
holds the true gain, and how often the pool chosen is within the margin of the best. Every pilot is kept as it is
done, and a later call goes on. Writes results/pilot_size_promise.json.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import numpy as np

from muxcast.simulate.atomic import write_text
from muxcast.simulate.calibration import calibrate
from muxcast.simulate.pilot_size import LARGE, pilot_size
from muxcast.simulate.ready_worlds import world_named
from muxcast.simulate.simulated_pilot import checked_pilot
from muxcast.simulate.worlds import worlds_of

RESULT = Path(__file__).parent / "results" / "pilot_size_promise.json"
DRAFT = (50, 4)
"""Questions and samples of the draft."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--world", default="correlated")
    parser.add_argument("--models", type=int, default=3)
    parser.add_argument("--half-width", type=float, default=2.0, help="points")
    parser.add_argument("--chance", type=float, default=0.95)
    parser.add_argument("--within", type=float, default=0.5, help="points")
    parser.add_argument("--pilots", type=int, default=40)
    parser.add_argument("--sources", default="population,draft")
    parser.add_argument("--fresh", action="store_true", help="forget the sizes and pilots that are kept")
    asked = parser.parse_args()
    found = json.loads(RESULT.read_text(encoding="utf-8")) if RESULT.exists() and not asked.fresh else {}
    true = world_named(asked.world, 0, LARGE, asked.models)
    for source in asked.sources.split(","):
        name = f"{asked.world}, {asked.models} models, ±{asked.half_width:g} points, from a {source}"
        row = found.setdefault(name, {})
        if "size" not in row:
            start, cpu = time.perf_counter(), time.process_time()
            if source == "population":
                worlds = [true]
            else:
                draft = true.resample(DRAFT[0], 1).log(DRAFT[1], 1)
                worlds = worlds_of(calibrate(draft, seed=0), "new", LARGE, 2, 0)
            size = pilot_size(
                worlds, width=asked.half_width / 100, chance=asked.chance, within=asked.within / 100, seed=0
            )
            row["size"] = {**size.to_json(), "wall_s": round(time.perf_counter() - start, 1),
                           "cpu_s": round(time.process_time() - cpu, 1)}  # fmt: skip
            row["pilots"] = []
        best = row["size"]["recommended"]
        print(name, {key: row["size"][key] for key in ("wall_s", "cpu_s")}, best, flush=True)
        if best is None:
            continue
        models = row["size"]["gain"]["models"]
        for number in range(len(row["pilots"]), asked.pilots):
            one = checked_pilot(true, best["samples"], best["questions"], models, seed=1000 + number)
            row["pilots"].append({
                "half_width": round(one.half_width, 5), "held": bool(one.lower <= one.gain <= one.upper),
                "near_best": one.near_best(asked.within / 100),
                "lost": round(float(one.truth.max() - one.truth[one.chosen]), 5),
            })  # fmt: skip
            row["summary"] = summary(row["pilots"])
            RESULT.parent.mkdir(exist_ok=True)
            write_text(RESULT, json.dumps(found, indent=1) + "\n")
        print(row.get("summary"), flush=True)


def summary(pilots: list[dict]) -> dict:
    widths = np.array([one["half_width"] for one in pilots])
    return {
        "pilots": len(pilots),
        "half_width": round(float(np.sqrt((widths**2).mean())), 5),
        "half_width_sd": round(float(widths.std(ddof=1)), 5) if len(widths) > 1 else None,
        "held": float(np.mean([one["held"] for one in pilots])),
        "near_best": float(np.mean([one["near_best"] for one in pilots])),
        "mean_lost": round(float(np.mean([one["lost"] for one in pilots])), 5),
    }


if __name__ == "__main__":
    main()
