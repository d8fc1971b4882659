"""Events, venues and prices; and a picture of every seat, whose truth the orders service has."""

from __future__ import annotations

import re
import unicodedata

from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVector, SearchVectorField
from django.db import models
from django.db.models import Q


class Venue(models.Model):
    id = models.PositiveSmallIntegerField(primary_key=True)
    name = models.CharField(max_length=80)
    city = models.CharField(max_length=60)

    def __str__(self) -> str:
        return f"{self.name}, {self.city}"


class Event(models.Model):
    """
    Something people buy seats for.

    ``keywords`` is what the search looks at, as `plain_words`. Full text rather than
    trigrams: people type the beginnings of words, ``to_tsquery('simple', 'mah:* & ham:*')``
    finds those through the GIN index alone, and PostgreSQL has it built in, while
    ``pg_trgm`` would be an extension that not every server offers.
    """

    class Kind(models.TextChoices):
        CLASSICAL = "classical"
        THEATRE = "theatre"
        ROCK = "rock"
        JAZZ = "jazz"
        ELECTRONIC = "electronic"
        SHOW = "show"

    id = models.PositiveIntegerField(primary_key=True)
    title = models.CharField(max_length=120)
    subtitle = models.CharField(max_length=120)
    description = models.TextField()
    kind = models.CharField(max_length=12, choices=Kind.choices)
    venue = models.ForeignKey(Venue, models.PROTECT, related_name="events")
    starts_at = models.DateTimeField()
    price_from = models.PositiveIntegerField(help_text="in cents")
    price_to = models.PositiveIntegerField(help_text="in cents")
    capacity = models.PositiveIntegerField()
    keywords = models.TextField(editable=False)
    search = models.GeneratedField(
        expression=SearchVector("keywords", config="simple"),
        output_field=SearchVectorField(),
        db_persist=True,
    )

    class Meta:
        ordering = ("starts_at", "id")
        indexes = [
            models.Index(fields=["starts_at", "id"], name="event_by_date"),
            GinIndex(fields=["search"], name="event_search"),
        ]

    def __str__(self) -> str:
        return self.title


class Seat(models.Model):
    """
    What the catalogue last heard of a seat.

    ``version`` is counted by orders; news with an older one come late and are dropped.
    A hold ends by itself at ``until``.
    """

    class State(models.TextChoices):
        FREE = "free"
        HELD = "held"
        SOLD = "sold"

    id = models.BigIntegerField(primary_key=True)
    event = models.ForeignKey(Event, models.CASCADE, related_name="seats", db_index=False)
    section = models.CharField(max_length=40)
    row = models.CharField(max_length=4)
    number = models.PositiveSmallIntegerField()
    price = models.PositiveIntegerField(help_text="in cents")
    state = models.CharField(max_length=4, choices=State.choices, default=State.FREE)
    until = models.DateTimeField(null=True, blank=True)
    version = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = [
            # Also the index for "all seats of an event".
            models.UniqueConstraint(fields=["event", "row", "number"], name="catalog_seat_exists_once"),
        ]
        indexes = [
            models.Index(fields=["event"], condition=Q(state="sold"), name="seat_sold"),
        ]

    def __str__(self) -> str:
        return f"{self.row}{self.number}"


def plain_words(text: str) -> list[str]:
    """
    The words of a text in lower case and plain letters, so that "theatre" finds "Théâtre".

    Split here rather than by PostgreSQL, for which a typographic quote is a letter or
    not, depending on the locale of the server.
    """
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return re.findall(r"\w+", "".join(each for each in decomposed if not unicodedata.combining(each)))
