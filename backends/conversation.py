"""Serves methods that ask models in turn: each model is loaded once per wave, and every reply is kept.

Replies go into the same store as any sampling run, under the model's name, or ``STAGE/MODEL`` for prompts
that a method made itself; so a comparison can be interrupted at any moment and taken up again, and its
replies are an answer log like any other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pandas as pd

from ..simulate.answers import AnswerLog
from ..simulate.errors import BadInput
from .baselines.protocol import Ask, Item, Outcome, Replies, Reply, Steps
from .engine import Engine, Request, runs_of, seed_of
from .log_rows import rows_of
from .pool import ModelSpec, Pool
from .store import Store
from .tasks.task import Asked

Key = tuple[str, str, str, int]


class Conversation:
    """Questions, a pool, and all replies so far.

    Args:
        pool: the models that may be asked.
        asked: the questions; an ask names them by position.
        store: where replies are kept; those it holds already are not drawn again.
        seed: with task, question, label and sample, it fixes every sample.
        watch: called with (model, replies drawn so far) after every request.
    """

    def __init__(
        self,
        pool: Pool,
        asked: Sequence[Asked],
        store: Store,
        *,
        seed: int = 0,
        watch: Callable[[str, int], None] = lambda model, drawn: None,
    ):
        self._specs = {spec.name: spec for spec in pool.models}
        self._asked, self._store, self._seed, self._watch = asked, store, seed, watch
        self._engine: Engine | None = None
        self._rows: dict[Key, dict[str, Any]] = {}
        self.drawn = 0
        """Samples drawn by this run, not found in the store."""
        log = store.compact()
        if log is not None:
            self._rows = {key_of(row): row for row in _records(log)}

    def run(self, methods: Mapping[str, Steps]) -> dict[str, Outcome]:
        """Run methods together to their ends.

        Raises:
            BadInput: a model that is not in the pool, or requests that failed after every retry; what was
                drawn is kept.
        """
        outcomes: dict[str, Outcome] = {}
        pending: dict[str, list[Ask]] = {}
        for name, steps in methods.items():
            self._advance(name, steps, None, pending, outcomes)
        while pending:
            model = self._next_model(pending)
            if model is not None:
                self._serve(model, [ask for asks in pending.values() for ask in asks if ask.model == model])
            for name, asks in list(pending.items()):
                if not any(self._missing(ask) for ask in asks):
                    self._advance(name, methods[name], [self._replies(ask) for ask in asks], pending, outcomes)
        return outcomes

    def close(self) -> AnswerLog | None:
        """Let go of the model that is loaded, and write the log."""
        if self._engine is not None:
            self._engine.close()
            self._engine = None
        return self._store.compact()

    def rows(self, *, models: Sequence[str] | None = None) -> pd.DataFrame:
        """All replies so far as rows of an answer log."""
        return pd.DataFrame([row for row in self._rows.values() if models is None or row["model"] in models])

    def _advance(
        self,
        name: str,
        steps: Steps,
        replies: list[Replies] | None,
        pending: dict[str, list[Ask]],
        outcomes: dict[str, Outcome],
    ) -> None:
        try:
            pending[name] = next(steps) if replies is None else steps.send(replies)
        except StopIteration as done:
            pending.pop(name, None)
            outcomes[name] = done.value

    def _next_model(self, pending: Mapping[str, Sequence[Ask]]) -> str | None:
        """A model with something missing: the loaded one if it can be, to save a start."""
        wanted = [ask.model for asks in pending.values() for ask in asks if self._missing(ask)]
        if not wanted:
            return None
        if self._engine is not None and self._engine.name in wanted:
            return self._engine.name
        return max(sorted(set(wanted)), key=wanted.count)

    def _keys(self, ask: Ask, item: Item) -> Iterator[Key]:
        task, question = self._asked[item.question]
        for number in item.samples:
            yield task.name, question.id, ask.label, number

    def _missing(self, ask: Ask) -> bool:
        return any(key not in self._rows for item in ask.items for key in self._keys(ask, item))

    def _replies(self, ask: Ask) -> Replies:
        return {
            (item.question, key[3]): reply_of(self._rows[key]) for item in ask.items for key in self._keys(ask, item)
        }

    def _open(self, model: str) -> tuple[ModelSpec, Engine]:
        if model not in self._specs:
            raise BadInput(f"model {model!r} is asked for and not in the pool; known: {', '.join(self._specs)}")
        spec = self._specs[model]
        if self._engine is None or self._engine.name != model:
            if self._engine is None:
                # before the first model is loaded, so that a mistake in the last costs nothing
                for each in self._specs.values():
                    each.check()
            else:
                self._engine.close()
            self._engine = spec.open([asked.question for asked in self._asked])
            self._store.drawn_by(model, self._engine.describe())
        return spec, self._engine

    def _serve(self, model: str, asks: Sequence[Ask]) -> None:
        """Draw everything that is missing of one model, requests with equal settings together."""
        spec, engine = self._open(model)
        batches: dict[tuple, list[tuple[Ask, Item, Request]]] = {}
        planned: set[Key] = set()
        # the longest ask first, so that shorter ones of the same prompts find their samples planned
        for ask in sorted(asks, key=lambda ask: -max((item.samples.stop for item in ask.items), default=0)):
            batch = batches.setdefault(tuple(sorted(ask.sampling.items())), [])
            for item in ask.items:
                absent = [key for key in self._keys(ask, item) if key not in self._rows and key not in planned]
                planned.update(absent)
                for gap in runs_of([key[3] for key in absent]):
                    task, question, label, _ = absent[0]
                    base = seed_of(self._seed, task, question, label)
                    batch.append((ask, item, Request(item.prompt, gap, base)))
        failures = []
        for changes, batch in batches.items():
            sampling = replace(spec.sampling, **dict(changes))
            for place, completion in engine.generate([request for _, _, request in batch], sampling):
                ask, item, _ = batch[place]
                asked = self._asked[item.question]
                fresh = list(rows_of(asked, ask.label, spec.engine, sampling.temperature, completion))
                self._store.append(fresh)
                self._rows.update((key_of(row), row) for row in fresh)
                self.drawn += len(fresh)
                self._watch(model, self.drawn)
                if completion.error is not None:
                    failures.append(f"{ask.label} on {asked.question.id}: {completion.error}")
        if failures:
            raise BadInput(
                f"{len(failures)} requests failed, the first: {failures[0]}; "
                "what was drawn is kept, and the same command takes up the rest"
            )


def key_of(row: Mapping[str, Any]) -> Key:
    """The address of a row in its log."""
    return row["task"], row["question"], row["model"], int(row["sample"])


def reply_of(row: Mapping[str, Any]) -> Reply:
    """A row of the store as a method sees it; tokens that an engine does not count are 0."""
    return Reply(
        row["answer"],
        bool(row["correct"]),
        row["text"] or "",
        int(row["prompt_tokens"] or 0),
        int(row["completion_tokens"] or 0),
    )


def _records(log: AnswerLog) -> Iterator[dict[str, Any]]:
    frame = log.rows.astype(object)
    yield from frame.where(frame.notna(), None).to_dict("records")
