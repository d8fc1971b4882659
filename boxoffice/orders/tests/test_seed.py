from __future__ import annotations

from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from orders.inventory import SEATS_PER_EVENT, places
from orders.models import Seat

pytestmark = pytest.mark.django_db


def seed(*options: str) -> str:
    output = StringIO()
    call_command("seed", *options, stdout=output)
    return output.getvalue()


def test_every_seat_of_the_description_is_there():
    seed("--events", "4")
    expected = {
        (place.id, place.row, place.number, place.price) for event in range(1, 5) for place in places(event)
    }
    assert set(Seat.objects.values_list("id", "row", "number", "price")) == expected


def test_a_second_run_adds_only_what_is_missing():
    seed("--events", "1")
    seed("--events", "2")
    assert Seat.objects.count() == sum(len(list(places(event))) for event in (1, 2))


def test_if_empty_leaves_a_filled_table_alone():
    seed("--events", "1")
    assert seed("--if-empty") == ""
    assert set(Seat.objects.values_list("event", flat=True)) == {1}


def test_no_event_outgrows_its_ids():
    assert all(len(list(places(event))) <= SEATS_PER_EVENT for event in range(1, 7))


@pytest.mark.parametrize("events", ["0", "-3", "100001"])
def test_impossible_numbers_are_refused(events):
    with pytest.raises(CommandError):
        seed("--events", events)
