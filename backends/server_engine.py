"""Any OpenAI-compatible server: ``vllm serve`` first, and whatever else speaks its protocol.

Faults are retried within bounds. What still fails is reported as failed, which is not the same as wrong.
"""

from __future__ import annotations

import asyncio
import os
import queue
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, fields
from importlib.metadata import version
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit, urlunsplit

from ..simulate.errors import BadInput, unknown_name
from .engine import Completion, Engine, Request, Sample, Sampling

if TYPE_CHECKING:
    from .pool import ModelSpec
    from .tasks.task import Question

_LONGEST_REASON = 200


@dataclass(frozen=True)
class ServerOptions:
    """How a server is reached and how patient we are with it."""

    base_url: str
    """Up to and with the version: ``http://localhost:8000/v1``."""
    api_key_env: str = ""
    """Environment variable that holds the key; "" where the server wants none. The key itself goes nowhere else."""
    concurrency: int = 16
    """Requests under way at once."""
    timeout_s: float = 600.0
    """For one attempt at one request."""
    attempts: int = 8
    """Of one request, the first included."""
    max_wait_s: float = 30.0
    """Longest pause between two attempts, whatever the server's Retry-After asks for."""
    most_n: int = 128
    """Samples asked for in one request; 1 for servers that know no ``n``."""
    send_seed: bool = True
    """Whether requests carry a seed; off for servers that refuse one."""
    extra_body: Mapping[str, Any] = field(default_factory=dict)
    """Further fields of every request, as the server defines them."""

    @classmethod
    def of(cls, options: Mapping[str, Any], place: str) -> ServerOptions:
        """Options of a pool file.

        Raises:
            BadInput: an unknown option, a wrong kind of value, or no ``base_url``.
        """
        check_options({"base_url": "", **options}, place)
        return cls(**options)


def check_options(options: Mapping[str, Any], place: str) -> None:
    """Raise BadInput for an unknown option or a wrong value; ``base_url`` may be absent, and be given later."""
    kinds: dict[str, Any] = {field.name: (int, float) for field in fields(ServerOptions)}
    kinds |= {"base_url": str, "api_key_env": str, "send_seed": bool, "extra_body": dict}
    kinds |= {"concurrency": int, "attempts": int, "most_n": int}
    for key, value in options.items():
        if key not in kinds:
            raise BadInput(f"{place}: {unknown_name('server option', key, kinds)}")
        wrong_bool = isinstance(value, bool) and key != "send_seed"
        if wrong_bool or not isinstance(value, kinds[key]):
            raise BadInput(f"{place}: {key} = {value!r} is not of the right kind")
        if isinstance(value, (int, float)) and key != "send_seed" and not 0 < value < float("inf"):
            raise BadInput(f"{place}: {key} = {value!r} must be above 0 and finite")
    if "base_url" in options and not _is_address(options["base_url"]):
        raise BadInput(
            f"{place}: base_url = {options['base_url']!r} is no address; write base_url = 'http://localhost:8000/v1'"
        )


def _is_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port that is no number
        return False


class Fault(Exception):
    """A response that cannot be used; worth another attempt."""


