"""Derivatives in p against differences, and in k against the laws themselves."""

from __future__ import annotations

import numpy as np

from muxcast.theory.consistency import ModeLaw, mode_law_known
from muxcast.theory.selection import mux_accuracy, mux_accuracy_uneven
from muxcast.theory.sensitivity import one_more_sample, raise_correct, sensitivity


def test_raising_a_model_has_the_effect_the_derivative_says():
    rng = np.random.default_rng(0)
    draw = rng.dirichlet(np.ones(4), size=(3, 6))
    p, blank = draw[..., :3], draw[..., 3]
    found = sensitivity(p, blank, 3)
    np.testing.assert_allclose(found.accuracy, mux_accuracy(mode_law_known(p, blank, 3)), atol=1e-12)
    step = 1e-6
    for i in range(3):
        rise = np.zeros((3, 1))
        rise[i] = step
        up, down = (
            mux_accuracy(mode_law_known(*(np.asarray(part) for part in raise_correct(p, blank, sign * rise)), 3))
            for sign in (1, -1)
        )
        np.testing.assert_allclose(found.per_point[i], (up - down) / (2 * step), atol=1e-7)


def test_a_model_that_cannot_be_better_is_left_alone():
    p, blank = raise_correct(np.array([1.0, 0.0]), np.array(0.0), np.array(0.1))
    np.testing.assert_allclose(p, [1, 0])
    assert float(blank) == 0


def test_one_more_sample_for_one_model_is_the_difference_of_two_exact_accuracies():
    rng = np.random.default_rng(1)
    draw = rng.dirichlet(np.ones(4), size=(2, 5))
    p, blank = draw[..., :3], draw[..., 3]
    few, more = mode_law_known(p, blank, 2), mode_law_known(p, blank, 3)
    mixed = [ModeLaw(few.correct[0], few.top[0]), ModeLaw(more.correct[1], more.top[1])]
    expected = mux_accuracy_uneven(mixed, [2, 3]) - mux_accuracy(few)
    np.testing.assert_allclose(one_more_sample(p, blank, 2)[1], expected, atol=1e-13)
