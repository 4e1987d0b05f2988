"""Transitions counted from recorded discussions, and the forecast of how discussions end."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest

from muxcast.simulate.answers import AnswerLog
from muxcast.simulate.errors import BadInput
from muxcast.simulate.transitions import course_of, forecast_discussion, solo_laws, transitions
from muxcast.theory.conformity import Conformity, round_law


def rounds_of(*discussions: list[list[str | None]]) -> pd.DataFrame:
    """Each discussion is a list of rounds, each round the answers of agents a, b, c; "gold" is right."""
    rows = []
    for number, steps in enumerate(discussions):
        for step, answers in enumerate(steps):
            for agent, answer in zip("abc", answers, strict=True):
                row = {"task": "t", "question": f"q{number}", "agent": agent, "round": step}
                rows.append({**row, "answer": answer, "correct": answer == "gold"})
    return pd.DataFrame(rows)


def test_moves_are_counted_by_what_was_left_and_where_it_went():
    counted = transitions(
        course_of(
            rounds_of(
                [["gold", "x", "x"], ["x", "x", "y"]],
                [["gold", "gold", "z"], ["gold", "gold", "gold"]],
                [[None, "x", "y"], ["gold", "x", "y"]],
            )
        )
    )
    assert counted.moves.tolist() == [[2, 1, 0], [1, 4, 0], [1, 0, 0]]
    assert counted.changes.tolist() == [1, 2, 1]  # x -> y is a change from wrong to another wrong answer
    assert counted.to_majority.tolist() == [1, 1, 0]
    assert counted.to_frame()["count"].sum() == 9


def test_groupthink_is_giving_up_the_truth_for_the_others_and_losing():
    talked_away = [["gold", "x", "x"], ["x", "x", "x"]]
    own_slip = [["gold", "x", "y"], ["z", "x", "x"]]
    never_known = [["x", "x", "y"], ["x", "x", "x"]]
    rescued = [["gold", "x", "x"], ["gold", "gold", "x"]]
    counted = transitions(course_of(rounds_of(talked_away, own_slip, never_known, rescued)))
    assert (counted.discussions, counted.failed, counted.had_it) == (4, 3, 2)
    assert (counted.groupthink, counted.rescued) == (1, 1)
    assert counted.to_json()["groupthink_share_of_failures"] == pytest.approx(1 / 3)


def test_a_three_way_tie_is_a_third_of_a_right_vote():
    counted = transitions(course_of(rounds_of([["gold", "x", "y"], ["gold", "x", "y"]])))
    np.testing.assert_allclose(counted.vote_accuracy, 1 / 3)


def test_missing_rounds_and_columns_are_refused():
    rows = rounds_of([["gold", "x", "x"], ["x", "x", "x"]])
    with pytest.raises(BadInput, match="every agent must have one answer"):
        course_of(rows.iloc[:-1])
    with pytest.raises(BadInput, match="missing columns agent"):
        course_of(rows.drop(columns="agent"))


def simulated(truth: Conformity, questions: int, rounds: int, seed: int) -> tuple[pd.DataFrame, AnswerLog]:
    """Discussions of three agents that follow the model, and a pilot of 12 samples each alone."""
    key = jax.random.key(seed)
    names = np.array(["gold", "x", "y", None], object)
    solo = jax.random.dirichlet(key, jnp.array([2.0, 1.5, 0.5, 0.2]), (questions, 3))
    logs = jnp.log(solo)
    held = [jax.random.categorical(jax.random.fold_in(key, 1), logs, axis=-1)]
    for step in range(rounds):
        law = round_law(truth, held[-1], solo)
        held.append(jax.random.categorical(jax.random.fold_in(key, 10 + step), jnp.log(law), axis=-1))
    told = rounds_of(*[[list(names[np.asarray(step[q])]) for step in held] for q in range(questions)])
    alone = np.asarray(
        jax.random.categorical(jax.random.fold_in(key, 2), logs[None], axis=-1, shape=(12, questions, 3))
    )
    rows = [
        {
            "task": "t",
            "question": f"q{q}",
            "model": agent,
            "sample": sample,
            "answer": names[alone[sample, q, place]],
            "correct": bool(alone[sample, q, place] == 0),
        }
        for sample in range(12)
        for q in range(questions)
        for place, agent in enumerate("abc")
    ]
    return told, AnswerLog.from_rows(pd.DataFrame(rows))


def test_the_end_of_unseen_discussions_is_forecast_from_their_first_answers():
    truth = Conformity(jnp.array([0.1, 0.1, 0.3]), jnp.array([0.6, 0.4, 0.5]), jnp.array([0.3, 0.5, 0.2]))
    told, pilot = simulated(truth, questions=240, rounds=2, seed=5)
    course = course_of(told, pilot)
    found = forecast_discussion(course, solo_laws(course, pilot), seed=1)
    low, high = found.interval(0.99)
    assert (low <= found.observed + 1e-9).all()
    assert (found.observed <= high + 1e-9).all()
    # round 0 is given, not forecast
    np.testing.assert_allclose(found.vote_accuracy[:, 0], found.observed[0])
    assert high[-1] - low[-1] < 0.25
    assert found.to_json()["judged_on_questions"] == 120


def test_solo_laws_are_probabilities_and_need_every_agent():
    truth = Conformity(*(jnp.full(3, 0.2) for _ in range(3)))
    told, pilot = simulated(truth, questions=6, rounds=1, seed=2)
    course = course_of(told, pilot)
    np.testing.assert_allclose(solo_laws(course, pilot).sum(-1), 1.0)
    with pytest.raises(BadInput, match="no samples of 'c'"):
        solo_laws(course, pilot.select(models=["a", "b"]))


def test_conformity_learned_in_one_run_forecasts_another_of_the_same_agents():
    truth = Conformity(jnp.array([0.1, 0.1, 0.3]), jnp.array([0.6, 0.4, 0.5]), jnp.array([0.3, 0.5, 0.2]))
    runs = [simulated(truth, questions=questions, rounds=2, seed=seed) for questions, seed in ((150, 6), (90, 7))]
    courses = [course_of(told, pilot) for told, pilot in runs]
    laws = [solo_laws(course, pilot) for course, (_, pilot) in zip(courses, runs, strict=True)]
    found = forecast_discussion(courses[1], laws[1], learned=(courses[0], laws[0]), seed=3)
    assert (found.fitted_on, found.judged_on) == (150, 90)
    low, high = found.interval(0.99)
    assert low[-1] <= found.observed[-1] <= high[-1]
    with pytest.raises(BadInput, match="fit it on discussions of the same agents"):
        other = courses[0]._replace(agents=["a", "b", "z"])
        forecast_discussion(courses[1], laws[1], learned=(other, laws[0]))
