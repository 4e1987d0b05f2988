"""Agent Forest: one vote over the samples of all models together."""

from __future__ import annotations

from .protocol import Bill, Outcome, Setting, Steps, leaders_of


def agent_forest(setting: Setting) -> Steps:
    """Sampling and voting of Li et al. 2402.05120, over several models.

    The original draws from one model and, for open answers, votes by similarity; here every model draws k
    samples and equal canonical answers share a vote, as in Wang et al. 2510.05077. Ties count by their
    right share.
    """
    asks = [setting.solo(model, setting.samples) for model in setting.models]
    answers = yield asks
    bill = Bill(len(setting.asked))
    for ask, replies in zip(asks, answers, strict=True):
        bill.charge(ask, replies)
    verdicts = []
    for place in range(len(setting.asked)):
        leaders, _ = leaders_of(replies[place, n] for replies in answers for n in range(setting.samples))
        verdicts.append(bill.verdict(place, leaders))
    return Outcome(verdicts, f"k = {setting.samples}")
