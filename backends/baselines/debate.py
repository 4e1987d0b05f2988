"""LLM-Debate: models see each other's answers and answer again, for some rounds; the last round votes."""

from __future__ import annotations

from .protocol import Ask, Bill, Item, Outcome, Replies, Setting, Steps, leaders_of, require_two, told
from .wording import one_line, quoted, worded


def debate(setting: Setting) -> Steps:
    """Multi-agent debate of Du et al. 2305.14325 among the models of the pool.

    Round 0 is every model's first sample. In each round every model is shown the others' answers of the
    round before, and its own, and answers again; the last answers are put to a plurality vote.

    Departures: one agent per model of the pool, as in Wang et al. 2510.05077, where the original debates
    copies of one model; an agent is shown the last round only, where the original's conversation keeps all
    of them (the same up to round 1); rounds are counted after the first answers, so that the "2 rounds" of the
    original's code are ``rounds=1`` here; a completion prompt quotes answers on one line, a chat quotes them
    whole; a tie in the vote counts by its right share.
    """
    require_two(setting, "llm-debate")
    bill = Bill(len(setting.asked))
    asks = [setting.solo(model, 1) for model in setting.models]
    rounds: list[dict] = []
    for number in range(setting.rounds + 1):
        if number:
            asks = [
                Ask(model, _items(setting, spoken, place), f"debate/round{number}")
                for place, model in enumerate(setting.models)
            ]
        spoken = yield asks
        for ask, replies in zip(asks, spoken, strict=True):
            bill.charge(ask, replies)
            rounds += told(setting, ask.model, number, replies)
    verdicts = []
    for question in range(len(setting.asked)):
        leaders, _ = leaders_of(replies[question, 0] for replies in spoken)
        verdicts.append(bill.verdict(question, leaders))
    return Outcome(verdicts, f"{setting.rounds} rounds", rounds)


def _items(setting: Setting, spoken: list[Replies], own: int) -> list[Item]:
    """What one agent is shown: the others' last answers in the pool's order, and its own."""
    items = []
    for place, asked in enumerate(setting.asked):
        chat = not isinstance(asked.question.prompt, str)
        others = [replies[place, 0].text for who, replies in enumerate(spoken) if who != own]
        mine = spoken[own][place, 0].text
        prompt = worded(
            "debate",
            asked.question.prompt,
            setting.prompts,
            others=quoted(others, chat),
            own=mine.strip() if chat else one_line(mine).rstrip("."),
        )
        items.append(Item(place, prompt, range(1)))
    return items
