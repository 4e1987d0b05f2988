"""Does the model of conformity forecast debates it has not seen? Judged on two recorded runs, without any model.

    python benchmarks/conformity.py

The term for going astray was added after the model failed on the first run (``compare_methods``: capitals and
past tense), so halves of that run cannot judge it. The second (``compare_equal_tokens``: symbols and larger of two
numbers, another seed) was drawn afterwards with the model as it stands. Every row fits on one set of debates and
forecasts the end of another from its first answers. Writes ``benchmarks/results/conformity.json`` and ``.md``.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import pandas as pd

from muxcast.simulate.answers import AnswerLog
from muxcast.simulate.atomic import write_text
from muxcast.simulate.logfile import read_log
from muxcast.simulate.transitions import Course, course_of, forecast_discussion, solo_laws

HERE = Path(__file__).parent / "results"
RUNS = {"first": "compare_methods_log.parquet", "second": "compare_equal_tokens_log.parquet"}
LEVEL = 0.9


def debates_of(log: AnswerLog) -> tuple[pd.DataFrame, AnswerLog]:
    """The rounds of the log's debates, and the samples its models drew alone on the same questions.

    Sample 0 opened the debates, so it is not among the latter.
    """
    rows = log.rows
    parts = rows["model"].str.extract(r"^debate/round(?P<round>\d+)/(?P<agent>.+)$")
    later = rows[parts["agent"].notna()].assign(round=parts["round"].astype(float), agent=parts["agent"])
    agents, asked = later["agent"].unique(), pd.MultiIndex.from_frame(later[["task", "question"]])
    here = pd.MultiIndex.from_frame(rows[["task", "question"]]).isin(asked) & rows["model"].isin(agents)
    first = rows[here & (rows["sample"] == 0)].assign(round=0, agent=lambda part: part["model"])
    columns = ["task", "question", "agent", "round", "answer", "correct"]
    told = pd.concat([first, later])[columns].astype({"round": int})
    return told, AnswerLog.from_rows(rows[here & (rows["sample"] > 0)], log.source)


def discussed(told: pd.DataFrame, alone: AnswerLog, tasks: list[str] | None = None) -> tuple[Course, np.ndarray]:
    """Course and solo laws of the debates of some tasks."""
    if tasks is not None:
        told = told[told["task"].isin(tasks)]
        alone = AnswerLog.from_rows(alone.rows[alone.rows["task"].isin(tasks)], alone.source)
    course = course_of(told, alone)
    return course, solo_laws(course, alone)


def change(course: Course) -> float:
    """What discussion does to the vote's accuracy over a whole run, as a rival that knows no mechanism has it."""
    from muxcast.simulate.transitions import transitions

    vote = transitions(course).vote_accuracy
    return float(vote[-1] - vote[0])


def row(label: str, target: tuple[Course, np.ndarray], learned: tuple[Course, np.ndarray] | None, seed: int) -> dict:
    """One forecast against what happened, in fractions."""
    found = forecast_discussion(*target, learned=learned, seed=seed).to_json(LEVEL)
    first, last = found["rounds"][0], found["rounds"][-1]
    rival = None if learned is None else first["observed"] + change(learned[0])
    return {
        "what": label,
        "fitted_on": found["fitted_on_questions"],
        "judged_on": found["judged_on_questions"],
        "first_vote": first["observed"],
        "forecast": last["forecast"],
        "lower": last["lower"],
        "upper": last["upper"],
        "observed": last["observed"],
        "observed_se": last["observed_se"],
        "inside": last["inside"],
        "same_change_as_learned": rival,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--splits", type=int, default=10, help="random halves of each run")
    parser.add_argument("--results", type=Path, default=HERE)
    arguments = parser.parse_args()
    debates = {name: debates_of(read_log(HERE / file)) for name, file in RUNS.items()}
    whole = {name: discussed(*parts) for name, parts in debates.items()}
    rows = []
    for target, learned in (("second", "first"), ("first", "second")):
        rows.append(row(f"{target} run, learned on the {learned}", whole[target], whole[learned], 0))
    for parts in debates.values():
        tasks = sorted(parts[0]["task"].unique())
        by_task = {task: discussed(*parts, [task]) for task in tasks}
        for task in tasks:
            (other,) = (one for one in tasks if one != task)
            rows.append(row(f"{task}, learned on {other}", by_task[task], by_task[other], 0))
    halves = {}
    for name in RUNS:
        split = [row("", whole[name], None, seed) for seed in range(arguments.splits)]
        halves[name] = {
            "splits": len(split),
            "inside": sum(one["inside"] for one in split),
            "mean_absolute_error": float(np.mean([abs(one["forecast"] - one["observed"]) for one in split])),
            "if_nothing_moved": float(np.mean([abs(one["first_vote"] - one["observed"]) for one in split])),
        }
    found = {"level": LEVEL, "rows": rows, "halves": halves}
    write_text(arguments.results / "conformity.json", json.dumps(found, indent=1, allow_nan=False) + "\n")

    def percent(value: float) -> str:
        return f"{100 * value:.1f}"

    lines = [
        "# The model of conformity on debates it was not fitted to",
        "",
        "Accuracy of the vote after two rounds of debate, percent; 90 % intervals. The last column adds to the first "
        "vote the change seen in the debates learned from, without any mechanism.",
        "",
        "| debates | fitted on | judged on | first vote | forecast | interval | observed | inside | same change |",
        "|---|---:|---:|---:|---:|---:|---:|---|---:|",
    ]
    lines += [
        f"| {one['what']} | {one['fitted_on']} | {one['judged_on']} | {percent(one['first_vote'])} | "
        f"{percent(one['forecast'])} | {percent(one['lower'])}-{percent(one['upper'])} | {percent(one['observed'])} ± "
        f"{percent(one['observed_se'])} | {'yes' if one['inside'] else 'no'} | "
        f"{percent(one['same_change_as_learned'])} |"
        for one in rows
    ]
    lines.append("")
    lines += [
        f"Random halves of the {name} run: {one['inside']} of {one['splits']} inside, mean absolute error "
        f"{percent(one['mean_absolute_error'])} points (assuming nothing moves: {percent(one['if_nothing_moved'])}). "
        "The halves overlap, so they are fewer tests than they look."
        for name, one in halves.items()
    ]
    write_text(arguments.results / "conformity.md", "\n".join(lines) + "\n")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
