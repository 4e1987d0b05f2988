"""SLM-MUX against enumeration of all joint draws, and all pools against one pool at a time."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from answer_draws import chosen_model, modes, pooled, random_pool
from scipy.stats import multinomial

from muxcast.theory.consistency import ModeLaw, mode_accuracy, mode_law_known, mode_law_logged
from muxcast.theory.pools import (
    pool_accuracy,
    pool_accuracy_per_question,
    pool_cost,
    pool_expectation,
    pool_masks,
)
from muxcast.theory.selection import mux_accuracy, mux_accuracy_uneven, mux_chosen_uneven, mux_law


def one_question(p: np.ndarray, blank: np.ndarray, k: int) -> ModeLaw:
    return mode_law_known(p[:, None], blank[:, None], k)


@pytest.mark.parametrize("k, models, cases", [(1, 3, 60), (2, 2, 60), (2, 3, 20), (3, 2, 20)])
def test_mux_agrees_with_all_joint_draws(k, models, cases):
    rng = np.random.default_rng(100 * k + models)
    for _ in range(cases):
        p, blank = random_pool(rng, models, 2)
        accuracy, silent = 0.0, 0.0
        chosen, chosen_right = np.zeros(models), np.zeros(models)
        confidence, union = np.zeros(k + 1), 0.0
        for weight, outcome in pooled([modes(p[i], blank[i], k) for i in range(models)]):
            i = chosen_model(outcome, lambda _, mode: mode.top)
            union += weight * any(mode.right for mode in outcome)
            if i is None:
                silent += weight
                continue
            chosen[i] += weight
            confidence[outcome[i].top] += weight
            accuracy += weight * outcome[i].right
            chosen_right[i] += weight * outcome[i].right
        law = mux_law(one_question(p, blank, k))
        assert float(mux_accuracy(one_question(p, blank, k))[0]) == pytest.approx(accuracy, abs=1e-12)
        np.testing.assert_allclose(law.accuracy[0], accuracy, atol=1e-12)
        np.testing.assert_allclose(law.chosen[:, 0], chosen, atol=1e-12)
        np.testing.assert_allclose(law.chosen_correct[:, 0], chosen_right, atol=1e-12)
        np.testing.assert_allclose(law.silent[0], silent, atol=1e-12)
        np.testing.assert_allclose(law.confidence[0, 1:], confidence[1:], atol=1e-12)
        np.testing.assert_allclose(law.union[0], union, atol=1e-12)
        np.testing.assert_allclose(law.lost[0], union - accuracy, atol=1e-12)


@pytest.mark.parametrize("ks", [(1, 2), (3, 2), (2, 1, 3)])
def test_models_with_different_numbers_of_samples_compare_shares(ks):
    rng = np.random.default_rng(sum(ks))
    for _ in range(8):
        p, blank = random_pool(rng, len(ks), 2)
        accuracy = np.zeros(len(ks))
        for weight, outcome in pooled([modes(p[i], blank[i], k) for i, k in enumerate(ks)]):
            i = chosen_model(outcome, lambda i, mode: mode.top / ks[i])
            if i is not None:
                accuracy[i] += weight * outcome[i].right
        laws = [mode_law_known(p[i : i + 1], blank[i : i + 1], k) for i, k in enumerate(ks)]
        assert float(mux_accuracy_uneven(laws, ks)[0]) == pytest.approx(accuracy.sum(), abs=1e-12)
        np.testing.assert_allclose(mux_chosen_uneven(laws, ks)[0][:, 0], accuracy, atol=1e-12)


def population(seed: int, models: int = 5, questions: int = 7, k: int = 4) -> ModeLaw:
    rng = np.random.default_rng(seed)
    p = rng.dirichlet(np.ones(5), size=(models, questions))
    return mode_law_known(p[..., :4], p[..., 4], k)


def test_mux_of_one_model_is_self_consistency():
    laws = population(1, models=1)
    np.testing.assert_allclose(mux_accuracy(laws), mode_accuracy(laws)[0], atol=1e-14)


def test_mux_with_one_sample_answers_with_the_first_model_unless_it_is_blank():
    laws = population(2, models=3, k=1)
    right, blank = laws.correct[..., 1], laws.top[..., 0]
    expected = right[0] + blank[0] * right[1] + blank[0] * blank[1] * right[2]
    np.testing.assert_allclose(mux_accuracy(laws), expected, atol=1e-14)


def test_choices_and_silence_add_to_one():
    law = mux_law(population(3))
    np.testing.assert_allclose(law.chosen.sum(0) + law.silent, 1, atol=1e-13)
    np.testing.assert_allclose(law.confidence.sum(-1), 1, atol=1e-13)
    np.testing.assert_allclose(law.chosen_correct.sum(0), law.accuracy, atol=1e-13)
    np.testing.assert_allclose(law.confidently_wrong(1) + law.accuracy + law.silent, 1, atol=1e-13)


def test_equal_numbers_of_samples_are_a_case_of_unequal_ones():
    laws = population(4)
    parts = [ModeLaw(laws.correct[i], laws.top[i]) for i in range(5)]
    np.testing.assert_allclose(mux_accuracy_uneven(parts, [4] * 5), mux_accuracy(laws), atol=1e-14)


def test_jax_and_numpy_give_the_same_numbers():
    laws = population(5)
    compiled = jax.tree.map(jnp.asarray, laws)
    np.testing.assert_allclose(mux_accuracy(compiled), mux_accuracy(laws), atol=1e-14)
    np.testing.assert_allclose(pool_accuracy(compiled), pool_accuracy(laws), atol=1e-14)


def test_all_pools_at_once_equal_one_pool_at_a_time():
    laws = population(6, models=6)
    masks = pool_masks(6)
    together = pool_accuracy(laws)
    cost = np.random.default_rng(0).random((6, 7))
    spent, answered = pool_cost(cost), pool_expectation(laws, np.ones((6, 7)))
    assert together[0] == 0 == answered[0]
    for number in range(1, 64):
        members = np.flatnonzero(masks[number])
        part = ModeLaw(laws.correct[members], laws.top[members])
        assert together[number] == pytest.approx(float(mux_accuracy(part).mean()), abs=1e-13)
        assert spent[number] == pytest.approx(cost[members].sum(0).mean(), abs=1e-13)
        assert answered[number] == pytest.approx(1 - float(mux_law(part).silent.mean()), abs=1e-13)
    np.testing.assert_allclose(pool_accuracy_per_question(laws, masks).mean(-1), together, atol=1e-13)


def test_weights_of_questions_and_blocks_of_questions_change_nothing_else(monkeypatch):
    laws = population(7, models=4, questions=9)
    weights = np.random.default_rng(1).dirichlet(np.ones(9))
    expected = pool_accuracy_per_question(laws, pool_masks(4)) @ weights
    monkeypatch.setattr("muxcast.theory.pools.TABLE_NUMBERS", 50)
    np.testing.assert_allclose(pool_accuracy(laws, weights), expected, atol=1e-13)


def test_padding_with_top_counts_that_cannot_happen_is_exact():
    laws = population(8)
    padded = ModeLaw(*(np.pad(part, ((0, 0), (0, 0), (0, 3))) for part in laws))
    np.testing.assert_allclose(pool_accuracy(padded), pool_accuracy(laws), atol=1e-14)


def test_logged_laws_estimate_mux_without_bias():
    """Mean over logs of the estimate from n = 4 samples equals the truth at k = 2, enumerating the logs."""
    rng = np.random.default_rng(9)
    p, k, n = rng.dirichlet(np.ones(3), size=2), 2, 4
    counts = np.array([(a, b, n - a - b) for a in range(n + 1) for b in range(n + 1 - a)])
    weight = [multinomial.pmf(counts, n, p[i]) for i in range(2)]
    laws = mode_law_logged(counts, np.zeros(len(counts), int), k)
    first, second = np.meshgrid(*[np.arange(len(counts))] * 2, indexing="ij")
    pairs = ModeLaw(*(np.stack([part[first.ravel()], part[second.ravel()]]) for part in laws))
    estimate = mux_accuracy(pairs) @ np.outer(*weight).ravel()
    truth = mux_accuracy(mode_law_known(p[:, None], np.zeros((2, 1)), k))[0]
    assert estimate == pytest.approx(truth, abs=1e-12)


def test_more_samples_can_make_mux_worse():
    """A stored counterexample to 'sampling more never hurts': a scattered truth against a concentrated error."""
    p = np.array([[[0.45, 0.11, 0.11, 0.11, 0.11, 0.11]], [[0.2, 0.8, 0, 0, 0, 0]]])
    few, many = (float(mux_accuracy(mode_law_known(p, np.zeros((2, 1)), k))[0]) for k in (1, 15))
    assert few > 0.44
    assert many < 0.1


def test_adding_a_better_model_can_make_mux_worse_than_either():
    """Each is right where its answers scatter and the other repeats one error: confidence picks the error."""
    sure_error, scattered_truth = [0, 0.9, 0.1, 0, 0, 0], [0.6, 0, 0.1, 0.1, 0.1, 0.1]
    p = np.array([[scattered_truth, sure_error, sure_error], [sure_error, scattered_truth, scattered_truth]])
    accuracy = pool_accuracy(mode_law_known(p, np.zeros((2, 3)), 9))
    assert accuracy[0b11] < accuracy[0b01] < accuracy[0b10]
