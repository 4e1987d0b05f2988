"""Bounds hold for every pool; the objective with full confidence alone is no bound, and a case is kept to show it."""

from __future__ import annotations

import numpy as np
import pytest
from answer_draws import modes, pooled, random_pool
from hypothesis import given, settings
from hypothesis import strategies as st

from muxcast.theory.bounds import COUNTEREXAMPLE, ceiling, contradiction, mux_bounds, paper_objective, union_accuracy
from muxcast.theory.consistency import mode_law_known
from muxcast.theory.limits import plateau
from muxcast.theory.selection import mux_accuracy


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 4), st.integers(1, 6), st.sampled_from([0.1, 0.7, 3.0]))
def test_the_accuracy_lies_between_objective_and_union(seed, models, k, spread):
    rng = np.random.default_rng(seed)
    p = rng.dirichlet(np.full(5, spread), size=(models, 6))
    bounds = mux_bounds(mode_law_known(p[..., :4], p[..., 4], k))
    assert (bounds.lower <= bounds.accuracy + 1e-12).all()
    assert (bounds.accuracy <= bounds.upper + 1e-12).all()
    assert bounds.accuracy.mean() <= ceiling(p[..., 0]) + 1e-12


def test_union_and_contradiction_agree_with_all_joint_draws():
    rng = np.random.default_rng(4)
    for _ in range(15):
        p, blank = random_pool(rng, 2, 2)
        laws, k = mode_law_known(p[:, None], blank[:, None], 3), 3
        union, some, sure = 0.0, 0.0, 0.0
        for weight, outcome in pooled([modes(p[i], blank[i], k) for i in range(2)]):
            right = any(mode.right for mode in outcome)
            union += weight * right
            some += weight * (right and any(mode.top and not mode.right for mode in outcome))
            sure += weight * (right and any(mode.top == k and not mode.right for mode in outcome))
        assert union_accuracy(laws)[0] == pytest.approx(union, abs=1e-12)
        assert contradiction(laws)[0] == pytest.approx(some, abs=1e-12)
        assert contradiction(laws, at_least=k)[0] == pytest.approx(sure, abs=1e-12)


def test_counting_only_unanimous_contradictions_is_not_a_lower_bound():
    k = COUNTEREXAMPLE["k"]
    laws = mode_law_known(COUNTEREXAMPLE["p"], COUNTEREXAMPLE["blank"], k)
    assert paper_objective(laws, at_least=k)[0] > mux_accuracy(laws)[0] + 1 / 3
    assert paper_objective(laws)[0] <= mux_accuracy(laws)[0]


def test_the_plateau_may_exceed_and_may_fall_short_of_any_finite_number_of_samples():
    rng = np.random.default_rng(6)
    p = rng.dirichlet(np.ones(4), size=(3, 40))
    limit = plateau(p).mux
    near = mux_accuracy(mode_law_known(p, np.zeros((3, 40)), 48))
    far = mux_accuracy(mode_law_known(p, np.zeros((3, 40)), 6))
    assert np.abs(limit - near).mean() < np.abs(limit - far).mean()
