"""SLM-MUX and its rivals on the same models and questions: one table, one kind of error, tokens counted."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import floor
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float
from scipy.stats import norm

from ..simulate.answers import AnswerLog
from ..simulate.errors import BadInput, unknown_name
from .baselines import METHODS, SAMPLING, Outcome, Setting, start
from .baselines.protocol import Ask, Asked, Steps
from .conversation import Conversation
from .pool import Pool
from .store import Store
from .tasks.task import Task

USUAL = [name for name in METHODS if name != "larger-model"]
MOST_FOR_BUDGET = 64
"""Samples per model at which a budget of tokens stops buying more."""


@dataclass(frozen=True)
class Comparison:
    """What every method scored and used on the same questions."""

    methods: list[str]
    sizes: list[str]
    """Size of each method in words."""
    scores: Float[np.ndarray, "method question"]
    """Probability that the answer was right: 0 or 1, between them after a random tie."""
    prompt_tokens: Float[np.ndarray, "method question"]
    completion_tokens: Float[np.ndarray, "method question"]
    requests: Float[np.ndarray, "method question"]
    answers: list[list[str | None]]
    questions: list[tuple[str, str]]
    accuracy: dict[str, float]
    """Validation accuracy per model, from other questions; models in tie-break order."""
    validation: int
    """Questions that accuracy comes from."""
    log: AnswerLog
    """All replies, solo and in discussion."""
    rounds: dict[str, pd.DataFrame]
    """Of each discussion, its rounds: task, question, agent, round, answer, correct."""
    budget: float | None
    """Tokens per question that sampling methods were sized to; None where not asked."""
    level: float = 0.9
    seed: int = 0
    capped: tuple[str, ...] = ()
    """Methods that the budget would have bought more than ``MOST_FOR_BUDGET`` samples per model."""

    def to_frame(self, against: str | None = None) -> pd.DataFrame:
        """One row a method, best first: accuracy, its standard error, tokens, and paired difference to ``against``.

        Every error is the standard error over questions, sqrt(Σ(s − s̄)²/(n(n−1))) (Miller, arXiv 2411.00640);
        that of a difference is taken over the questions' differences.
        """
        base = self._row(against or self.methods[0])
        z = norm.ppf((1 + self.level) / 2)
        rows = []
        for number, name in enumerate(self.methods):
            gap = self.scores[number] - self.scores[base]
            rows.append(
                {
                    "method": name,
                    "size": self.sizes[number],
                    "accuracy": self.scores[number].mean(),
                    "se": _standard_error(self.scores[number]),
                    "difference": gap.mean(),
                    "difference_se": _standard_error(gap),
                    "difference_lower": gap.mean() - z * _standard_error(gap),
                    "difference_upper": gap.mean() + z * _standard_error(gap),
                    "prompt_tokens": self.prompt_tokens[number].mean(),
                    "completion_tokens": self.completion_tokens[number].mean(),
                    "tokens": (self.prompt_tokens[number] + self.completion_tokens[number]).mean(),
                    "requests": self.requests[number].mean(),
                }
            )
        return pd.DataFrame(rows).sort_values("accuracy", ascending=False, kind="stable", ignore_index=True)

    def to_json(self, against: str | None = None) -> dict[str, Any]:
        """The comparison as plain JSON values, in the format ``muxcast-comparison``."""
        return {
            "format": "muxcast-comparison",
            "version": 1,
            "seed": self.seed,
            "level": self.level,
            "questions": len(self.questions),
            "tasks": sorted({task for task, _ in self.questions}),
            "error": "standard error over questions; differences are paired",
            "against": against or self.methods[0],
            "validation_questions": self.validation,
            "validation_accuracy": self.accuracy,
            "budget_tokens_per_question": self.budget,
            "capped_below_budget": list(self.capped),
            "methods": self.to_frame(against).to_dict("records"),
        }

    def _row(self, method: str) -> int:
        if method not in self.methods:
            raise unknown_name("method", method, self.methods)
        return self.methods.index(method)


def compare(
    pool: Pool,
    tasks: Sequence[Task],
    questions: int,
    out: str | os.PathLike[str],
    *,
    methods: Sequence[str] = tuple(USUAL),
    validation: int = 40,
    equal_tokens: float | str | None = None,
    setting: Setting | None = None,
    larger: str | None = None,
    level: float = 0.9,
    seed: int = 0,
    allow_changes: bool = False,
    watch: Callable[[str, int], None] = lambda model, drawn: None,
) -> Comparison:
    """Run methods on the same questions with the same models.

    The tie-break accuracies and the best single model come from validation questions drawn beside the
    scored ones, which no method is scored on; every method gets the same knowledge.

    Args:
        pool: the models; ``larger`` is left out of the ensembles.
        tasks: what is asked, ``questions`` scored ones of each.
        questions: scored questions per task.
        out: answer log that keeps every reply; an interrupted comparison resumes from it.
        methods: names from ``baselines.METHODS``.
        validation: validation questions per task, at least 2.
        equal_tokens: None for the sizes of ``setting``; ``"max"`` to give the sampling methods as many
            samples as the dearest discussion's tokens buy; a number for that many tokens per question.
            Discussions keep their protocol's size, whatever it takes.
        setting: sizes and prompts of the methods; its questions and models are filled in here.
        larger: the one larger model, for method ``larger-model``.
        level: probability of the intervals of differences.
        seed: chooses the questions and, with their names, the samples.
        allow_changes: mix replies of different settings in one log.
        watch: called with (model, replies drawn) after every request.
    Raises:
        BadInput: unknown methods, too few questions, or models that cannot be asked.
    """
    for name in methods:
        if name not in METHODS:
            raise unknown_name("method", name, METHODS)
    if questions < 2 or validation < 2:
        raise BadInput("compare: needs at least 2 scored and 2 validation questions a task; errors need two")
    names = [spec.name for spec in pool.models if spec.name != larger]
    if larger is not None and larger not in {spec.name for spec in pool.models}:
        raise unknown_name(f"model in {pool.source}", larger, names)
    drawn = [task.questions(questions + validation, seed) for task in tasks]
    scored = [Asked(task, item) for task, items in zip(tasks, drawn, strict=True) for item in items[:questions]]
    held_out = [Asked(task, item) for task, items in zip(tasks, drawn, strict=True) for item in items[questions:]]
    sizes = setting or Setting((), (), {})
    record = {
        "seed": seed,
        "tasks": {task.name: task.describe() for task in tasks},
        "models": {spec.name: spec.settings() for spec in pool.models},
        "prompts": _fingerprint(sizes.prompts),
    }
    with Store(Path(out), record, allow_changes=allow_changes) as store:
        talk = Conversation(pool, [*scored, *held_out], store, seed=seed, watch=watch)
        try:
            accuracy = _validate(talk, names, scored, held_out, sizes.samples)
            order = sorted(names, key=lambda name: (-accuracy[name], name))
            here = replace(sizes, asked=scored, models=order, accuracy=accuracy, larger=larger)
            outcomes = talk.run({name: start(name, here) for name in methods})
            budget, sizes_bought = None, {}
            if equal_tokens is not None:
                budget = _budget(equal_tokens, outcomes)
                per_model = _tokens_per_sample(outcomes, talk, order, scored)
                sizes_bought = {
                    name: _affordable(name, budget, order, per_model) for name in methods if name in SAMPLING
                }
                resized = {
                    name: start(name, replace(here, samples=min(bought, MOST_FOR_BUDGET)))
                    for name, bought in sizes_bought.items()
                }
                outcomes.update(talk.run(resized))
        finally:
            log = talk.close()
    assert log is not None
    capped = tuple(name for name, bought in sizes_bought.items() if bought > MOST_FOR_BUDGET)
    return replace(
        _table(methods, outcomes, scored, order, accuracy, len(held_out), log, budget, level, seed), capped=capped
    )


def _validate(
    talk: Conversation, names: Sequence[str], scored: Sequence[Asked], held_out: Sequence[Asked], samples: int
) -> dict[str, float]:
    """Mean correctness on the held-out questions; the scored ones' first samples are drawn in the same load."""
    everything = Setting([*scored, *held_out], names, {})
    found: dict[str, float] = {}

    def look() -> Steps:
        asks: list[Ask] = [everything.solo(name, samples) for name in names]
        answers = yield asks
        for name, replies in zip(names, answers, strict=True):
            right = [reply.correct for (place, _), reply in replies.items() if place >= len(scored)]
            found[name] = float(np.mean(right))
        return Outcome([], "")

    talk.run({"validation": look()})
    return found


