"""What is asked before any request is looked at: who calls, from which page, and by which name."""

import asyncio
import hmac
import time
from typing import Any, final
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from nasjax.service.metrics import Metrics
from nasjax.service.settings import Settings

OPEN = ("/", "/livez", "/readyz", "/openapi.json")
_METHODS = {"GET", "HEAD", "POST", "DELETE"}  # others are callers' inventions, and no labels
_LOCAL = {"localhost", "127.0.0.1", "::1"}
# A refused upload is read on for a moment: a client that is still sending would see a broken connection, no answer.
_DRAINED_BYTES, _DRAINED_S = 16 << 20, 3.0


@final
class Guard:
    """Answers 401 without the key; where there is none, 421 to other names of this machine, 403 to pages of others.

    All requests are counted and timed.
    """

    def __init__(self, app: ASGIApp, settings: Settings, metrics: Metrics):
        self._app, self._settings, self._metrics = app, settings, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer it."""
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        exchange = _Exchange(scope, receive, send)
        begun = time.perf_counter()
        refused = refusal(scope["path"], Headers(scope=scope), self._settings)
        app = self._app if refused is None else refused
        try:
            await app(scope, exchange.receive, exchange.send)
        finally:
            method = scope["method"] if scope["method"] in _METHODS else "other"
            route = f"{method} {getattr(scope.get('route'), 'path', 'other')}"
            self._metrics.add("nasjax_requests_total", outcome=str(exchange.status), route=route)
            self._metrics.observe("nasjax_request_seconds", (exchange.answered or time.perf_counter()) - begun)


def refusal(path: str, headers: Headers, settings: Settings) -> JSONResponse | None:
    """The answer to a request that is not let in; None where it is."""
    if settings.key:
        if path in OPEN or _knows(headers, settings.key):
            return None
        return _answer(401, "send the service's key: Authorization: Bearer KEY", {"WWW-Authenticate": "Bearer"})
    # Without a key, other sites could call through their visitor's browser, and one whose name is made to point here
    # could read what it answers.
    host, origin = headers.get("host", ""), headers.get("origin")
    if _hostname(host) not in _LOCAL | {settings.host}:
        return _answer(421, "this service answers to the name of this machine only")
    if origin is not None and origin.partition("://")[2] != host:
        return _answer(403, f"pages of {origin[:100]} may not call this service")
    return None


def _hostname(host: str) -> str | None:
    try:
        return urlsplit(f"//{host}").hostname
    except ValueError:  # brackets that are none of an address
        return None


def _knows(headers: Headers, key: str) -> bool:
    scheme, _, given = headers.get("authorization", "").partition(" ")
    return scheme.lower() == "bearer" and hmac.compare_digest(given.strip().encode(), key.encode())


def _answer(status: int, detail: str, headers: dict[str, str] | None = None) -> JSONResponse:
    return JSONResponse({"detail": detail}, status, headers)


class _Exchange:
    """A request and its answer, watched."""

    def __init__(self, scope: Scope, receive: Receive, send: Send):
        self._receive, self._send = receive, send
        headers = Headers(scope=scope)
        self._ended = not ("content-length" in headers or "transfer-encoding" in headers)
        # Such a client sends only when it is asked to, which an answer without reading makes needless.
        self._asks = headers.get("expect", "").lower() == "100-continue"
        self.status, self.answered = 500, 0.0

    async def receive(self) -> Message:
        message = await self._receive()
        self._asks = False
        if message["type"] != "http.request" or not message.get("more_body", False):
            self._ended = True
        return message

    async def send(self, message: Any) -> None:
        if message["type"] == "http.response.start":
            self.status, self.answered = message["status"], time.perf_counter()
            if self.status >= 400 and not self._ended and not self._asks:
                await self._drain()
        await self._send(message)

    async def _drain(self) -> None:
        total, end = 0, time.monotonic() + _DRAINED_S
        while not self._ended and total < _DRAINED_BYTES:
            try:
                message = await asyncio.wait_for(self.receive(), end - time.monotonic())
            except TimeoutError:
                return
            total += len(message.get("body", b""))
