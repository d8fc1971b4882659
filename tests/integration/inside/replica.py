"""One running ``python -m mainstay.http.serve``, as a test sees it from outside."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Response:
    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


class Replica:
    """Started at once; nothing is waited for."""

    def __init__(self, root: Path, interface: str, port: int, log: Path, env: dict[str, str]) -> None:
        self.port = port
        self.log = log
        self._offset = 0
        settings = {
            "DJANGO_SETTINGS_MODULE": "site1.settings",
            "MAINSTAY_APPLICATION": f"site1.{interface}:application",
            "MAINSTAY_INTERFACE": interface,
            "MAINSTAY_BIND": f"127.0.0.1:{port}",
            "MAINSTAY_SERVICE": "shop",
            "MAINSTAY_REPLICA": "shop.web.1",
            "MAINSTAY_RELEASE": "r1",
            "MAINSTAY_TRUSTED_PROXIES": "127.0.0.1",
            "SECRET_KEY": "x" * 50,
        }
        with log.open("w") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "mainstay.http.serve"],
                cwd=root,
                env={**os.environ, **settings, **env},
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def get(self, path: str, headers: dict[str, str] | None = None, timeout: float = 10) -> Response:
        return self.request("GET", path, headers=headers, timeout=timeout)

    def request(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: dict[str, str] | None = None,
        timeout: float = 10,
    ) -> Response:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            connection.request(method, path, body, headers or {})
            answer = connection.getresponse()
            names = {name.lower(): value for name, value in answer.getheaders()}
            return Response(answer.status, names, answer.read())
        finally:
            connection.close()

    def raw(self, request: bytes, timeout: float = 3) -> bytes:
        """Everything that comes back for these bytes until the connection ends or goes quiet."""
        received = b""
        with socket.create_connection(("127.0.0.1", self.port), timeout=timeout) as connection:
            connection.sendall(request)
            connection.settimeout(0.5)
            with suppress(TimeoutError, ConnectionResetError):
                while chunk := connection.recv(65536):
                    received += chunk
        return received

    def wait_until_ready(self) -> None:
        deadline = time.monotonic() + 45
        while time.monotonic() < deadline and self.process.poll() is None:
            with suppress(OSError):
                if self.get("/readyz", timeout=1).status == 200:
                    return
            time.sleep(0.02)
        raise AssertionError(f"not ready:\n{self.output()}")

    def output(self) -> str:
        """What it has written since it started, or since `forget`."""
        return self.log.read_bytes()[self._offset :].decode()

    def forget(self) -> None:
        """
        Let the next test see its own lines only.

        A line is written after its answer has been sent, so the lines of the last test
        are waited for: nothing is in flight, and a request that comes after has its line.
        """
        deadline = time.monotonic() + 10
        while b"mainstay_http_requests_in_flight 0.0" not in self.get("/metrics").body:
            assert time.monotonic() < deadline, f"still in flight:\n{self.output()}"
            time.sleep(0.02)
        last = f"forget-{time.monotonic_ns()}"
        self.get("/", {"X-Request-ID": last})
        while last not in (line["request_id"] for line in self.lines()):
            assert time.monotonic() < deadline, f"no line of the last request:\n{self.output()}"
            time.sleep(0.005)
        self._offset = self.log.stat().st_size

    def lines(self, logger: str = "mainstay.access") -> list[dict[str, Any]]:
        """The log lines of one logger so far."""
        parsed = [json.loads(line) for line in self.output().splitlines() if line.startswith("{")]
        return [line for line in parsed if line["logger"] == logger]

    def wait_for_lines(self, count: int, logger: str = "mainstay.access") -> list[dict[str, Any]]:
        deadline = time.monotonic() + 5
        while len(lines := self.lines(logger)) < count and time.monotonic() < deadline:
            time.sleep(0.02)
        return lines

    def memory(self) -> int:
        """Bytes of its own."""
        resident, shared = Path(f"/proc/{self.process.pid}/statm").read_text().split()[1:3]
        return (int(resident) - int(shared)) * os.sysconf("SC_PAGE_SIZE")

    def terminate(self) -> None:
        self.process.send_signal(signal.SIGTERM)

    def wait(self, timeout: float = 15) -> int:
        return self.process.wait(timeout)

    def kill(self) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(10)
