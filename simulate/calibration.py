"""Calibration: from a pilot's answer log to a posterior over every model's answer probabilities."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from jaxtyping import Bool, Int
from scipy.special import expit

from .answers import AnswerCounts, AnswerLog
from .cells import tokens_of
from .diagnostics import convergence, predictive_checks, remarks
from .difficulty import USUAL, Channels, Settings, fit_difficulty
from .distractors import BANDS, WrongAnswers, band_of, fit_distractors
from .errors import BadInput
from .posterior import Pilot, Posterior
from .subgroups import subgroups_of

MODELS: dict[str, Settings] = {
    "joint": USUAL,
    "gaussian": Settings(lumps=1),
    "one-factor": Settings(factors=1),
}
"""Model variants by name; "joint" is the one that forecast held-out answers best."""

_LARGE = 20_000
"""Questions x channels beyond which two chains are run, once."""
_CLOSED = 10
"""A task whose answers, over all questions, number at most this many is taken to be multiple-choice."""


def calibrate(
    log: AnswerLog,
    seed: int = 0,
    model: str = "joint",
    progress: Callable[[float], None] | None = None,
    subgroups: str | None = None,
) -> Posterior:
    """Learn a joint model of difficulty, blanks and wrong answers from a pilot.

    Works from one sample per question, one model and a handful of questions upwards; logs may be ragged.
    The fewer the answers, the wider what follows. Runs in NumPy; the same seed gives the same posterior
    bit for bit on the same machine.

    Args:
        log: the pilot.
        seed: of the sampler.
        model: name of the model variant, one of ``MODELS``.
        progress: called now and then with the share of the work done, 0 to 1.
        subgroups: a column of the log (a subject, a level) whose values split each task into subgroups, which
            have difficulties and distractors of their own as far as the pilot shows them; None for tasks alone.
    Returns:
        Posterior draws of every model's answer probabilities, with diagnostics.
    Raises:
        BadInput: an unknown variant, or a column that does not make subgroups.
    """
    if model not in MODELS:
        raise BadInput(f"model {model!r} is not a calibration model; use one of {', '.join(MODELS)}")
    counts = log.counts(log.models, log.questions)
    group = subgroups_of(log, subgroups)
    groups = sorted(set(group.values()))
    task = np.array([groups.index(group[pair]) for pair in counts.questions])
    one, two = (np.random.default_rng(s) for s in np.random.SeedSequence(seed).spawn(2))
    channels, channel = difficulty_channels(counts, task)
    settings = MODELS[model]
    if channels.trials.size > _LARGE:
        settings = settings._replace(chains=2, keep=2 * settings.keep)
    difficulty = fit_difficulty(channels, one, settings, progress)
    found = convergence(expit(difficulty.logits[..., channel[1]]), settings.chains)
    if not found["converged"] and channels.trials.size <= _LARGE:
        longer = settings._replace(warmup=2 * settings.warmup, sweeps=3 * settings.sweeps)
        difficulty = fit_difficulty(channels, one, longer, progress)
        found = convergence(expit(difficulty.logits[..., channel[1]]), settings.chains)
    wrong = wrong_answers(counts, task, len(groups))
    right = expit(difficulty.logits[..., channel[1]])
    odds = np.stack([(band_of(right) == band).mean(0) for band in range(len(BANDS) + 1)], -1)
    distractors = fit_distractors(wrong, odds, two, len(difficulty.logits))
    drawn = counts.samples.sum(0)
    blank_draws = two.beta(0.25, drawn + 1.0, (len(difficulty.logits), len(log.models)))
    common = log.common_questions()
    place = {pair: row for row, pair in enumerate(counts.questions)}
    posterior = Posterior(
        pilot=Pilot(
            tasks=log.tasks,
            questions=common,
            models=log.models,
            samples=dict(zip(log.models, counts.samples.max(0).tolist(), strict=True)),
            accuracy=log.accuracy(),
            counts=log.counts(log.models, common),
            notes=list(log.notes),
            tokens=tokens_of(log),
        ),
        tasks=groups,
        model=model,
        seed=seed,
        difficulty=difficulty,
        distractors=distractors,
        wrong=wrong,
        common=np.array([place[pair] for pair in common]),
        kind=channels.kind,
        channel=channel,
        blank_draws=blank_draws,
        diagnostics=found,
    )
    found["predictive_p"] = predictive_checks(posterior, counts, seed)
    posterior.pilot.notes.extend(remarks(found))
    return posterior


def difficulty_channels(
    counts: AnswerCounts, task: Int[np.ndarray, " question"], leaves: Int[np.ndarray, " some"] | None = None
) -> tuple[Channels, Int[np.ndarray, "kind model"]]:
    """The yes/no counts of the difficulty model: blank or not where a model left blanks, then right or not.

    ``leaves`` are the models given a blank channel; None for those that left any.
    """
    drawn, blanks = counts.samples.astype(float), counts.blanks.astype(float)
    if leaves is None:
        leaves = np.flatnonzero(blanks.sum(0) > 0)
    n = drawn.shape[1]
    channel = np.full((2, n), -1)
    channel[0, leaves] = np.arange(len(leaves))
    channel[1] = len(leaves) + np.arange(n)
    return (
        Channels(
            trials=np.concatenate([drawn[:, leaves], drawn - blanks], 1),
            hits=np.concatenate([blanks[:, leaves], counts.correct.astype(float)], 1),
            kind=np.repeat([0, 1], [len(leaves), n]),
            task=task,
        ),
        channel,
    )


def wrong_answers(counts: AnswerCounts, task: Int[np.ndarray, " question"], tasks: int) -> WrongAnswers:
    """Wrong-answer counts with room for the options nobody chose."""
    width = counts.classes.shape[-1]
    shift = np.minimum(np.arange(width)[None] + counts.right[:, None], width - 1)
    kept = np.arange(width)[None] + counts.right[:, None] < width
    wrong = np.take_along_axis(counts.classes, shift[:, None], -1) * kept[:, None]
    used = (wrong.sum(1) > 0).sum(1)
    options = np.array([_options(counts, used, task == t) for t in range(tasks)])
    places = int(options.max())
    wrong = np.pad(wrong, [(0, 0), (0, 0), (0, max(0, places - wrong.shape[-1]))])[..., :places]
    possible: Bool[np.ndarray, "task wrong"] = np.arange(places) < options[:, None]
    return WrongAnswers(wrong, possible, task)


def _options(counts: AnswerCounts, used: Int[np.ndarray, " question"], inside: Bool[np.ndarray, " question"]) -> int:
    """How many wrong answers a question of this task can have.

    A task whose questions share a small set of answer strings is multiple-choice: the set less the
    correct one. Otherwise answers are open and there are always some that nobody has given yet.
    """
    rows = np.flatnonzero(inside)
    names = {label for row in rows for label in counts.labels[row] if label}
    most = int(used[rows].max())
    if len(names) <= _CLOSED and len(names) < max(3, len(rows)):
        return max(most, len(names) - 1, 1)
    return most + 8
