"""A service on a socket: until a signal ends it."""

import socket
from collections.abc import Callable, Mapping
from typing import Any

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from nasjax.service.app import make_app
from nasjax.service.models import Model
from nasjax.service.settings import Settings

_CONNECTIONS = 512


def serve(settings: Settings, models: Mapping[str, Model], say: Callable[[str], None]) -> None:
    """Serve until SIGINT or SIGTERM; `say` is told the address as soon as requests are taken.

    Raises OSError where the address cannot be had, RuntimeError where the service could not start.
    """
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    with socket.create_server((settings.host, settings.port), family=family, backlog=512) as listening:
        server = _Server(_config(settings, models), say, listening)
        server.run(sockets=[listening])
    if not server.started:
        raise RuntimeError("serve: the service could not start; what is above says why")


class _Config(uvicorn.Config):
    """With the seconds in which a request's header has to arrive, and a part of an answer has to be taken."""

    idle_seconds: float


def _config(settings: Settings, models: Mapping[str, Model]) -> _Config:
    config = _Config(
        make_app(settings, models),
        http=_Protocol,
        ws="none",
        lifespan="on",
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        limit_concurrency=_CONNECTIONS,
        timeout_keep_alive=5,
        timeout_graceful_shutdown=30,
    )
    config.idle_seconds = settings.idle_timeout
    return config


class _Server(uvicorn.Server):
    """Says where it listens once it does."""

    def __init__(self, config: uvicorn.Config, say: Callable[[str], None], listening: socket.socket):
        super().__init__(config)
        self._say, self._listening = say, listening

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            host, port = self._listening.getsockname()[:2]
            self._say(f"http://{f'[{host}]' if ':' in host else host}:{port}")


class _Protocol(H11Protocol):
    """Closes connections whose next header takes too long, or the taking of an answer: uvicorn waits without an end."""

    config: _Config
    _timer: Any = None
    _reader_timer: Any = None

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._watch()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._unwatch()
        self._unwatch_reader()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._watch()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._reader_timer = self.loop.call_later(self.config.idle_seconds, self.transport.abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        self._unwatch_reader()

    def _watch(self) -> None:
        """A timer runs exactly while a header is awaited, from its first byte, the last answer or the connection."""
        if self.cycle is not None and not self.cycle.response_complete:
            self._unwatch()
        elif self._timer is None:
            self._timer = self.loop.call_later(self.config.idle_seconds, self._close)

    def _unwatch(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _unwatch_reader(self) -> None:
        if self._reader_timer is not None:
            self._reader_timer.cancel()
            self._reader_timer = None

    def _close(self) -> None:
        self._timer = None
        if self.cycle is None or self.cycle.response_complete:
            # close() would wait for what is left of an answer to be taken.
            self.transport.abort()
