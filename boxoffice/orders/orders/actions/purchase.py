"""
Buying and cancelling, in steps that can each be repeated.

An order is written first, then the card is charged with no transaction open, then
one transaction marks the seats sold and the order paid. Whatever is interrupted is
found again by its Idempotency-Key, or by `sweep`, and goes on where it was: payments
is asked with the same key, so nobody is charged twice, and money that finds no seats
goes back.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from django.db import IntegrityError, transaction
from django.utils import timezone

from orders import notify, payments, tasks
from orders.actions.holds import free_seats, keep_until, update_seats
from orders.models import Account, Hold, Order, Seat, Ticket
from orders.queries import SeatState, held_seats

LEASE = timedelta(seconds=8)
"""Longer than payments may take; after it another process may finish the order."""

PAYING_TIME = timedelta(minutes=15)
"""How long seats stay held while the outcome of a payment is unknown."""


class KeyReused(Exception):
    """The Idempotency-Key belongs to a different order."""


class StillRunning(Exception):
    """Somebody is working on this order right now."""


class HoldGone(Exception):
    """The hold has run out or never was."""


class HoldInUse(Exception):
    """Another order pays for this hold or has paid."""


class NotCancellable(Exception):
    """Only a paid order can be cancelled."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What an order was answered; the same for every repeat."""

    status: int
    body: dict[str, object]
    replayed: bool = False


def place_order(account: Account, key: str, hold_id: UUID, card: str) -> Answer:
    """
    Buy the seats of a hold, once per key.

    Raises:
        KeyReused, StillRunning, HoldGone, HoldInUse
        payments.OutcomeUnknown: The order stays pending; repeat with the same key.
    """
    fingerprint = hashlib.sha256(f"{hold_id}|{card}".encode()).hexdigest()
    order = _find_or_open(account, key, fingerprint, hold_id, card)
    if order.answer is not None:
        return Answer(order.answer_status or 500, order.answer, replayed=True)
    return finish_order(order)


def finish_order(order: Order) -> Answer:
    """
    Bring an order to its end; the caller has the lease.

    Raises:
        payments.OutcomeUnknown: Not yet; the lease is given back.
    """
    try:
        if order.status == Order.Status.PENDING:
            order = _charge(order)
        if order.status == Order.Status.UNDOING:
            order = _undo(order)
        if order.status == Order.Status.CANCELLING:
            order = _refund(order)
    except payments.OutcomeUnknown:
        Order.objects.filter(pk=order.pk).update(working_until=None)
        raise
    return Answer(order.answer_status or 500, order.answer or {})


def cancel_order(account: Account, order_id: UUID) -> Order:
    """
    Give the money back, then the seats; repeating it is harmless.

    Raises:
        Order.DoesNotExist, NotCancellable, StillRunning
        payments.OutcomeUnknown: Not done yet; repeat.
    """
    with transaction.atomic():
        order = Order.objects.select_for_update().get(pk=order_id, account=account)
        if order.status == Order.Status.CANCELLED:
            return order
        if order.status not in (Order.Status.PAID, Order.Status.CANCELLING):
            raise NotCancellable
        _lease(order, status=Order.Status.CANCELLING)
    finish_order(order)
    order.refresh_from_db()
    return order


def resume_order(order_id: UUID) -> None:
    """
    Finish what another process left behind, for `sweep`.

    Raises:
        StillRunning, payments.OutcomeUnknown
    """
    with transaction.atomic():
        order = Order.objects.select_for_update().get(pk=order_id)
        if order.status not in Order.UNFINISHED:
            return
        _resume(order)
    finish_order(order)


def _find_or_open(account: Account, key: str, fingerprint: str, hold_id: UUID, card: str) -> Order:
    try:
        with transaction.atomic():
            return _find(account, key, fingerprint) or _open(account, key, fingerprint, hold_id, card)
    except (IntegrityError, HoldInUse):  # perhaps by a twin of this request, which was faster
        with transaction.atomic():
            if order := _find(account, key, fingerprint):
                return order
        raise HoldInUse from None


def _find(account: Account, key: str, fingerprint: str) -> Order | None:
    """
    The order that this key belongs to, locked.

    The lock does more than keep others away: it is written to the database's log, so this commit waits for the
    standby like any other, and with it for a first one that may have been left waiting.
    """
    order = Order.objects.select_for_update().filter(account=account, key=key).first()
    if order is None:
        return None
    if order.fingerprint != fingerprint:
        raise KeyReused
    if order.answer is None:
        _resume(order)
    return order


