"""Agent Forest: plurality over all samples of all models."""

from __future__ import annotations

from jaxtyping import Array, Float

from .protocol import Answers, modes, register


@register("agent-forest", source="Li et al. 2402.05120")
def agent_forest(answers: Answers, key: Array) -> Float[Array, " class"]:
    """The most frequent answer among all samples of all models, ties at random, blanks ignored."""
    return modes(answers.counts.sum(0))