def _budget(wanted: float | str, outcomes: dict[str, Outcome]) -> float:
    if wanted != "max":
        try:
            budget = float(wanted)
        except ValueError:
            budget = -1.0
        if budget <= 0:
            raise BadInput(f"--equal-tokens {wanted!r}: write a number of tokens per question, or max")
        return budget
    means = {name: _mean_tokens(found) for name, found in outcomes.items() if name not in SAMPLING}
    if not means:
        raise BadInput("--equal-tokens max: no discussion is compared, so there is no budget; write a number")
    return max(means.values())


def _mean_tokens(found: Outcome) -> float:
    return float(np.mean([verdict.prompt_tokens + verdict.completion_tokens for verdict in found.verdicts]))


def _tokens_per_sample(
    outcomes: dict[str, Outcome], talk: Conversation, names: Sequence[str], scored: Sequence[Asked]
) -> dict[str, tuple[float, float]]:
    """Mean (prompt, completion) tokens of one sample per model on the scored questions."""
    here = {(asked.task.name, asked.question.id) for asked in scored}
    used: dict[str, list[tuple[float, float]]] = {name: [] for name in names}
    counted = ["prompt_tokens", "completion_tokens"]
    for row in talk.rows(models=names).fillna(dict.fromkeys(counted, 0)).to_dict("records"):
        if (row["task"], row["question"]) in here:
            used[row["model"]].append((float(row["prompt_tokens"]), float(row["completion_tokens"])))
    means = {name: np.mean(pairs, axis=0) for name, pairs in used.items()}
    return {name: (float(mean[0]), float(mean[1])) for name, mean in means.items()}


