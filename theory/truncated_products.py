"""The products of truncated polynomials behind the law of the mode, for a block of rows.

Only top counts m ≤ k/2 need a product over classes: above that at most one class can have the top count, and
since w(x) * w(y) = w(x + y) the chance that class c is drawn exactly m times is w_c(m) w_{all but c}(s − m) / w_all(s).
A product truncated at m serves every number of samples s at once, as its coefficients. Formulas: ``consistency``.

The integral over the tie-break v is a polynomial in v of degree ⌊s/m⌋ − 1. Gauss-Lobatto nodes include both ends, and
those cost nothing: at v = 1 the integrand is the product behind P(T ≤ m), at v = 0 that behind P(T ≤ m − 1). So m > k/3
needs no product beyond those, and all masses are positive. At m = 1 powers of v and z go together, and the integral
is taken coefficient by coefficient.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float


class _Caps(NamedTuple):
    """Top counts whose products are taken together, in one array with a node axis."""

    mask: Float[np.ndarray, "j node"]
    """1 for j < m, v for j = m, 0 beyond: what multiplies a rival's weights."""
    inner: dict[int, tuple[list[int], list[float]]]
    """For each top count m, the places and masses of its nodes 0 < v < 1."""
    whole: dict[int, int]
    """For each m, the place of its node v = 1."""
    ends: dict[int, tuple[float, float]]
    """For each m, the masses of v = 0 and v = 1."""


