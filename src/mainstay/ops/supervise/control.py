"""
The control socket: how a command line speaks to a running supervisor.

A unix socket, mode 0600, in a folder of mode 0700; one request a connection. The
request is one JSON line ``{"verb": …, …}``; the answer is one JSON line, either
``{"ok": …}`` or ``{"error": {"id", "what", "hint", "details", "exit_code"}}``. Only who may read the
socket's folder may speak, so there is nothing to log in to.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

from mainstay.base.errors import InvalidInput, OperationFailed

Handler = Callable[[Mapping[str, Any]], Awaitable[Any]]
LIMIT = 1024 * 1024


class ControlServer:
    """Answers from `open` to `close`."""

    def __init__(self, path: Path, verbs: Mapping[str, Handler]) -> None:
        self._path = path
        self._verbs = verbs
        self._server: asyncio.Server | None = None

    async def open(self) -> None:
        with contextlib.suppress(FileNotFoundError):
            self._path.unlink()
        self._server = await asyncio.start_unix_server(self._answer, str(self._path), limit=LIMIT)
        self._path.chmod(0o600)

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
        with contextlib.suppress(FileNotFoundError):
            self._path.unlink()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            if line := await reader.readline():
                answer = await self._perform(line)
                writer.write(json.dumps(answer, default=str).encode() + b"\n")
                await writer.drain()
        except (OSError, ValueError):
            pass  # the asker has gone, or asked for more than a line holds
        finally:
            writer.close()

    async def _perform(self, line: bytes) -> dict[str, Any]:
        try:
            request = json.loads(line)
            handler = self._verbs[request["verb"]]
        except (ValueError, KeyError, TypeError):
            return _error(
                OperationFailed("control.unknown-verb", "the supervisor does not know this request")
            )
        try:
            return {"ok": await handler(request)}
        except OperationFailed as error:
            return _error(error)
        except InvalidInput as error:
            first = error.problems[0]
            return _error(
                OperationFailed(first.id, "the file is wrong", details=tuple(str(error).splitlines()))
            )
        except Exception as error:
            # Without an answer the asker would wait, and never learn what went wrong.
            return _error(OperationFailed("supervisor.error", f"{type(error).__name__}: {error}"))


def _error(error: OperationFailed) -> dict[str, Any]:
    return {
        "error": {
            "id": error.id,
            "what": error.what,
            "hint": error.hint,
            "details": list(error.details),
            "exit_code": error.exit_code,
        }
    }


def call(path: Path, verb: str, *, timeout: float = 10.0, **arguments: Any) -> Any:
    """
    Ask a running supervisor and return its answer.

    Raises:
        OperationFailed: Nobody answers there, or the supervisor refused; then with its own words.
    """
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(timeout)
            connection.connect(str(path))
            connection.sendall(json.dumps({"verb": verb, **arguments}).encode() + b"\n")
            raw = connection.makefile("rb").readline()
    except FileNotFoundError as error:
        raise not_running() from error
    except ConnectionRefusedError as error:
        raise not_running() from error
    except OSError as error:
        raise OperationFailed(
            "control.no-answer", f"the supervisor did not answer {verb!r}: {error}", hint="is it frozen?"
        ) from error
    if not raw.endswith(b"\n"):
        raise OperationFailed("control.no-answer", f"the supervisor ended before it answered {verb!r}")
    answer = json.loads(raw)
    if "error" in answer:
        told = answer["error"]
        raise OperationFailed(
            told["id"],
            told["what"],
            told["hint"],
            exit_code=told["exit_code"],
            details=tuple(told["details"]),
        )
    return answer["ok"]


def not_running() -> OperationFailed:
    return OperationFailed(
        "system.not-running", "the system is not running", hint="`mainstay up` starts it", exit_code=1
    )
