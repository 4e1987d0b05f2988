"""A chat request as OpenAI's clients send it: what of it is understood, and what is refused by name."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from ..simulate.errors import BadInput
from .tasks.kinds import KINDS
from .tasks.task import Message

_ROLES = ("system", "developer", "user", "assistant")
# what would change the answer and cannot be honoured; anything else that is unknown is ignored
_REFUSED = (
    *("tools", "tool_choice", "functions", "function_call", "response_format", "logprobs", "audio", "modalities"),
    *("logit_bias", "presence_penalty", "frequency_penalty"),
)


class ChatRequest(NamedTuple):
    """A question to the pool."""

    messages: tuple[Message, ...]
    stream: bool
    usage_in_stream: bool
    seed: int | None
    changes: dict[str, Any]
    """Sampling settings that the request states."""
    samples: int | None
    """Samples of each model; None for the server's own number."""
    answers: str | None
    """Kind of answer; None for the server's own."""


def read_chat_request(body: bytes, model: str, most_samples: int) -> ChatRequest:
    """The request in ``body``.

    Raises:
        BadInput: it is not JSON, lacks something, or asks for what a pool cannot do.
        KeyError: it asks for another model than ``model``.
    """
    try:
        request = json.loads(body)
    except (ValueError, RecursionError):
        raise BadInput("the body is not valid JSON") from None
    if not isinstance(request, dict):
        raise BadInput("the body is not a JSON object")
    if request.get("model", model) != model:
        raise KeyError(str(request["model"]))
    for name in _REFUSED:
        if request.get(name) not in (None, False, [], {}, {"type": "text"}, "none", ["text"]):
            raise BadInput(f"{name!r} is not supported: a pool returns one text chosen among its models'")
    if request.get("n") not in (None, 1):
        raise BadInput("'n' must be 1: a pool returns one answer (samples of each model: muxcast.samples)")
    mux = request.get("muxcast") or {}
    if not isinstance(mux, dict) or set(mux) - {"samples", "answers"}:
        raise BadInput("'muxcast' may hold 'samples' and 'answers'")
    samples = _whole(mux.get("samples"), "muxcast.samples", 1, most_samples)
    answers = mux.get("answers")
    if answers is not None and (not isinstance(answers, str) or answers not in KINDS):
        raise BadInput(f"'muxcast.answers' must be one of {', '.join(KINDS)}")
    options = request.get("stream_options") or {}
    if not isinstance(request.get("stream") or False, bool) or not isinstance(options, dict):
        raise BadInput("'stream' must be true or false, and 'stream_options' an object")
    return ChatRequest(
        _messages(request.get("messages")),
        bool(request.get("stream")),
        bool(options.get("include_usage")),
        _whole(request.get("seed"), "seed", -(2**63), 2**63 - 1),
        _sampling(request),
        samples,
        answers,
    )


def _messages(given: Any) -> tuple[Message, ...]:
    if not isinstance(given, list) or not given:
        raise BadInput("'messages' must be a list with at least one message")
    messages = []
    for number, message in enumerate(given):
        place = f"messages[{number}]"
        if not isinstance(message, dict) or message.get("role") not in _ROLES:
            raise BadInput(f"{place}: needs a 'role' that is one of {', '.join(_ROLES)}")
        content = message.get("content")
        if isinstance(content, list):
            parts = [part.get("text") if isinstance(part, dict) and part.get("type") == "text" else None
                     for part in content]  # fmt: skip
            content = "\n".join(parts) if parts and all(isinstance(part, str) for part in parts) else None
        if not isinstance(content, str) or not content or not _is_unicode(content):
            raise BadInput(f"{place}: needs a 'content' that is text")
        messages.append(Message("system" if message["role"] == "developer" else message["role"], content))
    return tuple(messages)


def _is_unicode(text: str) -> bool:
    """Whether it can be sent on: JSON can carry half of a surrogate pair, which is no character."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _sampling(request: dict[str, Any]) -> dict[str, Any]:
    changes: dict[str, Any] = {}
    for name, low, high in (("temperature", 0.0, 2.0), ("top_p", 0.0, 1.0)):
        value = request.get(name)
        if value is None:
            continue
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not low <= value <= high:
            raise BadInput(f"{name!r} must be a number from {low:g} to {high:g}")
        changes[name] = float(value)
    if changes.get("top_p") == 0.0:
        raise BadInput("'top_p' must be above 0")
    for name in ("max_completion_tokens", "max_tokens"):
        longest = _whole(request.get(name), name, 1, 1_000_000)
        if longest is not None:
            changes.setdefault("max_tokens", longest)
    stop = request.get("stop")
    if stop is not None:
        texts = [stop] if isinstance(stop, str) else stop
        if (
            not isinstance(texts, list)
            or len(texts) > 16
            or not all(isinstance(text, str) and text and _is_unicode(text) for text in texts)
        ):
            raise BadInput("'stop' must be a text or a list of at most 16 texts")
        changes["stop"] = tuple(texts)
    return changes


def _whole(value: Any, name: str, low: int, high: int) -> int | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise BadInput(f"{name!r} must be a whole number from {low} to {high}")
    return value
