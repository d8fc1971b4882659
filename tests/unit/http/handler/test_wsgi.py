"""Closing a response under WSGI does what Django's does, in one pass when nobody else listens."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any
from unittest import mock

import pytest
from django.core.cache import caches
from django.core.cache.backends.base import BaseCache
from django.core.cache.backends.locmem import LocMemCache
from django.core.signals import request_finished
from django.db import connection
from django.db.backends.base.base import BaseDatabaseWrapper
from django.http import FileResponse, HttpRequest, HttpResponse
from django.test import RequestFactory, override_settings
from django.urls import get_urlconf, path

from mainstay.http.entrance.wsgi import WsgiEntrance
from mainstay.http.handler import FastWSGIHandler
from tests.unit.http.handler.test_identity import DEFAULT, SETTINGS

pytestmark = pytest.mark.django_db


def plain(request: HttpRequest) -> HttpResponse:
    return HttpResponse("plain")


def file(request: HttpRequest) -> FileResponse:
    return FileResponse(io.BytesIO(b"file"))


urlpatterns = [path("plain/", plain), path("file/", file)]


@pytest.fixture(autouse=True)
def project() -> Iterator[None]:
    with override_settings(**{**SETTINGS, "ROOT_URLCONF": __name__, "MIDDLEWARE": DEFAULT}):
        yield


def ask(url: str, application: Any, **more: Any) -> Any:
    environ = {**RequestFactory().get(url, headers={"host": "testserver"}).environ, **more}
    return application(environ, lambda status, headers: None)


@pytest.fixture
def opened() -> Iterator[None]:
    """A database connection of this thread, gone afterwards: other tests must not find it."""
    connection.ensure_connection()
    yield
    BaseDatabaseWrapper.close(connection)  # SQLite's own keeps a database in memory


def test_the_entrance_closes_the_short_way_and_leaves_nothing_open(opened: None) -> None:
    with mock.patch.object(connection, "close_if_unusable_or_obsolete") as looked_after:
        assert b"".join(ask("/plain/", WsgiEntrance(FastWSGIHandler()))) == b"plain"

    assert looked_after.call_count == 2  # before and after the request
    assert get_urlconf() is None


class Kept(LocMemCache):
    """A cache with something to close, as Memcached's clients have."""

    closed = 0

    def close(self, **kwargs: Any) -> None:
        Kept.closed += 1


def test_a_cache_that_was_used_is_closed_if_that_does_anything() -> None:
    places = {"kept": {"BACKEND": f"{__name__}.Kept"}, "unused": {"BACKEND": f"{__name__}.Kept"}}
    plain = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
    with override_settings(CACHES={**plain, **places, "absent": {"BACKEND": "nowhere.Cache"}}):
        before = Kept.closed
        caches["kept"].set("a", 1)
        caches["default"].set("a", 1)
        ask("/plain/", WsgiEntrance(FastWSGIHandler()))
        assert Kept.closed == before + 1
        with mock.patch.object(BaseCache, "close") as patched:
            ask("/plain/", WsgiEntrance(FastWSGIHandler()))
        assert patched.call_count == 1  # who replaces the method of all is heard


def test_a_response_closed_by_another_server_is_closed_by_django() -> None:
    response = ask("/plain/", FastWSGIHandler())
    assert get_urlconf() == __name__
    response.close()

    assert response.closed
    assert get_urlconf() is None


def test_a_foreign_receiver_is_called() -> None:
    heard = []

    def receiver(**kwargs: Any) -> None:
        heard.append(kwargs["sender"])

    request_finished.connect(receiver)
    try:
        ask("/plain/", WsgiEntrance(FastWSGIHandler()))
    finally:
        request_finished.disconnect(receiver)

    assert heard == [FastWSGIHandler]


def test_a_server_with_a_file_wrapper_is_given_the_file() -> None:
    given = []

    def wrapper(stream: Any, size: int) -> Any:
        given.append(stream)
        return [b"wrapped"]

    assert ask("/file/", FastWSGIHandler(), **{"wsgi.file_wrapper": wrapper}) == [b"wrapped"]
    given[0].close()
    assert given[0].closed
