"""A request that is over leaves nothing behind: not in the registry of deadlines, not in its thread."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from mainstay.base.context import REQUEST
from mainstay.base.tracecontext import TRACE
from mainstay.health.lifecycle import Lifecycle
from mainstay.http.entrance.asgi import AsgiEntrance
from mainstay.http.entrance.wsgi import WsgiEntrance
from mainstay.http.options import Options
from tests.unit.http.calling import call_asgi, call_wsgi


@pytest.mark.parametrize("ends", ["well", "with an error", "without an answer"])
async def test_a_finished_reply_is_watched_no_longer(ends: str) -> None:
    """Else every request would be held in memory until its deadline, and looked at when it passes."""
    seen: list[int] = []

    async def application(scope: Any, receive: Any, send: Any) -> None:
        seen.append(len(entrance._replies._watched))
        if ends == "with an error":
            raise RuntimeError
        if ends == "well":
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b""})

    entrance = AsgiEntrance(application, process=Lifecycle(), options=Options(deadline=60.0, admission="off"))
    for _ in range(3):
        try:
            await call_asgi(entrance, "/")
        except RuntimeError:
            assert ends == "with an error"
    assert seen == [1, 1, 1]
    assert entrance._replies._watched == {}


@pytest.mark.parametrize("streams", [False, True])
def test_a_thread_forgets_its_request(streams: bool) -> None:
    """What it writes next would else be the last client's, with its user id, and held in memory besides."""

    def application(environ: Any, start_response: Any) -> Any:
        REQUEST.set(object())
        start_response("200 OK", [])

        def pieces() -> Iterator[bytes]:
            assert REQUEST.get() is not None
            yield b"piece"

        return pieces() if streams else [b"piece"]

    assert call_wsgi(WsgiEntrance(application, process=Lifecycle()), "/").body == b"piece"
    assert (REQUEST.get(), TRACE.get()) == (None, None)
