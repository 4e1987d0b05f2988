r"""How hard each question is for each model: a joint model of logits over questions and models, and its Gibbs sampler.

Every model has up to two yes/no *channels* on a question: did it answer at all (where blanks occur), and was the
answer right. Channel j of question q (task t) has a logit

.. math:: \eta_{qj} = M_{tj} + \Lambda_{tj} \cdot f_q + \epsilon_{qj},
          \qquad \epsilon_{qj} \sim N(0, u_{qj}\sigma_{tj}^2),

with factors f_q shared by all models (so correctness is correlated across models), drawn from a Gaussian mixture
whose weights belong to the task (so difficulty may be U-shaped or have lumps), and a scale mixture u on the part
that is a model's own. Means, loadings and scales are partially pooled over models and over tasks.

Given Pólya-Gamma variables the whole model is Gaussian, so every step below is an exact conditional draw.
Sources: Polson, Scott & Windle (2013), arXiv 1205.0310, for the augmentation; the model is ours.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from .polya_gamma import polya_gamma

OWN_SCALES = np.array([0.1, 1.0, 4.0, 25.0, 200.0])
"""Variance multipliers u of the scale mixture: near the common line, ordinary, outlying, far out, all but certain."""


class Channels(NamedTuple):
    """Yes/no counts, the data of the difficulty model."""

    trials: Float[np.ndarray, "question channel"]
    """Samples that had a say in this channel."""
    hits: Float[np.ndarray, "question channel"]
    """How many said yes."""
    kind: Int[np.ndarray, " channel"]
    """Family the channel's parameters are pooled with: 0 blanks, 1 correct answers."""
    task: Int[np.ndarray, " question"]
    """Task of each question, 0-based."""


class Settings(NamedTuple):
    """Size of the model and length of the run."""

    factors: int = 2
    """Dimension of f."""
    lumps: int = 4
    """Components of the mixture that f is drawn from; where there are several, the last one is wide and fixed, a
    place for questions unlike any in the pilot."""
    chains: int = 4
    """Independent chains, run side by side."""
    warmup: int = 300
    """Sweeps thrown away."""
    sweeps: int = 600
    """Sweeps after that, per chain."""
    keep: int = 100
    """Draws kept per chain, evenly spaced."""


USUAL = Settings()
"""The size and length that forecasts use unless told otherwise."""


class DifficultyDraws(NamedTuple):
    """Posterior draws; the first axis runs over chains, then draws within a chain."""

    logits: Float[np.ndarray, "draw question channel"]
    """Logit of every channel on every pilot question."""
    lines: Float[np.ndarray, "draw task channel line"]
    """Intercept, then loadings, of each task's channels."""
    spread: Float[np.ndarray, "draw task channel"]
    """Sigma: standard deviation of a channel's own part."""
    own: Float[np.ndarray, "draw task kind scale"]
    """Weights of OWN_SCALES per task and family."""
    weights: Float[np.ndarray, "draw task lump"]
    """Mixture weights of the factors."""
    centres: Float[np.ndarray, "draw lump factor"]
    """Means of the mixture."""
    widths: Float[np.ndarray, "draw lump factor"]
    """Variances of the mixture."""

    def take(self, draws: Int[np.ndarray, " draw"]) -> DifficultyDraws:
        """Some of the draws."""
        return DifficultyDraws(*(part[draws] for part in self))

    def new_logits(
        self, rng: np.random.Generator, task: Int[np.ndarray, "draw question"], kind: Int[np.ndarray, " channel"]
    ) -> Float[np.ndarray, "draw question channel"]:
        """Logits of fresh questions of the given tasks, one population per draw."""
        draws = np.arange(len(self.logits))[:, None]
        weights = self.weights[draws, task]
        lump = _choose(rng, weights)
        f = self.centres[draws, lump] + np.sqrt(self.widths[draws, lump]) * rng.standard_normal(
            (*task.shape, self.centres.shape[-1])
        )
        lines = self.lines[draws, task]
        centre = lines[..., 0] + np.einsum("sqjr,sqr->sqj", lines[..., 1:], f)
        scale = OWN_SCALES[_choose(rng, self.own[draws, task][:, :, kind])]
        return centre + self.spread[draws, task] * np.sqrt(scale) * rng.standard_normal(centre.shape)


