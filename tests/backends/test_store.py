"""The store: nothing is lost, nothing counted twice, nothing mixed unasked."""

from __future__ import annotations

import json

import pytest

from muxcast.backends.store import Store
from muxcast.simulate.errors import BadInput
from muxcast.simulate.logfile import read_log

SETTINGS = {"seed": 0, "models": {"a": {"sampling": {"temperature": 0.7}}}}


def row(sample, question="q", model="a", answer="x"):
    return {
        "task": "t", "question": question, "model": model, "sample": sample, "answer": answer,
        "correct": answer == "x", "completion_tokens": 3, "seed": 2**52 + sample,
    }  # fmt: skip


@pytest.mark.parametrize("ending", [".parquet", ".jsonl", ".jsonl.gz", ".csv"])
def test_what_is_appended_is_in_the_log_in_order(tmp_path, ending):
    out = tmp_path / f"log{ending}"
    with Store(out, SETTINGS) as store:
        store.append([row(2), row(0)])
        store.append([row(1, answer="NA")])
        store.compact()
    rows = read_log(out).rows
    assert rows["sample"].tolist() == [0, 1, 2]
    assert rows["answer"].tolist() == ["x", "NA", "x"]
    assert rows["seed"].tolist() == [2**52, 2**52 + 1, 2**52 + 2]
    assert sorted(path.name for path in tmp_path.iterdir()) == [out.name, f"{out.name}.run.json"]


def test_an_interrupted_run_is_taken_up(tmp_path):
    out = tmp_path / "log.parquet"
    with Store(out, SETTINGS) as store:
        store.append([row(0), row(1)])
    with Store(out, SETTINGS) as store:
        assert store.drawn == {("t", "q", "a", 0), ("t", "q", "a", 1)}
        assert store.append([row(1), row(2)]) == 1
        log = store.compact()
    assert log.rows["sample"].tolist() == [0, 1, 2]


def test_a_last_line_that_was_cut_short_is_drawn_again(tmp_path):
    out = tmp_path / "log.parquet"
    with Store(out, SETTINGS) as store:
        store.append([row(0), row(1)])
    partial = tmp_path / "log.parquet.partial.jsonl"
    whole = partial.read_bytes()
    for cut in range(len(whole) // 2 + 2, len(whole)):
        partial.write_bytes(whole[:cut])
        with Store(out, SETTINGS) as store:
            assert store.drawn == {("t", "q", "a", 0)}
            store.append([row(1)])
        assert partial.read_bytes() == whole


def test_a_kill_between_log_and_clean_up_counts_nothing_twice(tmp_path):
    out = tmp_path / "log.parquet"
    partial = tmp_path / "log.parquet.partial.jsonl"
    with Store(out, SETTINGS) as store:
        store.append([row(0), row(1)])
        left_behind = partial.read_bytes()
        store.compact()
    log = out.read_bytes()
    partial.write_bytes(left_behind)
    with Store(out, SETTINGS) as store:
        store.compact()
    assert out.read_bytes() == log
    assert not partial.exists()


def test_the_order_of_drawing_leaves_no_trace(tmp_path):
    rows = [row(sample, question, model) for sample in range(3) for question in "pq" for model in "ab"]
    for name, order, parts in [("one", rows, 1), ("two", rows[::-1], 2)]:
        for part in range(parts):
            with Store(tmp_path / f"{name}.parquet", SETTINGS) as store:
                store.append(order[part::parts])
                store.compact()
    assert (tmp_path / "one.parquet").read_bytes() == (tmp_path / "two.parquet").read_bytes()


def test_changed_settings_are_refused_by_name_unless_told(tmp_path):
    out = tmp_path / "log.parquet"
    with Store(out, SETTINGS) as store:
        store.append([row(0)])
        store.compact()
    hot = {"seed": 0, "models": {"a": {"sampling": {"temperature": 1.2}}}}
    with pytest.raises(BadInput, match=r"models\.a\.sampling\.temperature was 0\.7, now 1\.2"):
        Store(out, hot)
    with Store(out, hot, allow_changes=True) as store:
        assert len(store.drawn) == 1
    # what only one of the two has is no change
    with Store(out, {"models": {"b": {}}}) as store:
        assert set(store.record["settings"]["models"]) == {"a", "b"}


def test_a_log_of_other_origin_is_never_overwritten(tmp_path):
    out = tmp_path / "log.csv"
    out.write_text("task,question,model,sample,answer,correct\nt,q,a,0,x,true\n")
    with pytest.raises(BadInput, match="no record of a sampling run"):
        Store(out, SETTINGS)
    assert out.read_text().startswith("task,")


def test_two_runs_cannot_write_one_log(tmp_path):
    with Store(tmp_path / "log.parquet", SETTINGS), pytest.raises(BadInput, match="another run"):
        Store(tmp_path / "log.parquet", SETTINGS)


def test_failures_are_recorded_beside_the_log_and_forgotten_once_drawn(tmp_path):
    out = tmp_path / "log.parquet"
    failure = {"task": "t", "question": "q", "model": "a", "samples": [1], "error": "gone"}
    with Store(out, SETTINGS) as store:
        store.append([row(0)])
        store.compact([failure])
    record = tmp_path / "log.parquet.run.json"
    assert json.loads(record.read_text())["failed"] == [failure]
    assert len(read_log(out).rows) == 1
    with Store(out, SETTINGS) as store:
        store.append([row(1)])
        store.compact()
    assert json.loads(record.read_text())["failed"] == []


def test_a_damaged_line_is_named(tmp_path):
    out = tmp_path / "log.parquet"
    with Store(out, SETTINGS) as store:
        store.append([row(0)])
    (tmp_path / "log.parquet.partial.jsonl").write_text("nonsense\n")
    with pytest.raises(BadInput, match=r"partial\.jsonl: row 1"):
        Store(out, SETTINGS)
