"""
Django's WSGI application in Mainstay's outermost layer, for projects that run their own server.

``python -m mainstay.http.serve`` needs none of this: it wraps an untouched ``wsgi.py``.
"""

from __future__ import annotations

from mainstay.health.lifecycle import PROCESS
from mainstay.http import options
from mainstay.http.proxies import if_configured
from mainstay.http.wsgi import WsgiEntrance


def get_wsgi_application() -> WsgiEntrance:
    """Set Django up and return its application, wrapped."""
    from django.core.wsgi import get_wsgi_application as django_application

    application = WsgiEntrance(django_application(), if_configured(), options=options.read())
    PROCESS.start()
    return application
