"""Each trap of ``DATABASES`` fires, and is silent where nothing is wrong."""

from __future__ import annotations

import sys
from pathlib import Path
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


PLAIN = {"ENGINE": "django.db.backends.sqlite3", "NAME": Path("/srv/db.sqlite3")}
"""As `startproject` writes it."""


@pytest.fixture
def managed(monkeypatch):
    """How many web processes the service has."""
    monkeypatch.delenv("DATABASE_URL", raising=False)

    def says(replicas: int) -> None:
        monkeypatch.setenv("MAINSTAY_SERVICE", "shop")
        monkeypatch.setenv("MAINSTAY_REPLICAS", str(replicas))

    return says


def test_an_sqlite_file_that_several_processes_write_to(managed):
    managed(2)
    for alias in (
        PLAIN,
        databases("/srv")["default"],
        {**PLAIN, "ENGINE": "django.contrib.gis.db.backends.spatialite"},
    ):
        assert found(alias) == [checks.SHARED_FILE.id]
    with override_settings(DATABASES={"default": PLAIN}):
        (message,) = checks.check_databases()
    assert message.msg == "DATABASES['default'] is an SQLite file, and 2 web processes write to it."


def test_an_sqlite_file_of_one_process_needs_transactions_that_wait(managed):
    """The threads of one process are several connections, too."""
    managed(1)
    assert found(PLAIN) == [checks.SHARED_FILE.id]
    assert found({**PLAIN, "OPTIONS": {"transaction_mode": "immediate"}}) == []
    assert found(databases("/srv")["default"]) == []


@pytest.mark.parametrize(
    "name", [":memory:", "file:x?mode=memory&cache=shared", "file:/srv/a.db?mode=ro", "file:/a?immutable=1"]
)
def test_an_sqlite_database_that_nobody_shares_or_writes(managed, name):
    managed(2)
    assert found({**PLAIN, "NAME": name}) == []


def test_in_development_sqlite_is_fine(monkeypatch):
    monkeypatch.delenv("MAINSTAY_SERVICE", raising=False)
    assert found(PLAIN) == []


def test_every_trap_has_an_id_of_its_own():
    from mainstay.http import checks as http

    ids = [trap.id for trap in (*checks.TRAPS, *http.TRAPS)]
    assert len(ids) == len(set(ids))
    assert all(trap.message and trap.hint and trap.because for trap in (*checks.TRAPS, *http.TRAPS))
