"""The accuracy of any rule: on given counts, or at k of n logged samples by Monte Carlo with its error."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from ..answers import AnswerCounts
from ..errors import BadInput
from .protocol import ABSENT, BLANK, Answers, Rule

# numbers held at once when many questions and draws are scored together
_BLOCK = 2**23


class Outcomes(NamedTuple):
    """What a rule did on a batch of answered questions."""

    accuracy: Float[np.ndarray, "*batch question"]
    """Probability that the answer returned is correct."""
    spent: Float[np.ndarray, "*batch question model"]
    """Samples of each model used up."""


class RuleScore(NamedTuple):
    """A rule's accuracy and cost at k samples a model, estimated from a log of n >= k."""

    accuracy: Float[np.ndarray, " question"]
    """Accuracy per question, the mean over the subsamples drawn."""
    spent: Float[np.ndarray, "question model"]
    """Mean samples of each model used up per question."""
    variance: Float[np.ndarray, " question"]
    """Variance over subsamples of one question's accuracy, divided by the number of subsamples."""

    @property
    def mean(self) -> float:
        """Mean accuracy over questions."""
        return float(self.accuracy.mean())

    @property
    def standard_error(self) -> float:
        """Standard error of the mean over questions, as for a fresh draw of questions."""
        n = len(self.accuracy)
        return float(self.accuracy.std(ddof=1) / np.sqrt(n)) if n > 1 else 0.0

    @property
    def monte_carlo_error(self) -> float:
        """Standard error of the mean that is due to drawing finitely many subsamples."""
        return float(np.sqrt(self.variance.sum()) / len(self.variance))


