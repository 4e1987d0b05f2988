"""How good forecasts were: coverage, calibration (PIT), CRPS, interval score, skill and regret.

All functions take posterior draws ``draws[draw, cell]`` and what was seen ``observed[cell]``. Where
what was seen is itself noisy (a finite log), pass the draws through `predictive` first, so that both
sides speak of the same quantity.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

Draws = Float[np.ndarray, "draw cell"]
Cells = Float[np.ndarray, " cell"]


def predictive(draws: Draws, se: Cells | float | None, seed: int) -> Draws:
    """Draws of what will be *observed*: the draws of the truth plus normal noise of standard error ``se``.

    ``se`` is the standard error of each observed value given the truth, on the same scale; None or 0
    leaves the draws as they are.
    """
    draws = np.asarray(draws, float)
    if se is None:
        return draws
    return draws + np.asarray(se) * np.random.default_rng(seed).standard_normal(draws.shape)


def interval(draws: Draws, level: float = 0.9) -> tuple[Cells, Cells]:
    """Central interval of the draws at ``level``, per cell."""
    lower, upper = np.quantile(draws, [(1 - level) / 2, (1 + level) / 2], axis=0)
    return lower, upper


def inside(draws: Draws, observed: Cells, level: float = 0.9) -> Bool[np.ndarray, " cell"]:
    """Whether each observed value lies in the central interval, ends included."""
    lower, upper = interval(draws, level)
    return (lower <= observed) & (observed <= upper)


def coverage(draws: Draws, observed: Cells, levels: tuple[float, ...] = (0.5, 0.8, 0.9, 0.95)) -> dict[float, float]:
    """Share of cells whose central interval holds the observed value, per nominal level."""
    return {level: float(inside(draws, observed, level).mean()) for level in levels}


def rank(draws: Draws, observed: Cells, seed: int) -> Int[np.ndarray, " cell"]:
    """Rank of the observed value among the draws, 0..D, ties broken at random.

    Uniform on 0..D when the observed value is a further draw of the same law (Talts et al. 2018, 1804.06788).
    """
    below = (draws < observed).sum(0)
    equal = (draws == observed).sum(0)
    return below + np.random.default_rng(seed).integers(0, equal + 1)


def pit(draws: Draws, observed: Cells, seed: int) -> Cells:
    """Randomised probability integral transform: uniform on (0, 1) for a calibrated forecast.

    ``(rank + U) / (D + 1)`` with U uniform, so that neither ties nor the finite number of draws show.
    """
    rng = np.random.default_rng((seed, 1))
    return (rank(draws, observed, seed) + rng.random(np.shape(observed))) / (len(draws) + 1)


class Bands(NamedTuple):
    """Simultaneous limits for the distribution of n uniform values."""

    at: Float[np.ndarray, " point"]
    """Points in (0, 1) where the empirical distribution is looked at."""
    lower: Float[np.ndarray, " point"]
    """Lower limit of the share of values at or below each point."""
    upper: Float[np.ndarray, " point"]
    """Upper limit."""

    def hold(self, values: Float[np.ndarray, " value"]) -> bool:
        """Whether the empirical distribution of ``values`` stays within the limits at all points."""
        share = (np.asarray(values)[:, None] <= self.at).mean(0)
        return bool(((self.lower - 1e-12 <= share) & (share <= self.upper + 1e-12)).all())


def uniform_bands(count: int, level: float = 0.95, points: int = 50, simulations: int = 4000, seed: int = 0) -> Bands:
    """Bands that hold the empirical distribution of ``count`` uniform values with probability ``level``.

    Pointwise binomial limits whose common level is tuned by simulation (Säilynoja, Bürkner & Vehtari 2022,
    2103.10522). Cells of one forecast share questions and are not independent: bands fit one value per
    simulated world, or are a guide only.
    """
    from scipy.stats import binom

    at = np.arange(1, points) / points
    uniform = np.random.default_rng(seed).random((simulations, count))
    edges = np.concatenate([[0.0], at])
    cell = np.searchsorted(edges, uniform, side="left") - 1
    hits = np.zeros((simulations, points))
    np.add.at(hits, (np.repeat(np.arange(simulations), count), cell.ravel()), 1)
    hits = hits.cumsum(1)[:, :-1]
    low, high = binom.cdf(hits, count, at), binom.sf(hits - 1, count, at)
    # the most extreme pointwise tail of each simulated run; its quantile is the level every point needs
    tail = np.quantile(2 * np.minimum(low, high).min(1), 1 - level)
    return Bands(at, binom.ppf(tail / 2, count, at) / count, binom.isf(tail / 2, count, at) / count)


def crps(draws: Draws, observed: Cells) -> Cells:
    """Continuous ranked probability score, E|X − y| − ½ E|X − X'|, per cell; lower is better.

    The fair estimator (unbiased in the number of draws; Ferro 2014, doi:10.1002/qj.2270), on the scale
    of the observed values. With one draw it is the absolute error.
    """
    draws = np.sort(np.asarray(draws, float), axis=0)
    size = len(draws)
    error = np.abs(draws - observed).mean(0)
    if size == 1:
        return error
    weight = 2 * np.arange(1, size + 1) - size - 1
    return error - (weight[:, None] * draws).sum(0) / (size * (size - 1))


def crps_normal(mean: Cells, sd: Cells, observed: Cells) -> Cells:
    """CRPS of a normal forecast in closed form (Gneiting & Raftery 2007, doi:10.1198/016214506000001437).

    ``sd`` of 0 is a point forecast: the absolute error.
    """
    from scipy.stats import norm

    mean, sd, observed = (np.asarray(x, float) for x in (mean, sd, observed))
    z = np.divide(observed - mean, sd, out=np.zeros(np.broadcast(mean, sd, observed).shape), where=sd > 0)
    closed = sd * (z * (2 * norm.cdf(z) - 1) + 2 * norm.pdf(z) - 1 / np.sqrt(np.pi))
    return np.where(sd > 0, closed, np.abs(observed - mean))


def interval_score(lower: Cells, upper: Cells, observed: Cells, level: float = 0.9) -> Cells:
    """Width plus 2/(1 − level) times the miss, per cell; lower is better (Winkler 1972)."""
    miss = np.maximum(lower - observed, 0) + np.maximum(observed - upper, 0)
    return upper - lower + 2 / (1 - level) * miss


def skill(score: float, reference: float) -> float:
    """1 − score/reference: 1 is perfect, 0 no better than the reference; nan for a reference of 0."""
    return 1 - score / reference if reference else float("nan")


def regret(predicted: Cells, observed: Cells) -> float:
    """Observed value of the best cell minus that of the cell predicted to be best."""
    return float(np.max(observed) - np.asarray(observed)[int(np.argmax(predicted))])
