"""The recorded example pool: what the package ships is what its provenance says."""

from __future__ import annotations

import tomllib
from importlib.resources import files

import pytest

from muxcast.backends.engine import MOST_SAMPLES, seed_of
from muxcast.simulate.logfile import read_log

DATA = files("muxcast") / "data"


@pytest.fixture(scope="module")
def provenance():
    return tomllib.loads((DATA / "example_pool.toml").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def log():
    return read_log(str(DATA / "example_pool.parquet"))


def test_the_pool_is_small_whole_and_as_stated(log, provenance):
    assert len((DATA / "example_pool.parquet").read_bytes()) < 1_000_000
    assert not log.notes and "text" not in log.rows
    assert log.models == sorted(model["name"] for model in provenance["model"])
    assert len(log.questions) == provenance["questions"] >= 240
    assert log.rows.groupby("task")["question"].nunique().to_dict() == provenance["tasks"]
    assert len(log.rows) == provenance["rows"] == len(log.questions) * 3 * 32
    for model in provenance["model"]:
        assert log.accuracy()[model["name"]] == pytest.approx(model["accuracy"], abs=1e-4)
        assert model["licence"] and model["source"] and model["engine"].startswith("vllm")
        assert (
            log.rows.loc[log.rows["model"] == model["name"], "temperature"] == model["sampling"]["temperature"]
        ).all()


def test_accuracies_lie_between_a_fifth_and_four_fifths_and_questions_differ(log):
    assert all(0.2 < accuracy < 0.8 for accuracy in log.accuracy().values())
    share = log.rows.groupby(["model", "question"])["correct"].mean()
    assert (share.groupby("model").std() > 0.25).all()


def test_seeds_follow_from_the_names(log, provenance):
    first = log.rows[log.rows["sample"] == 0]
    for row in first.sample(40, random_state=0).itertuples():
        assert row.seed == seed_of(provenance["run_seed"], row.task, row.question, row.model)
    assert (log.rows["seed"] % MOST_SAMPLES == log.rows["sample"]).all()
