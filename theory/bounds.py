"""What no selection can beat, and what SLM-MUX cannot fall below.

Let r_i be the chance that the mode of model i is correct and w_i that it is wrong (not blank). Then per question

    UnionAcc = 1 − Π_i (1 − r_i)                        some mode is correct
    Contradiction = P(some mode is wrong and some mode is correct)

**Upper.** A rule that returns a member's mode is right only if some mode is: Acc ≤ UnionAcc. On a log, β is the
share of questions on which no member has a correct mode, and Acc ≤ 1 − β is the same statement.

**Lower.** The printed objective with λ = 1 is O(S) = UnionAcc − Contradiction. With *wrong* meaning any wrong mode,
O(S) = P(some mode is correct and none is wrong) ≤ Acc: on that event every model that says anything says the truth,
and SLM-MUX repeats one of them. Proved, with no assumption on ties, k, or dependence between models.
With *wrong* meaning wrong with full confidence (T = k, the paper's "consistently wrong"), the claim is **refuted**:
a model that gives one wrong answer 8 times of 10 wins the selection, and no contradiction is counted;
``COUNTEREXAMPLE`` holds a case in which O(S) exceeds the accuracy by more than a third.
The lower bound holds for SLM-MUX but is far from tight; see ``mux_bounds``.
Source: arXiv 2510.05077, model selection search; the analysis is ours.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Array, Float

from .arrays import namespace
from .consistency import ModeLaw, mode_accuracy
from .selection import mux_accuracy

COUNTEREXAMPLE: dict[str, Any] = {
    "k": 10,
    "p": np.array([[[0.6, 0.0, 0.1, 0.1, 0.1, 0.1]], [[0.0, 0.8, 0.1, 0.1, 0.0, 0.0]]]),
    "blank": np.zeros((2, 1)),
}
"""Two models, one question: the first is right with p = 0.6, the second is wrong with p = 0.8, but seldom
unanimous in 10 samples.

Columns are model, question, class; class 0 is correct.
"""


class Bounds(NamedTuple):
    """Bounds on the accuracy of SLM-MUX, per question."""

    lower: Float[Array, " question"]
    """UnionAcc − Contradiction with any wrong mode contradicting: P(a correct mode and no wrong one)."""
    accuracy: Float[Array, " question"]
    """The exact accuracy."""
    upper: Float[Array, " question"]
    """UnionAcc: P(some mode is correct)."""


def union_accuracy(laws: ModeLaw) -> Float[Array, " question"]:
    """UnionAcc: P(the mode of some model is correct). Laws ``model question m``."""
    return 1 - (1 - mode_accuracy(laws)).prod(0)


def contradiction(laws: ModeLaw, at_least: int = 1) -> Float[Array, " question"]:
    """P(some mode is wrong with a count of ``at_least`` or more, and some mode is correct).

    Args:
        laws: laws ``model question m`` with the same k.
        at_least: 1 for any wrong mode; k for the paper's consistently wrong.
    """
    right = mode_accuracy(laws)
    wrong = (laws.top - laws.correct)[..., max(at_least, 1) :].sum(-1)
    return 1 - (1 - right).prod(0) - (1 - wrong).prod(0) + (1 - right - wrong).prod(0)


def paper_objective(laws: ModeLaw, at_least: int = 1, weight: float = 1.0) -> Float[Array, " question"]:
    """UnionAcc − λ · Contradiction per question; a lower bound of the accuracy for ``at_least=1, weight=1``."""
    return union_accuracy(laws) - weight * contradiction(laws, at_least)


def mux_bounds(laws: ModeLaw) -> Bounds:
    """Lower bound, exact accuracy and upper bound on each question; laws ``model question m`` in tie-break order."""
    return Bounds(paper_objective(laws), mux_accuracy(laws), union_accuracy(laws))


def ceiling(correct_possible: Float[Array, "model question"]) -> Float[Array, ""]:
    """1 − β: the share of questions that some model can get right at all (probability above 0)."""
    xp = namespace(correct_possible)
    return (xp.asarray(correct_possible) > 0).any(0).mean()
