"""SLM-MUX: the most self-consistent model's most common answer."""

from __future__ import annotations

from .protocol import Bill, Outcome, Setting, Steps, leaders_of


def slm_mux(setting: Setting) -> Steps:
    """Algorithm 1 of Wang et al. 2510.05077.

    Every model draws k samples; the answer is the mode of the model whose mode came most often, a tie
    between models going to the one of higher validation accuracy. Always k samples: the paper's own runs
    stop when the first answers agree, which its algorithm does not say.
    """
    asks = [setting.solo(model, setting.samples) for model in setting.models]
    answers = yield asks
    bill = Bill(len(setting.asked))
    for ask, replies in zip(asks, answers, strict=True):
        bill.charge(ask, replies)
    verdicts = []
    for place in range(len(setting.asked)):
        modes = [leaders_of(replies[place, n] for n in range(setting.samples)) for replies in answers]
        # max keeps the first of equals, and models stand in tie-break order
        leaders, _ = max(modes, key=lambda mode: mode[1])
        verdicts.append(bill.verdict(place, leaders))
    return Outcome(verdicts, f"k = {setting.samples}")
