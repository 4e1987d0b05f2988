"""ModelSwitch: ask models in turn, stop at the first consistent one, else vote with entropy weights."""

from __future__ import annotations

import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from .protocol import confidence, modes, preferred
from .sequential import SequentialRule, State, register_sequential


def next_in_turn(state: State, threshold: float) -> Int[Array, " model"]:
    """The whole budget of the most accurate model not asked yet, unless the last one asked was sure enough."""
    sure = (confidence(state.seen) >= threshold - 1e-9) & (state.seen.samples > 0)
    waiting = (state.budget > 0) & (state.seen.samples == 0)
    turn = jnp.arange(len(state.budget)) == preferred(waiting, state.seen.accuracy)
    return jnp.where(turn & waiting & ~sure.any(), state.budget, 0)


def _ask(state: State) -> Int[Array, " model"]:
    return next_in_turn(state, 1.0)


def entropy_weight(state: State, counted: bool) -> Float[Array, " model"]:
    """1/k + (1 - 1/k)(1 - H / log k): 1 for a model that repeats one answer, 1/k for one that never repeats.

    A blank is an answer like no other. ``counted`` puts counts where shares belong in the entropy.
    """
    counts, k = state.seen.counts, jnp.maximum(state.seen.samples, 1)
    share = counts / k[:, None]
    value = counts * 1.0 if counted else share
    entropy = -(share * jnp.log(jnp.where(counts > 0, value, 1.0))).sum(-1)
    blank_entropy = 0.0 if counted else state.seen.blanks / k * jnp.log(k)
    scaled = (entropy + blank_entropy) / jnp.where(k > 1, jnp.log(k), 1.0)
    return 1 / k + (1 - 1 / k) * (1 - scaled)


def _vote(counted: bool):
    def decide(state: State, key: Array) -> Float[Array, " class"]:
        return modes((state.seen.counts * entropy_weight(state, counted)[:, None]).sum(0))

    return decide


modelswitch = register_sequential(
    "modelswitch",
    SequentialRule(_ask, _vote(counted=False)),
    "Ask models from the most accurate on, stop at a unanimous one, else vote with entropy weights.",
    source="Chen et al. 2504.00762; weights 1/k + (1 - 1/k)(1 - H/log k), threshold 1, without external weights",
)

modelswitch_counted = register_sequential(
    "modelswitch-counted",
    SequentialRule(_ask, _vote(counted=True)),
    "ModelSwitch with the entropy taken of counts instead of shares, as a public harness computes it.",
    source="a public test-time-compute harness: its weights exceed 1 for consistent models",
)
