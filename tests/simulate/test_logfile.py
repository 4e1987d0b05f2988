"""The answer log as a file: what is read back, and what is refused with which sentence."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import muxcast
from muxcast.simulate.answers import AnswerLog
from muxcast.simulate.errors import BadInput


@pytest.mark.parametrize("ending", [".parquet", ".jsonl", ".jsonl.gz", ".csv"])
def test_a_log_survives_writing_and_reading_in_every_format(tmp_path, small_rows, ending):
    small_rows["completion_tokens"] = 12
    small_rows.loc[0, "completion_tokens"] = None
    log = AnswerLog.from_rows(small_rows)
    muxcast.write_log(log, tmp_path / f"log{ending}")
    again = muxcast.read_log(tmp_path / f"log{ending}")
    pd.testing.assert_frame_equal(again.rows, log.rows)


def test_answers_that_look_like_numbers_or_nulls_stay_strings_in_csv(tmp_path, small_rows):
    small_rows["answer"] = ["007", "NA", "None", "1.0"] * 6
    small_rows["correct"] = False
    muxcast.write_log(AnswerLog.from_rows(small_rows), tmp_path / "log.csv")
    assert set(muxcast.read_log(tmp_path / "log.csv").rows["answer"]) == {"007", "NA", "None", "1.0"}


def test_rows_are_sorted_so_that_order_in_the_file_does_not_matter(small_rows):
    shuffled = small_rows.sample(frac=1, random_state=1)
    pd.testing.assert_frame_equal(AnswerLog.from_rows(shuffled).rows, AnswerLog.from_rows(small_rows).rows)


def test_several_files_are_read_as_one_log(tmp_path, small_rows):
    for model, part in small_rows.groupby("model"):
        # each part alone is a valid log of one model
        muxcast.write_log(AnswerLog.from_rows(part), tmp_path / f"{model}.parquet")
    both = muxcast.read_log(tmp_path / "ant.parquet", tmp_path / "bee.parquet")
    pd.testing.assert_frame_equal(both.rows, AnswerLog.from_rows(small_rows).rows)


def _without(column):
    return lambda rows: rows.drop(columns=column)


def _with(row, column, value):
    def change(rows):
        rows = rows.copy()
        rows[column] = rows[column].astype(object)
        rows.loc[row, column] = value
        return rows

    return change


def _flip_a_verdict(rows):
    rows = rows.copy()
    rows["answer"] = "same"
    rows["correct"] = True
    rows.loc[5, "correct"] = False
    return rows


REFUSALS = {
    "missing column": (_without("answer"), "missing column 'answer'"),
    "empty": (lambda rows: rows.iloc[:0], "no rows"),
    "duplicate": (
        lambda rows: pd.concat([rows, rows.iloc[[2]]]),
        "row 25: column 'sample': duplicate sample 2 of",
    ),
    "negative": (_with(3, "sample", -1), "row 4: column 'sample': is negative"),
    "fraction": (_with(3, "sample", 0.5), "row 4: column 'sample': is not a whole number"),
    "correct blank": (
        lambda rows: _with(6, "correct", True)(_with(6, "answer", None)(rows)),
        "row 7: column 'correct': is true for a blank answer",
    ),
    "two verdicts": (_flip_a_verdict, "row 6: column 'correct': answer 'same'"),
    "no model": (_with(1, "model", None), "row 2: column 'model': is null"),
    "bad truth": (_with(1, "correct", "maybe"), "row 2: column 'correct': is neither true nor false"),
    "no common question": (
        lambda rows: rows[(rows["model"] == "ant") ^ rows["question"].isin(["q0", "q1"])],
        "no common question",
    ),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_a_broken_log_is_refused_with_its_place(small_rows, case):
    change, sentence = REFUSALS[case]
    with pytest.raises(BadInput) as refused:
        AnswerLog.from_rows(change(small_rows), "pilot.parquet")
    assert str(refused.value).startswith("pilot.parquet: ")
    assert sentence in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("log.jsonl", b'{"task": "t", "question": "\xff"}', "not UTF-8"),
        ("log.csv", b"task,question\n\xff,1\n", "not UTF-8"),
        ("log.jsonl", b'{"task": "t"\n', "row 1: not valid JSON"),
        ("log.jsonl", b"[1, 2]\n", "row 1: not a JSON object"),
        ("log.parquet", b"PAR1 no", "not a readable Parquet file"),
        ("log.csv", b"", "the file is empty"),
        ("log.txt", b"x", "unknown kind of log file"),
    ],
)
def test_an_unreadable_file_is_refused(tmp_path, name, content, sentence):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(BadInput, match=sentence):
        muxcast.read_log(tmp_path / name)


def test_a_failed_write_leaves_the_old_file_and_no_litter(tmp_path, small_rows, monkeypatch):
    target = tmp_path / "log.parquet"
    log = AnswerLog.from_rows(small_rows)
    muxcast.write_log(log, target)
    before = target.read_bytes()
    monkeypatch.setattr(pd.DataFrame, "to_parquet", lambda *_, **__: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        muxcast.write_log(log, target)
    assert target.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["log.parquet"]


def test_raggedness_is_said(small_rows):
    ragged = small_rows[~((small_rows["model"] == "bee") & (small_rows["question"] == "q3"))].iloc[1:]
    notes = " ".join(AnswerLog.from_rows(ragged).notes)
    assert "bee lacks 1" in notes
    assert "from 2 to 3" in notes


def test_counts_put_the_correct_answer_first_and_add_up(small_rows):
    log = AnswerLog.from_rows(small_rows)
    counts = log.counts()
    assert (counts.samples == 3).all()
    for row, (_, question) in enumerate(counts.questions):
        for column, model in enumerate(counts.models):
            ours = small_rows[(small_rows["question"] == question) & (small_rows["model"] == model)]
            assert counts.correct[row, column] == ours["correct"].sum()
            assert counts.blanks[row, column] == ours["answer"].isna().sum()
            for number, label in enumerate(counts.labels[row]):
                assert counts.classes[row, column, number] == (ours["answer"] == label).sum()


def test_two_correct_spellings_lead_the_classes():
    rows = pd.DataFrame(
        {
            "task": "t",
            "question": "q",
            "model": "m",
            "sample": range(6),
            "answer": ["1/2", "0.5", "x", "x", "x", "1/2"],
            "correct": [True, True, False, False, False, True],
        }
    )
    counts = AnswerLog.from_rows(rows).counts()
    assert counts.right.tolist() == [2]
    assert counts.labels == [["1/2", "0.5", "x"]]
    assert counts.classes.tolist() == [[[2, 1, 3]]]


def test_drawing_samples_splits_a_log_into_two_disjoint_parts(small_rows):
    log = AnswerLog.from_rows(small_rows)
    drawn, rest = log.draw_samples(2, seed=3)
    assert (drawn.samples_per_question == 2).all(axis=None)
    assert (rest.samples_per_question == 1).all(axis=None)
    both = pd.concat([drawn.rows, rest.rows]).sort_values(["task", "question", "model", "sample"])
    pd.testing.assert_frame_equal(both.reset_index(drop=True), log.rows)


def test_splitting_questions_keeps_each_task_on_both_sides(small_rows):
    other = small_rows.assign(task="other")
    log = AnswerLog.from_rows(pd.concat([small_rows, other]))
    half, rest = log.split_questions(0.5, seed=0)
    assert half.tasks == rest.tasks == ["other", "toy"]
    assert not set(half.questions) & set(rest.questions)
    assert set(half.questions) | set(rest.questions) == set(log.questions)


def test_an_unknown_model_is_refused_with_a_suggestion(small_rows):
    with pytest.raises(BadInput, match="did you mean 'ant'"):
        AnswerLog.from_rows(small_rows).select(models=["aunt"])


def test_validation_accuracy_counts_each_question_once():
    rows = pd.DataFrame(
        {
            "task": "t",
            "question": ["q"] * 4 + ["r"],
            "model": "m",
            "sample": [0, 1, 2, 3, 0],
            "answer": ["a", "b", "b", None, "a"],
            "correct": [True, False, False, False, True],
        }
    )
    np.testing.assert_allclose(AnswerLog.from_rows(rows).accuracy()["m"], (0.25 + 1) / 2)
