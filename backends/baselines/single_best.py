"""One model alone: the best on the validation questions, once or with self-consistency; or any at random."""

from __future__ import annotations

from ...simulate.errors import BadInput
from .protocol import Bill, Outcome, Setting, Steps, leaders_of


def single_best(setting: Setting) -> Steps:
    """The best single model answers once, greedily.

    Wang et al. 2510.05077 sample single models at temperature 0, as here. "Best" is decided on the
    validation questions; the paper does not say on which questions it chose.
    """
    return _once(setting, setting.best)


def larger_model(setting: Setting) -> Steps:
    """One larger model of the pool answers once, greedily.

    Raises:
        BadInput: the comparison names no larger model.
    """
    if setting.larger is None:
        raise BadInput("method larger-model: say which one with --larger NAME, a model of the pool file")
    return _once(setting, setting.larger)


def _once(setting: Setting, model: str) -> Steps:
    ask = setting.solo(model, 1, temperature=0.0)
    (replies,) = yield [ask]
    bill = Bill(len(setting.asked))
    bill.charge(ask, replies)
    verdicts = [
        bill.verdict(place, [replies[place, 0]] if replies[place, 0].answer is not None else [])
        for place in range(len(setting.asked))
    ]
    return Outcome(verdicts, model)


def self_consistency(setting: Setting) -> Steps:
    """The best single model's most common answer of k samples; ties count by their right share.

    Wang et al. 2203.11171.
    """
    ask = setting.solo(setting.best, setting.samples)
    (replies,) = yield [ask]
    bill = Bill(len(setting.asked))
    bill.charge(ask, replies)
    verdicts = []
    for place in range(len(setting.asked)):
        leaders, _ = leaders_of(replies[place, number] for number in range(setting.samples))
        verdicts.append(bill.verdict(place, leaders))
    return Outcome(verdicts, f"k = {setting.samples}")


def random_model(setting: Setting) -> Steps:
    """A model drawn at random for each question answers once, at the pool's own temperature.

    The score is the mean over the models, which is what the random choice comes to; so are the tokens.
    """
    asks = [setting.solo(model, 1) for model in setting.models]
    answers = yield asks
    bill = Bill(len(setting.asked))
    for ask, replies in zip(asks, answers, strict=True):
        bill.charge(ask, replies, share=1 / len(asks))
    verdicts = [bill.verdict(place, [replies[place, 0] for replies in answers]) for place in range(len(setting.asked))]
    return Outcome(verdicts, "1 of the pool")
