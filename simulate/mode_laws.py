r"""The law of the mode for very many answer distributions at once.

A forecast needs the law of every model's mode for every posterior draw of every question: hundreds of thousands of
distributions, each used once. This is the truncated-polynomial recursion with the batch innermost, in blocks that
stay in cache, and with the closed form for counts above half the samples, where no tie is possible.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from scipy.special import gammaln

_BLOCK = 4096


class ModeLaws(NamedTuple):
    """Laws of the mode after k samples."""

    correct: Float[np.ndarray, "*batch count"]
    """R(m) = P(top count is m and the mode is correct), m = 0..k."""
    top: Float[np.ndarray, "*batch count"]
    """P(top count is m), m = 0..k; m = 0 means that every sample was blank."""


def mode_laws(p: Float[np.ndarray, "*batch cls"], blank: Float[np.ndarray, "*batch"], k: int) -> ModeLaws:
    """Law of the mode of k samples from each distribution, ties broken uniformly at random.

    Args:
        p: probabilities of the answers, the correct one first; with ``blank`` they sum to 1.
        blank: probability of a blank, which uses up a sample and is never the mode.
        k: samples, at least 1.
    """
    batch = p.shape[:-1]
    flat = np.ascontiguousarray(p.reshape(-1, p.shape[-1]).T, dtype=float)
    none = np.ascontiguousarray(blank.reshape(-1), dtype=float)
    size = none.size
    correct, top = np.empty((k + 1, size)), np.empty((k + 1, size))
    block = max(_BLOCK // max(1, k // 16), 256)
    for start in range(0, size, block):
        part = slice(start, start + block)
        correct[:, part], top[:, part] = _block(flat[:, part], none[part], k)
    return ModeLaws(correct.reshape(k + 1, *batch), top.reshape(k + 1, *batch))


def _block(p: Float[np.ndarray, "cls b"], blank: Float[np.ndarray, " b"], k: int):
    correct, below = np.zeros((k + 1, p.shape[1])), np.zeros((k + 1, p.shape[1]))
    power = np.empty((k + 1, *p.shape))  # p^j / j!
    power[0] = 1
    for j in range(1, k + 1):
        np.multiply(power[j - 1], p / j, out=power[j])
    voids = np.empty((k + 1, p.shape[1]))
    voids[0] = 1
    for j in range(1, k + 1):
        np.multiply(voids[j - 1], blank / j, out=voids[j])
    scale = np.exp(gammaln(k + 1))
    half = k // 2
    below[0] = scale * voids[k]
    for m in range(1, half + 1):
        rivals = _product(power[: m + 1, 1:], voids, 1.0, k)
        below[m] = scale * np.einsum("jb,jb->b", power[: m + 1, 0], rivals[k - np.arange(m + 1)])
        ties = k // m - 1
        nodes, weights = np.polynomial.legendre.leggauss(ties // 2 + 1)
        total = np.zeros(p.shape[1])
        for node, weight in zip((nodes + 1) / 2, weights / 2, strict=True):
            total += weight * _product(power[: m + 1, 1:], voids, node, k - m)[k - m]
        correct[m] = scale * power[m, 0] * total
    remainder = np.empty((k + 1, p.shape[1]))  # (1 - p)^j / j!
    for m in range(half + 1, k + 1):
        # at most one answer can have more than half of the samples
        alone = np.exp(gammaln(k + 1) - gammaln(k - m + 1)) * power[m] * (1 - p) ** (k - m)
        correct[m] = alone[0]
        remainder[m] = alone.sum(0)
    top = np.empty_like(below)
    top[0] = below[0]
    top[1 : half + 1] = np.diff(below[: half + 1], axis=0)
    top[half + 1 :] = remainder[half + 1 :]
    return correct, np.maximum(top, 0)


def _product(power: Float[np.ndarray, "j rival b"], voids: Float[np.ndarray, "deg b"], tie: float, degree: int):
    """[z^0..z^degree] of voids(z) times every rival's capped polynomial, its last term times ``tie``."""
    out = voids[: degree + 1]
    m = power.shape[0] - 1
    for rival in range(power.shape[1]):
        previous, out = out, out * 1.0
        for j in range(1, min(m, degree) + 1):
            term = power[j, rival] * tie if j == m and tie != 1.0 else power[j, rival]
            out[j:] += term * previous[: degree + 1 - j]
    return out
