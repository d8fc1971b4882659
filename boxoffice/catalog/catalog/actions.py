"""Writes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from catalog.models import Seat


@dataclass(frozen=True, slots=True)
class News:
    """What orders said about a seat."""

    id: int
    state: str
    until: datetime | None
    version: int


def parse_news(items: Sequence[Sequence[object]]) -> list[News]:
    """
    News from their wire form, ``[id, state, until, version]``.

    Raises:
        ValueError: Somebody else's words.
    """
    news = []
    for seat_id, state, until, version in items:
        if not isinstance(seat_id, int) or not isinstance(version, int) or state not in Seat.State.values:
            raise ValueError("news of a seat are [id, state, until, version]")
        moment = datetime.fromisoformat(until) if isinstance(until, str) else None
        news.append(News(seat_id, str(state), moment, version))
    return news


def learn_seats(event: int, news: Sequence[News]) -> list[Seat]:
    """
    Take over what is newer than the catalogue's picture; returns the seats that changed.

    News may come twice, late, or in any order.
    """
    by_id = {item.id: item for item in news}
    known = Seat.objects.filter(event=event, pk__in=by_id).values_list("pk", "version")
    behind = [pk for pk, version in known if version < by_id[pk].version]
    return _update(behind, by_id) if behind else []


@transaction.atomic
def _update(seat_ids: list[int], news: Mapping[int, News]) -> list[Seat]:
    changed = []
    for seat in Seat.objects.select_for_update().filter(pk__in=seat_ids).order_by("pk"):
        item = news[seat.pk]
        if seat.version < item.version:
            seat.state, seat.until, seat.version = item.state, item.until, item.version
            changed.append(seat)
    Seat.objects.bulk_update(changed, ["state", "until", "version"], batch_size=500)
    return changed
