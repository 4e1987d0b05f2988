"""Observing: the figures of a set of cells on a log of answers, exact where the law of the mode allows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from ..theory.consistency import ModeLaw
from ..theory.pools import pool_accuracy_per_question
from ..theory.tables import sweep_of_counts
from ..theory.votes import plurality_accuracy_logged
from .answers import AnswerCounts, AnswerLog
from .cells import SINGLE, Cell, tie_break_order

if TYPE_CHECKING:
    from .rules.evaluate import RuleScore

EXACT = ("mux", SINGLE)
"""Rules whose accuracy is computed exactly; others are averaged over random subsamples."""
SUBSAMPLES = 64
"""Random subsamples per question for a rule that is not exact."""
EXACT_STATES = 27
"""Agent Forest is exact up to this many joint sample counts, Π(k + 1): three models at k = 2, two at k = 4."""
_POOLS_AT_ONCE = 4096


class Observed(NamedTuple):
    """Figures per cell on one log; accuracies and gains are fractions."""

    mean: Float[np.ndarray, " cell"]
    """Accuracy, averaged over all ways to take k of the logged samples."""
    sd: Float[np.ndarray, " cell"]
    """Standard error over questions: the questions are a sample of those one could ask."""
    noise: Float[np.ndarray, " cell"]
    """Standard error given the questions: the answers are a sample of those the models could give."""
    simulation_sd: Float[np.ndarray, " cell"]
    """Standard error of the Monte Carlo average alone; 0 where the figure is exact."""
    gain: Float[np.ndarray, " cell"]
    """Accuracy minus that of one model with self-consistency at the same k."""
    gain_sd: Float[np.ndarray, " cell"]
    """Standard error of the gain over questions; paired, so tighter than that of either accuracy."""
    best_single: list[str]
    """The model each gain is over."""
    questions: list[tuple[str, str]]
    """(task, question) pairs that were scored."""


def observe(
    log: AnswerLog,
    cells: Sequence[Cell],
    accuracy: Mapping[str, float],
    *,
    baselines: Sequence[str | None] | None = None,
    seed: int = 0,
) -> Observed:
    """Score ``cells`` on the questions that all their models answered.

    Args:
        log: answers, at least ``samples`` of every model and question of a cell.
        cells: what to score; pools may be in any order, ``accuracy`` decides ties.
        accuracy: validation accuracy per model.
        baselines: per cell, the model its gain is over; None for the pool's best on this log.
        seed: of the subsamples of rules that are not exact.
    """
    order = tie_break_order({name: accuracy[name] for cell in cells for name in cell.models})
    counts = log.counts(order)
    baselines = baselines or [None] * len(cells)
    rows: list[tuple[float | str, ...] | None] = [None] * len(cells)
    ks = sorted({cell.samples for cell in cells})
    scorer = _Scorer(counts, accuracy, max(ks), seed)
    for k in ks:
        at_k = [place for place, cell in enumerate(cells) if cell.samples == k]
        for rule in dict.fromkeys(cells[place].rule for place in at_k):
            same = [place for place in at_k if cells[place].rule == rule]
            for start in range(0, len(same), _POOLS_AT_ONCE):
                block = same[start : start + _POOLS_AT_ONCE]
                pools = np.array([[name in cells[place].models for name in order] for place in block], bool)
                over = [baselines[place] for place in block]
                for place, row in zip(block, _figures(scorer, rule, k, pools, over), strict=True):
                    rows[place] = row
    *figures, best = zip(*rows, strict=True)
    return Observed(*(np.array(figure, float) for figure in figures), list(best), counts.questions)


class _Scorer:
    """Per-question scores of pools on one table of counts."""

    def __init__(self, counts: AnswerCounts, accuracy: Mapping[str, float], most: int, seed: int):
        self.counts, self.accuracy, self.seed = counts, accuracy, seed
        self._sweep = sweep_of_counts(counts.classes, counts.blanks, counts.right, most)
        self._most = most
        self._draws: dict[tuple[int, ...], np.ndarray] = {}
        self._tallies: dict[int, np.ndarray] = {}

    def laws(self, k: int) -> ModeLaw:
        """Laws [question, model, m]; nan for a question and model with fewer than k samples."""
        return self._sweep.law(k)

    def single(self, k: int) -> Float[np.ndarray, "question model"]:
        """Self-consistency accuracy, maj@k."""
        return np.asarray(self.laws(k).correct).sum(-1)

    def pools(
        self, rule: str, k: int, pools: Bool[np.ndarray, "pool model"]
    ) -> tuple[Float[np.ndarray, "pool question"], Float[np.ndarray, " pool"]]:
        """Scores, and the Monte Carlo error of each pool's mean."""
        if rule in EXACT:
            by_model = ModeLaw(*(np.moveaxis(np.asarray(part), 1, 0) for part in self.laws(k)))
            return np.asarray(pool_accuracy_per_question(by_model, pools)), np.zeros(len(pools))
        if rule == "agent-forest":
            accuracy, noise = zip(*(self._plurality(k, pool) for pool in pools), strict=True)
            return np.array(accuracy), np.array(noise)
        scored = [self._subsampled(rule, k, pool) for pool in pools]
        return np.array([score.accuracy for score in scored]), np.array([score.monte_carlo_error for score in scored])

    def _order(self, k: int) -> Int[np.ndarray, "draw question model sample"]:
        """The first k answers of random subsamples, nested in k so that curves over k are smooth.

        A model with fewer than k samples on some question is absent: no pool at this k has it.
        """
        from .rules.evaluate import shuffled_draws
        from .rules.protocol import ABSENT

        reach = self.counts.samples.min(0)
        able = tuple(np.flatnonzero(reach >= k).tolist())
        if able not in self._draws:
            columns = list(able)
            part = self.counts._replace(
                classes=self.counts.classes[:, columns],
                blanks=self.counts.blanks[:, columns],
                models=[self.counts.models[column] for column in columns],
            )
            drawn = shuffled_draws(part, min(self._most, int(reach[columns].min())), SUBSAMPLES, self.seed)
            whole = np.full((*drawn.shape[:2], len(reach), drawn.shape[-1]), ABSENT, drawn.dtype)
            whole[:, :, columns] = drawn
            self._draws[able] = whole
        return self._draws[able][..., :k]

    def _plurality(self, k: int, pool: Bool[np.ndarray, " model"]) -> tuple[Float[np.ndarray, " question"], float]:
        """Accuracy of the pooled plurality and its Monte Carlo error: 0 for pools small enough to be exact."""
        if pool.sum() == 1:  # one model's plurality is its mode
            return self.single(k)[:, pool.argmax()], 0.0
        if (k + 1) ** int(pool.sum()) <= EXACT_STATES and (self.counts.right == 1).all():
            classes = np.moveaxis(self.counts.classes[:, pool], 1, 0)
            return plurality_accuracy_logged(classes, self.counts.blanks[:, pool].T, k), 0.0
        scores = self._plurality_of_subsamples(k, pool)
        return scores.mean(0), float(np.sqrt(scores.var(0, ddof=1).sum() / SUBSAMPLES) / scores.shape[1])

    def _plurality_of_subsamples(self, k: int, pool: Bool[np.ndarray, " model"]) -> Float[np.ndarray, "draw question"]:
        """Chance that the pooled votes of each subsample pick a correct answer, ties split evenly."""
        from .rules.evaluate import tally

        if k not in self._tallies:
            self._tallies = {k: tally(self._order(k), self.counts.classes.shape[-1])[0]}
        votes = self._tallies[k][:, :, pool].sum(2)
        tied = (votes == votes.max(-1, keepdims=True)) & (votes > 0)
        leading = np.arange(votes.shape[-1]) < self.counts.right[:, None]
        return (tied & leading).sum(-1) / np.maximum(tied.sum(-1), 1)

    def _subsampled(self, rule: str, k: int, pool: Bool[np.ndarray, " model"]) -> RuleScore:
        from .rules.evaluate import rule_on_counts
        from .rules.protocol import rule_named

        names = np.array(self.counts.models)
        accuracy = np.array([self.accuracy[name] for name in names])
        return rule_on_counts(
            rule_named(rule), self.counts, k, accuracy=accuracy, pool=names[pool], order=self._order(k)
        )


