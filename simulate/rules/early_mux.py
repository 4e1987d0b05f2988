"""SLM-MUX with the samples left out that cannot change its answer."""

from __future__ import annotations

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from .protocol import modes, most, preferred
from .sequential import SequentialRule, State, register_sequential


def standing(state: State) -> Float[Array, " model"]:
    """Confidence each model is sure to reach: the count of its mode so far over its whole budget."""
    return state.seen.counts.max(-1) / jnp.maximum(state.budget, 1)


def _leader(state: State) -> Int[Array, ""]:
    return preferred(most(standing(state), state.budget > 0), state.seen.accuracy)


def _fixed_mode(state: State) -> Bool[Array, " model"]:
    """Whether the mode can no longer change, whatever the remaining samples say."""
    counts = state.seen.counts
    top = counts.max(-1)
    best = jnp.argmax(counts, -1)
    rival = jnp.where(jnp.arange(counts.shape[-1]) == best[:, None], 0, counts).max(-1)
    return top > rival + state.left


def _ask(state: State) -> Int[Array, " model"]:
    counts = state.seen.counts
    leader = _leader(state)
    lead = standing(state)[leader]
    reach = (counts.max(-1) + state.left) / jnp.maximum(state.budget, 1)
    ours = jnp.arange(len(reach)) == leader
    accuracy = state.seen.accuracy
    # ties go to the leader if it is more accurate, or as accurate and listed first
    before = (accuracy[leader] > accuracy) | ((accuracy[leader] == accuracy) & (leader < jnp.arange(len(reach))))
    beaten = (reach < lead - 1e-9) | ((reach <= lead + 1e-9) & before)
    fixed = _fixed_mode(state)
    best = jnp.argmax(counts, -1)
    same = fixed & fixed[leader] & (best == best[leader])
    rest = (beaten | same | (state.budget == 0) | ours).all()
    settled = rest & (fixed | (state.left == 0))[leader]
    # a leader that others may still pass goes on, so that they can be beaten
    wanted = jnp.where(ours, ~fixed | ~rest, ~beaten & ~same)
    return jnp.where(settled, 0, wanted).astype(jnp.int32)


def _decide(state: State, key: Array) -> Float[Array, " class"]:
    return modes(state.seen.counts[_leader(state)])


early_mux = register_sequential(
    "early-mux",
    SequentialRule(_ask, _decide),
    "Exactly SLM-MUX's answer, sampled round by round and stopped once no further sample can change it.",
    source="ours",
)
