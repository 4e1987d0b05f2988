"""Pooled plurality (Agent Forest), exactly where it is feasible.

All samples of all models go into one vote. The vote of class c is N_c = Σ_i N_ic, and the counts of one model depend
on each other, so the generating function needs one variable per model:

    R(m) = Π_i Z_i⁻¹ · [z_1^{k_1} ... z_n^{k_n}] W_0^{=m}(z) ∫₀¹ B(z) Π_{c≠0} ( W_c^{<m}(z) + v W_c^{=m}(z) ) dv,

where W_c(z) = Π_i Σ_j w_ic(j) z_i^j and the superscripts keep the terms of total degree below or equal to m. The work
per question is (Π(k_i + 1))² × classes × nodes: fine for two models at k = 5 or three at k = 3, and refused above
``MOST_STATES``; simulate beyond. One model gives ``consistency``. Source of the rule: Li et al., arXiv 2402.05120; the
formula is ours.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float
from scipy.special import comb, gammaln

MOST_STATES = 2_000
"""Largest Π(k_i + 1)."""


def states(ks: Sequence[int]) -> int:
    """Π(k_i + 1): what decides whether the exact law is feasible."""
    return int(np.prod([k + 1 for k in ks]))


def plurality_accuracy(
    p: Float[np.ndarray, "model question class"], blank: Float[np.ndarray, "model question"], ks: int | Sequence[int]
) -> Float[np.ndarray, " question"]:
    """Exact accuracy of the pooled plurality vote, ties broken uniformly, blanks without a vote.

    Args:
        p: answer probabilities of each model, class 0 correct; a class means the same answer for every model.
        blank: probability of a blank sample.
        ks: samples of each model, or one number for all.
    Raises:
        ValueError: more than ``MOST_STATES`` states.
    """
    p, blank = np.asarray(p, float), np.asarray(blank, float)
    models = p.shape[0]
    ks = [ks] * models if isinstance(ks, int) else list(ks)
    if states(ks) > MOST_STATES:
        raise ValueError(f"exact plurality needs {states(ks)} states, more than {MOST_STATES}; simulate it instead")
    weights = [_weights(p[..., c], ks) for c in range(p.shape[-1])]
    return _plurality(weights, _weights(blank, ks), _weights(np.ones_like(blank), ks), ks)


def plurality_accuracy_logged(
    counts: Float[np.ndarray, "model question class"], blanks: Float[np.ndarray, "model question"], k: int
) -> Float[np.ndarray, " question"]:
    """Exact accuracy of the pooled plurality vote at k of each model's logged samples, without replacement: unbiased.

    Args:
        counts: logged answers per class, class 0 correct; a class means the same answer for every model.
        blanks: logged blank samples.
        k: samples of each model, at most those logged.
    Raises:
        ValueError: more than ``MOST_STATES`` states, or fewer than k samples logged somewhere.
    """
    counts, blanks = np.asarray(counts, float), np.asarray(blanks, float)
    ks = [k] * counts.shape[0]
    logged = counts.sum(-1) + blanks
    if logged.min() < k:
        raise ValueError(f"k = {k} samples cannot be taken from {logged.min():.0f} logged ones")
    if states(ks) > MOST_STATES:
        raise ValueError(f"exact plurality needs {states(ks)} states, more than {MOST_STATES}; simulate it instead")
    weights = [_choices(counts[..., c], k) for c in range(counts.shape[-1])]
    return _plurality(weights, _choices(blanks, k), _choices(logged, k), ks)


def _choices(n: Float[np.ndarray, "model question"], k: int) -> Float[np.ndarray, "... question"]:
    """Π_i C(n_i, j_i) over all states j."""
    total = np.ones((1,) * len(n) + (n.shape[1],))
    for i in range(len(n)):
        part = comb(n[i], np.arange(k + 1)[:, None])
        total = total * part.reshape([k + 1 if axis == i else 1 for axis in range(len(n))] + [-1])
    return total


def _plurality(
    weights: Sequence[Float[np.ndarray, "... question"]],
    blanks: Float[np.ndarray, "... question"],
    whole: Float[np.ndarray, "... question"],
    ks: Sequence[int],
) -> Float[np.ndarray, " question"]:
    """The formula at the head of this file, from the weights of every class over all states."""
    last = (-1,) * len(ks)
    degree = np.add.reduce(np.indices(tuple(k + 1 for k in ks)))  # total votes at each state
    accuracy = np.zeros(blanks.shape[-1])
    for m in range(1, sum(ks) + 1):
        nodes, mass = np.polynomial.legendre.leggauss((sum(ks) // m + 1) // 2)
        for v, share in zip((nodes + 1) / 2, mass / 2, strict=True):
            product = _times(blanks, np.where(_column(degree == m), weights[0], 0.0))
            for w in weights[1:]:
                product = _times(product, w * _column(np.where(degree < m, 1.0, np.where(degree == m, v, 0.0))))
            accuracy += share * product[last]
    return accuracy / whole[last]


def _weights(p: Float[np.ndarray, "model question"], ks: Sequence[int]) -> Float[np.ndarray, "... question"]:
    """Π_i (k_i p_i)^{j_i} / j_i! over all states j."""
    total = np.ones((1,) * len(ks) + (p.shape[1],))
    for i, k in enumerate(ks):
        j = np.arange(k + 1)[:, None]
        part = (k * p[i]) ** j * np.exp(-gammaln(j + 1.0))
        total = total * part.reshape([k + 1 if axis == i else 1 for axis in range(len(ks))] + [-1])
    return total


def _column(values: np.ndarray) -> np.ndarray:
    return values[..., None]


def _times(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Product of polynomials in several variables, truncated at each variable's degree."""
    total = np.zeros_like(a)
    for offset in itertools.product(*map(range, a.shape[:-1])):
        factor = b[offset]
        if factor.any():
            into = tuple(slice(o, None) for o in offset)
            out = tuple(slice(None, size - o) for o, size in zip(offset, a.shape[:-1], strict=True))
            total[into] += a[out] * factor
    return total
