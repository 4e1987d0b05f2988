"""Forecasts cover known truths: of the model's own worlds, and of worlds it was not made for."""

import numpy as np
import pytest

from muxcast.simulate.calibration import calibrate
from muxcast.simulate.ready_worlds import world_named
from muxcast.simulate.simulation_based_calibration import LEVELS, simulation_based_calibration
from muxcast.simulate.worlds import worlds_of


def test_every_pilot_is_ranked_once_a_cell():
    worlds = [world_named("correlated", i, 24, 2) for i in range(2)]
    found = simulation_based_calibration(worlds, samples=2, k=(2,), draws=40)
    assert found.ranks.shape == found.pit.shape == (2, 3)
    assert found.ranks.min() >= 0 and found.ranks.max() <= found.draws
    assert found.inside.shape == (len(LEVELS), 3) and found.gain_inside.shape == (len(LEVELS), 1)
    assert found.histogram().sum() == found.ranks.size
    # wider intervals hold whatever narrower ones do
    assert (np.diff(found.inside, axis=0) >= 0).all()


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("target", ["same", "new"])
def test_forecasts_of_the_models_own_worlds_cover_as_they_say(target):
    size = 80 if target == "same" else 160
    draft = world_named("correlated", 0, 80, 3).log(4, 0)
    worlds = worlds_of(calibrate(draft, seed=0), "new", size, 40, 0)
    found = simulation_based_calibration(worlds, target=target)
    for level, share in zip(LEVELS, found.inside.mean(1), strict=True):
        # 40 pilots whose cells go together: 3 standard deviations of a share of 40
        assert share == pytest.approx(level, abs=3 * np.sqrt(level * (1 - level) / 40))
    assert abs(found.error.mean()) < 0.01
    assert np.mean([found.calibrated(cell, 0.99) for cell in range(len(found.cells))]) > 0.8