class ServerEngine:
    """A model behind an OpenAI-compatible server.

    One request asks for all samples of a question; where a server answers with fewer, the rest are asked
    for again. Token counts come per request: a sample's share is the request's total spread evenly, unless
    the server returns token ids (vLLM does with ``extra_body = { return_token_ids = true }``).

    Args:
        name: what the pool calls the model.
        model: what the server calls it.
        options: see :class:`ServerOptions`.
    Raises:
        BadInput: the client library is missing, or the variable for the key is not set.
    """

    def __init__(self, name: str, model: str, options: ServerOptions):
        self.name, self._model, self._options = name, model, options
        self._openai = _library()
        # a key of its own, never the environment's OPENAI_API_KEY sent to somebody else's server
        self._key = "none"
        if options.api_key_env:
            self._key = os.environ.get(options.api_key_env, "")
            if not self._key:
                raise BadInput(
                    f"model {name!r}: the environment variable {options.api_key_env} is not set; "
                    "put the server's key there"
                )
        self._failures_in_a_row = 0

    def generate(self, requests: Sequence[Request], sampling: Sampling) -> Iterator[tuple[int, Completion]]:
        done: queue.SimpleQueue[Any] = queue.SimpleQueue()
        loop = asyncio.new_event_loop()
        work = loop.create_task(self._serve_all(requests, sampling, done))
        # daemon, so that an interrupted run need not wait for a server that does not answer
        thread = threading.Thread(target=_run, args=(loop, work, done), daemon=True, name=f"muxcast-{self.name}")
        self._failures_in_a_row = 0
        thread.start()
        try:
            for _ in requests:
                item = done.get()
                if isinstance(item, BaseException):
                    raise item
                yield item
        finally:
            with suppress(RuntimeError):  # the loop has closed by itself: nothing is left to cancel
                loop.call_soon_threadsafe(work.cancel)
            thread.join(timeout=5)

    def connect(self) -> Any:
        """Open connections, for :meth:`complete` in the event loop they are used in; to be closed by the caller."""
        options = self._options
        return self._openai.AsyncOpenAI(
            base_url=options.base_url, api_key=self._key, timeout=options.timeout_s, max_retries=0
        )

    async def complete(self, client: Any, request: Request, sampling: Sampling) -> Completion:
        """One request over open connections, whatever became of those before it."""
        self._failures_in_a_row = 0
        return await self._complete(client, request, sampling)

    async def _serve_all(self, requests: Sequence[Request], sampling: Sampling, done: queue.SimpleQueue) -> None:
        waiting = iter(enumerate(requests))
        options = self._options
        async with self.connect() as client:

            async def worker() -> None:
                for position, request in waiting:
                    done.put((position, await self._complete(client, request, sampling)))

            async with asyncio.TaskGroup() as group:
                for _ in range(min(options.concurrency, len(requests))):
                    group.create_task(worker())

    async def _complete(self, client: Any, request: Request, sampling: Sampling) -> Completion:
        started = time.perf_counter()
        drawn: dict[int, Sample] = {}
        prompt_tokens, error = None, None
        while error is None and len(drawn) < len(request.samples):
            missing = [index for index in request.samples if index not in drawn]
            # vLLM refuses several greedy samples in one request
            part = _leading_run(missing, self._options.most_n if sampling.temperature > 0 else 1)
            if self._failures_in_a_row >= max(8, self._options.concurrency):
                error = f"not tried: {self._failures_in_a_row} requests before it failed in a row"
                break
            try:
                tokens, samples = await self._attempts(client, request, part, sampling)
            except BadInput:
                raise
            except Exception as fault:
                self._failures_in_a_row += 1
                error = self._reason(fault)
            else:
                self._failures_in_a_row = 0
                prompt_tokens = tokens if tokens is not None else prompt_tokens
                drawn |= {sample.index: sample for sample in samples}
        samples = [drawn[index] for index in sorted(drawn)]
        return Completion(samples, prompt_tokens, time.perf_counter() - started, error)

    async def _attempts(
        self, client: Any, request: Request, part: range, sampling: Sampling
    ) -> tuple[int | None, list[Sample]]:
        from tenacity import AsyncRetrying, retry_if_exception, stop_after_attempt

        async for attempt in AsyncRetrying(
            retry=retry_if_exception(self._worth_retrying),
            stop=stop_after_attempt(self._options.attempts),
            wait=self._pause,
            reraise=True,
        ):
            with attempt:
                return self._read(await self._post(client, request, part, sampling), request, part)
        raise AssertionError("unreachable: the last attempt returns or raises")

    async def _post(self, client: Any, request: Request, part: range, sampling: Sampling) -> Any:
        fields: dict[str, Any] = {
            "model": self._model,
            "n": len(part),
            "temperature": sampling.temperature,
            "top_p": sampling.top_p,
            "max_tokens": sampling.max_tokens,
        }
        if sampling.stop:
            fields["stop"] = list(sampling.stop)
        if self._options.send_seed:
            fields["seed"] = request.seed + part.start
        extra = dict(self._options.extra_body)
        if sampling.top_k:
            extra["top_k"] = sampling.top_k
        try:
            if isinstance(request.prompt, str):
                return await client.completions.create(prompt=request.prompt, extra_body=extra, **fields)
            messages = [turn._asdict() for turn in request.prompt]
            return await client.chat.completions.create(messages=messages, extra_body=extra, **fields)
        except (self._openai.AuthenticationError, self._openai.PermissionDeniedError) as error:
            key = f"the key in {self._options.api_key_env}" if self._options.api_key_env else "api_key_env"
            raise BadInput(
                f"model {self.name!r}: {self._place()} refuses us ({error.status_code}); check {key}"
            ) from None
        except self._openai.NotFoundError as error:
            raise BadInput(
                f"model {self.name!r}: {self._place()} knows no such model or address ({self._reason(error)}); "
                "check base_url and model"
            ) from None
        except ValueError as error:
            raise Fault(f"the response is not valid JSON ({error})") from None

    def _read(self, response: Any, request: Request, part: range) -> tuple[int | None, list[Sample]]:
        """The samples of a response.

        Raises:
            Fault: it holds none that can be used.
        """
        choices = getattr(response, "choices", None)
        if not isinstance(choices, list):
            raise Fault("the response is no completion")
        if not choices:
            raise Fault("the response holds no choices")
        places = [getattr(choice, "index", None) for choice in choices]
        if len(set(places)) < len(places) or not all(isinstance(i, int) and 0 <= i < len(part) for i in places):
            raise Fault(f"{len(part)} choices were asked for and {len(choices)} came, numbered {places[:5]}")
        usage = getattr(response, "usage", None)
        shares = _shares(getattr(usage, "completion_tokens", None), choices)
        samples = []
        for choice, tokens in zip(choices, shares, strict=True):
            text = choice.text if isinstance(request.prompt, str) else getattr(choice.message, "content", None)
            if text is not None and not isinstance(text, str):
                raise Fault("a choice holds no text")
            index = part[choice.index]
            samples.append(Sample(index, text or "", choice.finish_reason, tokens, request.seed + index))
        return getattr(usage, "prompt_tokens", None), samples

    def _worth_retrying(self, error: BaseException) -> bool:
        if isinstance(error, self._openai.APIStatusError):
            status = int(error.status_code)
            return status in (408, 409, 425, 429) or status >= 500
        return isinstance(error, (Fault, self._openai.APIConnectionError, self._openai.APIResponseValidationError))

    def _pause(self, state: Any) -> float:
        """Seconds before the next attempt: what the server asks for, or ever longer, with jitter."""
        from tenacity import wait_exponential_jitter

        longest = self._options.max_wait_s
        error = state.outcome.exception()
        asked = getattr(getattr(error, "response", None), "headers", {}).get("retry-after")
        try:
            return min(max(float(asked or ""), 0.0), longest)
        except ValueError:
            start = min(0.5, longest)
            return min(wait_exponential_jitter(initial=start, max=longest, jitter=start)(state), longest)

    def _reason(self, error: BaseException) -> str:
        """What went wrong in one line, without the key."""
        told = getattr(error, "message", None) or str(error) or type(error).__name__
        cause = error.__cause__
        if isinstance(error, self._openai.APIConnectionError) and cause is not None:
            told = f"{told} {type(cause).__name__}: {cause}"
        if self._options.api_key_env:
            told = str(told).replace(self._key, "***")
        return " ".join(str(told).split())[:_LONGEST_REASON]

    def _place(self) -> str:
        """The address without a user name, password or query that it may hold."""
        parts = urlsplit(self._options.base_url)
        host = parts.hostname or ""
        return urlunsplit((parts.scheme, f"{host}:{parts.port}" if parts.port else host, parts.path, "", ""))

    def describe(self) -> dict[str, Any]:
        return {
            "engine": "server",
            "model": self._model,
            "base_url": self._place(),
            "client": f"openai {version('openai')}",
        }

    def close(self) -> None:
        """Nothing is held between runs."""


