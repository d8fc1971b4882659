from __future__ import annotations

import time
from datetime import timedelta

import pytest
from django.db.models import QuerySet
from django.utils import timezone

from orders import queries
from orders.actions import holds
from orders.models import FREE, Hold, Seat

pytestmark = pytest.mark.django_db


def states() -> dict[int, str]:
    return {seat.pk: queries.state_of(seat).state for seat in Seat.objects.all()}


def run_out(hold: Hold) -> None:
    """As if the two minutes were over."""
    past = timezone.now() - timedelta(seconds=1)
    Hold.objects.filter(pk=hold.pk).update(expires_at=past)
    Seat.objects.filter(hold=hold.pk).update(held_until=past)


def test_a_hold_takes_its_seats_for_two_minutes(seats):
    hold = holds.hold_seats(1, seats[:2], None)
    left = hold.expires_at - timezone.now()
    assert timedelta(seconds=115) < left <= timedelta(minutes=2)
    assert [seat.pk for seat in queries.held_seats(hold.pk)] == seats[:2]


def test_a_hold_is_all_or_nothing_and_names_what_is_taken(seats, hold):
    hold(1)
    with pytest.raises(holds.SeatsTaken) as error:
        holds.hold_seats(1, seats[:3], None)
    assert [str(seat) for seat in error.value.seats] == ["A1"]
    assert list(states().values()).count("held") == 1


def test_a_repeat_with_the_same_key_gets_the_same_hold(seats):
    first = holds.hold_seats(1, seats[:2], None, "key")
    assert holds.hold_seats(1, seats[:2], None, "key").pk == first.pk
    assert Hold.objects.count() == 1


@pytest.mark.parametrize(("wanted", "key"), [(2, ""), (2, "other"), (1, "key"), (3, "key")])
def test_another_key_or_other_seats_are_no_repeat(seats, wanted, key):
    holds.hold_seats(1, seats[:2], None, "key")
    with pytest.raises(holds.SeatsTaken):
        holds.hold_seats(1, seats[:wanted], None, key)


def test_a_strangers_key_is_no_repeat(seats, account):
    holds.hold_seats(1, seats[:1], account, "key")
    with pytest.raises(holds.SeatsTaken):
        holds.hold_seats(1, seats[:1], None, "key")


@pytest.mark.parametrize(("event", "seat"), [(2, 1000), (1, 7)])
def test_seats_of_another_event_are_unknown(seats, event, seat):
    with pytest.raises(holds.UnknownSeats) as error:
        holds.hold_seats(event, [seat], None)
    assert error.value.seat_ids == [seat]


def test_seats_are_free_the_moment_a_hold_runs_out(seats, hold):
    old = hold(2)
    run_out(old)
    assert queries.find_hold(old.pk) is None
    assert not queries.held_seats(old.pk).exists()
    assert Seat.objects.filter(FREE).count() == len(seats)
    new = holds.hold_seats(1, seats[:2], None)
    assert [seat.hold for seat in queries.held_seats(new.pk)] == [new.pk] * 2


def test_a_hold_can_be_given_back_twice(seats, hold):
    taken = hold(2)
    holds.release_hold(taken.pk)
    holds.release_hold(taken.pk)
    assert set(states().values()) == {"free"}
    assert not Hold.objects.exists()


def test_clearing_tidies_only_what_has_run_out(hold):
    old, young = hold(2), hold(1)
    run_out(old)
    assert holds.clear_expired_holds() == 2
    assert holds.clear_expired_holds() == 0
    assert [each.pk for each in Hold.objects.all()] == [young.pk]


def test_what_waits_for_the_sweeper_is_as_old_as_its_first(hold):
    assert (queries.age_of_expired_seats(), queries.count_expired_seats()) == (None, 0)
    old, _ = hold(2), hold(1)
    run_out(old)
    age = queries.age_of_expired_seats()
    assert age is not None
    assert timedelta(seconds=1) <= age < timedelta(minutes=2)
    assert queries.count_expired_seats() == 2
    holds.clear_expired_holds()
    assert (queries.age_of_expired_seats(), queries.count_expired_seats()) == (None, 0)


def test_every_process_tells_what_waits_for_the_sweeper():
    from mainstay.observability.figures import FIGURES

    told = {figure.name for figure in FIGURES.read() if ("queue", "expired-holds") in figure.labels}
    assert {"mainstay_queue_old_after_seconds", "mainstay_queue_failures_total"} <= told


def test_every_change_has_a_version_of_its_own(hold):
    taken = hold(1)
    holds.release_hold(taken.pk)
    assert Seat.objects.get(pk=1000).version == 2


@pytest.mark.django_db(transaction=True)
class TestFiftyBuyersWantOneSeat:
    """The promise of a box office, and what keeps it."""

    @pytest.fixture(autouse=True)
    def slow(self, monkeypatch):
        """A pause between looking and taking, so that a missing lock is sure to show."""
        create = Hold.objects.create

        def create_slowly(**values):
            time.sleep(0.01)
            return create(**values)

        monkeypatch.setattr(Hold.objects, "create", create_slowly)

    def fight(self, seats, together) -> int:
        """The number of winners."""
        results = together(50, lambda _: holds.hold_seats(1, seats[:1], None))
        unexpected = [r for r in results if not isinstance(r, Hold | holds.SeatsTaken)]
        assert unexpected == []
        return sum(isinstance(result, Hold) for result in results)

    def test_one_gets_it(self, seats, together):
        assert self.fight(seats, together) == 1
        assert Hold.objects.count() == 1

    def test_without_the_lock_several_would(self, seats, together, monkeypatch):
        monkeypatch.setattr(QuerySet, "select_for_update", lambda self, **options: self)
        assert self.fight(seats, together) > 1


@pytest.mark.django_db(transaction=True)
def test_overlapping_wishes_do_not_deadlock(seats, together):
    def take(index):
        wish = seats[:6] if index % 2 else seats[5::-1]
        return holds.hold_seats(1, wish, None)

    results = together(16, take)
    assert sum(isinstance(result, Hold) for result in results) == 1
    assert all(isinstance(result, Hold | holds.SeatsTaken) for result in results)
