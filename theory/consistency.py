"""The law of the mode: how often a model's most frequent answer has count m, and is correct.

One model answers one question k times. Class c of answers is drawn N_c times, the top count is
T = max_c N_c and the *mode* is a class that attains it. A blank sample (no answer could be extracted) uses
up a draw and is never eligible. Self-consistency answers with the mode; SLM-MUX also compares T/k across models.

Give class c the weights w_c(j), j = 0..k, let B(z) be the blank's polynomial and [z^k] extract a
coefficient. Then for m = 1..k, with Z = [z^k] B(z) Π_c Σ_j w_c(j) z^j,

    P(T ≤ m) = Z⁻¹ [z^k] B(z) Π_c Σ_{j≤m} w_c(j) z^j
    R(m) = P(T = m, the mode is class 0)
         = Z⁻¹ w_0(m) ∫₀¹ [z^{k−m}] B(z) Π_{c≠0} ( Σ_{j<m} w_c(j) z^j + v w_c(m) z^m ) dv .

The integral breaks ties uniformly, since ∫ v^t dv = 1/(t+1) for t tied rivals; it is a polynomial in v of
degree ⌊k/m⌋ − 1, so ⌈⌊k/m⌋/2⌉ Gauss-Legendre nodes are exact. For m > k/2 no tie is possible and
R(m) = P(N_0 = m).

Three sampling schemes give the weights. Each is a convolution family, w(x) * w(y) = w(x + y), so that
merging classes adds their parameters:

    known probabilities      w(p, j) = p^j / j!        multinomial
    k of n logged samples    w(n, j) = C(n, j)         hypergeometric, hence unbiased
    Dirichlet posterior      w(α, j) = (α)_j / j!      Pólya; unseen classes as exp(θ Σ_j z^j / j)

NumPy arrays are answered with NumPy at once, JAX arrays by compiled, differentiable code; both are the same lines.
All weights are computed scaled, as Poisson, binomial and negative binomial probabilities; every term is positive,
so nothing cancels. Source: SLM-MUX (arXiv 2510.05077) Algorithm 1 defines the mode and the confidence; the
formulas are ours, the tail of unseen classes is the Ewens limit of the Dirichlet.
"""

from __future__ import annotations

import functools
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from .arrays import namespace
from .truncated_products import laws_of_block

Ties = Literal["uniform", "first-seen", "none", "win"]
"""What happens when several classes share the top count.

- ``uniform``: one of them at random.
- ``first-seen``: the one drawn first (``collections.Counter``). Draws are exchangeable, so given the counts
  each tied class is equally likely to have come first: the law is the uniform one.
- ``none``: the model has no answer and is wrong (its top count stands).
- ``win``: a tie that includes the correct class counts as correct, as A(N, p) does for even N.
"""

ROWS_AT_ONCE = 512
"""Rows of polynomials taken together by NumPy, so that they stay in a core's cache."""
_COMPILED_ROWS = 128
"""The same for compiled code on a CPU, which has no overhead to spread over a block."""


class ModeLaw(NamedTuple):
    """Law of one model's mode after k samples, per leading batch axis."""

    correct: Float[Array, "*batch m"]
    """R(m) = P(T = m and the mode is correct), m = 0..k; R(0) = 0."""
    top: Float[Array, "*batch m"]
    """P(T = m), m = 0..k, where T is the top count, 0 if every sample is blank."""


def mode_accuracy(law: ModeLaw) -> Float[Array, "*batch"]:
    """Accuracy of self-consistency: maj@k = Σ_m R(m) (Wang et al., arXiv 2203.11171)."""
    return law.correct.sum(-1)


def at_most(law: ModeLaw) -> Float[Array, "*batch m"]:
    """P(T ≤ m), m = 0..k."""
    return law.top.cumsum(-1)


def mode_law_known(
    p: Float[Array, "*batch class"],
    blank: Float[Array, "*batch"],
    k: int,
    *,
    target: int = 0,
    ties: Ties = "uniform",
    every_k: bool = False,
) -> ModeLaw:
    """Law of the mode of k draws with known answer probabilities.

    Args:
        p: probability of each class; zeros are allowed and exact. ``p.sum(-1) + blank`` should be 1: other
            sums are normalised, so that derivatives in ``p`` are those of the normalised probabilities.
        blank: probability that a sample is blank.
        k: number of samples, static.
        target: index of the correct class.
        ties: see ``Ties``.
        every_k: also return the laws after 0..k samples, at about the same cost: a further axis ``samples``
            before ``m`` in the result.
    Returns:
        The law, ``*batch m`` (or ``*batch samples m``) with m = 0..k.
    """
    return _law("known", p, blank, 0.0, k, target, ties, every_k)


