"""A sampling run: what is missing from a log is drawn, appended as it comes, and compacted at the end."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from ..simulate.answers import AnswerLog
from ..simulate.errors import BadInput
from .engine import MOST_SAMPLES, Engine, Request, runs_of, seed_of
from .log_rows import rows_of
from .pool import ModelSpec, Pool
from .store import Key, Store
from .tasks.task import Asked, Task


@dataclass
class Progress:
    """Where a run stands; what is shown while it goes on and after."""

    total: int
    """Samples the log will hold when everything is drawn."""
    before: int
    """Samples it held when this run began."""
    drawn: int = 0
    """Samples of this run."""
    failed: int = 0
    prompt_tokens: int = 0
    """Of this run, each request's prompt counted once."""
    completion_tokens: int = 0
    cost: float | None = None
    """US dollars of this run; None when no model has a price."""
    model: str = ""
    """The model at work, or "" before and after."""
    started: float = field(default_factory=time.monotonic)

    @property
    def rate(self) -> float:
        """Samples a second of this run."""
        return self.drawn / max(time.monotonic() - self.started, 1e-9)


class Drawn(NamedTuple):
    """What a run leaves."""

    log: AnswerLog | None
    """All samples of the log, those of earlier runs too; None when nothing could be drawn."""
    progress: Progress
    failed: list[dict[str, Any]]
    """Samples that could not be drawn: task, question, model, samples, error."""


def sample(
    pool: Pool,
    tasks: Sequence[Task],
    questions: int | Mapping[str, int],
    samples: int,
    out: str | os.PathLike[str],
    *,
    seed: int = 0,
    keep_text: bool = True,
    allow_changes: bool = False,
    watch: Callable[[Progress], None] = lambda progress: None,
) -> Drawn:
    """Draw what ``out`` lacks of ``samples`` samples of ``questions`` questions a task from every model.

    Models are loaded one after another, each once, and only where something of theirs is missing. Sample j
    of a question has the same seed in every run, so an interrupted run that is taken up again ends with the
    samples that an uninterrupted one would have drawn.

    Args:
        pool: the models.
        tasks: what is asked; their names must differ.
        questions: how many of each task; one number for all or one for each task's name.
        samples: how many of each question and model the log shall hold.
        out: the answer log; see ``backends/store.py`` for the files beside it.
        seed: chooses the questions and, with their names, the samples.
        keep_text: keep whole completions in the log, so that answers can be extracted again.
        allow_changes: mix samples of different settings in one log.
        watch: called after every question.
    Raises:
        BadInput: settings that cannot be used or differ from those the log was drawn with.
    """
    names = [task.name for task in tasks]
    counts = dict.fromkeys(names, questions) if isinstance(questions, int) else dict(questions)
    if min(counts[name] for name in names) < 1 or not 1 <= samples <= MOST_SAMPLES:
        raise BadInput(
            f"cannot draw {samples} samples of {questions} questions; "
            f"ask for at least 1 question and 1 to {MOST_SAMPLES} samples"
        )
    for name in names:
        if names.count(name) > 1:
            raise BadInput(f"two tasks are called {name!r}; draw them into logs of their own")
    asked = [Asked(task, question) for task in tasks for question in task.questions(counts[task.name], seed)]
    settings = {
        "seed": seed,
        "tasks": {task.name: task.describe() for task in tasks},
        "models": {spec.name: spec.settings() for spec in pool.models},
    }
    failed: list[dict[str, Any]] = []
    with Store(out, settings, allow_changes=allow_changes) as store:
        wanted = {
            (item.task.name, item.question.id, spec.name, index)
            for item in asked
            for spec in pool.models
            for index in range(samples)
        }
        progress = Progress(len(wanted), len(wanted & store.drawn))
        if any(spec.price for spec in pool.models):
            progress.cost = 0.0
        missing = [(spec, list(_gaps(asked, spec, samples, seed, store))) for spec in pool.models]
        missing = [(spec, gaps) for spec, gaps in missing if gaps]
        for spec, _ in missing:
            spec.check()
        for spec, gaps in missing:
            progress.model = spec.name
            watch(progress)
            engine = spec.open(item.question for item, _ in gaps)
            try:
                store.drawn_by(spec.name, engine.describe())
                failed += _draw(engine, spec, gaps, store, progress, keep_text, watch)
            finally:
                engine.close()
        progress.model = ""
        watch(progress)
        return Drawn(store.compact([*_standing(store, wanted), *failed]), progress, failed)


def _standing(store: Store, wanted: set[Key]) -> Iterator[dict[str, Any]]:
    """Failures of earlier runs that this run did not try again."""
    for one in store.record["failed"]:
        keys = [(one["task"], one["question"], one["model"], index) for index in one["samples"]]
        left = [key[3] for key in keys if key not in wanted and key not in store.drawn]
        if left:
            yield {**one, "samples": left}


def _gaps(
    asked: Sequence[Asked], spec: ModelSpec, samples: int, seed: int, store: Store
) -> Iterator[tuple[Asked, Request]]:
    """One request for each run of consecutive samples that the store lacks."""
    for item in asked:
        key = (item.task.name, item.question.id, spec.name)
        base = seed_of(seed, *key)
        for gap in runs_of([index for index in range(samples) if (*key, index) not in store.drawn]):
            yield item, Request(item.question.prompt, gap, base)


def _draw(
    engine: Engine,
    spec: ModelSpec,
    gaps: Sequence[tuple[Asked, Request]],
    store: Store,
    progress: Progress,
    keep_text: bool,
    watch: Callable[[Progress], None],
) -> list[dict[str, Any]]:
    failed = []
    for position, completion in engine.generate([request for _, request in gaps], spec.sampling):
        item, request = gaps[position]
        drawn = rows_of(item, spec.name, spec.engine, spec.sampling.temperature, completion)
        rows = [row if keep_text else _without_text(row) for row in drawn]
        store.append(rows)
        progress.drawn += len(rows)
        used = sum(sample.completion_tokens or 0 for sample in completion.samples)
        progress.prompt_tokens += completion.prompt_tokens or 0
        progress.completion_tokens += used
        if spec.price is not None and progress.cost is not None:
            progress.cost += spec.price.of(completion.prompt_tokens or 0, used)
        if completion.error is not None:
            lost = sorted(set(request.samples) - {sample.index for sample in completion.samples})
            progress.failed += len(lost)
            failed.append(
                {
                    "task": item.task.name,
                    "question": item.question.id,
                    "model": spec.name,
                    "samples": lost,
                    "error": completion.error,
                }
            )
        watch(progress)
    return failed


def _without_text(row: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in row.items() if key != "text"}
