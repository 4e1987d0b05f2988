"""How good are model qualities, tie-breaks and chosen pools that are estimated without labels?

    python benchmarks/quality_without_labels.py

Random pilots of four samples a question of each log, labels hidden. Estimated against true accuracy for ours, for
crowd-kit's one-coin Dawid-Skene and for its Wawa: error, bias, the share of model pairs in the right order (pairs
that differ by 2 points or more), the best model found, and what MUX of all models loses when ties are broken by the
estimate.
For ours also the pool of up to three models that agrees most with the pilot's own consensus: what it loses against
the truly best of them, and whether the model it prefers in a tie is its truly best; and the error of one forecast of
agreement. Real logs are read from ../shared/data where that folder exists.
Writes results/quality_without_labels.json.
"""

from __future__ import annotations

import argparse
import json
import warnings
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import spearmanr

from muxcast.simulate.answers import AnswerLog
from muxcast.simulate.calibration import calibrate
from muxcast.simulate.forecast import forecast
from muxcast.simulate.logfile import read_log
from muxcast.simulate.ready_worlds import WORLDS, world_named
from muxcast.simulate.replay import replay
from muxcast.simulate.unlabelled import consensus_split, estimate_quality, labelled_by_agreement
from muxcast.simulate.validation import validate

HERE = Path(__file__).parent
DATA = HERE.parents[1] / "shared" / "data"
SAMPLES = 4
PILOTS = 6
CLEAR = 0.02
"""Accuracies closer than this count as equal: no order of theirs is wrong."""
TRUTH: dict[str, AnswerLog] = {}
"""The whole of each log, whose accuracies count as the truth."""


def logs(folder: Path) -> dict[str, AnswerLog]:
    """Logs by name, real ones first, as many samples of each as are needed."""
    whole = {path.stem: read_log(path) for path in sorted(folder.glob("*.parquet"))}
    whole |= {f"world {name}": world_named(name, 0, 200, 5).log(4 * SAMPLES, 1) for name in WORLDS}
    TRUTH.update(whole)
    return {name: log.draw_samples(4 * SAMPLES, 1)[0] for name, log in whole.items()}


def crowdkit(log: AnswerLog, method: str) -> np.ndarray:
    """Skills of crowd-kit's ``method``, blanks counted as wrong."""
    import crowdkit.aggregation as aggregation

    rows = log.rows.dropna(subset=["answer"])
    frame = pd.DataFrame(
        {"task": rows["task"] + "/" + rows["question"], "worker": rows["model"], "label": rows["answer"]}
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        skills = getattr(aggregation, method)().fit(frame).skills_
    named = log.rows["answer"].notna().groupby(log.rows["model"]).mean()
    return np.array([skills[name] * named[name] for name in log.models])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--logs", type=Path, default=DATA, help="folder of real logs")
    asked = parser.parse_args()
    rows = []
    head = ["error", "bias", "pairs", "best", "loss", "pool", "tie"]
    print(f"{'log':32} {'method':18} " + " ".join(f"{name:>6}" for name in head))
    for name, log in logs(asked.logs).items():
        truth = TRUTH[name].accuracy()
        trials: dict[str, list[dict]] = {}
        for seed in range(PILOTS):
            pilot, rest = log.draw_samples(SAMPLES, seed)
            assert rest is not None
            for method, row in judged(pilot, rest, truth, seed).items():
                trials.setdefault(method, []).append(row)
        for method, many in trials.items():
            row = {"log": name, "method": method, "pilots": PILOTS}
            row |= {key: None if one is None else float(np.mean([trial[key] for trial in many]))
                    for key, one in many[0].items()}  # fmt: skip
            if method == "ours":
                row["forecast_of_agreement"] = forecast_of_agreement(log)
            rows.append(row)
            print(
                f"{name:32} {method:18} {100 * row['mae']:6.1f} {100 * row['bias']:+6.1f} {row['pairs_right']:6.2f} "
                f"{row['best_found']:6.2f} {100 * row['mux_loss']:+6.2f} "
                + (f"agreement {row['forecast_of_agreement']} " if method == "ours" else "")
                + ("" if row["pool_loss"] is None else f"{100 * row['pool_loss']:+6.2f} {row['pool_tie_right']:6.2f}"),
                flush=True,
            )
    (HERE / "results").mkdir(exist_ok=True)
    text = json.dumps({"samples": SAMPLES, "rows": rows}, indent=1)
    (HERE / "results" / "quality_without_labels.json").write_text(text + "\n", encoding="utf-8")


def judged(pilot: AnswerLog, rest: AnswerLog, truth: dict[str, float], seed: int) -> dict[str, dict]:
    """Figures by method for one pilot."""
    models = pilot.models
    true = np.array([truth[model] for model in models])
    quality, marked = consensus_split(pilot, seed)
    estimates = {
        "ours": estimate_quality(pilot, resamples=2).accuracy,
        "OneCoinDawidSkene": crowdkit(pilot, "OneCoinDawidSkene"),
        "Wawa": crowdkit(pilot, "Wawa"),
    }
    by_truth = score(rest, truth)
    apart = np.subtract.outer(true, true)
    clear = np.triu(np.abs(apart) >= CLEAR, 1)
    found = {}
    for method, value in estimates.items():
        agree = np.sign(np.subtract.outer(value, value)) == np.sign(apart)
        found[method] = {
            "mae": float(np.abs(value - true).mean()),
            "bias": float((value - true).mean()),
            "rank_correlation": float(spearmanr(value, true)[0]),
            "pairs_right": float(agree[clear].mean()),
            "best_found": float(true[value.argmax()] >= true.max() - CLEAR),
            "mux_loss": by_truth - score(rest, dict(zip(models, value.tolist(), strict=True))),
            "pool_loss": None,
            "pool_tie_right": None,
        }
    pools = [pool for size in (1, 2, 3) for pool in combinations(models, size)]
    agreeing = replay(marked, [SAMPLES // 2], ["mux"], pools, tie_break=quality.tie_break())
    chosen = agreeing.cells[int(agreeing.seen.mean.argmax())].models
    really = replay(rest, [SAMPLES], ["mux"], pools, tie_break=truth)
    own = replay(rest, [SAMPLES], ["mux"], [chosen], tie_break=quality.tie_break()).seen.mean[0]
    found["ours"]["pool_loss"] = float(really.seen.mean.max() - own)
    found["ours"]["pool_tie_right"] = float(truth[chosen[0]] >= max(truth[name] for name in chosen) - CLEAR)
    return found


def forecast_of_agreement(log: AnswerLog) -> dict[str, float]:
    """One pilot's forecast of agreement with its consensus, against that of the other samples with it."""
    pilot, rest = log.draw_samples(SAMPLES, 0)
    assert rest is not None
    quality, marked = consensus_split(pilot, 0)
    pools = [pool for size in (1, 2) for pool in combinations(log.models, size)]
    said = forecast(calibrate(marked, seed=0), [SAMPLES], ("mux",), pools)
    judged = validate(said, labelled_by_agreement(rest, quality)).summary
    return {"mae": round(judged["mae"], 4), "coverage": round(judged["coverage"], 3)}


def score(log: AnswerLog, tie_break: dict[str, float]) -> float:
    """Replayed accuracy of MUX over all models."""
    found = replay(log, [SAMPLES], ["mux"], [log.models], tie_break=tie_break)
    return float(found.seen.mean[0])


if __name__ == "__main__":
    main()
