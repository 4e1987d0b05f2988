"""SLM-MUX as the authors' benchmark scripts run it, which is not quite Algorithm 1."""

from __future__ import annotations

import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from .protocol import ABSENT, Answers, most
from .sequential import SequentialRule, State, register_sequential


def first_seen(answers: Answers) -> Int[Array, "model class"]:
    """Draw at which each model first gave each answer; past the last draw where it never did."""
    order = answers.order
    assert order is not None
    draw = jnp.arange(order.shape[1])[:, None]
    hit = (order[..., None] == jnp.arange(answers.counts.shape[-1])) & (order != ABSENT)[..., None]
    return jnp.where(hit, draw, order.shape[1]).min(1)


def _ask(state: State) -> Int[Array, " model"]:
    asked = state.seen.samples > 0
    pool = state.budget > 0
    counts = state.seen.counts
    unanimous = (counts.sum(0) == pool.sum()).any()
    rest = jnp.where(unanimous | (state.seen.samples > 1).any(), 0, state.left)
    return jnp.where(asked.any(), rest, pool.astype(rest.dtype))


def _decide(state: State, key: Array) -> Float[Array, " class"]:
    counts = state.seen.counts
    # blanks are missing from the denominator: one parsed answer of five is full confidence
    sure = counts.max(-1) / jnp.maximum(counts.sum(-1), 1)
    chosen = jnp.argmax(most(sure, counts.sum(-1) > 0))
    mine = counts[chosen]
    early = jnp.where(mine == mine.max(), first_seen(state.seen)[chosen], jnp.iinfo(jnp.int32).max)
    return jnp.zeros(counts.shape[-1]).at[jnp.argmin(early)].set(jnp.where(mine.max() > 0, 1.0, 0.0))


authors_scripts = register_sequential(
    "mux-authors-scripts",
    SequentialRule(_ask, _decide),
    "SLM-MUX as the authors' scripts run it: stop if all first answers agree, ties by list order, blanks dropped.",
    source="authors' benchmark scripts of 2510.05077: early exit on unanimity, first-seen mode, "
    "model-list order for ties, blanks not in the denominator",
)
