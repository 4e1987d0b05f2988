"""A consistency cascade: take the first model that is consistent enough, else what SLM-MUX says."""

from __future__ import annotations

from jaxtyping import Array, Float, Int

from .modelswitch import next_in_turn
from .mux import mux
from .sequential import SequentialRule, State, register_sequential

THRESHOLD = 0.75
"""Share of equal answers at which a model is believed and no other is asked."""


def _ask(state: State) -> Int[Array, " model"]:
    return next_in_turn(state, THRESHOLD)


def _decide(state: State, key: Array) -> Float[Array, " class"]:
    return mux(state.seen, key)


cascade = register_sequential(
    "cascade",
    SequentialRule(_ask, _decide),
    "Ask models from the most accurate on; stop at one with 3 of 4 samples equal, else SLM-MUX over all.",
    source="consistency cascades, Yue et al. 2310.03094; the fallback is ours",
)
