"""An OpenAI-compatible server whose one model is a pool: each question goes to all its models, one answer returns."""

from __future__ import annotations

import asyncio
import json
import secrets
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from ..simulate.errors import BadInput
from .asking import Reply, ask_pool
from .chat_request import ChatRequest, read_chat_request
from .fanout import Fanout
from .multiplexer import Multiplexer
from .serve_limits import Gate, error_body
from .serve_metrics import Metrics
from .tasks.kinds import kind_named
from .tasks.task import Prompt, Question, Task


@dataclass(frozen=True)
class ServeSettings:
    """How a pool is served."""

    name: str = "muxcast"
    """What clients call the pool."""
    samples: int = 8
    """Samples of each model for one question; a request may ask for fewer."""
    answers: str = "final"
    """Kind of answer by which completions are compared."""
    key: str | None = None
    """The API key clients must send; None for a server without one."""
    largest_body: int = 1_000_000
    """Bytes of a request."""
    slowest_body_s: float = 10.0
    """Seconds a client has to send it."""
    timeout_s: float = 120.0
    """Longest wait for the models; those that are not done by then are left out."""
    concurrency: int = 64
    """Questions answered at once."""
    queue: int = 512
    """Questions that may wait for their turn; more are refused with 429."""
    seed: int = 0
    """Of questions that state none of their own."""


def serving_app(
    fanout: Fanout,
    multiplexer: Multiplexer,
    settings: ServeSettings,
    task: Task | None = None,
    questions: tuple[Question, ...] = (),
) -> Any:
    """The ASGI application.

    Args:
        fanout: the models; closed when the application shuts down.
        multiplexer: the rule that decides.
        settings: limits and names.
        task: where a question is one of ``questions``, answers are read as this task reads them.
        questions: the task's questions.
    Raises:
        BadInput: the server libraries are missing.
    """
    try:
        from fastapi import FastAPI
        from fastapi.responses import JSONResponse, Response, StreamingResponse
        from starlette.exceptions import HTTPException
    except ImportError:
        raise BadInput("muxcast serve needs the server libraries: pip install 'muxcast[server]'") from None

    kind_named(settings.answers)
    known = {question.prompt: question for question in questions}
    metrics = Metrics()
    turn = asyncio.Semaphore(settings.concurrency)
    waiting = 0
    started = int(time.time())

    @asynccontextmanager
    async def life(app: Any) -> AsyncIterator[None]:
        await asyncio.to_thread(multiplexer.warm_up)
        yield
        await fanout.close()

    app = FastAPI(title="muxcast", lifespan=life, docs_url=None, redoc_url=None, openapi_url=None)

    def refused(status: int, message: str, kind: str, code: str | None = None, **headers: str) -> Any:
        return JSONResponse(error_body(message, kind, code), status, headers)

    def unknown_model(name: str) -> Any:
        told = f"no model {name!r} here; the pool is called {settings.name!r}"
        return refused(404, told, "invalid_request_error", "model_not_found")

    def reader(asked: ChatRequest) -> Callable[[str], str | None]:
        question = known.get(asked.messages)
        if task is not None and question is not None:
            chosen = task
            return lambda text: chosen.extract(text, question)
        return kind_named(asked.answers or settings.answers).read

    async def answer(asked: ChatRequest) -> Reply:
        prompt: Prompt = asked.messages
        name = json.dumps([turn._asdict() for turn in asked.messages], ensure_ascii=False)
        seed = asked.seed if asked.seed is not None else secrets.randbits(48)
        return await ask_pool(
            fanout, multiplexer, prompt, reader(asked),
            samples=asked.samples or settings.samples, seed=seed, name=name, changes=asked.changes,
        )  # fmt: skip

    async def chat(request: Any) -> Any:
        nonlocal waiting
        try:
            asked = read_chat_request(await request.body(), settings.name, settings.samples)
        except BadInput as error:
            return refused(400, str(error), "invalid_request_error")
        except KeyError as error:
            return unknown_model(error.args[0])
        if turn.locked() and waiting >= settings.queue:
            return refused(429, "too many questions are waiting; try again soon", "rate_limit_error", None,
                           **{"retry-after": "1"})  # fmt: skip
        waiting += 1
        try:
            await turn.acquire()
        finally:
            waiting -= 1
        metrics.in_flight.inc()
        try:
            reply = await answer(asked)
        finally:
            metrics.in_flight.dec()
            turn.release()
        metrics.count(reply)
        if not any(completion.samples for completion in reply.completions.values()):
            reasons = "; ".join(f"{name}: {reason}" for name, reason in reply.errors.items())
            return refused(503, f"no model of the pool answered ({reasons})", "server_error", "pool_unavailable",
                           **{"retry-after": "5"})  # fmt: skip
        if asked.stream:
            return StreamingResponse(_events(reply, asked, settings), media_type="text/event-stream")
        return JSONResponse(_completion(reply, settings))

    async def chat_completions(request: Any) -> Any:
        response = await chat(request)
        metrics.requests.labels(str(response.status_code)).inc()
        return response

    async def models(request: Any) -> Any:
        pool = {"models": multiplexer.models, "rule": multiplexer.rule, "samples": settings.samples,
                "accuracy": multiplexer.accuracy}  # fmt: skip
        card = {"id": settings.name, "object": "model", "created": started, "owned_by": "muxcast", "muxcast": pool}
        name = request.path_params.get("name")
        if name is None:
            return JSONResponse({"object": "list", "data": [card]})
        return JSONResponse(card) if name == settings.name else unknown_model(name)

    async def health(request: Any) -> Any:
        down = fanout.down()
        state = {name: "down" if name in down else "up" for name in fanout.models}
        status = "down" if len(down) == len(state) else "partial" if down else "ok"
        return JSONResponse({"status": status, "models": state}, 503 if status == "down" else 200)

    async def prometheus(request: Any) -> Any:
        return Response(metrics.text(), media_type="text/plain; version=0.0.4; charset=utf-8")

    # plain routes: bodies are checked by hand, so that errors are in the form that OpenAI's clients read
    app.add_route("/v1/chat/completions", chat_completions, methods=["POST"])
    app.add_route("/v1/models", models, methods=["GET"])
    app.add_route("/v1/models/{name:path}", models, methods=["GET"])
    app.add_route("/health", health, methods=["GET"])
    app.add_route("/metrics", prometheus, methods=["GET"])

    @app.exception_handler(HTTPException)
    async def not_here(request: Any, error: HTTPException) -> Any:
        return refused(error.status_code, f"{request.method} {request.url.path}: {error.detail}",
                       "invalid_request_error")  # fmt: skip

    @app.exception_handler(Exception)
    async def broken(request: Any, error: Exception) -> Any:
        return refused(500, f"the server failed ({type(error).__name__})", "server_error")

    return Gate(app, key=settings.key, largest=settings.largest_body, slowest_s=settings.slowest_body_s)


