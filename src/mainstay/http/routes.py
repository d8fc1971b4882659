"""Which view a path leads to, for labels and log lines."""

from __future__ import annotations

from typing import Any

from mainstay.http.exchange import Exchange

UNNAMED = "<unnamed view>"
"""The label that django-prometheus uses for it, so that dashboards keep working."""


def note(exchange: Exchange, match: Any) -> None:
    """Write the route of a resolved request down."""
    exchange.route = match.route
    exchange.view = match.view_name or UNNAMED


def find(exchange: Exchange) -> None:
    """Ask Django where the path leads, for projects without the middleware; never fails."""
    from django.urls import resolve

    exchange.route, exchange.view = "", UNNAMED
    try:
        note(exchange, resolve(exchange.path))
    except Exception:  # no such path, or a project whose URLs do not load: the request itself reported it
        return
