r"""Which wrong answers models give: shared distractors, and how each model concentrates on them.

On question q the wrong answers have common popularities :math:`\pi_q \sim \mathrm{Dir}(\gamma_t / K, \dots)` over
K possible wrong answers, and model i, when wrong, picks among them with its own
:math:`w_{qi} \sim \mathrm{Dir}(\alpha_{ti}\,\pi_q)`. A small alpha means a model that repeats one wrong answer, a small
gamma a question with one tempting distractor that all models share. Fitted by the table-counting Gibbs sampler of the
hierarchical Dirichlet process (Teh et al. 2006, doi:10.1198/016214506000000302), K finite.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

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
    focus: Float[np.ndarray, "draw task model"]
    """alpha: large when a model scatters as the crowd does, small when it repeats one answer."""
    crowd: Float[np.ndarray, "draw task"]
    """gamma: small when each question has one dominant distractor."""

    def shares(
        self, rng: np.random.Generator, data: WrongAnswers, draws: Int[np.ndarray, " draw"]
    ) -> Float[np.ndarray, "draw question model wrong"]:
        """How each model spreads its wrong answers on the pilot's questions, given what it answered there."""
        strength = self.focus[draws][:, data.task][..., None] * self.popularity[draws][:, :, None]
        return dirichlet(rng, strength + data.counts, data.possible[data.task][:, None])

    def new_shares(
        self,
        rng: np.random.Generator,
        draws: Int[np.ndarray, " draw"],
        task: Int[np.ndarray, "draw question"],
        possible: Bool[np.ndarray, "task wrong"],
    ) -> Float[np.ndarray, "draw question model wrong"]:
        """The same for fresh questions."""
        options = possible[task]
        level = self.crowd[draws[:, None], task][..., None] / options.sum(-1, keepdims=True)
        popularity = dirichlet(rng, level * options, options)
        strength = self.focus[draws[:, None], task][..., None] * popularity[:, :, None]
        return dirichlet(rng, strength, options[:, :, None])


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
    data: WrongAnswers, rng: np.random.Generator, draws: int, chains: int = 2, warmup: int = 150, thin: int = 2
) -> DistractorDraws:
    """Posterior draws of popularity, focus and crowd by Gibbs sampling."""
    chain = _Sampler(data, rng, chains)
    kept = []
    for sweep in range(warmup + thin * (-(-draws // chains))):
        chain.sweep()
        if sweep >= warmup and (sweep - warmup) % thin == thin - 1:
            kept.append((chain.pi.astype(np.float32), chain.alpha.copy(), chain.gamma.copy()))
    parts = (np.concatenate(np.moveaxis(np.stack(part), 0, 1))[:draws] for part in zip(*kept, strict=True))
    return DistractorDraws(*parts)


class _Sampler:
    """Axes: chain, question, model, wrong answer."""

    def __init__(self, data: WrongAnswers, rng: np.random.Generator, chains: int):
        self.rng, self.y, self.task = rng, data.counts, data.task
        self.T, self.K = data.possible.shape
        self.possible = data.possible
        self.options = data.possible.sum(1)
        self.member = np.eye(self.T)[data.task]
        self.total = self.y.sum(-1)
        Q, n, _ = self.y.shape
        self.alpha = np.exp(rng.normal(1, 0.5, (chains, self.T, n)))
        self.rate = np.ones((chains, self.T))
        self.gamma = np.exp(rng.normal(1, 0.5, (chains, self.T)))
        self.seen = (np.arange(self.y.max())[:, None, None, None] < self.y) if self.y.size else None
        self.pi = dirichlet(rng, np.broadcast_to(1.0 + self.y.sum(1), (chains, Q, self.K)), data.possible[data.task])

    def sweep(self) -> None:
        rng = self.rng
        strength = self.alpha[:, self.task][..., None] * self.pi[:, :, None]
        tables = self._tables(strength)
        self._draw_alpha(tables)
        served = tables.sum(2)
        self._draw_gamma(served)
        level = (self.gamma / self.options)[:, self.task][..., None]
        self.pi = dirichlet(rng, level + served, self.possible[self.task])

    def _tables(self, strength):
        """Tables per dish: of y customers, each opens a table with probability a / (a + number before)."""
        tables = np.zeros(strength.shape)
        for before in range(int(self.y.max()) if self.y.size else 0):
            q, i, c = np.nonzero(self.y > before)
            a = strength[:, q, i, c]
            tables[:, q, i, c] += 1.0 if before == 0 else self.rng.random(a.shape) * (a + before) < a
        return tables

    def _draw_alpha(self, tables) -> None:
        rng = self.rng
        alpha = self.alpha[:, self.task]
        n = np.broadcast_to(self.total, alpha.shape)
        log_beta = np.where(n > 0, np.log(np.maximum(rng.beta(alpha + 1, np.maximum(n, 1)), _TINY)), 0.0)
        busy = rng.random(alpha.shape) * (alpha + n) < n
        shape = np.einsum("cqi,qt->cti", tables.sum(-1) - busy, self.member) + 1.5
        rate = self.rate[..., None] - np.einsum("cqi,qt->cti", log_beta, self.member)
        self.alpha = np.maximum(rng.standard_gamma(np.maximum(shape, 1e-3)) / rate, 1e-3)
        # the models of a task share the rate of their prior
        count = self.alpha.shape[-1]
        self.rate = rng.standard_gamma(2 + 1.5 * count, self.rate.shape) / (2.0 + self.alpha.sum(-1))

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
