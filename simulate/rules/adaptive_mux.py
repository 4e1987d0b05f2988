"""Adaptive MUX: sample round by round, drop models that are behind, stop when the answer is probably settled."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int
from scipy.special import betainc

from .protocol import modes, most, preferred
from .sequential import SequentialRule, State, register_sequential

SURE = 0.95
"""Probability at which the leading answer counts as ahead of the next one."""
BEHIND = 2.0
"""Standard errors by which a model's confidence must trail the leader's to be dropped."""


def _shrunk(state: State) -> Float[Array, " model"]:
    # (T + 1) / (n + 2): with unequal numbers of samples, 1 of 1 is not as sure as 8 of 8
    return (state.seen.counts.max(-1) + 1) / (state.seen.samples + 2)


def _variance(state: State) -> Float[Array, " model"]:
    mean = _shrunk(state)
    return mean * (1 - mean) / (state.seen.samples + 3)


def _leader(state: State) -> Int[Array, ""]:
    answered = (state.budget > 0) & (state.seen.counts.max(-1) > 0)
    return preferred(most(_shrunk(state), answered), state.seen.accuracy)


def _behind(state: State) -> Bool[Array, " model"]:
    mean, variance = _shrunk(state), _variance(state)
    leader = _leader(state)
    gap = mean[leader] - mean
    return gap > BEHIND * jnp.sqrt(variance + variance[leader])


def _ahead(first: Array, second: Array, most_votes: int) -> Array:
    """1 - I_½(v₁ + 1, v₂ + 1): probability that the first answer is the commoner one (Adaptive-Consistency)."""
    v = np.arange(most_votes + 1)
    return jnp.asarray(1 - betainc(v[:, None] + 1.0, v[None, :] + 1.0, 0.5))[first, second]


def _ask(state: State) -> Int[Array, " model"]:
    counts = state.seen.counts
    leader = _leader(state)
    best = jnp.argmax(counts[leader])
    live = (state.budget > 0) & ~_behind(state)
    # the models still in the race vote together on whether the leader's answer is settled
    votes = (counts * live[:, None]).sum(0)
    rival = jnp.where(jnp.arange(len(votes)) == best, 0, votes).max()
    assert state.seen.order is not None
    sure = _ahead(votes[best], rival, state.seen.order.size) >= SURE
    agreed = (~live | (counts[:, best] == counts.max(-1))).all()
    settled = sure & agreed & (counts.max() > 0)
    return jnp.where(settled, 0, live).astype(jnp.int32)


def _decide(state: State, key: Array) -> Float[Array, " class"]:
    return modes(state.seen.counts[_leader(state)])


adaptive_mux = register_sequential(
    "adaptive-mux",
    SequentialRule(_ask, _decide),
    "SLM-MUX round by round: models that trail are dropped; stops when those left agree and are 95 % sure.",
    source="ours, with the stopping probability of Adaptive-Consistency, Aggarwal et al. 2305.11860",
)
