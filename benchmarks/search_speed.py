"""How fast pools are searched, against scoring them one by one in plain Python; and all rules over k = 1..16.

Usage: python benchmarks/search_speed.py [all|exhaustive|plain|beam|rules]
Times are of this machine; the ratio to plain Python is measured within one run.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections import Counter
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd

TARGET = Path(__file__).parent / "results" / "search_speed.json"


def made_up_rows(models: int, questions: int, samples: int, seed: int = 0) -> pd.DataFrame:
    """A log of models that share question difficulty and wrong answers."""
    rng = np.random.default_rng(seed)
    skill, ease = rng.normal(0.3, 0.6, models), rng.normal(0, 1.5, questions)
    chance = 1 / (1 + np.exp(-(skill[:, None] + ease + rng.normal(0, 0.8, (models, questions)))))
    right = rng.random((models, questions, samples)) < chance[..., None]
    wrong = np.array(["w0", "w1", "w2", "w3"])[rng.choice(4, p=[0.55, 0.25, 0.15, 0.05], size=right.shape)]
    m, q, s = np.indices(right.shape).reshape(3, -1)
    return pd.DataFrame(
        {
            "task": "made-up",
            "question": [f"q{i:03d}" for i in q],
            "model": [f"m{i:03d}" for i in m],
            "sample": s,
            "answer": np.where(right, "gold", wrong).ravel(),
            "correct": right.ravel(),
        }
    )


def exhaustive(models: int = 20, questions: int = 500, samples: int = 5) -> dict:
    """2^20 pools from the command line, the whole process."""
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "log.parquet"
        made_up_rows(models, questions, samples).to_parquet(log)
        command = ["-c", "from muxcast.cli import main; main()"]
        arguments = [
            "search",
            str(log),
            "--samples",
            str(samples),
            "--folds",
            "0",
            "--json",
            str(Path(folder) / "o.json"),
        ]
        wall, cpu = time.perf_counter(), os.times().children_user
        subprocess.run([sys.executable, *command, *arguments], check=True, stdout=subprocess.DEVNULL)
        return {
            "pools": 2**models - 1,
            "questions": questions,
            "k": samples,
            "wall_s": time.perf_counter() - wall,
            "cpu_s": os.times().children_user - cpu,
        }


def plain(questions: int = 500, samples: int = 5, pools: int = 40) -> dict:
    """Seconds a pool takes when scored by counting answers in plain Python, as the authors' scripts do."""
    rows = made_up_rows(20, questions, samples)
    answers = {key: part.tolist() for key, part in rows.groupby(["model", "question"])["answer"]}
    models, asked = sorted(rows["model"].unique()), sorted(rows["question"].unique())
    accuracy = rows.groupby("model")["correct"].mean().to_dict()
    rng = np.random.default_rng(0)
    start = time.process_time()
    for _ in range(pools):
        pool = [name for name in models if rng.random() < 0.5] or models[:1]
        right = 0
        for question in asked:
            best = max(
                ((Counter(answers[name, question]).most_common(1)[0], name) for name in pool),
                key=lambda item: (item[0][1] / samples, accuracy[item[1]]),
            )
            right += best[0][0] == "gold"
    return {"pools": pools, "seconds_per_pool": (time.process_time() - start) / pools}


def kernel(models: int = 20, questions: int = 500, samples: int = 5) -> dict:
    """CPU seconds for all pools once the log is read and everything is compiled."""
    from muxcast.simulate.answers import AnswerLog
    from muxcast.simulate.objective import all_pools, events_of

    log = AnswerLog.from_rows(made_up_rows(models, questions, samples))
    events = events_of(log.counts(), log.models, samples)
    all_pools(events, "accuracy")
    wall, cpu = time.perf_counter(), time.process_time()
    all_pools(events, "accuracy")
    return {"pools": 2**models - 1, "wall_s": time.perf_counter() - wall, "cpu_s": time.process_time() - cpu}


def beam(models: int = 200, questions: int = 500, samples: int = 5) -> dict:
    """Beam search over 200 models, and its gap to the best pool where that can be listed."""
    from muxcast.simulate.answers import AnswerLog
    from muxcast.simulate.beam import LawTable, search_many
    from muxcast.simulate.objective import all_pools, events_of

    log = AnswerLog.from_rows(made_up_rows(models, questions, samples))
    order = sorted(log.models, key=lambda name: -log.accuracy()[name])
    wall, cpu = time.perf_counter(), time.process_time()
    events = events_of(log.counts(), order, samples)
    found = search_many(LawTable(events.laws), np.ones(models), sizes=(1, 8), seconds=5.0)
    result = {
        "models": models,
        "questions": questions,
        "wall_s": time.perf_counter() - wall,
        "cpu_s": time.process_time() - cpu,
        "accuracy": found.value[0],
        "bound": found.bound,
        "nodes": found.nodes,
    }
    gaps = []
    rng = np.random.default_rng(1)
    for _ in range(5):
        some = np.sort(rng.choice(models, 14, replace=False))
        few = events.take(np.arange(questions), some)
        best = all_pools(few, "accuracy").accuracy.max()
        mine = search_many(LawTable(few.laws), np.ones(14), sizes=(1, 14), seconds=0.0)
        gaps.append(float(best - mine.value[0]))
    return result | {"gap_to_best_of_14_models": gaps}


def rules(questions: int = 200, models: int = 6, most: int = 16, draws: int = 8) -> dict:
    """Every rule of the catalogue at k = 1..16."""
    from muxcast.simulate.answers import AnswerLog
    from muxcast.simulate.rules import RULES, rule_on_counts, shuffled_draws

    log = AnswerLog.from_rows(made_up_rows(models, questions, most))
    counts = log.counts()
    tie_break = np.array([log.accuracy()[name] for name in counts.models])
    wall, cpu = time.perf_counter(), time.process_time()
    order = shuffled_draws(counts, most, draws, 0)
    group = np.zeros(questions, int)
    each = {}
    for name, rule in RULES.items():
        start = time.process_time()
        learned = rule.learn(counts, tie_break, most) if rule.learn else None
        for k in range(1, most + 1):
            rule_on_counts(rule, counts, k, accuracy=tie_break, order=order, group=group, learned=learned)
        each[name] = time.process_time() - start
    return {
        "rules": len(RULES),
        "questions": questions,
        "models": models,
        "k": f"1..{most}",
        "draws": draws,
        "wall_s": time.perf_counter() - wall,
        "cpu_s": time.process_time() - cpu,
        "cpu_s_by_rule": each,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("part", nargs="?", default="all", choices=["all", "exhaustive", "plain", "beam", "rules"])
    part = parser.parse_args().part
    result = json.loads(TARGET.read_text()) if TARGET.exists() else {}
    result |= {
        "date": str(date.today()),
        "device": f"{os.cpu_count()} CPU cores ({platform.machine()})",
        "python": platform.python_version(),
    }
    if part in ("all", "exhaustive"):
        result["exhaustive_command_line"] = exhaustive()
    if part in ("all", "plain"):
        slow, fast = plain(), kernel()
        ratio = slow["seconds_per_pool"] / (fast["cpu_s"] / fast["pools"])
        result["plain_python"] = slow | {"all_pools": fast, "ratio_of_cpu_time_per_pool": ratio}
    if part in ("all", "beam"):
        result["beam"] = beam()
    if part in ("all", "rules"):
        result["rules"] = rules()
    TARGET.write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
