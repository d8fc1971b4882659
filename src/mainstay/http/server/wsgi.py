"""
granian in this process: its Rust side listens, Python threads answer, nothing forks.

Granian's own command always forks a worker, which outlives a killed parent and goes on
serving. Its thread-based server, made for free-threaded Python, runs the same code in
one process; docs/decisions has the reasons.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from typing import Any

from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.server.common import AbstractServer
from granian.server.mt import MTServer

from mainstay.base import timeouts
from mainstay.base.threads import start_thread
from mainstay.health.lifecycle import PROCESS, Lifecycle
from mainstay.http import options
from mainstay.http.admission import Admission, Aimd
from mainstay.http.entrance.proxies import TrustedProxies
from mainstay.http.entrance.static import WsgiStatic, find_files
from mainstay.http.entrance.wsgi import WsgiEntrance
from mainstay.http.server import draining
from mainstay.http.server.listening import BACKLOG, listen
from mainstay.http.server.loading import Assignment

PROBE_THREADS = 2
"""Threads beyond those that work or wait, so that probes are answered while all others are busy."""

ATTENTION = 0.1
"""Most seconds that the main thread sleeps without looking for a signal."""

HEADER_TIMEOUT = 10_000
"""Milliseconds a client has to send its request's head."""

REQUEST_VARIABLES = ("HTTP_", "REMOTE_", "SERVER_", "CONTENT_", "REQUEST_", "PATH_INFO", "QUERY_", "SCRIPT_")
"""How the names of a request's own variables begin (PEP 3333)."""

_logger = logging.getLogger("mainstay.http")


def serve_wsgi(application: Any, assignment: Assignment, trusted: TrustedProxies) -> None:
    """
    Listen and serve until SIGTERM or SIGINT.

    Raises:
        OperationFailed: The address cannot be had.
    """
    admitted = max(assignment.threads, assignment.requests_max)
    files = find_files()
    inner = WsgiStatic(application, files) if files else application
    chosen = options.read()
    limit = Aimd(assignment.threads, initial=assignment.threads)
    admission = Admission(limit, assignment.threads, admitted, chosen.admission, patience=timeouts.turn())
    entrance = WsgiEntrance(inner, trusted, admission, hidden=process_variables(), options=chosen)
    listen(assignment).close()  # granian binds by itself and would answer a busy port with a Rust panic
    server = OrderlyServer(assignment, admitted + PROBE_THREADS)
    AbstractServer.serve(server, target_loader=lambda: entrance, wrap_loader=False)


def process_variables() -> list[str]:
    """
    What granian copies from the process's environment into every request.

    Error pages and reports print a request; the database's password must not be in it.
    """
    return [name for name in os.environ if not name.startswith(REQUEST_VARIABLES)]


class Attentive(threading.Event):
    """
    An event whose waiting thread looks up every `ATTENTION` seconds.

    Python's main thread runs the handlers of signals between its own steps, and a signal does not always wake it:
    one of a hundred SIGTERMs was heard at the next look only, on Python 3.13 beside granian's threads. Waiting
    without an end, it would leave that SIGTERM unheard until the supervisor loses patience.
    """

    def wait(self, timeout: float | None = None) -> bool:
        if timeout is not None:
            return super().wait(timeout)
        while not super().wait(ATTENTION):
            pass
        return True


class OrderlyServer(MTServer):
    """
    A thread-based granian that leaves in order.

    The first signal begins the drain; the workers are told to stop when it has gone
    quiet, finish what they have, and the main thread waits for them. A second signal
    cuts it short.
    """

    def __init__(self, assignment: Assignment, threads: int, process: Lifecycle = PROCESS) -> None:
        super().__init__(
            target="",
            address=assignment.host,
            port=assignment.port,
            interface=Interfaces.WSGI,
            blocking_threads=threads,
            backlog=BACKLOG,
            backpressure=BACKLOG,
            http=HTTPModes.http1,
            http1_settings=HTTP1Settings(header_read_timeout=HEADER_TIMEOUT),
            websockets=False,
            log_enabled=False,
        )
        self._drain_timeout = assignment.drain_timeout
        self._process = process
        self.main_loop_interrupt = Attentive()

    def _check_gil(self) -> None:
        """Granian refuses its thread-based server under a GIL; one worker has nobody to compete with."""

    def _spawn_workers(self, spawn_target: Any, target_loader: Any) -> None:
        super()._spawn_workers(spawn_target, target_loader)  # type: ignore[no-untyped-call]
        self._process.start()
        _logger.info("serving", extra={"address": f"{self.bind_addr}:{self.bind_port}", "interface": "wsgi"})

    def signal_handler_interrupt(self, *args: Any, **kwargs: Any) -> None:
        draining.begin(self._process, self._drain_timeout)
        if start_thread(self._leave, "mainstay-drain") is None:
            self._leave()  # the main thread has nothing else to do than to wait for this; a second signal is heard

    def _stop_workers(self) -> None:
        for worker in self.wrks:
            worker.terminate()  # type: ignore[no-untyped-call]
        for worker in self.wrks:
            while worker.inner.is_alive():
                worker.join(ATTENTION)  # type: ignore[no-untyped-call]

    def _leave(self) -> None:
        while not draining.may_stop_listening(self._process, time.monotonic(), self._drain_timeout):
            time.sleep(draining.TICK)
        super().signal_handler_interrupt()  # type: ignore[no-untyped-call]
