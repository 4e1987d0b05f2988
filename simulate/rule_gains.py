"""What every rule gains over SLM-MUX at equal cost, on a log and in a forecast.

Cost is the number of samples drawn for a question. SLM-MUX over the same pool costs k times the number of its models;
between two sample counts its accuracy at a cost is that of mixing the two, so that every rule has an opponent which
spends exactly as much. A rule cheaper than one sample of every model meets SLM-MUX at k = 1, which then costs more.
Gains are paired: both score the same questions, or the same worlds.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from jaxtyping import Float

from ..theory.consistency import ModeLaw, mode_law_known
from ..theory.selection import mux_accuracy
from ..theory.tables import sweep_of_counts
from .answers import AnswerCounts, AnswerLog
from .observing import standard_error

if TYPE_CHECKING:
    from .posterior import Population, Posterior, Target

PILOT_SAMPLES = 8
"""Most samples of a question that rules learn from on a log."""


def gains_on_log(
    log: AnswerLog, samples: int, rules: Sequence[str] | None = None, *, draws: int = 16, seed: int = 0
) -> pd.DataFrame:
    """Accuracy, cost and gain over SLM-MUX of every rule on a log, the pool being all of its models.

    Rules learn, and ties are broken, on one half of the questions; the other half is scored, and the other way round.

    Args:
        log: answers, at least ``samples`` of every model and question.
        samples: k, most samples of each model.
        rules: names; default the whole catalogue.
        draws: random subsamples of a question, the same for every rule.
        seed: of the halves, the pilot's samples and the subsamples.
    Returns:
        One row a rule: rule, accuracy, accuracy_sd, samples (mean per question), gain and gain_sd over SLM-MUX at the
        same k, equal_cost_gain and equal_cost_gain_sd over SLM-MUX at the same number of samples; errors over
        questions.
    """
    from .rules import rule_named, rule_on_counts, shuffled_draws
    from .rules.grouped_mux import groups_of

    counts = log.counts()
    reach = min(PILOT_SAMPLES, int(counts.samples.min()))
    pilot = log.draw_samples(reach, seed)[0].counts(questions=counts.questions)
    questions = len(counts.questions)
    half = np.random.default_rng(seed).permutation(questions) % 2
    group = groups_of(counts.questions)
    order = shuffled_draws(counts, samples, draws, seed)
    names = _names(rules)
    accuracy, spent = np.zeros((len(names), questions)), np.zeros((len(names), questions))
    mux = np.zeros((samples + 1, questions))
    for turn in (0, 1):
        learn_on, score_on = np.flatnonzero(half != turn), np.flatnonzero(half == turn)
        seen, scored = _rows(pilot, learn_on), _rows(counts, score_on)
        tie_break = (seen.correct / seen.samples).mean(0)
        mux[:, score_on] = _mux_of_counts(scored, tie_break, samples)
        for place, name in enumerate(names):
            rule = rule_named(name)
            found = rule_on_counts(
                rule,
                scored,
                samples,
                accuracy=tie_break,
                order=order[:, score_on],
                group=group[score_on],
                learned=rule.learn(seen, tie_break, samples) if rule.learn else None,
            )
            accuracy[place, score_on], spent[place, score_on] = found.accuracy, found.spent.sum(-1)
    # SLM-MUX on the same subsamples, so that the subsamples' own noise cancels where k is the same
    same = accuracy[names.index("mux")]
    rows = []
    for name, score, cost in zip(names, accuracy, spent.mean(1), strict=True):
        equal = at_cost(mux, len(counts.models), cost) + (same - mux[samples])
        rows.append(_row(name, score.mean(), standard_error(score), cost, score - same, score - equal, standard_error))
    return pd.DataFrame(rows)


def gains_in_worlds(
    posterior: Posterior,
    samples: int,
    rules: Sequence[str] | None = None,
    *,
    target: Target = "new",
    draws: int = 48,
    seed: int = 0,
) -> pd.DataFrame:
    """The same columns, forecast from a pilot: means over posterior worlds, and their spread as errors.

    Answers are played out in every world, twice; the spread includes what noise that leaves.

    Rules that learn do so on the pilot. On the pilot's own questions (target ``same``) they know what they are scored
    on; new questions are the fair test of them.

    Args:
        posterior: from ``calibrate``.
        samples: k, most samples of each model.
        rules: names; default the whole catalogue.
        target: "same" or "new" questions, as in ``forecast``.
        draws: worlds.
        seed: of the worlds and of the answers played out in them.
    """
    names = _names(rules)
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(6,)))
    accuracy, spent, mux = [], [], []
    for world in posterior.blocks(target, None, draws, seed):
        scored = [_play(posterior, world, names, samples, rng) for _ in (0, 1)]
        accuracy.append(np.array([one[0] for one in scored]))
        spent.append(scored[0][1])
        mux.append(_mux_of_worlds(posterior, world, samples))
    halves, cost = np.concatenate(accuracy, 1), np.concatenate(spent).mean(0)
    exact = np.concatenate(mux, -1)
    same = halves[..., names.index("mux")]
    rows = []
    for place, name in enumerate(names):
        equal = at_cost(exact, len(posterior.models), cost[place]) - exact[samples]
        score = halves[..., place]
        parts = (score, score - same, score - same - equal)
        means = [part.mean() for part in parts]
        sds = [part.mean(0).std(0, ddof=1).item() for part in parts]
        rows.append(
            dict(zip(_COLUMNS, (name, means[0], sds[0], cost[place], means[1], sds[1], means[2], sds[2]), strict=True))
        )
    return pd.DataFrame(rows)


_COLUMNS = (
    "rule",
    "accuracy",
    "accuracy_sd",
    "samples",
    "gain",
    "gain_sd",
    "equal_cost_gain",
    "equal_cost_gain_sd",
)


def at_cost(mux: Float[np.ndarray, "samples ..."], models: int, cost: float) -> np.ndarray:
    """Accuracy of SLM-MUX at ``cost`` samples a question, from that at k = 0, 1, ... of each of ``models`` models.

    Between two k the mixture that costs as much; below one sample of every model, k = 1.
    """
    k = np.clip(cost / models, 1, len(mux) - 1)
    low = min(int(k), len(mux) - 2)
    return mux[low] + (k - low) * (mux[low + 1] - mux[low])


def _names(rules: Sequence[str] | None) -> list[str]:
    from .rules import RULES

    return list(dict.fromkeys(["mux", *(RULES if rules is None else rules)]))


def _row(name, accuracy, accuracy_sd, cost, gain, equal, error) -> dict:
    values = (name, accuracy, accuracy_sd, cost, gain.mean(), error(gain), equal.mean(), error(equal))
    return dict(zip(_COLUMNS, (name, *map(float, values[1:])), strict=True))


def _rows(counts: AnswerCounts, questions: np.ndarray) -> AnswerCounts:
    """The same counts on some questions."""
    return counts._replace(
        classes=counts.classes[questions],
        blanks=counts.blanks[questions],
        right=counts.right[questions],
        questions=[counts.questions[q] for q in questions],
        labels=[counts.labels[q] for q in questions],
    )


def _mux_of_counts(
    counts: AnswerCounts, tie_break: Float[np.ndarray, " model"], samples: int
) -> Float[np.ndarray, "samples question"]:
    """Exact accuracy of SLM-MUX over all models after 0..k samples."""
    order = np.argsort(-tie_break, kind="stable")
    sweep = sweep_of_counts(counts.classes[:, order], counts.blanks[:, order], counts.right, samples)
    return _mux_of_laws(sweep)


def _mux_of_worlds(posterior: Posterior, world: Population, samples: int) -> Float[np.ndarray, "samples draw"]:
    """Exact accuracy of SLM-MUX in each world after 0..k samples, the mean over its questions."""
    accuracy = np.array([posterior.pilot.accuracy[name] for name in posterior.models])
    order = np.argsort(-accuracy, kind="stable")
    found = []
    for p, blank in zip(world.p[:, :, order], world.blank[:, :, order], strict=True):
        found.append(_mux_of_laws(mode_law_known(p, blank, samples, every_k=True)).mean(-1))
    return np.array(found).T


def _mux_of_laws(sweep) -> Float[np.ndarray, "samples question"]:
    """From laws ``question model samples m``, models in tie-break order."""
    by_model = ModeLaw(*(np.moveaxis(np.asarray(part), 1, 0) for part in sweep))
    return np.asarray(mux_accuracy(by_model)).T


def _play(posterior: Posterior, world: Population, names: list[str], samples: int, rng: np.random.Generator):
    """Every rule on the same simulated answers: accuracy and samples spent, both ``draw rule``."""
    from .rules import rule_named
    from .rules.evaluate import rule_outcomes, tally
    from .rules.protocol import BLANK

    pilot = posterior.pilot
    tie_break = np.array([pilot.accuracy[name] for name in posterior.models])
    edges = np.cumsum(world.p, -1)
    order = (rng.random((*world.blank.shape, samples))[..., None] >= edges[..., None, :]).sum(-1)
    order = np.where(order >= edges.shape[-1], BLANK, order).astype(np.int32)
    counts, blanks = tally(order, edges.shape[-1])
    right = np.ones(world.p.shape[1], int)
    accuracy, spent = [], []
    for name in names:
        rule = rule_named(name)
        found = rule_outcomes(
            rule,
            counts,
            blanks,
            right,
            tie_break,
            order=order,
            group=world.task,
            learned=rule.learn(pilot.counts, tie_break, samples) if rule.learn else None,
        )
        accuracy.append(found.accuracy.mean(-1))
        spent.append(found.spent.sum(-1).mean(-1))
    return np.array(accuracy).T, np.array(spent).T
