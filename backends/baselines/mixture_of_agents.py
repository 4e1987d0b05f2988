"""Mixture-of-Agents: layers of models that each read all answers of the layer before; one model sums up."""

from __future__ import annotations

from .protocol import Ask, Bill, Item, Outcome, Replies, Setting, Steps, require_two
from .wording import quoted, worded


def mixture_of_agents(setting: Setting) -> Steps:
    """Wang et al. 2406.04692: proposers in layers, and an aggregator as the last layer.

    Layer 1 is every model's first sample. In each further layer every model is given all answers of the
    layer before and asked for a better one; the last layer is the aggregator alone, whose answer counts.

    Departures: the aggregator is the model of highest validation accuracy (the original picks a strong
    model by hand); the answers to be combined follow the question in the user's turn, since not every small
    model takes a system prompt, where the original puts them; proposers answer at the pool's temperature in
    every layer.
    """
    require_two(setting, "mixture-of-agents")
    bill = Bill(len(setting.asked))
    asks = [setting.solo(model, 1) for model in setting.models]
    for layer in range(1, setting.layers + 1):
        if layer > 1:
            who = setting.models if layer < setting.layers else [setting.best]
            stage = f"mixture/{layer}of{setting.layers}" if layer == setting.layers else f"mixture/layer{layer}"
            items = _items(setting, said)
            asks = [Ask(model, items, stage) for model in who]
        said = yield asks
        for ask, replies in zip(asks, said, strict=True):
            bill.charge(ask, replies)
    last = said[0]
    verdicts = [
        bill.verdict(place, [last[place, 0]] if last[place, 0].answer is not None else [])
        for place in range(len(setting.asked))
    ]
    return Outcome(verdicts, f"{setting.layers} layers")


def _items(setting: Setting, said: list[Replies]) -> list[Item]:
    items = []
    for place, asked in enumerate(setting.asked):
        texts = [replies[place, 0].text for replies in said]
        others = quoted(texts, chat=not isinstance(asked.question.prompt, str))
        items.append(Item(place, worded("aggregate", asked.question.prompt, setting.prompts, others=others), range(1)))
    return items
