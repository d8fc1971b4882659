"""uvicorn in this process: one event loop, strict framing, and an orderly end."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import socket
import time
from collections.abc import Iterator
from typing import Any

import uvicorn

from mainstay.health.lifecycle import PROCESS, Lifecycle
from mainstay.http import options
from mainstay.http.entrance.asgi import AsgiEntrance
from mainstay.http.entrance.proxies import TrustedProxies
from mainstay.http.entrance.static import AsgiStatic, find_files
from mainstay.http.server import draining
from mainstay.http.server.corked import CorkedProtocol
from mainstay.http.server.listening import BACKLOG, listen
from mainstay.http.server.loading import Assignment

KEEP_ALIVE = 75
"""Seconds an idle connection is kept: longer than the edge keeps it, so that the edge closes first."""

MESSAGE_LIMIT = 1024 * 1024
PING_INTERVAL = 20.0

_logger = logging.getLogger("mainstay.http")


def serve_asgi(application: Any, assignment: Assignment, trusted: TrustedProxies) -> None:
    """
    Listen and serve until SIGTERM or SIGINT.

    Raises:
        OperationFailed: The address cannot be had.
    """
    files = find_files()
    inner = AsgiStatic(application, files) if files else application
    entrance = AsgiEntrance(inner, trusted, assignment.requests_max, options=options.read())
    listener = listen(assignment)
    server = OrderlyServer(configure(entrance, assignment), entrance, assignment.drain_timeout)
    server.run(sockets=[listener])


def configure(application: AsgiEntrance, assignment: Assignment) -> uvicorn.Config:
    """uvicorn's settings; httptools refuses ambiguous framing."""
    return uvicorn.Config(
        application,
        host=assignment.host,
        port=assignment.port,
        loop="uvloop",
        http=CorkedProtocol,
        ws="websockets-sansio",
        ws_max_size=MESSAGE_LIMIT,
        ws_ping_interval=PING_INTERVAL,
        ws_ping_timeout=PING_INTERVAL,
        lifespan="auto",
        interface="asgi3",
        proxy_headers=False,
        server_header=False,
        access_log=False,
        log_config=None,
        log_level="warning",
        backlog=BACKLOG,
        timeout_keep_alive=KEEP_ALIVE,
    )


class OrderlyServer(uvicorn.Server):
    """
    A server that leaves in order and with exit code 0.

    uvicorn's own handling stops listening at once and raises the signal again at the
    end. Here the first signal only begins the drain; a second one cuts it short.
    """

    def __init__(
        self,
        config: uvicorn.Config,
        entrance: AsgiEntrance,
        drain_timeout: float,
        process: Lifecycle = PROCESS,
    ) -> None:
        super().__init__(config)
        self._entrance = entrance
        self._drain_timeout = drain_timeout
        self._process = process
        self._leaving: asyncio.Task[None] | None = None

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._on_signal)
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._process.start()
            address = f"{self.config.host}:{self.config.port}"
            _logger.info("serving", extra={"address": address, "interface": "asgi"})

    def _on_signal(self) -> None:
        draining.begin(self._process, self._drain_timeout)
        self._leaving = asyncio.get_running_loop().create_task(self._leave())

    async def _leave(self) -> None:
        def is_quiet() -> bool:
            return draining.may_stop_listening(self._process, time.monotonic(), self._drain_timeout)

        while not is_quiet():  # noqa: ASYNC110 - quiet is the absence of an event
            await asyncio.sleep(draining.TICK)
        self._entrance.end_streams()
        self.should_exit = True
