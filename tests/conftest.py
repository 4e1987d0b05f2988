"""Shared fixtures: recorded logs where they are at hand, and small logs made on the spot."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

SHARED = Path(__file__).resolve().parents[2] / "shared"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real multi-model logs kept beside the checkout; the test is skipped without it."""
    folder = SHARED / "data"
    if not folder.is_dir():
        pytest.skip("real answer logs are not at hand (no folder shared/data beside the checkout)")
    return folder


@pytest.fixture
def small_rows() -> pd.DataFrame:
    """Rows of a valid log: 2 models, 4 questions, 3 samples, blanks and several wrong answers."""
    rng = np.random.default_rng(7)
    rows = []
    for question in range(4):
        for model in ("ant", "bee"):
            for sample in range(3):
                answer = rng.choice(["gold", "x", "y", None], p=[0.5, 0.2, 0.2, 0.1])
                rows.append(
                    {
                        "task": "toy",
                        "question": f"q{question}",
                        "model": model,
                        "sample": sample,
                        "answer": answer,
                        "correct": answer == "gold",
                    }
                )
    return pd.DataFrame(rows)
