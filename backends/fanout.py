"""One prompt to all models of a pool at once, with what came of each, in the event loop of a server."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

from ..simulate.errors import BadInput
from .engine import Completion, Engine, Request, seed_of
from .pool import ModelSpec, Pool
from .tasks.task import Prompt, Question

_FAILURES_TO_REST, _REST_S = 3, 5.0


@dataclass
class _Source:
    """A model of the pool and how it fares."""

    spec: ModelSpec
    engine: Engine
    client: Any = None
    """Open connections, for models behind a server."""
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held while an engine in this process works, which answers one call at a time."""
    failures: int = 0
    """In a row."""
    rests_until: float = 0.0
    reason: str = ""


class Fanout:
    """Asks every model of a pool.

    A model that fails several times in a row is left alone for a few seconds, so that a server that is down
    does not hold up every question, and is then tried again.

    Args:
        pool: the models.
        questions: those that simulated models can be asked.
        timeout_s: longest wait for all models together.
        attempts: of a request to a server, the first included.
    """

    def __init__(self, pool: Pool, questions: Iterable[Question] = (), *, timeout_s: float = 120.0, attempts: int = 2):
        questions = list(questions)
        self.timeout_s = timeout_s
        patience = {"timeout_s": timeout_s, "attempts": attempts, "max_wait_s": min(1.0, timeout_s)}
        self._sources = []
        for spec in pool.models:
            if spec.engine == "server":
                spec = replace(spec, options={**spec.options, **patience})
            self._sources.append(_Source(spec, spec.open(questions)))
        self._threads = ThreadPoolExecutor(max_workers=32, thread_name_prefix="muxcast-engine")

    @property
    def models(self) -> list[str]:
        """Names of the models, in the pool's order."""
        return [source.spec.name for source in self._sources]

    def down(self) -> dict[str, str]:
        """Models that are left alone at the moment, and why."""
        now = time.monotonic()
        return {source.spec.name: source.reason for source in self._sources if source.rests_until > now}

    async def ask(
        self, prompt: Prompt, samples: int, seed: int, name: str = "", changes: Mapping[str, Any] | None = None
    ) -> dict[str, Completion]:
        """What each model makes of the prompt; failures are completions with an error.

        Args:
            prompt: the question.
            samples: how many of each model.
            seed: together with ``name`` and the model's name it fixes the samples' seeds.
            name: of the question.
            changes: sampling settings for this question only.
        """
        deadline = time.monotonic() + self.timeout_s
        asked = [self._ask(source, prompt, samples, seed, name, dict(changes or {}), deadline)
                 for source in self._sources]  # fmt: skip
        return dict(zip(self.models, await asyncio.gather(*asked), strict=True))

    async def _ask(
        self,
        source: _Source,
        prompt: Prompt,
        samples: int,
        seed: int,
        name: str,
        changes: dict[str, Any],
        deadline: float,
    ) -> Completion:
        if source.rests_until > time.monotonic():
            return Completion([], None, None, f"left alone after failures in a row: {source.reason}")
        request = Request(prompt, range(samples), seed_of(seed, "", name, source.spec.name))
        sampling = replace(source.spec.sampling, **changes)
        try:
            async with asyncio.timeout(max(deadline - time.monotonic(), 0.0)):
                completion = await self._complete(source, request, sampling)
        except TimeoutError:
            completion = Completion([], None, None, f"no answer within {self.timeout_s:g} s")
        except BadInput as error:  # the server refuses our key or model: this model fails, the pool goes on
            completion = Completion([], None, None, str(error))
        except Exception as error:
            completion = Completion([], None, None, f"{type(error).__name__}: {error}"[:200])
        if completion.samples:
            source.failures = 0
        else:
            source.failures += 1
            source.reason = completion.error or "no samples"
            if source.failures >= _FAILURES_TO_REST:
                source.rests_until = time.monotonic() + _REST_S
        return completion

    async def _complete(self, source: _Source, request: Request, sampling: Any) -> Completion:
        if source.spec.engine == "server":
            if source.client is None:
                source.client = source.engine.connect()
            return await source.engine.complete(source.client, request, sampling)
        loop = asyncio.get_running_loop()
        if source.spec.engine == "simulated":
            return await loop.run_in_executor(self._threads, self._one, source.engine, request, sampling)
        await source.turn.acquire()
        work = loop.run_in_executor(self._threads, self._one, source.engine, request, sampling)
        # the turn ends when the engine is done, which may be long after we have stopped waiting for it
        work.add_done_callback(lambda done: source.turn.release())
        return await asyncio.shield(work)

    @staticmethod
    def _one(engine: Engine, request: Request, sampling: Any) -> Completion:
        ((_, completion),) = engine.generate([request], sampling)
        return completion

    async def close(self) -> None:
        """Close connections and give back memory."""
        for source in self._sources:
            if source.client is not None:
                await source.client.close()
            with suppress(TimeoutError):  # an engine still at work on a question that nobody waits for
                await asyncio.wait_for(source.turn.acquire(), _REST_S)
            source.engine.close()
        self._threads.shutdown(wait=False, cancel_futures=True)
