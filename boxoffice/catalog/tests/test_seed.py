from __future__ import annotations

from datetime import UTC, datetime, timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from catalog.models import Event, Seat
from catalog.programme import EVENINGS, event

pytestmark = pytest.mark.django_db


def seed(*options: str) -> str:
    output = StringIO()
    call_command("seed", *options, stdout=output)
    return output.getvalue()


def test_the_first_start_shows_a_coming_season():
    seed("--if-empty")
    assert Event.objects.count() == len(EVENINGS) == 12
    now = datetime.now(UTC)
    assert all(now < each.starts_at < now + timedelta(days=50) for each in Event.objects.all())
    assert Seat.objects.count() == sum(Event.objects.values_list("capacity", flat=True))


def test_if_empty_leaves_a_filled_table_alone():
    seed("--events", "1")
    assert seed("--if-empty") == ""
    assert Event.objects.count() == 1


def test_a_second_run_adds_only_what_is_missing():
    seed("--events", "2")
    seed("--events", "3")
    assert list(Event.objects.order_by("pk").values_list("pk", flat=True)) == [1, 2, 3]


@pytest.mark.parametrize("events", ["0", "-3", "100001"])
def test_impossible_numbers_are_refused(events):
    with pytest.raises(CommandError):
        seed("--events", events)


def test_many_events_are_about_five_hundred_seats_each():
    assert 480 < sum(event(number).capacity for number in range(1, 2001)) / 2000 < 560
