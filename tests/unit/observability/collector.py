"""Receivers of spans on loopback: one that understands them, and those that misbehave."""

from __future__ import annotations

import json
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class CollectorServer(ThreadingHTTPServer):
    """An OTLP/HTTP receiver: decodes each request and keeps its spans; ``statuses`` are answered first."""

    daemon_threads = True

    def __init__(self, *statuses: int) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.statuses = list(statuses)
        self.spans: list[dict[str, Any]] = []
        self.resources: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.raw = b""
        self.requests = 0
        self._thread = threading.Thread(target=self.serve_forever, args=(0.02,))
        self._thread.start()

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def wait(self, count: int) -> list[dict[str, Any]]:
        deadline = time.monotonic() + 15
        while len(self.spans) < count:
            assert time.monotonic() < deadline, f"{len(self.spans)} of {count} spans arrived"
            time.sleep(0.02)
        return self.spans

    def end(self) -> None:
        self.shutdown()
        self._thread.join()
        self.server_close()


class _Handler(BaseHTTPRequestHandler):
    server: CollectorServer

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.requests += 1
        status = self.server.statuses.pop(0) if self.server.statuses else 200
        if status == 200:
            self._keep(body)
        self.send_response(status)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def _keep(self, body: bytes) -> None:
        assert self.path == "/v1/traces"
        assert self.headers["Content-Type"] == "application/json"
        self.server.raw += body
        self.server.headers.append({name.lower(): value for name, value in self.headers.items()})
        for group in json.loads(body)["resourceSpans"]:
            self.server.resources.append(attributes(group["resource"]))
            for scope in group["scopeSpans"]:
                self.server.spans += [{**span, "scope": scope["scope"]["name"]} for span in scope["spans"]]

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet."""


class BlackHole:
    """Accepts connections and never answers."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.endpoint = f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def end(self) -> None:
        self._listener.close()


def attributes(holder: dict[str, Any]) -> dict[str, Any]:
    """The protocol's list of typed values as a dictionary."""
    return {pair["key"]: _plain(pair["value"]) for pair in holder["attributes"]}


def _plain(value: dict[str, Any]) -> Any:
    ((kind, plain),) = value.items()
    match kind:
        case "intValue":
            assert isinstance(plain, str)  # 64-bit numbers are text in the protocol's JSON form
            return int(plain)
        case "arrayValue":
            return [_plain(each) for each in plain["values"]]
        case "kvlistValue":
            return {pair["key"]: _plain(pair["value"]) for pair in plain["values"]}
    return plain
