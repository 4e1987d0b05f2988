"""muxcast: from a cheap pilot, what an SLM-MUX pool will score, what it costs, and how sure we are.

Public names are loaded on first use, so that ``muxcast --help`` and ``import muxcast`` stay quick.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

# public name -> the module that defines it
_HOME = {
    "AnswerLog": "muxcast.simulate.answers",
    "AnswerCounts": "muxcast.simulate.answers",
    "BadInput": "muxcast.simulate.errors",
    "read_log": "muxcast.simulate.logfile",
    "write_log": "muxcast.simulate.logfile",
    "calibrate": "muxcast.simulate.calibration",
    "forecast": "muxcast.simulate.forecast",
    "replay": "muxcast.simulate.replay",
    "validate": "muxcast.simulate.validation",
    "search": "muxcast.simulate.search",
}
_ROOMS = ("theory", "simulate", "backends", "plots", "testing")

__all__ = ["__version__", *_HOME, *_ROOMS]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(_HOME[name]), name)
    if name in _ROOMS:
        return import_module(f"{__name__}.{name}")
    raise AttributeError(f"module 'muxcast' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
