"""Rules that decide what to draw next: ask, look, and stop when the answer is settled."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from .protocol import ABSENT, BLANK, Answers, Choose, Learn, Rule, register


class State(NamedTuple):
    """Where a sequential rule stands on one question."""

    seen: Answers
    """The answers drawn so far; ``order`` holds them in the order drawn."""
    budget: Int[Array, " model"]
    """Most samples that may be drawn from each model; 0 for a model that is not in the pool."""
    memory: Any = None
    """Whatever else the rule keeps; None for rules that judge by the answers alone."""

    @property
    def left(self) -> Int[Array, " model"]:
        """Samples that may still be drawn."""
        return self.budget - self.seen.samples


class Run(NamedTuple):
    """The end of a sequential rule on one question."""

    chance: Float[Array, " class"]
    """Probability of returning each class."""
    used: Int[Array, " model"]
    """Samples drawn from each model."""


def _begin(nothing: Answers, budget: Int[Array, " model"]) -> State:
    return State(nothing, budget)


def _look(state: State, seen: Answers) -> State:
    return state._replace(seen=seen)


@dataclass(frozen=True, eq=False)
class SequentialRule:
    """A policy over rounds: ``state = init(...)``; while ``ask(state)`` wants samples, draw them and
    ``state = step(state, everything seen)``; then ``decide(state, key)``.

    The functions are JAX-traceable and treat one question. A live run calls them between rounds of real
    generation; replay runs them on logged draws with `run`.
    """

    ask: Callable[[State], Int[Array, " model"]] = field(repr=False)
    """Further samples wanted from each model, all zero to stop; cut to what the budget leaves."""
    decide: Callable[[State, Array], Float[Array, " class"]] = field(repr=False)
    """Probability of returning each class."""
    init: Callable[[Answers, Int[Array, " model"]], State] = field(default=_begin, repr=False)
    """First state, from answers without a draw (accuracies and what was learned) and the budget."""
    step: Callable[[State, Answers], State] = field(default=_look, repr=False)
    """Next state, from everything drawn so far."""

    def wanted(self, state: State) -> Int[Array, " model"]:
        """``ask`` within the budget."""
        return jnp.clip(self.ask(state), 0, state.left)

    def run(self, answers: Answers, key: Array) -> Run:
        """Play the rule on draws already made, in the order drawn; the samples drawn are its budget."""
        if answers.order is None:
            raise ValueError("a sequential rule is run on the draws in order; Answers.order is None")
        order = jnp.asarray(answers.order)
        answers = jax.tree.map(jnp.asarray, answers)  # a test or a live run gives NumPy arrays
        classes = answers.counts.shape[-1]
        # prefix[i, t] holds the counts after t draws of model i, blanks in the last place
        place = jnp.where(order == BLANK, classes, order)
        hits = (place[..., None] == jnp.arange(classes + 1)) & (order != ABSENT)[..., None]
        prefix = jnp.pad(jnp.cumsum(hits, 1), ((0, 0), (1, 0), (0, 0)))
        draw = jnp.arange(order.shape[1])

        def after(used: Array) -> Answers:
            now = jnp.take_along_axis(prefix, used[:, None, None], 1)[:, 0]
            shown = jnp.where(draw < used[:, None], order, ABSENT)
            return answers._replace(counts=now[:, :-1], blanks=now[:, -1], order=shown)

        def more(carry: tuple[State, Array]) -> Array:
            return carry[1].any()

        def turn(carry: tuple[State, Array]) -> tuple[State, Array]:
            state, wanted = carry
            state = self.step(state, after(state.seen.samples + wanted))
            return state, self.wanted(state)

        state = self.init(after(jnp.zeros(order.shape[0], prefix.dtype)), answers.samples.astype(prefix.dtype))
        state, _ = jax.lax.while_loop(more, turn, (state, self.wanted(state)))
        return Run(self.decide(state, key), state.seen.samples)


def register_sequential(
    name: str, policy: SequentialRule, summary: str, *, source: str = "user", learn: Learn | None = None
) -> Rule:
    """File a sequential rule in the registry, so that it is replayed and forecast like any other."""

    def choose(answers: Answers, key: Array) -> Float[Array, " class"]:
        return policy.run(answers, key).chance

    choose.__doc__ = summary
    wrapped: Choose = choose
    return register(name, source=source, needs=("order",), learn=learn, sequential=policy)(wrapped)
