"""Dawid-Skene aggregation: model skills estimated from agreement alone, without any label."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ..answers import AnswerCounts
from ..errors import BadInput
from .protocol import Answers, modes, register
from .weighted_votes import log_odds


def learn_skills(
    pilot: AnswerCounts, accuracy: Float[np.ndarray, " model"], samples: int
) -> Float[np.ndarray, " model"]:
    """Skill of each model by one-coin Dawid-Skene on the pilot's answers; ``correct`` is never looked at.

    Raises:
        BadInput: crowd-kit is not installed.
    """
    try:
        import pandas as pd
        from crowdkit.aggregation import OneCoinDawidSkene
    except ImportError:
        raise BadInput(
            "rule 'dawid-skene' needs crowd-kit, which is not installed: pip install 'muxcast[rules]'"
        ) from None
    rng = np.random.default_rng(0)
    classes = pilot.classes.shape[-1]
    # by what they answered, so that it does not matter how the models are listed
    listed = sorted(range(len(pilot.models)), key=lambda i: pilot.classes[:, i].tolist())
    rows = []
    for q in range(pilot.classes.shape[0]):
        # the counts list correct classes first: names in random order keep that from leaking into class priors
        names = rng.permutation(classes)
        for i in listed:
            drawn = rng.permutation(np.repeat(names, pilot.classes[q, i]))
            rows += [(q, f"{pilot.models[i]}#{turn}", int(label)) for turn, label in enumerate(drawn)]
    votes = pd.DataFrame(rows, columns=["task", "worker", "label"])
    fitted = OneCoinDawidSkene(n_iter=50).fit(votes)
    skill = fitted.skills_
    assert skill is not None
    turns = votes.groupby("worker").size()
    found = []
    for model in pilot.models:
        mine = [name for name in turns.index if name.rsplit("#", 1)[0] == model]
        found.append(np.average(skill[mine], weights=turns[mine]) if mine else 0.0)
    return np.array(found)


@register("dawid-skene", source="Dawid & Skene 1979, one-coin, by crowd-kit", learn=learn_skills)
def dawid_skene(answers: Answers, key: Array) -> Float[Array, " class"]:
    """All samples vote with the log-odds of skills learned from agreement on the pilot, without labels."""
    options = jnp.maximum((answers.counts.sum(0) > 0).sum(), 2)
    return modes((answers.counts * log_odds(answers.learned, options)[:, None]).sum(0))
