"""Taking seats for two minutes, and giving them back."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from orders import notify
from orders.models import NEXT_VERSION, Account, Hold, Order, Seat
from orders.queries import SeatState, state_of

HOLD_TIME = timedelta(minutes=2)


class UnknownSeats(Exception):
    """Some of the seats do not belong to the event."""

    def __init__(self, seat_ids: list[int]) -> None:
        self.seat_ids = seat_ids


class SeatsTaken(Exception):
    """Some of the seats are held or sold; none was taken."""

    def __init__(self, seats: list[Seat]) -> None:
        self.seats = seats


class HoldInUse(Exception):
    """An order is paying for these seats or has paid."""


@transaction.atomic
def hold_seats(event: int, seat_ids: Sequence[int], account: Account | None, key: str = "") -> Hold:
    """
    Take all of these seats or none; a repeat with the same key gets the hold that it has already.

    Rows are locked in the order of their ids, so that two buyers who want overlapping
    seats wait for one another instead of deadlocking; who comes second sees the truth. The
    locks also make the commit of a repeat wait until what it repeats is on the standby.

    Raises:
        UnknownSeats, SeatsTaken
    """
    seats = list(Seat.objects.select_for_update().filter(pk__in=seat_ids, event=event).order_by("pk"))
    if unknown := sorted(set(seat_ids) - {seat.pk for seat in seats}):
        raise UnknownSeats(unknown)
    if taken := [seat for seat in seats if state_of(seat).state != "free"]:
        if key and len(taken) == len(seats) and (hold := _repeated(taken, account, key)):
            return hold
        raise SeatsTaken(taken)
    hold = Hold.objects.create(event=event, account=account, key=key, expires_at=timezone.now() + HOLD_TIME)
    keep_until(seats, hold.pk, hold.expires_at)
    return hold


def _repeated(seats: Sequence[Seat], account: Account | None, key: str) -> Hold | None:
    """The hold that has exactly these seats, if the same request made it."""
    holds = {seat.hold for seat in seats}
    if len(holds) != 1 or Seat.objects.filter(hold__in=holds).count() != len(seats):
        return None
    return Hold.objects.filter(pk__in=holds, account=account, key=key).first()


def keep_until(seats: list[Seat], hold: UUID, moment: datetime) -> None:
    """Hold locked seats until a moment and tell the world."""
    update_seats(seats, hold=hold, held_until=moment)
    notify.seats_changed(seats[0].event, [SeatState(s.pk, "held", moment, s.version + 1) for s in seats])


def free_seats(seats: list[Seat]) -> None:
    """Let everybody have these locked seats again and tell the world."""
    if seats:
        update_seats(seats, hold=None, held_until=None, order=None)
        notify.seats_changed(seats[0].event, [SeatState(s.pk, "free", None, s.version + 1) for s in seats])


def update_seats(seats: list[Seat], **values: object) -> None:
    """Change seats that the caller has locked; nobody else may write to `Seat`."""
    Seat.objects.filter(pk__in=[seat.pk for seat in seats]).update(version=NEXT_VERSION, **values)


@transaction.atomic
def release_hold(hold_id: UUID) -> None:
    """
    Give held seats back before their time; a hold that is gone already is no error.

    Raises:
        HoldInUse
    """
    seats = list(Seat.objects.select_for_update().filter(hold=hold_id).order_by("pk"))
    if Order.objects.filter(hold=hold_id, status__in=Order.BINDING).exists():
        raise HoldInUse
    free_seats(seats)
    Hold.objects.filter(pk=hold_id).delete()


@transaction.atomic
def clear_expired_holds(limit: int = 500) -> int:
    """
    Tidy seats whose hold has run out; says how many.

    They have been free since the moment it ran out: this only spares later readers the
    comparison and tells those who watch. Locked seats are being bought and are skipped.
    """
    seats = list(
        Seat.objects.select_for_update(skip_locked=True)
        .filter(hold__isnull=False, held_until__lte=timezone.now())
        .order_by("pk")[:limit]
    )
    by_event: dict[int, list[Seat]] = {}
    for seat in seats:
        by_event.setdefault(seat.event, []).append(seat)
    for group in by_event.values():
        free_seats(group)
    Hold.objects.filter(pk__in={seat.hold for seat in seats}).delete()
    return len(seats)
