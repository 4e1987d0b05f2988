"""SLM-MUX over a pool chosen for each group of questions."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from ...theory.consistency import ModeLaw
from ...theory.pools import pool_accuracy
from ...theory.tables import laws_of_counts
from ..answers import AnswerCounts
from ..errors import BadInput
from .mux import mux
from .protocol import Answers, register

SHRINK = 20.0
"""Weight, in questions, of a pool's accuracy over all groups in its score for one group."""
_MOST_MODELS = 14


def groups_of(questions: list[tuple[str, str]]) -> np.ndarray:
    """Group number of each question: the place of its task among the sorted tasks."""
    return np.unique([task for task, _ in questions], return_inverse=True)[1]


def learn_pools(
    pilot: AnswerCounts, accuracy: Float[np.ndarray, " model"], samples: int
) -> Bool[np.ndarray, "group model"]:
    """The best pool for each task, by exact SLM-MUX accuracy on the pilot, shrunk to that over all tasks.

    Raises:
        BadInput: more than 14 models.
    """
    if len(pilot.models) > _MOST_MODELS:
        raise BadInput(f"rule 'grouped-mux' tries all pools of at most {_MOST_MODELS} models, not {len(pilot.models)}")
    k = min(samples, int(pilot.samples.min()))
    preferred = np.argsort(-np.asarray(accuracy), kind="stable")
    laws = laws_of_counts(pilot.classes[:, preferred], pilot.blanks[:, preferred], pilot.right, k)
    by_model = ModeLaw(*(np.moveaxis(np.asarray(part), 1, 0) for part in laws))
    overall = np.asarray(pool_accuracy(by_model))
    group = groups_of(pilot.questions)
    found = np.zeros((group.max() + 1, len(preferred)), bool)
    for g in range(group.max() + 1):
        inside = group == g
        mine = np.asarray(pool_accuracy(ModeLaw(*(part[:, inside] for part in by_model))))
        n = inside.sum()
        best = int(((n * mine + SHRINK * overall) / (n + SHRINK))[1:].argmax()) + 1
        found[g, preferred] = (best >> np.arange(len(preferred))) & 1
    return found


def chosen(answers: Answers) -> Bool[Array, " model"]:
    """The group's pool; with none of its models at hand, every model."""
    pool = answers.learned[answers.group]
    return jnp.where((pool & (answers.samples > 0)).any(), pool, True)


@register("grouped-mux", source="ours", needs=("group",), learn=learn_pools, asks=chosen)
def grouped_mux(answers: Answers, key: Array) -> Float[Array, " class"]:
    """SLM-MUX over the pool that was best for the question's task on the pilot."""
    keep = chosen(answers)
    return mux(answers._replace(counts=answers.counts * keep[:, None], blanks=answers.blanks * keep), key)
