"""The law of the mode against enumeration of all draws, simulation, and what must hold whatever the numbers."""

from __future__ import annotations

from collections import Counter
from itertools import combinations, product
from math import prod

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from muxcast.theory.consistency import ModeLaw, mode_accuracy, mode_law_known, mode_law_logged, mode_law_posterior
from muxcast.theory.tables import laws_of_counts, sweep_of_counts

BLANK = -1


def outcome(draw: tuple[int, ...]) -> tuple[int, float]:
    """Count of the mode, and the chance that the mode picked among ties is class 0."""
    counts = Counter(c for c in draw if c != BLANK)
    top = max(counts.values(), default=0)
    modes = [c for c, n in counts.items() if n == top]
    return top, (1 / len(modes) if 0 in modes else 0.0)


def tabulate(weighted: list[tuple[tuple[int, ...], float]], k: int) -> tuple[np.ndarray, np.ndarray]:
    correct, top = np.zeros(k + 1), np.zeros(k + 1)
    for draw, weight in weighted:
        m, chance = outcome(draw)
        top[m] += weight
        correct[m] += weight * chance
    return correct, top


def by_sequences(p: np.ndarray, blank: float, k: int) -> tuple[np.ndarray, np.ndarray]:
    chance = {**dict(enumerate(p)), BLANK: blank}
    return tabulate([(s, prod(chance[c] for c in s)) for s in product(chance, repeat=k)], k)


def by_subsets(counts: np.ndarray, blanks: int, k: int) -> tuple[np.ndarray, np.ndarray]:
    urn = [c for c, n in enumerate(counts) for _ in range(n)] + [BLANK] * blanks
    draws = list(combinations(urn, k))
    return tabulate([(draw, 1 / len(draws)) for draw in draws], k)


def by_polya(alpha: np.ndarray, alpha_blank: float, k: int) -> tuple[np.ndarray, np.ndarray]:
    start = {**dict(enumerate(alpha)), BLANK: alpha_blank}
    weighted = []
    for s in product(start, repeat=k):
        urn, weight = dict(start), 1.0
        for c in s:
            weight *= urn[c] / sum(urn.values())
            urn[c] += 1
        weighted.append((s, weight))
    return tabulate(weighted, k)


def agree(law, expected) -> None:
    np.testing.assert_allclose(law.correct, expected[0], atol=1e-12)
    np.testing.assert_allclose(law.top, expected[1], atol=1e-12)


@pytest.mark.parametrize("k", [1, 2, 3, 4, 5])
def test_known_probabilities_agree_with_all_sequences(k):
    rng = np.random.default_rng(k)
    cases = 60 if k < 5 else 30
    p = rng.dirichlet([0.7] * 4, size=cases)
    p[::5, 1] = 0  # a class that never occurs is padding
    p /= p.sum(-1, keepdims=True)
    law = mode_law_known(p[:, :3], p[:, 3], k)
    for i in range(cases):
        agree(jax.tree.map(lambda part, i=i: part[i], law), by_sequences(p[i, :3], p[i, 3], k))


@pytest.mark.parametrize("k", [1, 2, 3, 4, 5])
def test_logged_samples_agree_with_all_subsets(k):
    rng = np.random.default_rng(10 + k)
    done = 0
    while done < 60:
        counts, blanks = rng.integers(0, 4, 4), int(rng.integers(0, 3))
        if counts.sum() + blanks < k:
            continue
        agree(mode_law_logged(counts, np.array(blanks), k), by_subsets(counts, blanks, k))
        done += 1


@pytest.mark.parametrize("k", [1, 2, 3, 4])
def test_posterior_predictive_agrees_with_all_urn_sequences(k):
    rng = np.random.default_rng(20 + k)
    for _ in range(15):
        alpha, alpha_blank = rng.gamma(1.0, size=3) + 0.05, float(rng.gamma(0.5) + 0.05)
        agree(mode_law_posterior(alpha, np.array(alpha_blank), k), by_polya(alpha, alpha_blank, k))