def mode_law_logged(
    counts: Int[Array, "*batch class"],
    blanks: Int[Array, "*batch"],
    k: int,
    *,
    target: int = 0,
    ties: Ties = "uniform",
    every_k: bool = False,
) -> ModeLaw:
    """Law of the mode of k of the n logged samples, drawn without replacement.

    Each entry is a U-statistic: for a log of independent samples it is an unbiased estimate of the law at k.

    Args:
        counts: how often each class was logged.
        blanks: how many samples were blank; n = ``counts.sum(-1) + blanks``.
        k, target, ties, every_k: as in ``mode_law_known``.
    Raises:
        ValueError: some row has fewer than k samples (not seen under ``jit``).
    """
    if not isinstance(counts, jax.core.Tracer) and not isinstance(blanks, jax.core.Tracer):
        refuse_short(np.asarray(counts).sum(-1) + np.asarray(blanks), k)
    return _law("logged", counts, blanks, 0.0, k, target, ties, every_k)


def mode_law_posterior(
    alpha: Float[Array, "*batch class"],
    alpha_blank: Float[Array, "*batch"],
    k: int,
    *,
    theta: Float[Array, "*batch"] | float = 0.0,
    target: int = 0,
    ties: Ties = "uniform",
    every_k: bool = False,
) -> ModeLaw:
    """Law of the mode of k draws when the probabilities have a Dirichlet posterior (Pólya's urn).

    Args:
        alpha: prior plus count of each class; zeros are classes that cannot occur.
        alpha_blank: prior plus count of blanks.
        k, target, ties, every_k: as in ``mode_law_known``.
        theta: concentration of the Dirichlet-process tail: the weight, in samples, of wrong answers nobody
            has given yet, each new one different (Ewens 1972). Part of the total concentration.
    """
    return _law("posterior", alpha, alpha_blank, theta, k, target, ties, every_k)


def refuse_short(samples: Int[np.ndarray, "*batch"], k: int) -> None:
    """Raise ValueError where fewer than k samples were logged."""
    short = np.argwhere(np.asarray(samples) < k)
    if len(short):
        place = tuple(int(i) for i in short[0])
        raise ValueError(f"k = {k} samples cannot be taken from {samples[place]} logged ones, at row {place}")


def _law(scheme: str, x: Any, blank: Any, theta: Any, k: int, target: int, ties: Ties, every_k: bool) -> ModeLaw:
    if k < 1:
        raise ValueError(f"k = {k}; the law of the mode needs at least one sample")
    if ties not in ("uniform", "first-seen", "none", "win"):
        raise ValueError(f"ties = {ties!r}; choose uniform, first-seen, none or win")
    xp = namespace(x, blank, theta)
    x = xp.asarray(x, dtype=float)
    blank = xp.broadcast_to(xp.asarray(blank, dtype=float), x.shape[:-1])
    no_tail = isinstance(theta, (int, float)) and theta == 0
    tail = None if no_tail else xp.broadcast_to(xp.asarray(theta, dtype=float), x.shape[:-1])
    run = _compiled if xp is jnp else functools.partial(_blocked, np)
    return ModeLaw(*run(scheme, x, blank, tail, int(k), target % x.shape[-1], ties, every_k))


def _blocked(xp, scheme, x, blank, tail, k, target, ties, every_k):
    """The law, block of rows by block of rows, so that the work fits in a cache."""
    batch, width = x.shape[:-1], x.shape[-1]
    rows = int(np.prod(batch))
    if not rows:
        shape = (*batch, k + 1, k + 1) if every_k else (*batch, k + 1)
        return xp.zeros(shape), xp.zeros(shape)
    x = xp.concatenate([x[..., target : target + 1], x[..., :target], x[..., target + 1 :]], -1)
    columns = [x.reshape(rows, -1), blank.reshape(rows, 1)] + ([] if tail is None else [tail.reshape(rows, 1)])
    block = min(rows, ROWS_AT_ONCE)
    if xp is jnp:
        block = min(rows, _COMPILED_ROWS) if jax.default_backend() == "cpu" else rows
    table = xp.pad(xp.concatenate(columns, -1), ((0, -rows % block), (0, 0)), mode="edge")

    def one_block(part):
        part = part.T
        theta = None if tail is None else part[width + 1]
        laws = laws_of_block(xp, scheme, part[:width], part[width], theta, k, ties, every_k)
        return tuple(xp.moveaxis(law, -1, 0) for law in laws)  # row, samples, m

    blocks = table.reshape(-1, block, table.shape[-1])
    if len(blocks) == 1:
        laws = one_block(blocks[0])
    elif xp is jnp:
        laws = jax.lax.map(one_block, blocks)
    else:
        laws = [np.concatenate(both) for both in zip(*map(one_block, blocks), strict=True)]
    correct, top = (law.reshape(-1, *law.shape[-2:])[:rows].reshape(*batch, *law.shape[-2:]) for law in laws)
    return (correct, top) if every_k else (correct[..., 0, :], top[..., 0, :])


_compiled = jax.jit(functools.partial(_blocked, jnp), static_argnums=(0, 4, 5, 6, 7))
