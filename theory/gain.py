"""Why a pool gains: an account of SLM-MUX's accuracy that adds up exactly.

Compare with the best single model b under self-consistency, both at k samples. In one joint draw of the pool, b's
mode is right or not, and the pool's answer is right or not. The answers differ only if another model is chosen:

    Acc(S, k) = Acc(b, 1)                                  one sample of the best single model
              + [Acc(b, k) − Acc(b, 1)]                    mode effect: what sampling alone brings
              + P(b's mode is wrong, the answer is right)  complementarity won
              − P(b's mode is right, the answer is wrong)  contradictions lost

The last two are exact per question: given that b's mode is right with count t, the pool is wrong only if another model
is chosen and wrong. Both split over the chosen model. Ours.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from jaxtyping import Array, Float

from .arrays import namespace, numpy_or_jit
from .consistency import ModeLaw


class Gain(NamedTuple):
    """Terms of the account, per question; ``accuracy`` = ``one_sample`` + ``mode`` + Σ ``won`` − Σ ``lost``."""

    accuracy: Float[Array, " question"]
    """Of SLM-MUX on the pool."""
    one_sample: Float[Array, " question"]
    """Of one sample of the reference model."""
    mode: Float[Array, " question"]
    """What k samples bring the reference model on its own; negative where it is wrong more often than right."""
    won: Float[Array, "model question"]
    """P(this model is chosen and right, the reference's mode is wrong or blank)."""
    lost: Float[Array, "model question"]
    """P(this model is chosen and wrong, the reference's mode is right)."""


def account_of_gain(laws: ModeLaw, one_sample: Float[Array, " question"], reference: int) -> Gain:
    """Account for the accuracy of SLM-MUX against one of its members.

    Args:
        laws: laws of the mode ``model question m``, in tie-break order, same k.
        one_sample: P(one sample of the reference model is correct), p(0) or the share of correct samples.
        reference: index of the member to compare with, usually the best single one.
    """
    won, lost, single, accuracy = _terms(laws, _marker(laws, reference))
    return Gain(accuracy, one_sample, single - one_sample, won, lost)


def _marker(laws: ModeLaw, reference: int) -> Any:
    xp = namespace(laws)
    return xp.asarray([float(i == reference) for i in range(laws.top.shape[0])])


@numpy_or_jit
def _terms(xp: Any, laws: ModeLaw, marker: Any) -> Any:
    models = laws.top.shape[0]
    wrong = laws.top - laws.correct
    upto, upto_right, upto_wrong = (xp.cumsum(part, -1) for part in (laws.top, laws.correct, wrong))

    def under(j: int, i: int, whole: Any, part: Any) -> Any:
        """P(T_j loses to m of model i), m = 0..k."""
        return whole[j] - part[j] if j < i else whole[j]

    won, lost, accuracy = [], [], 0.0
    for i in range(models):
        others = xp.ones_like(laws.top[i])
        given_right, given_wrong = xp.ones_like(others), xp.ones_like(others)
        for j in range(models):
            if j == i:
                continue
            loses = under(j, i, upto, laws.top)
            is_reference = marker[j]
            others = others * loses
            given_right = given_right * xp.where(is_reference > 0, under(j, i, upto_right, laws.correct), loses)
            given_wrong = given_wrong * xp.where(is_reference > 0, under(j, i, upto_wrong, wrong), loses)
        accuracy = accuracy + (laws.correct[i] * others).sum(-1)
        elsewhere = 1 - marker[i]
        won.append(elsewhere * (laws.correct[i] * given_wrong).sum(-1))
        lost.append(elsewhere * (wrong[i] * given_right)[..., 1:].sum(-1))
    single = (marker[:, None] * laws.correct.sum(-1)).sum(0)
    return xp.stack(won), xp.stack(lost), single, accuracy
