"""Label tasks: moderation, safety, sentiment and the like, answered by one of a few labels."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from ...simulate.errors import BadInput
from .benchmark import Benchmark, asked, records_of, refuse_unknown
from .question_files import field_of, short_id
from .task import Question

_MOST_LABELS = 50
_MARK = re.compile(
    r"\b(?:final\s+answer|answer|label|category|class|classification|verdict|decision)\b\s*\W*(?:is\b)?\W*",
    re.IGNORECASE,
)
_NEGATED = re.compile(r"(?:\bnot|n['’]t|\bnon|\bnever|\bneither)[\s-]+(?:\w+\s+)?$", re.IGNORECASE)


def label_task(argument: str, options: Mapping[str, str]) -> Benchmark:
    """Texts with labels, from a file or ``hub?dataset=…``.

    Options: ``labels`` (a,b,c; by default those of the file), ``text`` and ``label`` (names of the fields),
    ``instruction``, ``style``, ``name``.
    """
    given = dict(options)
    records = records_of("labels", argument, given, None)
    refuse_unknown("labels", given, ("labels", "text", "label", "instruction", "style", "name"))
    texts = (given["text"],) if "text" in given else ("text", "prompt", "question", "input", "sentence", "content")
    golds = (given["label"],) if "label" in given else ("label", "answer", "category", "target", "reference")
    rows = []
    for number, row in enumerate(records.rows, 1):
        place = f"{records.source}: row {number}"
        gold = field_of(row, golds, place)
        rows.append((str(row.get("id") or ""), str(field_of(row, texts, place)), plain_label(str(gold)), place))
    named = [plain_label(text) for text in given.get("labels", "").split(",") if text.strip()]
    labels = named or sorted({gold for _, _, gold, _ in rows})
    if not 2 <= len(labels) <= _MOST_LABELS:
        raise BadInput(f"{records.source}: {len(labels)} different labels; a label task has 2 to {_MOST_LABELS}")
    for _, _, gold, place in rows:
        if gold not in labels:
            raise BadInput(f"{place}: the label {gold!r} is not one of {', '.join(labels)}; correct it or add it")
    listed = f"{', '.join(labels[:-1])} or {labels[-1]}"
    instruction = given.get("instruction", f"Answer with one label and nothing else: {listed}.")
    style = given.get("style", "chat")
    questions = [
        Question(name or short_id(text), asked(text, instruction, style), gold, {}) for name, text, gold, _ in rows
    ]
    return Benchmark(
        given.get("name", "labels"),
        "labels",
        records,
        questions,
        lambda text, question: stated_label(text, labels),
        lambda answer, question: answer == question.reference,
        {"style": style, "instruction": instruction, "labels": labels},
    )


def plain_label(text: str) -> str:
    """A label in lower case with single spaces: ``Not_Safe`` and ``not safe`` are one label."""
    return re.sub(r"[\s_]+", " ", text).strip().casefold()


def stated_label(text: str, labels: Sequence[str]) -> str | None:
    """The label that a completion settles on, or None where it names none, several or only a negated one.

    What follows the last "label:" or "answer is" counts before the text as a whole; labels are whole words, so
    that "unsafe" never reads as "safe".
    """
    text = "\n".join(plain_label(line) for line in text.replace("*", "").replace("`", "").splitlines())
    marks = list(_MARK.finditer(text))
    if marks:
        found = _named(re.split(r"[.;\n]", text[marks[-1].end() :], maxsplit=1)[0], labels)
        if len(found) == 1:
            return found.pop()
    found = _named(text, labels)
    return found.pop() if len(found) == 1 else None


def _named(text: str, labels: Sequence[str]) -> set[str]:
    alternatives = "|".join(re.escape(label) for label in sorted(labels, key=len, reverse=True))
    matches = re.finditer(rf"(?<![\w-])(?:{alternatives})(?![\w-])", text)
    return {match[0] for match in matches if not _NEGATED.search(text[: match.start()])}
