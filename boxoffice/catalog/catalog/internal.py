"""The door for other services: news of seats."""

from __future__ import annotations

import hmac
import json

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from catalog import handlers
from catalog.actions import parse_news

HEADER = "Mainstay-Internal-Token"


@csrf_exempt
@require_POST
async def seat_changes(request: HttpRequest) -> HttpResponse:
    """Take ``{"event": id, "seats": [[id, state, until, version], …]}``; async, because it ends in a push."""
    if not is_neighbor(request):
        return JsonResponse({"title": "Forbidden", "status": 403}, status=403)
    try:
        body = json.loads(request.body)
        event, news = int(body["event"]), parse_news(body["seats"])
    except (ValueError, TypeError, KeyError):
        return JsonResponse({"title": "Bad Request", "status": 400}, status=400)
    await handlers.seats_changed(event, news)
    return HttpResponse(status=204)


def is_neighbor(request: HttpRequest) -> bool:
    """Whether the caller knows the token of this system; without a configured one nobody does."""
    expected, given = settings.INTERNAL_TOKEN, request.headers.get(HEADER, "")
    return bool(expected) and hmac.compare_digest(given.encode(), expected.encode())
