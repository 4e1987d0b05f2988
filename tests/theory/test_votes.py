"""Pooled plurality against enumeration of all draws."""

from __future__ import annotations

from collections import Counter
from itertools import product
from math import prod

import numpy as np
import pytest
from answer_draws import BLANK, random_pool

from muxcast.theory.consistency import mode_accuracy, mode_law_known
from muxcast.theory.votes import plurality_accuracy, states


def by_enumeration(p: np.ndarray, blank: np.ndarray, ks: list[int]) -> float:
    draws = [i for i, k in enumerate(ks) for _ in range(k)]
    total = 0.0
    for outcome in product([BLANK, *range(p.shape[1])], repeat=len(draws)):
        weight = prod(blank[i] if c == BLANK else p[i, c] for i, c in zip(draws, outcome, strict=True))
        counts = Counter(c for c in outcome if c != BLANK)
        top = max(counts.values(), default=0)
        tied = [c for c, n in counts.items() if n == top]
        total += weight * (1 / len(tied) if 0 in tied else 0)
    return total


@pytest.mark.parametrize("ks", [[1, 1], [2, 2], [3, 1], [1, 2, 2]])
def test_pooled_plurality_agrees_with_all_draws(ks):
    rng = np.random.default_rng(sum(ks))
    cases = [random_pool(rng, len(ks), 3) for _ in range(5)]
    p, blank = np.stack([c[0] for c in cases], 1), np.stack([c[1] for c in cases], 1)
    expected = [by_enumeration(*case, ks) for case in cases]
    np.testing.assert_allclose(plurality_accuracy(p, blank, ks), expected, atol=1e-12)


def test_the_vote_of_one_model_is_self_consistency_and_of_twins_is_one_model_with_all_samples():
    rng = np.random.default_rng(1)
    p = rng.dirichlet(np.ones(5), size=(1, 8))
    one = plurality_accuracy(p[..., :4], p[..., 4], 6)
    np.testing.assert_allclose(one, mode_accuracy(mode_law_known(p[..., :4], p[..., 4], 6))[0], atol=1e-12)
    twins = np.repeat(p, 2, 0)
    np.testing.assert_allclose(plurality_accuracy(twins[..., :4], twins[..., 4], 3), one, atol=1e-12)


def test_too_many_states_are_refused():
    assert states([4, 4]) == 25
    with pytest.raises(ValueError, match="simulate"):
        plurality_accuracy(np.ones((5, 1, 1)), np.zeros((5, 1)), 16)
