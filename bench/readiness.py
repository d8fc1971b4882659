"""
What a readiness probe costs, beside the view of django-health-check, on a real PostgreSQL and a real Valkey.

Both answer for the same database and the same cache, as JSON, through a whole application. Theirs
is Django's own without any middleware, which is the least that can stand around a view. It
asks both servers anew at each probe; ours reads what a thread of its own was told last. That asking
is not free, so each interface has a second row in which every probe carries its share of it: all
dependencies are asked once in so many probes as ``mainstay up`` puts to a replica meanwhile.

django-health-check is no dependency of Mainstay. In an environment without it nothing is compared::

    python -m venv .venv-peers && .venv-peers/bin/pip install -r bench/peers.txt
    PYTHONPATH=src .venv-peers/bin/python -m bench.run --rounds 9 readiness
"""

from __future__ import annotations

import sys
import time
from importlib.util import find_spec
from typing import Any

from django.conf import settings
from django.urls import path

from bench.engines import start_postgres, start_valkey
from bench.frame import Comparison, Work
from bench.project import asgi_work, wsgi_work

EVERY = 5.0
"""Seconds between two questions to a dependency: Mainstay's default."""
PROBES = 5.0
"""Probes a second that ``mainstay up`` puts to a replica which is ready."""
SELDOM = 3600.0
"""Seconds; the thread stays out of what is measured, and its work is counted on purpose."""
PATIENCE = 10.0

urlpatterns: list[Any] = []


def comparisons() -> list[Comparison]:
    if find_spec("health_check") is None:
        print("readiness: nothing to compare with, see bench/readiness.py", file=sys.stderr)
        return []
    _set_django_up(start_postgres(), start_valkey())
    _begin_to_watch()
    rows: list[Comparison] = []
    for interface, bare, ours in zip(("WSGI", "ASGI"), _theirs(), _ours(), strict=True):
        for what, work in (("readiness", ours), ("readiness and its share of asking", _sharing(ours))):
            rows.append(
                Comparison(f"{what}, {interface}", "probe", "django-health-check", bare, "/readyz", work)
            )
    return rows


def _set_django_up(postgres: int, valkey: str) -> None:
    import django
    from django.core.cache import caches
    from django.db import connections
    from django.test import override_settings

    database = {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": "postgres",
        "USER": "app",
        "HOST": "127.0.0.1",
        "PORT": str(postgres),
    }
    cache = {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": valkey}
    if not settings.configured:
        settings.configure(
            SECRET_KEY="only-for-the-bench", ALLOWED_HOSTS=["*"], DATABASES={"default": database}
        )
        django.setup()
    # Another bench of the same run may have set Django up with another database.
    connections.settings = connections.configure_settings({"default": database})
    slow = {name: {"every": SELDOM} for name in ("database:default", "cache:default")}
    override_settings(
        CACHES={"default": cache},
        MIDDLEWARE=[],
        ROOT_URLCONF=__name__,
        MAINSTAY={"health": {"dependencies": slow}},
    ).enable()
    caches["default"].get("warm")


def _begin_to_watch() -> None:
    """Declare what the settings say, as Mainstay's app does, and wait until each has answered once."""
    from mainstay.health.builtin import declare
    from mainstay.health.dependencies import WATCH
    from mainstay.health.lifecycle import PROCESS

    declare()
    PROCESS.start()
    until = time.monotonic() + PATIENCE
    while not all(each.ok for each in WATCH.observe().values()):
        if time.monotonic() > until:
            raise RuntimeError(f"not well: {WATCH.observe()}")
        time.sleep(0.01)


def _theirs() -> tuple[Work, Work]:
    from django.core.handlers.asgi import ASGIHandler
    from django.core.handlers.wsgi import WSGIHandler
    from health_check.views import HealthCheckView  # type: ignore[import-not-found, unused-ignore]

    view = HealthCheckView.as_view(checks=["health_check.checks.Database", "health_check.checks.Cache"])
    urlpatterns[:] = [path("health/", view)]
    return (
        wsgi_work(WSGIHandler(), "/health/", "format=json"),
        asgi_work(ASGIHandler(), "/health/", "format=json"),
    )


def _ours() -> tuple[Work, Work]:
    from mainstay.http.entrance.asgi import AsgiEntrance
    from mainstay.http.entrance.wsgi import WsgiEntrance

    def nobody(*_: Any) -> Any:
        raise AssertionError("a probe does not reach the application")

    return wsgi_work(WsgiEntrance(nobody), "/readyz"), asgi_work(AsgiEntrance(nobody), "/readyz")


def _sharing(probes: Work) -> Work:
    """The same probes; every dependency is asked once in as many of them as come in `EVERY` seconds."""
    from mainstay.health.builtin import cache_check, database_check

    checks = (database_check("default"), cache_check("default"))
    at_once = round(EVERY * PROBES)
    owed = 0

    def work(count: int) -> None:
        nonlocal owed
        probes(count)
        owed += count
        while owed >= at_once:
            owed -= at_once
            for check in checks:
                check()

    return work
