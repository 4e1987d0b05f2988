"""The documentation cannot rot: every command in it parses, every Python block runs, the tutorial is carried out."""

from __future__ import annotations

import importlib
import json
import re
import runpy
import shlex
import shutil
import subprocess
import sys
import textwrap
import tomllib
from pathlib import Path

import click
import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
BLOCK = re.compile(r"^( *)```(\w+)[^\n]*\n(.*?)^\1```", re.S | re.M)


def blocks(page: Path, language: str) -> list[str]:
    found = BLOCK.findall(page.read_text(encoding="utf-8"))
    return [textwrap.dedent(text) for _, kind, text in found if kind == language]


def commands(page: Path) -> list[list[str]]:
    """Every muxcast command of the page's bash blocks, in words."""
    found = []
    for text in blocks(page, "bash"):
        for line in text.replace("\\\n", " ").splitlines():
            for part in re.split(r"&&|\|\||;|\|", line):
                words = shlex.split(part, comments=True)
                if words and Path(words[0]).name == "muxcast":
                    found.append(words[1:])
    return found


COMMANDS = [(page, words) for page in PAGES for words in commands(page)]


def _name(value) -> str:
    return value.stem if isinstance(value, Path) else " ".join(value)[:60]


@pytest.mark.parametrize(("page", "words"), COMMANDS, ids=_name)
def test_every_command_is_one_the_program_understands(page, words):
    """Parsed by the verb itself, so that an option that was renamed or a verb that went is found."""
    from muxcast.cli import cli

    if words == ["--help"]:
        return
    top = click.Context(cli, info_name="muxcast")
    name, command, rest = cli.resolve_command(top, list(words))
    assert command is not None
    if "--help" not in rest:
        command.make_context(name, rest, parent=top)


PYTHON = [(page, number) for page in PAGES for number, _ in enumerate(blocks(page, "python"))]


def test_the_reference_describes_every_public_name():
    pytest.importorskip("mkdocs", reason="the docs extra is not installed; CI runs this with the documentation site")
    hooks = runpy.run_path(str(ROOT / "docs" / "hooks.py"))
    shown = "".join(page.read_text(encoding="utf-8") for page in sorted((ROOT / "docs" / "reference").glob("*.md")))
    shown += "".join(hooks["room_reference"](room) for room in hooks["ROOMS"])
    listed = re.findall(r"^::: (muxcast\.\S+)$", shown, flags=re.M)
    assert len(listed) == len(set(listed))
    for package, folder in (("muxcast", "front"), *((f"muxcast.{room}", room) for room in hooks["ROOMS"])):
        for module, names in hooks["public_names"](ROOT / folder / "__init__.py").items():
            for name in names:
                assert f"{package}.{module}.{name}" in listed
                thing = getattr(importlib.import_module(f"{package}.{module}"), name)
                assert isinstance(thing, dict | tuple | list) or thing.__doc__, f"{module}.{name} has no docstring"
    from muxcast import plots

    members = re.search(r"members: \[(.*)\]", shown)
    assert members and set(members[1].split(", ")) == set(plots.__all__)


def test_every_extra_is_documented():
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    page = (ROOT / "docs" / "install.md").read_text(encoding="utf-8")
    assert not [name for name in extras if f"| `{name}` |" not in page]


POOLS = [(page, text) for page in PAGES for text in blocks(page, "toml") if "[[model]]" in text]


@pytest.mark.parametrize(("page", "text"), POOLS, ids=_name)
def test_every_pool_file_shown_is_one_the_program_reads(page, text, tmp_path):
    from muxcast.backends.pool import read_pool

    (tmp_path / "pool.toml").write_text(text, encoding="utf-8")
    assert read_pool(tmp_path / "pool.toml").models


def _writes_what_it_reads(text: str) -> bool:
    return "read_log(" not in text or "write_log(" in text


@pytest.mark.parametrize(("page", "number"), PYTHON, ids=str)
def test_every_python_block_runs(page, number, tmp_path, monkeypatch):
    text = blocks(page, "python")[number]
    if not _writes_what_it_reads(text):
        _some_pilot(tmp_path / "pilot.parquet")
    monkeypatch.chdir(tmp_path)
    exec(compile(text, f"{page.name}, block {number + 1}", "exec"), {"__name__": "docs"})


def _some_pilot(path: Path) -> None:
    import muxcast
    from muxcast.simulate.ready_worlds import correlated

    muxcast.write_log(correlated(seed=0, questions=24, models=2).log(samples=4, seed=0), path)


def test_the_example_of_the_tutorial_is_what_its_script_writes():
    script = runpy.run_path(str(ROOT / "docs" / "generate_lm_eval_example.py"))
    folder = script["FOLDER"]
    written = {path.relative_to(folder) for path in folder.rglob("*.jsonl")}
    assert len(written) == 6
    for path in written:
        task = next(name for name in script["ASKED"] if name in path.name)
        rows = [json.loads(line) for line in (folder / path).read_text(encoding="utf-8").splitlines()]
        assert rows == script["rows_of"](task, path.parent.name)


@pytest.mark.timeout(1200)
def test_the_tutorial_leads_from_lm_eval_logs_to_a_recommendation(tmp_path):
    """The three commands as printed, in a fresh process each."""
    shutil.copytree(ROOT / "docs" / "examples" / "lm-eval", tmp_path / "results")
    steps = [words for words in commands(ROOT / "docs" / "tutorial.md") if words[0] != "validate"]
    assert len(steps) == 3
    for words in steps:
        run = [sys.executable, "-c", "from muxcast.cli import main; main()", *words]
        result = subprocess.run(run, cwd=tmp_path, capture_output=True, text=True, timeout=600, check=False)
        assert result.returncode == 0, f"{words}: {result.stderr}"
    best = json.loads((tmp_path / "forecast.json").read_text(encoding="utf-8"))["recommended"]
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert best["models"] and "Recommended:" in page
