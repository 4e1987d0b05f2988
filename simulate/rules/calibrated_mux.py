"""Calibrated MUX: choose the model most likely to be right given its confidence, not the most confident one."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from scipy.optimize import isotonic_regression

from ...theory.tables import laws_of_counts
from ..answers import AnswerCounts
from .protocol import Answers, confidence, modes, most, preferred, register

GRID = 65
"""Points of confidence, 0 to 1, at which P(correct | confidence) is tabulated."""
SHRINK_MODEL = 8.0
"""Weight, in questions, of the curve all models share in each model's own curve."""
SHRINK_POOL = 2.0
"""Weight, in questions, of the diagonal (confidence itself) in the shared curve."""


def learn_curves(
    pilot: AnswerCounts, accuracy: Float[np.ndarray, " model"], samples: int
) -> Float[np.ndarray, "model grid"]:
    """P(mode correct | confidence s) for every model, on a grid of s from 0 to 1, rising with s.

    From the exact law of the mode at ``samples`` of the pilot's samples (at all of them if the pilot has
    fewer), each model's curve shrunk to the shared one and made monotone.
    """
    k = min(samples, int(pilot.samples.min()))
    laws = laws_of_counts(pilot.classes, pilot.blanks, pilot.right, k)
    right, seen = np.asarray(laws.correct).sum(0)[:, 1:], np.asarray(laws.top).sum(0)[:, 1:]
    s = np.arange(1, k + 1) / k
    shared = (right.sum(0) + SHRINK_POOL * s) / (seen.sum(0) + SHRINK_POOL)
    shared = isotonic_regression(shared, weights=seen.sum(0) + SHRINK_POOL).x
    grid = np.linspace(0, 1, GRID)
    curves = []
    for mine, of in zip(right, seen, strict=True):
        own = (mine + SHRINK_MODEL * shared) / (of + SHRINK_MODEL)
        own = isotonic_regression(own, weights=of + SHRINK_MODEL).x
        curves.append(np.interp(grid, np.concatenate([[0.0], s]), np.concatenate([[0.0], own])))
    return np.array(curves)


def chance_correct(answers: Answers) -> Float[Array, " model"]:
    """P(correct | confidence, model) read off the learned curves; 0 for a model without an answer."""
    grid = jnp.linspace(0, 1, GRID)
    s = confidence(answers)
    return jnp.where(s > 0, jax.vmap(jnp.interp, in_axes=(0, None, 0))(s, grid, answers.learned), 0.0)


@register("calibrated-mux", source="ours", learn=learn_curves)
def calibrated_mux(answers: Answers, key: Array) -> Float[Array, " class"]:
    """The mode of the model most likely right given its confidence, by curves learned on the pilot."""
    surest = most(chance_correct(answers), answers.samples > 0)
    surest = most(confidence(answers), surest)
    return modes(answers.counts[preferred(surest, answers.accuracy)])
