"""muxcast: from a cheap pilot, what an SLM-MUX pool will score, what it costs, and how sure we are.

Public names are loaded on first use, so that ``muxcast --help`` and ``import muxcast`` stay quick.
"""

import lazy_loader

__version__ = "0.1.0"

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=["backends", "plots", "simulate", "testing", "theory"],
    submod_attrs={
        "simulate.answers": ["AnswerCounts", "AnswerLog"],
        "simulate.calibration": ["calibrate"],
        "simulate.errors": ["BadInput"],
        "simulate.forecast": ["forecast"],
        "simulate.logfile": ["read_log", "write_log"],
        "simulate.replay": ["replay"],
        "simulate.scaling": ["scaling"],
        "simulate.search": ["search"],
        "simulate.validation": ["read_forecast", "validate"],
    },
)
