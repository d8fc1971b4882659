"""Reads."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import Min, Q, QuerySet
from django.db.models.functions import Now
from django.utils import timezone

from orders.models import Account, Hold, Order, Seat, Token


def digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def find_account(secret: str) -> Account | None:
    """The account that a bearer token stands for, unless the token has expired."""
    token = (
        Token.objects.select_related("account")
        .filter(digest=digest(secret), expires_at__gt=Now())
        .only("digest", "account__id", "account__email")
        .first()
    )
    return token.account if token else None


def find_hold(hold_id: UUID) -> Hold | None:
    return Hold.objects.filter(pk=hold_id, expires_at__gt=Now()).first()


def held_seats(hold_id: UUID) -> QuerySet[Seat]:
    """The seats that a hold still has, in the order in which locks are taken."""
    return Seat.objects.filter(hold=hold_id, held_until__gt=Now()).order_by("pk")


def expired_seats() -> QuerySet[Seat]:
    """Seats whose hold has run out and that nobody has tidied yet."""
    return Seat.objects.filter(hold__isnull=False, held_until__lte=Now())


def age_of_expired_seats() -> timedelta | None:
    """For how long the first of them has waited; None where there is none."""
    first: datetime | None = expired_seats().aggregate(first=Min("held_until"))["first"]
    return None if first is None else timezone.now() - first


def count_expired_seats() -> int:
    return expired_seats().count()


def get_order(account: Account, order_id: UUID) -> Order:
    """
    An order of this account.

    Raises:
        Order.DoesNotExist: No such order, or somebody else's.
    """
    return account.orders.prefetch_related("seats").get(pk=order_id)


def orders_of(account: Account) -> QuerySet[Order]:
    return account.orders.filter(status__in=(Order.Status.PAID, Order.Status.CANCELLED)).prefetch_related(
        "seats"
    )


def unfinished_orders(age: timedelta) -> QuerySet[Order]:
    """Orders that nobody works on any more although they are not done."""
    return Order.objects.filter(
        Q(working_until__isnull=True) | Q(working_until__lte=Now()),
        status__in=Order.UNFINISHED,
        created_at__lte=timezone.now() - age,
    )


@dataclass(frozen=True, slots=True)
class SeatState:
    """What others may know of a seat."""

    id: int
    state: str
    until: datetime | None
    version: int

    def as_json(self) -> list[object]:
        return [self.id, self.state, self.until.isoformat() if self.until else None, self.version]


def state_of(seat: Seat) -> SeatState:
    if seat.order_id is not None:
        return SeatState(seat.pk, "sold", None, seat.version)
    if seat.held_until is not None and seat.held_until > timezone.now():
        return SeatState(seat.pk, "held", seat.held_until, seat.version)
    return SeatState(seat.pk, "free", None, seat.version)


def touched_seats(event: int) -> Iterable[SeatState]:
    """The state of every seat of an event that was ever held or sold; all others are free."""
    seats = Seat.objects.filter(event=event, version__gt=0).only("pk", "order_id", "held_until", "version")
    return (state_of(seat) for seat in seats.iterator(chunk_size=1000))
