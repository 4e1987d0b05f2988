"""Votes weighted by how good each model is."""

from __future__ import annotations

import jax.numpy as jnp
from jaxtyping import Array, Float

from .protocol import Answers, modes, register

# a model no better than chance keeps a hair of a vote: alone, it still answers
_LEAST = 1e-3


def log_odds(accuracy: Float[Array, " model"], options: Array | float) -> Float[Array, " model"]:
    """log((A - 1) p / (1 - p)), the weight of a voter of accuracy p among A equally likely answers.

    Source: Nitzan & Paroush (1982), extended to A answers. Kept above 0.001.
    """
    p = jnp.clip(accuracy, 0.01, 0.99)
    return jnp.maximum(jnp.log((options - 1) * p / (1 - p)), _LEAST)


@register("log-odds-vote", source="Nitzan & Paroush 1982")
def log_odds_vote(answers: Answers, key: Array) -> Float[Array, " class"]:
    """All samples vote, each with the log-odds of its model's validation accuracy among the answers given."""
    pooled = answers.counts.sum(0)
    options = jnp.maximum((pooled > 0).sum(), 2)
    return modes((answers.counts * log_odds(answers.accuracy, options)[:, None]).sum(0))


@register("accuracy-vote", source="weighted voting, a common baseline")
def accuracy_vote(answers: Answers, key: Array) -> Float[Array, " class"]:
    """All samples vote, each with its model's validation accuracy as weight."""
    weight = jnp.maximum(answers.accuracy, _LEAST)
    return modes((answers.counts * weight[:, None]).sum(0))
