"""Self-consistency: one model, plurality over its own samples."""

from __future__ import annotations

from jaxtyping import Array, Float

from .protocol import Answers, modes, preferred, register


@register("self-consistency", source="Wang et al. 2203.11171")
def self_consistency(answers: Answers, key: Array) -> Float[Array, " class"]:
    """The mode of the pool's best model by validation accuracy, ties at random; other models are not asked."""
    return modes(answers.counts[preferred(answers.samples > 0, answers.accuracy)])
