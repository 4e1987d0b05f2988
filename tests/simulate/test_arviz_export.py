"""What ArviZ is given is what was drawn, chain by chain."""

from __future__ import annotations

import numpy as np
import pytest

import muxcast
from muxcast.simulate.ready_worlds import correlated


def test_chains_and_names_survive_the_export():
    pytest.importorskip("arviz", reason="the arviz extra is not installed")
    posterior = muxcast.calibrate(correlated(seed=0, questions=20, models=2).log(samples=3, seed=0), seed=0)
    group = posterior.to_arviz().posterior
    chains = posterior.diagnostics["chains"]
    assert group.sizes["chain"] == chains and group.sizes["chain"] * group.sizes["draw"] == posterior.draws
    assert list(group["model"].values) == posterior.models and list(group["task"].values) == posterior.tasks
    last = group["logits"].isel(chain=-1, draw=-1).values
    assert np.array_equal(last, posterior.difficulty.logits[-1])
