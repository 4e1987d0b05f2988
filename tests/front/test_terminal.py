"""What the terminal owes a person: completion, suggestions, plain text in pipes, a quick start, eighty columns."""

from __future__ import annotations

import os
import re
import resource
import subprocess
import sys

import click
import pytest
from click.testing import CliRunner

import muxcast
from muxcast import terminal
from muxcast.cli import VERBS, cli
from muxcast.simulate.answers import AnswerLog

RUN = [sys.executable, "-c", "from muxcast.cli import main; main()"]


@pytest.fixture
def place(tmp_path, monkeypatch, small_rows):
    """A folder with a pilot and a pool file, made the working directory."""
    monkeypatch.chdir(tmp_path)
    muxcast.write_log(AnswerLog.from_rows(small_rows), "pilot.parquet")
    (tmp_path / "pool.toml").write_text('[[model]]\nname = "ant"\nengine = "simulated"\n')
    return tmp_path


@pytest.mark.parametrize("verb", VERBS)
def test_help_fits_eighty_columns_and_results_can_be_had_as_json(verb):
    command = cli.get_command(click.Context(cli), verb)
    assert command is not None
    text = command.get_help(click.Context(command, info_name=f"muxcast {verb}", max_content_width=80))
    assert max(map(len, text.splitlines())) <= 80
    assert verb == "serve" or "--json FILE" in text  # a server has no result


@pytest.mark.parametrize(
    ("words", "offered"),
    [("muxcast fore", "forecast"), ("muxcast forecast --ta", "--target"), ("muxcast forecast --target ", "new")],
)
def test_the_shell_completes_verbs_options_and_choices(words, offered):
    typed = {"COMP_WORDS": words, "COMP_CWORD": str(words.count(" ")), "_MUXCAST_COMPLETE": "bash_complete"}
    code = "import sys; sys.argv[0] = 'muxcast'; from muxcast.cli import main; main()"
    found = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, **typed}, capture_output=True, text=True, check=False
    )
    assert f"plain,{offered}" in found.stdout.splitlines()


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        ("replay pilot.parquet --pools amt+bee", "ant"),
        ("scaling pilot.parquet --order ant,bea", "bee"),
        ("replay pilot.parquet --rules agent-forrest", "agent-forest"),
        ("search pilot.parquet --objective papr", "paper"),
        ("pilot-size corelated", "correlated"),
        ("check-rule mxu", "mux"),
        ("import lmeval x --out y", "lm-eval"),
        ("sample pool.toml --task resoning-gym:gcd --questions 2 --samples 2 --out z.parquet", "reasoning-gym"),
        ("sample pool.toml --task jsonl --models aunt --questions 2 --samples 2 --out z.parquet", "ant"),
        ("compare pool.toml --task jsonl --methods slm-max", "slm-mux"),
    ],
)
def test_a_misspelt_name_gets_the_nearest_one(place, words, meant):
    before = sorted(place.iterdir())
    with pytest.raises(muxcast.BadInput, match=f"did you mean '{meant}'"):
        CliRunner().invoke(cli, words.split(), catch_exceptions=False, standalone_mode=False)
    assert sorted(place.iterdir()) == before


def test_a_pipe_gets_plain_text_however_the_terminal_is_set(place):
    found = subprocess.run(
        [*RUN, "replay", "pilot.parquet", "--samples", "1,2"],
        env={**os.environ, "TERM": "xterm-256color", "COLORTERM": "truecolor"},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert "ant" in found.stdout and not re.search(r"\x1b\[", found.stdout + found.stderr)


def test_help_comes_in_half_a_second_of_processor_time(tmp_path):
    def spent() -> float:
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        return used.ru_utime + used.ru_stime

    taken = []
    for _ in range(3):
        before = spent()
        subprocess.run([*RUN, "--help"], cwd=tmp_path, capture_output=True, check=True)
        taken.append(spent() - before)
    assert min(taken) < 0.5


def test_a_long_list_of_names_is_not_shown_beside_a_suggestion():
    from muxcast.simulate.errors import unknown_name

    many = [f"name{i}" for i in range(200)]
    assert str(unknown_name("thing", "nme7", many)) == "unknown thing 'nme7': did you mean 'name7'?"
    assert "name199" in str(unknown_name("thing", "zzz", many))


def test_a_long_pool_is_broken_after_a_plus_sign(capsys):
    pool = "a-model-of-some-length+another-one+a-third-of-them+the-last"
    figures = ["12.3 ± 4.5"] * 5
    terminal.table("", ["models", *"bcdef"], [[pool, *figures], ["the-last", *figures]])
    lines = [line.split()[0] for line in capsys.readouterr().out.splitlines() if line.strip()][1:]
    assert "".join(lines[:-1]) == pool and lines[-1] == "the-last"
    assert len(lines) > 3 and all(line.endswith(("+", "-")) for line in lines[:-2])
    terminal.table("", ["models", "b"], [[pool, 71.25]])
    assert capsys.readouterr().out.split()[-2:] == [pool, "71.2"]
