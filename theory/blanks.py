"""Blanks counted or dropped, and any mixture of sample numbers, on one scale of confidences.

The paper divides a mode's count by k, so that blanks lower the confidence (``counted``). The authors' code divides
by the samples that gave an answer (``dropped``), so that a model that is blank 4 times of 5 and answers once has full
confidence.

Given b blanks, the k − b answers follow the law without blanks at k − b samples. Hence, on the scale of all fractions
m/s with 1 ≤ m ≤ s ≤ k,

    P(confidence = m/s, correct) = Σ_b P(b blanks) R_{k−b}(m) [m/(k−b) = m/s] .

Laws on a common scale of confidences are compared by ``selection.mux_accuracy`` and ``pools`` as they stand: those use
only the order. ``on_scale`` does the same for models with different numbers of samples. Ours; the two conventions are
those of arXiv 2510.05077 and of its published code.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np
from jaxtyping import Array, Float, Int
from scipy.special import gammaln

from .arrays import namespace
from .consistency import ModeLaw, Ties, mode_law_known, mode_law_posterior, refuse_short
from .tables import sweep_of_counts


def confidence_scale(ks: Sequence[int]) -> list[Fraction]:
    """All confidences m/s with m ≤ s for s in ``ks``, ascending, 0 (no answer) first."""
    return sorted({Fraction(0)} | {Fraction(m, s) for s in ks if s for m in range(1, s + 1)})


def on_scale(law: ModeLaw, k: int, scale: Sequence[Fraction]) -> ModeLaw:
    """Spread a law ``*batch m``, m = 0..k, over a scale of confidences that holds all m/k."""
    xp = namespace(law)
    place = {fraction: i for i, fraction in enumerate(scale)}
    spread = np.zeros((k + 1, len(scale)))
    for m in range(k + 1):
        spread[m, place[Fraction(m, max(k, 1))]] = 1
    return ModeLaw(law.correct @ xp.asarray(spread), law.top @ xp.asarray(spread))


def without_blanks(answered: ModeLaw, blanks: Float[Array, "*batch b"]) -> ModeLaw:
    """The law with blanks dropped, on ``confidence_scale(range(1, k + 1))``.

    Args:
        answered: laws of answers alone after s = 0..k samples, ``*batch samples m`` (``every_k=True``); entries may
            be nan where that many answers are impossible.
        blanks: P(b of the k samples are blank), b = 0..k.
    """
    xp = namespace(answered, blanks)
    k = blanks.shape[-1] - 1
    scale = confidence_scale(range(1, k + 1))
    correct = top = 0.0
    for b in range(k + 1):
        share = blanks[..., b, None]
        part = (xp.where(share > 0, law[..., k - b, : k - b + 1], 0.0) * share for law in answered)
        spread = on_scale(ModeLaw(*part), k - b, scale)
        correct, top = correct + spread.correct, top + spread.top
    return ModeLaw(correct, top)


def dropped_known(
    p: Float[Array, "*batch class"], blank: Float[Array, "*batch"], k: int, *, ties: Ties = "uniform"
) -> ModeLaw:
    """``mode_law_known`` with blanks dropped, on ``confidence_scale(range(1, k + 1))``."""
    xp = namespace(p, blank)
    # a single class of answers: its count is the number that is not blank
    chance = mode_law_known((1 - blank)[..., None], blank, k).top[..., ::-1]
    answers = p + xp.where(p.sum(-1, keepdims=True) > 0, 0.0, 1.0)  # a model that is always blank: any law will do
    return without_blanks(mode_law_known(answers, xp.zeros_like(blank), k, ties=ties, every_k=True), chance)


def dropped_logged(
    counts: Int[np.ndarray, "*batch class"], blanks: Int[np.ndarray, "*batch"], k: int, *, ties: Ties = "uniform"
) -> ModeLaw:
    """``mode_law_logged`` with blanks dropped: NumPy counts ``*batch class`` and blanks ``*batch``."""
    counts, blanks = np.asarray(counts), np.asarray(blanks)
    n, b = counts.sum(-1)[..., None], np.arange(k + 1)
    refuse_short(n[..., 0] + blanks, k)
    chance = np.exp(_log_choose(blanks[..., None], b) + _log_choose(n, k - b) - _log_choose(n + blanks[..., None], k))
    flat = counts.reshape(1, -1, counts.shape[-1])
    # rows with few answers are nan beyond them, and those numbers of answers have no chance
    swept = sweep_of_counts(flat, np.zeros(flat.shape[:2], int), np.ones(1, int), k, ties=ties)
    answered = (part.reshape(*counts.shape[:-1], k + 1, k + 1) for part in swept)
    return without_blanks(ModeLaw(*answered), chance)


def dropped_posterior(
    alpha: Float[Array, "*batch class"],
    alpha_blank: Float[Array, "*batch"],
    k: int,
    *,
    theta: Any = 0.0,
    ties: Ties = "uniform",
) -> ModeLaw:
    """``mode_law_posterior`` with blanks dropped: blanks are beta-binomial, answers keep their urn."""
    xp = namespace(alpha, alpha_blank, theta)
    total = alpha.sum(-1) + theta
    chance = mode_law_posterior(total[..., None], alpha_blank, k).top[..., ::-1]
    law = mode_law_posterior(alpha, xp.zeros_like(alpha_blank), k, theta=theta, ties=ties, every_k=True)
    return without_blanks(law, chance)


def _log_choose(n: Any, j: Any) -> Any:
    with np.errstate(invalid="ignore"):
        value = gammaln(n + 1.0) - gammaln(j + 1.0) - gammaln(np.maximum(n - j, 0) + 1.0)
    return np.where((j <= n) & (j >= 0), value, -np.inf)