def _open(account: Account, key: str, fingerprint: str, hold_id: UUID, card: str) -> Order:
    """Write the pending order; its seats stay held while the card is charged."""
    hold = Hold.objects.filter(pk=hold_id).first()
    seats = list(held_seats(hold_id).select_for_update())
    if Order.objects.filter(hold=hold_id, status__in=Order.BINDING).exists():
        raise HoldInUse
    if hold is None or not seats or hold.account_id not in (None, account.pk):
        raise HoldGone
    keep_until(seats, hold_id, timezone.now() + PAYING_TIME)
    return Order.objects.create(
        account=account,
        key=key,
        fingerprint=fingerprint,
        event=hold.event,
        hold=hold_id,
        card=card,
        total=sum(seat.price for seat in seats),
        working_until=timezone.now() + LEASE,
    )


def _resume(order: Order) -> None:
    """Take the lease of a locked, unfinished order; without its seats it can only be undone."""
    lost = order.status == Order.Status.PENDING and not held_seats(order.hold).exists()
    _lease(order, status=Order.Status.UNDOING if lost else order.status)


def _lease(order: Order, *, status: str) -> None:
    if order.working_until is not None and order.working_until > timezone.now():
        raise StillRunning
    order.working_until, order.status = timezone.now() + LEASE, status
    order.save(update_fields=["working_until", "status"])


def _charge(order: Order) -> Order:
    charge = payments.charge(order.pk, order.total, order.card)
    if charge.declined:
        return _decline(order)
    return _confirm(order, charge.id)


@transaction.atomic
def _confirm(order: Order, charge: UUID) -> Order:
    """Seats sold, tickets written, order paid, answer kept, e-mail asked for: all or nothing."""
    order = Order.objects.select_for_update().get(pk=order.pk)
    if order.status != Order.Status.PENDING:
        return order
    order.charge = charge
    seats = list(held_seats(order.hold).select_for_update())
    if sum(seat.price for seat in seats) != order.total:
        order.status = Order.Status.UNDOING
        order.save(update_fields=["status", "charge"])
        return order
    update_seats(seats, hold=None, held_until=None, order=order)
    Ticket.objects.bulk_create([Ticket(order=order, seat=seat) for seat in seats])
    Hold.objects.filter(pk=order.hold).delete()
    _settle(order, Order.Status.PAID, 201, describe_order(order, seats, Order.Status.PAID))
    notify.seats_changed(order.event, [SeatState(s.pk, "sold", None, s.version + 1) for s in seats])
    tasks.send_tickets.enqueue(str(order.pk))
    return order


@transaction.atomic
def _decline(order: Order) -> Order:
    """The bank said no: the seats go back to the hold and to what is left of its two minutes."""
    order = Order.objects.select_for_update().get(pk=order.pk)
    if order.status != Order.Status.PENDING:
        return order
    seats = list(Seat.objects.select_for_update().filter(hold=order.hold).order_by("pk"))
    hold = Hold.objects.filter(pk=order.hold).first()
    if hold and seats:
        keep_until(seats, hold.pk, hold.expires_at)
    else:
        free_seats(seats)
    body = problem(402, "declined", "The bank declined this card. Your seats are still held for you.")
    _settle(order, Order.Status.DECLINED, 402, body)
    return order


def _undo(order: Order) -> Order:
    """The seats were lost while the outcome was unknown: the order must cost nothing."""
    payments.void(order.pk)
    body = problem(410, "hold-expired", "Your hold ran out before the payment. You were not charged.")
    _settle(order, Order.Status.EXPIRED, 410, body)
    return order


def _refund(order: Order) -> Order:
    payments.refund(order.charge)
    with transaction.atomic():
        order = Order.objects.select_for_update().get(pk=order.pk)
        if order.status == Order.Status.CANCELLING:
            seats = list(Seat.objects.select_for_update().filter(order=order).order_by("pk"))
            order.tickets.update(released_at=timezone.now())
            free_seats(seats)
            order.status, order.working_until = Order.Status.CANCELLED, None
            order.save(update_fields=["status", "working_until"])
    return order


def _settle(order: Order, status: str, answer_status: int, answer: dict[str, object]) -> None:
    order.status, order.answer_status, order.answer = status, answer_status, answer
    order.working_until = None
    order.save(update_fields=["status", "charge", "answer_status", "answer", "working_until"])


def describe_order(order: Order, seats: list[Seat], status: str) -> dict[str, object]:
    """An order as its buyer sees it; prices are in cents."""
    return {
        "id": str(order.pk),
        "status": status,
        "event": order.event,
        "seats": [
            {"id": s.pk, "section": s.section, "row": s.row, "number": s.number, "price": s.price}
            for s in seats
        ],
        "total": order.total,
        "currency": "EUR",
        "charge": str(order.charge) if order.charge else None,
        "created_at": order.created_at.isoformat(),
    }


def problem(status: int, code: str, detail: str) -> dict[str, object]:
    titles = {402: "Payment Required", 410: "Gone"}
    return {"type": f"urn:boxoffice:{code}", "status": status, "title": titles[status], "detail": detail}
