"""The paper's theory: A(N, p), its two uses, and the three question types; and how far off they are.

    A(N, p) = Σ_{i ≥ N/2} C(N, i) p^i (1 − p)^{N−i}

is the chance that at least half of N samples are right. The paper (arXiv 2510.05077, discussion section) takes
SLM-MUX ≈ A(N, p_max) with p_max the best member's accuracy on the question, and Agent Forest ≈ A(N, p̄) with p̄ the mean.
Both suppose that all wrong answers are one and the same answer and that the most confident model is the best one.
For even N the sum counts a tie as a win, so A(2, p) = 1 − (1 − p)² > p for every p: "A > p only where p > 1/2"
holds for odd N alone. ``approximation_errors`` says what each supposition costs on any population,
``agent_forest_errors`` the same for the pooled vote.
"""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import betainc
from jaxtyping import Array, Float, PRNGKeyArray
from scipy.special import betainc as betainc_numpy

from .arrays import namespace
from .consistency import mode_accuracy, mode_law_known
from .selection import mux_accuracy
from .votes import MOST_STATES, plurality_accuracy, states

MajorityTies = Literal["win", "half", "lose"]
"""An even N split in halves: a ``win`` (the paper's ceiling), a fair coin (``half``), or a loss (``lose``)."""


def composed_accuracy(n: int, p: Float[Array, "*batch"], ties: MajorityTies = "win") -> Float[Array, "*batch"]:
    """A(N, p): the accuracy of a majority of ``n`` independent samples each right with probability ``p``.

    Args:
        n: samples, at least 1.
        p: probability of a right sample.
        ties: see ``MajorityTies``; irrelevant for odd n.
    """
    if n < 1:
        raise ValueError(f"n = {n}; a majority needs at least one sample")
    xp = namespace(p)
    p = xp.asarray(p, dtype=float)
    half = n // 2
    more = _at_least(xp, n, half + 1, p)
    if n % 2 or ties == "lose":
        return more
    tie = _at_least(xp, n, half, p) - more
    return more + (tie if ties == "win" else tie / 2)


def _at_least(xp: Any, n: int, count: int, p: Any) -> Any:
    """P(Binomial(n, p) ≥ count) = I_p(count, n − count + 1)."""
    return (betainc if xp is jnp else betainc_numpy)(float(count), float(n - count + 1), p)


def mux_approximation(
    k: int, p: Float[Array, "model question"], ties: MajorityTies = "win"
) -> Float[Array, " question"]:
    """The paper's A(k, p_max): ``p`` are the members' probabilities of a right sample on each question."""
    return composed_accuracy(k, p.max(0), ties)


def agent_forest_approximation(
    k: int, p: Float[Array, "model question"], ties: MajorityTies = "win"
) -> Float[Array, " question"]:
    """The paper's A(N, p̄) with N = models × k pooled samples and p̄ the members' mean."""
    return composed_accuracy(k * p.shape[0], p.mean(0), ties)


class TypeGain(NamedTuple):
    """The paper's account of what sampling more gains, as shares of all questions."""

    share: Float[Array, " type"]
    """Share of questions of type 1 (p = 1), 2 (1/2 < p < 1) and 3 (p ≤ 1/2)."""
    gain: Float[Array, " type"]
    """Contribution of each type to the mean gain; type 1 contributes 0."""

    @property
    def total(self) -> Float[Array, ""]:
        """Type-2 improvement minus Type-3 degradation."""
        return self.gain.sum()


def type_gain(
    p: Float[Array, " question"], after: Float[Array, " question"], before: Float[Array, " question"] | None = None
) -> TypeGain:
    """Split a mean gain over the paper's question types.

    Args:
        p: probability of a right sample on each question.
        after: accuracy with more samples; ``composed_accuracy(k, p)`` is the paper's, an exact law is the truth.
        before: accuracy to compare with; one sample, ``p``, by default.
    """
    xp = namespace(p, after)
    gain = after - (p if before is None else before)
    kinds = [p >= 1, (p > 0.5) & (p < 1), p <= 0.5]
    return TypeGain(
        xp.stack([kind.mean() for kind in kinds]), xp.stack([xp.where(kind, gain, 0.0).mean() for kind in kinds])
    )


