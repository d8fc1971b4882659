"""
Django's WSGI application in Mainstay's outermost layer, for projects that run their own server.

``python -m mainstay.http.serve`` needs none of this: it wraps an untouched ``wsgi.py``.
"""

from __future__ import annotations

from mainstay.health import builtin
from mainstay.health.lifecycle import PROCESS
from mainstay.http import options
from mainstay.http.entrance.proxies import if_configured
from mainstay.http.entrance.wsgi import WsgiEntrance


def get_wsgi_application() -> WsgiEntrance:
    """Set Django up and return its application, on the fast handler and wrapped."""
    import django

    django.setup(set_prefix=False)
    builtin.read()
    from mainstay.http.handler import FastWSGIHandler

    application = WsgiEntrance(FastWSGIHandler(), if_configured(), options=options.read())
    PROCESS.start()
    return application
