"""Whether the posterior can be trusted: convergence of the chains, and the pilot against its own replicas."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float
from scipy.special import expit

if TYPE_CHECKING:
    from .answers import AnswerCounts
    from .posterior import Posterior

R_HAT_LIMIT = 1.05
ESS_LIMIT = 60


def diagnose(posterior: Posterior, counts: AnswerCounts, chains: int) -> dict[str, Any]:
    """R-hat and effective sample size of the figures a forecast is made of."""
    right = expit(posterior.difficulty.logits[..., posterior.channel[1]].astype(float))
    figures = np.concatenate([right.mean(1), right.std(1), (right.max(-1)).mean(1)[:, None]], 1)
    by_chain = figures.reshape(chains, -1, figures.shape[-1])
    r_hat, ess = split_r_hat(by_chain), effective_draws(by_chain)
    found = {
        "chains": chains,
        "draws": len(figures),
        "r_hat_max": round(float(r_hat.max()), 4),
        "ess_min": round(float(ess.min()), 1),
    }
    found["converged"] = bool(found["r_hat_max"] <= R_HAT_LIMIT and found["ess_min"] >= ESS_LIMIT)
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
