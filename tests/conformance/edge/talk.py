"""Speaking HTTP byte by byte: what a test sends is what goes over the wire."""

from __future__ import annotations

import contextlib
import http.client
import io
import json
import socket
from dataclasses import dataclass
from typing import Any

from mainstay.ops.engines.engine import Address

PROBLEM = "application/problem+json"


@dataclass(frozen=True)
class Answer:
    """What came back; status 0 when the connection was closed without an answer."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)

    def is_problem(self, *statuses: int) -> bool:
        """Whether this is one of the edge's own errors, in its own words."""
        kind = self.headers.get("content-type", "")
        return self.status in statuses and kind == PROBLEM and self.json()["status"] == self.status

    def refuses(self, *statuses: int) -> bool:
        """
        Whether the request was turned away before any rule could be applied to it.

        For what its parser refuses HAProxy has fixed small pages that no setting changes
        (``h1_send_error`` in ``src/mux_h1.c``); nginx answers with the edge's own words.
        """
        fixed = self.status in statuses and len(self.body) < 200 and b"haproxy" not in self.body.lower()
        return self.is_problem(*statuses) or fixed


def connect(address: Address, timeout: float = 5.0, source: str = "") -> socket.socket:
    """``source`` is the address to come from; empty leaves it to the kernel."""
    own = (source, 0) if source else None
    return socket.create_connection((address.host, address.port), timeout, source_address=own)


def request(
    address: Address,
    target: str = "/",
    *headers: str,
    method: str = "GET",
    body: bytes = b"",
    host: str = "localhost",
    timeout: float = 10.0,
    source: str = "",
) -> Answer:
    """One request on a connection of its own; ``headers`` are whole lines."""
    lines = [
        f"{method} {target} HTTP/1.1",
        *([f"Host: {host}"] if host else []),
        "Connection: close",
        *headers,
    ]
    if body:
        lines.append(f"Content-Length: {len(body)}")
    return raw(address, "\r\n".join([*lines, "", ""]).encode("latin-1") + body, timeout, method, source)


def raw(
    address: Address, sent: bytes, timeout: float = 10.0, method: str = "GET", source: str = ""
) -> Answer:
    with connect(address, timeout, source) as connection:
        # The answer may come before all was sent.
        with contextlib.suppress(ConnectionError):
            connection.sendall(sent)
        return receive(connection, method)


def receive(connection: socket.socket, method: str = "GET") -> Answer:
    """The next answer on a connection; one to HEAD has no body."""
    received = _Socket(connection)
    response = http.client.HTTPResponse(received, method=method)  # type: ignore[arg-type]
    try:
        response.begin()
        while response.status == 100:
            response.begin()
        body = response.read()
    except (http.client.RemoteDisconnected, ConnectionResetError):
        return Answer(0, {}, b"")
    headers = {name.lower(): value for name, value in response.getheaders()}
    return Answer(response.status, headers, body)


class _Socket:
    """A socket that `http.client` may not close, so that the connection can be used on."""

    def __init__(self, connection: socket.socket) -> None:
        self._file = connection.makefile("rb", buffering=0)

    def makefile(self, *_: object) -> io.BufferedReader:
        return io.BufferedReader(self._file)


def closes(connection: socket.socket) -> bool:
    """Whether the other side hangs up, within the socket's time limit."""
    try:
        return connection.recv(1) == b""
    except ConnectionResetError:
        return True
    except TimeoutError:
        return False
