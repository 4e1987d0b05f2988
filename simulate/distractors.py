r"""Which wrong answers models give: shared distractors, and how each model concentrates on them.

On question q the wrong answers have common popularities :math:`\pi_q \sim \mathrm{Dir}(\gamma_t / K, \dots)` over
K possible wrong answers, and model i, when wrong, picks among them with its own shares
:math:`w_{qi} \sim \mathrm{Dir}(\alpha_{tib}\,\pi_q)`. A small alpha means a model that repeats one wrong answer, a
small gamma a question with one tempting distractor that all models share. Alpha depends on the band b of the model's
own chance to be right: models that are nearly always wrong on a question are wrong more firmly than models in doubt,
and a confident wrong answer is what misleads selection by confidence. The band of a (question, model) is itself
unknown and is drawn along with the rest, from its odds under the difficulty model and the wrong answers seen.

Fitted by the table-counting Gibbs sampler of the hierarchical Dirichlet process (Teh et al. 2006,
doi:10.1198/016214506000000302), K finite.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.special import gammaln

BANDS = (0.07, 0.6)
"""Edges between the bands of a model's chance to be right, given that it answers."""
_POOLING = 2.0  # shape of the prior of alpha: how alike the models of a task are
_TINY = 1e-30


class WrongAnswers(NamedTuple):
    """Counts of wrong answers, the data of the distractor model."""

    counts: Int[np.ndarray, "question model wrong"]
    """Samples of each wrong answer; the last axis has a place for every answer that could be given."""
    possible: Bool[np.ndarray, "task wrong"]
    """Which places exist on questions of a task (its number of options)."""
    task: Int[np.ndarray, " question"]
    """Task of each question."""


class DistractorDraws(NamedTuple):
    """Posterior draws, chains one after the other."""

    popularity: Float[np.ndarray, "draw question wrong"]
    """pi: common popularity of the wrong answers of each pilot question."""
    focus: Float[np.ndarray, "draw task model band"]
    """alpha: large when a model scatters as the crowd does, small when it repeats one answer."""
    crowd: Float[np.ndarray, "draw task"]
    """gamma: small when each question has one dominant distractor."""

    def shares(
        self,
        rng: np.random.Generator,
        data: WrongAnswers,
        draws: Int[np.ndarray, " draw"],
        right: Float[np.ndarray, "draw question model"],
    ) -> Float[np.ndarray, "draw question model wrong"]:
        """How each model spreads its wrong answers on the pilot's questions, given what it answered there.

        Args:
            rng: source of randomness.
            data: what the draws were fitted to.
            draws: which of them.
            right: chance to be right, given an answer, in the same worlds.
        """
        focus = _at_band(self.focus[draws][:, data.task], right)
        strength = focus[..., None] * self.popularity[draws][:, :, None]
        return dirichlet(rng, strength + data.counts, data.possible[data.task][:, None])

    def new_shares(
        self,
        rng: np.random.Generator,
        draws: Int[np.ndarray, " draw"],
        task: Int[np.ndarray, "draw question"],
        possible: Bool[np.ndarray, "task wrong"],
        right: Float[np.ndarray, "draw question model"],
    ) -> Float[np.ndarray, "draw question model wrong"]:
        """The same for fresh questions."""
        options = possible[task]
        level = self.crowd[draws[:, None], task][..., None] / options.sum(-1, keepdims=True)
        popularity = dirichlet(rng, level * options, options)
        focus = _at_band(self.focus[draws[:, None], task], right)
        return dirichlet(rng, focus[..., None] * popularity[:, :, None], options[:, :, None])


def band_of(right: Float[np.ndarray, "*batch"]) -> Int[np.ndarray, "*batch"]:
    """Band of a chance to be right."""
    return np.searchsorted(BANDS, right)


def _at_band(
    focus: Float[np.ndarray, "*batch band"], right: Float[np.ndarray, "*batch"]
) -> Float[np.ndarray, "*batch"]:
    return np.take_along_axis(focus, band_of(right)[..., None], -1)[..., 0]


def dirichlet(
    rng: np.random.Generator, strength: Float[np.ndarray, "*batch k"], possible: Bool[np.ndarray, "*batch k"]
) -> Float[np.ndarray, "*batch k"]:
    """Dirichlet draws that stay valid for strengths far below 1, zero where not possible."""
    possible = np.broadcast_to(possible, strength.shape)
    small = np.maximum(strength, 1e-6)
    # log of Gamma(a) = log of Gamma(a + 1) + log(U) / a does not underflow
    log = np.log(np.maximum(rng.standard_gamma(small + 1), _TINY)) + np.log(rng.random(small.shape) + _TINY) / small
    log = np.where(possible, log, -np.inf)
    log -= log.max(-1, keepdims=True)
    weight = np.exp(log)
    return weight / weight.sum(-1, keepdims=True)


