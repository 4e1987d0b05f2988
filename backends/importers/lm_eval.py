"""Logs of the Language Model Evaluation Harness: ``lm_eval run … --log_samples``, files samples_TASK_TIME.jsonl.

Answers are read again from ``resps``, all of them, since ``filtered_resps`` keeps what the task's filter chose.
A document is logged once per filter and counts once; models are joined on ``doc_hash``, not on ``doc_id``, which
depends on the selection of documents.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ...simulate.errors import BadInput
from .foreign import Foreign, files_in, json_rows, needed

_KEYS = ("doc_hash", "doc", "target", "resps")
_ENOUGH = 5
_TIME = re.compile(r"_\d{4}-\d{2}-\d{2}T[\d.-]+$")


def read(paths: Sequence[Path]) -> tuple[list[Foreign], list[str]]:
    """The samples of files or folders, and notes.

    Raises:
        BadInput: not such a log, or one scored by likelihood, which holds no generated answers.
    """
    samples: list[Foreign] = []
    notes: list[str] = []
    seen_files: dict[str, Path] = {}
    for path in files_in(paths, ("samples_*.jsonl",), "lm-eval sample logs"):
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        if digest in seen_files:
            notes.append(f"{path} is a copy of {seen_files[digest]} and was left out")
            continue
        seen_files[digest] = path
        task, model = _task(path), _model(path)
        documents: dict[str, list[Foreign]] = {}
        for place, row in json_rows(path):
            needed(row, _KEYS, place, "lm-eval sample log")
            if row["doc_hash"] in documents:
                continue  # the same responses, once more for another filter
            temperature = _temperature(row)
            texts = _texts(row["resps"], task, place)
            documents[row["doc_hash"]] = [
                Foreign(
                    task, row["doc_hash"][:12], model, _gold(row), text,
                    choices=_choices(row["doc"]), temperature=temperature, place=place,
                )
                for text in texts
            ]  # fmt: skip
        copied = _all_copies(documents)
        if copied:
            notes.append(
                f"{path}: in all {len(documents)} questions the repeats are copies of one text, so they are one sample "
                "each (servers get the same seed with every repeat, and temperature 0 repeats itself); run lm-eval "
                "once per seed (--model_args …,seed=1) and import the files together"
            )
        samples += [one for texts in documents.values() for one in texts[: 1 if copied else None]]
    return samples, notes


def _all_copies(documents: dict[str, list[Foreign]]) -> bool:
    """Whether no question has two different repeats, over enough questions for that to be no chance."""
    repeated = [texts for texts in documents.values() if len(texts) > 1]
    return len(repeated) >= _ENOUGH and all(len({one.text for one in texts}) == 1 for texts in repeated)


def _task(path: Path) -> str:
    return _TIME.sub("", path.name.removeprefix("samples_").removesuffix(".jsonl"))


def _model(path: Path) -> str:
    """The model's name in the results file of the same run, else the folder's name."""
    time = _TIME.search(path.name.removesuffix(".jsonl"))
    results = path.with_name(f"results{time[0]}.json") if time else None
    if results is not None and results.is_file():
        try:
            content = json.loads(results.read_text(encoding="utf-8"))
            name = content.get("model_name") or content.get("config", {}).get("model_args", {}).get("model")
            if name:
                return str(name)
        except (ValueError, AttributeError):
            pass
    return path.resolve().parent.name


def _texts(resps: Any, task: str, place: str) -> list[str]:
    """All responses of a document: one list a request, each with as many texts as repeats."""
    if not isinstance(resps, list) or not resps:
        raise BadInput(f"{place}: 'resps' is empty; the run kept no responses")
    texts = [text for request in resps for text in (request if isinstance(request, list) else [request])]
    if not all(isinstance(text, str) for text in texts):
        raise BadInput(
            f"{place}: task {task!r} was scored by likelihood, so there are no generated answers to import; "
            "run a variant of it that generates (output_type: generate_until) with repeats"
        )
    return texts


def _gold(row: dict[str, Any]) -> tuple[str, ...]:
    target = row["target"]
    golds = target if isinstance(target, list) else [target]
    if isinstance(target, int) and (choices := _choices(row["doc"])) and 0 <= target < len(choices):
        return (chr(ord("A") + target),)
    return tuple(str(gold) for gold in golds)


def _choices(doc: Any) -> tuple[str, ...]:
    listed = doc.get("choices") if isinstance(doc, dict) else None
    if isinstance(listed, dict):
        listed = listed.get("text")
    return tuple(map(str, listed)) if isinstance(listed, list) else ()


def _temperature(row: dict[str, Any]) -> float | None:
    """From the generation settings of the first request; None where the log does not say."""
    arguments = row.get("arguments")
    first = next(iter(arguments.values()), None) if isinstance(arguments, dict) else None
    if first is None and isinstance(arguments, list) and arguments:
        first = arguments[0]
    parts = first.values() if isinstance(first, dict) else first or ()
    for settings in parts:
        if isinstance(settings, dict):
            if isinstance(settings.get("temperature"), (int, float)):
                return float(settings["temperature"])
            return 0.0 if settings.get("do_sample") is False else None
    return None
