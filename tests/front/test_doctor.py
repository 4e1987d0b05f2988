"""`muxcast doctor` tells a broken core from missing extras, and what to do."""

from __future__ import annotations

import json

from click.testing import CliRunner

from muxcast import doctor
from muxcast.cli import cli


def test_the_core_is_here_and_every_part_missing_has_a_remedy():
    result = CliRunner().invoke(cli, ["doctor", "--json", "-"])
    assert result.exit_code == 0
    parts = json.loads(result.stdout)["parts"]
    assert any(part["core"] and part["ready"] for part in parts)
    assert all(bool(part["remedy"]) != part["ready"] for part in parts)


def test_lines_fit_80_columns():
    assert all(len(line) <= 80 for line in CliRunner().invoke(cli, ["doctor"]).stdout.splitlines())


def test_a_missing_core_library_is_a_fault(monkeypatch):
    real = doctor._version
    monkeypatch.setattr(doctor, "_version", lambda package: None if package == "scipy" else real(package))
    result = CliRunner().invoke(cli, ["doctor"])
    assert result.exit_code == 1 and "missing scipy" in result.stdout and "pip install" in result.stdout
