"""The Bayes-optimal answer: which one is most likely correct given everything every model said."""

from __future__ import annotations

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jax.scipy.special import gammaln, logsumexp
from jaxtyping import Array, Float
from scipy.optimize import minimize_scalar
from scipy.special import gammaln as log_gamma

from ..answers import AnswerCounts
from .protocol import Answers, modes, most, register

PRIOR = 2.0
"""Weight, in answers, of a model's own accuracy in its accuracy on one question."""
TEMPER = 0.25
"""Weight of one pilot answer: few pilot questions stand for many, so each is blurred."""


class Difficulties(NamedTuple):
    """A sample of question difficulties, and how wrong answers scatter; tables over counts n = 0..k."""

    right: Float[Array, "particle model count"]
    """log (a)_n: weight of n right answers, where the model's accuracy on the question is Beta(a, b)."""
    wrong: Float[Array, "particle model count"]
    """log (b)_n: weight of n wrong answers."""
    given: Float[Array, "particle model count"]
    """log (a + b)_n: normaliser for n answers."""
    scatter: Float[Array, ""]
    """θ > 0: wrong answers of all models are shared as in a Dirichlet process; small θ, the same wrong answer."""


def difficulties(
    a: Float[np.ndarray, "particle model"], b: Float[np.ndarray, "particle model"], scatter: float, samples: int
) -> Difficulties:
    """What the rule has learned, from Beta(a, b) accuracies per plausible question.

    Accuracies known outright, such as those of posterior worlds, are Betas with large a + b.
    """
    n = np.arange(samples + 1)
    tables = [log_gamma(x[..., None] + n) - log_gamma(x[..., None]) for x in (a, b)]
    whole = log_gamma((a + b)[..., None] + n) - log_gamma((a + b)[..., None])
    return Difficulties(jnp.asarray(tables[0]), jnp.asarray(tables[1]), jnp.asarray(whole), jnp.asarray(scatter))


def learn_difficulties(pilot: AnswerCounts, accuracy: Float[np.ndarray, " model"], samples: int) -> Difficulties:
    """Empirical Bayes on the pilot: its questions stand for the population, each with Beta uncertainty.

    The joint pattern of difficulty over models is kept by taking questions whole; the scatter θ of wrong
    answers is the one most likely under the Ewens distribution of the pooled wrong answers.
    """
    right, given = pilot.correct, pilot.classes.sum(-1)
    share = np.clip(right.sum(0) / np.maximum(given.sum(0), 1), 0.02, 0.98)
    a = TEMPER * right + PRIOR * share
    b = TEMPER * (given - right) + PRIOR * (1 - share)
    return difficulties(a, b, _scatter(pilot), samples)


def _scatter(pilot: AnswerCounts) -> float:
    wrong = pilot.classes.sum(1) * (np.arange(pilot.classes.shape[-1]) >= pilot.right[:, None])
    kinds, total = (wrong > 0).sum(-1), wrong.sum(-1)

    def loss(log_theta: float) -> float:
        theta = np.exp(log_theta)
        return -float((kinds * log_theta + log_gamma(theta) - log_gamma(theta + total)).sum())

    return float(np.exp(minimize_scalar(loss, bounds=(-4, 4), method="bounded").x))


def log_posterior(answers: Answers) -> Float[Array, " class"]:
    """log P(class is the correct answer, and the answers), up to a constant; -inf where nobody gave it."""
    known: Difficulties = answers.learned
    counts = answers.counts
    given = counts.sum(-1)
    model = jnp.arange(counts.shape[0])[:, None]
    # chance of the split into right and wrong answers, were each class correct, over plausible questions
    split = known.right[:, model, counts] + known.wrong[:, model, given[:, None] - counts]
    split = split.sum(1) - known.given[:, model[:, 0], given].sum(1)[:, None]
    right = logsumexp(split, axis=0)
    pooled = counts.sum(0)
    present = pooled > 0
    theta = known.scatter
    kind = jnp.where(present, jnp.log(theta) + gammaln(jnp.maximum(pooled, 1)), 0.0)
    wrong = pooled.sum() - pooled
    scattered = kind.sum() - kind + gammaln(theta) - gammaln(theta + wrong)
    return jnp.where(present, right + scattered, -jnp.inf)


@register("bayes", source="ours", learn=learn_difficulties)
def bayes(answers: Answers, key: Array) -> Float[Array, " class"]:
    """The answer most likely correct given all counts, under question difficulties learned on the pilot."""
    score = log_posterior(answers)
    return modes(most(score) * 1)
