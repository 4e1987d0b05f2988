r"""Every pool at once: SLM-MUX accuracy of all subsets of a set of models.

Add models from the least to the most preferred in a tie. With G_S(m) = Π_{j∈S} P(T_j ≤ m) and A_S(m) the probability
that S answers correctly with winning count m, adding a more preferred model i gives

.. math::
    A_{S∪i}(m) = A_S(m) P(T_i < m) + R_i(m) G_S(m), \qquad G_{S∪i}(m) = G_S(m) P(T_i \le m).

The recursion is linear in (A_S, G_S), so a pool made of less preferred models S and more preferred ones U has

.. math:: \mathrm{Acc}(S ∪ U) = \sum_m A_S(m) L_U(m) + G_S(m) A_U(m), \qquad L_U(m) = \prod_{i∈U} P(T_i < m),

and the accuracies of all pools, averaged over questions, are one matrix product of the 2^{n/2} lower pools with the
2^{n/2} upper ones.

Source: ours, from Algorithm 1 of arXiv 2510.05077.
"""

from __future__ import annotations

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from .consistency import ModeLaw

_NUMBERS_AT_ONCE = 2**24


class Half(NamedTuple):
    """All subsets of some models, by bitmask over those models."""

    answer: Float[Array, "pool question m"]
    """A_S(m), m = 1..k."""
    below: Float[Array, "pool question m"]
    """Π P(T < m)."""
    upto: Float[Array, "pool question m"]
    """Π P(T ≤ m)."""


def pool_accuracy(laws: ModeLaw, weight: Float[Array, " question"] | None = None) -> Float[Array, " pool"]:
    """Mean SLM-MUX accuracy of all 2^n pools.

    Args:
        laws: laws [model, question, m], models in tie-break order, the most preferred first, same k.
        weight: weight of each question; default equal weights of sum 1.
    Returns:
        Accuracy by bitmask: bit i stands for model i; the empty pool has 0.
    """
    correct = jnp.asarray(laws.correct)
    models, questions, _ = correct.shape
    weight = jnp.full(questions, 1 / questions) if weight is None else jnp.asarray(weight)
    upper = models // 2
    high = half(ModeLaw(*(part[:upper] for part in laws)))
    low = half(ModeLaw(*(part[upper:] for part in laws)))

    def flat(part: Array) -> Array:
        return part.reshape(part.shape[0], -1)

    weighted = weight[:, None]
    table = flat(low.answer * weighted) @ flat(high.below).T + flat(low.upto * weighted) @ flat(high.answer).T
    return table.reshape(-1)  # low bits are the more preferred models


def half(laws: ModeLaw) -> Half:
    """All subsets of the models of ``laws`` [model, question, m], bit i for model i."""
    correct, upto = jnp.asarray(laws.correct)[..., 1:], jnp.cumsum(jnp.asarray(laws.top), -1)
    below, upto = upto[..., :-1], upto[..., 1:]
    one = jnp.ones((1, *correct.shape[1:]))
    answer, lower, whole = 0 * one, one, one
    # the least preferred model is the highest bit; each more preferred one is added to all pools so far
    for i in reversed(range(correct.shape[0])):
        with_i = answer * below[i] + correct[i] * whole
        answer, lower, whole = (
            jnp.stack(pair, 1).reshape(-1, *correct.shape[1:])
            for pair in ((answer, with_i), (lower, lower * below[i]), (whole, whole * upto[i]))
        )
    return Half(answer, lower, whole)


def pool_accuracy_per_question(
    laws: ModeLaw, pools: Bool[np.ndarray, "pool model"]
) -> Float[np.ndarray, "pool question"]:
    """SLM-MUX accuracy of chosen pools on each question.

    Args:
        laws: laws [model, question, m], models in tie-break order, the most preferred first, same k.
        pools: which models each pool has.
    """
    correct = np.asarray(laws.correct)[..., 1:]
    upto = np.cumsum(np.asarray(laws.top), -1)
    below, upto = upto[..., :-1], upto[..., 1:]
    pools = np.asarray(pools, bool)
    accuracy = np.zeros((len(pools), correct.shape[1]))
    step = max(_NUMBERS_AT_ONCE // max(correct[0].size, 1), 1)
    for start in range(0, len(pools), step):
        block = pools[start : start + step]
        answer = np.zeros((len(block), *correct.shape[1:]))
        whole = np.ones_like(answer)
        for i in reversed(range(len(correct))):
            has = block[:, i]
            answer[has] = answer[has] * below[i] + correct[i] * whole[has]
            whole[has] *= upto[i]
        accuracy[start : start + step] = answer.sum(-1)
    return accuracy
