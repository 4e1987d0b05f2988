"""The multiplexer, live: from what a pool answered to one question, the answer to return.

It holds no rule of its own. What decides here is the same function of ``simulate/rules`` that replays and
forecasts evaluate, so that a forecast is about exactly what runs.
"""

from __future__ import annotations

import hashlib
import random
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from ..simulate.answers import AnswerLog
from ..simulate.errors import BadInput


class ModelVotes(NamedTuple):
    """What one model said to a question."""

    model: str
    samples: int
    """Samples obtained; failed requests do not count."""
    blanks: int
    """Samples without an answer; they count in the confidence's denominator."""
    votes: dict[str, int]
    """How often it gave each answer, most frequent first."""
    confidence: float
    """Share of its samples that gave its most frequent answer: s_i of Algorithm 1."""
    accuracy: float | None
    """Validation accuracy it is preferred by in a tie; None where none is known."""


class Decision(NamedTuple):
    """The answer returned to one question, and why."""

    answer: str | None
    """Canonical answer; None when nobody gave any."""
    model: str | None
    """The model it is credited to: of those that gave the answer, the most confident in it, ties by accuracy."""
    confidence: float
    """Share of that model's samples that gave the answer."""
    probability: float
    """Probability with which the rule returns this answer; below 1 where a tie was broken at random."""
    chances: dict[str, float]
    """Probability of every answer the rule could have returned."""
    votes: list[ModelVotes]
    """One entry a model, in the pool's order."""
    missing: list[str]
    """Models from which no sample came."""

    def to_json(self) -> dict[str, Any]:
        """The decision as JSON values."""
        return {**self._asdict(), "votes": [votes._asdict() for votes in self.votes]}


