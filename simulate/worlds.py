"""Simulated worlds: known populations of questions and models, and the answer logs they produce.

A world states the truth (what each model answers to each question, and how often); its logs have the
same columns as those of real models, so that whatever is downstream cannot tell them apart.
"""

from __future__ import annotations

import string
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd
from jaxtyping import Float, Int

from .answers import AnswerCounts, AnswerLog
from .errors import BadInput, unknown_name

if TYPE_CHECKING:
    from .posterior import Posterior, Target


class TokenLaw(NamedTuple):
    """How many tokens one sample of a model costs: log-normal completions, prompts of fixed mean length."""

    prompt: float
    """Mean tokens of a question's prompt."""
    completion: float
    """Mean tokens of one completion."""
    spread: float = 0.5
    """Standard deviation of the logarithm of a completion's length."""


class World(NamedTuple):
    """A population whose probabilities are known."""

    p: Float[np.ndarray, "question model class"]
    """Probability of each answer; class 0 is correct, the wrong classes mean the same for every model."""
    blank: Float[np.ndarray, "question model"]
    """Probability of a blank sample; ``p.sum(-1) + blank`` is 1."""
    tasks: list[str]
    """Task of each question."""
    models: list[str]
    """Name of each model."""
    name: str = "world"
    """What the world is called; the source of its logs."""
    tokens: Mapping[str, TokenLaw] | None = None
    """Token law of each model, or None for logs without token columns."""

    @property
    def accuracy(self) -> Float[np.ndarray, " model"]:
        """Mean probability of a correct sample, per model."""
        return self.p[..., 0].mean(0)

    def log(self, samples: int | Int[np.ndarray, "question model"], seed: int) -> AnswerLog:
        """An answer log drawn from this world; see `draw_log`."""
        return draw_log(
            self.p,
            self.blank,
            samples,
            seed,
            models=self.models,
            tasks=self.tasks,
            tokens=self.tokens,
            source=self.name,
        )

    def counts(self, samples: int, seed: int) -> AnswerCounts:
        """Counts of ``samples`` answers per question and model, without a log; see `draw_counts`."""
        return draw_counts(self.p, self.blank, samples, seed, models=self.models, tasks=self.tasks)

    def resample(self, questions: int, seed: int) -> World:
        """A world of ``questions`` questions drawn from this one with replacement."""
        pick = np.random.default_rng(seed).integers(len(self.p), size=questions)
        return self._replace(p=self.p[pick], blank=self.blank[pick], tasks=[self.tasks[i] for i in pick])


def worlds_of(
    posterior: Posterior,
    target: Target = "new",
    questions: int | None = None,
    draws: int = 1,
    seed: int = 0,
    name: str = "posterior world",
) -> list[World]:
    """Worlds drawn from a calibrated posterior, each as likely as the pilot leaves it.

    Args:
        posterior: from `muxcast.simulate.calibration.calibrate`.
        target: the pilot's own questions, or new ones of the population.
        questions: how many new questions; None for as many as the pilot has.
        draws: worlds to draw.
        seed: of the draws.
        name: what the worlds are called.
    """
    population = posterior.worlds(target, questions, draws, seed)
    tokens = posterior.pilot.tokens
    laws = None if tokens is None else {model: TokenLaw(*tokens[model]) for model in posterior.models}
    return [
        World(p, blank, [posterior.tasks[i] for i in task], posterior.models, name, laws)
        for p, blank, task in zip(population.p, population.blank, population.task, strict=True)
    ]


def draw_log(
    p: Float[np.ndarray, "question model class"],
    blank: Float[np.ndarray, "question model"],
    samples: int | Int[np.ndarray, "question model"],
    seed: int,
    *,
    models: Sequence[str] | None = None,
    tasks: Sequence[str] | None = None,
    tokens: Mapping[str, TokenLaw] | None = None,
    source: str = "simulated",
) -> AnswerLog:
    """Independent samples from known probabilities, as an answer log.

    Args:
        p: probability of each answer, class 0 correct.
        blank: probability of a blank sample; ``p.sum(-1) + blank`` must be 1.
        samples: draws per question and model; an array makes a ragged log, 0 leaving the pair out.
        seed: the same seed gives the same log.
        models: names of the models, default ``model-1`` ….
        tasks: task of each question, default one task ``simulated``.
        tokens: draws prompt_tokens and completion_tokens by these laws; blanks are then truncated
            samples (``finish_reason = "length"``), as most blanks of real models are.
        source: name of the log in messages.
    Returns:
        A checked log with a ``reference`` column. Answers are option letters whose order is shuffled
        in each question (whole numbers where a question has more than 26 classes).
    Raises:
        BadInput: probabilities that do not sum to 1, or names whose number does not fit.
    """
    p, blank, names, groups = _population(p, blank, models, tasks)
    rng = np.random.default_rng(seed)
    shape = blank.shape
    wanted = np.broadcast_to(np.asarray(samples, int), shape)
    if wanted.min() < 0 or wanted.max() < 1:
        raise BadInput(f"{source}: cannot draw {wanted.min()} to {wanted.max()} samples; ask for at least 1")
    labels = _labels(p, rng)

    question, model = (np.repeat(index.ravel(), wanted.ravel()) for index in np.indices(shape))
    sample = np.concatenate([np.arange(count) for count in wanted.ravel()])
    cumulative = np.cumsum(p, -1)
    drawn = (rng.random(len(sample))[:, None] >= cumulative[question, model]).sum(-1)
    gone = drawn == p.shape[-1]
    answer = labels[question, np.where(gone, 0, drawn)]
    answer[gone] = None
    width = len(str(shape[0] - 1))
    rows = pd.DataFrame(
        {
            "task": np.array(groups, object)[question],
            "question": np.array([f"q{i:0{width}d}" for i in range(shape[0])], object)[question],
            "model": np.array(names, object)[model],
            "sample": sample,
            "answer": answer,
            "correct": drawn == 0,
            "reference": labels[question, 0],
        }
    )
    if tokens is not None:
        _add_tokens(rows, tokens, names, question, gone, rng)
    return AnswerLog.from_rows(rows, source)


