"""Which calibration model forecasts best: held-out samples and held-out questions, by logarithmic score.

    python benchmarks/model_variants.py                       # the four real logs, 5 splits each
    python benchmarks/model_variants.py --splits 2 --logs aime2024

Every variant of ``muxcast.calibrate`` is fitted to 4 samples of a random half of the questions and must then predict
(a) further samples of those questions and (b) answers to the other half, which it has never seen. A score is the log
of the probability given to what happened (right, wrong and blank counts), in nats a question, against the default
variant: negative is worse. Means over splits, with their standard errors.

Reads the logs in ``shared/data`` beside the checkout; writes benchmarks/results/model_variants.{json,md}.
"""

from __future__ import annotations

import argparse
import json
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from scipy.special import logsumexp, xlogy

from muxcast import __version__
from muxcast.simulate.answers import AnswerCounts
from muxcast.simulate.atomic import write_text
from muxcast.simulate.calibration import MODELS, calibrate
from muxcast.simulate.logfile import read_log
from muxcast.simulate.posterior import Population

HERE = Path(__file__).resolve().parent
SHARED = HERE.parents[1] / "shared" / "data"
RESULTS = HERE / "results" / "model_variants.json"
PILOT, HELD_OUT, MOST_MODELS = 4, 4, 6
KINDS = {"samples": "further samples of the same questions", "questions": "questions never seen"}


def log_likelihood(counts: AnswerCounts, worlds: Population, question: int, rows: slice | int) -> np.ndarray:
    """Log probability of one question's right, wrong and blank counts, over all models, in every drawn world."""
    right, blank = counts.correct[question], counts.blanks[question]
    wrong = counts.samples[question] - right - blank
    p, gone = worlds.p[:, rows, :, 0], worlds.blank[:, rows]
    return (
        xlogy(right, np.maximum(p, 1e-12))
        + xlogy(blank, np.maximum(gone, 1e-12))
        + xlogy(wrong, np.maximum(1 - p - gone, 1e-12))
    ).sum(-1)


def score(counts: AnswerCounts, worlds: Population, same: bool) -> float:
    """Mean log score of a question: its own probabilities for the same questions, the whole population's for new."""
    found = []
    for question in range(len(counts.questions)):
        log = log_likelihood(counts, worlds, question, question if same else slice(None)).ravel()
        found.append(logsumexp(log) - np.log(log.size))
    return float(np.mean(found))


def one_split(log, seed: int) -> dict[str, dict[str, float]]:
    """Scores of every variant on one random half of the questions and one random pilot of their samples."""
    seen, unseen = log.split_questions(0.5, seed)
    pilot, rest = seen.draw_samples(PILOT, seed)
    rest = rest.draw_samples(HELD_OUT, seed)[0].counts(log.models, pilot.common_questions())
    other = unseen.draw_samples(HELD_OUT, seed)[0].counts(log.models)
    scores = {}
    for name in MODELS:
        posterior = calibrate(pilot, seed=seed, model=name)
        scores[name] = {
            "samples": score(rest, posterior.worlds("same", seed=seed), True),
            "questions": score(other, posterior.worlds("new", 100, seed=seed), False),
        }
    return scores


def table(results: dict) -> str:
    """Differences to the default variant as a Markdown table."""
    default = next(iter(MODELS))
    lines = [f"| log | {' | '.join(f'{name}, {kind}' for kind in KINDS for name in MODELS if name != default)} |"]
    lines.append("|" + "---|" * (1 + len(KINDS) * (len(MODELS) - 1)))
    for log, splits in results["logs"].items():
        cells = [log]
        for kind in KINDS:
            for name in MODELS:
                if name == default:
                    continue
                gaps = np.array([split[name][kind] - split[default][kind] for split in splits.values()])
                error = gaps.std(ddof=1) / np.sqrt(len(gaps)) if len(gaps) > 1 else np.nan
                cells.append(f"{gaps.mean():+.3f} ± {error:.3f}")
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--splits", type=int, default=5)
    parser.add_argument("--logs", default="gpqa_diamond,comprehensive100_t10,comprehensive100_t07,aime2024")
    parser.add_argument("--data", type=Path, default=SHARED, help="folder of the logs")
    chosen = parser.parse_args()
    results = {
        "about": {
            "score": "log probability of held-out counts, nats a question over all models",
            "pilot": f"{PILOT} samples of half of the questions; {HELD_OUT} further samples, or of the other half",
            "variants": {name: settings._asdict() for name, settings in MODELS.items()},
            "versions": {"muxcast": __version__, "numpy": np.__version__},
            "date": datetime.now(UTC).date().isoformat(),
        },
        "logs": {},
    }
    for name in chosen.logs.split(","):
        log = read_log(chosen.data / f"{name}.parquet")
        log = log.select(models=log.models[:MOST_MODELS])
        log = log.select(questions=log.common_questions())
        splits = results["logs"].setdefault(name, {})
        for seed in range(chosen.splits):
            splits[str(seed)] = one_split(log, seed)
            print(name, seed, splits[str(seed)], flush=True)
            write_text(RESULTS, json.dumps(results, indent=1) + "\n")
            write_text(RESULTS.with_suffix(".md"), table(results))
    print(table(results))


if __name__ == "__main__":
    main()
