"""The SLM-MUX paper on trial: how much of what it reports does the theory explain?

    python benchmarks/paper_on_trial.py

For each of MATH, GPQA and GSM8K a population of questions is fitted to few of the paper's printed figures
(single models, and its curves at 2 to 4 samples) and then predicts the others: the curves at 5 to 9
samples, another pool of three models (Table 1), and what more models bring (1 to 5). Figures are from
arXiv 2510.05077 v1, embedded in
paper_numbers.csv. Writes results/paper_on_trial.json and .png.
"""

from __future__ import annotations

import json
from itertools import combinations
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.optimize import brentq, least_squares
from scipy.special import expit, logit, ndtri
from scipy.stats import qmc

from muxcast.simulate.cells import Cell
from muxcast.simulate.cost import Usage
from muxcast.simulate.plan import plan
from muxcast.simulate.pool_accuracy import cell_accuracy
from muxcast.simulate.posterior import Population
from muxcast.simulate.prices import prices_from

HERE = Path(__file__).parent
QUESTIONS = 2048
ROUNDS = 8  # simulated votes per question and half, for Agent Forest
STEPS = 40  # of the least-squares fit
FITTED = (2, 3, 4)
HELD_OUT = (5, 6, 7, 8, 9)


class Case(NamedTuple):
    """One benchmark of the paper."""

    models: tuple[str, ...]
    groups: dict[str, tuple[str, str]]
    """Pairs of Table 2, the model with the printed best single accuracy first."""
    classes: int
    """Answers that occur: 4 options, or the correct answer and the wrong ones an open question attracts."""
    guess: dict[str, float]
    """Accuracy at temperature 0 where the paper prints it: a weak prior for the sampled accuracy."""
    other: tuple[float, ...]
    """Table 1's pool: accuracies at temperature 0, the best first."""
    others: tuple[float, ...]
    """Accuracies, as far as known at temperature 0, of the five models that are not in ``models``."""


CASES = {
    "MATH": Case(
        ("Qwen2.5 7B", "Mistral Small 24B", "Llama 3.1 8B"),
        {"group 1": ("Qwen2.5 7B", "Mistral Small 24B"), "group 2": ("Qwen2.5 7B", "Llama 3.1 8B")},
        8,
        {"Llama 3.1 8B": 0.486, "Mistral Small 24B": 0.70},
        (0.568, 0.486, 0.316),
        (0.568, 0.316),
    ),
    "GPQA": Case(
        ("Mistral Small 24B", "Gemma 2 27B", "Llama 3.1 8B"),
        {"group 1": ("Mistral Small 24B", "Gemma 2 27B"), "group 2": ("Mistral Small 24B", "Llama 3.1 8B")},
        4,
        {"Gemma 2 27B": 0.388, "Llama 3.1 8B": 0.237},
        (0.388, 0.319, 0.237),
        # the paper prints none for Qwen2.5 7B: its makers say 36.4 (arXiv 2412.15115)
        (0.319, 0.364),
    ),
    "GSM8K": Case(
        ("Mistral Small 24B", "Qwen2.5 7B", "Llama 3.1 8B", "Mixtral 8x7B"),
        {"group 1": ("Mistral Small 24B", "Qwen2.5 7B"), "group 2": ("Llama 3.1 8B", "Mixtral 8x7B")},
        8,
        {"Qwen2.5 7B": 0.86, "Mixtral 8x7B": 0.634},
        (0.842, 0.816, 0.634),
        (0.816,),
    ),
}
# spread and shared part of the difficulty, log concentration of wrong answers, shared part of wrong answers:
# mean and standard deviation of a weak normal prior
SHAPE = {"spread": (2.5, 1.0), "shared": (0.6, 0.2), "focus": (0.7, 0.7), "distraction": (0.6, 0.25)}


def normals(columns: int) -> np.ndarray:
    """Quasi-random standard normals [question, column]: the same questions for every parameter."""
    return ndtri(np.clip(qmc.Sobol(columns, seed=0).random(QUESTIONS), 1e-6, 1 - 1e-6))


