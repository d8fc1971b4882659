"""The fast twin of Django's ``ASGIHandler``."""

from __future__ import annotations

from django.core.handlers.asgi import ASGIHandler

from mainstay.http.handler.chain import FastHandler


class FastASGIHandler(FastHandler, ASGIHandler):
    """Django's ASGI application on the fast chain."""
