"""The command line as a user meets it: a fresh process, its exit code, its two streams, and what it leaves behind."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

import muxcast
from muxcast.simulate.answers import AnswerLog


def muxcast_run(*arguments: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from muxcast.cli import main; main()", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, timeout=240, check=False)


def refused(result: subprocess.CompletedProcess[str]) -> str:
    """The one sentence of a refusal; fails unless it is one, with exit code 2 and no traceback."""
    assert result.returncode == 2, result.stderr
    assert "Traceback" not in result.stderr
    assert result.stdout == ""
    sentences = [line for line in result.stderr.splitlines() if line.startswith("Error: ")]
    assert len(sentences) == 1, result.stderr
    return sentences[0]


@pytest.fixture
def pilot(tmp_path, small_rows) -> Path:
    path = tmp_path / "pilot.parquet"
    muxcast.write_log(AnswerLog.from_rows(small_rows), path)
    return path


def test_help_names_every_verb_and_loads_nothing_heavy(tmp_path):
    code = (
        "import sys; from muxcast.cli import cli\n"
        "try: cli.main(['--help'])\n"
        "except SystemExit: pass\n"
        "heavy = {'jax', 'pandas', 'scipy', 'matplotlib', 'vllm', 'numpy'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, check=False)
    assert result.returncode == 0, result.stderr
    from muxcast.cli import VERBS

    assert all(verb in result.stdout for verb in VERBS)


def test_every_verb_teaches_by_example():
    from click.testing import CliRunner

    from muxcast.cli import VERBS, cli

    for verb in VERBS:
        shown = CliRunner().invoke(cli, [verb, "--help"])
        assert shown.exit_code == 0, (verb, shown.output)
        assert f"  muxcast {verb}" in shown.output, verb
        assert max(map(len, shown.output.splitlines())) <= 80, verb


BROKEN = {
    "missing column": ("log.csv", b"task,question,model,sample,answer\nt,q,m,0,a\n", "missing column 'correct'"),
    "duplicate": (
        "log.csv",
        b"task,question,model,sample,answer,correct\nt,q,m,0,a,true\nt,q,m,0,a,true\n",
        "row 3: column 'sample': duplicate sample 0",
    ),
    "correct blank": (
        "log.csv",
        b"task,question,model,sample,answer,correct\nt,q,m,0,,true\n",
        "row 2: column 'correct': is true for a blank",
    ),
    "negative index": (
        "log.jsonl",
        b'{"task":"t","question":"q","model":"m","sample":-1,"answer":"a","correct":true}\n',
        "row 1: column 'sample': is negative",
    ),
    "empty": ("log.jsonl", b"", "the file is empty"),
    "header only": ("log.csv", b"task,question,model,sample,answer,correct\n", "no rows"),
    "no common question": (
        "log.csv",
        b"task,question,model,sample,answer,correct\nt,q,m,0,a,true\nt,r,n,0,a,true\n",
        "no common question",
    ),
    "not UTF-8": ("log.csv", b"task,question,model,sample,answer,correct\nt,q,m,0,\xff\xfe,true\n", "not UTF-8"),
    "not Parquet": ("log.parquet", b"hello", "not a readable Parquet file"),
}


@pytest.mark.parametrize("verb", ["replay", "forecast"])
@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_log_is_refused_and_nothing_is_written(tmp_path, verb, case):
    name, content, sentence = BROKEN[case]
    (tmp_path / name).write_bytes(content)
    said = refused(muxcast_run(verb, name, "--json", "out.json", cwd=tmp_path))
    assert name in said
    assert sentence in said
    assert sorted(path.name for path in tmp_path.iterdir()) == [name]


def test_replay_beyond_the_log_says_what_is_possible(tmp_path, pilot):
    said = refused(muxcast_run("replay", pilot, "--samples", "9", "--json", "out.json", cwd=tmp_path))
    assert "k = 3" in said
    assert "forecast" in said
    assert not (tmp_path / "out.json").exists()


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--samples", "0"], "below 1"),
        (["--samples", "two"], "not a number or a range"),
        (["--pools", "ant+aunt"], "did you mean 'ant'"),
        (["--pools", "ant++bee"], "not a pool"),
        (["--json", "no/such/folder/out.json"], "does not exist"),
        (["--tie-break", "absent.parquet"], "no such file"),
    ],
)
def test_bad_options_are_refused_with_the_remedy(tmp_path, pilot, options, sentence):
    assert sentence in refused(muxcast_run("replay", pilot, *options, cwd=tmp_path))


def test_an_unknown_verb_gets_a_suggestion(tmp_path):
    assert "did you mean 'replay'" in refused(muxcast_run("repaly", cwd=tmp_path))


def test_replay_json_keeps_the_interface(tmp_path, pilot):
    result = muxcast_run("replay", pilot, "--samples", "1-3", "--json", "-", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    content = json.loads(result.stdout)
    assert content["format"] == "muxcast-replay"
    assert content["version"] == 1
    assert set(content["tie_break_accuracy"]) == {"ant", "bee"}
    for cell in content["cells"]:
        assert {"rule", "models", "samples", "accuracy", "gain", "tokens_per_question"} <= set(cell)
        assert {"mean", "sd", "lower", "upper", "exact"} <= set(cell["accuracy"])
        assert cell["accuracy"]["exact"] is True
    assert {(cell["rule"], cell["samples"]) for cell in content["cells"]} >= {("mux", 3), ("self-consistency", 1)}


def test_the_printed_table_fits_eighty_columns(tmp_path, small_rows):
    long = {"ant": "a-model-with-quite-a-long-name-32B-instruct", "bee": "another-model-with-a-long-name-7B"}
    path = tmp_path / "long.parquet"
    muxcast.write_log(AnswerLog.from_rows(small_rows.replace({"model": long})), path)
    result = muxcast_run("replay", path, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert max(map(len, result.stdout.splitlines())) <= 80
    assert "\x1b[" not in result.stdout


def test_a_forecast_file_that_is_not_one_is_refused(tmp_path, pilot):
    (tmp_path / "bad.json").write_text("{}", encoding="utf-8")
    assert "field 'format'" in refused(muxcast_run("validate", "bad.json", pilot, cwd=tmp_path))
    (tmp_path / "bad.json").write_text("{", encoding="utf-8")
    assert "not a readable JSON" in refused(muxcast_run("validate", "bad.json", pilot, cwd=tmp_path))


def test_several_logs_are_replayed_as_one(tmp_path, small_rows):
    for model, part in small_rows.groupby("model"):
        pd.DataFrame(part).to_csv(tmp_path / f"{model}.csv", index=False)
    result = muxcast_run("replay", "ant.csv", "bee.csv", "--json", "-", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert sorted(json.loads(result.stdout)["log"]["models"]) == ["ant", "bee"]


def test_a_pool_that_gives_no_answer_exits_with_1(tmp_path):
    """A simulated model knows only the questions of a task, so it fails on any other."""
    (tmp_path / "pool.toml").write_text('[[model]]\nname = "a"\nengine = "simulated"\n')
    result = muxcast_run("ask", "pool.toml", "Why?", cwd=tmp_path)
    assert (result.returncode, result.stdout.splitlines()[0]) == (1, "(no model gave an answer)")
    (tmp_path / "sums.jsonl").write_text('{"question": "1 + 1?", "answer": "2"}\n')
    task = ["--task", "sums.jsonl", "--questions", "1", "--samples", "1"]
    taken = muxcast_run("run", "pool.toml", *task, "--out", "sums.jsonl", cwd=tmp_path)
    assert "cannot be made a folder" in refused(taken)
