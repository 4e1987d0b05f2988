"""Multi-Agent Verification: candidates of one model, approved or not by many verifiers; most approvals wins."""

from __future__ import annotations

import re

from ...simulate.errors import BadInput
from .protocol import Ask, Bill, Item, Outcome, Reply, Setting, Steps
from .wording import one_line, template, worded

_VERDICT = re.compile(r"\b(true|yes|correct|false|no|incorrect|wrong)\b", re.IGNORECASE)


def verification(setting: Setting) -> Steps:
    """BoN-MAV of Lifshitz et al. 2502.20379: best of n candidates by aspect verifiers.

    The best single model draws n candidates. Every model of the pool judges every candidate under every
    aspect of ``prompts/aspects.txt`` with True or False, greedily; the candidate with most approvals is the
    answer, ties by their right share.

    Departures: equal candidates are judged once and share the judgement (the original judges every text,
    which for one-line answers is the same prompt again); a verdict that cannot be read is no approval;
    two aspects instead of a set engineered per task.
    """
    aspects = _aspects(template("aspects.txt", setting.prompts))
    bill = Bill(len(setting.asked))
    first = setting.solo(setting.best, setting.candidates)
    (drawn,) = yield [first]
    bill.charge(first, drawn)

    candidates: list[list[Reply]] = []
    for place in range(len(setting.asked)):
        replies = [drawn[place, number] for number in range(setting.candidates)]
        distinct = {reply.answer: reply for reply in reversed(replies) if reply.answer is not None}
        candidates.append([distinct[answer] for answer in sorted(distinct)])

    asks = []
    for name, wording in aspects:
        items = [
            Item(
                place,
                worded(
                    "verify",
                    asked.question.prompt,
                    setting.prompts,
                    answer=_quoted(reply, isinstance(asked.question.prompt, str)),
                    aspect=wording,
                ),
                range(number, number + 1),
            )
            for place, asked in enumerate(setting.asked)
            for number, reply in enumerate(candidates[place])
        ]
        asks += [Ask(model, items, f"verify/{name}", {"temperature": 0.0}) for model in setting.models]
    judged = yield asks
    approvals = [[0] * len(found) for found in candidates]
    for ask, replies in zip(asks, judged, strict=True):
        bill.charge(ask, replies)
        for (place, number), reply in replies.items():
            approvals[place][number] += approves(reply.text)

    verdicts = []
    for place, found in enumerate(candidates):
        top = max(approvals[place], default=0)
        winners = {reply.answer for reply, votes in zip(found, approvals[place], strict=True) if votes == top}
        # one of the n candidates is returned, so an answer given twice is twice as likely in a tie
        tied = [
            drawn[place, number]
            for number in range(setting.candidates)
            if drawn[place, number].answer in winners and drawn[place, number].answer is not None
        ]
        verdicts.append(bill.verdict(place, tied))
    size = f"{setting.candidates} candidates, {len(aspects) * len(setting.models)} verifiers"
    return Outcome(verdicts, size)


def approves(text: str) -> bool:
    """Whether a verifier's reply approves: the first of true, yes, correct, false, no, incorrect, wrong in it."""
    found = _VERDICT.search(text)
    return found is not None and found[1].lower() in ("true", "yes", "correct")


def _quoted(reply: Reply, line: bool) -> str:
    return one_line(reply.text) if line else reply.text.strip()


def _aspects(text: str) -> list[tuple[str, str]]:
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        name, colon, wording = line.partition(":")
        if not colon or not re.fullmatch(r"\w+", name.strip()) or not wording.strip():
            raise BadInput(f"aspects.txt: line {number}: write a name of one word, a colon and what to check")
        found.append((name.strip(), wording.strip()))
    if not found:
        raise BadInput("aspects.txt: names no aspect; give at least one line")
    return found
