"""Rates bound what they say they bound; the plateau and K* are where the exact accuracies go."""

from __future__ import annotations

import numpy as np
import pytest

from muxcast.theory.composed_accuracy import composed_accuracy
from muxcast.theory.consistency import mode_accuracy, mode_law_known
from muxcast.theory.limits import (
    best_vote_samples,
    enough_samples,
    mode_error_bound,
    plateau,
    rival_bound,
    samples_for_mode,
)


def test_the_error_of_the_mode_is_below_chernoffs_bound_at_every_k():
    rng = np.random.default_rng(0)
    p = rng.dirichlet(np.ones(4), size=60)
    p = -np.sort(-p, axis=-1)
    every = mode_accuracy(mode_law_known(p, np.zeros(60), 24, every_k=True))
    for k in (1, 5, 12, 24):
        assert (1 - every[:, k] <= mode_error_bound(p, k) + 1e-12).all()


def test_the_bound_of_two_answers_has_the_right_exponent():
    p1, p2 = 0.7, 0.3
    error = [composed_accuracy(n, np.array(p2)) for n in (201, 401)]  # odd: the complement, without rounding
    rate = np.log(error[1] / error[0]) / 200
    assert rate == pytest.approx(np.log(rival_bound(np.array(p1), np.array(p2), 1)), abs=0.003)


def test_samples_that_suffice_do():
    rng = np.random.default_rng(1)
    p = -np.sort(-rng.dirichlet(np.ones(3), size=30), axis=-1)
    need = samples_for_mode(p, 0.05)
    small = need <= 24
    assert small.any()
    every = mode_accuracy(mode_law_known(p[small], np.zeros(small.sum()), 24, every_k=True))
    assert (1 - every[np.arange(small.sum()), need[small].astype(int)] <= 0.05).all()
    assert np.isinf(samples_for_mode(np.array([0.5, 0.5]), 0.05))


def test_the_plateau_follows_the_most_concentrated_model():
    p = np.array([[[0.6, 0.3, 0.1], [0.3, 0.3, 0.1]], [[0.2, 0.7, 0.1], [0.1, 0.1, 0.2]]])
    limit = plateau(p)
    np.testing.assert_allclose(limit.single, [[1, 0.5], [0, 0]])
    np.testing.assert_allclose(limit.mux, [0, 0.5])
    assert plateau(np.zeros((1, 1, 3))).mux == 0  # always blank


def test_more_samples_stop_paying_where_the_rest_of_the_curve_is_flat():
    assert enough_samples(np.array([0.0, 0.5, 0.6, 0.64, 0.645, 0.645]), 0.01) == 3
    assert enough_samples(np.array([0.0, 0.5, 0.4, 0.3]), 0.0) == 1


def test_voting_is_most_accurate_at_the_k_of_chen_et_al():
    easy, p1, p2 = 0.6, 0.85, 0.4
    ks = np.arange(1, 60, 2)
    curve = [easy * composed_accuracy(k, np.array(p1)) + (1 - easy) * composed_accuracy(k, np.array(p2)) for k in ks]
    assert abs(ks[int(np.argmax(curve))] - best_vote_samples(easy, p1, p2)) <= 2
    assert np.isinf(best_vote_samples(0.6, 0.6, 0.2))
    with pytest.raises(ValueError, match="K\\*"):
        best_vote_samples(0.6, 0.4, 0.2)
