"""
The program around the proxies: started with a configuration, told the rest over a unix socket.

The configuration is JSON: ``{"control": PATH, "seed": 0, "doors": [{"name", "listen",
"target"}]}``. On the socket each request is one line, ``{"verb": "set", "name": …, "toxics":
[…]}``, and so is each answer, ``{"ok": …}`` or ``{"error": {…}}``; any number of them a
connection. It lies in a private folder and has mode 0600, so there is nothing to log in to.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import resource
import signal
from collections.abc import Hashable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from mainstay.base.errors import OperationFailed
from mainstay.ops.links.door import address, place
from mainstay.ops.links.proxy import Proxy
from mainstay.ops.links.toxics import parse


class Control:
    """Answers from `open` to `close`."""

    def __init__(self, path: Path, proxy: Proxy) -> None:
        self._path = path
        self._proxy = proxy
        self._server: asyncio.Server | None = None

    async def open(self) -> None:
        self._path.unlink(missing_ok=True)
        self._server = await asyncio.start_unix_server(self._serve, str(self._path))
        self._path.chmod(0o600)

    def close(self) -> None:
        if self._server is not None:
            self._server.close()
        self._path.unlink(missing_ok=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while line := await reader.readline():
                writer.write(json.dumps(self._answer(writer, line)).encode() + b"\n")
                await writer.drain()
        except (OSError, ValueError):
            pass  # the asker has gone, or asked for more than a line holds
        finally:
            self._proxy.forget(writer)
            writer.close()

    def _answer(self, owner: Hashable, line: bytes) -> dict[str, Any]:
        try:
            return {"ok": self._perform(owner, json.loads(line))}
        except OperationFailed as error:
            return {"error": {**asdict(error), "details": list(error.details)}}
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            told = f"this is no request: {type(error).__name__}: {error}"
            return {"error": asdict(OperationFailed("links.wrong-request", told))}
        except Exception as error:
            # Whatever it is: hanging up would heal all that this connection has set.
            return {"error": asdict(OperationFailed("links.error", f"{type(error).__name__}: {error}"))}

    def _perform(self, owner: Hashable, request: Mapping[str, Any]) -> Any:
        proxy = self._proxy
        match request["verb"]:
            case "set":
                proxy.set(owner, request["name"], parse(request["toxics"]))
            case "add":
                proxy.add(place(request))
            case "remove":
                proxy.remove(address(request["listen"]))
            case "retarget":
                proxy.retarget(request["name"], address(request["target"]), cut=bool(request.get("cut")))
            case "counters":
                return proxy.counters(request["name"])
            case "list":
                return [each.as_json() for each in proxy.places()]
            case other:
                raise OperationFailed("links.unknown-verb", f"the links know no verb {other!r}")
        return None


def run(configuration: Path) -> None:
    """
    Serve until SIGTERM or SIGINT.

    The socket is opened before the doors are read: one that is added while this starts is either
    in the file by then, or is added by a request that waits.
    """
    _take_descriptors()
    asyncio.run(_serve(configuration))


async def _serve(configuration: Path) -> None:
    known = _read(configuration)
    proxy = Proxy(int(known.get("seed", 0)))
    control = Control(Path(known["control"]), proxy)
    await control.open()
    for each in _read(configuration)["doors"]:
        proxy.add(place(each))
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    await ended.wait()
    control.close()
    proxy.close()


def _read(configuration: Path) -> dict[str, Any]:
    return dict(json.loads(configuration.read_text()))


def _take_descriptors() -> None:
    """As many as are allowed: each connection takes two."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
