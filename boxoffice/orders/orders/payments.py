"""The payments service as orders sees it: charge, void and refund, each safe to repeat."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from django.conf import settings

from mainstay.settings import service_url
from orders import calls


class OutcomeUnknown(Exception):
    """Payments gave no clear answer: the money may or may not have moved."""


@dataclass(frozen=True, slots=True)
class Charge:
    id: UUID
    declined: bool


def charge(order: UUID, amount: int, card: str) -> Charge:
    """
    Charge an order once: the key is derived from it.

    Raises:
        OutcomeUnknown
    """
    status, body = _post("/api/charges/", {"order": str(order), "amount": amount, "card": card}, order)
    if status not in (201, 402):
        raise OutcomeUnknown(f"payments answered {status}")
    return Charge(UUID(body["id"]), declined=status == 402)


def void(order: UUID) -> None:
    """
    Make sure that an order costs nothing, charged or not.

    Raises:
        OutcomeUnknown
    """
    status, _ = _post("/api/voids/", {"order": str(order)}, order)
    if status != 200:
        raise OutcomeUnknown(f"payments answered {status}")


def refund(charge_id: UUID) -> None:
    """
    Give a charge back.

    Raises:
        OutcomeUnknown
    """
    status, _ = _post(f"/api/charges/{charge_id}/refund/", {}, charge_id)
    if status != 200:
        raise OutcomeUnknown(f"payments answered {status}")


def _post(path: str, body: dict[str, object], key: UUID) -> tuple[int, dict[str, str]]:
    headers = {"Idempotency-Key": f"order-{key}"}
    try:
        return calls.post(
            service_url("payments") + path, body, limit=settings.PAYMENTS_TIME_LIMIT, headers=headers
        )
    except calls.CallFailed as error:
        raise OutcomeUnknown(str(error)) from error