def rule_outcomes(
    rule: Rule,
    counts: Int[np.ndarray, "*batch question model class"],
    blanks: Int[np.ndarray, "*batch question model"],
    right: Int[np.ndarray, " question"],
    accuracy: Float[np.ndarray, " model"],
    key: Array | None = None,
    *,
    order: Int[np.ndarray, "*batch question model sample"] | None = None,
    group: Int[np.ndarray, " question"] | None = None,
    learned: Any = None,
) -> Outcomes:
    """Run ``rule`` on every question of every batch entry.

    Args:
        rule: the rule.
        counts: answers per class, the ``right`` correct classes first. A model with no samples is not in the pool.
        blanks: samples without an answer.
        right: number of correct classes per question, at least 1.
        accuracy: validation accuracy per model.
        key: randomness for rules that draw; default a fixed key.
        order: the draws themselves, for rules that need their order.
        group: group number per question, for rules that treat groups apart.
        learned: what ``rule.learn`` returned.
    Raises:
        BadInput: the rule needs order, groups or a pilot, and was given none.
    """
    counts, blanks = np.asarray(counts), np.asarray(blanks)
    if "order" in rule.needs and order is None:
        raise BadInput(f"rule {rule.name!r} depends on the order of the draws; give the draws, not counts alone")
    if "group" in rule.needs and group is None:
        raise BadInput(f"rule {rule.name!r} treats groups of questions apart; say which group each question is in")
    if rule.learn is not None and learned is None:
        raise BadInput(f"rule {rule.name!r} learns from a pilot; pass learned=rule.learn(pilot counts, accuracy, k)")
    *batch, questions, models, classes = counts.shape
    lead = (*batch, questions)
    total = int(np.prod(lead))

    def flat(array: Any, shape: tuple[int, ...]) -> np.ndarray:
        return np.broadcast_to(np.asarray(array), (*lead, *shape)).reshape(total, *shape)

    rows = Answers(
        counts=flat(counts, (models, classes)),
        blanks=flat(blanks, (models,)),
        accuracy=np.asarray(accuracy, float),
        order=flat(order, (models, np.shape(order)[-1])) if "order" in rule.needs else None,
        right=flat(right, ()),
        group=flat(group, ()) if "group" in rule.needs else None,
        learned=learned,
    )
    key = jax.random.key(0) if key is None else key
    keys = jax.random.split(key, total)
    step = min(total, max(_BLOCK // (models * classes), 1))
    correct, spent = [], []
    for start in range(0, total, step):
        stop = start + step
        # every block has one shape, so that the rule is compiled once
        index = np.arange(start, stop) % total
        block = Answers(*[part if part is None or name in _SHARED else part[index] for name, part in _named(rows)])
        scored, used = _score(rule, block, keys[index])
        correct.append(np.asarray(scored)[: total - start])
        spent.append(np.asarray(used)[: total - start])
    return Outcomes(np.concatenate(correct).reshape(lead), np.concatenate(spent).reshape(*lead, models))


_SHARED = ("accuracy", "learned")


def _named(answers: Answers) -> list[tuple[str, Any]]:
    return list(zip(Answers._fields, answers, strict=True))


@partial(jax.jit, static_argnames="rule")
def _score(rule: Rule, answers: Answers, keys: Array) -> tuple[Array, Array]:
    axes = Answers(*[None if part is None or name in _SHARED else 0 for name, part in _named(answers)])

    def one(answers: Answers, key: Array) -> tuple[Array, Array]:
        seen = answers if "right" in rule.needs else answers._replace(right=None)
        if rule.sequential is not None:
            run = rule.sequential.run(seen, key)
            chance, used = run.chance, run.used
        else:
            chance, used = rule.choose(seen, key), rule.spent(seen)
        leading = jnp.arange(chance.shape[-1]) < answers.right
        return (chance * leading).sum(), used.astype(float)

    return jax.vmap(one, in_axes=(axes, 0))(answers, keys)


def rule_accuracy(
    rule: Rule,
    counts: Int[np.ndarray, "*batch question model class"],
    blanks: Int[np.ndarray, "*batch question model"],
    right: Int[np.ndarray, " question"],
    accuracy: Float[np.ndarray, " model"],
    key: Array | None = None,
    **extras: Any,
) -> Float[np.ndarray, "*batch question"]:
    """Probability that ``rule`` answers each question correctly; arguments as for `rule_outcomes`."""
    return rule_outcomes(rule, counts, blanks, right, accuracy, key, **extras).accuracy


def shuffled_draws(
    counts: AnswerCounts, samples: int, draws: int, seed: int
) -> Int[np.ndarray, "draw question model sample"]:
    """``samples`` of the logged answers of every question and model, without replacement, in random order.

    The first k columns are a uniform subsample of size k, so one array serves every k up to ``samples``.

    Raises:
        BadInput: a question with fewer samples than asked for.
    """
    have = counts.samples
    if have.min() < samples:
        question, model = np.unravel_index(int(have.argmin()), have.shape)
        raise BadInput(
            f"question {counts.questions[question][1]!r} has {have.min()} samples of model {counts.models[model]!r}, "
            f"fewer than the {samples} asked for; ask for at most {have.min()}, or leave the question out"
        )
    rng = np.random.default_rng(seed)
    # positions below each cumulative count belong to that class; the blanks come last
    edges = counts.classes.cumsum(-1)
    picks = _distinct_positions(rng, have, samples, draws)
    order = (picks[..., None] >= edges[None, :, :, None, :]).sum(-1) if edges.shape[-1] <= 16 else _lookup(picks, edges)
    return np.where(order >= edges.shape[-1], BLANK, order).astype(np.int32)


def _lookup(picks: Int[np.ndarray, ...], edges: Int[np.ndarray, ...]) -> Int[np.ndarray, ...]:
    order = np.empty_like(picks)
    for q in range(edges.shape[0]):
        for m in range(edges.shape[1]):
            order[:, q, m] = np.searchsorted(edges[q, m], picks[:, q, m], side="right")
    return order


def _distinct_positions(
    rng: np.random.Generator, have: Int[np.ndarray, "question model"], samples: int, draws: int
) -> Int[np.ndarray, "draw question model sample"]:
    # Fisher-Yates, stopped after `samples` swaps
    deck = np.broadcast_to(np.arange(int(have.max())), (draws, *have.shape, int(have.max()))).copy()
    picks = np.empty((draws, *have.shape, samples), np.int64)
    for i in range(samples):
        j = i + (rng.random((draws, *have.shape)) * (have - i)).astype(np.int64)
        picks[..., i] = np.take_along_axis(deck, j[..., None], -1)[..., 0]
        np.put_along_axis(deck, j[..., None], deck[..., i : i + 1], -1)
    return picks


def tally(
    order: Int[np.ndarray, "*batch sample"], classes: int
) -> tuple[Int[np.ndarray, "*batch class"], Int[np.ndarray, " *batch"]]:
    """Counts per class and blanks of the draws in ``order``."""
    lead = order.shape[:-1]
    flat = order.reshape(-1, order.shape[-1]).astype(np.int64)
    # shift so that ABSENT and BLANK have bins of their own
    bins = classes - ABSENT
    index = np.arange(len(flat))[:, None] * bins + (flat - ABSENT)
    table = np.bincount(index.ravel(), minlength=len(flat) * bins).reshape(*lead, bins)
    return table[..., -ABSENT:].astype(np.int32), table[..., BLANK - ABSENT].astype(np.int32)


def rule_on_counts(
    rule: Rule,
    counts: AnswerCounts,
    samples: int | Sequence[int],
    *,
    accuracy: Float[np.ndarray, " model"],
    pool: Sequence[str] | None = None,
    draws: int = 64,
    seed: int = 0,
    order: Int[np.ndarray, "draw question model sample"] | None = None,
    group: Int[np.ndarray, " question"] | None = None,
    learned: Any = None,
) -> RuleScore:
    """Accuracy of ``rule`` at k of the n logged samples, by Monte Carlo over subsamples.

    Args:
        rule: the rule.
        counts: the log's counts.
        samples: k, samples of every model; or one k per model of ``counts``.
        accuracy: validation accuracy per model of ``counts``.
        pool: the models asked; default all of ``counts``.
        draws: subsamples drawn; the error they leave is ``monte_carlo_error`` of the result.
        seed: seed of the subsamples.
        order: subsamples from `shuffled_draws` to use instead, so that several rules see the same ones.
        group: group number per question, for rules that treat groups apart.
        learned: what ``rule.learn`` returned.
    Raises:
        BadInput: more samples asked for than a question has, or an unknown model.
    """
    each = np.broadcast_to(np.asarray(samples), (len(counts.models),))
    if order is None:
        order = shuffled_draws(counts, int(each.max()), draws, seed)
    inside = np.ones(len(counts.models), bool) if pool is None else np.isin(counts.models, list(pool))
    if pool is not None and inside.sum() != len(set(pool)):
        missing = sorted(set(pool) - set(counts.models))
        raise BadInput(f"models {', '.join(missing)} are not in the log; choose from {', '.join(counts.models)}")
    take = np.where(inside, each, 0)
    order = np.where(np.arange(order.shape[-1]) < take[:, None], order, ABSENT)
    classes, blanks = tally(order, counts.classes.shape[-1])
    found = rule_outcomes(
        rule,
        classes,
        blanks,
        counts.right,
        accuracy,
        jax.random.key(seed),
        order=order,
        group=group,
        learned=learned,
    )
    n = len(order)
    variance = found.accuracy.var(0, ddof=1) / n if n > 1 else np.full(found.accuracy.shape[1:], np.nan)
    return RuleScore(found.accuracy.mean(0), found.spent.mean(0), variance)
