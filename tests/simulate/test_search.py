"""Search: the best pool by enumeration, beam search and branch and bound; the paper's objectives; honest scores."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from made_up_pool import made_up_log

from muxcast.simulate.beam import LawTable, search_many
from muxcast.simulate.errors import BadInput
from muxcast.simulate.logfile import read_log
from muxcast.simulate.objective import ObjectiveTable, all_pools, events_of, some_pools
from muxcast.simulate.search import search


@pytest.fixture(scope="module")
def log() -> AnswerLog:
    return made_up_log()


@pytest.fixture(scope="module")
def events(log):
    return events_of(log.counts(), sorted(log.models, key=lambda name: -log.accuracy()[name]), 3)


def test_the_ranking_is_that_of_scoring_every_pool_alone(events):
    every = all_pools(events, "accuracy")
    masks = (np.arange(1, 32)[:, None] >> np.arange(5)) & 1
    alone = some_pools(events, "accuracy", masks.astype(bool))
    for one, other in zip(every, alone, strict=True):
        assert np.allclose(one[1:], other, atol=1e-12)


def test_all_pools_agree_with_the_law_of_pools(events):
    from muxcast.theory.pools import pool_accuracy

    weight = np.random.default_rng(0).dirichlet(np.ones(events.right.shape[1]))
    assert np.allclose(all_pools(events, "accuracy", weight).accuracy, np.asarray(pool_accuracy(events.laws, weight)))


@pytest.mark.parametrize("objective", ["paper", "paper-plotted", "reference-code"])
def test_union_and_contradiction_are_those_of_all_subsamples(objective):
    # 3 of 3 samples: nothing is left to chance, and the figures are plain counts
    log = made_up_log(models=3, questions=12, samples=3, seed=4)
    order = log.models
    events = events_of(log.counts(order), order, 3)
    figures = all_pools(events, objective)
    answers = log.rows.groupby(["question", "model"])["answer"].agg(list)
    right = log.rows.groupby(["question", "model"])["correct"].sum()
    union = contradiction = 0.0
    for q in sorted({question for _, question in log.questions}):
        chances = []
        for m in order:
            given = [a for a in answers[q, m] if a is not None]
            if objective == "reference-code":
                chances.append(float(right[q, m] >= 2))
            else:
                tally = pd.Series(given, dtype=object).value_counts()
                top = tally[tally == tally.max()].index.tolist() if len(tally) else []
                chances.append(top.count("gold") / max(len(top), 1))
        stubborn = [len(set(answers[q, m])) == 1 and answers[q, m][0] not in (None, "gold") for m in order]
        some = 1 - np.prod(1 - np.array(chances))
        union += some / 12
        contradiction += some * any(stubborn) / 12
    assert np.isclose(figures.union[-1], union)
    assert np.isclose(figures.contradiction[-1], contradiction)
    penalty = contradiction if objective == "paper" else contradiction / union
    assert np.isclose(figures.score[-1], union - (0.5 if objective == "reference-code" else 1) * penalty)


def test_beam_and_branch_and_bound_find_and_prove_the_best_pool(events):
    every = all_pools(events, "accuracy").accuracy
    size = np.array([bin(mask).count("1") for mask in range(32)])
    for low, high in ((1, 5), (2, 3)):
        found = search_many(LawTable(events.laws), np.ones(5), sizes=(low, high), width=2)
        best = every[(size >= low) & (size <= high)].max()
        assert found.proved and np.isclose(found.value[0], best) and np.isclose(found.bound, best)


def test_the_bound_holds_when_time_runs_out():
    log = made_up_log(models=7, questions=12, seed=2)
    events = events_of(log.counts(), log.models, 2)
    best = all_pools(events, "accuracy").accuracy.max()
    found = search_many(LawTable(events.laws), np.ones(7), sizes=(1, 7), width=1, seconds=0.0)
    assert found.value[0] <= best + 1e-12 <= found.bound + 2e-12


def test_additions_score_what_adding_each_model_gives(events):
    for table in (LawTable(events.laws), ObjectiveTable(events, "paper-plotted")):
        for pool in ((), (2,), (1, 3), (0, 2, 4)):
            scores = table.additions(pool)
            for i in set(range(5)) - set(pool):
                assert np.isclose(scores[i], table.value(tuple(sorted((*pool, i)))))


def test_more_than_twenty_models_are_searched_with_a_stated_gap():
    log = made_up_log(models=22, questions=10, samples=2)
    found = search(log, 2, sizes=(1, 2), folds=0, seconds=5)
    pairs = [pool for r in (1, 2) for pool in combinations(range(22), r)]
    order = list(found.tie_break)
    table = LawTable(events_of(log.counts(order), order, 2).laws)
    best = max(table.value(pool) for pool in pairs)
    assert np.isclose(found.ranking["accuracy"][0], best)
    assert found.bound is not None and found.bound >= best - 1e-12


def test_limits_on_size_and_cost_are_kept_and_impossible_ones_refused(log):
    costs = {name: 1.0 + place for place, name in enumerate(log.models)}
    found = search(log, 2, costs=costs, max_cost=8, sizes=(2, 3), folds=0)
    assert (found.ranking["cost"] <= 8 + 1e-9).all()
    assert found.ranking["models"].map(len).between(2, 3).all()
    with pytest.raises(BadInput, match="raise the limit"):
        search(log, 2, costs=costs, max_cost=1, folds=0)
    with pytest.raises(BadInput, match="did you mean 'paper-plotted'"):
        search(log, 2, "paper-ploted")


def test_an_honest_score_of_noise_is_lower_than_the_optimistic_one():
    # equal models, hard questions: the best of many pools is best by luck alone
    gaps = []
    for seed in range(3):
        found = search(made_up_log(models=7, questions=20, samples=3, seed=seed), 3, folds=5, seed=seed)
        assert found.honest is not None and len(found.honest.choices) == 5
        gaps.append(found.honest.optimistic - found.honest.honest)
    assert np.mean(gaps) > 0


def test_json_is_the_contract(log):
    import json

    found = search(log, 2).to_json()
    json.dumps(found, allow_nan=False)
    assert found["format"] == "muxcast-search"
    assert {"models", "score", "accuracy", "union", "contradiction"} <= set(found["ranking"][0])
    scores = [row["score"] for row in found["ranking"]]
    assert scores == sorted(scores, reverse=True) and len(scores) == 31


def test_the_search_on_aime_gives_the_figures_the_docs_state(shared_data):
    page = (Path(__file__).parents[2] / "docs" / "search.md").read_text(encoding="utf-8")
    rows = [line.split("|")[2].split("±")[0].strip() for line in page.splitlines() if line.startswith("| ")]
    found = search(read_log(shared_data / "aime2024.parquet"), 3)
    assert found.pools == 2047 and found.honest is not None
    stated = [found.honest.optimistic, found.honest.honest, found.honest.single, found.honest.gain]
    assert [f"{100 * value:.1f}" for value in stated] == rows[-5:-1]
    assert found.honest.honest < found.honest.optimistic