def draw_counts(
    p: Float[np.ndarray, "question model class"],
    blank: Float[np.ndarray, "question model"],
    samples: int,
    seed: int,
    *,
    models: Sequence[str] | None = None,
    tasks: Sequence[str] | None = None,
) -> AnswerCounts:
    """Multinomial counts from known probabilities: `draw_log` followed by its counts, without the rows.

    The law is the same as `draw_log`'s, the random numbers are not.
    """
    p, blank, names, groups = _population(p, blank, models, tasks)
    rng = np.random.default_rng(seed)
    full = np.concatenate([p, blank[..., None]], -1)
    drawn = rng.multinomial(samples, full / full.sum(-1, keepdims=True))
    classes, blanks = drawn[..., :-1], drawn[..., -1]
    # class 0 stays; the wrong ones go by falling total, as counts of a log do
    order = np.argsort(-classes[..., 1:].sum(1), axis=-1, kind="stable") + 1
    order = np.concatenate([np.zeros((len(p), 1), int), order], -1)
    classes = np.take_along_axis(classes, order[:, None, :], -1)
    used = classes.sum(1) > 0
    width = max(int(np.max(np.where(used, np.arange(used.shape[1]), 0))) + 1, 1)
    labels = _labels(p, rng)
    named = [[str(labels[q, c]) for c in order[q, : max(int(used[q].sum()), 1)]] for q in range(len(p))]
    digits = len(str(len(p) - 1))
    questions = [(task, f"q{i:0{digits}d}") for i, task in enumerate(groups)]
    return AnswerCounts(classes[..., :width], blanks, np.ones(len(p), np.int64), questions, names, named)


def _population(
    p: np.ndarray, blank: np.ndarray, models: Sequence[str] | None, tasks: Sequence[str] | None
) -> tuple[np.ndarray, np.ndarray, list[str], list[str]]:
    p, blank = np.asarray(p, float), np.asarray(blank, float)
    if p.ndim != 3 or p.shape[:2] != blank.shape or 0 in p.shape:
        raise BadInput(
            f"probabilities of shape {p.shape} do not fit blanks of shape {blank.shape}; "
            "give p[question, model, class] and blank[question, model]"
        )
    if p.min() < 0 or blank.min() < 0 or not np.allclose(p.sum(-1) + blank, 1, atol=1e-6):
        raise BadInput("probabilities must be at least 0 and, with the blank one, sum to 1 per question and model")
    names = list(models) if models is not None else [f"model-{i + 1}" for i in range(p.shape[1])]
    groups = list(tasks) if tasks is not None else ["simulated"] * p.shape[0]
    if len(names) != p.shape[1] or len(set(names)) != len(names):
        raise BadInput(f"{len(set(names))} different model names for {p.shape[1]} models; give one name to each")
    if len(groups) != p.shape[0]:
        raise BadInput(f"{len(groups)} task names for {p.shape[0]} questions; give one task to each")
    return p, blank, names, groups


def _labels(p: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Answer string of every class of every question, shuffled among the classes that can occur."""
    possible = np.any(p > 0, axis=1) | (np.arange(p.shape[-1]) == 0)
    size = p.shape[-1]
    text = np.array(list(string.ascii_uppercase[:size]) if size <= 26 else [str(i) for i in range(size)], object)
    # impossible classes sort last, so that two options are always A and B
    order = np.argsort(np.where(possible, rng.random(possible.shape), 2.0), axis=-1)
    return text[np.argsort(order, axis=-1)]


def _add_tokens(
    rows: pd.DataFrame,
    tokens: Mapping[str, TokenLaw],
    names: list[str],
    question: np.ndarray,
    gone: np.ndarray,
    rng: np.random.Generator,
) -> None:
    for name in names:
        if name not in tokens:
            raise unknown_name("model in the token laws", name, tokens)
    laws = [tokens[name] for name in rows["model"]]
    mean = np.array([law.completion for law in laws])
    spread = np.array([law.spread for law in laws])
    length = mean * np.exp(spread * rng.standard_normal(len(rows)) - spread**2 / 2)
    # a question's prompt is one text: its length varies between questions, not between samples
    factor = rng.gamma(20.0, 1 / 20.0, question.max() + 1)
    prompt = np.array([law.prompt for law in laws]) * factor[question]
    rows["prompt_tokens"] = np.maximum(np.rint(prompt), 1).astype(np.int64)
    rows["completion_tokens"] = np.maximum(np.rint(length), 1).astype(np.int64)
    rows["finish_reason"] = np.where(gone, "length", "stop").astype(object)
