"""Claims about selection rules."""

from __future__ import annotations

from collections import Counter
from itertools import combinations, product

import jax
import numpy as np
import pytest
from hypothesis import given, settings

from muxcast.simulate.answers import AnswerCounts
from muxcast.simulate.errors import BadInput
from muxcast.simulate.rules import Answers, rule_accuracy, rule_named, rule_on_counts, rule_outcomes, shuffled_draws
from muxcast.simulate.rules.evaluate import tally
from muxcast.simulate.rules.protocol import RULES, Rule, as_rule, register
from muxcast.simulate.small_tables import reference_pilot
from muxcast.testing import answer_tables, ragged_pools

KEY = jax.random.key(0)


def answers(rows: list[str], accuracy: list[float], classes: int = 4) -> Answers:
    """One question's draws from strings such as "ABA.", a dot for a blank."""
    order = np.full((len(rows), max(map(len, rows))), -2)
    for line, row in zip(order, rows, strict=True):
        line[: len(row)] = [-1 if c == "." else ord(c) - ord("A") for c in row]
    counts, blanks = tally(order, classes)
    return Answers(counts, blanks, np.array(accuracy), order)


def plain_mux(table: Answers) -> np.ndarray:
    """Algorithm 1 in plain Python with exact fractions."""
    from fractions import Fraction

    best, chosen = None, None
    for i, row in enumerate(np.asarray(table.counts)):
        samples = int(row.sum() + table.blanks[i])
        if samples == 0:
            continue
        rank = (Fraction(int(row.max()), samples), table.accuracy[i])
        if best is None or rank > best:
            best, chosen = rank, row
    chance = np.zeros(table.counts.shape[-1])
    if chosen is not None and chosen.max() > 0:
        chance[chosen == chosen.max()] = 1 / (chosen == chosen.max()).sum()
    return chance


@settings(max_examples=60, deadline=None)
@given(ragged_pools(models=(3, 3), samples=(1, 5)))
def test_mux_is_algorithm_1_with_unequal_samples(table):
    assert np.allclose(rule_named("mux")(table), plain_mux(table))


@settings(max_examples=30, deadline=None)
@given(answer_tables(models=(1, 1), samples=(4, 4)))
def test_mux_and_agent_forest_of_one_model_are_self_consistency(table):
    alone = rule_named("self-consistency")(table)
    for name in ("mux", "agent-forest", "accuracy-vote"):
        assert np.allclose(rule_named(name)(table), alone)


def test_pooled_plurality_outvotes_the_sure_model_and_mux_does_not():
    # one sure model against two unsure ones that agree: the case in which the two rules differ
    table = answers(["AAAAA", "BBBCD", "BBBCD"], [0.5, 0.6, 0.7])
    assert rule_named("mux")(table)[0] == 1
    assert rule_named("agent-forest")(table)[1] == 1


def test_a_tie_goes_to_the_validation_accuracy_not_to_the_list():
    table = answers(["AA", "BB"], [0.4, 0.6])
    assert rule_named("mux")(table)[1] == 1
    assert rule_named("mux-authors-scripts")(table)[0] == 1


def test_blanks_are_in_the_denominator_but_not_in_the_authors_scripts():
    table = answers(["A....", "BBBBC"], [0.9, 0.1])
    assert rule_named("mux")(table)[1] == 1
    assert rule_named("mux-authors-scripts")(table)[0] == 1


def test_the_authors_scripts_stop_at_unanimous_first_answers():
    rule = rule_named("mux-authors-scripts")
    table = answers(["ABB", "ABB"], [0.5, 0.6])
    assert rule(table)[0] == 1
    assert rule.spent(table).tolist() == [1, 1]
    assert rule.spent(answers(["ABB", "CBB"], [0.5, 0.6])).tolist() == [3, 3]


