"""Forecasts cover known truths: of the model's own worlds, and of worlds it was not made for."""

import numpy as np
import pytest

from muxcast.simulate.calibration import calibrate
from muxcast.simulate.cells import Cell
from muxcast.simulate.errors import BadInput
from muxcast.simulate.ready_worlds import world_named
from muxcast.simulate.simulation_based_calibration import (
    KINDS,
    LEVELS,
    PilotRanks,
    SimulatedCalibration,
    simulation_based_calibration,
    trials_of_posterior,
    trials_of_worlds,
)


def test_every_pilot_is_ranked_once_a_cell():
    worlds = [world_named("correlated", i, 24, 2) for i in range(2)]
    found = simulation_based_calibration(trials_of_worlds(worlds, 2), k=(2,), draws=40)
    assert found.pit("accuracy").shape == found.pit("run").shape == (2, 3)
    assert found.pit("gain").shape == (2, 1)
    for one in found.pilots:
        for kind in KINDS:
            assert one.ranks[kind].min() >= 0 and one.ranks[kind].max() <= one.draws[kind]
    for one in found.pilots:
        said = one.choice
        assert said["regret"] >= 0 and said["expected_regret"] >= 0
        assert said["is_best"] <= said["best_among"]
        assert said["accuracy"] == pytest.approx(said["corrected"], abs=0.5)
    for kind in KINDS:
        shares = [share for share, _ in found.histogram(kind)]
        assert sum(shares) == pytest.approx(1)
        # wider intervals hold whatever narrower ones do
        assert (np.diff([share for share, _ in found.coverage(kind).values()]) >= 0).all()


def made_up(draw_pit, pilots=400, cells=3, draws=99):
    """A calibration whose PITs are known."""
    rng = np.random.default_rng(0)
    pools = [Cell("mux", ("a", "b"), k) for k in range(1, cells + 1)]

    def one():
        ranks = np.minimum((draw_pit(rng) * (draws + 1)).astype(int), draws) * np.ones(cells, int)
        return PilotRanks(
            pools,
            dict.fromkeys(KINDS, ranks),
            dict.fromkeys(KINDS, draws),
            ranks * 0.0,
            ranks * 0.0,
            {"corrected": 0.6, "uncorrected": 0.61, "accuracy": 0.6},
        )

    return SimulatedCalibration([one() for _ in range(pilots)])


def test_uniform_ranks_cover_as_they_say_and_others_do_not():
    honest = made_up(lambda rng: rng.random(1))
    for level, (share, error) in honest.coverage().items():
        # all cells of a pilot are the same here, so that the error is a binomial one of the pilots
        assert error == pytest.approx(np.sqrt(share * (1 - share) / 400), rel=0.05)
        assert share == pytest.approx(level, abs=4 * error)
    assert honest.calibrated(0)
    narrow = made_up(lambda rng: rng.beta(0.5, 0.5, 1))
    assert narrow.coverage()[0.9][0] < 0.83 and not narrow.calibrated(0)
    assert narrow.histogram()[0][0] > 0.15
    wide = made_up(lambda rng: rng.beta(3, 3, 1))
    assert wide.coverage()[0.5][0] > 0.65 and not wide.calibrated(0)


def test_a_posterior_trial_holds_the_draft_and_asks_about_all_its_questions():
    draft = world_named("correlated", 0, 20, 2).log(3, 0)
    posterior = calibrate(draft, seed=0)
    [same] = trials_of_posterior(draft, posterior, 12, 3, 1, "same")
    [new] = trials_of_posterior(draft, posterior, 12, 3, 1, "new")
    assert len(same.pilot.questions) == len(same.asked.p) == len(new.asked.p) == 32
    old = [row for row in same.pilot.rows.itertuples() if not row.question.startswith("fresh-")]
    assert [row.answer for row in old] == draft.rows["answer"].tolist()
    # the truth of the draft's questions is near what was seen there, and that of others is not
    seen = (draft.counts().correct / 3)[:, 0]
    assert np.corrcoef(same.asked.p[:20, 0, 0], seen)[0, 1] > 0.6
    few = [trial.seed for trial in trials_of_posterior(draft, posterior, 5, 2, 2)]
    more = [trial.seed for trial in trials_of_posterior(draft, posterior, 5, 2, 4)]
    assert more[:2] == few
    with pytest.raises(BadInput, match="ask for fewer"):
        next(trials_of_posterior(draft, posterior, 5, 2, posterior.draws + 1))


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("target", ["same", "new"])
def test_forecasts_of_the_models_own_worlds_cover_as_they_say(target):
    draft = world_named("correlated", 0, 40, 3).log(4, 0)
    trials = trials_of_posterior(draft, calibrate(draft, seed=0), 60, 4, 40, target)
    found = simulation_based_calibration(trials)
    for kind in KINDS:
        for level, (share, _) in found.coverage(kind).items():
            # 40 pilots whose cells go together: 3 standard deviations of a share of 40
            assert share == pytest.approx(level, abs=3 * np.sqrt(level * (1 - level) / 40)), (kind, level)
    assert max(LEVELS) == 0.95
    said = {name: np.array(column) for name, column in found.choices().items()}
    for claim, truth in (("corrected", "accuracy"), ("best_probability", "is_best"), ("expected_regret", "regret")):
        miss = said[claim] - said[truth]
        assert abs(miss.mean()) < 3 * miss.std(ddof=1) / np.sqrt(40), (claim, truth)
    assert said["best_among"].mean() > 0.8
    assert np.mean([found.calibrated(cell, level=0.99) for cell in range(len(found.cells))]) > 0.8
