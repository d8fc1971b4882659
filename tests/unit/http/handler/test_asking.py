"""The request made by the shorter way is the one that Django makes."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import pytest
from django.core.handlers.asgi import ASGIRequest
from django.core.handlers.wsgi import WSGIRequest, get_script_name
from django.test import override_settings

from mainstay.http.handler.asking import make_request, make_wsgi_request, script_name

ENVIRONS: list[dict[str, Any]] = [
    {},
    {"PATH_INFO": ""},
    {"PATH_INFO": "//two//"},
    {"PATH_INFO": "no-slash"},
    {"PATH_INFO": "/caf\xc3\xa9/"},
    {"PATH_INFO": "/broken-\xff/"},
    {"SCRIPT_NAME": "/shop", "PATH_INFO": "/x"},
    {"SCRIPT_NAME": "/caf\xc3\xa9"},
    {"SCRIPT_URL": "/shop/x", "PATH_INFO": "/x"},
    {"REDIRECT_URL": "/shop//x", "PATH_INFO": "/x"},
    {"CONTENT_LENGTH": "12", "CONTENT_TYPE": "text/plain; charset=latin-1"},
    {"CONTENT_LENGTH": "twelve", "REQUEST_METHOD": "post"},
]


def environ(given: dict[str, Any]) -> dict[str, Any]:
    return {"REQUEST_METHOD": "GET", "PATH_INFO": "/", "wsgi.input": BytesIO(), **given}


def shown(request: Any) -> dict[str, Any]:
    found = {**vars(request)}
    found["_stream"] = found["_stream"].limit
    for name in ("environ", "META"):
        found[name] = {key: value for key, value in found[name].items() if key != "wsgi.input"}
    return found


@pytest.mark.parametrize("forced", [None, "", "/forced"])
@pytest.mark.parametrize("given", ENVIRONS)
def test_the_request_of_wsgi(given: dict[str, Any], forced: str | None) -> None:
    with override_settings(FORCE_SCRIPT_NAME=forced):
        assert script_name(environ(given)) == get_script_name(environ(given))
        ours, theirs = make_wsgi_request(environ(given)), WSGIRequest(environ(given))
    assert type(ours) is WSGIRequest
    assert shown(ours) == shown(theirs)


@pytest.mark.parametrize(
    "headers",
    [
        [(b"host", b"a"), (b"user-agent", b"caf\xe9"), (b"content-type", b"text/plain"), (b"x-a", b"")],
        [(b"x_forged", b"1"), (b"host", b"a"), (b"cookie", b"a=b")],
    ],
)
def test_the_headers_of_asgi(headers: list[tuple[bytes, bytes]]) -> None:
    scope = {
        "type": "http",
        "method": "GET",
        "path": "/",
        "query_string": b"",
        "headers": headers,
        "client": ("192.0.2.1", 1),
        "server": ("a", 80),
    }
    ours, theirs = make_request(scope, BytesIO()), ASGIRequest(scope, BytesIO())
    assert ours is not None
    assert ours.META == theirs.META


@pytest.mark.parametrize(
    "headers",
    [
        [(b"x-a", b"1"), (b"x-a", b"2")],
        [(b"x-a", b"1"), (b"X-A", b"2")],
        [(b"cookie", b"a=b;")],
        [(b"x_a", b"1"), (b"x_b", b"2")],
    ],
)
def test_what_needs_more_than_a_copy_is_left_to_django(headers: list[tuple[bytes, bytes]]) -> None:
    scope = {"method": "GET", "path": "/", "query_string": b"", "client": ("a", 1), "server": ("a", 80)}
    assert make_request({**scope, "headers": headers}, BytesIO()) is None
