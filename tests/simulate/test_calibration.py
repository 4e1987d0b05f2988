"""Claims about the calibrated model: what it recovers, what it is sure of, and that it repeats itself."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit

from muxcast.simulate.answers import AnswerLog
from muxcast.simulate.calibration import calibrate
from muxcast.simulate.diagnostics import effective_draws, split_r_hat
from muxcast.simulate.difficulty import OWN_SCALES, Channels, Settings, fit_difficulty
from muxcast.simulate.distractors import WrongAnswers, dirichlet, fit_distractors
from muxcast.simulate.errors import BadInput
from muxcast.simulate.polya_gamma import polya_gamma
from muxcast.simulate.posterior import Posterior
from muxcast.simulate.worlds import draw_log


def hard_and_easy(questions: int, models: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """A world where models share difficulty: probabilities of one right and three wrong answers, and blanks."""
    rng = np.random.default_rng(seed)
    common = rng.normal(0.3, 1.5, (questions, 1))
    right = expit(common + rng.normal(0, 0.7, (questions, models)))
    shares = rng.dirichlet([0.4, 0.4, 0.4], questions)[:, None] * np.ones((1, models, 1))
    blank = np.full((questions, models), 0.05)
    answered = np.concatenate([right[..., None], (1 - right)[..., None] * shares], -1)
    return answered * 0.95, blank


@pytest.fixture(scope="module")
def pilot() -> AnswerLog:
    p, blank = hard_and_easy(80, 3, seed=1)
    return draw_log(p, blank, 4, seed=2, models=["ant", "bee", "cat"])


@pytest.fixture(scope="module")
def posterior(pilot: AnswerLog) -> Posterior:
    return calibrate(pilot, seed=5)


@pytest.mark.parametrize(("trials", "tilt"), [(1, 0.0), (1, 3.0), (4, 1.0), (8, 12.0)])
def test_polya_gamma_has_the_laplace_transform_of_its_law(trials: int, tilt: float) -> None:
    x = polya_gamma(np.random.default_rng(0), np.full(100_000, float(trials)), np.full(100_000, tilt))
    for t in (0.5, 3.0):
        exact = (np.cosh(tilt / 2) / np.cosh(np.sqrt((tilt**2 / 2 + t) / 2))) ** trials
        sample = np.exp(-t * x)
        assert abs(sample.mean() - exact) < 5 * sample.std() / np.sqrt(len(x)) + 2e-4


def test_no_trials_give_no_pull() -> None:
    assert polya_gamma(np.random.default_rng(0), np.zeros(3), np.ones(3)).tolist() == [0, 0, 0]


def test_worlds_are_probabilities(posterior: Posterior) -> None:
    for target, questions in (("same", None), ("new", 17)):
        world = posterior.worlds(target, questions, draws=5)
        assert world.p.shape[:3] == (5, questions or 80, 3)
        assert (world.p >= 0).all() and (world.blank >= 0).all()
        np.testing.assert_allclose(world.p.sum(-1) + world.blank, 1, atol=1e-12)


def test_same_seed_gives_the_same_posterior_bit_for_bit(pilot: AnswerLog) -> None:
    small = pilot.select(questions=pilot.questions[:12])
    one, two, other = (calibrate(small, seed=seed).worlds(draws=3).p for seed in (7, 7, 8))
    assert np.array_equal(one, two)
    assert not np.array_equal(one, other)


def test_blocks_do_not_depend_on_their_size(posterior: Posterior) -> None:
    whole = posterior.worlds(draws=6)
    parts = np.concatenate([block.p for block in posterior.blocks(draws=6, cells=1)])
    assert np.array_equal(whole.p, parts)


def test_posterior_is_closer_to_the_truth_than_the_pilots_shares(posterior: Posterior, pilot: AnswerLog) -> None:
    truth = hard_and_easy(80, 3, seed=1)[0][..., 0]
    counts = pilot.counts(questions=posterior.pilot.questions)
    shares = counts.correct / counts.samples
    learned = posterior.worlds(draws=200).p[..., 0].mean(0)
    assert np.square(learned - truth).mean() < 0.7 * np.square(shares - truth).mean()


def test_correlation_between_models_is_learned(posterior: Posterior) -> None:
    def correlation(right: np.ndarray) -> float:
        return float(np.corrcoef(right.T)[np.triu_indices(3, 1)].mean())

    truth = correlation(hard_and_easy(5000, 3, seed=1)[0][..., 0])
    few = [correlation(world) for world in posterior.worlds("new", 400, draws=60).p[..., 0]]
    assert np.quantile(few, 0.05) < truth < np.quantile(few, 0.95)
    p, blank = hard_and_easy(400, 3, seed=1)
    larger = calibrate(draw_log(p, blank, 4, seed=2), seed=5)
    many = [correlation(world) for world in larger.worlds("new", 400, draws=60).p[..., 0]]
    assert abs(np.mean(many) - truth) < 0.1
    assert np.std(many) < np.std(few)


def test_population_held_fixed_does_not_move(posterior: Posterior) -> None:
    data = Channels(np.full((5, 3), 4.0), np.full((5, 3), 2.0), np.ones(3, int), np.zeros(5, int))
    settings = Settings(chains=2, warmup=5, sweeps=10, keep=5)
    free = fit_difficulty(data, np.random.default_rng(0), settings)
    held = fit_difficulty(data, np.random.default_rng(1), settings, known=free)
    assert np.array_equal(held.lines[0], held.lines[4])
    assert np.array_equal(held.lines[0], free.lines[0])


def test_it_learns_how_many_pairs_are_all_but_certain() -> None:
    rng = np.random.default_rng(0)
    tame = rng.normal(0, 1, (150, 1)) + rng.normal(0, 0.5, (150, 4))
    wild = np.where(rng.random(tame.shape) < 0.3, rng.choice([-12.0, 12.0], tame.shape), tame)
    settings = Settings(chains=2, warmup=150, sweeps=150, keep=50)
    beyond = []
    for logits in (tame, wild):
        hits = rng.binomial(16, expit(logits)).astype(float)
        data = Channels(np.full(hits.shape, 16.0), hits, np.ones(4, int), np.zeros(150, int))
        own = fit_difficulty(data, np.random.default_rng(1), settings).own[:, 0, 1]
        beyond.append(own[:, OWN_SCALES >= 25].sum(-1).mean())
    assert beyond[0] < 0.1 < 0.2 < beyond[1]


def test_one_model_one_sample_works() -> None:
    p, blank = hard_and_easy(30, 1, seed=3)
    world = calibrate(draw_log(p, blank, 1, seed=4)).worlds(draws=20)
    assert np.isfinite(world.p).all()
    # one sample leaves any one question wide open
    assert world.p[..., 0].std(0).mean() > 0.05


def test_questions_a_model_never_saw_are_left_out_of_the_target_but_used() -> None:
    p, blank = hard_and_easy(20, 2, seed=6)
    samples = np.full((20, 2), 3)
    samples[:4, 1] = 0
    ragged = draw_log(p, blank, samples, seed=1)
    posterior = calibrate(ragged)
    assert len(posterior.difficulty.logits[0]) == 20
    assert posterior.worlds(draws=2).p.shape[1] == 16


def test_two_option_questions_put_all_wrong_mass_on_one_answer() -> None:
    rng = np.random.default_rng(0)
    right = rng.beta(1, 1, (40, 2, 1))
    log = draw_log(np.concatenate([right, 1 - right], -1), np.zeros((40, 2)), 4, seed=1)
    world = calibrate(log).worlds(draws=5)
    np.testing.assert_allclose(world.p[..., 1] + world.p[..., 0] + world.blank, 1, atol=1e-9)


def test_focus_and_crowd_are_recovered() -> None:
    rng = np.random.default_rng(3)
    focus = np.array([0.5, 3.0])
    popularity = rng.dirichlet(np.full(3, 2 / 3), 400)
    counts = np.stack([[rng.multinomial(8, rng.dirichlet(alpha * pi + 1e-9)) for alpha in focus] for pi in popularity])
    data = WrongAnswers(counts, np.ones((1, 3), bool), np.zeros(400, int))
    draws = fit_distractors(data, np.ones((400, 2, 1)), rng, draws=100)
    assert np.all(np.abs(np.log(draws.focus.mean(0)[0, :, 0] / focus)) < np.log(1.7))
    assert 1.2 < draws.crowd.mean() < 3.2


def test_dirichlet_of_tiny_strengths_is_a_random_corner() -> None:
    strength = np.broadcast_to(np.array([2e-4, 1e-4, 1e-4]), (4000, 3))
    draws = dirichlet(np.random.default_rng(0), strength, np.ones(3, bool))
    np.testing.assert_allclose(draws.sum(-1), 1)
    np.testing.assert_allclose(draws.mean(0), [0.5, 0.25, 0.25], atol=0.03)


def test_r_hat_and_effective_draws_of_independent_and_of_stuck_chains() -> None:
    rng = np.random.default_rng(0)
    free = rng.standard_normal((4, 500, 1))
    assert abs(split_r_hat(free)[0] - 1) < 0.02
    assert 1300 < effective_draws(free)[0] < 2700
    stuck = free + np.arange(4)[:, None, None] * 3
    assert split_r_hat(stuck)[0] > 2
    slow = np.cumsum(free, axis=1)
    assert effective_draws(slow - slow.mean())[0] < 100


def test_unknown_variant_is_refused(pilot: AnswerLog) -> None:
    with pytest.raises(BadInput, match="not a calibration model"):
        calibrate(pilot, model="magic")


def two_kinds(questions: int, samples: int) -> AnswerLog:
    """One task of two kinds: models that know all of the first and little of the second."""
    rng = np.random.default_rng(3)
    easy = np.arange(questions) % 2 == 0
    right = expit(np.where(easy[:, None], 3.0, -1.5) + rng.normal(0, 0.4, (questions, 2)))
    shares = rng.dirichlet([1.0, 1.0, 1.0], questions)[:, None] * np.ones((1, 2, 1))
    p = np.concatenate([right[..., None], (1 - right)[..., None] * shares], -1)
    log = draw_log(p, np.zeros((questions, 2)), samples, seed=4, models=["ant", "bee"])
    number = log.rows.groupby(["task", "question"], sort=True).ngroup()
    return AnswerLog.from_rows(log.rows.assign(kind=np.where(number % 2 == 0, "first", "second")))


def test_subgroups_are_learned_apart_and_new_questions_come_from_each() -> None:
    log = two_kinds(60, 2)
    posterior = calibrate(log, seed=1, subgroups="kind")
    (task,) = log.tasks
    assert posterior.tasks == [f"{task}: first", f"{task}: second"] and posterior.pilot.tasks == [task]
    new = posterior.worlds("new", 200, draws=40)
    right = [new.p[..., 0][new.task == group].mean() for group in (0, 1)]
    assert right[0] - right[1] > 0.6
    assert 0.3 < (new.task == 0).mean() < 0.7
    assert calibrate(log, seed=1).tasks == [task]


@pytest.mark.parametrize(
    ("column", "says"),
    [
        ("knd", "did you mean 'kind'"),
        ("model", "unknown column"),
        ("sort", "has two values"),
        ("id", "subgroups of 60"),
    ],
)
def test_a_column_that_makes_no_subgroups_is_named(column: str, says: str) -> None:
    log = two_kinds(60, 2)
    rows = log.rows.assign(sort=np.arange(len(log.rows)) % 3, id=log.rows["question"])
    with pytest.raises(BadInput, match=says):
        calibrate(AnswerLog.from_rows(rows), subgroups=column)
