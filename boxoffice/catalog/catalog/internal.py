"""The door for other services: news of seats."""

from __future__ import annotations

import hmac
import json

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from catalog import handlers
from catalog.actions import parse_news
from mainstay.http.problems import Problem

HEADER = "Mainstay-Internal-Token"


@csrf_exempt
@require_POST
async def seat_changes(request: HttpRequest) -> HttpResponse:
    """Take ``{"event": id, "seats": [[id, state, until, version], …]}``; async, because it ends in a push."""
    if not is_neighbor(request):
        raise Problem(403)
    try:
        body = json.loads(request.body)
        event, news = int(body["event"]), parse_news(body["seats"])
    except (ValueError, TypeError, KeyError):
        raise Problem(400) from None
    await handlers.seats_changed(event, news)
    return HttpResponse(status=204)


def is_neighbor(request: HttpRequest) -> bool:
    """Whether the caller knows the token of this system; without a configured one nobody does."""
    expected, given = settings.INTERNAL_TOKEN, request.headers.get(HEADER, "")
    return bool(expected) and hmac.compare_digest(given.encode(), expected.encode())
