"""The pages for people. What only the buyer may see is fetched by the page's own scripts, with the buyer's token."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import wraps
from typing import Concatenate, ParamSpec
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.views.decorators.http import require_safe

from catalog import queries
from catalog.models import Event
from mainstay.db import reads_from_replica

Arguments = ParamSpec("Arguments")
View = Callable[Concatenate[HttpRequest, Arguments], HttpResponse]

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
"""Nothing inline and nothing from elsewhere: a script that somebody smuggles into a page does not run."""


def page(view: View[Arguments]) -> View[Arguments]:
    """A page that is read from a standby, with the content security policy."""

    @require_safe
    @wraps(view)
    def wrapped(request: HttpRequest, *args: Arguments.args, **kwargs: Arguments.kwargs) -> HttpResponseBase:
        with reads_from_replica():
            response = view(request, *args, **kwargs)
        response["Content-Security-Policy"] = POLICY
        response["Cache-Control"] = "no-cache"
        return response

    return wrapped  # type: ignore[return-value]


@page
def events(request: HttpRequest) -> HttpResponse:
    """What is on; with ``part=list`` only the cards, for the search as one types."""
    search, cursor = request.GET.get("search", "").strip(), request.GET.get("cursor", "")
    try:
        found = queries.list_events(search, cursor)
    except queries.BadCursor:
        found = queries.list_events(search, "")
    more = urlencode({"search": search, "cursor": found["next"]}) if found["next"] else ""
    cards = [{**event, "starts_at": datetime.fromisoformat(event["starts_at"])} for event in found["results"]]
    context = {"events": cards, "search": search, "more": more, "first": not cursor}
    part = request.GET.get("part") == "list"
    return render(request, "catalog/cards.html" if part else "catalog/events.html", context)


@page
def event(request: HttpRequest, event_id: int) -> HttpResponse:
    """One event and its seat map."""
    try:
        found = queries.get_event(event_id)
    except Event.DoesNotExist:
        return missing(request)
    return render(request, "catalog/event.html", {"event": found})


@page
def tickets(request: HttpRequest) -> HttpResponse:
    """Where a buyer finds what they bought."""
    return render(request, "catalog/tickets.html")


@page
def docs(request: HttpRequest) -> HttpResponse:
    """Both public APIs, to read and to try."""
    return render(request, "catalog/docs.html")


def missing(request: HttpRequest) -> HttpResponse:
    return render(request, "catalog/missing.html", status=404)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's ``handler404``, for people; Mainstay's entrance gives programs a problem instead."""
    response = missing(request)
    response["Content-Security-Policy"] = POLICY
    return response
