r"""The law of the mode: how often a model's most frequent answer occurs among k samples, and whether it is right.

Give every answer class c a weight sequence w_c(j), the weight of that class being drawn j times. Three sampling
schemes share one formula; only the weights and the normaliser Z_k differ:

================================  ==========================  ===================
scheme                            w_c(j)                      Z_k
================================  ==========================  ===================
known probabilities               p_c^j / j!                  1 / k!
k of n logged, no replacement     C(n_c, j)                   C(n, k)
Dirichlet posterior predictive    (α_c)_j / j!                (Σα)_k / k!
================================  ==========================  ===================

With B(z) the polynomial of the blank class (a blank uses a draw but is never the mode), T the count of the mode, and
class 0 correct, for m = 1..k

.. math::
    P(T \le m) = Z_k^{-1} [z^k] B(z) \prod_c \sum_{j \le m} w_c(j) z^j

    R(m) = P(T = m, \text{mode correct}) = Z_k^{-1} w_0(m) \int_0^1 [z^{k-m}] B(z)
           \prod_{c \ne 0} \Big( \sum_{j<m} w_c(j) z^j + v\, w_c(m) z^m \Big) dv .

The integral is the uniform tie-break: with t tied rivals, ∫ v^t dv = 1/(t+1). It is a polynomial in v of degree
⌊k/m⌋ - 1, so few Gauss-Legendre nodes make it exact. All terms are positive, so nothing cancels.

The polynomials do not depend on k; one product of truncated polynomials therefore gives the laws of every k at once.

Source: ours; the objects are those of SLM-MUX, arXiv 2510.05077, section 3.
"""

from __future__ import annotations

from functools import lru_cache, partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import gammaln
from jaxtyping import Array, Float, Int


class ModeLaw(NamedTuple):
    """Law of one model's mode after k samples, for each leading batch entry."""

    correct: Float[Array, "*batch m"]
    """R(m) = P(the mode occurs m times and is correct), m = 0..k; R(0) = 0."""
    top: Float[Array, "*batch m"]
    """P(T = m), m = 0..k: the mode occurs m times; m = 0 where every sample is blank."""


def mode_law_known(
    p: Float[Array, "*batch class"], blank: Float[Array, "*batch"], k: int, *, target: int = 0
) -> ModeLaw:
    """The law for known answer probabilities.

    Args:
        p: probability of each answer class, ``target`` the correct one; zeros are padding.
        blank: probability of a blank sample; ``p.sum(-1) + blank`` is 1.
        k: samples, at least 1.
        target: index of the correct class.
    """
    j = jnp.arange(k + 1)
    log_factorial = gammaln(j + 1.0)
    scale = _scale(-log_factorial[-1], k)

    def weights(q: Array) -> Array:
        return _power(q[..., None], j) * jnp.exp(j * scale - log_factorial)

    log_z = jnp.broadcast_to(j * scale - log_factorial, (*jnp.shape(blank), k + 1))
    return _sweep(weights(jnp.asarray(p)), weights(jnp.asarray(blank)), log_z, 0.0, k, target).law(k)


def mode_law_posterior(
    alpha: Float[Array, "*batch class"],
    alpha_blank: Float[Array, "*batch"],
    k: int,
    *,
    theta: float | Float[Array, "*batch"] = 0.0,
    target: int = 0,
) -> ModeLaw:
    """The law of k further samples under a Dirichlet posterior (Pólya urn).

    Args:
        alpha: prior plus count of each answer class; zeros are padding.
        alpha_blank: the same for blanks.
        k: samples, at least 1.
        theta: concentration of a Dirichlet-process tail of wrong answers never seen yet, the limit of
            infinitely many tiny classes (Ewens 1972).
        target: index of the correct class.
    """
    j = jnp.arange(k + 1)
    alpha, alpha_blank = jnp.asarray(alpha, float), jnp.asarray(alpha_blank, float)
    total = alpha.sum(-1) + alpha_blank + theta
    log_z = jnp.cumsum(jnp.log(jnp.where(j > 0, (total[..., None] + j - 1) / jnp.maximum(j, 1), 1.0)), -1)
    scale = -log_z[..., -1:] / k

    def weights(a: Array, s: Array) -> Array:
        # (a)_j / j!, a product, so that a = 0 gives 1, 0, 0, ... and stays differentiable
        step = jnp.where(j > 0, (a[..., None] + j - 1) / jnp.maximum(j, 1) * jnp.exp(s), 1.0)
        return jnp.cumprod(step, -1)

    swept = _sweep(
        weights(alpha, scale[..., None, :]), weights(alpha_blank, scale), log_z + j * scale, theta, k, target, scale
    )
    return swept.law(k)


