"""The model of discussion, against limits that can be seen by hand and against its own full chain."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from muxcast.theory.conformity import (
    Conformity,
    discuss,
    exact_vote_accuracy,
    fit,
    plurality_of_others,
    round_law,
    vote_share_right,
)

KEY = jax.random.key(3)


def model(afresh, right, wrong, astray=0.0) -> Conformity:
    return Conformity(*(jnp.asarray(part, float) for part in (afresh, right, wrong, astray)))


def solo_of(*rows) -> jnp.ndarray:
    return jnp.array(rows, float)


def test_the_plurality_of_others_leaves_oneself_out_and_splits_ties():
    shares, present = plurality_of_others(jnp.array([0, 1, 1, 2]), 4)
    assert shares[0].tolist() == [0, 1, 0, 0]
    np.testing.assert_allclose(shares[1], [1 / 3, 1 / 3, 1 / 3, 0])
    assert present.tolist() == [1, 1, 1, 1]


def test_blanks_have_no_vote():
    shares, present = plurality_of_others(jnp.array([0, 3, 3]), 4)
    assert shares[0].tolist() == [0, 0, 0, 0]
    assert shares[1].tolist() == [1, 0, 0, 0]
    assert present.tolist() == [0, 1, 1]
    assert vote_share_right(jnp.array([0, 3, 3]), 4) == 1.0
    assert vote_share_right(jnp.array([3, 3, 3]), 4) == 0.0


def test_the_law_of_a_round_is_a_probability():
    solo = jax.random.dirichlet(KEY, jnp.ones(5), (7, 3))
    answers = jax.random.randint(KEY, (7, 3), 0, 5)
    law = round_law(model([0.2, 0.1, 0.0], [0.5, 0.9, 1.0], [0.8, 0.3, 0.0]), answers, solo)
    np.testing.assert_allclose(law.sum(-1), 1.0)
    assert (law >= 0).all()


def test_agents_who_only_keep_never_change_the_vote():
    first = jnp.array([[0, 1, 1], [0, 0, 2]])
    solo = jnp.full((2, 3, 4), 0.25)
    course = discuss(KEY, model([0.0] * 3, [0.0] * 3, [0.0] * 3), first, solo, rounds=4, paths=8)
    assert course.vote_accuracy.tolist() == [[0.0] * 5, [1.0] * 5]


def test_agents_who_always_think_afresh_are_a_vote_over_fresh_samples():
    p = 0.6
    solo = jnp.tile(jnp.array([p, 1 - p, 0.0]), (3, 1))
    found = exact_vote_accuracy(model([1.0] * 3, [0.0] * 3, [0.0] * 3), jnp.array([1, 1, 1]), solo, 2)
    np.testing.assert_allclose(found, [0.0, p**3 + 3 * p**2 * (1 - p), p**3 + 3 * p**2 * (1 - p)])


def test_blind_conformity_ends_where_the_first_majority_was():
    followers = model([0.0] * 5, [1.0] * 5, [1.0] * 5)
    solo = jnp.full((5, 3), 1 / 3)
    assert exact_vote_accuracy(followers, jnp.array([0, 0, 0, 0, 1]), solo, 1)[-1] == 1.0
    assert exact_vote_accuracy(followers, jnp.array([1, 1, 1, 1, 0]), solo, 1)[-1] == 0.0


def test_under_blind_conformity_the_truth_has_no_pull_of_its_own():
    # right and wrong exchanged: what one side wins the other loses
    blind = model([0.0] * 3, [0.7, 0.2, 0.4], [0.7, 0.2, 0.4])
    solo = jnp.full((3, 3), 1 / 3)
    held = exact_vote_accuracy(blind, jnp.array([0, 0, 1]), solo, 3)
    mirrored = exact_vote_accuracy(blind, jnp.array([1, 1, 0]), solo, 3)
    np.testing.assert_allclose(held + mirrored, 1.0)


def test_agents_who_recognise_the_truth_reach_it_from_one_right_answer():
    wise = model([0.0] * 3, [0.5] * 3, [0.0] * 3)
    found = exact_vote_accuracy(wise, jnp.array([0, 1, 2]), jnp.full((3, 4), 0.25), 30)
    assert found[-1] > 0.95
    fools = wise._replace(follow_right=wise.follow_wrong, follow_wrong=wise.follow_right)
    assert exact_vote_accuracy(fools, jnp.array([0, 1, 2]), jnp.full((3, 4), 0.25), 30)[-1] < 0.05


def test_agents_who_go_astray_lose_the_answer_they_had():
    lost = model([0.0] * 3, [0.0] * 3, [0.0] * 3, [1.0] * 3)
    found = exact_vote_accuracy(lost, jnp.array([0, 0, 0]), jnp.full((3, 5), 0.2), 1)
    np.testing.assert_allclose(found, [1.0, 0.0])


def test_simulated_discussions_agree_with_the_full_chain():
    solo = jax.random.dirichlet(KEY, jnp.ones(4), (3,))
    people = model([0.1, 0.3, 0.05], [0.6, 0.2, 0.8], [0.3, 0.5, 0.1], [0.1, 0.0, 0.15])
    first = jnp.array([0, 1, 2])
    exact = exact_vote_accuracy(people, first, solo, 3)
    paths = 20_000
    course = discuss(KEY, people, first[None], solo[None], rounds=3, paths=paths)
    np.testing.assert_allclose(course.vote_accuracy[0], exact, atol=4 * 0.5 / np.sqrt(paths))


def test_the_fit_recovers_the_parameters_it_was_simulated_from():
    truth = model([0.15, 0.3], [0.6, 0.3], [0.2, 0.4], [0.2, 0.05])
    moves = 6000
    solo = jax.random.dirichlet(KEY, jnp.array([2.0, 1.0, 1.0, 0.3]), (moves, 2))
    one, two = jax.random.split(KEY)
    before = jax.random.categorical(one, jnp.log(solo), axis=-1)
    after = jax.random.categorical(two, jnp.log(round_law(truth, before, solo)), axis=-1)
    found = fit(before, after, solo, jax.random.key(0))
    for name in Conformity._fields:
        sd = np.asarray(getattr(found.draws, name)).std(0)
        np.testing.assert_allclose(getattr(found.best, name), getattr(truth, name), atol=0.05)
        assert (np.abs(getattr(found.best, name) - getattr(truth, name)) < 4 * sd).all()
        assert (sd < 0.05).all()


def test_moves_left_out_do_not_count():
    solo = jnp.full((4, 2, 3), 1 / 3)
    before = jnp.array([[0, 1], [0, 1], [1, 0], [1, 1]])
    after = jnp.array([[1, 1], [0, 1], [0, 0], [2, 2]])
    seen = jnp.array([[1, 1], [1, 1], [1, 1], [0, 0]], float)
    some = fit(before, after, solo, KEY, seen=seen)
    few = fit(before[:3], after[:3], solo[:3], KEY)
    for name in Conformity._fields:
        np.testing.assert_allclose(getattr(some.best, name), getattr(few.best, name), atol=1e-6)


def test_too_many_states_and_mismatched_shapes_are_refused():
    with pytest.raises(ValueError, match="too many"):
        exact_vote_accuracy(model([0.0] * 9, [0.0] * 9, [0.0] * 9), jnp.zeros(9, int), jnp.full((9, 5), 0.2), 1)
    with pytest.raises(ValueError, match="must agree"):
        fit(jnp.zeros((2, 3), int), jnp.zeros((2, 2), int), jnp.zeros((2, 3, 4)), KEY)
