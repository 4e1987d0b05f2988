"""Blanks dropped from the denominator, against enumeration of all joint draws and subsets."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from answer_draws import chosen_model, modes, pooled, random_pool

from muxcast.theory.blanks import confidence_scale, dropped_known, dropped_logged, dropped_posterior, on_scale
from muxcast.theory.consistency import ModeLaw, mode_law_known, mode_law_posterior
from muxcast.theory.selection import mux_accuracy, mux_accuracy_uneven


def test_confidence_over_answered_samples_agrees_with_all_joint_draws():
    rng = np.random.default_rng(0)
    for _ in range(20):
        p, blank = random_pool(rng, 2, 2)
        accuracy = 0.0
        for weight, outcome in pooled([modes(p[i], blank[i], 3) for i in range(2)]):
            i = chosen_model(outcome, lambda _, mode: mode.top / max(mode.answered, 1))
            accuracy += weight * (i is not None and outcome[i].right)
        law = dropped_known(p[:, None], blank[:, None], 3)
        assert float(mux_accuracy(law)[0]) == pytest.approx(accuracy, abs=1e-12)


def test_logged_samples_with_blanks_dropped_agree_with_all_subsets():
    counts, blanks, k = np.array([[2, 1, 0], [0, 0, 1], [0, 0, 0]]), np.array([2, 4, 5]), 3
    scale = confidence_scale(range(1, k + 1))
    law = dropped_logged(counts, blanks, k)
    for row in range(3):
        urn = [c for c, n in enumerate(counts[row]) for _ in range(n)] + [-1] * int(blanks[row])
        draws = list(combinations(urn, k))
        correct, top = np.zeros(len(scale)), np.zeros(len(scale))
        for draw in draws:
            seen = np.bincount([c for c in draw if c >= 0], minlength=3)
            m, answered = seen.max(), max(seen.sum(), 1)
            place = int(np.argmin([abs(float(f) - m / answered) for f in scale]))
            top[place] += 1 / len(draws)
            correct[place] += (m > 0) * (seen[0] == m) / max((seen == m).sum(), 1) / len(draws)
        np.testing.assert_allclose(law.top[row], top, atol=1e-12)
        np.testing.assert_allclose(law.correct[row], correct, atol=1e-12)
    with pytest.raises(ValueError, match="logged"):
        dropped_logged(counts, blanks, 6)


def test_the_conventions_agree_where_nothing_is_blank():
    rng = np.random.default_rng(1)
    p = rng.dirichlet(np.ones(3), size=(2, 5))
    counted = mode_law_known(p, np.zeros((2, 5)), 4)
    dropped = dropped_known(p, np.zeros((2, 5)), 4)
    np.testing.assert_allclose(mux_accuracy(dropped), mux_accuracy(counted), atol=1e-13)


def test_dropping_blanks_lets_a_model_that_rarely_answers_win():
    p = np.array([[[0.8, 0.2]], [[0.0, 0.3]]])
    blank = np.array([[0.0], [0.7]])
    counted = mux_accuracy(mode_law_known(p, blank, 5))
    assert float(mux_accuracy(dropped_known(p, blank, 5))[0]) < float(counted[0]) - 0.2


def test_a_sharp_posterior_is_a_known_probability():
    p, blank = np.array([0.5, 0.2, 0.1]), np.array(0.2)
    known = dropped_known(p, blank, 4)
    sharp = dropped_posterior(p * 1e7, blank * 1e7, 4)
    np.testing.assert_allclose(sharp.correct, known.correct, atol=1e-6)
    np.testing.assert_allclose(sharp.top.sum(-1), 1, atol=1e-12)
    spread = mode_law_posterior(p, blank, 4)
    assert float(spread.top.sum()) == pytest.approx(1)


def test_one_scale_serves_models_with_different_numbers_of_samples():
    rng = np.random.default_rng(2)
    p = rng.dirichlet(np.ones(4), size=(3, 6))
    ks = [2, 3, 4]
    laws = [mode_law_known(p[i, :, :3], p[i, :, 3], k) for i, k in enumerate(ks)]
    scale = confidence_scale(ks)
    spread = [on_scale(law, k, scale) for law, k in zip(laws, ks, strict=True)]
    together = ModeLaw(*(np.stack(parts) for parts in zip(*spread, strict=True)))
    np.testing.assert_allclose(mux_accuracy(together), mux_accuracy_uneven(laws, ks), atol=1e-13)
