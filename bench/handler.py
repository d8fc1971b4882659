"""
What a request costs on the fast handler, with everything on, beside Django's own with nothing on.

The project is as ``startproject`` makes it, with its seven middleware; the request carries a
session cookie, and its view answers at once without a database. Ours adds the outermost layer
and its middleware as a replica serves them, with admission and access lines that are written to
nowhere. ``handler alone`` leaves those out.
"""

from __future__ import annotations

from typing import Any

from bench.frame import Comparison
from bench.project import DEFAULT_MIDDLEWARE, asgi_work, set_up, with_middleware, wsgi_work

THREADS = 16
COMPLETE = ["mainstay.http.middleware.EntranceMiddleware", *DEFAULT_MIDDLEWARE]


def comparisons() -> list[Comparison]:
    set_up()
    from django.core.asgi import get_asgi_application as django_asgi
    from django.core.wsgi import get_wsgi_application as django_wsgi

    from mainstay import asgi
    from mainstay.http.admission import Admission, Aimd
    from mainstay.http.entrance.proxies import if_configured
    from mainstay.http.entrance.wsgi import WsgiEntrance
    from mainstay.http.handler import FastASGIHandler, FastWSGIHandler

    def served_wsgi() -> WsgiEntrance:
        admission = Admission(Aimd(THREADS), THREADS, THREADS)
        return WsgiEntrance(FastWSGIHandler(), if_configured(), admission)

    django = {
        "wsgi": wsgi_work(with_middleware(DEFAULT_MIDDLEWARE, django_wsgi)),
        "asgi": asgi_work(with_middleware(DEFAULT_MIDDLEWARE, django_asgi)),
        "asgi, sync view": asgi_work(with_middleware(DEFAULT_MIDDLEWARE, django_asgi), "/"),
    }
    alone = {
        "wsgi": wsgi_work(with_middleware(DEFAULT_MIDDLEWARE, FastWSGIHandler)),
        "asgi": asgi_work(with_middleware(DEFAULT_MIDDLEWARE, FastASGIHandler)),
        "asgi, sync view": asgi_work(with_middleware(DEFAULT_MIDDLEWARE, FastASGIHandler), "/"),
    }
    complete = {
        "wsgi": wsgi_work(with_middleware(COMPLETE, served_wsgi)),
        "asgi": asgi_work(with_middleware(COMPLETE, asgi.get_asgi_application)),
    }

    def against(name: str, bare: str, bare_work: Any, ours: str, ours_work: Any) -> Comparison:
        return Comparison(name, "request", bare, bare_work, ours, ours_work)

    return [
        against("WSGI, handler alone", "Django", django["wsgi"], "fast", alone["wsgi"]),
        against("WSGI, everything on", "Django, nothing on", django["wsgi"], "complete", complete["wsgi"]),
        against("ASGI by WSGI, handler alone", "fast WSGI", alone["wsgi"], "fast ASGI", alone["asgi"]),
        against("ASGI by WSGI, everything on", "our WSGI", complete["wsgi"], "our ASGI", complete["asgi"]),
        against("ASGI, handler alone", "Django", django["asgi"], "fast", alone["asgi"]),
        against("ASGI, everything on", "Django, nothing on", django["asgi"], "complete", complete["asgi"]),
        against(
            "ASGI, a sync view, handler alone",
            "Django",
            django["asgi, sync view"],
            "fast",
            alone["asgi, sync view"],
        ),
    ]