def _completion(reply: Reply, settings: ServeSettings) -> dict[str, Any]:
    return {
        **_head(settings, "chat.completion"),
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": reply.text},
                "finish_reason": reply.finish_reason,
                "logprobs": None,
            }
        ],
        "usage": _usage(reply),
        "muxcast": reply.to_json(),
    }


async def _events(reply: Reply, asked: ChatRequest, settings: ServeSettings) -> AsyncIterator[str]:
    """The answer in pieces. It is known whole before the first piece: no model's text is shown before it has won."""
    head = _head(settings, "chat.completion.chunk")

    def event(delta: Mapping[str, Any], finish: str | None = None, **more: Any) -> str:
        choices = [{"index": 0, "delta": delta, "finish_reason": finish, "logprobs": None}]
        return f"data: {json.dumps({**head, 'choices': choices, **more}, ensure_ascii=False)}\n\n"

    yield event({"role": "assistant", "content": ""})
    for start in range(0, len(reply.text), 64):
        yield event({"content": reply.text[start : start + 64]})
    yield event({}, reply.finish_reason, muxcast=reply.to_json())
    if asked.usage_in_stream:
        yield f"data: {json.dumps({**head, 'choices': [], 'usage': _usage(reply)})}\n\n"
    yield "data: [DONE]\n\n"


def _head(settings: ServeSettings, kind: str) -> dict[str, Any]:
    return {
        "id": f"chatcmpl-{secrets.token_hex(12)}",
        "object": kind,
        "created": int(time.time()),
        "model": settings.name,
    }


def _usage(reply: Reply) -> dict[str, int]:
    """Tokens of all models together, since all were asked."""
    each = reply.usage().values()
    prompt, completion = (sum(one[kind] for one in each) for kind in ("prompt_tokens", "completion_tokens"))
    return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}
