"""Calibrated MUX: choose the model most likely to be right given its confidence, not the most confident one.

How often a model is right at confidence s, over all questions, is the wrong curve to choose by: where every model is
confident they mostly agree, and nothing is left to choose. So the curves are learned where it matters. On each pilot
question, the chance that model i is the one to follow is

    P(i) = exp(u_i) / Σ_j exp(u_j),    u_i = slope · s_i + skill · log(a_i / (1 − a_i)) + offset_i ,

with a_i the validation accuracy; slope, skill and offsets maximise Σ_q log Σ_i P(i) [mode of i correct]: a question on
which the modes agree counts for nothing. Rising in s and a because slope and skill are positive; offsets are shrunk to
0. With a skill near 0 this is SLM-MUX. Ours; the choice model is Luce's (1959).
"""

from __future__ import annotations

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from scipy.optimize import minimize
from scipy.special import softmax

from ..answers import AnswerCounts
from .evaluate import shuffled_draws, tally
from .protocol import Answers, confidence, modes, most, preferred, register

SUBSAMPLES = 16
"""Subsamples of every pilot question that the curves are fitted to."""
SPREAD = 0.2
"""Standard deviation of offsets before the pilot is seen, in log odds."""
USUAL_SLOPE = 6.0
"""Slope before the pilot is seen: full confidence against one half is odds of 20 to 1."""
USUAL_SKILL = 0.5
"""Weight of a model's log odds of being right before the pilot is seen."""


class Curves(NamedTuple):
    """What the rule learned."""

    slope: Float[Array, ""]
    """Log odds gained by one more unit of confidence, at least 0."""
    offset: Float[Array, " model"]
    """Log odds of a model against others of the same confidence."""


def learn_curves(pilot: AnswerCounts, accuracy: Float[np.ndarray, " model"], samples: int) -> Curves:
    """Slope and offsets that make the pilot's choices right most often, at ``samples`` of its samples.

    At all of them if the pilot has fewer.
    """
    k = min(samples, int(pilot.samples.min()))
    order = shuffled_draws(pilot, k, SUBSAMPLES, 0)
    counts, blanks = tally(order, pilot.classes.shape[-1])
    top = counts.max(-1)
    tied = (counts == top[..., None]) & (counts > 0)
    leading = np.arange(counts.shape[-1]) < pilot.right[:, None]
    right = ((tied & leading[:, None]).sum(-1) / np.maximum(tied.sum(-1), 1)).reshape(-1, counts.shape[-2])
    s = (top / np.maximum(counts.sum(-1) + blanks, 1)).reshape(right.shape)
    open_to_choice = (right.max(-1) > 0) & (right.min(-1) < right.max(-1))
    right, s = right[open_to_choice], s[open_to_choice]

    a = np.clip(np.asarray(accuracy, float), 0.02, 0.98)
    ability = np.log(a / (1 - a))

    def loss(x: np.ndarray) -> tuple[float, np.ndarray]:
        slope, skill = np.exp(x[:2])
        offset = x[2:]
        share = softmax(np.where(s > 0, slope * s + skill * ability + offset, -np.inf), -1)
        hit = (share * right).sum(-1, keepdims=True)
        pull = (share - share * right / hit) / SUBSAMPLES  # derivative of the loss in u
        slack = x[:2] - np.log([USUAL_SLOPE, USUAL_SKILL])
        value = -np.log(hit).sum() / SUBSAMPLES + (slack**2).sum() / 2 + (offset**2).sum() / (2 * SPREAD**2)
        along = np.array([slope * (pull * s).sum(), skill * (pull * ability).sum()])
        return value, np.concatenate([along + slack, pull.sum(0) + offset / SPREAD**2])

    start = np.concatenate([np.log([USUAL_SLOPE, USUAL_SKILL]), np.zeros(right.shape[-1])])
    found = minimize(loss, start, jac=True, method="L-BFGS-B").x
    slope, skill = np.exp(found[:2])
    return Curves(jnp.asarray(slope), jnp.asarray(skill * ability + found[2:]))


@register("calibrated-mux", source="ours", learn=learn_curves)
def calibrated_mux(answers: Answers, key: Array) -> Float[Array, " class"]:
    """The mode of the model most likely right given its confidence where models disagree, learned on the pilot."""
    learned: Curves = answers.learned
    s = confidence(answers)
    surest = most(learned.slope * s + learned.offset, s > 0)
    return modes(answers.counts[preferred(surest, answers.accuracy)])
