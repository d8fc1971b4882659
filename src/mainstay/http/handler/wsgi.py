"""The fast twin of Django's ``WSGIHandler``."""

from __future__ import annotations

from django.core.handlers.wsgi import WSGIHandler

from mainstay.http.handler.chain import FastHandler


class FastWSGIHandler(FastHandler, WSGIHandler):
    """Django's WSGI application on the fast chain."""
