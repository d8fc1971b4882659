"""The door for other services: charge, refund, void; and the bank's weather."""

from __future__ import annotations

from uuid import UUID

from django.http import Http404
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from mainstay.http.problems import Problem
from payments import actions, bank, queries
from payments.models import Charge, Weather


class ChargeInput(serializers.Serializer):
    order = serializers.UUIDField()
    amount = serializers.IntegerField(min_value=1, max_value=10_000_000)
    currency = serializers.RegexField(r"^[A-Z]{3}$", default="EUR")
    card = serializers.CharField(max_length=40)


class VoidInput(serializers.Serializer):
    order = serializers.UUIDField()


class WeatherInput(serializers.Serializer):
    mode = serializers.ChoiceField(Weather.Mode.choices)
    seconds = serializers.FloatField(min_value=0, max_value=3600, allow_null=True, default=None)


class BankAsked(APIView):
    """A view whose answer depends on the bank; its two ways to fail are two problems."""

    def handle_exception(self, exc: Exception) -> Response:
        if isinstance(exc, bank.BankFailed):
            exc = Problem(
                503, "urn:boxoffice:bank-failed", "The bank cannot work at the moment.", retry_after=1
            )
        elif isinstance(exc, bank.BankSilent):
            exc = Problem(
                504, "urn:boxoffice:bank-silent", "The bank did not answer; ask again with the same key."
            )
        return super().handle_exception(exc)


class Charges(BankAsked):
    def post(self, request: Request) -> Response:
        """Charge a card once per Idempotency-Key."""
        given = ChargeInput(data=request.data)
        given.is_valid(raise_exception=True)
        try:
            charge, repeated = actions.charge_card(required_key(request), **given.validated_data)
        except actions.KeyReused:
            raise Problem(
                422, "urn:boxoffice:key-reused", "This Idempotency-Key belongs to another request."
            ) from None
        return answer(charge, repeated)


class Voids(BankAsked):
    def post(self, request: Request) -> Response:
        """Make sure that the charge under this key, made or not, costs nothing."""
        given = VoidInput(data=request.data)
        given.is_valid(raise_exception=True)
        return Response(represent(actions.void_charge(required_key(request), **given.validated_data)))


class Refunds(BankAsked):
    def post(self, request: Request, charge_id: UUID) -> Response:
        """Give a charge back, once."""
        charge = charge_or_404(charge_id)
        try:
            actions.refund_charge(charge)
        except actions.NotCharged:
            raise Problem(409, "urn:boxoffice:not-charged", "This charge took no money.") from None
        return Response(represent(charge))


class ChargeDetail(APIView):
    def get(self, request: Request, charge_id: UUID) -> Response:
        return Response(represent(charge_or_404(charge_id)))


class Bank(APIView):
    def post(self, request: Request) -> Response:
        """Change how the simulated bank behaves."""
        given = WeatherInput(data=request.data)
        given.is_valid(raise_exception=True)
        weather = actions.change_weather(given.validated_data["mode"], given.validated_data["seconds"])
        return Response({"mode": weather.mode, "until": weather.until})


def required_key(request: Request) -> str:
    key = request.headers.get("Idempotency-Key", "")
    if not 1 <= len(key) <= 200:
        raise Problem(400, "urn:boxoffice:key-missing", "Send an Idempotency-Key of at most 200 characters.")
    return key


def charge_or_404(charge_id: UUID) -> Charge:
    try:
        return queries.get_charge(charge_id)
    except Charge.DoesNotExist:
        raise Http404 from None


def answer(charge: Charge, repeated: bool) -> Response:
    headers = {"Idempotency-Replayed": "true"} if repeated else {}
    status = 201 if charge.status == Charge.Status.SUCCEEDED else 402
    return Response(represent(charge), status=status, headers=headers)


def represent(charge: Charge) -> dict[str, object]:
    refund = getattr(charge, "refund", None)
    return {
        "id": str(charge.pk),
        "order": str(charge.order),
        "amount": charge.amount,
        "currency": charge.currency,
        "status": charge.status,
        "refunded": refund is not None and refund.status == refund.Status.SUCCEEDED,
    }
