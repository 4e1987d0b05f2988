"""What no rule, and any rule, can do: oracles and a random choice."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from .protocol import Answers, modes, register


def _on_correct(answers: Answers, chance: Array) -> Float[Array, " class"]:
    return jnp.zeros(answers.counts.shape[-1]).at[0].set(chance)


@register(
    "oracle", source="bound 1 - beta of 2510.05077: no rule that returns a model's mode does better", needs=("right",)
)
def oracle(answers: Answers, key: Array) -> Float[Array, " class"]:
    """Right whenever some model's mode is right: the ceiling of rules that choose a model."""
    leading = jnp.arange(answers.counts.shape[-1]) < answers.right
    right = (jax.vmap(modes)(answers.counts) * leading).sum(-1)
    return _on_correct(answers, 1 - jnp.prod(1 - right))


@register("oracle-sample", source="coverage, Chen et al. 2107.03374", needs=("right",))
def oracle_sample(answers: Answers, key: Array) -> Float[Array, " class"]:
    """Right whenever any sample of any model is right: the ceiling of rules that choose an answer given."""
    leading = jnp.arange(answers.counts.shape[-1]) < answers.right
    return _on_correct(answers, ((answers.counts.sum(0) * leading).sum() > 0) * 1.0)


@register("random-model", source="baseline")
def random_model(answers: Answers, key: Array) -> Float[Array, " class"]:
    """The mode of one model of the pool, chosen at random among those that answered."""
    answered = answers.counts.sum(-1) > 0
    return (jax.vmap(modes)(answers.counts) * answered[:, None]).sum(0) / jnp.maximum(answered.sum(), 1)
