"""A sampling run over simulated models: what is drawn, what is drawn again, and what a kill leaves."""

from __future__ import annotations

import functools
import json
import os
import random
import signal
import subprocess
import sys
import time
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from muxcast.backends.engine import MOST_SAMPLES, runs_of, seed_of
from muxcast.backends.pool import Pool, read_pool
from muxcast.backends.sampling import sample
from muxcast.backends.simulated_engine import Population, SimulatedEngine
from muxcast.backends.tasks import task_named
from muxcast.simulate.errors import BadInput
from muxcast.simulate.logfile import read_log

POOL = """
[[model]]
name = "a"
engine = "simulated"
options = { accuracy = 0.7, delay_s = DELAY }

[[model]]
name = "b"
engine = "simulated"
options = { accuracy = 0.5, blank = 0.1, delay_s = DELAY }
price = { completion = 10.0 }
"""


@pytest.fixture
def here(tmp_path):
    (tmp_path / "pool.toml").write_text(POOL.replace("DELAY", "0.0"))
    (tmp_path / "slow.toml").write_text(POOL.replace("DELAY", "0.01"))
    lines = [f'{{"question": "What is {n} + {n}?", "answer": "{2 * n}"}}' for n in range(30)]
    (tmp_path / "sums.jsonl").write_text("\n".join(lines))
    return tmp_path


def draw(here, out, questions=10, samples=4, pool="pool.toml", **more):
    return sample(
        read_pool(here / pool), [task_named(str(here / "sums.jsonl"))], questions, samples, here / out, **more
    )


def test_a_log_grows_by_what_is_missing_and_ends_as_if_drawn_at_once(here):
    draw(here, "grown.parquet", questions=4, samples=3)
    draw(here, "grown.parquet", questions=10, samples=2)
    last = draw(here, "grown.parquet", questions=10, samples=6)
    assert last.progress.before == 4 * 3 * 2 + 6 * 2 * 2
    assert last.progress.before + last.progress.drawn == last.progress.total == 10 * 6 * 2
    once = draw(here, "once.parquet", questions=10, samples=6)
    assert (here / "grown.parquet").read_bytes() == (here / "once.parquet").read_bytes()
    assert len(once.log.rows) == 120


def test_a_full_log_loads_no_model(here, monkeypatch):
    draw(here, "log.parquet")
    monkeypatch.setattr(SimulatedEngine, "__init__", lambda *args: pytest.fail("a model was loaded"))
    assert draw(here, "log.parquet").progress.drawn == 0


def test_cost_counts_only_this_run(here):
    first, again = draw(here, "log.parquet"), draw(here, "log.parquet")
    spent = first.log.rows.query("model == 'b'")["completion_tokens"].sum() * 10 / 1e6
    assert first.progress.cost == pytest.approx(spent)
    assert again.progress.cost == 0


def test_every_question_and_model_has_random_numbers_of_its_own(here):
    rows = draw(here, "log.parquet", questions=30, samples=16).log.rows
    assert rows["seed"].is_unique
    assert rows["seed"].max() < 2**53
    within = rows.groupby(["question", "model"])["seed"]
    assert ((within.max() - within.min()) == 15).all()


