"""What a selection rule is: a function from one question's answers to a distribution over answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from ... import theory as _theory  # noqa: F401  (switches float64 on)
from ..answers import AnswerCounts
from ..errors import unknown_name

BLANK = -1
"""Entry of `Answers.order` for a sample without an answer."""
ABSENT = -2
"""Entry of `Answers.order` for a sample that was not drawn."""

# m/k and m'/k' that differ at all differ by more than 1e-6 for k up to 1024
_TIE = 1e-9


class Answers(NamedTuple):
    """What a pool answered to one question, as a rule sees it.

    Classes are answers: two models that gave the same answer counted in the same class. A model
    without any sample (no counts, no blanks) is not in the pool: that is how one array holds many pools.
    """

    counts: Int[Array, "model class"]
    """How often each model gave each answer; blanks excluded."""
    blanks: Int[Array, " model"]
    """Samples of each model from which no answer could be extracted."""
    accuracy: Float[Array, " model"]
    """Validation accuracy of each model, from questions that are not being scored."""
    order: Int[Array, "model sample"] | None = None
    """The class of every draw in the order drawn, ``BLANK`` or ``ABSENT`` (padding at the end).
    Only for rules that need it."""
    right: Int[Array, ""] | None = None
    """How many leading classes are correct. Only the oracle and its like may look."""
    group: Int[Array, ""] | None = None
    """Number of the question's group (a task, a subject), for rules that treat groups apart."""
    learned: Any = None
    """What the rule's ``learn`` made of the pilot; None for rules that learn nothing."""

    @property
    def samples(self) -> Int[Array, " model"]:
        """Samples drawn from each model, blanks included."""
        return self.counts.sum(-1) + self.blanks


Choose = Callable[[Answers, Array], Float[Array, " class"]]
Learn = Callable[[AnswerCounts, Float[Array, " model"], int], Any]


@dataclass(frozen=True, eq=False)
class Rule:
    """A named selection rule; calling it is calling the function it was made of.

    ``rule(answers, key)`` gives the probability of returning each class. The probabilities may sum to
    less than 1: the rest is the probability of returning no answer, which is never correct. Ties that a
    rule breaks at random are written out as probabilities; the key is for rules that cannot do so.
    """

    name: str
    """The name it is registered under."""
    choose: Choose = field(repr=False)
    """``(answers, key) -> probability of each class``; JAX-traceable, for one question."""
    source: str = "user"
    """Where the rule comes from: paper and equation, or ours."""
    summary: str = ""
    """One line in plain words."""
    needs: frozenset[str] = frozenset()
    """Optional parts of `Answers` it reads: "order", "right", "group"."""
    learn: Learn | None = field(default=None, repr=False)
    """``(pilot counts, validation accuracy, samples) -> learned``, for rules that learn from a pilot."""
    sequential: Any = field(default=None, repr=False)
    """The `SequentialRule` behind it, for rules that decide what to draw next."""
    asks: Callable[[Answers], Array] | None = field(default=None, repr=False)
    """Which models it needs an answer of at all, for rules that leave some of the pool unasked."""

    def __call__(self, answers: Answers, key: Array | None = None) -> Float[Array, " class"]:
        return self.choose(answers, jax.random.key(0) if key is None else key)

    def spent(self, answers: Answers, key: Array | None = None) -> Float[Array, " model"]:
        """Samples of each model the rule uses up on this question: all that were drawn, unless it stops early."""
        if self.sequential is not None:
            return self.sequential.run(answers, jax.random.key(0) if key is None else key).used.astype(float)
        asked = 1.0 if self.asks is None else self.asks(answers)
        return answers.samples * asked


RULES: dict[str, Rule] = {}
"""Registered rules by name; complete once `muxcast.simulate.rules` has loaded its catalogue."""


def register(
    name: str,
    *,
    source: str = "user",
    needs: tuple[str, ...] = (),
    learn: Learn | None = None,
    sequential: Any = None,
    asks: Callable[[Answers], Array] | None = None,
) -> Callable[[Choose], Rule]:
    """Decorator that makes a function a `Rule` and files it under ``name``.

    The first line of the function's docstring becomes the rule's summary. A name that is already taken
    is replaced, so that a notebook cell can be run twice.
    """

    def wrap(choose: Choose) -> Rule:
        rule = as_rule(choose, name, source=source, needs=needs, learn=learn, sequential=sequential, asks=asks)
        RULES[name] = rule
        return rule

    return wrap


def as_rule(choose: Choose | Rule, name: str | None = None, **details: Any) -> Rule:
    """A plain function as a `Rule`, without registering it; a `Rule` as it is."""
    if isinstance(choose, Rule):
        return choose
    summary = (choose.__doc__ or "").strip().split("\n")[0]
    details["needs"] = frozenset(details.get("needs", ()))
    return Rule(name or getattr(choose, "__name__", "rule"), choose, summary=summary, **details)


def rule_named(name: str) -> Rule:
    """The registered rule of that name.

    Raises:
        BadInput: no such rule; the message suggests the nearest name.
    """
    from . import load_catalogue

    load_catalogue()
    if name not in RULES:
        raise unknown_name("rule", name, RULES)
    return RULES[name]


def confidence(answers: Answers) -> Float[Array, " model"]:
    """s_i: the share of a model's samples, blanks included, that gave its most frequent answer (Algorithm 1)."""
    return answers.counts.max(-1) / jnp.maximum(answers.samples, 1)


def most(value: Float[Array, " item"], among: Array | None = None) -> Array:
    """Which items have the largest value, up to rounding, of those ``among``; none if there are none."""
    value = jnp.where(among, value, -jnp.inf) if among is not None else value
    return jnp.isfinite(value) & (value >= value.max() - _TIE)


def modes(votes: Array) -> Float[Array, " class"]:
    """The most voted classes with equal probability; nothing if there are no votes."""
    tied = most(votes * 1.0, votes > 0)
    return tied / jnp.maximum(tied.sum(), 1)


def preferred(tied: Array, accuracy: Float[Array, " model"]) -> Int[Array, ""]:
    """Of the models ``tied``, the one of highest validation accuracy; of equally accurate ones the first listed."""
    return jnp.argmax(jnp.where(tied, accuracy, -jnp.inf))