def mode_law_logged(
    counts: Int[Array, "*batch class"], blanks: Int[Array, "*batch"], k: int, *, target: int = 0
) -> ModeLaw:
    """The law of k samples taken without replacement from those logged.

    Averaged over questions it is an unbiased estimate of the law at k: a U-statistic of the logged samples.

    Args:
        counts: how often each answer class was logged, ``target`` the correct one; zeros are padding.
        blanks: how many logged samples were blank.
        k: samples, between 1 and the number logged.
        target: index of the correct class.
    Raises:
        ValueError: fewer than k samples logged somewhere (checked outside of jit only).
    """
    counts, blanks = jnp.asarray(counts, float), jnp.asarray(blanks, float)
    n = counts.sum(-1) + blanks
    if not isinstance(n, jax.core.Tracer) and n.size and float(n.min()) < k:
        raise ValueError(f"k = {k} samples cannot be taken from {float(n.min()):.0f} logged ones")
    j = jnp.arange(k + 1)
    log_z = _log_choose(n[..., None], j)
    scale = -log_z[..., -1:] / k

    def weights(m: Array, s: Array) -> Array:
        # C(m, j), exactly 0 beyond m
        step = jnp.where(j > 0, jnp.maximum(m[..., None] - j + 1, 0.0) / jnp.maximum(j, 1) * jnp.exp(s), 1.0)
        return jnp.cumprod(step, -1)

    swept = _sweep(weights(counts, scale[..., None, :]), weights(blanks, scale), log_z + j * scale, 0.0, k, target)
    return swept.law(k)


@partial(jax.jit, static_argnames="k")
def logged_laws(
    right: Float[Array, " row"],
    rivals: Float[Array, "row class"],
    blanks: Float[Array, " row"],
    single: Float[Array, " row"],
    k: int,
) -> Sweep:
    """`mode_law_logged` at every number of samples up to k, for rows whose single wrong answers are only counted.

    Args:
        right: count of the correct answer.
        rivals: counts of wrong answers; zeros are padding.
        blanks: blank samples.
        single: further wrong answers with one sample each: together (1 + mask_1 z)^single.
        k: the most samples.
    """
    n = right + rivals.sum(-1) + blanks + single
    j = jnp.arange(k + 1)
    log_z = _log_choose(n[:, None], j)
    most = jnp.minimum(n, k)  # rows with fewer than k samples have laws up to those they have
    scale = -jnp.take_along_axis(log_z, most.astype(int)[:, None], 1) / jnp.maximum(most, 1)[:, None]

    def weights(m: Array, s: Array) -> Array:
        step = jnp.where(j > 0, jnp.maximum(m[..., None] - j + 1, 0.0) / jnp.maximum(j, 1) * jnp.exp(s), 1.0)
        return jnp.cumprod(step, -1)

    ones = weights(single, scale)[:, None, :] * _power(jnp.asarray(_nodes(k).mask)[:, 1:2], j)
    classes = jnp.concatenate([right[:, None], rivals], 1)
    return _sweep(weights(classes, scale[:, None, :]), weights(blanks, scale), log_z + j * scale, 0.0, k, 0, None, ones)


def mode_accuracy(law: ModeLaw) -> Float[Array, "*batch"]:
    """maj@k, the accuracy of self-consistency: sum of R(m) over m (Wang et al. 2203.11171)."""
    return law.correct.sum(-1)


def at_most(law: ModeLaw) -> Float[Array, "*batch m"]:
    """P(T <= m), m = 0..k."""
    return jnp.cumsum(law.top, -1)


class Sweep(NamedTuple):
    """Laws of every number of samples 0..k at once; nan where a row has too few logged samples."""

    correct: Float[Array, "*batch samples m"]
    """R(m) after that many samples."""
    at_most: Float[Array, "*batch samples m"]
    """P(T <= m) after that many samples."""

    def law(self, samples: int) -> ModeLaw:
        """The law after ``samples`` samples, m = 0..samples."""
        at_most = self.at_most[..., samples, : samples + 1]
        # tables of laws live on the host, where slicing compiles nothing
        xp = np if isinstance(at_most, np.ndarray) else jnp
        top = xp.diff(at_most, axis=-1, prepend=0.0)
        return ModeLaw(self.correct[..., samples, : samples + 1], xp.maximum(top, 0.0))


class _Nodes(NamedTuple):
    """What each truncated product is taken with: caps m and tie weights v."""

    mask: Float[np.ndarray, "node j"]
    """1 for j < m, v for j = m, 0 beyond."""
    weight: Float[np.ndarray, " node"]
    """Gauss-Legendre weight on [0, 1]; 0 for the v = 1 nodes, which serve P(T <= m)."""
    cap: Int[np.ndarray, " node"]
    """m."""