def open_server(spec: ModelSpec, questions: list[Question]) -> Engine:
    """The engine of a pool's model."""
    del questions
    return ServerEngine(spec.name, spec.model, ServerOptions.of(spec.options, f"model {spec.name!r}"))


def check_model(spec: ModelSpec) -> None:
    """Raise BadInput where the address or the key is missing."""
    open_server(spec, [])


def _run(loop: asyncio.AbstractEventLoop, work: asyncio.Task, done: queue.SimpleQueue) -> None:
    asyncio.set_event_loop(loop)
    try:
        loop.run_until_complete(work)
    except asyncio.CancelledError:
        pass
    except BaseExceptionGroup as errors:
        done.put(_first(errors))
    except BaseException as error:
        done.put(error)
    finally:
        loop.close()


def _first(errors: BaseExceptionGroup) -> BaseException:
    for error in errors.exceptions:
        return _first(error) if isinstance(error, BaseExceptionGroup) else error
    return errors


def _leading_run(indexes: list[int], longest: int) -> range:
    """The first consecutive numbers, at most ``longest`` of them."""
    stop = indexes[0] + 1
    while stop - indexes[0] < min(longest, len(indexes)) and indexes[stop - indexes[0]] == stop:
        stop += 1
    return range(indexes[0], stop)


def _shares(total: int | None, choices: list[Any]) -> list[int | None]:
    """Completion tokens of each choice: counted where ids came along, else the total spread evenly."""
    ids = [getattr(choice, "token_ids", None) for choice in choices]
    if all(isinstance(part, list) for part in ids):
        return [len(part) for part in ids if part is not None]
    if not isinstance(total, int):
        return [None] * len(choices)
    share, more = divmod(total, len(choices))
    return [share + (place < more) for place in range(len(choices))]


def _library() -> Any:
    try:
        import openai
        import tenacity
    except ImportError:
        raise BadInput("engine 'server' needs the client libraries: pip install 'muxcast[server]'") from None
    del tenacity
    return openai
