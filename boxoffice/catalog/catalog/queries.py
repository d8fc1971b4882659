"""Reads for everybody; each may come from a standby and be a moment old."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.contrib.postgres.search import SearchQuery
from django.db.models import Count, Q, QuerySet
from django.utils import timezone

from catalog.brief import briefly
from catalog.models import Event, Seat, plain_words

PAGE = 24
LIST_SECONDS = 3
"""How old a list may be; long enough to spare the database a rush, short enough not to be noticed."""


class BadCursor(Exception):
    """The cursor was not made by this service."""


@dataclass(frozen=True, slots=True)
class Cursor:
    """The last event of a page: the next one begins after it, wherever that is by then."""

    starts_at: datetime
    id: int

    def __str__(self) -> str:
        return (
            base64.urlsafe_b64encode(f"{self.starts_at.isoformat()}|{self.id}".encode()).decode().rstrip("=")
        )


def parse_cursor(text: str) -> Cursor:
    try:
        moment, _, number = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode().partition("|")
        starts_at = datetime.fromisoformat(moment)
        if starts_at.tzinfo is None:
            raise BadCursor
        return Cursor(starts_at, int(number))
    except (ValueError, binascii.Error):
        raise BadCursor from None


def list_events(search: str, cursor: str) -> dict[str, object]:
    """
    A page of coming events by date, as the API shows it; remembered for some seconds.

    Raises:
        BadCursor
    """
    words = prefix_query(search)
    after = parse_cursor(cursor) if cursor else None
    return briefly(f"events:{words}:{after or ''}", LIST_SECONDS, lambda: read_page(words, after))


def read_page(words: str, after: Cursor | None) -> dict[str, object]:
    """One page by key: its cost does not grow with how far somebody has scrolled."""
    events = Event.objects.select_related("venue").filter(starts_at__gte=timezone.now() - timedelta(hours=3))
    if words:
        events = events.filter(search=SearchQuery(words, search_type="raw", config="simple"))
    if after:
        events = events.filter(
            Q(starts_at__gt=after.starts_at) | Q(starts_at=after.starts_at, id__gt=after.id),
            starts_at__gte=after.starts_at,  # lets the index start there
        )
    found = list(events.defer("search", "keywords", "description").order_by("starts_at", "id")[: PAGE + 1])
    page = found[:PAGE]
    sold = count_sold([event.pk for event in page])
    return {
        "results": [summarize(event, sold.get(event.pk, 0)) for event in page],
        "next": str(Cursor(page[-1].starts_at, page[-1].pk)) if len(found) > PAGE else None,
    }


def prefix_query(search: str) -> str:
    """What somebody typed as a tsquery: every word may be the beginning of one."""
    return " & ".join(f"{word}:*" for word in plain_words(search[:100])[:8])


def count_sold(events: list[int]) -> dict[int, int]:
    rows = Seat.objects.filter(event__in=events, state="sold").values_list("event").annotate(Count("pk"))
    return dict(rows)


def get_event(event_id: int) -> Event:
    """
    One event with its venue.

    Raises:
        Event.DoesNotExist
    """
    return Event.objects.select_related("venue").defer("search", "keywords").get(pk=event_id)


def seats_of(event: int) -> QuerySet[Seat]:
    return Seat.objects.filter(event=event).order_by("pk")


def summarize(event: Event, sold: int) -> dict[str, object]:
    return {
        "id": event.pk,
        "title": event.title,
        "subtitle": event.subtitle,
        "kind": event.kind,
        "starts_at": event.starts_at.isoformat(),
        "venue": {"name": event.venue.name, "city": event.venue.city},
        "price_from": event.price_from,
        "price_to": event.price_to,
        "currency": "EUR",
        "capacity": event.capacity,
        "sold": sold,
        "availability": availability(event.capacity, sold),
    }


def availability(capacity: int, sold: int) -> str:
    if sold >= capacity:
        return "sold-out"
    return "few" if sold >= capacity * 0.9 else "good"


def describe_seat(seat: Seat, now: datetime) -> dict[str, object]:
    """A seat as the API and the live connection show it; a hold that has run out is none."""
    held = seat.state == Seat.State.HELD and seat.until is not None and seat.until > now
    return {
        "id": seat.pk,
        "section": seat.section,
        "row": seat.row,
        "number": seat.number,
        "price": seat.price,
        "state": "held" if held else "sold" if seat.state == Seat.State.SOLD else "free",
        "until": seat.until.isoformat() if held and seat.until else None,
        "version": seat.version,
    }
