"""From samples as another tool logged them to an answer log: answers read again, verdicts given again."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from ...simulate.answers import AnswerLog
from ...simulate.errors import BadInput, unknown_name
from ..tasks.kinds import AnswerKind, kind_named
from ..tasks.letters import option_letter
from ..tasks.short_answers import is_cut

# what a task's name says about its answers, where nobody says otherwise
_USUAL = (
    (r"gsm|svamp|asdiv|mawps|multiarith", "number"),
    (r"math|aime|amc|olymp|answerbench", "math"),
    (r"gpqa|mmlu|arc[_-]|hellaswag|csqa|commonsense|race|truthfulqa_mc|agieval|bbq", "letter"),
)


class Foreign(NamedTuple):
    """One sample as another tool logged it."""

    task: str
    question: str
    """Id by which models are joined: the same for every model."""
    model: str
    gold: tuple[str, ...]
    """Gold answers as published, any of which is right; empty where the log has none."""
    text: str | None = None
    """The completion; None where the log keeps only answers."""
    answer: str | None = None
    """The answer as the other tool extracted it."""
    correct: bool | None = None
    """The other tool's verdict."""
    choices: tuple[str, ...] = ()
    """Texts of the options of a multiple-choice question."""
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    latency_s: float | None = None
    finish_reason: str | None = None
    temperature: float | None = None
    place: str = ""
    """File and row, for messages."""


class Imported(NamedTuple):
    """An imported log, and what was done to it in plain words."""

    log: AnswerLog
    notes: list[str]


def answer_log(
    samples: Iterable[Foreign],
    notes: Sequence[str],
    source: str,
    answers: str | None,
    task: str | None,
    rename: Mapping[str, str],
) -> Imported:
    """Number the samples of each question and model, read their answers and judge them."""
    kind = kind_named(answers) if answers else None
    counts: dict[tuple[str, str, str], int] = {}
    rows, differing, judged, models = [], 0, 0, set()
    for sample in samples:
        models.add(sample.model)
        name, model = task or sample.task, rename.get(sample.model, sample.model)
        answer, correct = _judged(sample, kind or usual_kind(sample))
        if sample.correct is not None and sample.gold:
            judged += 1
            differing += correct != sample.correct
        key = (name, sample.question, model)
        counts[key] = counts.get(key, -1) + 1
        rows.append(
            {
                "task": name,
                "question": sample.question,
                "model": model,
                "sample": counts[key],
                "answer": answer,
                "correct": correct,
                "reference": " | ".join(sample.gold) or None,
                "prompt_tokens": sample.prompt_tokens,
                "completion_tokens": sample.completion_tokens,
                "latency_s": sample.latency_s,
                "finish_reason": sample.finish_reason,
                "temperature": sample.temperature,
                "engine": source,
            }
        )
    if not rows:
        raise BadInput(f"{source}: the files hold no samples; check that they are logs of this format")
    for old in rename:
        if old not in models:
            raise unknown_name("model in the imported log", old, models)
    frame = pd.DataFrame(rows)
    for column in ("prompt_tokens", "completion_tokens"):
        frame[column] = frame[column].astype("Int64")
    empty = [name for name in ("prompt_tokens", "completion_tokens", "latency_s", "finish_reason", "temperature")
             if frame[name].isna().all()]  # fmt: skip
    log = AnswerLog.from_rows(frame.drop(columns=empty), source)
    told = list(notes)
    if differing:
        told.append(
            f"{differing} of {judged} verdicts differ from the log's own, since answers were read again; "
            "choose how with --answers"
        )
    return Imported(log, told + log.notes + _limits(log))


def usual_kind(sample: Foreign) -> AnswerKind:
    """The kind of answer that a task's name, its options or its gold answer suggest."""
    for pattern, name in _USUAL:
        if re.search(pattern, sample.task.casefold()):
            return kind_named(name)
    if sample.choices and all(re.fullmatch(r"[A-Z]", gold) for gold in sample.gold):
        return kind_named("letter")
    if any("####" in gold for gold in sample.gold):
        return kind_named("number")
    # where commas are part of the gold answer, a part of it is no answer
    return kind_named("line" if any(map(is_cut, sample.gold)) else "short")


def _judged(sample: Foreign, kind: AnswerKind) -> tuple[str | None, bool]:
    if sample.text is not None:
        lettered = kind.name == "letter" and sample.choices
        answer = option_letter(sample.text, sample.choices) if lettered else kind.read(sample.text)
    else:
        answer = kind.reference(sample.answer) if sample.answer else None
    if answer is None:
        return None, False
    if not sample.gold:
        if sample.correct is None:
            raise BadInput(f"{sample.place}: neither a gold answer nor a verdict; a log needs one of them")
        return answer, sample.correct
    accepted = [kind.reference(gold) for gold in sample.gold]
    if accepted[0] is None:
        raise BadInput(
            f"{sample.place}: the gold answer {sample.gold[0][:40]!r} cannot be read as kind {kind.name!r}; "
            "choose another with --answers"
        )
    if answer in accepted:
        return accepted[0], True  # accepted spellings are one answer
    return answer, any(kind.same(answer, gold) for gold in sample.gold)


def _limits(log: AnswerLog) -> list[str]:
    """What the log cannot support."""
    fewest = log.samples_per_question.replace(0, pd.NA).min().min()
    if fewest > 1:
        return []
    return [
        "some questions have one sample of a model: enough for accuracies and a tie-break, but not for "
        "self-consistency or for forecasts of more samples, which need at least 2 (better 4) per question"
    ]


def files_in(paths: Iterable[Path], patterns: Sequence[str], what: str) -> list[Path]:
    """The paths themselves, and of folders the files that match, each once, sorted within a folder.

    Raises:
        BadInput: a folder without any.
    """
    found: list[Path] = []
    for path in paths:
        inside = sorted({file for pattern in patterns for file in path.rglob(pattern)}) if path.is_dir() else [path]
        if not inside:
            raise BadInput(f"{path}: holds no {what} ({' or '.join(patterns)}); name the folder that does")
        found += [file for file in inside if file not in found]
    return found


def json_rows(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """(place, object) of every line of a JSON Lines file.

    Raises:
        BadInput: not UTF-8, not JSON or not an object, naming the row.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise BadInput(f"{path}: not UTF-8 text (byte {error.start}); it is no log of this format") from None
    except OSError as error:
        raise BadInput(f"{path}: cannot be read ({error.strerror}); check the file") from None
    # splitlines() would also break lines at U+2028 and its like, which JSON strings may hold
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        place = f"{path}: row {number}"
        try:
            row = json.loads(line)
        except json.JSONDecodeError as error:
            raise BadInput(f"{place}: not valid JSON ({error.msg}); is the file complete?") from None
        if not isinstance(row, dict):
            raise BadInput(f"{place}: not a JSON object; it is no log of this format")
        yield place, row


def needed(row: Mapping[str, Any], keys: Sequence[str], place: str, tool: str) -> None:
    """Raise BadInput for the first key that a row of ``tool`` should have and has not."""
    for key in keys:
        if key not in row:
            raise BadInput(f"{place}: has no {key!r}, so it is no {tool} (it has {', '.join(list(row)[:8])})")