def laws_of_block(
    xp: Any,
    scheme: str,
    x: Float[Array, "class row"],
    blank: Float[Array, " row"],
    theta: Float[Array, " row"] | None,
    k: int,
    ties: str,
    every_k: bool,
) -> tuple[Float[Array, "samples m row"], Float[Array, "samples m row"]]:
    """R(m) and P(T = m) for m = 0..k, after s = 0..k samples or after k alone (``samples`` of length 1).

    Args:
        xp: ``jax.numpy``, or ``numpy``, which skips classes that no row uses; rows then run fastest
            sorted by falling number of classes.
        scheme: ``known``, ``logged`` or ``posterior``.
        x: parameter of each class (p, n or α), the correct one first.
        blank: the same for blanks.
        theta: weight of unseen classes, or None.
        k, ties, every_k: as in ``consistency``.
    """
    total = x.sum(0) + blank + (0.0 if theta is None else theta)
    weights, ratio = _family(xp, scheme, total, k)
    z = weights(total)  # degree, row
    own, rivals = weights(x[0]), weights(x[1:])
    blanks = weights(blank)
    multiply = _multiply_jax if xp is jnp else _multiply_numpy

    samples = np.arange(k + 1) if every_k else np.array([k])
    norm = xp.where(z[samples] > 0, z[samples], xp.nan)  # nan: a log with fewer samples
    below = blanks[samples] * weights(total - blank)[0] / norm  # every other class is drawn 0 times
    correct, top = [0.0 * below], [below]

    def found(m: int, tied: Any, whole: Any) -> None:
        nonlocal below
        correct.append(own[m] * _shifted(xp, tied, samples, m) / norm)
        if every_k:
            upto = sum(own[j] * _shifted(xp, whole, samples, j) for j in range(m + 1)) / norm
        else:
            upto = (own[: m + 1] * whole[k - m :][::-1]).sum(0)[None] / norm
        top.append(upto - below)
        below = upto

    if k > 1:
        single = xp.concatenate([xp.ones_like(blanks[:1]), xp.zeros_like(blanks[1:])])[:, None]
        mask = xp.ones((2, 1))
        if theta is not None:
            single = _unseen(xp, theta, ratio, mask, k)
        single = multiply(single, rivals, mask)[:, 0]
        share = _tie_shares(k, ties)[:, None]
        whole = _times(xp, blanks, single)
        found(1, _times(xp, blanks, single * share), whole)
    for caps in _groups(k, ties, merge=xp is jnp):
        mask = xp.asarray(caps.mask)
        product = xp.broadcast_to(blanks[:, None], (k + 1, mask.shape[1], blanks.shape[-1]))
        if theta is not None:
            product = _times(xp, product, _unseen(xp, theta, ratio, mask, k))
        product = multiply(product, rivals, mask)
        for m, at in caps.whole.items():
            before, whole = whole, product[:, at]
            tied = sum(mass * end for mass, end in zip(caps.ends[m], (before, whole), strict=True) if mass)
            found(m, sum((mass * product[:, g] for g, mass in zip(*caps.inner[m], strict=True)), tied), whole)

    most = np.arange(k // 2 + 1, k + 1)  # more than half: alone at the top
    left = samples[:, None] - most
    inside, left = (left >= 0)[..., None], left.clip(0)
    rest = weights(total - x, k - k // 2 - 1)
    alone = xp.where(inside, own[most] * rest[0][left], 0.0) / norm[:, None]
    others = xp.where(inside, xp.einsum("cmr,csmr->smr", rivals[:, most], rest[1:][:, left]), 0.0) / norm[:, None]
    if theta is not None:
        new = theta * ratio ** most[:, None] / most[:, None]
        others = others + xp.where(inside, new * z[left], 0.0) / norm[:, None]
    first = [xp.stack(part, 1) for part in (correct, top)]
    return xp.concatenate([first[0], alone], 1), xp.concatenate([first[1], alone + others], 1)


def _shifted(xp: Any, polynomial: Any, samples: np.ndarray, m: int) -> Any:
    """[z^{s−m}] for each number of samples s."""
    if len(samples) == 1:
        return polynomial[samples[0] - m][None]
    return xp.concatenate([xp.zeros_like(polynomial[:m]), polynomial[: len(samples) - m]])


def _family(xp: Any, scheme: str, total: Any, k: int) -> tuple[Callable[..., Any], Any]:
    """The scheme's weights, scaled to probabilities, as a map [..., row] → [..., degree, row]; and the scale of z."""
    if scheme == "known":
        scale = k / total
        first, step = (lambda x: xp.exp(-scale * x)), (lambda x, j: scale * x / j)
    elif scheme == "logged":
        share = xp.minimum(total, k) / (total + 1)
        scale = share / (1 - share)
        first, step = (lambda x: (1 - share) ** x), (lambda x, j: xp.maximum(x - j + 1, 0) / j * scale)
    else:
        scale = k / (k + total)
        first, step = (lambda x: (1 - scale) ** x), (lambda x, j: (x + j - 1) / j * scale)

    def weights(x: Any, most: int = k) -> Any:
        start = first(x)
        if xp is jnp:
            grown = jax.lax.scan(lambda w, j: (w * step(x, j), w), start, np.arange(1.0, most + 2))[1]
        else:
            degrees = np.arange(1, most + 1).reshape(-1, *[1] * x.ndim)
            grown = np.concatenate([start[None], start * np.cumprod(step(x, degrees), 0)])
        return xp.moveaxis(grown, 0, -2)

    return weights, scale


@functools.cache
def _groups(k: int, ties: str, merge: bool) -> list[_Caps]:
    """Top counts 2..k/2: one by one, or merged within powers of two, which costs work but compiles much less."""
    groups: dict[int, list[int]] = {}
    for m in range(2, k // 2 + 1):
        groups.setdefault((m - 1).bit_length() if merge else m, []).append(m)
    return [_caps(members, k, ties) for members in groups.values()]


def _caps(members: list[int], k: int, ties: str) -> _Caps:
    j = np.arange(max(members) + 1)
    masks: list[np.ndarray] = []
    inner, whole, ends = {}, {}, {}
    for m in members:
        nodes, masses, ends[m] = _tie_break(k // m, ties)
        inner[m] = list(range(len(masks), len(masks) + len(nodes))), masses
        whole[m] = len(masks) + len(nodes)
        masks += [np.where(j < m, 1.0, np.where(j == m, v, 0.0)) for v in (*nodes, 1.0)]
    return _Caps(np.stack(masks, 1), inner, whole, ends)


def _tie_break(most: int, ties: str) -> tuple[list[float], list[float], tuple[float, float]]:
    """How a tie of up to ``most`` classes is valued: nodes 0 < v < 1, their masses, the masses of v = 0 and v = 1.

    Gauss-Lobatto with n nodes is exact to degree 2n − 3, and the degree is ``most`` − 1.
    """
    if ties in ("none", "win"):
        return [], [], (1.0, 0.0) if ties == "none" else (0.0, 1.0)
    last = np.polynomial.legendre.Legendre.basis((most + 3) // 2 - 1)
    nodes = np.sort(last.deriv().roots().real)
    end = 1 / (last.degree() * (last.degree() + 1))
    return list((nodes + 1) / 2), list(end / last(nodes) ** 2), (end, end)


def _tie_shares(k: int, ties: str) -> Float[np.ndarray, " tied"]:
    """What a tie with t = 0..k rivals is worth to the correct class."""
    rivals = np.arange(k + 1)
    return {"none": 1.0 * (rivals == 0), "win": np.ones(k + 1)}.get(ties, 1 / (rivals + 1))


def _multiply_jax(product: Any, rivals: Any, mask: Any) -> Any:
    """``product`` [degree, node, row] times every rival's masked polynomial, truncated at its degree."""
    size = product.shape[0]

    def step(product, w):
        grown = product * (mask[0][:, None] * w[0])
        for j in range(1, mask.shape[0]):
            # adding in place is three times as quick on a CPU as a sum of shifted copies
            terms = grown[j:] + product[: size - j] * (mask[j][:, None] * w[j])
            grown = jax.lax.dynamic_update_slice(grown, terms, (j, 0, 0))
        return grown, None

    return jax.lax.scan(step, product, rivals)[0]


def _multiply_numpy(product: Any, rivals: Any, mask: Any) -> Any:
    product = np.array(product)
    for w in rivals:
        used = np.flatnonzero(w[1])
        if not len(used):
            continue
        rows = used[-1] + 1
        part, w = product[..., :rows], w[:, :rows]
        grown = part * w[0]
        for j in range(1, len(mask)):
            if not w[j].any():
                break
            grown[j:] += part[:-j] * (mask[j][:, None] * w[j])
        product[..., :rows] = grown
    return product


def _unseen(xp: Any, theta: Any, ratio: Any, mask: Any, k: int) -> Any:
    """exp(θ Σ_j mask_j z^j / j), scaled: [degree, node, row], by n f_n = θ Σ_j mask_j f_{n−j}."""
    terms = [xp.broadcast_to((1 - ratio) ** theta, (mask.shape[1], theta.shape[-1]))]
    for n in range(1, k + 1):
        total = sum(mask[j][:, None] * ratio**j * terms[n - j] for j in range(1, min(len(mask) - 1, n) + 1))
        terms.append(theta / n * total)
    return xp.stack(terms)


def _times(xp: Any, a: Any, b: Any) -> Any:
    """Product of two polynomials [degree, ...], truncated to their common length."""
    size = a.shape[0]
    padded = xp.concatenate([xp.zeros_like(a), a])
    return sum(padded[size - j : 2 * size - j] * b[j] for j in range(size))
