"""The Bayes-optimal answer: which one is most likely correct given everything every model said."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import gammaln, logsumexp
from jaxtyping import Array, Float
from scipy.optimize import minimize_scalar
from scipy.special import gammaln as log_gamma

from ..answers import AnswerCounts
from .protocol import Answers, modes, most, register

DRAWS = 8
"""Plausible sets of accuracies drawn for each pilot question."""


class Difficulties(NamedTuple):
    """A sample of question difficulties, and how wrong answers scatter."""

    log_right: Float[Array, "particle model"]
    """log P(a given answer of the model is correct), one row per plausible question."""
    log_wrong: Float[Array, "particle model"]
    """log of the complement."""
    scatter: Float[Array, ""]
    """θ > 0: wrong answers of all models are shared as in a Dirichlet process; small θ, the same wrong answer."""


def difficulties(
    right: Float[np.ndarray, "particle model"], scatter: float, floor: float = 1e-3
) -> Difficulties:
    """What the rule has learned, from accuracies per plausible question (for instance posterior worlds)."""
    right = np.clip(right, floor, 1 - floor)
    return Difficulties(jnp.log(jnp.asarray(right)), jnp.log1p(-jnp.asarray(right)), jnp.asarray(scatter))


def learn_difficulties(
    pilot: AnswerCounts, accuracy: Float[np.ndarray, " model"], samples: int
) -> Difficulties:
    """Empirical Bayes on the pilot: its questions stand for the population, each with Beta uncertainty.

    The joint pattern of difficulty over models is kept by drawing whole questions; the scatter θ of wrong
    answers is the one most likely under the Ewens distribution of the pooled wrong answers.
    """
    rng = np.random.default_rng(0)
    right, given = pilot.correct, pilot.classes.sum(-1)
    # a Beta prior worth one answer at the model's own accuracy
    share = np.clip(right.sum(0) / np.maximum(given.sum(0), 1), 0.02, 0.98)
    drawn = rng.beta(right + share, given - right + 1 - share, size=(DRAWS, *right.shape))
    return difficulties(drawn.reshape(-1, right.shape[1]), _scatter(pilot))


def _scatter(pilot: AnswerCounts) -> float:
    wrong = pilot.classes.sum(1) * (np.arange(pilot.classes.shape[-1]) >= pilot.right[:, None])
    kinds, total = (wrong > 0).sum(-1), wrong.sum(-1)

    def loss(log_theta: float) -> float:
        theta = np.exp(log_theta)
        return -float((kinds * log_theta + log_gamma(theta) - log_gamma(theta + total)).sum())

    return float(np.exp(minimize_scalar(loss, bounds=(-4, 4), method="bounded").x))  # type: ignore[union-attr]


def log_posterior(answers: Answers) -> Float[Array, " class"]:
    """log P(class is the correct answer, and the answers), up to a constant; -inf where nobody gave it."""
    known: Difficulties = answers.learned
    counts = answers.counts * 1.0
    given = counts.sum(-1)
    # likelihood of the split into right and wrong answers, were class c correct, averaged over questions
    tilt = counts.T @ (known.log_right - known.log_wrong).T + (known.log_wrong @ given)
    right = logsumexp(tilt, axis=1)
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
    return jax.lax.stop_gradient(modes(most(score) * 1))
