"""The public API: accounts, holds, orders."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError as DjangoValidationError
from django.http import Http404
from rest_framework import serializers
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from mainstay.http import rate_limit
from mainstay.http.problems import MEDIA_TYPE, Problem
from orders import payments, queries
from orders.actions import accounts, holds, purchase
from orders.models import Account, Hold, Order

MOST_SEATS = 8
LONGEST_KEY = 200


class Strict(serializers.Serializer[Any]):
    """Refuses members it does not know: a misspelt one must not be ignored silently."""

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, dict) and (unknown := sorted(set(data) - set(self.fields))):
            raise serializers.ValidationError({name: ["This member is not known."] for name in unknown})
        return super().to_internal_value(data)


class Credentials(Strict):
    email = serializers.EmailField(max_length=254)
    password = serializers.CharField(max_length=128, trim_whitespace=False)


class NewCredentials(Credentials):
    def validate(self, attrs: dict[str, str]) -> dict[str, str]:
        try:
            validate_password(attrs["password"], Account(email=attrs["email"]))
        except DjangoValidationError as error:
            raise serializers.ValidationError({"password": error.messages}) from None
        return attrs


class SignedIn(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    token = serializers.CharField()


class HoldInput(Strict):
    event = serializers.IntegerField(min_value=1, max_value=2**31 - 1)
    seats = serializers.ListField(
        child=serializers.IntegerField(min_value=1, max_value=2**63 - 1), min_length=1, max_length=MOST_SEATS
    )


class HoldOutput(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    event = serializers.IntegerField()
    seats = serializers.ListField(child=serializers.IntegerField())
    expires_at = serializers.DateTimeField()


class OrderInput(Strict):
    hold = serializers.UUIDField()
    card = serializers.ChoiceField(
        ["good", "declined", "slow", "failing", "silent"],
        default="good",
        help_text="A pretended card; its name says what the simulated bank does.",
    )


class SoldSeat(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    section = serializers.CharField()
    row = serializers.CharField()
    number = serializers.IntegerField()
    price = serializers.IntegerField(help_text="in cents")


class OrderOutput(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    status = serializers.ChoiceField(Order.Status.values)
    event = serializers.IntegerField()
    seats = SoldSeat(many=True)
    total = serializers.IntegerField(help_text="in cents")
    currency = serializers.CharField()
    charge = serializers.UUIDField(allow_null=True)
    created_at = serializers.DateTimeField()


def claimed_address(request: Request) -> str | None:
    """The account that somebody wants to sign in to; a body without one is refused anyway."""
    email = request.data.get("email") if isinstance(request.data, dict) else None
    return email.lower() if isinstance(email, str) else None


class Open(APIView):
    """A view for everybody."""

    permission_classes = (AllowAny,)


class Accounts(Open):
    authentication_classes = ()

    def post(self, request: Request) -> Response:
        """Open an account and sign in."""
        given = validated(NewCredentials, request)
        try:
            account, token = accounts.open_account(**given)
        except accounts.EmailTaken:
            raise Problem(
                409, "urn:boxoffice:email-taken", "There is an account with this address. Sign in instead?"
            ) from None
        return Response({"id": account.pk, "token": token}, status=201)


class Tokens(Open):
    authentication_classes = ()

    @rate_limit("20/m", key=claimed_address, scope="sign-in")
    def post(self, request: Request) -> Response:
        """Sign in: a new token for an account."""
        try:
            account, token = accounts.sign_in(**validated(Credentials, request))
        except accounts.WrongCredentials:
            raise Problem(
                401, "urn:boxoffice:wrong-credentials", "Address and password do not belong together."
            ) from None
        return Response({"id": account.pk, "token": token}, status=201)


class CurrentToken(APIView):
    def delete(self, request: Request) -> Response:
        """Sign out: the token of this request stops working."""
        accounts.sign_out(str(request.auth))
        return Response(status=204)


class Holds(Open):
    def post(self, request: Request) -> Response:
        """
        Take seats for two minutes: all of them or none. No account is needed yet.

        With an Idempotency-Key it can be repeated: who has the seats already is given the same hold.
        """
        given = validated(HoldInput, request)
        account = request.user if isinstance(request.user, Account) else None
        key = request.headers.get("Idempotency-Key", "")[:LONGEST_KEY]
        try:
            hold = holds.hold_seats(given["event"], given["seats"], account, key)
        except holds.UnknownSeats as error:
            raise Problem(
                400,
                "urn:boxoffice:unknown-seats",
                "These seats do not belong to this event.",
                seats=error.seat_ids,
            ) from None
        except holds.SeatsTaken as error:
            raise seats_taken(error) from None
        return Response(represent_hold(hold, given["seats"]), status=201)


class HoldDetail(Open):
    def get(self, request: Request, hold_id: UUID) -> Response:
        """What a hold has, while it lasts."""
        hold = queries.find_hold(hold_id)
        if hold is None:
            raise Http404
        return Response(represent_hold(hold, list(queries.held_seats(hold_id).values_list("pk", flat=True))))

    def delete(self, request: Request, hold_id: UUID) -> Response:
        """Give the seats back early."""
        try:
            holds.release_hold(hold_id)
        except holds.HoldInUse:
            raise Problem(409, "urn:boxoffice:hold-in-use", "An order has these seats.") from None
        return Response(status=204)


class Orders(APIView):
    def get(self, request: Request) -> Response:
        """Your orders, newest first."""
        orders = queries.orders_of(request.user)[:50]
        return Response([represent_order(order) for order in orders])

    def post(self, request: Request) -> Response:
        """Buy the seats of a hold, once per Idempotency-Key."""
        key = required_key(request)
        given = validated(OrderInput, request)
        try:
            answer = purchase.place_order(request.user, key, given["hold"], given["card"])
        except PURCHASE_ERRORS as error:
            raise purchase_problem(error) from error
        response = Response(answer.body, status=answer.status)
        if answer.replayed:
            response["Idempotency-Replayed"] = "true"
        if answer.status >= 400:
            response.content_type = MEDIA_TYPE
        return response


class OrderDetail(APIView):
    def get(self, request: Request, order_id: UUID) -> Response:
        """One of your orders."""
        try:
            return Response(represent_order(queries.get_order(request.user, order_id)))
        except Order.DoesNotExist:
            raise Http404 from None


class OrderCancel(APIView):
    def post(self, request: Request, order_id: UUID) -> Response:
        """Cancel a paid order: the money goes back and the seats are free again."""
        try:
            order = purchase.cancel_order(request.user, order_id)
        except Order.DoesNotExist:
            raise Http404 from None
        except PURCHASE_ERRORS as error:
            raise purchase_problem(error) from error
        return Response(represent_order(order))


PURCHASE_ERRORS = (
    payments.OutcomeUnknown,
    purchase.HoldGone,
    purchase.HoldInUse,
    purchase.KeyReused,
    purchase.NotCancellable,
    purchase.StillRunning,
)


def purchase_problem(error: Exception) -> Problem:
    """The answer for each way in which buying or cancelling can end without an order."""
    match error:
        case purchase.KeyReused():
            return Problem(422, "urn:boxoffice:key-reused", "This Idempotency-Key belongs to another order.")
        case purchase.StillRunning():
            return Problem(
                409, "urn:boxoffice:still-running", "This order is being worked on.", retry_after=1
            )
        case purchase.HoldInUse():
            return Problem(409, "urn:boxoffice:hold-in-use", "Another order has these seats already.")
        case purchase.HoldGone():
            return Problem(
                410,
                "urn:boxoffice:hold-expired",
                "Your hold ran out before the payment. You were not charged.",
            )
        case purchase.NotCancellable():
            return Problem(409, "urn:boxoffice:not-cancellable", "Only a paid order can be cancelled.")
        case _:
            detail = "The bank has not answered yet. Repeat with the same key: you will not be charged twice."
            return Problem(503, "urn:boxoffice:outcome-unknown", detail, retry_after=2)


def seats_taken(error: holds.SeatsTaken) -> Problem:
    taken = [{"id": seat.pk, "row": seat.row, "number": seat.number} for seat in error.seats]
    names = ", ".join(f"{seat.row}{seat.number}" for seat in error.seats)
    words = "Seat {} was just taken." if len(taken) == 1 else "Seats {} were just taken."
    return Problem(409, "urn:boxoffice:seats-taken", words.format(names), taken=taken)


def validated(serializer: type[serializers.Serializer[Any]], request: Request) -> dict[str, Any]:
    given = serializer(data=request.data)
    given.is_valid(raise_exception=True)
    return given.validated_data


def required_key(request: Request) -> str:
    key = request.headers.get("Idempotency-Key", "")
    if not 1 <= len(key) <= LONGEST_KEY:
        raise Problem(
            400, "urn:boxoffice:key-missing", f"Send an Idempotency-Key of at most {LONGEST_KEY} characters."
        )
    return key


def represent_hold(hold: Hold, seat_ids: list[int]) -> dict[str, object]:
    return {"id": hold.pk, "event": hold.event, "seats": sorted(seat_ids), "expires_at": hold.expires_at}


def represent_order(order: Order) -> dict[str, object]:
    """A paid order is shown as it was answered, so that its seats stay on it after a cancellation."""
    if order.answer and order.charge:
        return {**order.answer, "status": order.status}
    return purchase.describe_order(order, list(order.seats.all()), order.status)