def _choose(rng: np.random.Generator, weights: Float[np.ndarray, "*batch option"]) -> Int[np.ndarray, "*batch"]:
    """One option per batch entry, with probability proportional to its weight."""
    edges = np.cumsum(weights, -1)
    pick = (rng.random((*edges.shape[:-1], 1)) * edges[..., -1:] > edges).sum(-1)
    return np.minimum(pick, edges.shape[-1] - 1)


def fit_difficulty(
    data: Channels,
    rng: np.random.Generator,
    settings: Settings = USUAL,
    progress: Callable[[float], None] | None = None,
    known: DifficultyDraws | None = None,
) -> DifficultyDraws:
    """Posterior draws of the difficulty model given yes/no counts, by Gibbs sampling.

    Args:
        data: the counts.
        rng: source of randomness.
        settings: size of the model and length of the run.
        progress: called with the share of the work done.
        known: a population to hold fixed (evenly spaced draws, one per chain), so that only the questions are
            inferred: what an ideal forecaster who knew the population would do.
    """
    chain = _Sampler(data, rng, settings)
    if known is not None:
        chain.hold(known)
    kept: list[tuple] = []
    every = max(settings.sweeps // settings.keep, 1)
    total = settings.warmup + every * settings.keep
    for sweep in range(total):
        chain.sweep()
        after = sweep - settings.warmup
        if after >= 0 and after % every == every - 1:
            kept.append(chain.state())
        if progress is not None and sweep % 20 == 0:
            progress(sweep / total)
    # chain-major, so that draws of one chain stay together
    return DifficultyDraws(*(np.concatenate(np.moveaxis(np.stack(part), 0, 1)) for part in zip(*kept, strict=True)))


# prior means and standard deviations per family (blanks, correct)
_MEAN_CENTRE, _MEAN_SPREAD = np.array([-4.0, 0.5]), np.array([2.5, 2.0])
_LOAD_CENTRE, _LOAD_SPREAD = np.array([0.0, 1.5]), np.array([1.0, 1.0])
_LOG_SIGMA_SPREAD = 0.4
_OPEN_WIDTH = 4.0
_OWN_PRIOR = np.array([[4.0, 6.0, 1.0, 0.2, 0.1], [2.0, 6.0, 1.0, 0.5, 0.5]])
"""Pairs that every scale is taken to have been seen on: a model that always blanks on one question is rare."""


class _Sampler:
    """The state of all chains and one exact conditional draw per method. Axes: chain, question, task, channel."""

    def __init__(self, data: Channels, rng: np.random.Generator, settings: Settings):
        self.rng, self.set = rng, settings
        self.n, self.kappa = data.trials, data.hits - data.trials / 2
        self.task, self.kind = data.task, data.kind
        C, (Q, J), self.T = settings.chains, data.trials.shape, int(data.task.max()) + 1
        self.r, self.L = settings.factors, settings.lumps
        self.member = np.eye(self.T)[data.task]  # question, task
        self.families = np.eye(2)[data.kind]  # channel, kind
        centre = np.log((data.hits + 0.5).sum(0) / (data.trials - data.hits + 0.5).sum(0))
        self.lines = np.zeros((C, self.T, J, self.r + 1))
        self.lines[..., 0] = centre + rng.normal(0, 0.3, (C, self.T, J))
        self.lines[..., 1:] = rng.normal(0, 0.5, (C, 1, J, self.r))
        self.lines[..., 1] = np.where(data.kind == 1, 1.5, 0.2) + rng.normal(0, 0.3, (C, 1, J))
        self.base = self.lines.mean(1)
        self.family = np.stack(
            [
                self.base[:, data.kind == k].mean(1) if (data.kind == k).any() else np.zeros((C, self.r + 1))
                for k in (0, 1)
            ],
            1,
        )  # chain kind line
        self.family_var = np.ones((C, 2, self.r + 1))
        self.task_var = np.full((C, 2, self.r + 1), 0.3)
        self.log_sigma = np.log(rng.uniform(0.7, 1.5, (C, self.T, J)))
        self.log_sigma_base = np.zeros((C, 2))
        self.step = np.full((C, self.T, J), 0.5)
        self.u = np.ones((C, Q, J))
        self.own = np.full((C, self.T, 2, len(OWN_SCALES)), 1 / len(OWN_SCALES))
        self.weights = np.full((C, self.T, self.L), 1 / self.L)
        self.centres = rng.normal(0, 1, (C, self.L, self.r))
        self.widths = np.ones((C, self.L, self.r))
        self.lump = rng.integers(0, self.L, (C, Q))
        raw = (data.hits + 0.5) / (data.trials + 1)
        self.eta = np.broadcast_to(np.log(raw / (1 - raw)), (C, Q, J)) + rng.normal(0, 0.3, (C, Q, J))
        self.f = rng.normal(0, 0.5, (C, Q, self.r))
        self.count = 0
        self.held = False

    def state(self) -> tuple:
        return (
            self.eta.astype(np.float32),
            self.lines.copy(),
            np.exp(self.log_sigma),
            self.own.copy(),
            self.weights.copy(),
            self.centres.copy(),
            self.widths.copy(),
        )

    def hold(self, known: DifficultyDraws) -> None:
        """Fix the population to draws of ``known``, one per chain."""
        part = known.take(np.linspace(0, len(known.lines) - 1, self.eta.shape[0]).astype(int))
        self.lines, self.log_sigma, self.own = part.lines, np.log(part.spread), part.own
        self.weights, self.centres, self.widths = part.weights, part.centres, part.widths
        self.held = True

    def sweep(self) -> None:
        self.omega = polya_gamma(self.rng, self.n, self.eta)
        self.draw_factors()
        if self.held:
            self.set_mean()
            self.draw_own_scales()
            self.draw_logits()
            self.draw_lumps()
            return
        self.draw_lines()
        self.set_mean()
        self.draw_spread()
        self.draw_own_scales()
        self.draw_logits()
        self.draw_pooling()
        self.draw_lumps()
        self.count += 1

    def _by_question(self, by_task: Float[np.ndarray, "chain task ..."]) -> Float[np.ndarray, "chain question ..."]:
        """The value of each question's task."""
        if self.T == 1:
            return np.broadcast_to(by_task, (by_task.shape[0], len(self.task), *by_task.shape[2:]))
        return by_task[:, self.task]

    def _precision(self, sigma: Float[np.ndarray, "chain task channel"]):
        """Noise precision of the augmented observation with eta integrated out, and precision x observation."""
        var = self._by_question(np.square(sigma)) * self.u
        shrink = 1 / (1 + var * self.omega)
        return self.omega * shrink, self.kappa * shrink

    def draw_factors(self) -> None:
        w, wz = self._precision(np.exp(self.log_sigma))
        lines = self._by_question(self.lines)
        load = lines[..., 1:]
        rows = np.arange(len(self.lump))[:, None]
        prior = 1 / self.widths[rows, self.lump]
        precision = np.einsum("cqjr,cqj,cqjs->cqrs", load, w, load, optimize=True)
        precision[..., range(self.r), range(self.r)] += prior
        shift = np.einsum("cqjr,cqj->cqr", load, wz - w * lines[..., 0]) + prior * self.centres[rows, self.lump]
        self.f = _gaussian(self.rng, precision, shift)

    def draw_lines(self) -> None:
        w, wz = self._precision(np.exp(self.log_sigma))
        x = np.concatenate([np.ones((*self.f.shape[:2], 1)), self.f], -1)
        pairs = x[..., :, None] * x[..., None, :]
        C, Q = x.shape[:2]
        k = self.r + 1
        precision = np.stack(
            [
                np.einsum("cqj,cqa->cja", w[:, m], pairs.reshape(C, Q, k * k)[:, m], optimize=True)
                for m in (self.task == t for t in range(self.T))
            ],
            1,
        ).reshape(C, self.T, -1, k, k)
        shift = np.stack(
            [
                np.einsum("cqj,cqa->cja", wz[:, m], x[:, m], optimize=True)
                for m in (self.task == t for t in range(self.T))
            ],
            1,
        )
        if self.T == 1:
            prior = 1 / self.family_var[:, self.kind][:, None]
            mean = self.family[:, self.kind][:, None]
        else:
            prior = 1 / self.task_var[:, self.kind][:, None]
            mean = self.base[:, None]
        precision[..., range(k), range(k)] += prior
        self.lines = _gaussian(self.rng, precision, shift + prior * mean)
        if self.T == 1:
            self.base = self.lines[:, 0]

    def set_mean(self) -> None:
        """The common line at every question; nothing random."""
        lines = self._by_question(self.lines)
        self.mean = lines[..., 0] + np.einsum("cqjr,cqr->cqj", lines[..., 1:], self.f)

    def _fit(
        self, var: Float[np.ndarray, "chain question channel option"]
    ) -> Float[np.ndarray, "chain question channel option"]:
        """Log density of the augmented observations, eta integrated out, at variances of its own part."""
        omega, kappa, mean = self.omega[..., None], self.kappa[..., None], self.mean[..., None]
        noise = 1 + var * omega
        # -1/2 log(noise) - 1/2 w (z - mean)^2, constants dropped; written so that omega = 0 is allowed
        return 0.5 * ((kappa**2 * var - omega * mean**2 + 2 * kappa * mean) / noise - np.log(noise))

    def draw_spread(self) -> None:
        """Metropolis on log sigma with eta integrated out; the step adapts during warm-up only."""
        centre = self.log_sigma_base[:, self.kind][:, None]

        def log_density(log_sigma):
            fit = self._fit((self._by_question(np.exp(2 * log_sigma)) * self.u)[..., None])[..., 0]
            return np.einsum("cqj,qt->ctj", fit, self.member, optimize=True) - 0.5 * np.square(
                (log_sigma - centre) / _LOG_SIGMA_SPREAD
            )

        now = log_density(self.log_sigma)
        for _ in range(2):
            there = self.log_sigma + self.step * self.rng.standard_normal(self.log_sigma.shape)
            density = log_density(there)
            accept = np.log(self.rng.random(now.shape)) < density - now
            self.log_sigma = np.where(accept, there, self.log_sigma)
            now = np.where(accept, density, now)
            if self.count < self.set.warmup:
                self.step *= np.exp((accept - 0.44) / (self.count + 1) ** 0.6)
        count = np.bincount(self.kind, minlength=2) * self.T
        precision = count / _LOG_SIGMA_SPREAD**2 + 1 / 0.7**2
        total = np.einsum("ctj,jk->ck", self.log_sigma, self.families) / _LOG_SIGMA_SPREAD**2
        self.log_sigma_base = total / precision + self.rng.standard_normal(total.shape) / np.sqrt(precision)

    def draw_logits(self) -> None:
        prior = self._by_question(np.exp(-2 * self.log_sigma)) / self.u
        precision = prior + self.omega
        self.eta = (prior * self.mean + self.kappa) / precision + self.rng.standard_normal(precision.shape) / np.sqrt(
            precision
        )

    def draw_own_scales(self) -> None:
        """Which scale every own part has, with eta integrated out, and how common the scales are."""
        var = self._by_question(np.exp(2 * self.log_sigma))[..., None] * OWN_SCALES
        log_weight = self._by_question(np.log(self.own))[:, :, self.kind] + self._fit(var)
        log_weight -= log_weight.max(-1, keepdims=True)
        which = _choose(self.rng, np.exp(log_weight))
        self.u = OWN_SCALES[which]
        if self.held:
            return
        inside = (which[..., None] == np.arange(len(OWN_SCALES))).astype(float)  # einsum adds truth values by "or"
        tally = np.einsum("cqjs,qt,jk->ctks", inside, self.member, self.families, optimize=True)
        draws = self.rng.standard_gamma(tally + _OWN_PRIOR) + 1e-9
        self.own = draws / draws.sum(-1, keepdims=True)

    def draw_pooling(self) -> None:
        """Means and variances that pool lines over tasks and over models of a family."""
        size = np.bincount(self.kind, minlength=2)
        if self.T > 1:
            gap = self.lines - self.base[:, None]
            total = np.einsum("ctja,jk->cka", gap**2, self.families)
            self.task_var = _inverse_gamma(self.rng, 2 + size[:, None] * self.T / 2, 0.3 + total / 2)
            inner, outer = self.T / self.task_var[:, self.kind], 1 / self.family_var[:, self.kind]
            mean = self.lines.sum(1) / self.task_var[:, self.kind] + outer * self.family[:, self.kind]
            precision = inner + outer
            self.base = mean / precision + self.rng.standard_normal(mean.shape) / np.sqrt(precision)
        gap = np.einsum("cja,jk->cka", np.square(self.base - self.family[:, self.kind]), self.families)
        self.family_var = _inverse_gamma(self.rng, 2 + size[:, None] / 2, 0.5 + gap / 2)
        centre = np.zeros((2, self.r + 1))
        centre[:, 0], centre[:, 1] = _MEAN_CENTRE, _LOAD_CENTRE
        prior = np.full((2, self.r + 1), 1 / 0.5**2)
        prior[:, 0], prior[:, 1] = _MEAN_SPREAD**-2.0, _LOAD_SPREAD**-2.0
        precision = size[:, None] / self.family_var + prior
        total = np.einsum("cja,jk->cka", self.base, self.families) / self.family_var + prior * centre
        self.family = total / precision + self.rng.standard_normal(total.shape) / np.sqrt(precision)

    def draw_lumps(self) -> None:
        gap = np.square(self.f[:, :, None] - self.centres[:, None]) / self.widths[:, None]
        log_weight = self._by_question(np.log(self.weights)) - 0.5 * (gap + np.log(self.widths)[:, None]).sum(-1)
        log_weight -= log_weight.max(-1, keepdims=True)
        self.lump = _choose(self.rng, np.exp(log_weight))
        if self.held:
            return
        inside = (self.lump[..., None] == np.arange(self.L)).astype(float)
        tally = np.einsum("cql,qt->ctl", inside, self.member)
        draws = self.rng.standard_gamma(tally + 1.0) + 1e-9
        self.weights = draws / draws.sum(-1, keepdims=True)
        size = tally.sum(1)[..., None]
        total = np.einsum("cql,cqr->clr", inside, self.f)
        precision = size / self.widths + 1.0
        self.centres = total / self.widths / precision + self.rng.standard_normal(total.shape) / np.sqrt(precision)
        square = np.einsum("cql,cqlr->clr", inside, np.square(self.f[:, :, None] - self.centres[:, None]))
        self.widths = _inverse_gamma(self.rng, 3 + size / 2, 1.5 + square / 2)
        if self.L > 1:
            self.centres[:, -1], self.widths[:, -1] = 0.0, _OPEN_WIDTH


def _inverse_gamma(rng: np.random.Generator, shape, scale):
    return scale / np.maximum(rng.standard_gamma(np.broadcast_to(shape, np.shape(scale))), 1e-12)


def _gaussian(
    rng: np.random.Generator, precision: Float[np.ndarray, "*batch k k"], shift: Float[np.ndarray, "*batch k"]
) -> Float[np.ndarray, "*batch k"]:
    """Draw from the Gaussian with this precision matrix and precision x mean."""
    root = np.linalg.cholesky(precision)
    half = np.linalg.solve(root, shift[..., None])
    noise = rng.standard_normal(half.shape)
    return np.linalg.solve(np.swapaxes(root, -1, -2), half + noise)[..., 0]