def test_seeds_of_neighbouring_runs_share_nothing():
    blocks = {seed_of(run, "t", f"q{q}", m) // MOST_SAMPLES for run in range(3) for q in range(300) for m in "ab"}
    assert len(blocks) == 3 * 300 * 2


@given(st.sets(st.integers(0, 60)))
def test_runs_cover_exactly_the_indexes(indexes):
    runs = runs_of(sorted(indexes))
    assert [index for run in runs for index in run] == sorted(indexes)
    assert all(left.stop < right.start for left, right in pairwise(runs))


def test_a_simulated_model_draws_from_its_population(here):
    task = task_named(str(here / "sums.jsonl"))
    questions = task.questions(30)
    population = Population(accuracy=0.6, blank=0.1)
    pool = Pool((read_pool(here / "pool.toml").models[1],))
    rows = sample(pool, [task], 30, 400, here / "log.parquet").log.rows
    population = Population(accuracy=0.5, blank=0.1)
    laws = np.array([population.probabilities(f"{q.id}\x1f{q.prompt}", "b") for q in questions])
    share = rows.groupby("question")["correct"].mean().loc[[q.id for q in questions]].to_numpy()
    # 30 questions of 400 samples: five standard errors
    assert np.abs(share - laws[:, 1]).max() < 5 * 0.5 / np.sqrt(400)
    assert rows["answer"].isna().mean() == pytest.approx(0.1, abs=5 * 0.3 / np.sqrt(12000))


def test_populations_have_the_stated_mean_and_share_difficulty():
    def right(model, **options):
        population = Population(accuracy=0.6, blank=0.0, **options)
        return np.array([population.probabilities(f"q{n}", model)[1] for n in range(2000)])

    assert right("a").mean() == pytest.approx(0.6, abs=0.04)
    assert np.corrcoef(right("a", shared=0.0), right("b", shared=0.0))[0, 1] == pytest.approx(0, abs=0.1)
    assert np.corrcoef(right("a", shared=1.0), right("b", shared=1.0))[0, 1] == pytest.approx(1)


def test_a_failed_sample_is_absent_not_wrong(here, monkeypatch):
    whole = SimulatedEngine.generate

    def half(self, requests, sampling):
        for position, completion in whole(self, requests, sampling):
            if position == 0:
                completion = completion._replace(samples=completion.samples[:1], error="the server went away")
            yield position, completion

    monkeypatch.setattr(SimulatedEngine, "generate", half)
    drawn = draw(here, "log.parquet")
    assert [failure["samples"] for failure in drawn.failed] == [[1, 2, 3]] * 2
    assert len(drawn.log.rows) == 10 * 4 * 2 - 6
    record = here / "log.parquet.run.json"
    only_b = read_pool(here / "pool.toml").only(["b"])
    sample(only_b, [task_named(str(here / "sums.jsonl"))], 2, 1, here / "log.parquet")
    # this run wanted one sample each, so what failed beyond it still stands
    assert json.loads(record.read_text())["failed"] == drawn.failed
    monkeypatch.setattr(SimulatedEngine, "generate", whole)
    mended = draw(here, "log.parquet")
    assert not mended.failed and mended.progress.drawn == 6
    draw(here, "never-failed.parquet")
    assert (here / "log.parquet").read_bytes() == (here / "never-failed.parquet").read_bytes()


def test_a_mistake_in_the_last_model_is_found_before_the_first_is_sampled(here):
    (here / "pool.toml").write_text(
        POOL.replace("DELAY", "0.0") + '\n[[model]]\nname = "c"\nengine = "server"\nmodel = "m"\n'
        'options = { base_url = "http://127.0.0.1:9/v1", api_key_env = "MUXCAST_UNSET" }\n'
    )
    before = sorted(here.iterdir())
    with pytest.raises(BadInput, match="'c': the environment variable MUXCAST_UNSET is not set"):
        draw(here, "log.parquet")
    assert sorted(here.iterdir()) == before


def test_a_run_killed_again_and_again_ends_as_if_never_killed(here):
    draw(here, "whole.parquet", questions=30, samples=8)
    program = (
        "import sys; from muxcast.backends.pool import read_pool; from muxcast.backends.sampling import sample;"
        "from muxcast.backends.tasks import task_named; print('up', flush=True);"
        "sample(read_pool('slow.toml'), [task_named('sums.jsonl')], 30, 8, 'killed.parquet')"
    )
    rng, kills = random.Random(1), 0
    for _ in range(12):
        process = subprocess.Popen([sys.executable, "-c", program], cwd=here, stdout=subprocess.PIPE)
        process.stdout.readline()
        try:
            process.wait(timeout=rng.uniform(0.0, 0.35) if kills < 4 else None)
        except subprocess.TimeoutExpired:
            os.kill(process.pid, signal.SIGKILL)
            kills += 1
            process.wait()
        else:
            assert process.returncode == 0
            break
    assert kills >= 2
    assert (here / "killed.parquet").read_bytes() == (here / "whole.parquet").read_bytes()
    assert not (here / "killed.parquet.partial.jsonl").exists()


def test_a_full_disk_keeps_what_was_drawn_and_the_same_command_goes_on(here):
    arguments = ["sample", "pool.toml", "--task", "sums.jsonl", "--questions", "30", "--samples", "8"]
    program, rest = "from muxcast.cli import main; main()", [*arguments, "--out", "log.parquet"]
    full = f"import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (16384, 16384)); {program}"
    stopped = subprocess.run([sys.executable, "-c", full, *rest], cwd=here, capture_output=True, text=True)
    assert stopped.returncode == 2 and "make room" in stopped.stderr and "Traceback" not in stopped.stderr
    assert (here / "log.parquet.partial.jsonl").stat().st_size == 16384  # the last line was cut short
    assert subprocess.run([sys.executable, "-c", program, *rest], cwd=here, capture_output=True).returncode == 0
    draw(here, "whole.parquet", questions=30, samples=8)
    assert (here / "log.parquet").read_bytes() == (here / "whole.parquet").read_bytes()


def test_ctrl_c_keeps_what_was_drawn_and_says_so(here):
    arguments = ["sample", "slow.toml", "--task", "sums.jsonl", "--questions", "30", "--samples", "8"]
    command = [sys.executable, "-c", "from muxcast.cli import main; main()", *arguments, "--out", "log.parquet"]
    # a shell that starts the tests in the background has them ignore interrupts, and children inherit that
    heard = functools.partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    process = subprocess.Popen(command, cwd=here, stderr=subprocess.PIPE, text=True, preexec_fn=heard)
    partial = here / "log.parquet.partial.jsonl"
    while not (partial.exists() and partial.stat().st_size):
        time.sleep(0.01)
    time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    assert process.wait(30) == 130
    told = process.stderr.read()
    assert "the same command goes on" in told and "Traceback" not in told
    held = len(partial.read_text().splitlines())
    assert held % 8 == 0 and held > 0
    assert subprocess.run(command, cwd=here, capture_output=True).returncode == 0
    assert len(read_log(here / "log.parquet").rows) == 30 * 8 * 2