def population(accuracy: np.ndarray, shape: np.ndarray, classes: int, z: np.ndarray) -> Population:
    """Questions [draw] of a logistic-normal difficulty shared across models, with shared distractors."""
    spread, shared, focus, distraction = shape
    shared, distraction = np.clip(shared, 0, 1), np.clip(distraction, 0, 1)
    models, wrong = len(accuracy), classes - 1
    common, own = z[:, :1], z[:, 1 : 1 + models]
    ability = np.sqrt(shared) * common + np.sqrt(1 - shared) * own
    right = np.stack(
        [
            expit(
                brentq(lambda x, i=i, a=a: expit(x + spread * ability[:, i]).mean() - a, -30, 30)
                + spread * ability[:, i]
            )
            for i, a in enumerate(accuracy)
        ],
        -1,
    )
    pull = z[:, 1 + models : 1 + models + wrong][:, None]
    taste = z[:, 1 + models + wrong :].reshape(len(z), models, wrong)
    appeal = np.exp(np.exp(focus) * (np.sqrt(distraction) * pull + np.sqrt(1 - distraction) * taste))
    shares = appeal / appeal.sum(-1, keepdims=True)
    p = np.concatenate([right[..., None], (1 - right)[..., None] * shares], -1)
    # one world a question, so that accuracies come back per question
    return Population(p[:, None], np.zeros((len(z), 1, models)), np.zeros((len(z), 1), int))


def scores(world: Population, cells: list[Cell], models: tuple[str, ...]) -> np.ndarray:
    """Probability of a correct answer [question, cell]."""
    rng = np.random.default_rng(0)
    return cell_accuracy([world], cells, models, rng, rounds=ROUNDS).mean(0)


def rows_of(facts: pd.DataFrame, benchmark: str, case: Case) -> list[tuple[Cell, float, int, str]]:
    """Printed figures as (cell, accuracy, evaluations, role)."""
    rows = []
    ours = facts[facts["benchmark"] == benchmark]
    known = set()
    for group, pair in case.groups.items():
        single = ours[ours["series"] == f"best single {group}"].iloc[0]
        if pair[0] not in known:
            rows.append((Cell("self-consistency", (pair[0],), 1), single["accuracy"], single["evaluations"], "fitted"))
            known.add(pair[0])
    rules = {"mux group 1": ("mux", "group 1"), "mux group 2": ("mux", "group 2"),
             "agent forest group 2": ("agent-forest", "group 2")}  # fmt: skip
    curves = ours[ours["source"] == "Figure, samples per model"]
    for row in curves.itertuples():
        rule, group = rules[row.series]
        k = int(row.samples)
        rows.append(
            (Cell(rule, case.groups[group], k), row.accuracy, row.evaluations, "fitted" if k in FITTED else "held out")
        )
    return [(cell, float(value), int(count), role) for cell, value, count, role in rows]


