"""The public read API."""

from __future__ import annotations

import hashlib
from typing import Any

import orjson
from django.http import Http404
from django.utils import timezone
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from catalog import handlers, queries
from catalog.models import Event, Seat
from mainstay.db import reads_from_replica
from mainstay.http.problems import Problem


class VenueOutput(serializers.Serializer[Any]):
    name = serializers.CharField()
    city = serializers.CharField()


class EventOutput(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    title = serializers.CharField()
    subtitle = serializers.CharField()
    kind = serializers.ChoiceField(Event.Kind.values)
    starts_at = serializers.DateTimeField()
    venue = VenueOutput()
    price_from = serializers.IntegerField(help_text="in cents")
    price_to = serializers.IntegerField(help_text="in cents")
    currency = serializers.CharField()
    capacity = serializers.IntegerField()
    sold = serializers.IntegerField()
    availability = serializers.ChoiceField(["good", "few", "sold-out"])


class EventDetailOutput(EventOutput):
    description = serializers.CharField()


class EventPage(serializers.Serializer[Any]):
    results = EventOutput(many=True)
    next = serializers.CharField(allow_null=True, help_text="the cursor of the next page")


class SeatOutput(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    section = serializers.CharField()
    row = serializers.CharField()
    number = serializers.IntegerField()
    price = serializers.IntegerField(help_text="in cents")
    state = serializers.ChoiceField(Seat.State.values)
    until = serializers.DateTimeField(allow_null=True, help_text="when a hold ends")
    version = serializers.IntegerField(help_text="grows with every change of this seat")


class Events(APIView):
    def get(self, request: Request) -> Response:
        """Coming events by date."""
        search, cursor = request.query_params.get("search", ""), request.query_params.get("cursor", "")
        try:
            with reads_from_replica():
                return conditional(request, queries.list_events(search, cursor))
        except queries.BadCursor:
            raise Problem(
                400, "urn:boxoffice:bad-cursor", "Take the cursor from `next` of the page before."
            ) from None


class EventDetail(APIView):
    def get(self, request: Request, event_id: int) -> Response:
        """One event."""
        with reads_from_replica():
            event = event_or_404(event_id)
            sold = queries.count_sold([event_id]).get(event_id, 0)
        return conditional(request, {**queries.summarize(event, sold), "description": event.description})


class Seats(APIView):
    def get(self, request: Request, event_id: int) -> Response:
        """Every seat of an event and its state; changes are pushed at `/ws/events/{id}/`."""
        with reads_from_replica():
            now = timezone.now()
            seats = [queries.describe_seat(seat, now) for seat in queries.seats_of(event_id)]
        if not seats:
            raise Http404
        handlers.refresh_when_old(event_id)
        return conditional(request, seats)


def event_or_404(event_id: int) -> Event:
    try:
        return queries.get_event(event_id)
    except Event.DoesNotExist:
        raise Http404 from None


def conditional(request: Request, data: Any) -> Response:
    """The answer, or 304 when the caller has the same one already: a poll then costs a few bytes."""
    digest = hashlib.blake2b(orjson.dumps(data, default=str), digest_size=12).hexdigest()
    headers = {"ETag": f'W/"{digest}"', "Cache-Control": "no-cache"}
    if f'"{digest}"' in request.headers.get("If-None-Match", ""):
        return Response(status=304, headers=headers)
    return Response(data, headers=headers)