def _affordable(method: str, budget: float, order: Sequence[str], per_model: dict[str, tuple[float, float]]) -> int:
    """Most samples per model whose expected tokens stay within the budget; at least 1."""
    used = order[:1] if method == "single-best-sc" else order
    prompt = sum(per_model[name][0] for name in used)
    completion = sum(per_model[name][1] for name in used)
    if completion <= 0:
        raise BadInput("--equal-tokens: the engine counts no tokens, so methods cannot be sized by them")
    return max(floor((budget - prompt) / completion), 1)


def _table(
    methods: Sequence[str],
    outcomes: dict[str, Outcome],
    scored: Sequence[Asked],
    order: Sequence[str],
    accuracy: dict[str, float],
    validation: int,
    log: AnswerLog,
    budget: float | None,
    level: float,
    seed: int,
) -> Comparison:
    names = list(dict.fromkeys(methods))

    def column(field: str) -> Float[np.ndarray, "method question"]:
        return np.array([[getattr(verdict, field) for verdict in outcomes[name].verdicts] for name in names], float)

    return Comparison(
        names,
        [outcomes[name].size for name in names],
        column("score"),
        column("prompt_tokens"),
        column("completion_tokens"),
        column("requests"),
        [[verdict.answer for verdict in outcomes[name].verdicts] for name in names],
        [(asked.task.name, asked.question.id) for asked in scored],
        {name: accuracy[name] for name in order},
        validation,
        log,
        {name: pd.DataFrame(list(outcomes[name].rounds)) for name in names if outcomes[name].rounds},
        budget,
        level,
        seed,
    )


def _standard_error(values: Float[np.ndarray, " question"]) -> float:
    return float(values.std(ddof=1) / np.sqrt(len(values)))


def _fingerprint(folder: Path | None) -> str:
    """A hash of every prompt file in use, so that replies to other wordings are not mixed in."""
    import hashlib
    from importlib.resources import files

    packaged = files("muxcast.backends.baselines") / "prompts"
    known = {entry.name: entry.read_bytes() for entry in packaged.iterdir() if entry.name.endswith(".txt")}
    if folder is not None:
        if not folder.is_dir():
            raise BadInput(f"{folder}: is not a folder of prompt files; name one, or leave --prompts out")
        for name in known:
            if (folder / name).is_file():
                known[name] = (folder / name).read_bytes()
    digest = hashlib.sha256()
    for name in sorted(known):
        digest.update(name.encode() + b"\0" + known[name] + b"\0")
    return digest.hexdigest()[:16]
