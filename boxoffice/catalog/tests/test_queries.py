from __future__ import annotations

from datetime import UTC, datetime, timedelta
from io import StringIO

import pytest
from django.core.cache import cache
from django.core.management import call_command
from django.db import connection
from django.utils import timezone

from catalog import queries
from catalog.models import Event, Seat


def titles(search: str) -> set[str]:
    return {event["title"] for event in queries.list_events(search, "")["results"]}


@pytest.mark.usefixtures("season")
class TestSearch:
    @pytest.mark.parametrize(
        ("typed", "found"),
        [
            ("mahl", {"Mahler: “Resurrection”"}),
            ("MAHLER res", {"Mahler: “Resurrection”"}),
            ("theatre tilleuls", {"A Midsummer Night’s Dream", "The Cherry Orchard"}),
            ("théâtre", {"A Midsummer Night’s Dream", "The Cherry Orchard"}),
            ("barc", {"Bach by Candlelight", "Flamenco Puro"}),
            ("bach hamburg", set()),
            ("ahler", set()),
        ],
    )
    def test_finds_the_beginnings_of_words(self, typed, found):
        assert titles(typed) == found

    @pytest.mark.parametrize("typed", ["", "  ", "!!! &|:*", "'"])
    def test_without_words_everything_is_found(self, typed):
        assert len(titles(typed)) == 12

    @pytest.mark.parametrize("typed", ["a' & b", "x:*|y", "\\", "(((", "_", "ß" * 300, "日本"])
    def test_nothing_that_is_typed_is_an_error(self, typed):
        titles(typed)

    def test_can_be_answered_by_the_index_alone(self):
        found = Event.objects.filter(search=queries.SearchQuery("mahl:*", search_type="raw", config="simple"))
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL enable_seqscan = off")  # which is quicker for twelve rows
        assert "event_search" in found.explain()


class TestPages:
    @pytest.fixture(autouse=True)
    def many(self, db):
        call_command("seed", "--events", "60", stdout=StringIO())
        moment = timezone.now() + timedelta(days=5)
        Event.objects.filter(pk__in=range(20, 50)).update(starts_at=moment)  # more at once than fit a page

    def test_every_event_comes_once_and_in_order(self):
        seen, cursor = [], ""
        while cursor is not None:
            page = queries.list_events("", cursor)
            seen += [(event["starts_at"], event["id"]) for event in page["results"]]
            cursor = page["next"]
        assert len(seen) == 60
        assert seen == sorted(set(seen))

    @pytest.mark.parametrize("cursor", ["x", "eHw", "MjAyNi0wMS0wMXwx", "🦊", "a" * 999])
    def test_a_foreign_cursor_is_refused(self, cursor):
        with pytest.raises(queries.BadCursor):
            queries.list_events("", cursor)

    def test_a_page_costs_two_queries(self, django_assert_num_queries):
        with django_assert_num_queries(2):
            queries.list_events("", "")
        with django_assert_num_queries(0):
            queries.list_events("", "")

    def test_past_events_are_over(self):
        Event.objects.filter(pk=1).update(starts_at=timezone.now() - timedelta(days=1))
        cache.clear()
        ids, cursor = [], ""
        while cursor is not None:
            page = queries.list_events("", cursor)
            ids += [event["id"] for event in page["results"]]
            cursor = page["next"]
        assert 1 not in ids


def test_a_cache_that_is_away_is_not_missed(season, monkeypatch):
    def broken(*args, **kwargs):
        raise ConnectionError

    monkeypatch.setattr(cache, "get", broken)
    monkeypatch.setattr(cache, "set", broken)
    assert len(titles("")) == 12


@pytest.mark.usefixtures("season")
def test_sold_seats_are_counted():
    Seat.objects.filter(event=4, row="A").update(state="sold")
    summary = next(event for event in queries.list_events("solberg", "")["results"])
    assert (summary["sold"], summary["availability"]) == (10, "good")


@pytest.mark.parametrize(
    ("capacity", "sold", "word"), [(100, 0, "good"), (100, 90, "few"), (100, 100, "sold-out")]
)
def test_availability(capacity, sold, word):
    assert queries.availability(capacity, sold) == word


def test_a_hold_that_has_run_out_is_free():
    now = datetime(2026, 1, 1, tzinfo=UTC)
    seat = Seat(id=1, row="A", number=1, price=1, state="held", until=now)
    assert queries.describe_seat(seat, now - timedelta(seconds=1))["state"] == "held"
    assert queries.describe_seat(seat, now)["state"] == "free"
