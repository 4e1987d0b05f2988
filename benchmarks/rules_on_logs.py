"""Every rule of the catalogue on recorded logs: accuracy against cost, with paired errors.

Rules learn, and ties are broken, on one half of the questions; the other half is scored, and the other way
round. The pool is all models of a log. Usage: python benchmarks/rules_on_logs.py [FOLDER] [--samples 4]
"""

from __future__ import annotations

import argparse
import json
import time
from datetime import date
from pathlib import Path

import numpy as np

import muxcast
from muxcast.simulate.answers import AnswerCounts
from muxcast.simulate.observing import standard_error
from muxcast.simulate.rules import RULES, rule_on_counts, shuffled_draws

HERE = Path(__file__).parent
LOGS = ("gpqa_diamond", "aime2024", "comprehensive100_t10", "comprehensive100_t07")
PILOT_SAMPLES = 8


def rows_of(counts: AnswerCounts, questions: np.ndarray) -> AnswerCounts:
    """The same counts on some questions."""
    return counts._replace(
        classes=counts.classes[questions],
        blanks=counts.blanks[questions],
        right=counts.right[questions],
        questions=[counts.questions[q] for q in questions],
        labels=[counts.labels[q] for q in questions],
    )


def score_log(path: Path, samples: int, draws: int, seed: int = 0) -> dict:
    log = muxcast.read_log(path)
    counts = log.counts()
    pilot = log.draw_samples(min(PILOT_SAMPLES, int(counts.samples.min())), seed)[0].counts(questions=counts.questions)
    half = np.random.default_rng(seed).permutation(len(counts.questions)) % 2
    order = shuffled_draws(counts, samples, draws, seed)
    scores, spent = {}, {}
    for name, rule in RULES.items():
        accuracy, used = np.zeros(len(half)), np.zeros(len(half))
        for turn in (0, 1):
            learn_on, score_on = np.flatnonzero(half != turn), np.flatnonzero(half == turn)
            seen = rows_of(pilot, learn_on)
            tie_break = (seen.correct / seen.samples).mean(0)
            learned = rule.learn(seen, tie_break, samples) if rule.learn else None
            found = rule_on_counts(
                rule,
                rows_of(counts, score_on),
                samples,
                accuracy=tie_break,
                order=order[:, score_on],
                group=np.zeros(len(score_on), int),
                learned=learned,
            )
            accuracy[score_on], used[score_on] = found.accuracy, found.spent.sum(-1)
        scores[name], spent[name] = accuracy, used
    rows = []
    for name in RULES:
        gain = scores[name] - scores["mux"]
        rows.append(
            {
                "rule": name,
                "accuracy": scores[name].mean(),
                "se": float(standard_error(scores[name])),
                "gain_over_mux": gain.mean(),
                "gain_se": float(standard_error(gain)),
                "samples_per_question": spent[name].mean(),
            }
        )
    return {"log": path.stem, "questions": len(half), "models": len(counts.models), "samples": samples, "rules": rows}


def as_markdown(results: list[dict]) -> str:
    lines = ["# Rules on recorded logs", ""]
    lines.append(
        "Accuracy in percent ± standard error over questions; gain over `mux` in points ± its paired standard error; "
        "samples used per question. Learning and tie-break on one half of the questions "
        f"({PILOT_SAMPLES} samples each), scoring on the other, both ways. The pool is every model of the log."
    )
    for result in results:
        lines += [
            "",
            f"## {result['log']}: {result['questions']} questions, {result['models']} models, k = {result['samples']}",
            "",
        ]
        lines += ["| rule | accuracy | gain over mux | samples |", "|---|---|---|---|"]
        for row in sorted(result["rules"], key=lambda row: -row["accuracy"]):
            accuracy = f"{100 * row['accuracy']:.1f} ± {100 * row['se']:.1f}"
            gain = f"{100 * row['gain_over_mux']:+.2f} ± {100 * row['gain_se']:.2f}"
            lines.append(f"| {row['rule']} | {accuracy} | {gain} | {row['samples_per_question']:.1f} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=HERE.parent.parent / "shared" / "data")
    parser.add_argument("--samples", type=int, default=4)
    parser.add_argument("--draws", type=int, default=16)
    options = parser.parse_args()
    results, started = [], time.perf_counter()
    target = HERE / "results" / f"rules_on_logs_k{options.samples}"
    for name in LOGS:
        results.append(score_log(options.folder / f"{name}.parquet", options.samples, options.draws))
        document = {"date": str(date.today()), "draws": options.draws, "seconds": time.perf_counter() - started}
        target.with_suffix(".json").write_text(json.dumps(document | {"logs": results}, indent=1) + "\n")
        target.with_suffix(".md").write_text(as_markdown(results))
        print(as_markdown(results[-1:]), flush=True)


if __name__ == "__main__":
    main()