def test_the_tail_of_unseen_answers_is_the_limit_of_many_tiny_classes():
    theta = 0.8
    seen, blank = [1.3, 0.4], 0.2
    limit = mode_law_posterior(np.array(seen), np.array(blank), 5, theta=theta)
    tiny = np.concatenate([seen, np.full(400, theta / 400)])
    tinier = np.concatenate([seen, np.full(800, theta / 800)])
    a, b = (mode_law_posterior(alpha, np.array(blank), 5) for alpha in (tiny, tinier))
    # the error falls like 1/classes, so the difference of two sizes predicts what remains
    np.testing.assert_allclose(2 * b.correct - a.correct, limit.correct, atol=1e-6)
    np.testing.assert_allclose(2 * b.top - a.top, limit.top, atol=1e-6)


def test_simulation_agrees_at_sixteen_samples():
    rng = np.random.default_rng(5)
    p, k, draws = np.array([0.3, 0.28, 0.2, 0.12, 0.1]), 16, 200_000
    law = mode_law_known(p[:4], p[4], k)
    counts = rng.multinomial(k, p, size=draws)[:, :4]
    top = counts.max(1)
    chance = (counts[:, 0] == top) / (counts == top[:, None]).sum(1) * (top > 0)
    for m in range(k + 1):
        here = top == m
        error = 4 * np.sqrt(max(here.mean() * (1 - here.mean()), 1 / draws) / draws)
        assert abs(here.mean() - law.top[m]) < error
        assert abs((chance * here).mean() - law.correct[m]) < error


# one width, padded with zeros, so that each k is compiled once
tables = st.tuples(st.lists(st.integers(0, 5), min_size=6, max_size=6), st.integers(0, 4))


@settings(max_examples=60, deadline=None)
@given(tables)
def test_probabilities_add_to_one_and_order_of_wrong_answers_is_irrelevant(table):
    counts, blanks = np.array(table[0]), table[1]
    n = int(counts.sum() + blanks)
    for k in range(1, min(n, 6) + 1):
        law = mode_law_logged(counts, np.array(blanks), k)
        assert float(law.top.sum()) == pytest.approx(1, abs=1e-12)
        assert (np.asarray(law.correct) <= np.asarray(law.top) + 1e-14).all()
        turned = np.concatenate([counts[:1], counts[1:][::-1]])
        np.testing.assert_allclose(mode_law_logged(turned, np.array(blanks), k).correct, law.correct, atol=1e-14)


@settings(max_examples=40, deadline=None)
@given(tables)
def test_accuracies_of_all_answers_and_of_none_add_to_one(table):
    counts, blanks = np.array(table[0]), table[1]
    k = min(4, int(counts.sum() + blanks))
    if k == 0:
        return
    each = [mode_law_logged(counts, np.array(blanks), k, target=c) for c in range(len(counts))]
    total = sum(float(mode_accuracy(law)) for law in each) + float(each[0].top[0])
    assert total == pytest.approx(1, abs=1e-12)


def test_tables_of_laws_equal_the_rows_one_by_one():
    rng = np.random.default_rng(3)
    classes = rng.integers(0, 4, (12, 3, 9)) * (rng.random((12, 3, 9)) < 0.6)
    blanks = rng.integers(2, 5, (12, 3))
    right = rng.integers(1, 3, 12)
    k = int(min(4, (classes.sum(-1) + blanks).min()))
    laws = laws_of_counts(classes, blanks, right, k)
    for q, i in product(range(12), range(3)):
        each = [mode_law_logged(classes[q, i], blanks[q, i], k, target=c) for c in range(right[q])]
        np.testing.assert_allclose(laws.correct[q, i], sum(law.correct for law in each), atol=1e-12)
        np.testing.assert_allclose(laws.top[q, i], each[0].top, atol=1e-12)


def test_rows_too_short_for_k_are_nan_and_leave_the_others_alone():
    classes = np.array([[[3, 2, 0]], [[1, 1, 0]]])
    sweep = sweep_of_counts(classes, np.zeros((2, 1), int), np.array([1, 1]), 4)
    assert np.isnan(sweep.correct[1, 0, 3]).all()
    agree(jax.tree.map(lambda part: part[0, 0], sweep.law(4)), by_subsets(np.array([3, 2, 0]), 0, 4))
    agree(jax.tree.map(lambda part: part[1, 0], sweep.law(2)), by_subsets(np.array([1, 1, 0]), 0, 2))


def test_too_few_samples_are_refused():
    with pytest.raises(ValueError, match="k = 4 samples cannot be taken from 3"):
        mode_law_logged(np.array([2, 1]), np.array(0), 4)


