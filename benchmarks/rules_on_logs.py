"""Every rule of the catalogue on recorded logs, in replay and in forecast: accuracy against cost, with paired errors.

Replay learns and breaks ties on one half of the questions and scores the other, both ways. The forecast is made for new
questions from a pilot of 4 samples. The pool is all models of a log.
Usage: python benchmarks/rules_on_logs.py [FOLDER] [--samples 4] [--logs gpqa_diamond,...]
"""

from __future__ import annotations

import argparse
import json
import time
from datetime import date
from pathlib import Path

import muxcast
from muxcast.simulate.atomic import write_text
from muxcast.simulate.rule_gains import PILOT_SAMPLES, gains_in_worlds, gains_on_log

HERE = Path(__file__).parent
LOGS = ("gpqa_diamond", "aime2024", "comprehensive100_t10", "comprehensive100_t07")
FORECAST_PILOT = 4


def score_log(path: Path, samples: int, draws: int, worlds: int) -> dict:
    log = muxcast.read_log(path)
    start = time.process_time()
    replayed = gains_on_log(log, samples, draws=draws)
    between = time.process_time()
    posterior = muxcast.calibrate(log.draw_samples(FORECAST_PILOT, 0)[0], seed=0)
    forecast = gains_in_worlds(posterior, samples, draws=worlds)
    return {
        "log": path.stem,
        "questions": len(log.counts().questions),
        "models": len(log.models),
        "samples": samples,
        "cpu_s": {"replay": between - start, "forecast": time.process_time() - between},
        "replay": replayed.to_dict("records"),
        "forecast": forecast.to_dict("records"),
    }


def as_markdown(results: list[dict]) -> str:
    lines = [
        "# Rules on recorded logs",
        "",
        "Accuracy in percent ± standard error over questions. Gains are over `mux`, in points ± paired standard "
        "error: at the same k, and at equal cost, that is against `mux` over the same pool with as many samples a "
        f"question as the rule used. In replay, learning and tie-break use one half of the questions ({PILOT_SAMPLES} "
        "samples each), scoring the other, both ways; the forecast is for new questions, from a pilot of "
        f"{FORECAST_PILOT} samples, ± the spread over posterior worlds. The pool is every model of the log.",
    ]
    for result in results:
        title = (
            f"## {result['log']}: {result['questions']} questions, {result['models']} models, k = {result['samples']}"
        )
        lines += ["", title, ""]
        lines += ["| rule | accuracy | samples | gain, same k | gain, equal cost | its forecast | samples, forecast |"]
        lines += ["|---|---|---|---|---|---|---|"]
        forecast = {row["rule"]: row for row in result["forecast"]}
        for row in sorted(result["replay"], key=lambda row: -row["accuracy"]):
            ahead = forecast[row["rule"]]
            cells = [
                row["rule"],
                f"{100 * row['accuracy']:.1f} ± {100 * row['accuracy_sd']:.1f}",
                f"{row['samples']:.1f}",
                _points(row, "gain"),
                _points(row, "equal_cost_gain"),
                _points(ahead, "equal_cost_gain"),
                f"{ahead['samples']:.1f}",
            ]
            lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _points(row: dict, name: str) -> str:
    return f"{100 * row[name]:+.2f} ± {100 * row[name + '_sd']:.2f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path, default=HERE.parent.parent / "shared" / "data")
    parser.add_argument("--logs", default=",".join(LOGS))
    parser.add_argument("--samples", type=int, default=4)
    parser.add_argument("--draws", type=int, default=16, help="subsamples of a question in replay")
    parser.add_argument("--worlds", type=int, default=48, help="posterior worlds in the forecast")
    options = parser.parse_args()
    target = HERE / "results" / f"rules_on_logs_k{options.samples}"
    done = json.loads(target.with_suffix(".json").read_text())["logs"] if target.with_suffix(".json").exists() else []
    found = {result["log"]: result for result in done if "replay" in result}
    for name in options.logs.split(","):
        found[name] = score_log(options.folder / f"{name}.parquet", options.samples, options.draws, options.worlds)
        document = {"date": str(date.today()), "draws": options.draws, "worlds": options.worlds}
        results = [found[log] for log in LOGS if log in found]
        write_text(target.with_suffix(".json"), json.dumps(document | {"logs": results}, indent=1) + "\n")
        write_text(target.with_suffix(".md"), as_markdown(results))
        print(as_markdown([found[name]]), found[name]["cpu_s"], flush=True)


if __name__ == "__main__":
    main()
