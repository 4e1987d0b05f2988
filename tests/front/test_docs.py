"""The documentation cannot rot: every command in it parses, every Python block runs, the tutorial is carried out."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import click
import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
BLOCK = re.compile(r"^```(\w+)[^\n]*\n(.*?)^```", re.S | re.M)


def blocks(page: Path, language: str) -> list[str]:
    return [text for kind, text in BLOCK.findall(page.read_text(encoding="utf-8")) if kind == language]


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


def _lm_eval_results(folder: Path, models: int = 3, questions: int = 24, repeats: int = 4) -> None:
    """What `lm_eval --log_samples` leaves for an arithmetic task with several repeats."""
    rng = np.random.default_rng(0)
    hard = rng.random(questions)
    for m in range(models):
        place = folder / f"model-{m}"
        place.mkdir(parents=True)
        rows = []
        for q in range(questions):
            right = rng.random(repeats) > hard[q] * (0.8 + 0.1 * m)
            said = [f"The answer is {10 + q if ok else rng.integers(100, 104)}" for ok in right]
            rows.append(
                {
                    "doc_id": q,
                    "doc_hash": f"{q:064x}"[::-1],
                    "doc": {"question": f"What is {q} + 10?", "answer": f"#### {10 + q}"},
                    "target": str(10 + q),
                    "arguments": [[f"What is {q} + 10?", {"temperature": 0.7, "do_sample": True}]],
                    "resps": [said],
                    "filtered_resps": [said[0]],
                    "filter": "none",
                    "metrics": ["exact_match"],
                    "exact_match": float(right[0]),
                }
            )
        text = "".join(json.dumps(row) + "\n" for row in rows)
        (place / "samples_gsm8k_2026-01-01T00-00-00.000000.jsonl").write_text(text, encoding="utf-8")


@pytest.mark.timeout(1200)
def test_the_tutorial_leads_from_lm_eval_logs_to_a_recommendation(tmp_path):
    """The three commands as printed, in a fresh process each."""
    _lm_eval_results(tmp_path / "results")
    steps = [words for words in commands(ROOT / "docs" / "tutorial.md") if words[0] != "validate"]
    assert len(steps) == 3
    for words in steps:
        run = [sys.executable, "-c", "from muxcast.cli import main; main()", *words]
        result = subprocess.run(run, cwd=tmp_path, capture_output=True, text=True, timeout=600, check=False)
        assert result.returncode == 0, f"{words}: {result.stderr}"
    best = json.loads((tmp_path / "forecast.json").read_text(encoding="utf-8"))["recommended"]
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert best["models"] and "Recommended:" in page