def fit_distractors(
    data: WrongAnswers,
    band_odds: Float[np.ndarray, "question model band"],
    rng: np.random.Generator,
    draws: int,
    chains: int = 2,
    warmup: int = 120,
    thin: int = 2,
) -> DistractorDraws:
    """Posterior draws of popularity, focus and crowd by Gibbs sampling.

    Args:
        data: counts of wrong answers.
        band_odds: probability of each band of each model on each question, wrong answers aside.
        rng: source of randomness.
        draws: how many draws to keep over all chains.
        chains: chains run side by side.
        warmup: sweeps thrown away.
        thin: sweeps per kept draw.
    """
    chain = _Sampler(data, band_odds, rng, chains)
    kept = []
    for sweep in range(warmup + thin * (-(-draws // chains))):
        chain.sweep()
        if sweep >= warmup and (sweep - warmup) % thin == thin - 1:
            kept.append((chain.pi.astype(np.float32), chain.alpha.copy(), chain.gamma.copy()))
    parts = (np.concatenate(np.moveaxis(np.stack(part), 0, 1))[:draws] for part in zip(*kept, strict=True))
    return DistractorDraws(*parts)


class _Sampler:
    """Axes: chain, question, model, wrong answer."""

    def __init__(self, data: WrongAnswers, band_odds, rng: np.random.Generator, chains: int):
        self.rng, self.y, self.task = rng, data.counts, data.task
        self.T, self.K = data.possible.shape
        self.possible = data.possible
        self.options = data.possible.sum(1)
        self.member = np.eye(self.T)[data.task]
        self.total = self.y.sum(-1)
        Q, n, _ = self.y.shape
        self.bands = band_odds.shape[-1]
        self.log_odds = np.log(np.maximum(band_odds, 1e-6))
        self.alpha = np.exp(rng.normal(1, 0.5, (chains, self.T, n, self.bands)))
        self.rate = np.ones((chains, self.T, self.bands))
        self.hits = [np.nonzero(self.y > before) for before in range(int(self.y.max()) if self.y.size else 0)]
        self.gamma = np.exp(rng.normal(1, 0.5, (chains, self.T)))
        self.pi = dirichlet(rng, np.broadcast_to(1.0 + self.y.sum(1), (chains, Q, self.K)), data.possible[data.task])

    def sweep(self) -> None:
        self._draw_bands()
        focus = np.take_along_axis(self.alpha[:, self.task], self.band[..., None], -1)[..., 0]
        tables = self._tables(focus[..., None] * self.pi[:, :, None])
        self._draw_alpha(focus, tables)
        served = tables.sum(2)
        self._draw_gamma(served)
        level = (self.gamma / self.options)[:, self.task][..., None]
        self.pi = dirichlet(self.rng, level + served, self.possible[self.task])

    def _draw_bands(self) -> None:
        """Band of each (question, model): its odds times the chance of the wrong answers seen, tables summed out."""
        alpha = self.alpha[:, self.task]
        log = self.log_odds - gammaln(alpha + self.total[..., None]) + gammaln(alpha)
        for before, (q, i, c) in enumerate(self.hits):
            extra = np.log(alpha[:, q, i] * self.pi[:, q, c][..., None] + before)
            for chain in range(len(log)):
                np.add.at(log[chain], (q, i), extra[chain])
        log -= log.max(-1, keepdims=True)
        edges = np.cumsum(np.exp(log), -1)
        self.band = (self.rng.random(edges.shape[:-1])[..., None] * edges[..., -1:] > edges).sum(-1)

    def _tables(self, strength):
        """Tables per dish: of y customers, each opens a table with probability a / (a + number before)."""
        tables = np.zeros(strength.shape)
        for before, (q, i, c) in enumerate(self.hits):
            a = strength[:, q, i, c]
            tables[:, q, i, c] += 1.0 if before == 0 else self.rng.random(a.shape) * (a + before) < a
        return tables

    def _draw_alpha(self, focus, tables) -> None:
        rng = self.rng
        n = np.broadcast_to(self.total, focus.shape)
        log_beta = np.where(n > 0, np.log(np.maximum(rng.beta(focus + 1, np.maximum(n, 1)), _TINY)), 0.0)
        busy = rng.random(focus.shape) * (focus + n) < n
        inside = (self.band[..., None] == np.arange(self.bands)).astype(float)
        shape = np.einsum("cqi,cqib,qt->ctib", tables.sum(-1) - busy, inside, self.member, optimize=True)
        total = np.einsum("cqi,cqib,qt->ctib", log_beta, inside, self.member, optimize=True)
        rate = self.rate[..., None, :] - total
        self.alpha = np.maximum(rng.standard_gamma(np.maximum(shape + _POOLING, 1e-3)) / rate, 1e-3)
        # the models of a task share the rate of their prior, band by band
        count = self.alpha.shape[2]
        self.rate = rng.standard_gamma(2 + _POOLING * count, self.rate.shape) / (2.0 + self.alpha.sum(2))

    def _draw_gamma(self, served) -> None:
        rng = self.rng
        gamma = self.gamma[:, self.task]
        n = served.sum(-1)
        tables = np.zeros(served.shape)
        level = np.broadcast_to((gamma / self.options[self.task])[..., None], served.shape)
        for before in range(int(served.max()) if served.size else 0):
            hit = served > before
            a = level[hit]
            tables[hit] += rng.random(a.shape) * (a + before) < a
        log_beta = np.where(n > 0, np.log(np.maximum(rng.beta(gamma + 1, np.maximum(n, 1)), _TINY)), 0.0)
        busy = rng.random(gamma.shape) * (gamma + n) < n
        shape = np.einsum("cq,qt->ct", tables.sum(-1) - busy, self.member) + 1.5
        rate = 0.5 - np.einsum("cq,qt->ct", log_beta, self.member)
        self.gamma = np.maximum(rng.standard_gamma(np.maximum(shape, 1e-3)) / rate, 1e-3)
