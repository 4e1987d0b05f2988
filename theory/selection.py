r"""SLM-MUX exactly: the accuracy of the most confident model's answer, ties broken by validation accuracy.

For models in tie-break order, writing j ≺ i for j preferred to i,

.. math:: \mathrm{Acc} = \sum_i \sum_{m \ge 1} R_i(m) \prod_{j ≺ i} P(T_j < m) \prod_{j ≻ i} P(T_j \le m).

Source: ours, from Algorithm 1 of arXiv 2510.05077. All blank is wrong.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from .consistency import ModeLaw, at_most


def mux_accuracy(laws: ModeLaw) -> Float[Array, "*question"]:
    """Accuracy of SLM-MUX on each question.

    Args:
        laws: laws [model, *question, m], models in tie-break order, the most preferred first, same k.
    """
    upto = at_most(laws)[..., 1:]
    below = at_most(laws)[..., :-1]

    def add(state: tuple[Array, Array], law: tuple[Array, Array, Array]) -> tuple[tuple[Array, Array], None]:
        answer, whole = state
        correct, below_i, upto_i = law
        return (answer * below_i + correct * whole, whole * upto_i), None

    one = jnp.ones(upto.shape[1:])
    (answer, _), _ = jax.lax.scan(add, (0 * one, one), (laws.correct[..., 1:], below, upto), reverse=True)
    return answer.sum(-1)
