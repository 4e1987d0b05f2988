"""Logs without labels: how far models agree, and what that says, and cannot say, about how good they are."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
from jaxtyping import Float, Int
from scipy.special import gammaln, logsumexp

from .answers import AnswerLog
from .errors import BadInput

_UNSEEN = 0.02
"""Prior probability that nobody gave the true answer. A free one is not identified: agreement is as well
explained by shared mistakes, and the likelihood then drifts to models that are never right."""


class Quality(NamedTuple):
    """Model quality estimated from agreement alone.

    The estimate is of accuracy *if models err apart*: wrong answers that models share count as right.
    Nothing in an unlabelled log can tell a shared mistake from a shared truth.
    """

    models: list[str]
    accuracy: Float[np.ndarray, " model"]
    """Estimated probability that a sample is correct."""
    sd: Float[np.ndarray, " model"]
    """Standard deviation over resampled questions: sampling noise only, not the bias of shared mistakes."""
    blank: Float[np.ndarray, " model"]
    """Share of blank samples; known without labels."""
    answer: list[str]
    """Most probable answer of each question; "" where every sample was blank."""
    confidence: Float[np.ndarray, " question"]
    """Probability of that answer under the model."""
    scatter: float
    """How much one model's samples of a question agree with each other beyond chance, 0 to 1 (1/(1+s) of the
    Dirichlet-multinomial): near 1, more samples of the same model tell nothing new."""

    def tie_break(self) -> dict[str, float]:
        """Estimated accuracy per model, as the tie-break of `muxcast.simulate.replay.replay`."""
        return dict(zip(self.models, self.accuracy.tolist(), strict=True))


class Agreement(NamedTuple):
    """How often samples agree, estimated without bias from pairs of samples."""

    models: list[str]
    within: Float[np.ndarray, " model"]
    """Probability that two samples of one model give the same answer; nan with one sample a question."""
    between: Float[np.ndarray, "model model"]
    """Probability that one sample of each of two models give the same answer; ``within`` on the diagonal."""


def is_unlabelled(log: AnswerLog) -> bool:
    """Whether a log carries no labels: no sample is correct and no reference answer is given."""
    referenced = "reference" in log.rows and bool(np.any(log.rows["reference"].notna()))
    return not bool(np.any(log.rows["correct"])) and not referenced


def agreement(log: AnswerLog) -> Agreement:
    """Chance that two samples of a question agree; a blank agrees with nothing.

    An unbiased estimate over pairs of different samples, averaged over the questions all models answered.
    """
    counts = log.counts()
    named, size = counts.classes.astype(float), counts.samples.astype(float)
    pairs = np.einsum("qic,qjc->qij", named, named)
    own = (named * (named - 1)).sum(-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        within = np.nanmean(np.where(size > 1, own / (size * (size - 1)), np.nan), axis=0) if (size > 1).any() else None
    between = (pairs / (size[:, :, None] * size[:, None, :])).mean(0)
    models = len(counts.models)
    diagonal = np.full(models, np.nan) if within is None else within
    between[np.arange(models), np.arange(models)] = diagonal
    return Agreement(counts.models, diagonal, between)


def estimate_quality(log: AnswerLog, *, resamples: int = 50, seed: int = 0) -> Quality:
    """Accuracy of every model, and the answer to every question, from answers without labels.

    One-coin Dawid-Skene for open answers: question q has one unknown true answer among those given (or
    none of them), model i gives it with mean probability a_i and otherwise errs evenly among the rest.
    Samples of one model on one question are not independent votes, so their counts are
    Dirichlet-multinomial, with a scatter fitted to all models. Labels, where the log has some, are not used.

    Args:
        log: answers; ``correct`` and ``reference`` are ignored.
        resamples: bootstrap resamples of the questions for ``sd``.
        seed: of the resamples.
    Raises:
        BadInput: a log of a single model, whose quality nothing is compared with.
    """
    if len(log.models) < 2:
        raise BadInput(f"{log.source}: quality without labels needs at least 2 models; the log has {log.models[0]!r}")
    # verdicts must not leak into the order of classes: forget them before counting
    counts = _without_labels(log).counts()
    classes = counts.classes[:, :, 1:] if counts.classes.shape[-1] > 1 else counts.classes
    weights = np.ones(len(classes))
    fitted, scatter = _fit(classes, weights)
    posterior = _posterior(classes, fitted, scatter)[0]
    rng = np.random.default_rng(seed)
    again = [
        _maximise(classes, rng.multinomial(len(classes), weights / weights.sum()).astype(float), scatter, fitted)
        for _ in range(resamples)
    ]
    named = counts.classes.sum((1, 2)) > 0
    best = posterior.argmax(-1)
    blank = (counts.blanks / counts.samples).mean(0)
    answers = [
        counts.labels[q][1 + best[q]] if named[q] and 1 + best[q] < len(counts.labels[q]) else ""
        for q in range(len(named))
    ]
    return Quality(
        counts.models,
        fitted * (1 - blank),
        np.std(np.array(again) * (1 - blank), axis=0, ddof=1) if resamples > 1 else np.full(len(fitted), np.nan),
        blank,
        answers,
        posterior[np.arange(len(best)), best],
        1 / (1 + scatter),
    )


def consensus_split(log: AnswerLog, seed: int = 0) -> tuple[Quality, AnswerLog]:
    """Consensus answers from one half of each model's samples, and the other half marked by them.

    Samples that helped to form a consensus agree with it too often (by 2 to 10 points with 4 to 1
    samples); the other half does not know it. With one sample per question there is nothing to halve,
    and the same samples serve both.
    """
    half = int(log.samples_per_question.to_numpy().max()) // 2
    forming, rest = log.draw_samples(half, seed) if half else (log, log)
    if rest is None or set(rest.models) != set(log.models):
        forming, rest = log, log
    quality = estimate_quality(forming, seed=seed)
    return quality, labelled_by_agreement(rest, quality)


def labelled_by_agreement(log: AnswerLog, quality: Quality) -> AnswerLog:
    """The log with ``correct`` meaning "agrees with the estimated answer".

    Calibration, forecasts and replay of this log speak of agreement with the pool's own consensus: an
    upper bound of accuracy in expectation wherever models share mistakes, and never a substitute for it.
    """
    answer = dict(zip(log.common_questions(), quality.answer, strict=True))
    index = list(zip(log.rows["task"], log.rows["question"], strict=True))
    kept = np.array([key in answer for key in index])
    rows = pd.DataFrame(log.rows.loc[kept])
    truth = [answer[key] for key in index if key in answer]
    rows["correct"] = [given == best for given, best in zip(rows["answer"], truth, strict=True)]
    rows["reference"] = [best or None for best in truth]
    return AnswerLog.from_rows(rows, f"{log.source} (labelled by agreement)")


def _without_labels(log: AnswerLog) -> AnswerLog:
    rows = log.rows.drop(columns=[name for name in ("reference",) if name in log.rows]).assign(correct=False)
    return AnswerLog(rows, log.source, log.notes)


def _fit(
    classes: Int[np.ndarray, "question model class"], weights: np.ndarray
) -> tuple[Float[np.ndarray, " model"], float]:
    """Maximum-likelihood accuracies, and the concentration s, over a grid of s."""
    start = np.full(classes.shape[1], 0.6)
    best = (-np.inf, start, 1.0)
    # one sample a question says nothing of scatter: votes are then plain
    grid = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0) if classes.sum(-1).max() > 1 else (1e6,)
    for scatter in grid:
        fitted = _maximise(classes, weights, scatter, start)
        value = float((weights * _posterior(classes, fitted, scatter)[1]).sum())
        if value > best[0]:
            best = (value, fitted, scatter)
    return best[1], best[2]


def _maximise(
    classes: np.ndarray, weights: np.ndarray, scatter: float, start: np.ndarray, steps: int = 60
) -> Float[np.ndarray, " model"]:
    """EM for the accuracies at a given concentration."""
    accuracy = start
    total = classes.sum(-1)
    for _ in range(steps):
        posterior = _posterior(classes, accuracy, scatter)[0]
        hit = np.einsum("qc,qmc->qm", posterior[:, : classes.shape[-1]], classes)
        # a model's n samples of one question carry the information of n(1 + s)/(n + s) independent ones
        worth = np.where(total > 0, (1 + scatter) / np.maximum(total + scatter, 1e-9), 0.0) * weights[:, None]
        new = ((worth * hit).sum(0) + 1.0) / ((worth * total).sum(0) + 2.0)
        if np.abs(new - accuracy).max() < 1e-6:
            return new
        accuracy = new
    return accuracy


def _posterior(
    classes: np.ndarray, accuracy: np.ndarray, scatter: float
) -> tuple[Float[np.ndarray, "question candidate"], Float[np.ndarray, " question"]]:
    """P(candidate is the true answer) per question, and the log likelihood of the question.

    Candidates are the answers given and, last, an answer that nobody gave.
    """
    used = classes.sum(1) > 0
    # an error is spread over the answers seen plus one unseen, at least one wrong option in all
    options = np.maximum(used.sum(-1), 1)[:, None].astype(float)
    right = scatter * accuracy
    wrong = scatter * (1 - accuracy) / options
    total = classes.sum(-1)
    size = classes.shape[-1]

    def rise(base: np.ndarray, count: np.ndarray) -> np.ndarray:
        return gammaln(base + count) - gammaln(base)

    as_wrong = rise(wrong[..., None], classes)
    as_right = rise(right[None, :, None], classes)
    norm = rise(np.full_like(wrong, scatter), total)
    base = as_wrong.sum(-1) - norm
    score = np.full((len(classes), size + 1), -np.inf)
    score[:, :size] = np.where(used, (base[..., None] - as_wrong + as_right).sum(1), -np.inf)
    score[:, size] = base.sum(1)
    score[:, :size] += np.log1p(-_UNSEEN) - np.log(options)
    score[:, size] += np.log(_UNSEEN)
    likelihood = np.asarray(logsumexp(score, axis=1))
    return np.exp(score - likelihood[:, None]), likelihood
