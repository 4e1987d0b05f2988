"""What would raising a model's accuracy, or its number of samples, do to SLM-MUX?

Raising p moves probability to the correct class from all other outcomes (blanks included) in proportion to what they
have, so that a right sample becomes likelier by the same amount on every question. The derivative is exact, by forward
differentiation of the exact law; in k it is a difference. Ours.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from .consistency import ModeLaw, mode_law_known
from .selection import mux_accuracy, mux_accuracy_uneven


class Sensitivity(NamedTuple):
    """Derivatives of SLM-MUX's accuracy, per question."""

    accuracy: Float[Array, " question"]
    """The accuracy itself."""
    per_point: Float[Array, "model question"]
    """d accuracy / d p of each model: points gained per point of its accuracy. May be negative: a model that
    becomes more confident can win where a better one would have."""


def sensitivity(p: Float[Array, "model question class"], blank: Float[Array, "model question"], k: int) -> Sensitivity:
    """How the accuracy of SLM-MUX responds to each model's probability of a right sample.

    Args:
        p: answer probabilities, class 0 correct, models in tie-break order.
        blank: probability of a blank sample.
        k: samples per model.
    """
    p, blank = jnp.asarray(p, float), jnp.asarray(blank, float)

    def accuracy(rise: Float[Array, " model"]) -> Float[Array, " question"]:
        raised, blanks = raise_correct(p, blank, rise[:, None])
        return mux_accuracy(mode_law_known(raised, blanks, k))

    zero = jnp.zeros(p.shape[0])
    return Sensitivity(accuracy(zero), jax.jacfwd(accuracy)(zero).T)


def raise_correct(
    p: Float[Array, "*batch class"], blank: Float[Array, "*batch"], rise: Float[Array, "*batch"]
) -> tuple[Float[Array, "*batch class"], Float[Array, "*batch"]]:
    """Add ``rise`` to the correct class (0) and take it from all other outcomes in proportion.

    Where the correct class already has everything there is nothing to take, and nothing changes.
    """
    rest = 1 - p[..., 0]
    possible = rest > 0
    keep = 1 - jnp.where(possible, rise, 0.0) / jnp.where(possible, rest, 1.0)
    correct = p[..., 0] + jnp.where(possible, rise, 0.0)
    return jnp.concatenate([correct[..., None], p[..., 1:] * keep[..., None]], -1), blank * keep


def one_more_sample(
    p: Float[Array, "model question class"], blank: Float[Array, "model question"], k: int
) -> Float[Array, "model question"]:
    """Accuracy gained when one model alone gets k + 1 samples and the others keep k: the finite difference in k.

    Confidences are compared as fractions. Row i is the gain from model i's further sample; often negative for a
    weak model, whose confidence then takes values that break former ties.
    """
    now, more = mode_law_known(p, blank, k), mode_law_known(p, blank, k + 1)
    base = mux_accuracy(now)
    gains = []
    for i in range(now.top.shape[0]):
        laws = [ModeLaw(*(part[j] for part in (more if j == i else now))) for j in range(now.top.shape[0])]
        gains.append(mux_accuracy_uneven(laws, [k + (j == i) for j in range(len(laws))]) - base)
    return jnp.stack(gains)