class Multiplexer:
    """Decides by one rule among the models of one pool.

    Args:
        models: the pool, in its own order.
        accuracy: validation accuracy per model, from a pilot. Without it ties go to the model listed first.
        rule: name of a rule of ``simulate/rules``.
        samples: most samples of a question from one model; fixes array sizes, so that the rule is compiled once.
        pilot: log that rules learn from, for rules that learn.
        seed: of ties that the rule leaves to chance.
    Raises:
        BadInput: an unknown rule, one that needs to know the correct answers, or one that learns and has no pilot.
    """

    def __init__(
        self,
        models: Sequence[str],
        accuracy: Mapping[str, float] | None = None,
        *,
        rule: str = "mux",
        samples: int = 16,
        pilot: AnswerLog | None = None,
        seed: int = 0,
    ):
        from ..simulate.rules import rule_named

        self.models = list(models)
        self.accuracy = dict(accuracy) if accuracy is not None else None
        self.seed, self.samples = seed, samples
        self._rule = rule_named(rule)
        if len(self.models) != 1 and rule == "self-consistency":
            raise BadInput("rule 'self-consistency' decides for one model; choose one with --models, or rule mux")
        if "right" in self._rule.needs:
            raise BadInput(
                f"rule {rule!r} looks at the correct answers, which a live pool does not know; choose another"
            )
        absent = [name for name in self.models if accuracy is not None and name not in accuracy]
        if absent:
            raise BadInput(f"the pilot has no answers of {', '.join(absent)}; sample them, or leave the models out")
        # without a pilot: falling numbers, so that of tied models the first listed is preferred
        known = self.accuracy or {}
        self._accuracy = np.array([known.get(name, -float(place)) for place, name in enumerate(self.models)])
        if self.accuracy is None:
            self._accuracy = 0.5 + 1e-6 * self._accuracy
        self._learned = None
        if self._rule.learn is not None:
            if pilot is None:
                raise BadInput(f"rule {rule!r} learns from a pilot; name one with --pilot")
            self._learned = self._rule.learn(pilot.counts(self.models), self._accuracy, samples)

    @property
    def rule(self) -> str:
        """The rule's name."""
        return self._rule.name

    @cached_property
    def _compiled(self) -> Any:
        import jax
        import jax.numpy as jnp

        from ..simulate.rules import Answers

        key, accuracy = jax.random.key(self.seed), jnp.asarray(self._accuracy)
        learned = jax.tree.map(jnp.asarray, self._learned)

        def chances(counts: Any, blanks: Any, order: Any) -> Any:
            group = jnp.zeros((), int) if "group" in self._rule.needs else None
            asked = Answers(counts, blanks, accuracy, order, group=group, learned=learned)
            return self._rule(asked, key)

        return jax.jit(chances)

    def warm_up(self) -> None:
        """Compile the rule, so that the first question does not wait for it."""
        self.decide({name: ["a"] for name in self.models})

    def decide(self, drawn: Mapping[str, Sequence[str | None]], name: str = "") -> Decision:
        """The answer to return.

        Args:
            drawn: answers of each model in the order drawn, None for a blank. A model that is absent or has
                none is not in the pool for this question.
            name: the question, so that ties left to chance fall the same way when it is asked again.
        Raises:
            BadInput: answers of a model that is not in the pool, or more samples than were announced.
        """
        for model, answers in drawn.items():
            if model not in self.models:
                raise BadInput(f"answers of {model!r}, which is not in the pool {', '.join(self.models)}")
            if len(answers) > self.samples:
                raise BadInput(f"{len(answers)} samples of {model!r}; the multiplexer was set up for {self.samples}")
        votes = [self._votes(model, drawn.get(model, ())) for model in self.models]
        labels = list(dict.fromkeys(answer for one in votes for answer in one.votes))
        width = self.samples * len(self.models)
        counts = np.zeros((len(self.models), width), np.int64)
        place = {label: number for number, label in enumerate(labels)}
        order = np.full((len(self.models), self.samples), -2)
        for row, one in enumerate(votes):
            for answer, count in one.votes.items():
                counts[row, place[answer]] = count
            given = [-1 if answer is None else place[answer] for answer in drawn.get(one.model, ())]
            order[row, : len(given)] = given
        chances = np.zeros(width)
        if labels:
            blanks = np.array([one.blanks for one in votes])
            given = order if "order" in self._rule.needs else None
            chances = np.asarray(self._compiled(counts, blanks, given), float)
        return self._decision(votes, labels, chances[: len(labels)], name)

    def decide_log(self, log: AnswerLog) -> dict[tuple[str, str], Decision]:
        """Decide every question of a log by all its samples."""
        drawn: dict[tuple[str, str], dict[str, list[str | None]]] = {}
        columns = (log.rows[name] for name in ("task", "question", "model", "answer"))
        for task, question, model, answer in zip(*columns, strict=True):
            if model in self.models:
                asked = drawn.setdefault((task, question), {})
                asked.setdefault(model, []).append(answer if isinstance(answer, str) else None)
        return {pair: self.decide(answers, "\x1f".join(pair)) for pair, answers in drawn.items()}

    def _votes(self, model: str, answers: Sequence[str | None]) -> ModelVotes:
        said = Counter(answer for answer in answers if answer is not None)
        most = max(said.values(), default=0)
        return ModelVotes(
            model,
            len(answers),
            len(answers) - sum(said.values()),
            dict(said.most_common()),
            most / len(answers) if answers else 0.0,
            None if self.accuracy is None else self.accuracy[model],
        )

    def _decision(self, votes: list[ModelVotes], labels: list[str], chances: np.ndarray, name: str) -> Decision:
        missing = [one.model for one in votes if not one.samples]
        possible = {label: float(chance) for label, chance in zip(labels, chances, strict=True) if chance > 1e-9}
        digest = hashlib.blake2b(f"{self.seed}\x1f{name}".encode(), digest_size=8).digest()
        draw, chosen = random.Random(int.from_bytes(digest, "big")).random(), None
        # in the order of the answers' own text, so that the order in which models answered plays no part
        for label in sorted(possible):
            draw -= possible[label]
            if draw < 1e-9:
                chosen = label
                break
        if chosen is None:
            return Decision(None, None, 0.0, max(0.0, 1.0 - sum(possible.values())), possible, votes, missing)

        def share(row: int) -> tuple[float, float]:
            return votes[row].votes.get(chosen, 0) / max(votes[row].samples, 1), self._accuracy[row]

        credited = max(range(len(votes)), key=share)
        return Decision(chosen, votes[credited].model, share(credited)[0], possible[chosen], possible, votes, missing)