def test_modelswitch_stops_at_the_first_unanimous_model_and_else_weights_by_entropy():
    rule = rule_named("modelswitch")
    assert rule.spent(answers(["AAA", "BBB"], [0.4, 0.6])).tolist() == [0, 3]
    # weights: AAB has H / log 3 = 0.579, ABC has 1; B gets 0.614 + 0.333, A gets 1.228
    assert rule(answers(["AAB", "BCD"], [0.6, 0.4]))[0] == 1


def test_entropy_of_counts_makes_modelswitch_weigh_consistency_above_one():
    from muxcast.simulate.rules.modelswitch import entropy_weight
    from muxcast.simulate.rules.sequential import State

    state = State(answers(["AAA", "ABC"], [0.5, 0.5]), np.array([3, 3]))
    assert np.allclose(entropy_weight(state, counted=False), [1, 1 / 3])
    assert entropy_weight(state, counted=True)[0] < 1 / 3 + 1e-9 or entropy_weight(state, counted=True)[0] > 1 - 1e-9
    assert not np.allclose(entropy_weight(state, counted=True), entropy_weight(state, counted=False))


@settings(max_examples=12, deadline=None)
@given(ragged_pools(models=(3, 3), samples=(1, 5)))
def test_early_mux_returns_what_mux_returns_and_never_draws_more(table):
    early = rule_named("early-mux")
    assert np.allclose(early(table), rule_named("mux")(table))
    assert (np.asarray(early.spent(table)) <= np.asarray(table.samples)).all()


def test_early_mux_saves_the_samples_of_a_settled_question():
    spent = rule_named("early-mux").spent(answers(["AAAAAAAA", "AAAAAAAA"], [0.5, 0.6]))
    assert spent.sum() < 16


def test_adaptive_mux_stops_when_all_models_agree():
    spent = rule_named("adaptive-mux").spent(answers(["AAAAAAAA"] * 3, [0.5, 0.6, 0.7]))
    # 1 - I_1/2(v + 1, 1) = 1 - 2^-(v+1) passes 0.95 at v = 4, so after the second round of three
    assert spent.tolist() == [2, 2, 2]


def test_no_rule_beats_the_oracle_of_its_kind_and_cascades_ask_fewer():
    pilot = reference_pilot((0, 1, 2, 3), questions=40)
    accuracy = np.array([0.6, 0.8, 0.7, 0.5])
    order = shuffled_draws(pilot, 4, 8, 0)

    def score(name: str):
        return rule_on_counts(rule_named(name), pilot, 4, accuracy=accuracy, order=order)

    ceiling, any_sample = score("oracle"), score("oracle-sample")
    for name in ("mux", "self-consistency", "random-model", "cascade"):
        assert (score(name).accuracy <= ceiling.accuracy + 1e-9).all()
    assert (score("agent-forest").accuracy <= any_sample.accuracy + 1e-9).all()
    assert score("cascade").spent.sum() < score("mux").spent.sum()


@pytest.mark.parametrize("name", ["calibrated-mux", "bayes", "best-of-infinity", "grouped-mux"])
def test_rules_that_learn_are_no_worse_than_a_random_model_on_their_pilot(name):
    pilot = reference_pilot((0, 1, 2, 3))
    accuracy = np.array([0.6, 0.8, 0.7, 0.5])
    rule = rule_named(name)
    learned = rule.learn(pilot, accuracy, 4)
    order = shuffled_draws(pilot, 4, 8, 1)
    group = np.zeros(len(pilot.questions), int)
    found = rule_on_counts(rule, pilot, 4, accuracy=accuracy, order=order, learned=learned, group=group)
    random = rule_on_counts(rule_named("random-model"), pilot, 4, accuracy=accuracy, order=order)
    assert found.mean > random.mean


