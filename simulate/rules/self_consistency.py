"""Self-consistency: one model, plurality over its own samples."""

from __future__ import annotations

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from .protocol import Answers, modes, preferred, register


def _best_alone(answers: Answers) -> Bool[Array, " model"]:
    best = preferred(answers.samples > 0, answers.accuracy)
    return jnp.arange(len(answers.accuracy)) == best


@register("self-consistency", source="Wang et al. 2203.11171", asks=_best_alone)
def self_consistency(answers: Answers, key: Array) -> Float[Array, " class"]:
    """The mode of the pool's best model by validation accuracy, ties at random; other models are not asked."""
    return modes(answers.counts[preferred(answers.samples > 0, answers.accuracy)])
