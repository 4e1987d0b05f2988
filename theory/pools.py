"""Every pool at once: SLM-MUX on all 2^n sets of models, by meeting in the middle.

Add models from the least to the most preferred in a tie. With G_S(m) = Π_{j∈S} P(T_j ≤ m),
H_S(m) = Π_{j∈S} P(T_j < m) and A_S(m) the probability that S answers correctly with winning count m,

    A_{S∪i}(m) = A_S(m) P(T_i < m) + R_i(m) G_S(m).

The recursion also joins whole sets: if every model of U is preferred to every model of V,

    A_{U∪V}(m) = H_U(m) A_V(m) + A_U(m) G_V(m),

so with the more preferred half's subsets U and the other half's V, the mean over questions of every U∪V is one
matrix product of two tables with 2^{n/2} rows. All pools cost 2^{n+2} × questions × k flops, linear in each. Ours.

A pool is a bit mask: bit i set means that model i, in tie-break order, most preferred first, is in it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Array, Bool, Float

from .arrays import namespace, numpy_or_jit
from .consistency import ModeLaw

TABLE_NUMBERS = 2**25  # numbers in one table of subsets (256 MiB); questions are taken in blocks that fit


def pool_masks(models: int) -> Bool[np.ndarray, "pool model"]:
    """Membership of all 2^n pools, row = bit mask."""
    return (np.arange(2**models)[:, None] >> np.arange(models) & 1).astype(bool)


def pool_accuracy(laws: ModeLaw, weights: Float[Array, " question"] | None = None) -> Float[Array, " pool"]:
    """Accuracy of SLM-MUX for every subset of the models: the mean over questions.

    Args:
        laws: laws of the mode ``model question m`` in tie-break order; zeros beyond a law's k are exact padding.
        weights: weight of each question, summing to 1; equal by default.
    Returns:
        Indexed by bit mask, 2^n long; the empty pool scores 0. NumPy laws give a NumPy result without compiling.
    """
    return _sweep(laws.correct, laws.top, weights)


def pool_expectation(
    laws: ModeLaw, value: Float[Array, "model question"], weights: Float[Array, " question"] | None = None
) -> Float[Array, " pool"]:
    """Mean over questions of the chosen model's ``value``, for every subset; a silent pool counts 0.

    With value 1 it is the probability of answering; with the indicator of a model, how often that model is chosen.
    """
    return _sweep(laws.top * value[..., None], laws.top, weights)


def pool_cost(cost: Float[Array, "model question"]) -> Float[Array, " pool"]:
    """Mean over questions of a quantity that every member spends, such as k_i × tokens per sample, for every subset."""
    xp = namespace(cost)
    total = xp.zeros(1)
    for one in cost.mean(-1)[::-1]:
        total = xp.stack([total, total + one], 1).reshape(-1)
    return total


def pool_accuracy_per_question(laws: ModeLaw, pools: Bool[Array, "pool model"]) -> Float[Array, "pool question"]:
    """Accuracy of SLM-MUX on every question, for the chosen ``pools`` (rows of membership)."""
    return _per_question(laws, pools)


@numpy_or_jit
def _per_question(xp: Any, laws: ModeLaw, pools: Any) -> Any:
    upto = xp.cumsum(laws.top, -1)
    shape = (pools.shape[0], *laws.top.shape[1:])
    correct, others = xp.zeros(shape), xp.ones(shape)
    for i in reversed(range(laws.top.shape[0])):
        member = pools[:, i][:, None, None]
        correct = xp.where(member, correct * (upto[i] - laws.top[i]) + laws.correct[i] * others, correct)
        others = xp.where(member, others * upto[i], others)
    return correct.sum(-1)


def _sweep(winning: Any, top: Any, weights: Any) -> Any:
    models, questions, counts = top.shape
    weights = np.full(questions, 1 / max(questions, 1)) if weights is None else weights
    block = max(TABLE_NUMBERS // (2 ** ((models + 1) // 2) * counts), 1)
    total = 0.0
    for start in range(0, questions, block):
        part = slice(start, start + block)
        total = total + _block(winning[:, part], top[:, part], weights[part])
    return total


@numpy_or_jit
def _block(xp: Any, winning: Any, top: Any, weights: Any) -> Any:
    upto = xp.cumsum(top, -1)
    under = (upto - top)[..., 1:]  # nobody wins with a top count of 0
    winning, upto = winning[..., 1:], upto[..., 1:]
    half = top.shape[0] // 2
    a_first, _, h_first = _subsets(xp, winning[:half], upto[:half], under[:half])
    a_last, g_last, _ = _subsets(xp, winning[half:], upto[half:], under[half:])
    first = xp.concatenate([h_first, a_first], -1) * weights[:, None]
    last = xp.concatenate([a_last, g_last], -1)
    return (last.reshape(len(last), -1) @ first.reshape(len(first), -1).T).reshape(-1)


def _subsets(xp: Any, winning: Any, upto: Any, under: Any) -> tuple[Any, Any, Any]:
    """A, G and H of every subset, ``subset question m``, adding models from the last to the first."""
    shape = (1, *winning.shape[1:])
    a, g, h = xp.zeros(shape), xp.ones(shape), xp.ones(shape)
    for i in reversed(range(winning.shape[0])):
        a, g, h = (
            xp.stack(both, 1).reshape(-1, *shape[1:])
            for both in ((a, a * under[i] + winning[i] * g), (g, g * upto[i]), (h, h * under[i]))
        )
    return a, g, h
