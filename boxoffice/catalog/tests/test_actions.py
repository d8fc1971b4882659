from __future__ import annotations

import pytest

from catalog.actions import learn_seats, parse_news
from catalog.models import Seat

SOON = "2030-01-01T00:00:00+00:00"


@pytest.fixture
def seat(season) -> Seat:
    return Seat.objects.filter(event=4).earliest("pk")


def learn(seat, *news):
    return learn_seats(seat.event_id, parse_news([[seat.pk, *item] for item in news]))


def test_newer_news_are_taken_over(seat):
    [changed] = learn(seat, ("held", SOON, 1))
    seat.refresh_from_db()
    assert (seat.state, seat.until.isoformat(), seat.version) == ("held", SOON, 1)
    assert changed == seat


def test_news_may_come_twice_and_late(seat):
    learn(seat, ("sold", None, 3))
    assert learn(seat, ("sold", None, 3)) == []
    assert learn(seat, ("held", SOON, 2)) == []
    seat.refresh_from_db()
    assert (seat.state, seat.version) == ("sold", 3)


def test_seats_of_other_events_are_left_alone(seat):
    assert learn_seats(5, parse_news([[seat.pk, "sold", None, 9]])) == []


def test_what_is_known_costs_one_query(seat, django_assert_num_queries):
    learn(seat, ("sold", None, 1))
    with django_assert_num_queries(1):
        learn(seat, ("sold", None, 1))


@pytest.mark.parametrize(
    "words",
    [[[1, "stolen", None, 1]], [["1", "free", None, 1]], [[1, "free", None]], [[1, "free", "soon", 1]]],
)
def test_words_that_are_no_news(words):
    with pytest.raises(ValueError, match=r".+"):
        parse_news(words)