def binomial_majority(n: int, p: float) -> float:
    """The paper's A(N, p), its ceiling as printed."""
    from scipy.stats import binom

    return float(binom.sf(-(-n // 2) - 1, n, p))


def trial(benchmark: str, facts: pd.DataFrame) -> dict:
    """Fit the population, predict the rest, and judge every figure."""
    case = CASES[benchmark]
    rows = rows_of(facts, benchmark, case)
    models = case.models
    z = normals(1 + len(models) * case.classes + case.classes - 1)
    fitted = np.array([role == "fitted" for *_, role in rows])
    observed = np.array([value for _, value, *_ in rows])
    count = np.array([count for *_, count, _ in rows])
    cells = [cell for cell, *_ in rows]
    best = {cell.models[0]: value for cell, value, *_ in rows if cell.rule == "self-consistency"}
    start = np.array([best.get(name, case.guess.get(name, 0.5)) for name in models])
    loose = np.array([0.3 if name in best else 0.5 for name in models])

    def unpack(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return expit(x[: len(models)]), x[len(models) :]

    prior_mean = np.concatenate([logit(start), [mean for mean, _ in SHAPE.values()]])
    prior_sd = np.concatenate([loose, [sd for _, sd in SHAPE.values()]])
    error = np.sqrt(0.12 / count)  # refined below by the fitted questions

    def predict(x: np.ndarray, wanted: list[Cell]) -> np.ndarray:
        accuracy, shape = unpack(x)
        return scores(population(accuracy, shape, case.classes, z), wanted, models)

    train = [cell for cell, use in zip(cells, fitted, strict=True) if use]

    def residual(x: np.ndarray) -> np.ndarray:
        miss = (predict(x, train).mean(0) - observed[fitted]) / error[fitted]
        return np.concatenate([miss, (x - prior_mean) / prior_sd])

    low, high = np.full(len(prior_mean), -np.inf), np.full(len(prior_mean), np.inf)
    at = len(models)
    low[at:], high[at:] = [0.3, 0.02, -1.5, 0.02], [6.0, 0.98, 2.0, 0.98]
    found = least_squares(residual, prior_mean, bounds=(low, high), diff_step=0.02, max_nfev=STEPS)
    covariance = np.linalg.inv(found.jac.T @ found.jac)
    per_question = predict(found.x, cells)
    predicted = per_question.mean(0)
    measured = np.sqrt((per_question * (1 - per_question)).mean(0) / count)
    # how far the fit itself leaves each prediction open
    moves = np.random.default_rng(1).multivariate_normal(found.x, covariance, 24).clip(low + 1e-6, high - 1e-6)
    open_ = np.array([predict(x, cells).mean(0) for x in moves]).std(0)
    z_score = (observed - predicted) / np.hypot(measured, open_)
    accuracy, shape = unpack(found.x)

    alone = [Cell("self-consistency", (pair[0],), 2 * k) for pair in case.groups.values() for k in (*FITTED, *HELD_OUT)]
    same_compute = dict(zip(alone, predict(found.x, alone).mean(0), strict=True))
    figures = []
    for i, (cell, value, _, role) in enumerate(rows):
        rival = Cell("self-consistency", cell.models[:1], 2 * cell.samples)
        p_max = max(float(accuracy[models.index(name)]) for name in cell.models)
        figures.append(
            {
                "rule": cell.rule, "models": list(cell.models), "samples": cell.samples, "role": role,
                "printed": value, "predicted": float(predicted[i]), "measurement_se": float(measured[i]),
                "prediction_sd": float(open_[i]), "z": float(z_score[i]),
                "binomial_majority": binomial_majority(cell.samples, p_max),
                "best_single_at_equal_samples": same_compute.get(rival),
            }
        )  # fmt: skip
    return {
        "benchmark": benchmark,
        "accuracy": dict(zip(models, accuracy.tolist(), strict=True)),
        "shape": dict(zip(SHAPE, shape.tolist(), strict=True)),
        "figures": figures,
        "table_1": other_pool(benchmark, case, facts, moves, found.x, unpack),
        "number_of_models": number_of_models(benchmark, case, facts, moves, found.x, unpack),
    }


def other_pool(benchmark, case, facts, moves, best, unpack) -> list[dict]:
    """Table 1's pool of three other models from their accuracies at temperature 0 and the fitted shape."""
    models = ("first", "second", "third")
    z = normals(1 + 3 * case.classes + case.classes - 1)
    wanted = [Cell("mux", models, 3), Cell("self-consistency", models[:1], 3), Cell("self-consistency", models[:1], 9)]

    def predict(x: np.ndarray) -> np.ndarray:
        return scores(population(np.array(case.other), unpack(x)[1], case.classes, z), wanted, models).mean(0)

    mean, sd = predict(best), np.array([predict(x) for x in moves]).std(0)
    ours = facts[(facts["benchmark"] == benchmark) & (facts["source"] == "Table 1")].set_index("series")
    result = []
    for cell, value, spread, series in zip(wanted, mean, sd, ("slm-mux", "single-best-sc", None), strict=True):
        row = {"rule": cell.rule, "size": len(cell.models), "samples": cell.samples, "predicted": float(value),
               "prediction_sd": float(spread), "printed": None, "z": None}  # fmt: skip
        if series:
            printed, count = float(ours.loc[series, "accuracy"]), int(ours.loc[series, "evaluations"])
            # other questions than those fitted: the questions' own sampling error counts
            error = np.hypot(spread, np.sqrt(printed * (1 - printed) / count))
            row |= {"printed": printed, "z": float((printed - value) / error)}
        result.append(row)
    return result


def number_of_models(benchmark, case, facts, moves, best, unpack) -> list[dict]:
    """The curves over 1 to 5 models from the fitted shape, all accuracies moved so that one model is as printed.

    The theory picks the pool of each size that it scores best, as the paper's search does. "union" is the share
    of questions that some model's mode of three answers gets right, which at one model is its accuracy as printed.
    """
    models = tuple("ABCDE")
    z = normals(1 + 5 * case.classes + case.classes - 1)
    pools = [pool for size in range(1, 6) for pool in combinations(models, size)]
    ours = facts[(facts["benchmark"] == benchmark) & (facts["source"] == "Figure, number of models")]
    printed = {(row.series.split()[0], int(row.models)): row for row in ours.itertuples()}
    level = float(printed["mux", 1].accuracy)

    def predict(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        known, shape = unpack(x)
        accuracy = np.array([*known, *case.others])
        shift = 0.0
        for _ in range(4):  # the printed figure of one model, met by a shift of all logits
            world = population(expit(logit(accuracy) + shift), shape, case.classes, z)
            top = scores(world, [Cell("self-consistency", (name,), 3) for name in models], models).mean(0).max()
            shift += logit(level) - logit(top)
        accuracy = expit(logit(accuracy) + shift)
        world = population(accuracy, shape, case.classes, z)
        order = [models[i] for i in np.argsort(-accuracy)]
        cells = [Cell("mux", tuple(sorted(pool, key=order.index)), 3) for pool in pools]
        mux = scores(world, cells, models).mean(0)
        alone = scores(world, [Cell("self-consistency", (name,), 3) for name in models], models)
        union = np.array(
            [(1 - np.prod(1 - alone[:, [models.index(name) for name in pool]], axis=1)).mean() for pool in pools]
        )
        size = np.array([len(pool) for pool in pools])
        chosen = [int(np.flatnonzero(size == n)[mux[size == n].argmax()]) for n in range(1, 6)]
        return mux[chosen], np.array([union[size == n].max() for n in range(1, 6)])

    central, spread = predict(best), [predict(x) for x in moves[:8]]
    result = []
    for part, series in enumerate(("mux", "union")):
        for n in range(1, 6):
            row = printed[series, n]
            value, sd = float(central[part][n - 1]), float(np.std([one[part][n - 1] for one in spread]))
            noise = np.sqrt(row.accuracy * (1 - row.accuracy) / row.evaluations)
            result.append(
                {"series": series, "models": n, "printed": float(row.accuracy), "predicted": value,
                 "prediction_sd": sd, "role": "fitted" if n == 1 else "held out",
                 "z": float((row.accuracy - value) / np.hypot(noise, sd))}
            )  # fmt: skip
    return result


BILLIONS = {"Mistral Small 24B": 24.0, "Qwen2.5 7B": 7.6, "Gemma 2 27B": 27.0, "Llama 3.1 8B": 8.0,
            "Mixtral 8x7B": 13.0, "Qwen2.5 72B": 72.7}  # fmt: skip
"""Active parameters, in billions: the price of a token where nothing better is known."""


def against_the_larger_model(facts: pd.DataFrame) -> list[dict]:
    """Table 4's comparison with Qwen2.5 72B at a cost of active parameters times samples.

    Prompts are left out and all models are taken to write equally long answers.
    """
    usage = {name: Usage(0.0, 1e6) for name in BILLIONS}
    result = []
    for benchmark, case in CASES.items():
        cells = [
            {"rule": cell.rule, "models": list(cell.models), "samples": cell.samples,
             "accuracy": {"mean": value, "sd": (value * (1 - value) / count) ** 0.5, "lower": value, "upper": value}}
            for cell, value, count, _ in rows_of(facts, benchmark, case)
        ]  # fmt: skip
        ours = facts[(facts["benchmark"] == benchmark) & (facts["source"] == "Table 4")]
        table = {
            "currency": "billion parameters",
            "models": {name: {"output": billions} for name, billions in BILLIONS.items()},
            "larger": {"Qwen2.5 72B": {"accuracy": float(ours["accuracy"].iloc[0]), "accuracy_error": 0.005,
                                       "output": BILLIONS["Qwen2.5 72B"], "completion_tokens": 1e6}},
        }  # fmt: skip
        written = plan({"cells": cells}, usage, prices_from(table)).to_json()["break_even"][0]
        result.append({"benchmark": benchmark, **written})
    return result


def report(trials: list[dict]) -> None:
    """Print one table, errors in points."""
    print(f"{'':8} {'series':24} {'part':9} {'theory':>7} {'A(N,p)':>7} {'max |z|':>8} {'gain':>6} {'of it vote':>10}")
    for one in trials:
        frame = pd.DataFrame(one["figures"])
        frame = frame[frame["samples"] > 1]
        frame["series"] = frame["rule"] + " " + frame["models"].str.join("+").str.replace(" ", "")
        for (series, role), part in frame.groupby(["series", "role"], sort=False):
            theory = 100 * (part["predicted"] - part["printed"]).abs().mean()
            paper = 100 * (part["binomial_majority"] - part["printed"]).abs().mean()
            single = one["accuracy"][part["models"].iloc[0][0]]
            gain = 100 * (part["printed"].mean() - single)
            vote = 100 * (part["best_single_at_equal_samples"].mean() - single)
            print(
                f"{one['benchmark']:8} {series[:24]:24} {role:9} {theory:7.2f} {paper:7.2f} "
                f"{part['z'].abs().max():8.1f} {gain:6.1f} {vote:10.1f}"
            )
        for series in ("mux", "union"):
            part = [row for row in one["number_of_models"] if row["series"] == series]
            print(
                f"{one['benchmark']:8} {series} of 1-5 models: "
                + ", ".join(
                    f"{100 * row['predicted']:.1f} ({100 * row['printed']:.1f}, z {row['z']:+.1f})" for row in part
                )
            )
        for row in one["table_1"]:
            printed = "-" if row["printed"] is None else f"{100 * row['printed']:.1f} (z {row['z']:+.1f})"
            print(
                f"{one['benchmark']:8} Table 1: {row['rule']} of {row['size']}, k = {row['samples']}: "
                f"predicted {100 * row['predicted']:.1f} ± {100 * row['prediction_sd']:.1f}, printed {printed}"
            )


def draw(trials: list[dict], path: Path) -> None:
    """The printed points with their measurement error, and the predicted curves."""
    import matplotlib.pyplot as plt
    import seaborn as sns

    sns.set_theme(style="whitegrid", palette="colorblind")
    figure, axes = plt.subplots(1, len(trials), figsize=(11, 3.6), constrained_layout=True)
    for axis, one in zip(axes, trials, strict=True):
        frame = pd.DataFrame(one["figures"])
        frame = frame[frame["samples"] > 1]
        frame["series"] = frame["rule"] + ", " + frame["models"].str.join(" + ")
        for colour, (series, part) in zip(sns.color_palette(), frame.groupby("series", sort=False), strict=False):
            axis.errorbar(part["samples"], 100 * part["printed"], 100 * part["measurement_se"], fmt="o", ms=4,
                          color=colour)  # fmt: skip
            axis.plot(part["samples"], 100 * part["predicted"], color=colour, label=series)
        axis.axvspan(1.7, 4.5, color="0.92", zorder=0)
        axis.set(title=one["benchmark"], xlabel="samples per model", xlim=(1.7, 9.3))
        axis.legend(fontsize=6, loc="lower right")
    axes[0].set_ylabel("accuracy, percent")
    figure.suptitle("Printed (points) and predicted (lines); fitted on the shaded part", fontsize=10)
    figure.savefig(path, dpi=130)


def main() -> None:
    facts = pd.read_csv(HERE / "paper_numbers.csv")
    trials = [trial(benchmark, facts) for benchmark in CASES]
    report(trials)
    larger = against_the_larger_model(facts)
    for row in larger:
        cell, best = row["cell"], row["best_at_no_more_cost"]
        matched = "matched by nothing printed"
        if cell:
            matched = (
                f"matched by {' + '.join(cell['models'])}, {cell['rule']}, k = {cell['samples']}, "
                f"{row['ratio']:.2f} times cheaper"
            )
        print(
            f"{row['benchmark']:8} {row['larger_model']} at {100 * row['accuracy']:.1f}: {matched}; at no more cost "
            f"{' + '.join(best['models'])}, {best['rule']}, k = {best['samples']} ({100 * best['margin']:+.1f})"
        )
    (HERE / "results").mkdir(exist_ok=True)
    content = {
        "fitted_samples": FITTED,
        "held_out_samples": HELD_OUT,
        "questions": QUESTIONS,
        "trials": trials,
        "larger_model": larger,
    }
    text = json.dumps(content, indent=1)
    (HERE / "results" / "paper_on_trial.json").write_text(text + "\n", encoding="utf-8")
    draw(trials, HERE / "results" / "paper_on_trial.png")


if __name__ == "__main__":
    main()
