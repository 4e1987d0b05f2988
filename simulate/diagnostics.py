"""Whether the posterior can be trusted: convergence of the chains, and the pilot against its own replicas."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float
from scipy.special import expit

if TYPE_CHECKING:
    from .answers import AnswerCounts
    from .posterior import Posterior

R_HAT_LIMIT = 1.1
"""Chains further apart than this are run again, longer."""
ESS_LIMIT = 40
"""Fewer effective draws than this, likewise."""
STRANGE = 0.01
"""A posterior predictive p-value below this earns a note."""
_REPLICAS = 100


def convergence(right: Float[np.ndarray, "draw question model"], chains: int) -> dict[str, Any]:
    """R-hat and effective draws of what a forecast is made of: level, spread and best of each question.

    Args:
        right: posterior draws of the chance to be right, chains one after the other.
        chains: how many chains there are.
    """
    figures = np.concatenate([right.mean(1), right.std(1), right.max(-1).mean(1)[:, None]], 1)
    by_chain = figures.reshape(chains, -1, figures.shape[-1])
    # a figure that hardly moves matters to no forecast, however its chains disagree in the last digits
    moving = figures.std(0) > 1e-4
    if not moving.any():
        return {
            "chains": chains,
            "draws": len(figures),
            "r_hat_max": 1.0,
            "ess_min": float(len(figures)),
            "converged": True,
        }
    r_hat = float(split_r_hat(by_chain)[moving].max())
    ess = float(effective_draws(by_chain)[moving].min())
    return {
        "chains": chains,
        "draws": len(figures),
        "r_hat_max": round(r_hat, 4),
        "ess_min": round(ess, 1),
        "converged": bool(r_hat <= R_HAT_LIMIT and ess >= ESS_LIMIT),
    }


def predictive_checks(posterior: Posterior, counts: AnswerCounts, seed: int) -> dict[str, float]:
    """Posterior predictive p-values: is the pilot a likely draw of the fitted population?

    Replicas are pilots of the same size on *fresh* questions of the population, so that the shape of
    difficulty and the correlation of models are put to the test and not only each question's own fit.
    A value near 0 or 1 means that the pilot is unlike its replicas in that respect.

    Source: Gelman, Meng & Stern (1996), Statistica Sinica 6, 733; fresh questions as their mixed replicas.
    """
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(4,)))
    at = np.linspace(0, posterior.draws, min(_REPLICAS, posterior.draws), endpoint=False).astype(int)
    task = np.broadcast_to(posterior.wrong.task, (len(at), len(posterior.wrong.task)))
    logits = posterior.difficulty.take(at).new_logits(rng, task, posterior.kind)
    drawn = counts.samples
    answered = drawn - counts.blanks
    replica = rng.binomial(answered, expit(logits[..., posterior.channel[1]]))
    seen = answered > 0
    checks = {}
    for name, figure in _FIGURES.items():
        observed, replicated = figure(counts.correct, answered, seen), figure(replica, answered, seen)
        checks[name] = round(float((replicated > observed).mean() + 0.5 * (replicated == observed).mean()), 3)
    return checks


def _all_right(correct, answered, seen):
    return ((correct == answered) & seen).mean((-2, -1))


def _all_wrong(correct, answered, seen):
    return ((correct == 0) & seen).mean((-2, -1))


def _spread_of_questions(correct, answered, seen):
    """Variance over questions of the share correct of all models together: grows with their correlation."""
    return (correct.sum(-1) / np.maximum(answered.sum(-1), 1)).var(-1)


def _someone_right(correct, answered, seen):
    return (correct > 0).any(-1).mean(-1)


_FIGURES: dict[str, Callable[..., Float[np.ndarray, "*replica"]]] = {
    "all_right": _all_right,
    "all_wrong": _all_wrong,
    "question_spread": _spread_of_questions,
    "someone_right": _someone_right,
}


def remarks(diagnostics: dict[str, Any]) -> list[str]:
    """What a reader of the forecast must know about the diagnostics; empty when all is well."""
    found = []
    if not diagnostics["converged"]:
        found.append(
            f"the chains have not converged (R-hat {diagnostics['r_hat_max']}, {diagnostics['ess_min']:.0f} effective "
            "draws) even after a longer run: the intervals may be too narrow; a larger pilot helps"
        )
    for name, value in diagnostics["predictive_p"].items():
        if min(value, 1 - value) < STRANGE:
            found.append(
                f"the pilot is unlike the fitted population in {name.replace('_', ' ')} (p = {value}): "
                "read forecasts for new questions with care"
            )
    return found


def split_r_hat(draws: Float[np.ndarray, "chain draw figure"]) -> Float[np.ndarray, " figure"]:
    """Split R-hat; about 1 when all chains, and both halves of each, agree.

    Source: Gelman et al., Bayesian Data Analysis, 3rd edition, section 11.4.
    """
    half = draws.shape[1] // 2
    parts = np.concatenate([draws[:, :half], draws[:, half : 2 * half]])
    within = parts.var(1, ddof=1).mean(0)
    between = parts.mean(1).var(0, ddof=1)
    return np.sqrt((half - 1) / half + between / np.maximum(within, 1e-30))


def effective_draws(draws: Float[np.ndarray, "chain draw figure"]) -> Float[np.ndarray, " figure"]:
    """Effective sample size: the number of independent draws with the same precision of the mean.

    Sum of autocorrelations over all chains, cut at the first negative pair (Geyer 1992).
    """
    chains, length, _ = draws.shape
    centred = draws - draws.mean((0, 1))
    size = 2 ** int(np.ceil(np.log2(2 * length)))
    spectrum = np.abs(np.fft.rfft(centred, size, axis=1)) ** 2
    cov = np.fft.irfft(spectrum, size, axis=1)[:, :length].mean(0) / length
    rho = cov / np.maximum(cov[0], 1e-30)
    pairs = rho[0 : 2 * (length // 2) : 2] + rho[1 : 2 * (length // 2) : 2]
    positive = np.cumprod(pairs > 0, axis=0)
    time = np.maximum(2 * (pairs * positive).sum(0) - 1, 1 / np.log10(chains * length + 10))
    return chains * length / time