def _figures(
    scorer: _Scorer, rule: str, k: int, pools: Bool[np.ndarray, "pool model"], over: Sequence[str | None]
) -> list[tuple[float | str, ...]]:
    names = scorer.counts.models
    single = scorer.single(k)
    scores, simulation_sd = scorer.pools(rule, k, pools)
    best = np.where(pools, single.mean(0), -1.0).argmax(1)
    best = np.array([names.index(name) if name in names else own for name, own in zip(over, best, strict=True)])
    difference = scores - single.T[best]
    columns = (
        scores.mean(1),
        standard_error(scores),
        _answer_noise(scorer, rule, k, pools, scores),
        simulation_sd,
        difference.mean(1),
        standard_error(difference),
        np.array(names, object)[best],
    )
    return list(zip(*columns, strict=True))


def standard_error(scores: Float[np.ndarray, "*batch question"]) -> Float[np.ndarray, "*batch"]:
    """Standard error of the mean over questions, sqrt(sum (s - mean)^2 / (n (n - 1))); nan for one question.

    Source: Miller (2024), arXiv 2411.00640, equation 1.
    """
    n = scores.shape[-1]
    if n < 2:
        return np.full(scores.shape[:-1], np.nan)
    return scores.std(-1, ddof=1) / np.sqrt(n)


def _answer_noise(
    scorer: _Scorer,
    rule: str,
    k: int,
    pools: Bool[np.ndarray, "pool model"],
    scores: Float[np.ndarray, "pool question"],
) -> Float[np.ndarray, " pool"]:
    """Standard error of the mean score given the questions, from above.

    The score of a question is a U-statistic of degree k in n samples, whose variance is at most k/n that of
    one draw of k, a (1 - a) (Hoeffding 1948). Near k = n the scores are themselves single draws and a (1 - a)
    of them would vanish, so a is taken at n/2 there.
    """
    n = int(scorer.counts.samples.min())
    if 2 * k > n > 1:
        scores, _ = scorer.pools(rule, n // 2, pools)
    share = min(k / n, 1.0)
    spread = np.clip(scores * (1 - scores), 0, None)  # rounding can leave a score a hair above 1
    return np.sqrt(share * spread.sum(1)) / scores.shape[1]
