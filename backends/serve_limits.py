"""What a server refuses before it looks at a request: no or a wrong key, too large a body, too slow a client."""

from __future__ import annotations

import asyncio
import hmac
import json
from collections.abc import Awaitable, Callable
from typing import Any

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]


def error_body(message: str, kind: str, code: str | None = None) -> dict[str, Any]:
    """An error as OpenAI's clients read it."""
    return {"error": {"message": message, "type": kind, "param": None, "code": code}}


class Gate:
    """ASGI middleware that reads the whole body within its limits, and checks the key, before the app runs.

    Args:
        app: what is guarded.
        key: the key that requests must carry, or None for a server without one.
        largest: bytes of a body.
        slowest_s: seconds a client has to send it.
        open_paths: what needs no key.
    """

    def __init__(
        self, app: Any, *, key: str | None, largest: int, slowest_s: float, open_paths: tuple[str, ...] = ("/health",)
    ):
        self._app, self._key = app, key
        self._largest, self._slowest_s, self._open_paths = largest, slowest_s, open_paths

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = {name.lower(): value for name, value in scope["headers"]}
        if scope["path"] not in self._open_paths and not self._admitted(headers.get(b"authorization", b"")):
            await _refuse(
                send, 401, "no valid API key: send 'Authorization: Bearer KEY'", "authentication_error",
                "invalid_api_key", [(b"www-authenticate", b"Bearer")],
            )  # fmt: skip
            return
        declared = headers.get(b"content-length", b"")
        if declared.isdigit() and int(declared) > self._largest:
            await self._too_large(send)
            return
        try:
            async with asyncio.timeout(self._slowest_s):
                body = await self._read(receive)
        except TimeoutError:
            await _refuse(send, 408, f"the request took longer than {self._slowest_s:g} s", "timeout_error", None)
            return
        if body is None:
            await self._too_large(send)
            return
        told = False

        async def replay() -> dict[str, Any]:
            nonlocal told
            if told:
                return await receive()  # a disconnect
            told = True
            return {"type": "http.request", "body": body, "more_body": False}

        await self._app(scope, replay, send)

    def _admitted(self, header: bytes) -> bool:
        if self._key is None:
            return True
        scheme, _, given = header.partition(b" ")
        # compared in constant time, so that the time taken says nothing about the key
        return scheme.lower() == b"bearer" and hmac.compare_digest(given.strip(), self._key.encode())

    async def _read(self, receive: Receive) -> bytes | None:
        """The body; None where it is too large."""
        parts, size = [], 0
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                return b"".join(parts)
            size += len(message.get("body", b""))
            if size > self._largest:
                return None
            parts.append(message.get("body", b""))
            if not message.get("more_body"):
                return b"".join(parts)

    async def _too_large(self, send: Send) -> None:
        await _refuse(
            send, 413, f"the request is larger than {self._largest} bytes", "invalid_request_error", "too_large",
            [(b"connection", b"close")],
        )  # fmt: skip


def patient_protocol(slowest_s: float) -> Any:
    """uvicorn's HTTP protocol, which by itself waits for ever for a client that never ends its headers.

    Args:
        slowest_s: seconds a client has from connecting, or from the first byte of a further request, to
            the end of the headers; then it is answered 408 and the connection closed.
    """
    import h11
    from uvicorn.protocols.http.h11_impl import H11Protocol

    class Patient(H11Protocol):
        _patience: asyncio.TimerHandle | None = None

        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            self._patience = self.loop.call_later(slowest_s, self._give_up)

        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            if self.conn.their_state is not h11.IDLE:
                self._calm()
            elif self._patience is None:
                self._patience = self.loop.call_later(slowest_s, self._give_up)

        def connection_lost(self, exc: Exception | None) -> None:
            self._calm()
            super().connection_lost(exc)

        def _calm(self) -> None:
            if self._patience is not None:
                self._patience.cancel()
                self._patience = None

        def _give_up(self) -> None:
            if not self.transport.is_closing():
                head = b"HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
                self.transport.write(head)
                self.transport.close()

    return Patient


async def _refuse(
    send: Send, status: int, message: str, kind: str, code: str | None, headers: list[tuple[bytes, bytes]] | None = None
) -> None:
    body = json.dumps(error_body(message, kind, code)).encode()
    told = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode()), *(headers or [])]
    await send({"type": "http.response.start", "status": status, "headers": told})
    await send({"type": "http.response.body", "body": body})
