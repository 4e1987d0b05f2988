"""The account of a gain adds up, and its terms are the chances they are named after."""

from __future__ import annotations

import numpy as np
import pytest
from answer_draws import chosen_model, modes, pooled, random_pool
from hypothesis import given, settings
from hypothesis import strategies as st

from muxcast.theory.consistency import mode_law_known
from muxcast.theory.gain import account_of_gain
from muxcast.theory.selection import mux_accuracy


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 5), st.integers(1, 6))
def test_the_account_adds_up_exactly(seed, models, k):
    rng = np.random.default_rng(seed)
    p = rng.dirichlet(np.full(5, 0.5), size=(models, 4))
    laws = mode_law_known(p[..., :4], p[..., 4], k)
    reference = int(rng.integers(models))
    account = account_of_gain(laws, p[reference, :, 0], reference)
    total = account.one_sample + account.mode + account.won.sum(0) - account.lost.sum(0)
    np.testing.assert_allclose(account.accuracy, mux_accuracy(laws), atol=1e-12)
    np.testing.assert_allclose(total, account.accuracy, atol=1e-12)
    assert (account.won >= -1e-14).all() and (account.lost >= -1e-14).all()


@pytest.mark.parametrize("reference", [0, 1, 2])
def test_terms_agree_with_all_joint_draws(reference):
    rng = np.random.default_rng(reference)
    for _ in range(6):
        p, blank = random_pool(rng, 3, 2)
        won, lost = np.zeros(3), np.zeros(3)
        for weight, outcome in pooled([modes(p[i], blank[i], 2) for i in range(3)]):
            i = chosen_model(outcome, lambda _, mode: mode.top)
            if i is not None and i != reference:
                won[i] += weight * (outcome[i].right and not outcome[reference].right)
                lost[i] += weight * (outcome[reference].right and not outcome[i].right)
        account = account_of_gain(mode_law_known(p[:, None], blank[:, None], 2), p[reference, :1], reference)
        np.testing.assert_allclose(account.won[:, 0], won, atol=1e-12)
        np.testing.assert_allclose(account.lost[:, 0], lost, atol=1e-12)
