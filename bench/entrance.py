"""
What the outermost layer costs a request, beside Django's own application alone.

A project as `startproject` makes it, without a database: five of its middleware and a view that
answers at once, so the layer's share is as large as it ever gets. Ours adds the outermost layer
and its middleware; its access lines are written, to nowhere.
"""

from __future__ import annotations

from typing import Any

from bench.frame import Comparison
from bench.project import asgi_work, set_up, with_middleware, wsgi_work

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django.middleware.gzip.GZipMiddleware",
]


def comparisons() -> list[Comparison]:
    set_up()
    names = ("Django alone", "in the outermost layer")
    wsgi, wrapped_wsgi = _applications("wsgi")
    asgi, wrapped_asgi = _applications("asgi")
    return [
        Comparison("WSGI, a view", "request", names[0], wsgi_work(wsgi), names[1], wsgi_work(wrapped_wsgi)),
        Comparison(
            "ASGI, an async view", "request", names[0], asgi_work(asgi), names[1], asgi_work(wrapped_asgi)
        ),
    ]


def _applications(interface: str) -> tuple[Any, Any]:
    """Django's application with its own middleware, and ours around one that has ours as well."""
    if interface == "wsgi":
        from django.core.wsgi import get_wsgi_application as bare

        from mainstay.wsgi import get_wsgi_application as ours
    else:
        from django.core.asgi import get_asgi_application as bare  # type: ignore[assignment]

        from mainstay.asgi import get_asgi_application as ours  # type: ignore[assignment]
    wrapped = ["mainstay.http.middleware.EntranceMiddleware", *MIDDLEWARE]
    return with_middleware(MIDDLEWARE, bare), with_middleware(wrapped, ours)
