"""Coverage: the chance that at least one of k samples is correct, and laws for how it grows.

pass@k = 1 − C(n − c, k)/C(n, k) from c correct of n samples is unbiased (Chen et al., arXiv 2107.03374).
If the difficulty p is Beta(a, b), the failure probability is E(1 − p)^k = B(a, b + k)/B(a, b) ~ Γ(a+b)/Γ(b) k^{−a}:
a power law with exponent a (Schaeffer et al., arXiv 2502.17578). If a share 1 − c of the questions cannot be solved at
all, coverage is scaled, c (1 − B(a, b + k)/B(a, b)), and saturates at c. The beta law is c = 1.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Array, Float, Int
from scipy.optimize import minimize
from scipy.special import betaln, gammaln

from .arrays import namespace


class CoverageLaw(NamedTuple):
    """Scaled beta-binomial coverage."""

    a: float
    """Beta parameter of correct samples; the exponent of the power law."""
    b: float
    """Beta parameter of wrong samples."""
    solvable: float = 1.0
    """Share c of questions that can be solved at all."""


def pass_at_k(correct: Int[Array, "*batch"], samples: Int[Array, "*batch"], k: int) -> Float[Array, "*batch"]:
    """Unbiased estimate of P(at least one of k samples is correct) from ``correct`` of ``samples``.

    nan where fewer than k samples were drawn. Blank samples are among ``samples``: they are wrong.
    """
    xp = namespace(correct, samples)
    correct, samples = xp.asarray(correct, dtype=float), xp.asarray(samples, dtype=float)
    j = np.arange(k)
    left = samples[..., None] - j
    miss = xp.where(left > 0, xp.maximum(left - correct[..., None], 0.0) / xp.where(left > 0, left, 1.0), 1.0).prod(-1)
    return xp.where(samples >= k, 1 - miss, xp.nan)


def coverage_after(law: CoverageLaw, k: Any) -> Float[np.ndarray, "*k"]:
    """Coverage after k samples under a (scaled) beta law; k may be any positive array."""
    k = np.asarray(k, float)
    return law.solvable * -np.expm1(betaln(law.a, law.b + k) - betaln(law.a, law.b))


def power_law(law: CoverageLaw) -> tuple[float, float]:
    """(scale, exponent) of the law's tail: coverage → c (1 − scale · k^−exponent)."""
    return float(np.exp(gammaln(law.a + law.b) - gammaln(law.b))), law.a


def log_likelihood(
    law: CoverageLaw, correct: Int[np.ndarray, " question"], samples: Int[np.ndarray, " question"]
) -> float:
    """Log-likelihood of correct counts, up to the binomial coefficients."""
    correct, samples = np.asarray(correct, float), np.asarray(samples, float)
    beta = betaln(law.a + correct, law.b + samples - correct) - betaln(law.a, law.b)
    return float(np.where(correct > 0, np.log(law.solvable) + beta, np.log1p(law.solvable * np.expm1(beta))).sum())


def fit_coverage(
    correct: Int[np.ndarray, " question"], samples: Int[np.ndarray, " question"], *, scaled: bool = False
) -> CoverageLaw:
    """Maximum-likelihood (scaled) beta-binomial coverage.

    Args:
        correct: correct samples of each question.
        samples: samples of each question; may differ.
        scaled: also estimate the share of solvable questions. Poorly identified from few samples a question.
    Raises:
        ValueError: every sample is right or every sample is wrong: no law fits better than its limit.
    """
    correct, samples = np.asarray(correct), np.asarray(samples)
    if correct.sum() in (0, samples.sum()):
        raise ValueError("coverage cannot be fitted: all samples are right or all are wrong")

    def law(x: np.ndarray) -> CoverageLaw:
        a, b = np.exp(np.clip(x[:2], -8, 8))
        return CoverageLaw(float(a), float(b), float(1 / (1 + np.exp(-x[2]))) if scaled else 1.0)

    start = np.array([0.0, 0.0, 2.0]) if scaled else np.zeros(2)
    found = minimize(lambda x: -log_likelihood(law(x), correct, samples), start, method="Nelder-Mead")
    return law(found.x)
