"""The example pool: real answers of three small language models, recorded with vLLM and shipped with muxcast."""

from __future__ import annotations

import tomllib
from importlib.resources import as_file, files
from typing import Any

from .simulate.answers import AnswerLog
from .simulate.logfile import read_log


def example_pool() -> AnswerLog:
    """The recorded answers; `example_provenance` says where they come from."""
    with as_file(files("muxcast.data") / "example_pool.parquet") as path:
        log = read_log(path)
    return AnswerLog(log.rows, "the example pool", log.notes)


def example_provenance() -> dict[str, Any]:
    """Models with sources and licences, engine, sampling settings, seeds and date of the recording."""
    return tomllib.loads((files("muxcast.data") / "example_pool.toml").read_text(encoding="utf-8"))
