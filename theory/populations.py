"""Where questions come from: laws of a pool's chances of a right sample, p[question, model].

A population says how hard questions are and how alike the models find them, which decides what selection can gain:
models that fail together cannot help each other. Every population here samples, has a log-density, and gives moments:

- ``IndependentBeta``: p_i ~ Beta(a_i, b_i), independent between models: the optimistic case.
- ``u_shaped``: the same with a + b < 1, by its mean: most questions trivial or hopeless.
- ``LogisticNormal``: logit p = μ + Λ f + σ ε with shared factors f: difficulty shared between models.
- ``TypeMixture``: the paper's types 1 (p = 1), 2 (p > 1/2) and 3 (p < 1/2), shared by the models.

``distractors.answers`` adds what p leaves open: the wrong answers, some of them shared between models, and blanks.
Densities are with respect to Lebesgue measure on (0, 1)^models, for the mixture plus its atom at 1. Ours, but for the
types of arXiv 2510.05077.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol, runtime_checkable

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import logsumexp
from jax.scipy.stats import beta as beta_law
from jaxtyping import Array, Float, PRNGKeyArray


class Moments(NamedTuple):
    """First and second moments of p over questions."""

    mean: Float[Array, " model"]
    """Accuracy of one sample of each model."""
    covariance: Float[Array, "model other"]
    """Between models, over questions."""


@runtime_checkable
class Population(Protocol):
    """A law of p[question, model]; questions are independent draws."""

    def sample(self, key: PRNGKeyArray, questions: int) -> Float[Array, "question model"]:
        """Draw the chances of a right sample on ``questions`` questions."""
        ...

    def log_density(self, p: Float[Array, "*batch model"]) -> Float[Array, "*batch"]:
        """Log-density of one question's p."""
        ...

    def moments(self) -> Moments:
        """Mean and covariance of p."""
        ...


class IndependentBeta(NamedTuple):
    """p_i ~ Beta(a_i, b_i), independent between models."""

    a: Float[Array, " model"]
    b: Float[Array, " model"]

    def sample(self, key: PRNGKeyArray, questions: int) -> Float[Array, "question model"]:
        """Draw p."""
        a, b = jnp.asarray(self.a, float), jnp.asarray(self.b, float)
        return jax.random.beta(key, a, b, (questions, a.shape[0]))

    def log_density(self, p: Float[Array, "*batch model"]) -> Float[Array, "*batch"]:
        """Σ_i log Beta(p_i; a_i, b_i)."""
        return beta_law.logpdf(p, jnp.asarray(self.a), jnp.asarray(self.b)).sum(-1)

    def moments(self) -> Moments:
        """Closed form; the covariance is diagonal."""
        a, b = jnp.asarray(self.a, float), jnp.asarray(self.b, float)
        mean = a / (a + b)
        return Moments(mean, jnp.diag(mean * (1 - mean) / (a + b + 1)))


def u_shaped(mean: Float[Array, " model"], concentration: float = 0.5) -> IndependentBeta:
    """Beta difficulty with most mass near 0 and 1, by its mean.

    Args:
        mean: accuracy of one sample of each model, inside (0, 1).
        concentration: a + b; below 1 the density rises at both ends, as 0 the model is right always or never.
    """
    mean = jnp.asarray(mean, float)
    return IndependentBeta(mean * concentration, (1 - mean) * concentration)


