"""A request that two programs could read in two ways reaches no application, on either interface."""

from __future__ import annotations

import json
from io import BytesIO
from typing import Any

import pytest

from mainstay.health.lifecycle import Lifecycle
from mainstay.http.entrance.asgi import AsgiEntrance
from mainstay.http.entrance.proxies import TrustedProxies, _network
from mainstay.http.entrance.wsgi import WsgiEntrance
from tests.unit.http.calling import Answer, call_wsgi

CHUNKED, LENGTH, HOST = (b"transfer-encoding", b"chunked"), (b"content-length", b"4"), (b"host", b"shop")


async def ask_asgi(
    headers: list[tuple[bytes, bytes]], version: str, trusted: TrustedProxies | None = None
) -> tuple[int, list[Any]]:
    """The status, and what the application saw."""
    seen: list[Any] = []
    sent: list[dict[str, Any]] = []

    async def application(scope: Any, receive: Any, send: Any) -> None:
        seen.append(scope)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/",
        "client": ("192.0.2.1", 1),
        "http_version": version,
    }
    await AsgiEntrance(application, trusted, process=Lifecycle())(
        {**scope, "headers": headers}, receive, send
    )
    return int(sent[0]["status"]), seen


@pytest.mark.parametrize(
    ("headers", "version"),
    [
        ([HOST, CHUNKED, LENGTH], "1.1"),
        ([HOST, LENGTH, LENGTH], "1.1"),
        ([HOST, HOST], "1.1"),
        ([LENGTH], "1.1"),
        ([(b"host", b"")], "1.1"),
        ([HOST, CHUNKED], "1.0"),
    ],
)
async def test_ambiguous_framing_is_refused_on_asgi(headers: list[tuple[bytes, bytes]], version: str) -> None:
    assert await ask_asgi(headers, version) == (400, [])


@pytest.mark.parametrize(
    ("headers", "version"), [([HOST, LENGTH], "1.1"), ([HOST, CHUNKED], "1.1"), ([], "1.0"), ([], "2")]
)
async def test_what_is_sound_passes_on_asgi(headers: list[tuple[bytes, bytes]], version: str) -> None:
    status, seen = await ask_asgi(headers, version)
    assert (status, len(seen)) == (200, 1)


@pytest.mark.parametrize("host", [[], [(b"host", b"")]])
async def test_no_host_is_none_on_asgi(host: list[tuple[bytes, bytes]]) -> None:
    """Django takes the server's name only where there is no header at all."""
    _, (seen,) = await ask_asgi([*host, LENGTH], "1.0")
    assert seen["headers"] == [LENGTH]


async def test_a_host_that_was_forwarded_stays_where_there_was_none_on_asgi() -> None:
    trusted = TrustedProxies((_network("192.0.2.1"),))
    _, (seen,) = await ask_asgi([(b"host", b""), (b"x-forwarded-host", b"shop")], "1.0", trusted)
    assert dict(seen["headers"])[b"host"] == b"shop"


@pytest.mark.parametrize("host", [[], [(b"host", b"")]])
async def test_a_trusted_proxy_may_name_the_host_that_1_1_asks_for(host: list[tuple[bytes, bytes]]) -> None:
    trusted = TrustedProxies((_network("192.0.2.1"),))
    status, _ = await ask_asgi([*host, (b"x-forwarded-host", b"shop")], "1.1", trusted)
    assert status == 200
    answer, _ = ask_wsgi(HTTP_HOST="", HTTP_X_FORWARDED_HOST="shop", SERVER_PROTOCOL="HTTP/1.1")
    assert answer.status == 200


def ask_wsgi(**environ: Any) -> tuple[Answer, list[Any]]:
    seen: list[Any] = []

    def application(environ: Any, start_response: Any) -> list[bytes]:
        seen.append(dict(environ))
        start_response("200 OK", [])
        return [b""]

    trusted = TrustedProxies((_network("127.0.0.1"),))
    entrance = WsgiEntrance(application, trusted, process=Lifecycle(), hidden=["DATABASE_URL"])
    return call_wsgi(entrance, "/", **environ), seen


@pytest.mark.parametrize(
    "environ",
    [
        {"HTTP_TRANSFER_ENCODING": "chunked", "CONTENT_LENGTH": "4", "wsgi.input": BytesIO(b"body")},
        {"HTTP_HOST": "shop,evil.example"},
        {"HTTP_HOST": ""},
        {"HTTP_TRANSFER_ENCODING": "chunked"},
    ],
    ids=["chunked and a length", "two hosts", "no host", "chunks that granian could not read"],
)
def test_ambiguous_framing_is_refused_on_wsgi(environ: dict[str, Any]) -> None:
    answer, seen = ask_wsgi(**environ)
    assert (answer.status, answer.headers["connection"], seen) == (400, "close", [])
    assert json.loads(answer.body)["type"].endswith("ambiguous-framing")


@pytest.mark.parametrize("protocol", ["HTTP/1.0", "HTTP/1"])  # the latter is how granian spells it
def test_no_host_is_none_on_wsgi(protocol: str) -> None:
    """Granian says that it is empty; Django takes the server's name only where there is no header at all."""
    answer, (seen,) = ask_wsgi(HTTP_HOST="", SERVER_PROTOCOL=protocol)
    assert answer.status == 200
    assert "HTTP_HOST" not in seen


@pytest.mark.parametrize(
    "name",
    [
        "HTTP_FORWARDED",
        "HTTP_X_FORWARDED_FOR",
        "HTTP_X_FORWARDED_PROTO",
        "HTTP_X_FORWARDED_HOST",
        "HTTP_X_FORWARDED",
    ],
)
def test_a_stranger_forwards_nothing_on_wsgi(name: str) -> None:
    _, (seen,) = ask_wsgi(**{name: "for=10.0.0.1", "REMOTE_ADDR": "192.0.2.1"})
    assert name not in seen
    assert (seen["REMOTE_ADDR"], seen["wsgi.url_scheme"]) == ("192.0.2.1", "http")


def test_no_variable_of_the_process_is_in_a_request() -> None:
    """Granian copies them all into it, and error pages print a request."""
    _, (seen,) = ask_wsgi(DATABASE_URL="postgresql://app:s3cret@db/shop")
    assert "DATABASE_URL" not in seen