def test_compiled_laws_equal_plain_ones_for_every_scheme_and_k():
    rng = np.random.default_rng(11)
    counts, blanks = rng.integers(0, 5, (3, 4)), rng.integers(6, 9, 3)
    alpha, blank = rng.gamma(1.0, size=(3, 4)), rng.gamma(1.0, size=3)
    for plain, compiled in (
        (mode_law_logged(counts, blanks, 6, every_k=True), mode_law_logged(jnp.array(counts), blanks, 6, every_k=True)),
        (
            mode_law_posterior(alpha, blank, 6, theta=0.4, every_k=True),
            mode_law_posterior(jnp.array(alpha), blank, 6, theta=0.4, every_k=True),
        ),
    ):
        agree(compiled, plain)


@pytest.mark.parametrize("ties", ["uniform", "none", "win"])
def test_a_law_of_every_k_holds_the_law_of_each(ties):
    rng = np.random.default_rng(12)
    p = rng.dirichlet(np.ones(6), size=5)
    every = mode_law_known(p[:, :5], p[:, 5], 7, ties=ties, every_k=True)
    for k in range(1, 8):
        alone = mode_law_known(p[:, :5], p[:, 5], k, ties=ties)
        agree(ModeLaw(*(part[:, k, : k + 1] for part in every)), alone)


def test_tie_conventions_bracket_the_fair_one_and_first_seen_is_fair():
    rng = np.random.default_rng(13)
    p = rng.dirichlet(np.ones(4), size=20)
    for k in (2, 4, 5):
        none, fair, first, win = (
            np.asarray(mode_accuracy(mode_law_known(p[:, :3], p[:, 3], k, ties=ties)))
            for ties in ("none", "uniform", "first-seen", "win")
        )
        assert (none < fair).all() and (fair < win).all()
        np.testing.assert_array_equal(first, fair)
    # what first-seen means: of all sequences, the mode is the tied class that came first
    k, chance = 4, {**dict(enumerate(p[0, :3])), BLANK: p[0, 3]}
    right = 0.0
    for draw in product(chance, repeat=k):
        answers = [c for c in draw if c != BLANK]
        right += prod(chance[c] for c in draw) * (bool(answers) and Counter(answers).most_common(1)[0][0] == 0)
    law = mode_law_known(p[0, :3], p[0, 3], k, ties="first-seen")
    assert float(mode_accuracy(law)) == pytest.approx(right, abs=1e-12)


def test_more_samples_help_where_the_truth_is_the_likeliest_of_two_answers_and_hurt_where_it_is_not():
    """Monotone for odd k and two answers; with blanks or many answers intuition fails."""
    for p, sign in ((0.7, 1), (0.3, -1)):
        every = mode_law_known(np.array([p, 1 - p]), np.array(0.0), 15, every_k=True)
        assert (sign * np.diff(mode_accuracy(every)[1::2]) > 0).all()
    # stored counterexample: the truth is the likeliest answer, and yet 2 samples are no better than 1,
    # and 3 are worse than 2 with ties that count as wins
    win = mode_law_known(np.array([0.4, 0.3, 0.3]), np.array(0.0), 3, ties="win", every_k=True)
    assert mode_accuracy(win)[2] > mode_accuracy(win)[3]
    fair = mode_law_known(np.array([0.4, 0.3, 0.3]), np.array(0.0), 2, every_k=True)
    assert mode_accuracy(fair)[2] == pytest.approx(mode_accuracy(fair)[1])


@pytest.mark.parametrize("k", [3])
def test_gradients_with_respect_to_p_agree_with_differences(k):
    p = np.array([0.45, 0.3, 0.15, 0.1])

    def accuracy(p):
        return mode_accuracy(mode_law_known(p[:3], p[3], k))

    gradient = jax.grad(accuracy)(jnp.array(p))
    for i in range(4):
        step = np.zeros(4)
        step[i] = 1e-6
        numeric = (accuracy(jnp.array(p + step)) - accuracy(jnp.array(p - step))) / 2e-6
        assert float(gradient[i]) == pytest.approx(float(numeric), abs=1e-6)


def test_many_samples_neither_overflow_nor_underflow():
    law = mode_law_known(np.array([0.5, 0.3, 0.2]), np.array(0.0), 64)
    assert float(law.top.sum()) == pytest.approx(1, abs=1e-10)
    assert 0.9 < float(mode_accuracy(law)) < 1
