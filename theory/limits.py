"""What more samples can still bring: the plateau, the rate of approach to it, and where to stop.

As k → ∞ each model answers its most probable class and T/k → its probability, so SLM-MUX answers with the most
concentrated model: the accuracy has a plateau that no sampling can pass.

A rival class of probability p₂ < p₁ matches or beats the mode after k samples with probability at most
(1 − (√p₁ − √p₂)²)^k: Chernoff's bound, E s^(N₂ − N₁) = (1 − p₁ − p₂ + p₁/s + p₂ s)^k at its minimum s = √(p₁/p₂).

With a share α of easy questions (p₁ > ½) and the rest hard (p₂ < ½), the accuracy of a two-answer vote rises and then
falls; it peaks near (Chen et al., arXiv 2403.02419)

    K* = 2 log[ α/(1−α) · (2p₁−1)/(1−2p₂) ] / log[ p₂(1−p₂) / (p₁(1−p₁)) ].
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Array, Float

from .arrays import namespace

SAME = 1e-12  # probabilities closer than this are tied in the limit


class Plateau(NamedTuple):
    """Accuracy as the number of samples grows without bound, per question."""

    single: Float[Array, "model question"]
    """Of each model's mode: 1 if the correct class is its most probable one, 1/t if tied among t."""
    mux: Float[Array, " question"]
    """Of SLM-MUX: that of the most concentrated model. Where two are equally concentrated, their top counts
    scatter about each other for ever and each wins equally often in the limit."""


def plateau(p: Float[Array, "model question class"]) -> Plateau:
    """Limits of accuracy as k → ∞, for known answer probabilities, class 0 correct.

    Blanks are what ``p`` lacks to 1: they lower the confidence, and can never win. Models exactly tied
    in concentration share the win equally; this is exact for equally distributed top counts.
    """
    xp = namespace(p)
    top = p.max(-1)
    tied = p >= top[..., None] - SAME
    single = xp.where(tied[..., 0] & (top > SAME), 1.0 / tied.sum(-1), 0.0)
    wins = (top >= top.max(0) - SAME) & (top > SAME)
    return Plateau(single, (single * wins).sum(0) / xp.maximum(wins.sum(0), 1))


def rival_bound(first: Float[Array, "*batch"], rival: Float[Array, "*batch"], k: Any) -> Float[Array, "*batch"]:
    """Upper bound on P(a class of probability ``rival`` is drawn at least as often as one of ``first``), k draws.

    1 where the rival is the likelier of the two.
    """
    xp = namespace(first, rival)
    gap = xp.maximum(xp.sqrt(first) - xp.sqrt(rival), 0.0)
    return (1 - gap**2) ** k


def mode_error_bound(p: Float[Array, "*batch class"], k: Any) -> Float[Array, "*batch"]:
    """Upper bound on P(the mode of k samples is not class 0): the sum over rivals, at most 1."""
    xp = namespace(p)
    return xp.minimum(rival_bound(p[..., :1], p[..., 1:], k).sum(-1), 1.0)


def samples_for_mode(p: Float[Array, "*batch class"], error: float) -> Float[Array, "*batch"]:
    """Samples that certainly suffice for the most probable class to be the mode with probability 1 − ``error``.

    From the union of Chernoff's bounds with the closest rival's rate; inf where two classes tie at the top.
    """
    xp = namespace(p)
    ordered = -xp.sort(-p, axis=-1)
    gap = xp.sqrt(ordered[..., 0]) - xp.sqrt(ordered[..., 1])
    rivals = xp.maximum((ordered[..., 1:] > 0).sum(-1), 1)
    rate = -xp.log1p(-xp.minimum(gap**2, 1 - 1e-300))
    return xp.where(gap > SAME, xp.maximum(xp.ceil(xp.log(rivals / error) / xp.maximum(rate, SAME**2)), 1.0), xp.inf)


def enough_samples(accuracy: Float[np.ndarray, " samples"], tolerance: float) -> int:
    """Samples after which more stop paying: the least k within ``tolerance`` of the best later accuracy.

    Args:
        accuracy: mean accuracy after 0, 1, ..., K samples (index = samples).
        tolerance: accuracy one is willing to leave on the table, such as 0.002.
    """
    values = np.asarray(accuracy, float)
    later = np.maximum.accumulate(values[::-1])[::-1]
    return int(np.flatnonzero(later - values <= tolerance)[0])


def best_vote_samples(easy: float, p_easy: float, p_hard: float) -> float:
    """K* of Chen et al.: the number of samples at which a two-answer majority vote is most accurate.

    Args:
        easy: share α of easy questions, strictly between 0 and 1.
        p_easy: probability of a right sample on easy questions, above 1/2.
        p_hard: the same on hard ones, below 1/2.
    Returns:
        K*, real and possibly below 1 (then one sample is best). inf where the error on easy questions decays no faster
        than the damage on hard ones grows, p_hard(1 − p_hard) ≤ p_easy(1 − p_easy): voting then helps in the end.
    Raises:
        ValueError: probabilities outside these ranges.
    """
    if not (0 < easy < 1 and 0.5 < p_easy < 1 and 0 < p_hard < 0.5):
        raise ValueError("K* needs 0 < easy < 1, 1/2 < p_easy < 1 and 0 < p_hard < 1/2")
    odds = np.log(easy / (1 - easy) * (2 * p_easy - 1) / (1 - 2 * p_hard))
    rate = np.log(p_hard * (1 - p_hard) / (p_easy * (1 - p_easy)))
    return float(2 * odds / rate) if rate > 0 else float("inf")
