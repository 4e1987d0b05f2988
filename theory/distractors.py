"""Answers of a population: what p leaves open, that is blanks and wrong answers, some of them shared between models.

When two language models err they agree far more often than chance (Kim et al. 2025 measure about 60 %), because a
question has *distractors* that attract every model. Here the wrong mass of model i on question q is split as

    p_iq(c) = (1 − p_iq − blank_iq) · [ share_i · d_q(c) + (1 − share_i) · e_iq(c) ],   c ≠ 0,

with d_q ~ Dirichlet(spread) common to all models and e_iq an independent copy. share = 1: all models make the same
errors in the same proportions; share = 0: their errors are unrelated. A small ``spread`` concentrates errors on one
answer, which is what makes a model confidently wrong. Ours.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from .consistency import ModeLaw, mode_law_known


class Distractors(NamedTuple):
    """Law of wrong answers and blanks."""

    classes: int
    """Number of wrong answer classes of a question."""
    spread: float
    """Total Dirichlet concentration over them: small is one dominant error, large is an even scatter."""
    share: Float[Array, " model"]
    """Part of each model's errors that follows the distractors common to all, 0..1."""
    blank: Float[Array, " model"]
    """Part of each model's failures (1 − p) that is blank, 0..1."""


class World(NamedTuple):
    """Questions with known answer probabilities: what every law of theory starts from."""

    p: Float[Array, "model question class"]
    """Probability of each answer; class 0 is correct, wrong classes mean the same answer for every model."""
    blank: Float[Array, "model question"]
    """Probability of a blank sample; ``p.sum(-1) + blank`` is 1."""

    def laws(self, k: int) -> ModeLaw:
        """Laws of the mode after k samples, ``model question m``."""
        return mode_law_known(self.p, self.blank, k)

    def in_order(self, order: Array) -> World:
        """The world with models in another order, such as by validation accuracy for breaking ties."""
        return World(self.p[order], self.blank[order])


def answers(key: PRNGKeyArray, right: Float[Array, "question model"], distractors: Distractors) -> World:
    """Complete chances of a right sample, such as a population's sample, with wrong answers and blanks."""
    right = jnp.asarray(right, float).T
    models, questions = right.shape
    even = jnp.full(distractors.classes, distractors.spread / distractors.classes)
    common, own = jax.random.split(key)
    shared = jax.random.dirichlet(common, even, (questions,))
    alone = jax.random.dirichlet(own, even, (models, questions))
    share = jnp.asarray(distractors.share, float)[:, None, None]
    blank = (1 - right) * jnp.asarray(distractors.blank, float)[:, None]
    wrong = (1 - right - blank)[..., None] * (share * shared + (1 - share) * alone)
    return World(jnp.concatenate([right[..., None], wrong], -1), blank)


def agreement_when_wrong(world: World) -> Float[Array, "model other"]:
    """P(two models' samples agree | both give a wrong answer), pooled over questions."""
    wrong = world.p[..., 1:]
    both = jnp.einsum("iqc,jqc->ij", wrong, wrong)
    mass = wrong.sum(-1)
    return both / jnp.einsum("iq,jq->ij", mass, mass)


def worlds_of_draws(p: Float[Array, "draw question model class"], blank: Float[Array, "draw question model"]) -> World:
    """Posterior draws of a calibration as worlds, with the draws as a leading axis of both fields.

    ``jax.vmap`` over the result runs any law of one world on every draw.

    Raises:
        ValueError: probabilities that do not add to one.
    """
    total = p.sum(-1) + blank
    if not bool((abs(total - 1) < 1e-6).all()):
        raise ValueError("answer probabilities and blanks of a posterior draw must add to 1")
    return World(jnp.swapaxes(jnp.asarray(p), 1, 2), jnp.swapaxes(jnp.asarray(blank), 1, 2))