class LogisticNormal(NamedTuple):
    """logit p_i = location_i + Σ_f loadings_if · f + noise_i ε_i with standard normal f, shared, and ε, own."""

    location: Float[Array, " model"]
    """Median of logit p."""
    loadings: Float[Array, "model factor"]
    """How strongly each shared factor moves each model."""
    noise: Float[Array, " model"]
    """Standard deviation of a model's own part, above 0."""

    @property
    def covariance(self) -> Float[Array, "model other"]:
        """Covariance of logit p: ΛΛᵀ + diag(σ²)."""
        loadings = jnp.asarray(self.loadings, float)
        return loadings @ loadings.T + jnp.diag(jnp.asarray(self.noise, float) ** 2)

    def sample(self, key: PRNGKeyArray, questions: int) -> Float[Array, "question model"]:
        """Draw p."""
        loadings = jnp.asarray(self.loadings, float)
        shared, own = jax.random.split(key)
        factors = jax.random.normal(shared, (questions, loadings.shape[1]))
        noise = jax.random.normal(own, (questions, loadings.shape[0]))
        return jax.nn.sigmoid(jnp.asarray(self.location) + factors @ loadings.T + noise * jnp.asarray(self.noise))

    def log_density(self, p: Float[Array, "*batch model"]) -> Float[Array, "*batch"]:
        """Normal density of logit p times the Jacobian 1 / Π p(1 − p)."""
        logit = jnp.log(p) - jnp.log1p(-p)
        normal = jax.scipy.stats.multivariate_normal.logpdf(logit, jnp.asarray(self.location, float), self.covariance)
        return normal - (jnp.log(p) + jnp.log1p(-p)).sum(-1)

    def moments(self, nodes: int = 64) -> Moments:
        """By Gauss-Hermite quadrature in one and two dimensions, ``nodes`` per dimension."""
        x, w = np.polynomial.hermite_e.hermegauss(nodes)
        x, w = jnp.asarray(x), jnp.asarray(w / w.sum())
        location, covariance = jnp.asarray(self.location, float), self.covariance
        sd = jnp.sqrt(jnp.diag(covariance))
        mean = jax.nn.sigmoid(location[:, None] + sd[:, None] * x) @ w
        correlation = jnp.clip(covariance / (sd[:, None] * sd), -1.0, 1.0)

        def product(i: Array, j: Array) -> Array:
            r = correlation[i, j]
            first = jax.nn.sigmoid(location[i] + sd[i] * x)[:, None]
            second = jax.nn.sigmoid(location[j] + sd[j] * (r * x[:, None] + jnp.sqrt(1 - r**2) * x))
            return w @ (first * second) @ w

        index = jnp.arange(len(mean))
        second = jax.vmap(lambda i: jax.vmap(lambda j: product(i, j))(index))(index)
        return Moments(mean, second - mean[:, None] * mean)


class TypeMixture(NamedTuple):
    """The paper's question types: a question has one type for all models.

    Type 1: every model has p = 1. Type 2: p = 1/2 + Beta(a, b)/2. Type 3: p = Beta(a, b)/2. Models independent given
    the type; the type alone makes them depend on each other.
    """

    share: Float[Array, " type"]
    """Shares of types 1, 2 and 3, summing to 1."""
    a: Float[Array, "two model"]
    """Beta parameters of types 2 and 3."""
    b: Float[Array, "two model"]
    """Beta parameters of types 2 and 3."""

    def sample(self, key: PRNGKeyArray, questions: int) -> Float[Array, "question model"]:
        """Draw p."""
        kind, place = jax.random.split(key)
        kinds = jax.random.choice(kind, 3, (questions, 1), p=jnp.asarray(self.share, float))
        a, b = jnp.asarray(self.a, float), jnp.asarray(self.b, float)
        half = jax.random.beta(place, a, b, (questions, *a.shape)) / 2
        return jnp.where(kinds == 0, 1.0, jnp.where(kinds == 1, 0.5 + half[:, 0], half[:, 1]))

    def log_density(self, p: Float[Array, "*batch model"]) -> Float[Array, "*batch"]:
        """Density of types 2 and 3; log of type 1's share where every p is 1, its atom."""
        p = jnp.asarray(p, float)
        a, b = jnp.asarray(self.a, float), jnp.asarray(self.b, float)
        share = jnp.log(jnp.asarray(self.share, float))

        def half(x: Array, i: int) -> Array:
            inside = ((x > 0) & (x < 1)).all(-1)
            density = beta_law.logpdf(jnp.where((x > 0) & (x < 1), x, 0.5), a[i], b[i]) + jnp.log(2.0)
            return share[i + 1] + jnp.where(inside, density.sum(-1), -jnp.inf)

        continuous = logsumexp(jnp.stack([half(2 * p - 1, 0), half(2 * p, 1)]), axis=0)
        return jnp.where((p == 1).all(-1), share[0], continuous)

    def moments(self) -> Moments:
        """Closed form."""
        share = jnp.asarray(self.share, float)
        a, b = jnp.asarray(self.a, float), jnp.asarray(self.b, float)
        part = a / (a + b)
        spread = part * (1 - part) / (a + b + 1) / 4
        means = jnp.stack([jnp.ones(a.shape[1]), 0.5 + part[0] / 2, part[1] / 2])
        mean = share @ means
        between = jnp.einsum("t,ti,tj->ij", share, means - mean, means - mean)
        return Moments(mean, between + jnp.diag(share[1:] @ spread))
