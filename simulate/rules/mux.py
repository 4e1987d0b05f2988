"""SLM-MUX as published: trust the most self-consistent model."""

from __future__ import annotations

from jaxtyping import Array, Float

from .protocol import Answers, confidence, modes, most, preferred, register


@register("mux", source="Wang et al. 2510.05077, Algorithm 1")
def mux(answers: Answers, key: Array) -> Float[Array, " class"]:
    """The mode of the most self-consistent model; ties go to the model of highest validation accuracy.

    Confidence is the count of the mode over all samples, blanks included. Algorithm 1 leaves a tie
    inside a model open; it is broken uniformly at random here.
    """
    surest = most(confidence(answers), answers.samples > 0)
    return modes(answers.counts[preferred(surest, answers.accuracy)])