@lru_cache(maxsize=64)
def _nodes(k: int) -> _Nodes:
    masks, weights, caps = [], [], []
    j = np.arange(k + 1)

    def add(m: int, v: float, weight: float) -> None:
        masks.append(np.where(j < m, 1.0, np.where(j == m, v, 0.0)))
        weights.append(weight)
        caps.append(m)

    for m in range(1, k + 1):
        x, w = np.polynomial.legendre.leggauss((k // m + 1) // 2)
        for node, weight in zip((x + 1) / 2, w / 2, strict=True):
            add(m, node, weight)
        add(m, 1.0, 0.0)
    return _Nodes(np.array(masks), np.array(weights), np.array(caps))


@partial(jax.jit, static_argnames=("k", "target"))
def _sweep(
    w: Float[Array, "*batch class j"],
    w_blank: Float[Array, "*batch j"],
    log_z: Float[Array, "*batch samples"],
    theta: float | Float[Array, "*batch"],
    k: int,
    target: int = 0,
    scale: Float[Array, "*batch one"] | None = None,
    base: Float[Array, "*batch node j"] | None = None,
) -> Sweep:
    nodes = _nodes(k)
    mask = jnp.asarray(nodes.mask)
    w_right = w[..., target, :]
    rivals = jnp.delete(w, target, axis=-2, assume_unique_indices=True)
    product = jnp.broadcast_to(w_blank[..., None, :], (*w_blank.shape[:-1], *mask.shape))
    if base is not None:
        product = _times(product, base)
    if scale is not None:
        product = _times(product, _tail(mask, theta, scale, k))

    def step(product: Array, rival: Array) -> tuple[Array, None]:
        return _times(product, rival[..., None, :] * mask), None

    product, _ = jax.lax.scan(step, product, jnp.moveaxis(rivals, -2, 0))

    cap, j = nodes.cap, np.arange(k + 1)
    # coefficient of z^(samples - m) for every number of samples: shift each node's product by its m
    shifted = jnp.where(
        j >= cap[:, None], product[..., np.arange(len(cap))[:, None], (j - cap[:, None]) % (k + 1)], 0.0
    )
    gathered = jnp.zeros((len(cap), k + 1)).at[np.arange(len(cap)), cap].set(nodes.weight)
    correct = jnp.einsum("...ns,nm->...sm", shifted, gathered) * w_right[..., None, :]

    ends = np.flatnonzero(nodes.weight == 0)  # one node with v = 1 per m, in order
    whole = _times(product[..., ends, :], w_right[..., None, :] * mask[ends])
    at_most = jnp.moveaxis(whole, -1, -2)
    blanks_only = w_blank[..., :, None]
    at_most = jnp.concatenate([blanks_only, at_most], -1)
    z = jnp.exp(log_z)[..., None]
    z = jnp.where(z > 0, z, jnp.nan)
    return Sweep(correct / z, at_most / z)


def _times(a: Float[Array, "*batch j"], b: Float[Array, "*batch j"]) -> Float[Array, "*batch j"]:
    """Product of polynomials, truncated at the degree they have."""
    size = a.shape[-1]
    total = a * b[..., :1]
    for shift in range(1, size):
        moved = jnp.pad(a[..., : size - shift], [(0, 0)] * (a.ndim - 1) + [(shift, 0)])
        total = total + moved * b[..., shift : shift + 1]
    return total


def _tail(mask: Array, theta: float | Array, scale: Array, k: int) -> Float[Array, "*batch node j"]:
    """exp(θ Σ_j mask_j z^j / j) by its recurrence n e_n = θ Σ_j mask_j e_{n-j}, with z scaled."""
    theta = jnp.asarray(theta, float)[..., None, None]
    z = jnp.exp(scale)[..., None]
    lead = jnp.broadcast_shapes(theta.shape, z.shape)[:-2]
    terms = [jnp.ones((*lead, mask.shape[0], 1))]
    for n in range(1, k + 1):
        total = sum(mask[:, j : j + 1] * z**j * terms[n - j] for j in range(1, n + 1))
        terms.append(theta * total / n)
    return jnp.concatenate(terms, -1)


def _scale(log_z: Array, k: int) -> Array:
    """log of the factor per power of z that keeps Z_k near 1, so that large k neither over- nor underflows."""
    return -log_z / k


def _power(p: Array, j: Array) -> Array:
    """p^j with 0^0 = 1 and a gradient at p = 0."""
    return jnp.cumprod(jnp.where(j > 0, p, 1.0), -1)


def _log_choose(n: Array, j: Array) -> Array:
    inside = n - j >= 0
    m = jnp.where(inside, n - j, 0.0)
    return jnp.where(inside, gammaln(n + 1.0) - gammaln(j + 1.0) - gammaln(m + 1.0), -jnp.inf)
