"""SLM-MUX: answer with the mode of the most self-consistent model, exactly.

Order the chosen models by validation accuracy and write j ≺ i if j is preferred to i when their confidences tie.
Given a question, models are independent, so

    Acc = Σ_i Σ_{m≥1} R_i(m) Π_{j≺i} P(T_j < m) Π_{j≻i} P(T_j ≤ m)

with R_i and T_i of ``consistency``. Where the numbers of samples differ, m/k_i are compared. A question on
which every model is blank has no answer and is wrong. With laws of logged samples this is a product of U-statistics:
an unbiased estimate, with no Monte Carlo noise. Source: arXiv 2510.05077 Algorithm 1; the exact form is ours.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Array, Float

from .arrays import namespace, numpy_or_jit
from .consistency import ModeLaw


class MuxLaw(NamedTuple):
    """What SLM-MUX does on each question. Models in tie-break order, most preferred first."""

    accuracy: Float[Array, " question"]
    """P(the answer is correct)."""
    chosen: Float[Array, "model question"]
    """P(this model's mode is the answer); sums over models to 1 − ``silent``."""
    chosen_correct: Float[Array, "model question"]
    """P(this model's mode is the answer and is correct); sums over models to ``accuracy``."""
    confidence: Float[Array, "question m"]
    """P(the winning top count is m), m = 0..k; m = 0 is ``silent``."""
    confidence_correct: Float[Array, "question m"]
    """P(the winning top count is m and the answer is correct)."""
    silent: Float[Array, " question"]
    """P(every sample of every model is blank): no answer."""
    union: Float[Array, " question"]
    """P(the mode of some model is correct): what a perfect selection would score."""

    @property
    def lost(self) -> Float[Array, " question"]:
        """P(some model's mode is correct but the answer is not): the price of selecting by confidence."""
        return self.union - self.accuracy

    def confidently_wrong(self, at_least: int) -> Float[Array, " question"]:
        """P(the answer is wrong and its top count is ``at_least`` or more)."""
        return (self.confidence - self.confidence_correct)[..., max(at_least, 1) :].sum(-1)


def mux_accuracy(laws: ModeLaw) -> Float[Array, " question"]:
    """Exact accuracy of SLM-MUX with the same number of samples for every model.

    Args:
        laws: laws of the mode stacked ``model question m``, in tie-break order, most preferred first.
    """
    return _accuracy(laws)


@numpy_or_jit
def _accuracy(xp: Any, laws: ModeLaw) -> Any:
    upto = xp.cumsum(laws.top, -1)
    correct, others = xp.zeros_like(laws.correct[0]), xp.ones_like(laws.correct[0])
    for i in reversed(range(laws.top.shape[0])):
        correct = correct * (upto[i] - laws.top[i]) + laws.correct[i] * others
        others = others * upto[i]
    return correct.sum(-1)


def mux_law(laws: ModeLaw) -> MuxLaw:
    """Everything SLM-MUX does on each question; arguments as in ``mux_accuracy``."""
    return _law(laws)


@numpy_or_jit
def _law(xp: Any, laws: ModeLaw) -> MuxLaw:
    wins = _winning(xp, laws.top)  # P(the others let m of model i win)
    chosen = laws.top * wins
    correct = laws.correct * wins
    silent = xp.prod(laws.top[..., 0], 0)
    chosen = xp.concatenate([xp.zeros_like(chosen[..., :1]), chosen[..., 1:]], -1)
    confidence = chosen.sum(0)
    confidence = xp.concatenate([silent[..., None], confidence[..., 1:]], -1)
    return MuxLaw(
        accuracy=correct.sum((0, -1)),
        chosen=chosen.sum(-1),
        chosen_correct=correct.sum(-1),
        confidence=confidence,
        confidence_correct=correct.sum(0),
        silent=silent,
        union=1 - xp.prod(1 - laws.correct.sum(-1), 0),
    )


def _winning(xp: Any, top: Any) -> Any:
    """Π_{j≺i} P(T_j < m) Π_{j≻i} P(T_j ≤ m), ``model question m``, without dividing."""
    upto = xp.cumsum(top, -1)
    before, running = [], xp.ones_like(top[0])
    for i in range(top.shape[0]):
        before.append(running)
        running = running * (upto[i] - top[i])
    after, running = [], xp.ones_like(top[0])
    for i in reversed(range(top.shape[0])):
        after.append(running)
        running = running * upto[i]
    return xp.stack(before) * xp.stack(after[::-1])


def mux_accuracy_uneven(laws: Sequence[ModeLaw], ks: Sequence[int]) -> Float[Array, " question"]:
    """Exact accuracy of SLM-MUX when model i has ``ks[i]`` samples: the fractions m/k_i are compared.

    Args:
        laws: one law ``question m`` per model, m = 0..k_i, in tie-break order.
        ks: samples of each model.
    Raises:
        ValueError: a law whose last axis is not k_i + 1 long.
    """
    return sum(correct.sum(-1) for correct, _ in _uneven(laws, ks))


def mux_chosen_uneven(
    laws: Sequence[ModeLaw], ks: Sequence[int]
) -> tuple[Float[Array, "model question"], Float[Array, "model question"]]:
    """P(model i is chosen and correct) and P(model i is chosen), arguments as in ``mux_accuracy_uneven``."""
    xp = namespace(laws)
    correct, chosen = zip(*_uneven(laws, ks), strict=True)
    return xp.stack([one.sum(-1) for one in correct]), xp.stack([one.sum(-1) for one in chosen])


def _uneven(laws: Sequence[ModeLaw], ks: Sequence[int]) -> list[tuple[Any, Any]]:
    """Per model, over m ≥ 1: P(chosen with count m and correct), P(chosen with count m)."""
    xp = namespace(laws)
    for i, (law, k) in enumerate(zip(laws, ks, strict=True)):
        if law.top.shape[-1] != k + 1:
            raise ValueError(f"law {i} has {law.top.shape[-1]} top counts; k = {k} needs {k + 1}")
    upto = [xp.cumsum(law.top, -1) for law in laws]
    parts = []
    for i, (law, k) in enumerate(zip(laws, ks, strict=True)):
        m = np.arange(1, k + 1)
        wins = xp.ones_like(law.top[..., 1:])
        for j, other in enumerate(ks):
            if j < i:  # T_j / k_j < m / k_i
                wins = wins * upto[j][..., -(-m * other // k) - 1]
            elif j > i:  # T_j / k_j ≤ m / k_i
                wins = wins * upto[j][..., m * other // k]
        parts.append((law.correct[..., 1:] * wins, law.top[..., 1:] * wins))
    return parts
