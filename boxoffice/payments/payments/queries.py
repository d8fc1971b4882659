"""Reads."""

from __future__ import annotations

from uuid import UUID

from payments.models import Charge


def find_charge(key: str) -> Charge | None:
    return Charge.objects.select_related("refund").filter(key=key).first()


def get_charge(charge_id: UUID) -> Charge:
    """
    One charge with its refund, if it has one.

    Raises:
        Charge.DoesNotExist: No such charge.
    """
    return Charge.objects.select_related("refund").get(pk=charge_id)
