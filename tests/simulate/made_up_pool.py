"""A made-up log whose models share difficulty and wrong answers."""

from __future__ import annotations

import numpy as np
import pandas as pd

from muxcast.simulate.answers import AnswerLog


def made_up_log(models: int = 5, questions: int = 24, samples: int = 4, seed: int = 0) -> AnswerLog:
    """A pool of models of different skill that share question difficulty and wrong answers."""
    rng = np.random.default_rng(seed)
    ease = rng.normal(size=questions)
    rows = []
    for m in range(models):
        skill = rng.normal(0.3, 0.7)
        for q in range(questions):
            p = 1 / (1 + np.exp(-(skill + 1.5 * ease[q] + rng.normal())))
            for s in range(samples):
                u = rng.random()
                answer = "gold" if u < p else None if u > 0.97 else rng.choice(["x", "x", "y", "z"])
                rows.append(("toy", f"q{q:02d}", f"m{m:02d}", s, answer, answer == "gold"))
    return AnswerLog.from_rows(pd.DataFrame(rows, columns=["task", "question", "model", "sample", "answer", "correct"]))