class ApproximationErrors(NamedTuple):
    """Exact accuracies beside the paper's approximations; means over questions, errors in accuracy (0..1)."""

    exact: float
    """SLM-MUX by the exact law."""
    p_max: float
    """A(k, p_max)."""
    best_single: float
    """A(k, p) of the best single model, what p_max would be if one model were best on every question."""
    bias: float
    """p_max − exact."""
    mean_absolute: float
    """Mean over questions of |A(k, p_max) − exact|: bias that cancels between questions still counts here."""
    from_scatter: float
    """Part of the bias from taking all wrong answers as one: A(k, p_max) against the exact mode of the best model."""
    from_selection: float
    """Part of the bias from taking the best model as the chosen one. The two parts add up to ``bias``."""


def approximation_errors(
    p: Float[Array, "model question class"], blank: Float[Array, "model question"], k: int, ties: MajorityTies = "win"
) -> ApproximationErrors:
    """How far A(k, p_max) is from the exact accuracy of SLM-MUX, and why, on a population of questions.

    Args:
        p: answer probabilities, class 0 correct, models in tie-break order.
        blank: probability of a blank sample.
        k: samples per model.
        ties: convention of A for even k.
    """
    laws = mode_law_known(p, blank, k)
    exact, single = mux_accuracy(laws), mode_accuracy(laws)
    approximate = mux_approximation(k, p[..., 0], ties)
    xp = namespace(p, blank)
    best = xp.take_along_axis(single, p[..., 0].argmax(0)[None], 0)[0]
    return ApproximationErrors(
        exact=float(exact.mean()),
        p_max=float(approximate.mean()),
        best_single=float(composed_accuracy(k, p[..., 0], ties).mean(-1).max()),
        bias=float((approximate - exact).mean()),
        mean_absolute=float(abs(approximate - exact).mean()),
        from_scatter=float((approximate - best).mean()),
        from_selection=float((best - exact).mean()),
    )


class ForestErrors(NamedTuple):
    """Agent Forest by the exact law beside A(N, p̄); means over questions, errors in accuracy (0..1)."""

    exact: float
    """Pooled plurality, ties at random."""
    p_mean: float
    """A(N, p̄), N all pooled samples."""
    bias: float
    """p_mean − exact."""
    mean_absolute: float
    """Mean over questions of |A(N, p̄) − exact|; with ``simulation_sd`` above 0, noise included."""
    simulation_sd: float
    """Standard error of ``exact`` where the exact law is out of reach and it was simulated; else 0."""


def agent_forest_errors(
    p: Float[Array, "model question class"],
    blank: Float[Array, "model question"],
    k: int,
    ties: MajorityTies = "win",
    *,
    key: PRNGKeyArray | None = None,
    draws: int = 400,
) -> ForestErrors:
    """How far A(N, p̄) is from the accuracy of the pooled plurality, on a population of questions.

    Args:
        p, blank, k, ties: as in ``approximation_errors``.
        key: randomness, for pools too large for the exact law (``votes.MOST_STATES``).
        draws: runs simulated for such pools.
    Raises:
        ValueError: a pool too large for the exact law, and no key.
    """
    models = p.shape[0]
    approximate = np.asarray(agent_forest_approximation(k, p[..., 0], ties))
    if states([k] * models) <= MOST_STATES:
        exact, noise = plurality_accuracy(np.asarray(p), np.asarray(blank), k), 0.0
    elif key is None:
        raise ValueError(f"{models} models at k = {k} are too many for the exact law of the plurality; give a key")
    else:
        runs = _forest_runs(p, blank, k, key, draws)
        exact, noise = runs.mean(0), float(runs.mean(1).std(ddof=1) / np.sqrt(draws))
    return ForestErrors(
        exact=float(exact.mean()),
        p_mean=float(approximate.mean()),
        bias=float((approximate - exact).mean()),
        mean_absolute=float(abs(approximate - exact).mean()),
        simulation_sd=noise,
    )


def _forest_runs(
    p: Float[Array, "model question class"],
    blank: Float[Array, "model question"],
    k: int,
    key: PRNGKeyArray,
    draws: int,
) -> Float[np.ndarray, "draw question"]:
    """P(the plurality is correct) given simulated answers, ties split evenly."""
    chances = jnp.concatenate([jnp.asarray(p), jnp.asarray(blank)[..., None]], -1)

    def run(key: PRNGKeyArray) -> Array:
        drawn = jax.random.categorical(key, jnp.log(chances), shape=(k, *chances.shape[:-1]))
        votes = jax.nn.one_hot(drawn, chances.shape[-1] - 1).sum((0, 1))
        tied = (votes == votes.max(-1, keepdims=True)) & (votes > 0)
        return tied[..., 0] / jnp.maximum(tied.sum(-1), 1)

    return np.asarray(jax.lax.map(run, jax.random.split(key, draws), batch_size=50))
