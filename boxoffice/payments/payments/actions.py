"""
Writes. No transaction is open while the bank is asked: a silent bank must not hold locks or connections.

Each action can be repeated after any failure and ends in the same state: rows are
unique by key, and the bank books one reference once.
"""

from __future__ import annotations

import hashlib
from datetime import timedelta
from uuid import UUID

from django.db import IntegrityError, transaction
from django.utils import timezone

from payments import bank
from payments.models import Charge, Refund, Weather


class KeyReused(Exception):
    """The key belongs to a different request."""


class NotCharged(Exception):
    """Only money that was taken can be given back."""


def charge_card(key: str, *, order: UUID, amount: int, currency: str, card: str) -> tuple[Charge, bool]:
    """
    Take money for an order once; says whether this call is a repeat of a settled one.

    Raises:
        KeyReused: The key, or the order, was used with other values.
        bank.BankFailed, bank.BankSilent: Not settled; call again with the same values.
    """
    fingerprint = hashlib.sha256(f"{order}|{amount}|{currency}|{card}".encode()).hexdigest()
    values = {"order": order, "amount": amount, "currency": currency, "card": card}
    try:
        charge, _ = Charge.objects.get_or_create(key=key, defaults={**values, "fingerprint": fingerprint})
    except IntegrityError:  # the order already has a charge under another key
        raise KeyReused from None
    if charge.status == Charge.Status.VOID:
        return charge, True
    if charge.fingerprint != fingerprint:
        raise KeyReused
    if charge.status != Charge.Status.PENDING:
        return charge, True
    return settle_charge(charge), False


def settle_charge(charge: Charge) -> Charge:
    """
    Ask the bank about a pending charge and keep its word.

    Raises:
        bank.BankFailed, bank.BankSilent: Still pending.
    """
    accepted = bank.book(f"charge-{charge.pk}", charge.amount, charge.card)
    status = Charge.Status.SUCCEEDED if accepted else Charge.Status.DECLINED
    Charge.objects.filter(pk=charge.pk, status=Charge.Status.PENDING).update(
        status=status, settled_at=timezone.now()
    )
    charge.refresh_from_db(fields=["status", "settled_at"])
    return charge


def void_charge(key: str, *, order: UUID) -> Charge:
    """
    See to it that an order costs nothing, whatever has happened so far.

    A charge that was never asked for leaves a void row behind, so that a request still
    under way finds it and stops. A pending one is settled first; money taken goes back.

    Raises:
        bank.BankFailed, bank.BankSilent: Not known yet; call again.
    """
    charge, _ = Charge.objects.get_or_create(
        key=key,
        defaults={"order": order, "amount": 0, "status": Charge.Status.VOID, "settled_at": timezone.now()},
    )
    if charge.status == Charge.Status.PENDING:
        settle_charge(charge)
    if charge.status == Charge.Status.SUCCEEDED:
        refund_charge(charge)
    return charge


def refund_charge(charge: Charge) -> Refund:
    """
    Give the whole charge back, once.

    Raises:
        NotCharged: There is nothing to give back.
        bank.BankFailed, bank.BankSilent: Not settled; call again.
    """
    if charge.status != Charge.Status.SUCCEEDED:
        raise NotCharged
    refund, _ = Refund.objects.get_or_create(charge=charge)
    if refund.status == Refund.Status.PENDING:
        bank.book(f"refund-{refund.pk}", -charge.amount, "refund")
        refund.status, refund.settled_at = Refund.Status.SUCCEEDED, timezone.now()
        refund.save(update_fields=["status", "settled_at"])
    charge.refund = refund
    return refund


@transaction.atomic
def change_weather(mode: str, seconds: float | None) -> Weather:
    """Make the bank behave in one way on every replica, for some seconds or until told otherwise."""
    until = timezone.now() + timedelta(seconds=seconds) if seconds is not None else None
    weather, _ = Weather.objects.update_or_create(pk=1, defaults={"mode": mode, "until": until})
    return weather
