"""How good are model qualities, and tie-breaks, that are estimated without labels?

    python benchmarks/quality_without_labels.py

Four samples a question of each log, labels hidden; estimated against true accuracy for ours, for crowd-kit's
one-coin Dawid-Skene and for its Wawa; and what MUX of all models loses when ties are broken by the estimate.
Real logs are read from ../shared/data where that folder exists. Writes results/quality_without_labels.json.
"""

from __future__ import annotations

import json
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import spearmanr

from muxcast.simulate.answers import AnswerLog
from muxcast.simulate.logfile import read_log
from muxcast.simulate.ready_worlds import WORLDS, world_named
from muxcast.simulate.replay import replay
from muxcast.simulate.unlabelled import estimate_quality

HERE = Path(__file__).parent
DATA = HERE.parents[1] / "shared" / "data"
SAMPLES = 4


def logs() -> dict[str, AnswerLog]:
    """Logs by name, real ones first."""
    found = {path.stem: read_log(path).draw_samples(4 * SAMPLES, 1)[0] for path in sorted(DATA.glob("*.parquet"))}
    return found | {f"world {name}": world_named(name, 0, 200, 5).log(2 * SAMPLES, 1) for name in WORLDS}


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
    rows = []
    print(f"{'log':32} {'method':20} {'error':>6} {'bias':>6} {'rank':>5} {'loss':>6}")
    for name, log in logs().items():
        pilot, rest = log.draw_samples(SAMPLES, 0)
        truth = log.accuracy()
        true = np.array([truth[model] for model in log.models])
        estimates = {
            "ours": estimate_quality(pilot, resamples=2).accuracy,
            "OneCoinDawidSkene": crowdkit(pilot, "OneCoinDawidSkene"),
            "Wawa": crowdkit(pilot, "Wawa"),
        }
        assert rest is not None
        by_truth = score(rest, truth)
        for method, value in estimates.items():
            loss = by_truth - score(rest, dict(zip(log.models, value.tolist(), strict=True)))
            row = {
                "log": name, "method": method, "mae": float(np.abs(value - true).mean()),
                "bias": float((value - true).mean()), "rank_correlation": float(spearmanr(value, true)[0]),
                "mux_loss": loss,
            }  # fmt: skip
            rows.append(row)
            print(
                f"{name:32} {method:20} {100 * row['mae']:6.1f} {100 * row['bias']:+6.1f} "
                f"{row['rank_correlation']:5.2f} {100 * loss:+6.2f}",
                flush=True,
            )
    (HERE / "results").mkdir(exist_ok=True)
    text = json.dumps({"samples": SAMPLES, "rows": rows}, indent=1)
    (HERE / "results" / "quality_without_labels.json").write_text(text + "\n", encoding="utf-8")


def score(log: AnswerLog, tie_break: dict[str, float]) -> float:
    """Replayed accuracy of MUX over all models."""
    found = replay(log, [SAMPLES], ["mux"], [log.models], tie_break=tie_break)
    return float(found.seen.mean[0])


if __name__ == "__main__":
    main()
