"""Each trap of ``DATABASES`` fires, and is silent where nothing is wrong."""

from __future__ import annotations

import sys
from types import ModuleType

import pytest
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.test import override_settings
from django.urls import include, path
from django.views import View

from mainstay.db import checks
from mainstay.db.settings import databases

pytestmark = pytest.mark.filterwarnings("ignore:Overriding setting DATABASES")

URL = "postgres://shop:secret@127.0.0.1:5432/shop"


async def asynchronous(request: HttpRequest) -> HttpResponse:
    return HttpResponse()


@transaction.non_atomic_requests
async def exempt(request: HttpRequest) -> HttpResponse:
    return HttpResponse()


def synchronous(request: HttpRequest) -> HttpResponse:
    return HttpResponse()


class AsyncView(View):
    async def get(self, request: HttpRequest) -> HttpResponse:
        return HttpResponse()


@pytest.fixture
def postgres(monkeypatch):
    """What `mainstay.databases` makes for a process that serves ASGI."""
    monkeypatch.setenv("DATABASE_URL", URL)
    monkeypatch.setenv("MAINSTAY_INTERFACE", "asgi")
    monkeypatch.delenv("MAINSTAY_KIND", raising=False)
    return databases()["default"]


def found(alias: dict, **settings) -> list[str]:
    with override_settings(DATABASES={"default": alias}, **settings):
        return [message.id for message in checks.check_databases()]


def without(alias: dict, option: str) -> dict:
    return {**alias, "OPTIONS": {key: value for key, value in alias["OPTIONS"].items() if key != option}}


def test_what_the_builder_makes_is_silent(postgres):
    assert found(postgres) == []


@pytest.mark.parametrize("age", [60, None])
def test_kept_connections_under_asgi(postgres, monkeypatch, age):
    kept = {**postgres, "CONN_MAX_AGE": age}
    assert found(kept) == [checks.CONN_MAX_AGE.id]
    monkeypatch.setenv("MAINSTAY_INTERFACE", "wsgi")
    assert found(kept, ASGI_APPLICATION="x.y") == []
    monkeypatch.delenv("MAINSTAY_INTERFACE")
    assert found(kept, ASGI_APPLICATION="x.y") == [checks.CONN_MAX_AGE.id]
    assert found(kept) == []


def test_missing_limits(postgres, monkeypatch):
    assert found(without(postgres, "connect_timeout")) == [checks.CONNECT_TIMEOUT.id]
    assert found(without(postgres, "options")) == [checks.STATEMENT_TIMEOUT.id]
    monkeypatch.setenv("MAINSTAY_KIND", "manage")  # a migration may take as long as it needs
    assert found(databases()["default"]) == []


def test_a_second_check_of_the_pool(postgres):
    options = {**postgres["OPTIONS"], "pool": {**postgres["OPTIONS"]["pool"], "check": print}}
    assert found({**postgres, "OPTIONS": options}) == [checks.POOL_CHECK.id]
    assert found({**postgres, "OPTIONS": {**postgres["OPTIONS"], "pool": True}}) == []


@pytest.mark.parametrize(
    ("views", "wrong"),
    [
        ([synchronous], False),
        ([asynchronous], True),
        ([AsyncView.as_view()], True),
        ([exempt, synchronous], False),
    ],
)
def test_transactions_around_asynchronous_views(monkeypatch, views, wrong):
    urls = ModuleType("some_urls")
    urls.urlpatterns = [path("a/", include([path(f"{number}/", view) for number, view in enumerate(views)]))]
    monkeypatch.setitem(sys.modules, "some_urls", urls)
    alias = {"ENGINE": "django.db.backends.sqlite3", "ATOMIC_REQUESTS": True}
    assert found(alias, ROOT_URLCONF="some_urls") == ([checks.ATOMIC_ASYNC.id] if wrong else [])
    assert found({**alias, "ATOMIC_REQUESTS": False}, ROOT_URLCONF="some_urls") == []


def test_sqlite_needs_none_of_it(monkeypatch):
    monkeypatch.delenv("DATABASE_URL", raising=False)
    assert found(databases()["default"]) == []


def test_every_trap_has_an_id_of_its_own():
    from mainstay.http import checks as http

    ids = [trap.id for trap in (*checks.TRAPS, *http.TRAPS)]
    assert len(ids) == len(set(ids))
    assert all(trap.message and trap.hint and trap.because for trap in (*checks.TRAPS, *http.TRAPS))
