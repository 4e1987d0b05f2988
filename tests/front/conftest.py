"""Documents of a small made-up run, with names that a careless page would stumble over."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np
import pytest

MODELS = ["_ant", 'bee <script>alert("b")</script>', "cow $x_1$ & co"]


def made_up(models: list[str] = MODELS, samples: tuple[int, ...] = (1, 2, 4, 8)) -> dict[str, dict[str, Any]]:
    """A forecast and its validation in the formats of the command line; the figures are invented."""
    rng = np.random.default_rng(5)
    cells, judged = [], []
    for rule in ("mux", "self-consistency", "agent-forest"):
        for size in range(1, len(models) + 1):
            for pool in combinations(models, size):
                if rule == "self-consistency" and size > 1:
                    continue
                for k in samples:
                    mean = 0.5 - 0.05 * models.index(pool[0]) + 0.02 * size + 0.02 * np.log2(k) + rng.normal(0, 0.01)
                    found = {"mean": mean, "sd": 0.015, "lower": mean - 0.025, "upper": mean + 0.025}
                    address = {"rule": rule, "models": list(pool), "samples": k}
                    gain = {"mean": 0.01, "sd": 0.01, "lower": -0.006, "upper": 0.026}
                    cells.append(
                        {
                            **address,
                            "accuracy": found,
                            "gain": {"over": "self-consistency", "model": pool[0], **gain},
                            "tokens_per_question": float(size * (100 + 150 * k)),
                        }
                    )
                    seen = mean + rng.normal(0, 0.015)
                    held = bool(abs(seen - mean) <= 0.025)
                    judged.append(
                        {**address, "forecast": found, "observed": seen, "observed_se": 0.012, "inside": held}
                    )
    target = {"kind": "same", "questions": 120}
    best = {"rule": "mux", "models": models, "samples": 8, "why": "Invented <b>for</b> this test."}
    forecast = {
        "format": "muxcast-forecast",
        "version": 1,
        "seed": 0,
        "level": 0.9,
        "pilot": {"tasks": ["toy <i>"], "questions": 120, "models": models, "samples": dict.fromkeys(models, 4)},
        "target": target,
        "tie_break_accuracy": dict(zip(models, (0.5, 0.45, 0.4), strict=False)),
        "cells": cells,
        "recommended": best,
    }
    validation = {
        "format": "muxcast-validation",
        "version": 1,
        "level": 0.9,
        "target": target,
        "cells": judged,
        "mae": 0.011,
        "bias": -0.002,
        "coverage": 0.9,
        "crps": 0.007,
        "gain_mae": 0.006,
        "regret": 0.004,
        "verdict": "stands",
    }
    return {"forecast": forecast, "validation": validation}


@pytest.fixture
def documents() -> dict[str, dict[str, Any]]:
    return made_up()
