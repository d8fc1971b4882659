"""
The probes of a process that is no web server: a worker, a relay, a beat.

A thread answers liveness, startup, readiness and metrics on the address in ``MAINSTAY_HEALTH_BIND``, and
nothing else. One request at a time: whoever asks is the supervisor or Prometheus, on this machine.
"""

from __future__ import annotations

import logging
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer, ThreadingHTTPServer

from django.apps import apps

from mainstay.base import environment, wire
from mainstay.health import builtin, progress, readiness
from mainstay.health.lifecycle import PROCESS
from mainstay.http.entrance import answers
from mainstay.observability.asking import only_look

PATIENCE = 1.0
"""Seconds an asker has to say what it wants, so that one that says nothing holds up no other."""

_logger = logging.getLogger("mainstay.health")
_started = threading.Lock()


class Probes(BaseHTTPRequestHandler):
    """Answers one request and hangs up."""

    timeout = PATIENCE
    server_version, sys_version = "mainstay", ""

    def do_GET(self) -> None:
        """The name is the standard library's."""
        only_look()  # each request has a thread of its own
        path = self.path.partition("?")[0]
        if path not in answers.PATHS:
            answer = answers.problem(404, detail="Only probes and metrics are answered here.")
        elif not apps.ready and path != wire.LIVE_PATH:
            # Dependencies and figures ask databases, which Django advises against until every app is ready.
            answer = answers.of_probe(readiness.Answer(False, "starting"))
        elif path == wire.READY_PATH:
            answer = answers.of_probe(readiness.work())
        else:
            answer = answers.internal(path)
        self.send_response_only(answer.status)
        for name, value in answer.all_headers:
            self.send_header(name, value)
        self.send_header("connection", "close")
        self.end_headers()
        self.wfile.write(answer.body)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: five probes a second would drown the worker's own lines."""


def start_if_asked() -> HTTPServer | None:
    """
    Answer probes from now on, if the environment says where; called when Django is set up.

    A command that runs beside a worker, such as a shell started with its environment, finds the address taken
    and goes on without.

    Raises:
        InvalidInput: ``MAINSTAY["health"]`` says something that has no meaning.
    """
    bind = environment.text(wire.HEALTH_BIND)
    if not bind or not _started.acquire(blocking=False):
        return None
    builtin.read()
    host, _, port = bind.rpartition(":")
    try:
        server = ThreadingHTTPServer((host.strip("[]"), int(port)), Probes)
    except (OSError, ValueError, OverflowError) as error:
        _logger.warning("no probes are answered on %s: %s", bind, error)
        return None
    progress.follow_statements()
    progress.follow_celery()
    PROCESS.start()
    threading.Thread(target=server.serve_forever, name="mainstay-probes", daemon=True).start()
    return server