def test_calibrated_mux_trusts_the_model_whose_confidence_means_something():
    # model 0 is always sure and right half the time; model 1 is always right, with 3 samples of 4
    questions = 40
    classes = np.zeros((questions, 2, 3), int)
    classes[::2, 0, 0], classes[1::2, 0, 1] = 4, 4
    classes[:, 1, 0], classes[:, 1, 2] = 3, 1
    asked = [("t", str(q)) for q in range(questions)]
    pilot = AnswerCounts(
        classes,
        np.zeros((questions, 2), int),
        np.ones(questions, int),
        asked,
        ["a", "b"],
        [["r", "x", "y"]] * questions,
    )
    accuracy = np.array([0.5, 0.75])
    rule = rule_named("calibrated-mux")
    learned = rule.learn(pilot, accuracy, 4)
    assert learned.slope > 0 and learned.offset[1] > learned.offset[0]
    table = answers(["BBBB", "AAAC"], [0.5, 0.75], classes=3)._replace(learned=learned)
    assert rule_named("mux")(table)[1] == 1
    assert rule(table)[0] == 1


def test_a_subsample_average_agrees_with_all_subsets():
    # 2 models, 4 logged samples, k = 2: 36 pairs of subsets by brute force
    rows = ["AABC", "BBA."]
    table = answers(rows, [0.4, 0.6], classes=3)
    counts = AnswerCounts(
        table.counts[None], table.blanks[None], np.ones(1, int), [("t", "q")], ["a", "b"], [["A", "B", "C"]]
    )
    for name in ("mux", "agent-forest"):
        rule = rule_named(name)
        every = []
        for left, right in product(combinations(rows[0], 2), combinations(rows[1], 2)):
            small = answers(["".join(left), "".join(right)], [0.4, 0.6], classes=3)
            every.append(float(rule(small)[0]))
        found = rule_on_counts(rule, counts, 2, accuracy=table.accuracy, draws=4000, seed=3)
        assert abs(found.mean - np.mean(every)) < 5 * found.monte_carlo_error


def test_shuffled_draws_are_a_uniform_subsample_without_replacement():
    counts = AnswerCounts(
        np.array([[[3, 2, 0]]]), np.array([[1]]), np.ones(1, int), [("t", "q")], ["a"], [["A", "B", "C"]]
    )
    order = shuffled_draws(counts, 6, 300, 0)
    assert {tuple(sorted(Counter(row).items())) for row in order[:, 0, 0].tolist()} == {((-1, 1), (0, 3), (1, 2))}
    share = (order[:, 0, 0, 0] == 0).mean()
    assert abs(share - 0.5) < 5 * np.sqrt(0.25 / 300)
    with pytest.raises(BadInput, match="fewer than the 7"):
        shuffled_draws(counts, 7, 1, 0)


def test_outcomes_batch_over_draws_and_questions():
    rng = np.random.default_rng(0)
    counts = rng.integers(0, 4, size=(3, 5, 2, 4))
    blanks = rng.integers(0, 2, size=(3, 5, 2))
    right = np.array([1, 1, 2, 1, 1])
    found = rule_outcomes(rule_named("mux"), counts, blanks, right, np.array([0.5, 0.6]))
    assert found.accuracy.shape == (3, 5) and found.spent.shape == (3, 5, 2)
    one = Answers(counts[1, 2], blanks[1, 2], np.array([0.5, 0.6]))
    assert np.isclose(found.accuracy[1, 2], plain_mux(one)[:2].sum())


def test_names_are_suggested_and_needs_are_said():
    with pytest.raises(BadInput, match="did you mean 'agent-forest'"):
        rule_named("agent-forrest")
    with pytest.raises(BadInput, match="order of the draws"):
        rule_accuracy(rule_named("early-mux"), np.ones((1, 1, 2)), np.zeros((1, 1)), np.ones(1), np.ones(1))
    with pytest.raises(BadInput, match="learns from a pilot"):
        rule_accuracy(rule_named("bayes"), np.ones((1, 1, 2)), np.zeros((1, 1)), np.ones(1), np.ones(1))


def test_a_users_rule_is_registered_by_decorator():
    @register("always-first")
    def always_first(answers, key):
        """Returns class 0."""
        return np.eye(answers.counts.shape[-1])[0]

    try:
        assert isinstance(always_first, Rule)
        assert rule_named("always-first").summary == "Returns class 0."
        assert as_rule(always_first) is always_first
    finally:
        del RULES["always-first"]
